"""Reads facts and counts, each in one transaction that can change nothing and ends by itself.

What is done with them, and what happens when they cannot be had, is `monitoring.sampling`'s matter. A user who is in
the role `intraday_reader` may read all of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from math import ceil, inf
from typing import Any, Final

import pandas as pd
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from pydantic import ValidationError

from market.sessions import BarSize, Session, session_from, sessions_before
from monitoring.facts import (
    Account,
    Counts,
    Delays,
    Facts,
    Judgement,
    StandingAlert,
    SymbolBars,
    ToldBar,
    UnreadEnd,
    WatchedSession,
)
from resources.database.feed_event_store import FeedStanding, KeptFeedEvent
from resources.database.live_store import LiveState
from resources.database.order_store import AccountTransaction
from resources.database.queries import named_query
from resources.database.schema.migrations import missing_migrations, read_migrations
from resources.database.schema.timescale import schema_basis
from resources.database.server import DatabaseServer
from resources.database.summary import gaps_of
from resources.errors import DatabaseError, MigrationError
from resources.paths import SQL
from resources.settings import Settings
from schemas.end_of_day import EodReport
from schemas.quality import Action, Verdict

EVENTS_SHOWN: Final = 20
COUNTING_SECONDS: Final = 30.0
"""What is counted over the whole history may take so long."""
DELAYS: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 60.0, 120.0, 300.0)
"""Seconds: the buckets of the histogram."""

Ask = Callable[..., list[DictRow]]
"""Asks a named query, its values by name."""


@dataclass(frozen=True)
class Reader:
    """Reads the stored state of a desk.

    Args:
        settings: the desk's.
        server: finds its database. Nothing is migrated: what the schema lacks is a failure.
        now: the clock.

    """

    settings: Settings
    server: Callable[[], DatabaseServer]
    now: Callable[[], datetime]

    def facts(self) -> Facts:
        """The stored state of this moment.

        Raises:
            DatabaseError: it could not be read; without secrets.

        """
        taken_at = self.now()
        sessions = last_sessions(taken_at, self.settings.monitoring.sessions)
        current, symbols = sessions[-1], self.settings.symbols
        with self.reading(self.settings.monitoring.probe_seconds) as (cursor, ask):
            connections = ask("database_connections")
            return Facts(
                taken_at=taken_at,
                session=current,
                bars=_bars(ask, until(current, taken_at, self.settings.bar_size), symbols, self.settings.bar_size),
                sessions=_watched(ask, sessions, self._desk),
                judgement=next(map(_judgement, ask("newest_judgement", **self._desk)), None),
                feeds={row["feed"]: FeedStanding(**row) for row in ask("feed_states")},
                feed_events=tuple(KeptFeedEvent(**row) for row in ask("feed_events", limit=EVENTS_SHOWN)),
                live=next((LiveState(**row) for row in ask("live_state")), None),
                told=tuple(_told(ask, current)),
                accounts=tuple(_accounts(ask, cursor)),
                end_of_day=next(map(_end_of_day, ask("newest_eod_report", **self._desk)), None),
                alerts=tuple(StandingAlert(**row) for row in ask("standing_alerts")),
                heartbeats={row["sensor"]: row["at"] for row in ask("sensor_heartbeats")},
                connections={row["state"]: row["count"] for row in connections},
                max_connections=connections[0]["most"],
            )

    def counts(self) -> Counts:
        """What is counted over the whole history: as much work as there are bars.

        Raises:
            DatabaseError: it could not be read; without secrets.

        """
        taken_at = self.now()
        with self.reading(COUNTING_SECONDS) as (_, ask):
            ingested = ask("count_ingested")
            latest: dict[str, datetime] = {}
            for row in ingested:
                if row["latest"] is not None:
                    latest[row["symbol"]] = max(row["latest"], latest.get(row["symbol"], row["latest"]))
            return Counts(
                taken_at=taken_at,
                ingested={(row["symbol"], row["source"]): row["count"] for row in ingested},
                latest=latest,
                quality_failures={row["rule"]: row["count"] for row in ask("count_quality_failures")},
                verdicts={row["verdict"]: row["count"] for row in ask("count_verdicts")},
                feed_events={(row["feed"], row["event"]): row["count"] for row in ask("count_feed_events")},
                reconnects={row["feed"]: row["count"] for row in ask("count_reconnects")},
                live_bars={row["event"]: row["count"] for row in ask("count_live_bars")},
                delays=_delays(ask, self.settings.bar_size),
            )

    @property
    def _desk(self) -> dict[str, Any]:
        return {
            "environment": self.settings.environment,
            "bar_size": self.settings.bar_size.value,
            "symbols": list(self.settings.symbols),
        }

    @contextmanager
    def reading(self, seconds: float) -> Iterator[tuple[psycopg.Cursor[DictRow], Ask]]:
        """One transaction that sees one state and changes nothing.

        Args:
            seconds: how long a statement may take, at most.

        Raises:
            DatabaseError: as of `DatabaseServer.connect`; `MigrationError` where the schema is not this code's.

        """
        timeout = f"{ceil(seconds * 1000)}ms"
        server = bounded(self.server(), self.settings.monitoring.probe_seconds)
        try:
            with server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
                yield cursor, lambda query, **asked: cursor.execute(named_query(query), asked).fetchall()
        except DatabaseError as error:
            _refuse_lacking(server, error)
            raise


def _refuse_lacking(server: DatabaseServer, error: DatabaseError) -> None:
    """What a query was refused for may be that the schema is not this code's."""
    if error.retry_helps:
        return
    with server.connect() as connection:
        missing = missing_migrations(connection, schema_basis(connection), read_migrations(SQL / "migrations"))
    if missing:
        names = ", ".join(one.name for one in missing)
        raise MigrationError(f"{server.shown} lacks {names}: run `intraday db migrate`.") from error


