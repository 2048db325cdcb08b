"""The simulated broker: keeps orders and fills of its own and fills them against stored bars.

It lives through restarts as a real one does: what it was handed is in its books before `place` returns, and what it did
does not depend on when it was asked. What a fill costs and gets is `oms.matching`'s matter.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import pandas as pd

from market.sessions import BarSize, session_at
from oms.matching import FillModel, matched
from oms.prices import last_prices
from resources.database.order_store import OrderStore
from resources.database.simulated_book_store import SimulatedBooks, SimulatedBookStore
from resources.errors import BrokerRefused
from schemas.broker import (
    AccountValues,
    BrokerBook,
    BrokerEvent,
    CancelRefused,
    HeldPosition,
    ModifyRefused,
    OrderReport,
)
from schemas.simulated import Charged, RestingOrder
from schemas.trading import Commission, Order, OrderState

REMEMBERED: Final = timedelta(days=7)
"""For how long orders that ended are told of, as IB does."""
Clock = Callable[[], datetime]


@dataclass
class SimulatedBroker:
    """A simulated account; fulfils `oms.broker.Broker`.

    Args:
        books: its own.
        prices: where last prices of what it holds are found.
        bar_size: of the stored bars.
        model: what orders cost and get.
        cash: what the account began with, in USD.
        now: the time at its market.
        sleep: waits that many seconds for bars.

    """

    books: SimulatedBookStore
    prices: OrderStore
    bar_size: BarSize
    model: FillModel
    cash: Decimal
    now: Clock
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    _queue: deque[BrokerEvent] = field(default_factory=deque, init=False)

    @property
    def account(self) -> str:
        """The account that is traded."""
        return self.books.account

    def connect(self) -> None:
        """Nothing has to be done."""

    def close(self) -> None:
        """What nobody took is forgotten: the books have it."""
        self._queue.clear()

    def events(self, timeout: float) -> Sequence[BrokerEvent]:
        """Let the bars that have come have their say, and tell; where there is nothing, once more after a wait."""
        self._queue += self.books.within(self._advance)
        if not self._queue and timeout:
            self.sleep(timeout)
            self._queue += self.books.within(self._advance)
        told = list(self._queue)
        self._queue.clear()
        return told

    def book(self) -> BrokerBook:
        """All that it knows of the account."""

        def told(books: SimulatedBooks) -> tuple[list[BrokerEvent], BrokerBook]:
            events, fills = self._advance(books), books.fills()
            return events, BrokerBook(
                self.account,
                self.now(),
                orders=tuple(_report(one, self.now()) for one in books.orders(self.now() - REMEMBERED)),
                fills=tuple(one.fill for one in fills),
                commissions=tuple(_commission(one) for one in fills),
                positions=tuple(_positions(fills)),
            )

        events, book = self.books.within(told)
        self._queue += events
        return book

    def account_values(self) -> AccountValues:
        """Cash of the beginning and of all fills, and what is held at the last closes; nothing is lent.

        Raises:
            BrokerRefused: no bar of something that is held is stored.

        """
        fills = self.books.within(lambda books: books.fills())
        cash = self.cash - sum((_spent(one) for one in fills), Decimal(0))
        held = {one.symbol: one.quantity for one in _positions(fills) if one.quantity}
        prices = self.prices.read(lambda account: last_prices(account, tuple(held), self.bar_size, self.now()))
        if lacking := sorted(held.keys() - prices.keys()):
            raise BrokerRefused(f"No bar of {', '.join(lacking)} is stored, so what is held cannot be valued.")
        value = sum((quantity * prices[symbol].price for symbol, quantity in held.items()), Decimal(0))
        return AccountValues(self.account, cash + value, buying_power=cash, available_funds=cash)

    def place(self, order: Order) -> None:
        """Take an order into the books.

        Raises:
            BrokerRefused: there is another of that id.
            UnknownSession: the exchange does not trade that day.

        """

        def placed(books: SimulatedBooks) -> None:
            if books.order(order.client_order_id) not in (None, resting):  # the same: the line broke, and it was kept
                raise BrokerRefused(f"There is an order {order.client_order_id} already.")
            books.keep(resting)

        now = self.now()
        session_at(pd.Timestamp(now))
        resting = RestingOrder(order, placed_at=now, reached=now)
        self.books.within(placed)
        self._queue.append(_report(resting, now))

    def modify(self, order: Order) -> None:
        """Replace quantity and prices of a working order; what is filled stays filled."""

        def modified(books: SimulatedBooks) -> list[BrokerEvent]:
            events, resting = self._advance(books), books.order(order.client_order_id)
            if resting is None or resting.state.ended or order.quantity <= resting.filled:
                return [*events, ModifyRefused(order.client_order_id, self.now(), _stands(resting), order.terms)]
            changed = replace(resting, order=order, reached=self.now())
            books.keep(changed)
            return [*events, _report(changed, self.now())]

        self._queue += self.books.within(modified)

    def cancel(self, client_order_id: str) -> None:
        """Cancel what is left of a working order; of one that is cancelled, that is told again."""

        def cancelled(books: SimulatedBooks) -> list[BrokerEvent]:
            events, resting = self._advance(books), books.order(client_order_id)
            if resting is None or (resting.state.ended and resting.state is not OrderState.CANCELLED):
                return [*events, CancelRefused(client_order_id, self.now(), _stands(resting))]
            changed = replace(resting, state=OrderState.CANCELLED, said=resting.said or "cancelled as asked")
            books.keep(changed)
            return [*events, _report(changed, self.now())]

        self._queue += self.books.within(cancelled)

    def _advance(self, books: SimulatedBooks) -> list[BrokerEvent]:
        """Bring the books to the present; what there is to tell once that is kept."""
        now, events = self.now(), list[BrokerEvent]()
        for resting in books.orders(now):
            if resting.state.ended:
                continue
            bars = books.bars(resting.order.symbol, resting.reached, now, self.bar_size.delta)
            expires_at = session_at(pd.Timestamp(resting.placed_at)).close.to_pydatetime()
            after, fills = matched(resting, bars, expires_at, now, self.model)
            if after == resting:
                continue
            books.keep(after)
            for one in fills:
                books.keep_fill(one)
                events += (one.fill, _commission(one))
            if after.state.ended:
                events.append(_report(after, now))
        return events


def _report(resting: RestingOrder, now: datetime) -> OrderReport:
    order = resting.order
    return OrderReport(order.client_order_id, resting.state, now, resting.filled, said=resting.said, terms=order.terms)


def _stands(resting: RestingOrder | None) -> str:
    """Why nothing is changed."""
    why = "it is not known" if resting is None else f"it is {resting.state}, with {resting.filled} shares filled"
    return f"The order stands as it did: {why}."


def _commission(charged: Charged) -> Commission:
    return Commission(charged.fill.exec_id, charged.commission)


def _spent(charged: Charged) -> Decimal:
    """What left the account for it; negative where money came in."""
    return charged.fill.side.sign * charged.fill.quantity * charged.fill.price + charged.commission


def _positions(fills: Sequence[Charged]) -> list[HeldPosition]:
    held: dict[str, list[Charged]] = {}
    for one in fills:
        held.setdefault(one.fill.symbol, []).append(one)
    return [HeldPosition(symbol, *_net(of_it)) for symbol, of_it in held.items()]


def _net(fills: Sequence[Charged]) -> tuple[Decimal, Decimal]:
    """Shares held and what each cost on average, as money that left the account."""
    shares = sum((one.fill.side.sign * one.fill.quantity for one in fills), Decimal(0))
    spent = sum((_spent(one) for one in fills), Decimal(0))
    return shares, spent / shares if shares else Decimal(0)
