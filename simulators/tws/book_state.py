"""What stands in the book: orders, executions and positions, and how they are found.

What belongs here: the state and the questions to it. What does not: what changes it (`book`).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from simulators.tws.holdings import cash
from simulators.tws.records import ZERO, Execution, Instrument, Order, Position, Ticket


class BookState:
    """Orders by permId, executions by their base, positions by account and symbol.

    `prices` are what the stocks trade at; `money` is what every account began with, in USD.
    """

    def __init__(
        self,
        accounts: Iterable[str],
        instruments: Iterable[Instrument],
        prices: Mapping[str, Decimal],
        money: Decimal,
        now: Callable[[], datetime],
    ) -> None:
        self.accounts = tuple(accounts)
        self.instruments = {each.symbol: each for each in instruments}
        self.prices = dict(prices)
        self._money = money
        self._now = now
        self._orders: dict[int, Order] = {}
        self._executions: dict[str, Execution] = {}
        self._earlier_orders = 0
        self._earlier_executions = 0
        self._positions: dict[tuple[str, str], Position] = {}
        self._ids: dict[tuple[int, int], int] = {}
        self._next_ids: dict[int, int] = {}

    @property
    def orders(self) -> tuple[Order, ...]:
        """All orders ever, in the order of arrival."""
        return tuple(self._orders.values())

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """The orders that can still trade."""
        return tuple(order for order in self._orders.values() if order.status.open)

    @property
    def completed_orders(self) -> tuple[Order, ...]:
        """The orders of the day that are done, however they ended."""
        return tuple(order for order in self.orders[self._earlier_orders :] if not order.status.open)

    @property
    def executions(self) -> tuple[Execution, ...]:
        """The executions of the day after their last corrections, in the order of their first revisions."""
        return tuple(self._executions.values())[self._earlier_executions :]

    def order(self, key: int | str) -> Order:
        """The order with this permId, or the newest with this orderRef; raises KeyError where there is none."""
        if isinstance(key, int):
            return self._orders[key]
        for order in reversed(self._orders.values()):
            if order.ticket.order_ref == key:
                return order
        raise KeyError(key)

    def execution(self, base: str) -> Execution:
        """The execution of that base as it stands now; raises KeyError where there is none."""
        return self._executions[base]

    def knows(self, ticket: Ticket) -> bool:
        """Whether there is an order of this client and order id."""
        return (ticket.client_id, ticket.order_id) in self._ids

    def is_open(self, ticket: Ticket) -> bool:
        """Whether the order of this client and order id is open."""
        return self._orders[self._ids[ticket.client_id, ticket.order_id]].status.open

    def next_id(self, client_id: int) -> int:
        """The order id that the client is told to begin with."""
        return self._next_ids.get(client_id, 1)

    def find(self, con_id: int, symbol: str) -> Instrument | None:
        """The stock with this number, or with this symbol where the number is 0; None where there is no such one."""
        for each in self.instruments.values():
            if (con_id == each.con_id) if con_id else (symbol == each.symbol):
                return each
        return None

    def position(self, account: str, symbol: str) -> Position:
        """What the account has of the stock, also when that is nothing."""
        return self._positions.get((account, symbol), Position())

    def held(self, account: str) -> dict[str, Position]:
        """The account's positions that are not zero, by symbol."""
        return {symbol: each for (owner, symbol), each in self._positions.items() if owner == account and each.quantity}

    def mark(self, symbol: str) -> Decimal:
        """The price that a position is valued at: the stock's, else the last execution's, else nothing."""
        known = self.prices.get(symbol)
        traded = (each.price for each in reversed(self._executions.values()) if each.ticket.symbol == symbol)
        return known if known is not None else next(traded, ZERO)

    def cash(self, account: str) -> Decimal:
        """The account's money in USD."""
        return cash(self._money, (each for each in self._executions.values() if each.ticket.account == account))
