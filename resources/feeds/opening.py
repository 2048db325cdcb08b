"""Opens the feeds of a desk as they are configured: each on its line, both behind one failover."""

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd

from market.quality.gate import Gate
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.errors import ConfigError
from resources.feeds.alpha_vantage import AlphaVantageFeed
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.feeds.alpha_vantage_client import AlphaVantageClient
from resources.feeds.breaker import Breaker, FeedState, Standing
from resources.feeds.failover import Failover
from resources.feeds.feed import Feed
from resources.feeds.files import FilesFeed
from resources.feeds.interactive_brokers import InteractiveBrokersFeed
from resources.feeds.interactive_brokers_history import History
from resources.feeds.line import Line
from resources.feeds.live.alpha_vantage import AlphaVantageLive
from resources.feeds.live.feed import LiveFeed
from resources.feeds.live.interactive_brokers import InteractiveBrokersLive
from resources.feeds.live.yahoo import YahooLive
from resources.feeds.rate_limit import RateLimit, windows_of
from resources.feeds.yahoo import YahooFeed
from resources.feeds.yahoo_charts import YahooCharts
from resources.ib.real_time import RealTimeBars
from resources.landing import LandingZone
from resources.market_time import MACHINE, MarketTime
from resources.paths import machine_state
from resources.settings import Settings
from resources.settings_sections import AlphaVantageSettings, RetrySettings, YahooSettings

LONGEST_ANSWER_SECONDS: Final = 10.0
"""Longer than a vendor's largest answer takes."""
LONGEST_WAIT_SECONDS: Final = 5.0
"""A live feed whose vendor's limit has its next turn later than that is not waited for: the other feeds go on."""


