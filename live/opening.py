"""Opens the live process of a desk: its gate, stores and feeds, by the configuration."""

from collections.abc import Callable

from live.service import LiveService
from live.standing import Observe
from resources.database.feed_event_store import FeedEventStore
from resources.database.server import DatabaseServer
from resources.desk import Desk
from resources.feeds.live.feed import LiveFeed
from resources.feeds.opening import Feeds
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.market_time import MarketTime
from resources.settings import Settings


def open_live(
    settings: Settings, server: DatabaseServer, clock: MarketTime, say: Callable[[str], None], observe: Observe
) -> LiveService:
    """The live process of a desk, as of `LiveService`; it has not begun."""
    landing = LandingZone(settings.landing_url)
    desk = Desk(settings.symbols, settings.bar_size, load_gate(settings.environment), landing, server)
    feeds = Feeds(settings, landing, FeedEventStore(server), clock)

    def of_a_session() -> tuple[LiveFeed, LiveFeed | None]:
        second = settings.feeds.second
        return feeds.live(settings.feeds.primary), None if second is None else feeds.live(second)

    return LiveService(settings, desk, of_a_session, clock, say, observe)
