"""Stores the bars of a session that goes on, and tells consumers of each, in one transaction a bar.

What is stored before anybody has judged the session is the live process's answer; once the gate has, it is the batch
run's, and nothing is taken here any more.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal

import pandas as pd
import psycopg
from psycopg.rows import class_row

from market.quality.columns import Columns
from market.sessions import BarSize, Session
from resources.database.binary_copy import in_text
from resources.database.queries import named_query
from resources.database.retries import with_retries
from resources.database.server import DatabaseServer
from resources.database.session_store import hold_bar_size, lock_session, lock_telling
from resources.database.table_writer import DUAL_TICKER_BARS, TABLES, upsert_bars
from resources.errors import DatabaseError, SessionFinal

LIVE_LOCK: Final = 0x6C697665
""""live": the lock of the one process that takes in bars as they happen."""
SILENT: Final = timedelta(minutes=3)
"""A process that has not said anything for so long is not there."""
INTERRUPTED: Final = "interrupted"
DONE: Final = "as many sessions as were asked for"
"""Why a process stopped that was meant to; any other reason is a failure."""
State = Literal["sleeping", "streaming", "degraded", "stopped"]
Event = Literal["published", "withheld"]


@dataclass(frozen=True)
class Told:
    """A bar of which consumers are told."""

    event: Event
    timestamp: pd.Timestamp
    """Start of the bar."""
    missing: tuple[str, ...] = ()
    """The symbols of which no feed had it."""
    why: str = ""
    """Why it is withheld."""


@dataclass(frozen=True)
class LiveState:
    """How the live process is doing."""

    state: State
    since: datetime
    seen_at: datetime
    why: str = ""
    session: date | None = None
    """The one that goes on, or the last one."""
    last_bar: datetime | None = None
    """Start of the newest bar that was told."""
    feed: str | None = None
    """The one that is used."""
    missing: int = 0
    """Of the session: bars of a symbol that did not come,"""
    late: int = 0
    """bars that came after their time was told without them,"""
    revised: int = 0
    """and bars that came again with other values."""

    @property
    def ended(self) -> bool:
        """Whether it stopped because it was meant to."""
        return self.state == "stopped" and self.why in (INTERRUPTED, DONE)

    def silent(self, now: datetime) -> bool:
        """Whether the process must be gone, although it never said so."""
        return self.state != "stopped" and now - self.seen_at > SILENT


@dataclass
class Claim:
    """The right to be the one live process of a database; it ends with its line, and is then made anew."""

    server: DatabaseServer
    _line: psycopg.Connection | None = field(default=None, init=False)
    _held: ExitStack = field(default_factory=ExitStack, init=False)

    def held(self) -> bool:
        """Whether this process has it, or can have it now.

        Raises:
            DatabaseError: nobody knows.

        """
        if self._line is not None:
            with suppress(psycopg.Error):
                self._line.execute("SELECT 1")
                return True
        self.close()
        line = self._held.enter_context(self.server.outside_transactions())
        if line.execute("SELECT pg_try_advisory_lock(%s)", [LIVE_LOCK]).fetchone() == (True,):
            self._line = line
            return True
        self.close()
        return False

    def close(self) -> None:
        """Let another process have it."""
        self._line = None
        self._held.close()


@dataclass(frozen=True)
class LiveStore:
    """What is stored of sessions that go on."""

    server: DatabaseServer
    bar_size: BarSize
    symbols: tuple[str, ...]
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    """Waits that many seconds between two attempts."""

    def commit(self, session: Session, bars: Columns, frame: Columns, told: Told) -> None:
        """Store bars and rows of the frame and tell of a bar, all of it or nothing; may be done again.

        Args:
            session: the one that goes on.
            bars: `schemas.tables.Bars`, new or other ones.
            frame: `schemas.tables.Frame`, of bars that were told, and of the one that is.
            told: the next bar. Of earlier ones that changed it is told which is the first.

        Raises:
            SessionFinal: the gate has judged the session; nothing was stored.
            OtherBarSize: the database holds bars of another length.
            ContractBroken: a value that a table cannot hold exactly.

        """
        with_retries(lambda: self._commit(session, bars, frame, told), self.sleep)

    def _commit(self, session: Session, bars: Columns, frame: Columns, told: Told) -> None:
        with self.server.connect() as connection:
            lock_session(connection, session)
            self._refuse_final(connection, session)
            hold_bar_size(connection, self.server.shown, self.bar_size)
            if len(bars):
                upsert_bars(connection, bars)
            first = self._upsert_frame(connection, frame) if len(frame) else None
            lock_telling(connection)
            about = {"session": session.day, "close": session.close, "missing": list(told.missing)}
            self._tell(connection, asdict(told) | about)
            if first is not None and first < told.timestamp:
                asked = {"timestamp": first, "session": session.day}
                connection.execute(named_query("tell_live_revision"), asked)

    def told(self, session: Session) -> dict[pd.Timestamp, Event]:
        """What was told of the session's bars, by start of bar."""

        def read() -> dict[pd.Timestamp, Event]:
            with self.server.connect() as connection:
                bounds = {"open": session.open, "close": session.close}
                rows = connection.execute(named_query("live_bars_of"), bounds).fetchall()
            return {pd.Timestamp(stamp).as_unit("us"): event for stamp, event in rows}

        return with_retries(read, self.sleep)

    def is_final(self, session: Session) -> bool:
        """Whether the gate has judged the session."""

        def read() -> bool:
            with self.server.connect() as connection:
                return self._judged(connection, session)

        return with_retries(read, self.sleep)

    def keep_state(self, state: LiveState) -> None:
        """Keep how the process is doing. Its `since` stays as long as the state is the same."""
        with self.server.connect() as connection:
            connection.execute(named_query("keep_live_state"), asdict(state))

    def state(self) -> LiveState | None:
        """How the process was doing when it last said so; None where none has ever run."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(LiveState)) as cursor:
            return cursor.execute(named_query("live_state")).fetchone()

    def _tell(self, connection: psycopg.Connection, row: dict[str, object]) -> None:
        """Tell of a bar, unless that was done."""
        if connection.execute(named_query("tell_live_bar"), row).fetchone() is None:
            there = connection.execute(named_query("live_bar_there"), row).fetchone()
            if there != (True,):
                raise DatabaseError(f"The bar of {row['timestamp']} was to be told after a later one of its session.")

    def _refuse_final(self, connection: psycopg.Connection, session: Session) -> None:
        if self._judged(connection, session):
            raise SessionFinal(f"{session.key} has been judged: what is stored of it is the batch run's from now on.")

    def _judged(self, connection: psycopg.Connection, session: Session) -> bool:
        asked = {"open": session.open, "symbols": list(self.symbols)}
        return connection.execute(named_query("session_judged"), asked).fetchone() == (True,)

    def _upsert_frame(self, connection: psycopg.Connection, frame: Columns) -> datetime | None:
        """The first bar of which a row was written."""
        values = {name: in_text(frame, name, kind) for name, kind in TABLES[DUAL_TICKER_BARS].items()}
        row = connection.execute(named_query("upsert_dual_ticker_bars"), values, prepare=True).fetchone()
        return None if row is None else row[0]
