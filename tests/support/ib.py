"""Interactive Brokers at a stand-in for TWS: making settings, brokers and feeds, and taking what brokers tell.

Here: making them. Not here: what a test expects; the stand-in itself (simulators.tws).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from market.sessions import BarSize
from resources.clock import utc_now
from resources.feeds.interactive_brokers import InteractiveBrokersFeed
from resources.ib.broker import InteractiveBrokers
from resources.landing import LandingZone
from resources.settings_sections import IBSettings
from schemas.broker import BrokerEvent, BrokerNotice
from schemas.trading import (
    Order,
    OrderType,
    Side,
    TimeInForce,
)
from simulators.tws import TwsSimulator
from tests.support.feeds import Clock, line

ACCOUNT = "DU1234567"


def ib_settings(**changed: Any) -> IBSettings:
    """Settings as config/base.yaml has them, but for a machine that is named and answers that come soon."""
    defaults = {
        "host": "127.0.0.1",
        "port": 4002,
        "client_id": 1,
        "account": None,
        "timeout_seconds": 10,
        "attempts": 1,
        "wait_seconds": 0,
        "allow_live": False,
        "volume_unit": "detect",
        "primary_exchanges": {"NVDA": "NASDAQ", "MSFT": "NASDAQ"},
    }
    return IBSettings.model_validate(defaults | changed)


def ib_feed(
    port: int,
    folder: Path,
    *,
    clock: Clock | None = None,
    bar_size: BarSize = BarSize.ONE_MINUTE,
    refresh: bool = False,
    **changed: Any,
) -> InteractiveBrokersFeed:
    """History of a stand-in at `port`, landing in `folder`; waits take no time."""
    clock, settings = clock or Clock(), ib_settings(port=port, **changed)
    return InteractiveBrokersFeed(
        settings,
        line(settings, clock),
        LandingZone(str(folder)),
        bar_size,
        clock.market_time,
        refresh=refresh,
    )


@contextmanager
def paper_account(
    tws: TwsSimulator, now: Callable[[], datetime] = utc_now, **changed: Any
) -> Iterator[InteractiveBrokers]:
    """A broker that is connected; it lets go with the block, however that ends."""
    broker = InteractiveBrokers(ib_settings(port=tws.port, **changed), now)
    try:
        broker.connect()
        broker.events(0)
        yield broker
    finally:
        broker.close()


def told(broker: InteractiveBrokers) -> Sequence[BrokerEvent]:
    """What the broker told, up to now: a question and its answer come after what the stand-in sent before."""
    broker.account_values()
    return [event for event in broker.events(0) if not (isinstance(event, BrokerNotice) and 2100 <= event.code < 2200)]


def nvda(
    client_order_id: str = "ours",
    quantity: int = 100,
    limit: str | None = "400.00",
    *,
    side: Side = Side.BUY,
    tif: TimeInForce = TimeInForce.DAY,
    account: str = ACCOUNT,
) -> Order:
    """An order for NVDA; with the usual limit it rests, without one it is filled at the market."""
    kind, price = (OrderType.MARKET, None) if limit is None else (OrderType.LIMIT, Decimal(limit))
    return Order(client_order_id, account, "NVDA", side, kind, Decimal(quantity), price, None, tif)
