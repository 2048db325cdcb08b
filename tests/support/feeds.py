"""Feeds by themselves, at a stand-in's address, with a clock that tests set and waits that do not take time.

Here: making them. Not here: what a test expects; a whole desk (desk.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from market.sessions import BarSize
from resources.feeds.alpha_vantage import AlphaVantageFeed
from resources.feeds.alpha_vantage_client import AlphaVantageClient
from resources.feeds.breaker import Breaker, Standing
from resources.feeds.line import Line
from resources.feeds.yahoo import YahooFeed
from resources.feeds.yahoo_charts import YahooCharts
from resources.landing import LandingZone
from resources.market_time import MarketTime
from resources.settings_sections import AlphaVantageSettings, BreakerSettings, VendorSettings, YahooSettings

KEY = "PLANTED0KEY00007"
LATER = pd.Timestamp("2021-02-01", tz="UTC")
ALWAYS = dict.fromkeys(BarSize, 100000)
"""Days back: a stand-in has what the vendor forgot."""


@dataclass
class Clock:
    """A clock that only moves when somebody waits."""

    seconds: float = LATER.timestamp()
    waits: list[float] = field(default_factory=list)

    def now(self) -> pd.Timestamp:
        return pd.Timestamp(self.seconds, unit="s", tz="UTC").as_unit("us")

    def time(self) -> float:
        return self.seconds

    @property
    def market_time(self) -> MarketTime:
        """The same clock, as feeds have it."""
        return MarketTime(self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


def line(settings: VendorSettings, clock: Clock | None = None, **breaker: float) -> Line:
    """A line whose waits take no time; its breaker opens after many failures unless told otherwise."""
    clock = clock or Clock()
    limits = BreakerSettings(**{"failures": 99, "successes": 1, "pause_seconds": 0, **breaker})
    return Line(settings, Breaker("feed", limits, clock.now, _forget), sleep=clock.sleep)


def alpha_vantage_client(
    url: str, *, key: str = KEY, make_line: Callable[[VendorSettings], Line] = line, **changes: object
) -> AlphaVantageClient:
    """Alpha Vantage's client at `url`."""
    settings = AlphaVantageSettings.model_validate(
        {
            "base_url": url, "plan": "premium_1200", "entitlement": "none", "datatype": "csv", "extended_hours": True,
            "timeout_seconds": 5, "attempts": 3, "wait_seconds": 0, **changes,
        }
    )  # fmt: skip
    return AlphaVantageClient(settings, key, make_line(settings))


def alpha_vantage_feed(
    url: str,
    folder: Path,
    *,
    now: pd.Timestamp = LATER,
    bar_size: BarSize = BarSize.ONE_MINUTE,
    refresh: bool = False,
    clock: Callable[[], pd.Timestamp] | None = None,
    **changes: object,
) -> AlphaVantageFeed:
    """Alpha Vantage at `url`, landing in `folder`; `changes` are those of its client."""
    client = alpha_vantage_client(url, **changes)  # type: ignore[arg-type]
    return AlphaVantageFeed(client, LandingZone(str(folder)), bar_size, clock or (lambda: now), refresh=refresh)


def yahoo_feed(
    url: str,
    folder: Path,
    *,
    now: pd.Timestamp = LATER,
    bar_size: BarSize = BarSize.ONE_MINUTE,
    refresh: bool = False,
    make_line: Callable[[VendorSettings], Line] = line,
    **changes: object,
) -> YahooFeed:
    """Yahoo's client at `url`, landing in `folder`; it reaches back for ever unless told otherwise."""
    settings = YahooSettings.model_validate(
        {"base_url": url, "days_back": ALWAYS, "timeout_seconds": 5, "attempts": 3, "wait_seconds": 0, **changes}
    )
    charts = YahooCharts(settings, make_line(settings), bar_size)
    return YahooFeed(charts, LandingZone(str(folder)), lambda: now, refresh=refresh)


def _forget(_feed: str, _standing: Standing, _why: str) -> None:
    pass
