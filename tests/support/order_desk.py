"""A desk that trades on the simulated broker, on a real database, with a clock that a test sets and bars of its own.

Every minute of 2020-12-01 has a bar of NVDA at 500.00 and of MSFT at 200.00, of 100,000 shares; tests change those that
they are about. There is no slippage: a fill's price is the bar's. Here: setting it up. Not here: what must come of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import psycopg
import pytest

from market.sessions import BarSize
from oms.broker import Broker
from oms.matching import FillModel
from oms.opening import MarketClock
from oms.service import OrderService
from oms.simulated import SimulatedBroker
from resources.database.order_rows import KeptEvent, KeptOrder
from resources.database.order_store import OrderStore
from resources.database.server import DatabaseServer
from resources.database.simulated_book_store import SimulatedBookStore
from resources.settings import load_settings
from resources.settings_sections import OmsSettings, RiskLimits
from schemas.trading import Order, OrderType, Position, Side, TimeInForce
from tests.support.stored import put_bars

ACCOUNT, SYMBOLS = "SIMULATED", ("NVDA", "MSFT")
DAY = "2020-12-01"
PRICES = {"NVDA": "500.00", "MSFT": "200.00"}
VOLUME = 100_000
MODEL = FillModel(
    0, slippage_bps=D(0), participation=D("0.1"), commission_per_share=D("0.005"), commission_minimum=D(1)
)
"""A bar gives between 5,000 and 10,000 shares; an order costs half a cent a share, at least a dollar."""


def new_york(clock: str, day: str = DAY) -> datetime:
    """A time of that day in New York, such as `10:00` or `10:00:30`."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


def flat_session(day: str = DAY) -> Iterator[tuple[object, ...]]:
    """A row a minute and symbol, of one price."""
    opened = new_york("09:30", day)
    for minute in range(390):
        for symbol, price in PRICES.items():
            yield opened + timedelta(minutes=minute), symbol, price, price, price, price, VOLUME


@dataclass
class OrderDesk:
    """The desk; `restart` makes another process of it."""

    url: str
    settings: OmsSettings
    model: FillModel = MODEL
    clock: MarketClock = field(default_factory=lambda: MarketClock(new_york("10:00")))
    said: list[str] = field(default_factory=list)
    """What the service said to people."""
    _made: int = 0

    def __post_init__(self) -> None:
        self.server = DatabaseServer(self.url)
        self.store = OrderStore(self.server, ACCOUNT, sleep=lambda seconds: None)
        self.restart()

    def restart(self, broker: Callable[[SimulatedBroker], Broker] = lambda simulated: simulated) -> None:
        """Forget all that a process has in its memory."""
        books = SimulatedBookStore(self.server, ACCOUNT)
        self.broker = SimulatedBroker(books, self.store, BarSize.ONE_MINUTE, self.model, D(1_000_000), self.clock)
        speaks = broker(self.broker)
        self.service = OrderService(
            self.store, speaks, self.settings, SYMBOLS, BarSize.ONE_MINUTE, self.clock, self.said.append
        )

    def limits(self, **limits: object) -> None:
        """Put other limits into force."""
        changed = RiskLimits.model_validate(self.settings.limits.model_dump() | limits)
        self.settings = self.settings.model_copy(update={"limits": changed})
        self.restart()

    def at(self, clock: str, day: str = DAY) -> None:
        """Let it be that time in New York."""
        self.clock.stands = new_york(clock, day)

    def bar(self, clock: str, prices: str, volume: int = VOLUME, symbol: str = "NVDA") -> None:
        """Let the bar that begins then have that open, high, low and close, and volume."""
        self.execute(
            "UPDATE market_data SET open = %s, high = %s, low = %s, close = %s, volume = %s "
            'WHERE "timestamp" = %s AND symbol = %s',
            *prices.split(),
            volume,
            new_york(clock),
            symbol,
        )

    def order(
        self,
        side: str,
        quantity: int,
        symbol: str = "NVDA",
        limit: str | None = None,
        stop: str | None = None,
        tif: str = "DAY",
        name: str | None = None,
    ) -> Order:
        """An order with an id of its own."""
        self._made += 1
        kinds = {(False, False): "MARKET", (True, False): "LIMIT", (False, True): "STOP", (True, True): "STOP_LIMIT"}
        return Order(
            client_order_id=name or f"order-{self._made}",
            account=ACCOUNT,
            symbol=symbol,
            side=Side(side),
            order_type=OrderType(kinds[limit is not None, stop is not None]),
            quantity=D(quantity),
            limit_price=None if limit is None else D(limit),
            stop_price=None if stop is None else D(stop),
            time_in_force=TimeInForce(tif),
        )

    def sent(self, order: Order) -> str:
        """Make an order and send it; its id."""
        self.service.submit(order)
        self.service.turn()
        return order.client_order_id

    def turn_at(self, clock: str, day: str = DAY) -> None:
        """Let it be that time, and the service take in what came of it."""
        self.at(clock, day)
        self.service.turn()

    def kept(self, name: str) -> KeptOrder:
        """An order as it is stored."""
        return self.store.read(lambda account: account.order(name))

    def events(self, name: str) -> list[KeptEvent]:
        """Its history."""
        return self.store.read(lambda account: account.events(name))

    def history(self, name: str) -> list[tuple[str, str]]:
        """What happened to it, and what it was afterwards."""
        return [(str(one.event.kind), str(one.state)) for one in self.events(name)]

    def position(self, symbol: str = "NVDA") -> Position:
        """What is stored of it, valued by the bars of the hour."""
        found = self.store.read(lambda account: account.positions(before=self.clock()))
        return next(one for one in found if one.symbol == symbol)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database answers."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload]

    def execute(self, statement: str, *values: object) -> None:
        """Change the database behind everybody's back."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, values)  # type: ignore[call-overload]


@pytest.fixture
def order_desk(clean_environment: pytest.MonkeyPatch, migrated_postgres_url: str) -> OrderDesk:
    """One at 10:00 in New York on 2020-12-01, not connected."""
    put_bars(migrated_postgres_url, flat_session())  # type: ignore[arg-type]
    return OrderDesk(migrated_postgres_url, load_settings().oms)
