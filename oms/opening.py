"""Opens the order service of a desk: its account, its broker, its books, by the configuration."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from oms.broker import Broker
from oms.matching import FillModel
from oms.service import Clock, OrderService
from oms.simulated import SimulatedBroker
from resources.clock import utc_now
from resources.database.order_store import OrderStore, traded_account
from resources.database.server import DatabaseServer
from resources.database.simulated_book_store import SimulatedBookStore
from resources.settings import Settings

SIMULATED: Final = "simulated"


@dataclass
class MarketClock:
    """The time at a simulated market: the machine's, or one that stands where it is put."""

    stands: datetime | None = None
    machine: Clock = field(default=utc_now, repr=False)

    def __call__(self) -> datetime:
        """The time, aware."""
        return self.stands or self.machine()


def account_of(settings: Settings, server: DatabaseServer) -> str:
    """The account that orders go to: as configured, or the one paper account that was traded before, or IB is asked.

    Raises:
        BrokerError: nothing says which account, and Interactive Brokers does not answer.

    """
    known = traded_account(settings, server)
    if known is not None:
        return known
    broker = _interactive_brokers(settings)
    broker.connect()
    try:
        return broker.account
    finally:
        broker.close()


def open_store(settings: Settings, server: DatabaseServer) -> OrderStore:
    """What is kept of the desk's account.

    Raises:
        BrokerError: as of `account_of`.

    """
    return OrderStore(server, account_of(settings, server))


def open_service(
    settings: Settings, server: DatabaseServer, say: Callable[[str], None], now: Clock = utc_now
) -> OrderService:
    """The order service of a desk; it is not connected.

    Raises:
        BrokerError: as of `account_of`.

    """
    store = open_store(settings, server)
    broker = _simulated(settings, store, now) if settings.oms.broker == SIMULATED else _interactive_brokers(settings)
    return OrderService(store, broker, settings.oms, settings.symbols, settings.bar_size, now, say)


def _interactive_brokers(settings: Settings) -> Broker:
    from resources.ib.broker import InteractiveBrokers  # the simulated broker does without the library behind it

    return InteractiveBrokers(settings.ib)


def _simulated(settings: Settings, store: OrderStore, now: Clock) -> Broker:
    simulation = settings.oms.simulation
    model = FillModel(
        simulation.seed,
        simulation.slippage_bps,
        simulation.participation,
        simulation.commission_per_share,
        simulation.commission_minimum,
    )
    books = SimulatedBookStore(store.server, store.account)
    return SimulatedBroker(books, store, settings.bar_size, model, simulation.cash, now)
