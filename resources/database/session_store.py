"""Writes a session's bars and frame to the hypertables, in one transaction that leaves the whole old or the whole new.

Whether a session may be stored is decided before, by its quality report, and held here: by its fingerprints, and by the
judgements that the database keeps.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import psycopg
from psycopg import sql

from market.quality.fingerprint import fingerprints
from market.sessions import BarSize, Session
from resources.database.judgement import hold_newest
from resources.database.queries import named_query
from resources.database.server import DatabaseServer
from resources.errors import Blocked, DatabaseError, FingerprintMismatch, OtherBarSize
from schemas.quality import QualityReport
from schemas.tables import BAR_VALUES, FEATURES, KEPT

LOCK_CLASS = 0x62617273  # "bars": with the session's ordinal, the advisory lock of one session

TURN_CLASS = 0x7475726E  # "turn": the same of the runs that judge it


@dataclass(frozen=True)
class Change:
    """What replacing a session did to one table, in rows."""

    added: int
    revised: int
    removed: int
    sent: int

    @property
    def unchanged(self) -> int:
        """Rows that were already there as they are."""
        return self.sent - self.added - self.revised


@dataclass(frozen=True)
class SessionStore:
    """Stores sessions of one desk: its environment, bar size and symbols."""

    server: DatabaseServer
    environment: str
    bar_size: BarSize
    symbols: tuple[str, ...]

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
        self._hold_gate(session, report, {"bars": bars, "frame": frame})
        tables = {}
        if bars is not None:
            tables["market_data"] = _market_rows(bars)
        if frame is not None:
            tables["dual_ticker_bars"] = frame[["timestamp", "symbol", *FEATURES]]
        with self.server.connect() as connection:
            lock_session(connection, session)
            hold_newest(connection, session, report)
            hold_bar_size(connection, self.server.shown, self.bar_size)
            return {table: _replace(connection, table, rows, session, self.symbols) for table, rows in tables.items()}

    def stored(self, session: Session) -> pd.DataFrame:
        """The session's rows of `market_data` as they are now.

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
        with self.server.connect() as connection:
            refuse_other_bar_size(connection, self.server.shown, self.bar_size)
            return [self._rows(connection, session) for session in sessions]

    def _rows(self, connection: psycopg.Connection, session: Session) -> pd.DataFrame:
        parameters = {**day_bounds(session), "symbols": list(self.symbols)}
        rows = connection.execute(named_query("stored_bars"), parameters).fetchall()
        table = pd.DataFrame(rows, columns=["timestamp", "symbol", *BAR_VALUES, "source", "basis"])
        stamps = pd.DatetimeIndex(pd.to_datetime(table["timestamp"], utc=True)).as_unit("us")
        return table.assign(timestamp=stamps).astype(dict.fromkeys(BAR_VALUES, "float64"))

    @contextmanager
    def turn(self, session: Session) -> Iterator[None]:
        """Wait until no other run judges the session, and keep others out: what is judged is what is then loaded."""
        with self.server.connect() as connection:
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it only holds the lock
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [TURN_CLASS, session.day.toordinal()])
            yield

    def _hold_gate(self, session: Session, report: QualityReport, tables: Mapping[str, pd.DataFrame | None]) -> None:
        judged = (report.session, report.environment, report.bar_size, report.symbols)
        wanted = (session.key, self.environment, self.bar_size.value, self.symbols)
        if judged != wanted:
            raise FingerprintMismatch(f"The report is about {_words(judged)}, not about {_words(wanted)}.")
        if report.blocked:
            raise Blocked(f"The gate blocks {session.key}: {' '.join(report.reasons())}")
        for name, table in tables.items():
            if table is None:
                continue
            judged_tables = {key: value for key, value in report.fingerprints.items() if key.startswith(f"{name}/")}
            if judged_tables != fingerprints(name, table, self.symbols):
                raise FingerprintMismatch(
                    f"The {name} of {session.key} are not those that the gate judged: "
                    "materialise quality_reports again."
                )


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
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, session.day.toordinal()])


def day_bounds(session: Session) -> dict[str, pd.Timestamp]:
    """The New York day of a session as query parameters: `first` inclusive, `last` exclusive."""
    return dict(zip(("first", "last"), session.midnights, strict=True))


def _words(about: tuple[str, str, str, tuple[str, ...]]) -> str:
    day, environment, bar_size, symbols = about
    return f"{day} ({environment}, {bar_size}, {', '.join(symbols)})"


def _market_rows(bars: pd.DataFrame) -> pd.DataFrame:
    rows = bars.loc[bars["mark"] == KEPT, ["timestamp", "symbol", *BAR_VALUES, "source", "basis", "why"]]
    return rows.assign(why=rows["why"].where(rows["why"] != "", None))


def _replace(
    connection: psycopg.Connection, table: str, rows: pd.DataFrame, session: Session, symbols: Sequence[str]
) -> Change:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    connection.execute(
        sql.SQL("CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            columns, sql.Identifier(table)
        )
    )
    text = rows.assign(volume=rows["volume"].astype("Int64")).to_csv(index=False, header=False)
    with connection.cursor() as cursor, cursor.copy("COPY incoming FROM STDIN (FORMAT csv)") as copy:
        copy.write(text)
    parameters = {**day_bounds(session), "symbols": list(symbols)}
    row = connection.execute(named_query(f"replace_{table}"), parameters).fetchone()
    connection.execute("DROP TABLE incoming")
    counted = sql.SQL(
        'SELECT count(*) FROM {} WHERE "timestamp" >= %(first)s AND "timestamp" < %(last)s '
        "AND symbol = ANY(%(symbols)s)"
    ).format(sql.Identifier(table))
    (held,) = connection.execute(counted, parameters).fetchone() or (0,)
    if row is None or held != len(rows):
        raise DatabaseError(f"{table} would hold {held} of {len(rows)} rows of {session.key}: nothing was stored.")
    added, revised, removed = row
    return Change(added, revised, removed, sent=len(rows))
