"""Opens the feeds of a desk as they are configured: each on its line, both behind one failover."""

import os
from collections.abc import Callable
from functools import partial

import pandas as pd

from market.quality.gate import Gate
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.feeds.alpha_vantage import AlphaVantageFeed
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.feeds.breaker import Breaker, FeedState, Standing
from resources.feeds.failover import Failover
from resources.feeds.feed import Feed
from resources.feeds.files import FilesFeed
from resources.feeds.interactive_brokers import InteractiveBrokersFeed
from resources.feeds.line import Line
from resources.feeds.rate_limit import RateLimit, windows_of
from resources.feeds.yahoo import YahooFeed
from resources.landing import LandingZone
from resources.paths import machine_state
from resources.settings import Settings

Clock = Callable[[], pd.Timestamp]


def utc_now() -> pd.Timestamp:
    """The machine's clock."""
    return pd.Timestamp.now(tz="UTC")


class Feeds:
    """Makes the feeds of a desk.

    Args:
        settings: the desk's configuration.
        landing: where answers are kept.
        events: where changes of state and failovers are kept.
        now: the clock.

    """

    def __init__(self, settings: Settings, landing: LandingZone, events: FeedEventStore, now: Clock = utc_now) -> None:
        self._settings = settings
        self._landing = landing
        self._events = events
        self._now = now

    def failover(self, gate: Gate, *, refresh: bool = False) -> Failover:
        """The primary and the fallback behind one interface; `refresh` asks again for what is landed."""
        settings = self._settings
        second = settings.feeds.second
        fallback = None if second is None else self.feed(second, refresh=refresh)
        primary = self.feed(settings.feeds.primary, refresh=refresh)
        return Failover(primary, fallback, gate, settings.bar_size, settings.repair, self._now)

    def feed(self, name: str, *, refresh: bool = False) -> Feed:
        """One feed by its name."""
        makers: dict[str, Callable[[], Feed]] = {
            "alpha_vantage": partial(self.alpha_vantage, refresh=refresh),
            "yahoo": partial(self.yahoo, refresh=refresh),
            "interactive_brokers": partial(self.interactive_brokers, refresh=refresh),
            "files": self.files,
        }
        return makers[name]()

    def alpha_vantage(self, *, refresh: bool = False) -> AlphaVantageFeed:
        """Alpha Vantage, with the key of the environment, within the limits of its plan."""
        settings, key = self._settings.alpha_vantage, os.environ.get(KEY_VARIABLE, "")
        limit = RateLimit(machine_state() / "requests.sqlite3", settings.base_url, key, windows_of(settings.plan))
        line = Line(settings, self._breaker("alpha_vantage"), limit)
        return AlphaVantageFeed(settings, key, line, self._landing, self._settings.bar_size, self._now, refresh=refresh)

    def yahoo(self, *, refresh: bool = False) -> YahooFeed:
        """Yahoo, which has no key."""
        settings = self._settings.yahoo
        line = Line(settings, self._breaker("yahoo"))
        return YahooFeed(settings, line, self._landing, self._settings.bar_size, self._now, refresh=refresh)

    def interactive_brokers(self, *, refresh: bool = False) -> InteractiveBrokersFeed:
        """Interactive Brokers, at the desk's TWS or IB Gateway."""
        settings = self._settings.ib
        line = Line(settings, self._breaker("interactive_brokers"))
        return InteractiveBrokersFeed(
            settings, line, self._landing, self._settings.bar_size, self._now, refresh=refresh
        )

    def files(self) -> FilesFeed:
        """The files of a folder."""
        return FilesFeed(self._settings.files_url, self._settings.symbols, self._settings.bar_size)

    def _breaker(self, feed: str) -> Breaker:
        def changed(name: str, standing: Standing, why: str) -> None:
            self._events.keep(FeedEvent(name, standing.state.value, why, until=standing.until))

        def known() -> Standing:
            kept = self._events.standings().get(feed)
            if kept is None:
                return Standing()
            return Standing(FeedState(kept.state), kept.until and pd.Timestamp(kept.until), kept.pauses, kept.why)

        return Breaker(feed, self._settings.breaker, self._now, changed, known)
