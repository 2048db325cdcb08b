"""Writes a session's bars and frame to the hypertables, in one transaction that leaves the whole old or the whole new.

Whether a session may be stored is decided before, by its quality report, and held here: by its fingerprints, and by the
judgements that the database keeps.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg

from market.normalise import empty_bars
from market.quality.columns import Arrays, Columns
from market.quality.fingerprint import fingerprints
from market.sessions import NEW_YORK, BarSize, Session
from resources.database.judgement import hold_newest
from resources.database.queries import named_query
from resources.database.retries import repeatable, with_retries
from resources.database.server import DatabaseServer
from resources.database.table_writer import (
    DUAL_TICKER_BARS,
    MARKET_DATA,
    Change,
    Day,
    TableWriter,
    kept_rows,
    upsert_bars,
)
from resources.errors import Blocked, DatabaseUnreachable, FingerprintMismatch, OtherBarSize
from schemas.quality import QualityReport
from schemas.tables import BAR_VALUES, Frame
from schemas.texts import alike

LOCK_CLASS = 0x62617273  # "bars": with the session's ordinal, the advisory lock of one session

TELLING_LOCK = 0x74656C6C
""""tell": the lock of a transaction that tells consumers of live."""

TURN_CLASS = 0x7475726E  # "turn": the same of the runs that judge it


class StoredSession(NamedTuple):
    """A session as it is to be stored; a table that is None is left alone."""

    session: Session
    report: QualityReport
    """The gate's judgement of exactly these bars and this frame, the newest that is kept."""
    bars: pd.DataFrame | Columns | None
    """`schemas.tables.Bars`, for `market_data`."""
    frame: pd.DataFrame | Columns | None
    """`schemas.tables.Frame`, for `dual_ticker_bars`."""


