"""The simulated broker's own books, apart from those of whoever sends it orders: what it was asked, and what it did.

How it fills an order is `oms.matching`'s matter.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

from resources.database.order_rows import Row, fill_of, order_of, order_row
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from schemas.simulated import Charged, MarketBar, RestingOrder
from schemas.trading import OrderState

BOOK_LOCK: Final = 0x73696D62
""""simb": with the account, the lock of one simulated book."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class SimulatedBookStore:
    """The books of one simulated account."""

    server: DatabaseServer
    account: str

    @repeatable
    def within(self, work: Callable[["SimulatedBooks"], Result]) -> Result:
        """Do what the work does with the books in one transaction, one at a time."""
        with self.server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(named_query("lock_account"), {"class": BOOK_LOCK, "account": self.account})
            return work(SimulatedBooks(cursor, self.account))


@dataclass(frozen=True)
class SimulatedBooks:
    """The books while a transaction holds them."""

    cursor: psycopg.Cursor[DictRow]
    account: str

    def orders(self, since: datetime) -> list[RestingOrder]:
        """Orders that may still be filled, and those placed since then; by time."""
        return self._orders(since=since, id=None)

    def order(self, client_order_id: str) -> RestingOrder | None:
        """One order, whatever became of it."""
        return next(iter(self._orders(since=None, id=client_order_id)), None)

    def keep(self, resting: RestingOrder) -> None:
        """Keep an order as it stands."""
        changing = {name: value for name, value in asdict(resting).items() if name != "order"}
        self.cursor.execute(named_query("keep_simulated_order"), order_row(resting.order) | changing)

    def fills(self) -> list[Charged]:
        """All that was ever filled; by time."""
        found = self.cursor.execute(named_query("simulated_fills"), {"account": self.account}).fetchall()
        return [Charged(fill_of(row), row["commission"]) for row in found]

    def keep_fill(self, charged: Charged) -> None:
        """Append a fill."""
        row = asdict(charged.fill) | {"commission": charged.commission}
        self.cursor.execute(named_query("keep_simulated_fill"), row)

    def bars(self, symbol: str, first: datetime, before: datetime, length: timedelta) -> list[MarketBar]:
        """The stored bars of a symbol, each that long, that begin from `first` on and before `before`; by time."""
        asked = {"symbol": symbol, "first": first, "before": before}
        found = self.cursor.execute(named_query("market_bars_after"), asked).fetchall()
        return [_bar_of(row, length) for row in found]

    def _orders(self, **asked: object) -> list[RestingOrder]:
        found = self.cursor.execute(named_query("simulated_orders"), {"account": self.account, **asked})
        return [_resting_of(row) for row in found.fetchall()]


def _resting_of(row: Row) -> RestingOrder:
    names = ("placed_at", "reached", "filled", "triggered", "said")
    return RestingOrder(order_of(row), state=OrderState(row["state"]), **{name: row[name] for name in names})


def _bar_of(row: Row, length: timedelta) -> MarketBar:
    prices = {name: row[name] for name in ("open", "high", "low", "close", "volume")}
    return MarketBar(row["timestamp"], row["timestamp"] + length, **prices)
