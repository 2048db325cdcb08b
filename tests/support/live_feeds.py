"""Feeds of a running session at stand-ins that share one clock, which a test moves by hand.

Here: making them, and the recorded bars they are held against. Not here: what a test expects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from resources.database.feed_event_store import FeedEvent, FeedStanding
from resources.feeds.live.feed import LiveFeed, SoFar
from resources.feeds.opening import Feeds
from resources.landing import LandingZone
from resources.settings import load_settings
from schemas.tables import BAR_VALUES
from simulators.clock import NEW_YORK, ReplayClock
from tests.support import recorded
from tests.support.feeds import ALWAYS, KEY, Clock

Values = tuple[float, ...]
"""Open, high, low, close, volume."""


@dataclass
class Remembered:
    """A store of feed events for one test."""

    events: list[FeedEvent] = field(default_factory=list)

    def standings(self) -> dict[str, FeedStanding]:
        return {one.feed: FeedStanding(one.feed, one.event, one.until, 0, one.why) for one in self.events}

    def keep(self, event: FeedEvent) -> None:
        self.events.append(event)


def new_york(stamp: str) -> pd.Timestamp:
    """A New York time in UTC."""
    return pd.Timestamp(stamp, tz=NEW_YORK).tz_convert("UTC")


def clock_at(stamp: str) -> Clock:
    """A clock that stands at a New York time."""
    return Clock(new_york(stamp).timestamp())


def replay(clock: Clock) -> ReplayClock:
    """The same clock for stand-ins."""
    return ReplayClock(clock.now(), 1.0, clock.time)


def live_feed(
    patch: pytest.MonkeyPatch, folder: Path, clock: Clock, name: str, events: Remembered | None = None, **settings: str
) -> LiveFeed:
    """A feed as a desk opens it; `settings` are variables without their prefix."""
    usual = {
        "ALPHA_VANTAGE__PLAN": "premium_1200",
        "ALPHA_VANTAGE__ENTITLEMENT": "realtime",
        "YAHOO__DAYS_BACK": str({str(size): days for size, days in ALWAYS.items()}).replace("'", '"'),
        "LIVE__PAUSE_SECONDS": "300",
    }
    patch.setenv("ALPHA_VANTAGE_API_KEY", KEY)
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    for key, value in {**usual, **settings}.items():
        patch.setenv(f"INTRADAY_{key}", value)
    landing, store = LandingZone(str(folder / "landing")), events or Remembered()
    return Feeds(load_settings(), landing, store, clock.market_time).live(name)  # type: ignore[arg-type]


def values_of(answer: SoFar) -> dict[str, Values]:
    """The bars of an answer by New York minute."""
    bars = answer.bars.table
    minutes = bars["timestamp"].dt.tz_convert(NEW_YORK).dt.strftime("%H:%M")
    return dict(zip(minutes, bars[list(BAR_VALUES)].itertuples(index=False, name=None), strict=True))


def recorded_values(symbol: str, day: str, first: str = "00:00", last: str = "24:00") -> dict[str, Values]:
    """Alpha Vantage's recorded bars of regular hours by New York minute, from `first` to before `last`."""
    rows = sorted(recorded.session_rows(symbol)[day].items())
    return {at: tuple(float(row[name]) for name in BAR_VALUES) for at, row in rows if first <= at < last}


def five_minutes(minutes: Mapping[str, Values]) -> Values:
    """Some minutes in order as one bar."""
    opens, highs, lows, closes, volumes = zip(*minutes.values(), strict=True)
    return opens[0], max(highs), min(lows), closes[-1], sum(volumes)
