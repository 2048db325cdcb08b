"""A desk that takes in bars as they happen, with a clock that waiting moves and feeds that a test speaks for.

Here: setting one up. Not here: what a test expects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd

from live.opening import open_live
from live.service import LiveService
from market.normalise import NormalisedSessions, Provenance
from market.quality.columns import Columns
from market.sessions import BarSize, Session, sessions_between
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import FeedError
from resources.feeds.breaker import Breaker, Standing
from resources.feeds.live.feed import LiveFeed, SoFar
from resources.market_time import MarketTime
from resources.settings import load_settings
from schemas.tables import AS_TRADED
from tests.support import recorded
from tests.support.desk import TestDesk

MINUTE = pd.Timedelta(minutes=1)


@dataclass
class Clock:
    """Stands still unless somebody waits."""

    at: pd.Timestamp
    watch: Callable[[pd.Timestamp], None] = lambda at: None
    """Told of the time after each wait."""

    def now(self) -> pd.Timestamp:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += pd.Timedelta(seconds=max(seconds, 0.001))
        self.watch(self.at)


@dataclass
class SpokenFor:
    """A feed in memory, left alone while it fails as any is: each bar can be had from a moment on."""

    clock: Clock
    bars: dict[str, Columns]
    """By symbol, `schemas.tables.Bars`, by time."""
    name: str = "alpha_vantage"
    basis: str = AS_TRADED
    delays: dict[tuple[str, pd.Timestamp], pd.Timedelta] = field(default_factory=dict)
    """By symbol and start of bar: how long after its end it can be had."""
    failing: Callable[[pd.Timestamp], FeedError | None] = lambda at: None
    asked: list[tuple[pd.Timestamp, str, pd.Timestamp]] = field(default_factory=list)
    closed: int = 0
    size: pd.Timedelta = MINUTE

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.name, load_settings().breaker, self.clock.now, lambda *change: None)

    @property
    def standing(self) -> Standing:
        return self.breaker.standing

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        self.breaker.before_asking()
        self.asked.append((self.clock.at, symbol, since))
        error = self.failing(self.clock.at)
        if error is not None:
            self.breaker.failed(error)
            raise error
        self.breaker.succeeded()
        bars = self.bars[symbol]
        starts = bars.stamps("timestamp")
        first, end = np.searchsorted(starts, [since.value // 1000, (self.clock.at - self.size).value // 1000 + 1])
        there = bars.part(int(first), max(int(first), int(end)))
        late = {start for (of, start), delay in self.delays.items() if of == symbol and not self._over(start, delay)}
        if late:
            there = there.rows(~np.isin(there.stamps("timestamp"), [start.value // 1000 for start in late]))
        return SoFar(there, self.clock.at)

    def _over(self, start: pd.Timestamp, delay: pd.Timedelta) -> bool:
        return start + self.size + delay <= self.clock.at

    def revise(self, symbol: str, start: pd.Timestamp, **values: float) -> None:
        """Another value of a bar."""
        table = self.bars[symbol].table.copy()
        table.loc[table["timestamp"] == start, list(values)] = list(values.values())
        self.bars[symbol] = Columns(table)

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def close(self) -> None:
        self.closed += 1


def recorded_feed(clock: Clock, day: Session, **options: object) -> SpokenFor:
    """A feed that has the recorded bars of a session."""
    return SpokenFor(clock, {symbol: _bars(symbol, day) for symbol in recorded.SYMBOLS}, **options)  # type: ignore[arg-type]


@cache
def _bars(symbol: str, day: Session) -> Columns:
    days, provenance = sessions_between(day.day, day.day), Provenance("alpha_vantage", AS_TRADED)
    return NormalisedSessions(recorded.vendor_rows(symbol), days, BarSize.ONE_MINUTE, provenance).bars(day).columns


def stop_at(clock: Clock, instant: pd.Timestamp) -> None:
    """Interrupt whoever waits at that time."""

    def watch(at: pd.Timestamp) -> None:
        if at >= instant:
            raise KeyboardInterrupt

    clock.watch = watch


def live_service(
    desk: TestDesk,
    clock: Clock,
    primary: LiveFeed,
    fallback: LiveFeed | None = None,
    observe: Callable[[Session, Mapping[str, object]], None] = lambda session, about: None,
) -> tuple[LiveService, list[str]]:
    """The live process of a desk, and what it says."""
    server = DatabaseServer(desk.url)
    migrate(server)
    said: list[str] = []
    service = open_live(load_settings(), server, MarketTime(clock.now, clock.sleep), said.append, observe)
    service.feeds = lambda: (primary, fallback)
    return service, said
