"""Opens the desk for a command: its feeds, the sessions that were asked for, the demonstration with its stand-in.

What a command sets for its children goes through the environment, so that `dagster dev` sees what the command saw.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from cli.sessions import sessions_named
from market.sessions import Session
from resources.database.feed_event_store import FeedEventStore
from resources.database.opening import open_server
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.feeds.opening import Feeds
from resources.landing import LandingZone
from resources.market_time import hold_over, utc_now
from resources.settings import Settings, load_settings

if TYPE_CHECKING:
    from simulators.alpha_vantage import AlphaVantageSimulator
    from simulators.clock import ReplayClock

DEMO_FAULTS = ("drop:NVDA:2020-11-24:10:00-10:44", "ohlc:MSFT:2020-12-02:11:15")
"""What the demonstration's feed does wrong, so that the gate can be seen at work."""
SPOILED = frozenset({"2020-11-24", "2020-12-02"})
DEMO_FIRST, DEMO_LAST = "2020-11-16", "2020-12-04"


def open_feeds(settings: Settings, events: FeedEventStore) -> Feeds:
    """The feeds of a desk, which keep there what happens to them."""
    return Feeds(settings, LandingZone(settings.landing_url), events)


def open_events(settings: Settings) -> FeedEventStore:
    """What happened to the feeds of a desk."""
    return FeedEventStore(open_server(settings.home))


def sessions_asked_for(
    first: str, last: str, settings: Settings, now: Callable[[], pd.Timestamp] = utc_now
) -> list[Session]:
    """The sessions of a range given on the command line.

    Raises:
        UnknownSession: a date cannot be read, the range is empty or begins before the graph's first session.
        TooEarly: not all of them are over: names the first that is not, and which can be had.

    """
    found = sessions_named(first, last, settings.first_session)
    hold_over(found, now())
    return found


@contextmanager
def demonstration(
    faults: Sequence[str] = DEMO_FAULTS, folder: str = "demo", clock: "ReplayClock | None" = None
) -> Iterator["AlphaVantageSimulator"]:
    """A desk of its own under INTRADAY_HOME: embedded database, recorded bars, a feed that may spoil some of them.

    Args:
        faults: what the feed does wrong.
        folder: under which name.
        clock: the feed has only what is complete at its time; None: everything.

    """
    from simulators.alpha_vantage import AlphaVantageSimulator  # the other commands do without

    home = load_settings().home / folder
    saved = dict(os.environ)
    with AlphaVantageSimulator(faults=faults, clock=clock) as simulator:
        for name in [name for name in os.environ if name.startswith(("INTRADAY_", "TIMESCALEDB_"))]:
            del os.environ[name]  # nothing of the real desk: no landing zone, no database, no symbols
        direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"]))
        os.environ.update(
            {
                "no_proxy": direct,
                "NO_PROXY": direct,
                "INTRADAY_HOME": str(home),
                "INTRADAY_ENVIRONMENT": "staging",
                "INTRADAY_ALPHA_VANTAGE__BASE_URL": simulator.url,
                "INTRADAY_ALPHA_VANTAGE__PLAN": "premium_1200",
                "INTRADAY_ALPHA_VANTAGE__ENTITLEMENT": "realtime",
                "INTRADAY_FEEDS__FALLBACK": "none",
                "INTRADAY_AUTOMATION__RUNNING": "false",  # its feed has nothing of today
                KEY_VARIABLE: "demonstration",
            }
        )
        try:
            yield simulator
        finally:
            os.environ.clear()
            os.environ.update(saved)