@dataclass(frozen=True)
class SessionStore:
    """Stores sessions of one desk: its environment, bar size and symbols."""

    server: DatabaseServer
    environment: str
    bar_size: BarSize
    symbols: tuple[str, ...]
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    """Waits that many seconds between two attempts."""

    def replace(
        self, session: Session, report: QualityReport, bars: pd.DataFrame | None, frame: pd.DataFrame | None
    ) -> dict[str, Change]:
        """Make the stored session equal to what is given; a table that is None is left alone.

        Args:
            session: the session.
            report: the gate's judgement of exactly these bars and this frame, the newest that is kept.
            bars: `schemas.tables.Bars`, for `market_data`.
            frame: `schemas.tables.Frame`, for `dual_ticker_bars`.

        Returns:
            What changed, by table.

        Raises:
            Blocked: the report blocks the session.
            FingerprintMismatch: the report is about other data, another day or another desk.
            NotJudged: no judgement of the session is kept.
            OtherJudgement: the newest judgement that is kept is another one.
            OtherBarSize: the database holds bars of another length.

        """
        (changes,) = self.replace_all([StoredSession(session, report, bars, frame)])
        return changes

    def replace_all(self, sessions: Sequence[StoredSession]) -> list[dict[str, Change]]:
        """Make many stored sessions equal to what is given, in one transaction: all of them, or none.

        Returns:
            What changed, by table, for each session in the order given.

        Raises:
            IntradayError: what `replace` raises, if any of the sessions would.

        """
        for one in sessions:
            self._hold_gate(one)
        by_table = with_retries(lambda: self._replaced(sessions), self.sleep)
        return [
            {table: changes[one.session.key] for table, changes in by_table.items() if one.session.key in changes}
            for one in sessions
        ]

    def _replaced(self, sessions: Sequence[StoredSession]) -> dict[str, dict[str, Change]]:
        with self.server.connect() as connection:
            lock_days(connection, [one.session.day for one in sessions])
            hold_newest(connection, [(one.session, one.report) for one in sessions])
            hold_bar_size(connection, self.server.shown, self.bar_size)
            bars = [(one.session, one.bars) for one in sessions]
            frames = [(one.session, one.frame) for one in sessions]
            changes = {
                MARKET_DATA: self._replace(connection, MARKET_DATA, bars),
                DUAL_TICKER_BARS: self._replace(connection, DUAL_TICKER_BARS, frames),
            }
            tell_final(connection, [one.session for one in sessions])
            return changes

    def _replace(
        self,
        connection: psycopg.Connection,
        table: str,
        tables: Sequence[tuple[Session, pd.DataFrame | Columns | None]],
    ) -> dict[str, Change]:
        given = [(session, rows) for session, rows in tables if rows is not None]
        days = [
            Day(session.key, *session.midnights, rows) for session, rows in sorted(given, key=lambda one: one[0].day)
        ]
        changes = TableWriter(connection, table, self.symbols).replace(days) if days else []
        return {day.name: change for day, change in zip(days, changes, strict=True)}

    def withdraw(self, sessions: Sequence[Session]) -> list[Change]:
        """Take back what is stored of sessions that no judgement ever let pass: what came in while they went on.

        The bars leave a trace in `bar_revisions`. Symbols that were let pass before keep what was stored then.

        Returns:
            What changed in `market_data`, for each session in the order given.

        """
        return with_retries(lambda: [self._withdrawn(one) for one in sessions], self.sleep)

    def _withdrawn(self, session: Session) -> Change:
        with self.server.connect() as connection:
            lock_session(connection, session)
            passed = {symbol for (symbol,) in connection.execute(named_query("let_pass"), {"open": session.open})}
            never = replace(self, symbols=tuple(symbol for symbol in self.symbols if symbol not in passed))
            if not never.symbols:
                return Change(0, 0, 0, 0)
            never._replace(connection, DUAL_TICKER_BARS, [(session, Frame.empty())])
            change = never._replace(connection, MARKET_DATA, [(session, empty_bars())])[session.key]
            tell_final(connection, [session])
            return change

    def upsert(self, bars: pd.DataFrame) -> Change:
        """Add single bars to `market_data`, or revise them: minutes that came in live, of any symbols and days.

        Nothing is removed. The caller answers for them: there is no report yet of a session that goes on.

        Args:
            bars: `schemas.tables.Bars`.

        Raises:
            OtherBarSize: the database holds bars of another length.
            ContractBroken: a value that the table cannot hold exactly.

        """
        rows = kept_rows(Columns(bars))
        if not len(rows):
            return Change(0, 0, 0, 0)
        return with_retries(lambda: self._upserted(rows), self.sleep)

    def _upserted(self, rows: Columns) -> Change:
        stamps = np.unique(rows.stamps("timestamp").view("datetime64[us]")).tolist()  # mostly one
        days = {stamp.replace(tzinfo=UTC).astimezone(ZoneInfo(NEW_YORK)).date() for stamp in stamps}
        with self.server.connect() as connection, connection.pipeline():  # fewer round trips
            lock_days(connection, days)
            hold_bar_size(connection, self.server.shown, self.bar_size)
            return upsert_bars(connection, rows)

    def stored(self, session: Session) -> pd.DataFrame:
        """The session's rows of `market_data` as they are now, if a judgement ever let it pass.

        Returns:
            `timestamp` (UTC, start of bar), `symbol`, open, high, low, close, volume (float64), `source`, `basis`; by
            minute.

        Raises:
            OtherBarSize: the database holds bars of another length.

        """
        (rows,) = self.stored_of([session])
        return rows

    def stored_of(self, sessions: Sequence[Session]) -> list[pd.DataFrame]:
        """The rows of several sessions, a table each, as `stored` gives them."""
        return self._rows_of(sessions, unjudged=False)

    def came_in(self, session: Session) -> pd.DataFrame:
        """The session's rows whether or not anybody has judged them, which is so while it goes on."""
        (rows,) = self._rows_of([session], unjudged=True)
        return rows

    @repeatable
    def _rows_of(self, sessions: Sequence[Session], *, unjudged: bool) -> list[pd.DataFrame]:
        if not sessions:
            return []
        bounds = [one.midnights for one in sessions]
        firsts, lasts = ([bound[end] for bound in bounds] for end in (0, 1))
        about = {"firsts": firsts, "lasts": lasts, "first": min(firsts), "last": max(lasts)}
        with self.server.connect() as connection:
            refuse_other_bar_size(connection, self.server.shown, self.bar_size)
            rows = connection.execute(
                named_query("stored_bars"), {**about, "symbols": list(self.symbols), "unjudged": unjudged}
            ).fetchall()
        if not rows:
            return [_nothing_stored()] * len(sessions)
        table = pd.DataFrame(rows, columns=["place", "timestamp", "symbol", *BAR_VALUES, "source", "basis"])
        stamps = pd.DatetimeIndex(pd.to_datetime(table["timestamp"], utc=True)).as_unit("us")
        table = table.assign(timestamp=stamps).astype(dict.fromkeys(BAR_VALUES, "float64"))
        places = table.pop("place").to_numpy("int64")
        counts = np.bincount(places - 1, minlength=len(sessions))
        ends = counts.cumsum()
        return [
            table.iloc[end - count : end].reset_index(drop=True) if count else table.iloc[:0]
            for end, count in zip(ends, counts, strict=True)
        ]

    @contextmanager
    def turn(self, *sessions: Session) -> Iterator[None]:
        """Wait until no other run judges the sessions, and keep others out: what is judged is what is then loaded.

        Where the line is cut meanwhile, others come in early: then it is the newest judgement that a loader is held to
        which keeps apart what they do.
        """
        held = ExitStack()
        with_retries(lambda: held.enter_context(self._turn(sessions)), self.sleep)
        try:
            yield
        finally:
            with suppress(DatabaseUnreachable):  # the lock went with its line; what was done meanwhile is committed
                held.close()

    @contextmanager
    def _turn(self, sessions: Sequence[Session]) -> Iterator[None]:
        with self.server.connect() as connection:
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it only holds the lock
            lock_days(connection, [session.day for session in sessions], TURN_CLASS)
            yield

    def _hold_gate(self, one: StoredSession) -> None:
        session, report = one.session, one.report
        judged = (report.session, report.environment, report.bar_size, report.symbols)
        wanted = (session.key, self.environment, self.bar_size.value, self.symbols)
        if judged != wanted:
            raise FingerprintMismatch(f"The report is about {_words(judged)}, not about {_words(wanted)}.")
        if report.blocked:
            raise Blocked(f"The gate blocks {session.key}: {' '.join(report.reasons())}")
        for name, table in (("bars", one.bars), ("frame", one.frame)):
            if table is None:
                continue
            judged_tables = {key: value for key, value in report.fingerprints.items() if key.startswith(f"{name}/")}
            if judged_tables != fingerprints(name, table, self.symbols):
                raise FingerprintMismatch(
                    f"The {name} of {session.key} are not those that the gate judged: "
                    "materialise quality_reports again."
                )