class Feeds:
    """Makes the feeds of a desk.

    Args:
        settings: the desk's configuration.
        landing: where answers are kept.
        events: where changes of state and failovers are kept.
        time: the market's.

    """

    def __init__(
        self, settings: Settings, landing: LandingZone, events: FeedEventStore, time: MarketTime = MACHINE
    ) -> None:
        self._settings = settings
        self._landing = landing
        self._events = events
        self._time = time

    def failover(self, gate: Gate, *, refresh: bool = False) -> Failover:
        """The primary and the fallback behind one interface; `refresh` asks again for what is landed."""
        settings = self._settings
        second = settings.feeds.second
        fallback = None if second is None else self.feed(second, refresh=refresh)
        primary = self.feed(settings.feeds.primary, refresh=refresh)
        return Failover(primary, fallback, gate, settings.bar_size, settings.repair, self._time.now)

    def feed(self, name: str, *, refresh: bool = False) -> Feed:
        """One feed by its name."""
        makers: dict[str, Callable[[], Feed]] = {
            "alpha_vantage": partial(self.alpha_vantage, refresh=refresh),
            "yahoo": partial(self.yahoo, refresh=refresh),
            "interactive_brokers": partial(self.interactive_brokers, refresh=refresh),
            "files": self.files,
        }
        return makers[name]()

    def live(self, name: str) -> LiveFeed:
        """One feed by its name, for as long as a session goes on.

        Raises:
            ConfigError: it is none that tells bars as they happen, or is not set up to.

        """
        polled = Feeds(_polled(self._settings), self._landing, self._events, self._time)
        makers: dict[str, Callable[[], LiveFeed]] = {
            "alpha_vantage": polled._alpha_vantage_live,
            "yahoo": polled._yahoo_live,
            "interactive_brokers": polled._interactive_brokers_live,
        }
        if name not in makers:
            raise ConfigError(
                f"The feed {name} has no bars of a running session; allowed for feeds.primary and feeds.fallback of a "
                f"live desk: {', '.join(makers)}."
            )
        return makers[name]()

    def alpha_vantage(self, *, refresh: bool = False) -> AlphaVantageFeed:
        """Alpha Vantage, within the limits of its plan."""
        client, settings = self.alpha_vantage_client(), self._settings
        return AlphaVantageFeed(client, self._landing, settings.bar_size, self._time.now, refresh=refresh)

    def alpha_vantage_client(self) -> AlphaVantageClient:
        """Who asks Alpha Vantage, with the key of the environment."""
        return self._alpha_vantage_client(self._settings.alpha_vantage)

    def yahoo(self, *, refresh: bool = False) -> YahooFeed:
        """Yahoo, which has no key."""
        return YahooFeed(self._charts(self._settings.yahoo), self._landing, self._time.now, refresh=refresh)

    def interactive_brokers(self, *, refresh: bool = False) -> InteractiveBrokersFeed:
        """Interactive Brokers, at the desk's TWS or IB Gateway."""
        settings = self._settings.ib
        line = self._line("interactive_brokers", settings)
        return InteractiveBrokersFeed(
            settings,
            line,
            self._landing,
            self._settings.bar_size,
            self._time,
            refresh=refresh,
        )

    def files(self) -> FilesFeed:
        """The files of a folder."""
        return FilesFeed(self._settings.files_url, self._settings.symbols, self._settings.bar_size)

    def _alpha_vantage_live(self) -> AlphaVantageLive:
        settings = self._settings
        client = self._alpha_vantage_client(settings.alpha_vantage, LONGEST_WAIT_SECONDS)
        return AlphaVantageLive(client, settings.bar_size, settings.live.settle_seconds["alpha_vantage"], self._time)

    def _yahoo_live(self) -> YahooLive:
        settings = self._settings
        return YahooLive(self._charts(settings.yahoo), settings.live.settle_seconds["yahoo"], self._time)

    def _interactive_brokers_live(self) -> InteractiveBrokersLive:
        settings, name = self._settings.ib, "interactive_brokers"
        bar_size, settle = self._settings.bar_size, self._settings.live.settle_seconds[name]
        subscription = RealTimeBars(settings, self._settings.symbols, self._time.now)
        history = History(subscription.gateway, settings, bar_size, self._time, LONGEST_WAIT_SECONDS)
        line = self._line(name, settings)
        return InteractiveBrokersLive(subscription, history, line, bar_size, settings.volume_unit, settle, self._time)

    def _alpha_vantage_client(
        self, settings: AlphaVantageSettings, longest_wait: float = math.inf
    ) -> AlphaVantageClient:
        key, time = os.environ.get(KEY_VARIABLE, ""), self._time
        path, windows = machine_state() / "requests.sqlite3", windows_of(settings.plan)
        limit = RateLimit(path, settings.base_url, key, windows, time.seconds, time.sleep, longest_wait)
        return AlphaVantageClient(settings, key, self._line("alpha_vantage", settings, limit))

    def _charts(self, settings: YahooSettings) -> YahooCharts:
        return YahooCharts(settings, self._line("yahoo", settings), self._settings.bar_size)

    def _line(self, feed: str, settings: RetrySettings, limit: RateLimit | None = None) -> Line:
        return Line(settings, self._breaker(feed), limit, self._time.sleep)

    def _breaker(self, feed: str) -> Breaker:
        def changed(name: str, standing: Standing, why: str) -> None:
            self._events.keep(FeedEvent(name, standing.state.value, why, until=standing.until))

        def known() -> Standing:
            kept = self._events.standings().get(feed)
            if kept is None:
                return Standing()
            return Standing(FeedState(kept.state), kept.until and pd.Timestamp(kept.until), kept.pauses, kept.why)

        return Breaker(feed, self._settings.breaker, self._time.now, changed, known)


def _polled(settings: Settings) -> Settings:
    """For who polls: it asks again by itself, and no bar waits for long for a vendor that hangs."""
    vendors = {"alpha_vantage": settings.alpha_vantage, "yahoo": settings.yahoo, "ib": settings.ib}
    once = {
        name: vendor.model_copy(
            update={"attempts": 1, "timeout_seconds": min(vendor.timeout_seconds, LONGEST_ANSWER_SECONDS)}
        )
        for name, vendor in vendors.items()
    }
    breaker = settings.breaker.model_copy(update={"pause_seconds": settings.live.pause_seconds})
    return settings.model_copy(update={**once, "breaker": breaker})
