"""The live process: sleeps while the exchange is shut, wakes by its calendar, takes in session after session.

How one session is taken in is `live.streaming`'s matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

import pandas as pd

from live.sources import Sources
from live.standing import Observe, Reporter
from live.streaming import LINGER, SessionStream, may_pass
from market.frames import WARM_UP_BARS
from market.quality.cells import no_closes
from market.quality.evidence import Evidence
from market.running import Origin, RunningSession
from market.sessions import Session, session_after, session_from, sessions_before
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.database.live_store import DONE, INTERRUPTED, LiveStore
from resources.desk import Desk
from resources.earlier import EarlierSessions
from resources.errors import DatabaseError, NotLanded, SessionFinal
from resources.feeds.live.feed import LiveFeed
from resources.market_time import MarketTime
from resources.settings import Settings
from schemas.tables import PLAIN

LEAD: Final = pd.Timedelta(minutes=1)
"""Before the open: what warms the indicators is read, feeds are connected to."""
ASLEEP: Final = 60.0
"""Seconds between two signs of life while the exchange is shut."""


@dataclass
class LiveService:
    """Takes in the bars of a desk as they happen.

    Args:
        settings: the desk's.
        desk: its gate and stores.
        feeds: makes the primary and the fallback, anew for each session.
        clock: the time, and waiting.
        say: takes a line for people.
        observe: reports to Dagster what is stored of a session.
        claim: whether this is the one live process of the database, still.

    """

    settings: Settings
    desk: Desk
    feeds: Callable[[], tuple[LiveFeed, LiveFeed | None]]
    clock: MarketTime
    say: Callable[[str], None]
    observe: Observe
    claim: Callable[[], bool] = lambda: True

    def __post_init__(self) -> None:
        self.store = LiveStore(self.desk.server, self.desk.bar_size, self.desk.symbols)
        every = self.settings.live.report_every_bars
        self.reporter = Reporter(self.store, self.clock, self.say, self.observe, every)

    def run(self, sessions: int | None = None) -> None:
        """Go on until it is interrupted, or for so many sessions.

        Raises:
            ConfigError: a feed is none for live, or not set up to be one.
            FeedRefused: a person has to mend something at the primary feed, and there is no fallback.
            DatabaseError: what no waiting mends.

        """
        for feed in filter(None, self.feeds()):
            feed.close()  # what is not set up is said now, and not when the exchange opens
        last: Session | None = None
        done = 0
        try:
            while sessions is None or done < sessions:
                session = self._next(last)
                self._sleep_until(session)
                if self._is_over(session):
                    continue  # the machine slept
                if self._took_in(session):
                    last, done = session, done + 1
            self.reporter.stopped(DONE)
        except KeyboardInterrupt:
            self.reporter.stopped(INTERRUPTED)
            raise
        except Exception as error:
            self.reporter.stopped(str(error))
            raise

    def _next(self, done: Session | None) -> Session:
        """The session that goes on or ended just now, or the next one; none that is done."""
        coming = session_from(self.clock.now())
        ended = next(sessions_before(coming))
        found = coming if self._is_over(ended) else ended
        return found if done is None or found.day > done.day else session_after(done)

    def _is_over(self, session: Session) -> bool:
        return self.clock.now() >= session.close + LINGER

    def _sleep_until(self, session: Session) -> None:
        while (left := self.clock.until(session.open - LEAD)) > 0:
            self.reporter.sleeping(session)
            self.clock.sleep(min(left, ASLEEP))

    def _took_in(self, session: Session) -> bool:
        """Whether the session was taken in as far as it can be; not where the database was away when it began."""
        try:
            self._take_in(session)
        except DatabaseError as error:
            if not may_pass(error):
                raise
            self.reporter.database_fails(error)
            self.clock.sleep(self.settings.live.poll_seconds)
            return False
        return True

    def _take_in(self, session: Session) -> None:
        if self.store.is_final(session):
            self.say(f"{session.key} has been judged already: it is the batch run's.")
            return
        primary, fallback = self.feeds()
        running = self._running(session, primary)

        def switched(feed: str, why: str) -> None:
            self.reporter.switched(feed, why)
            if feed != primary.name:
                self._keep(FeedEvent(primary.name, "failover", why, session=session.day))

        sources = Sources(primary, fallback, self.settings.live, self.settings.breaker, self.clock.now, switched)
        self.reporter.begins(running, primary.name)
        try:
            SessionStream(
                running, self.store, sources, self.desk.gate, self.settings.live, self.clock, self.reporter, self.claim
            ).run()
            self.say(f"{session.key} is stored as it came; the batch run makes it final.")
        except SessionFinal as error:
            self.say(str(error))
        finally:
            sources.close()

    def _keep(self, event: FeedEvent) -> None:
        try:
            FeedEventStore(self.desk.server).keep(event)
        except DatabaseError as error:
            self.say(f"What happened to {event.feed} could not be kept: {error}")

    def _running(self, session: Session, primary: LiveFeed) -> RunningSession:
        """The session with what is stored of it, warmed by the sessions that are stored before it."""
        desk = self.desk
        history = EarlierSessions(desk, self._known).warm_up(session)
        running = RunningSession(session, desk.bar_size, desk.symbols, primary.basis, history, desk.gate.splits)
        seen = sum((one.only(desk.symbols).closes.seen for one in history), no_closes(len(desk.symbols)).seen)
        for symbol, known in zip(desk.symbols, seen, strict=True):
            if known < WARM_UP_BARS:
                self.say(f"{symbol} is warmed by {known} of {WARM_UP_BARS} closes: run sessions before {session.key}.")
        stored = self.desk.sessions.came_in(session)
        if len(stored):
            columns = self._as_bars(session, stored).columns
            of = columns.texts("source")
            for symbol, source in product(desk.symbols, of.names):
                why = "" if source == primary.name else "before this process began"
                running.take(symbol, columns.rows(of.are(source)), Origin(source, why))
        return running

    def _known(self, session: Session) -> Evidence | None:
        """An earlier session's bars: as landed, which is what the gate judged; else as stored."""
        try:
            return self.desk.evidence(session, self.desk.shelf.bars(session))
        except NotLanded:
            rows = self.desk.sessions.came_in(session)
            return self._as_bars(session, rows) if len(rows) else None

    def _as_bars(self, session: Session, stored: pd.DataFrame) -> Evidence:
        return self.desk.evidence(session, stored.assign(**PLAIN))