def bounded(server: DatabaseServer, seconds: float) -> DatabaseServer:
    """The same database; whoever connects gives up after that time (psycopg waits two seconds at least)."""
    return replace(server, url=make_conninfo(server.url, connect_timeout=ceil(seconds)))


def last_sessions(now: datetime, count: int) -> list[Session]:
    """The session that goes on, or the last one, and those before it: so many, oldest first."""
    newest = current_session(now)
    return [*reversed([*islice(sessions_before(newest), count - 1)]), newest]


def current_session(now: datetime) -> Session:
    """The session that goes on, or the last one."""
    moment = pd.Timestamp(now)
    coming = session_from(moment)
    return coming if coming.open <= moment else next(sessions_before(coming))


def until(session: Session, now: datetime, size: BarSize) -> Session:
    """The session as far as its bars are over by now."""
    over = max(pd.Timestamp(now) - session.open, pd.Timedelta(0)) // size.delta
    return replace(session, close=min(session.close, session.open + over * size.delta))


def _bars(ask: Ask, session: Session, symbols: Sequence[str], size: BarSize) -> tuple[SymbolBars, ...]:
    asked = {
        "symbols": list(symbols),
        "first": session.open,
        "last": session.close,
        "bar_size": size.delta.to_pytimedelta(),
    }
    found = {row["symbol"]: row for row in ask("stored_summary", **asked)}
    return tuple(_symbol_bars(symbol, session, size, found.get(symbol)) for symbol in symbols)


def _symbol_bars(symbol: str, session: Session, size: BarSize, row: DictRow | None) -> SymbolBars:
    if row is None:
        return SymbolBars(symbol, gaps=tuple(gaps_of(session, size, None, ())) if session.open < session.close else ())
    ends = (pd.Timestamp(row["first"]), pd.Timestamp(row["last"]))
    inner = [*zip(map(pd.Timestamp, row["gap_begins"]), map(pd.Timestamp, row["gap_ends"]), strict=True)]
    gaps = tuple(gaps_of(session, size, ends, inner))
    return SymbolBars(symbol, row["rows"], row["first"], row["last"], tuple(row["sources"]), gaps)


def _watched(ask: Ask, sessions: Sequence[Session], desk: dict[str, Any]) -> tuple[WatchedSession, ...]:
    opens, closes = [day.open for day in sessions], [day.close for day in sessions]
    rows = ask("watched_sessions", opens=opens, closes=closes, first=opens[0], last=closes[-1], **desk)
    return tuple(
        WatchedSession(
            session,
            tuple(row["symbols"]),
            None if row["verdict"] is None else _judgement({**row, "session": session.day}),
        )
        for session, row in zip(sessions, rows, strict=True)
    )


def _judgement(row: DictRow) -> Judgement:
    return Judgement(row["session"], Verdict(row["verdict"]), Action(row["action"]), row["accepted"], row["judged_at"])


def _told(ask: Ask, session: Session) -> Iterator[ToldBar]:
    for row in ask("told_amiss", open=session.open, close=session.close):
        yield ToldBar(row["start"], row["withheld"], tuple(row["missing"]))


def _accounts(ask: Ask, cursor: psycopg.Cursor[DictRow]) -> Iterator[Account]:
    orders: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in ask("count_order_states"):
        orders[row["account"]][row["state"]] = row["count"]
    for row in ask("accounts_kept"):
        kept = AccountTransaction(cursor, row["account"])
        yield Account(
            account=kept.account,
            positions=tuple(kept.positions()),
            reconciled=tuple(kept.reconciled()),
            halts=tuple(kept.halts()),
            orders=orders[kept.account],
        )


def _end_of_day(row: DictRow) -> EodReport | UnreadEnd:
    """A report that this code did not write stops nobody who watches, and is not taken for a good one."""
    try:
        return EodReport.model_validate(row["report"])
    except ValidationError:
        return UnreadEnd(row["session"], Verdict(row["verdict"]))


def _delays(ask: Ask, size: BarSize) -> Delays:
    asked = {"bar_size": timedelta(seconds=size.delta.total_seconds()), "negatives": [-s for s in reversed(DELAYS)]}
    rows = ask("live_bar_delays", **asked)
    by_bounds = {row["below"]: row["count"] for row in rows}
    at_most = [
        (seconds, sum(count for below, count in by_bounds.items() if below >= len(DELAYS) - place))
        for place, seconds in enumerate((*DELAYS, inf))
    ]
    return Delays(tuple(at_most), sum(row["seconds"] for row in rows))