def _nothing_stored() -> pd.DataFrame:
    """The rows of a session of which none are stored."""
    nobody, nothing = alike("", 0), np.empty(0)
    values = dict.fromkeys(BAR_VALUES, nothing)
    stamps = nothing.astype("datetime64[us]")
    return Arrays({"timestamp": stamps, "symbol": nobody, **values, "source": nobody, "basis": nobody}).table


def tell_final(connection: psycopg.Connection, sessions: Sequence[Session]) -> None:
    """Tell the consumers of live that what is stored of sessions is no longer live's, where they were told of any."""
    lock_telling(connection)
    bounds = {"opens": [one.open for one in sessions], "closes": [one.close for one in sessions]}
    connection.execute(named_query("tell_final"), {**bounds, "days": [one.day for one in sessions]})


def lock_telling(connection: psycopg.Connection) -> None:
    """Keep others from telling consumers of live until this transaction ends."""
    connection.execute(named_query("lock_live_bars"), {"lock": TELLING_LOCK})


def hold_bar_size(connection: psycopg.Connection, shown: str, bar_size: BarSize) -> None:
    """Claim an empty database for bars of this length, and refuse one that holds others."""
    connection.execute("INSERT INTO stored_bar_size (bar_size) VALUES (%s) ON CONFLICT DO NOTHING", [bar_size.value])
    refuse_other_bar_size(connection, shown, bar_size)


def refuse_other_bar_size(connection: psycopg.Connection, shown: str, bar_size: BarSize) -> None:
    """Refuse a database that holds bars of another length; an empty one holds none.

    Raises:
        OtherBarSize: it does.

    """
    row = connection.execute("SELECT bar_size FROM stored_bar_size").fetchone()
    if row is not None and row[0] != bar_size.value:
        raise OtherBarSize(
            f"{shown} holds {row[0]} bars, and these are {bar_size} bars: "
            "use another database, or another INTRADAY_HOME for the embedded one."
        )


def lock_session(connection: psycopg.Connection, session: Session) -> None:
    """Wait until no other transaction works on the session, and keep others out until this one ends."""
    lock_days(connection, [session.day])


def lock_days(connection: psycopg.Connection, days: Iterable[date], lock_class: int = LOCK_CLASS) -> None:
    """The same for several sessions, always in the order of their days, so that no two transactions wait in a ring."""
    ordinals = sorted({day.toordinal() for day in days})
    connection.execute(named_query("lock_days"), {"lock_class": lock_class, "days": ordinals})


def _words(about: tuple[str, str, str, tuple[str, ...]]) -> str:
    day, environment, bar_size, symbols = about
    return f"{day} ({environment}, {bar_size}, {', '.join(symbols)})"
