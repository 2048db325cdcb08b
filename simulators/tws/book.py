"""The broker's book of one or more accounts: how orders, executions and positions change.

What belongs here: pure state, changed by calls that say what happened as events. What does not: what stands in it and
how that is found (`book_state`), when an order trades (`market`), sockets, who is told of an event (`publisher`).
"""

from dataclasses import replace
from decimal import Decimal

from simulators.tws.book_state import BookState
from simulators.tws.holdings import add, average, commission, refold
from simulators.tws.market import ORDER_TYPES, is_stop, marketable, triggers
from simulators.tws.notices import TEXTS
from simulators.tws.records import (
    MANUAL_CLIENT,
    ZERO,
    Charged,
    Event,
    Executed,
    Execution,
    Moved,
    Notice,
    Opened,
    Order,
    Status,
    StatusChanged,
    Ticket,
)

FIRST_PERM_ID = 1_376_327_563
EXEC_PREFIX, FIRST_EXEC = "0000e0d5", 0x67A1B2C3


class Book(BookState):
    """Not safe for several threads at once.

    A stock without a price lets its orders rest until `fill` or `price` moves them. With `hold_cancels` a cancel waits
    as PendingCancel for `end` or `resume`; one that cannot be is refused with `refused_cancel_code`, 10148 or 161.
    `pieces` is how many shares fill at once at most.
    """

    hold_cancels = False
    refused_cancel_code = 10148
    pieces: Decimal | None = None

    # What a client does.

    def place(self, ticket: Ticket, *, match: bool = True) -> list[Event]:
        """A new order, or new terms for an open one of the same client and order id; the order itself comes first.

        Without `match` it rests, whatever the price.
        """
        if self.knows(ticket):
            return self._modify(self._orders[self._ids[ticket.client_id, ticket.order_id]], ticket)
        if (refusal := self._refusal(ticket)) is not None:
            return [refusal]
        perm_id = FIRST_PERM_ID + len(self._orders)
        if ticket.client_id != MANUAL_CLIENT or ticket.order_id:
            self._ids[ticket.client_id, ticket.order_id] = perm_id
            self._next_ids[ticket.client_id] = max(self.next_id(ticket.client_id), ticket.order_id + 1)
        waits = is_stop(ticket)
        status, why = (Status.PRE_SUBMITTED, "trigger") if waits else (Status.SUBMITTED, "")
        opened = Opened(self._put(Order(perm_id, ticket, status, why_held=why)))
        return [opened, *(self._match(perm_id) if match else ())]

    def cancel(self, client_id: int, order_id: int) -> list[Event]:
        """Cancels the client's order, or says why that cannot be."""
        known = self._ids.get((client_id, order_id))
        if known is None:
            return [Notice(client_id, order_id, 10147, TEXTS[10147].format(order_id))]
        order = self._orders[known]
        if not order.status.open:
            return [self._not_cancellable(order)]
        if self.hold_cancels:
            return [StatusChanged(self._put(replace(order, status=Status.PENDING_CANCEL)))]
        return self.end(order.perm_id)

    def cancel_all(self) -> list[Event]:
        """Cancels every open order of every client."""
        return [event for order in self.open_orders for event in self.end(order.perm_id)]

    # What the broker and the exchange do.

    def price(self, symbol: str, value: Decimal | None) -> list[Event]:
        """The stock trades at `value` now: stops trigger and what is marketable fills; None: it does not trade."""
        if value is None:
            self.prices.pop(symbol, None)
            return []
        self.prices[symbol] = value
        waiting = [order.perm_id for order in self.open_orders if order.ticket.symbol == symbol]
        return [event for perm_id in waiting for event in self._match(perm_id)]

    def fill(self, perm_id: int, shares: Decimal, price: Decimal) -> list[Event]:
        """Fills a part of an order or its rest, a cancelled order's too; raises ValueError for more than its rest."""
        order = self._orders[perm_id]
        if not ZERO < shares <= order.remaining or order.status is Status.INACTIVE:
            raise ValueError(f"{shares} shares of order {perm_id}: {order.remaining} remain, it is {order.status}")
        filled = order.filled + shares
        mean = (order.filled * order.avg_price + shares * price) / filled
        order = replace(order, filled=filled, avg_price=mean, last_price=price, why_held="")
        if not order.remaining:
            order = self._complete(order, Status.FILLED, f"Filled Size: {filled}")
        elif order.status is Status.PRE_SUBMITTED:
            order = replace(order, status=Status.SUBMITTED)
        execution = self._execute(self._put(order), shares, price)
        changed = StatusChanged(order) if order.remaining else Opened(order)
        return [Executed(execution), changed, Charged(execution), Moved(order.ticket.account, order.ticket.symbol)]

    def end(self, perm_id: int, reason: str = "", completed: str = "Cancelled by Trader") -> list[Event]:
        """Cancels an open order: the status, then error 202."""
        order = self._orders[perm_id]
        if not order.status.open:
            raise ValueError(f"order {perm_id} cannot be cancelled, it is {order.status}")
        order = self._complete(order, Status.CANCELLED, completed)
        return [StatusChanged(order), _notice(order, 202, TEXTS[202].format(reason))]

    def reject(self, perm_id: int, code: int, text: str) -> list[Event]:
        """Refuses an open order that has no fills yet: the error, then the order as inactive."""
        order = self._orders[perm_id]
        if not order.status.open or order.filled:
            raise ValueError(f"order {perm_id} cannot be rejected, it is {order.status} with {order.filled} filled")
        order = self._complete(order, Status.INACTIVE, f"Rejected by System: {text}")
        return [_notice(order, code, text), Opened(order)]

    def resume(self, perm_id: int) -> list[Event]:
        """A cancel that waited was refused: the order works on, and trades if it is marketable."""
        order = self._orders[perm_id]
        if order.status is not Status.PENDING_CANCEL:
            raise ValueError(f"order {perm_id} is not waiting for a cancel, it is {order.status}")
        waits = is_stop(order.ticket) and not order.triggered
        order = self._put(replace(order, status=Status.PRE_SUBMITTED if waits else Status.SUBMITTED))
        return [StatusChanged(order), *self._match(perm_id)]

    def hold(self, perm_id: int, why: str) -> list[Event]:
        """The order is held back for a reason, such as `locate`; an empty one lets it go."""
        order = self._orders[perm_id]
        if not order.status.open:
            raise ValueError(f"order {perm_id} cannot be held, it is {order.status}")
        status = Status.PRE_SUBMITTED if why else Status.SUBMITTED
        return [StatusChanged(self._put(replace(order, status=status, why_held=why))), *self._match(perm_id)]

    def correct(self, base: str, shares: Decimal | None, price: Decimal | None) -> list[Event]:
        """A new revision of an execution, and all that follows from it; zero shares take it back.

        Raises ValueError where the order would then have filled more than its quantity.
        """
        old = self.execution(base)
        order = self._orders[old.perm_id]
        shares, price = old.shares if shares is None else shares, old.price if price is None else price
        if not ZERO <= shares <= order.remaining + old.shares:
            raise ValueError(f"{shares} shares of {old.exec_id} are not within its order of {order.ticket.quantity}")
        before = old.cum_qty - old.shares
        new = replace(
            old,
            exec_id=f"{base}.{int(old.exec_id.rpartition('.')[2]) + 1:02d}",
            shares=shares,
            price=price,
            cum_qty=before + shares,
            commission=commission(before, shares),
        )
        self._executions[base] = new
        of_order = [each for each in self._executions.values() if each.perm_id == order.perm_id]
        self._executions[base] = replace(new, avg_price=average(of_order[: of_order.index(new) + 1]))
        filled = order.filled - old.shares + shares
        self._put(replace(order, filled=filled, avg_price=average(of_order)))
        account, symbol = new.ticket.account, new.ticket.symbol
        self._resettle(account, symbol)
        return [Executed(self.execution(base)), Charged(self.execution(base)), Moved(account, symbol)]

    def expire(self) -> list[Event]:
        """The session closes: DAY orders end, GTC orders stay."""
        ending = [order.perm_id for order in self.open_orders if order.ticket.tif != "GTC"]
        return [event for perm_id in ending for event in self.end(perm_id, completed="Cancelled by System")]

    def new_day(self) -> None:
        """Executions and completed orders so far are not of the day any more; positions and open orders stay."""
        self._earlier_executions, self._earlier_orders = len(self._executions), len(self._orders)

    def rewind_ids(self) -> None:
        """Forgets the order ids of orders that are done, as a restart with lost settings does."""
        self._ids = {key: perm_id for key, perm_id in self._ids.items() if self._orders[perm_id].status.open}
        self._next_ids = {}
        for client_id, order_id in self._ids:
            self._next_ids[client_id] = max(self.next_id(client_id), order_id + 1)

    # How it is done.

    def _put(self, order: Order) -> Order:
        self._orders[order.perm_id] = order
        return order

    def _complete(self, order: Order, status: Status, text: str) -> Order:
        return self._put(replace(order, status=status, why_held="", completed_at=self._now(), completed_status=text))

    def _refusal(self, ticket: Ticket) -> Notice | None:
        if ticket.order_type not in ORDER_TYPES or ticket.action not in ("BUY", "SELL") or ticket.quantity <= 0:
            code, text = 201, TEXTS[201].format("Invalid order type, action or quantity")
        elif ticket.account not in self.accounts:
            code, text = 321, TEXTS[321].format("The account code is required for this operation.")
        else:
            return None
        return Notice(ticket.client_id, ticket.order_id, code, text)

    def _modify(self, order: Order, ticket: Ticket) -> list[Event]:
        old = order.ticket
        same = (old.symbol, old.action, old.account, old.order_ref) == (
            ticket.symbol, ticket.action, ticket.account, ticket.order_ref
        )  # fmt: skip
        if not same or not order.status.open:
            code = 104 if same and order.status is Status.FILLED else 103
            return [_notice(order, code, TEXTS[code])]
        if ticket.order_type != old.order_type:
            return [_notice(order, 329, TEXTS[329])]
        if ticket.quantity <= order.filled:
            return [_notice(order, 201, TEXTS[201].format("The new quantity is filled already"))]
        return [Opened(self._put(replace(order, ticket=ticket))), *self._match(order.perm_id)]

    def _match(self, perm_id: int) -> list[Event]:
        order = self._orders[perm_id]
        price = self.prices.get(order.ticket.symbol)
        if price is None or order.why_held not in ("", "trigger"):
            return []
        events: list[Event] = []
        if is_stop(order.ticket) and not order.triggered:
            if not triggers(order.ticket, price):
                return []
            order = self._put(replace(order, triggered=True, why_held="", status=Status.SUBMITTED))
            events.append(StatusChanged(order))
        while order.remaining and marketable(order.ticket, price):
            events += self.fill(perm_id, min(order.remaining, self.pieces or order.remaining), price)
            order = self._orders[perm_id]
        return events

    def _execute(self, order: Order, shares: Decimal, price: Decimal) -> Execution:
        base = f"{EXEC_PREFIX}.{FIRST_EXEC + len(self._executions):08x}.01"
        execution = Execution(
            exec_id=f"{base}.01",
            perm_id=order.perm_id,
            ticket=order.ticket,
            time=self._now(),
            shares=shares,
            price=price,
            cum_qty=order.filled,
            avg_price=order.avg_price,
            commission=commission(order.filled - shares, shares),
        )
        key = (order.ticket.account, order.ticket.symbol)
        self._positions[key], realized = add(self.position(*key), execution)
        self._executions[base] = execution = replace(execution, realized_pnl=realized)
        return execution

    def _resettle(self, account: str, symbol: str) -> None:
        every = self._executions.values()
        of_it = [each for each in every if (each.ticket.account, each.ticket.symbol) == (account, symbol)]
        self._positions[account, symbol], settled = refold(of_it)
        self._executions |= {each.base: each for each in settled}

    def _not_cancellable(self, order: Order) -> Notice:
        if self.refused_cancel_code == 161:
            return _notice(order, 161, TEXTS[161].format(order.perm_id))
        return _notice(order, 10148, TEXTS[10148].format(order.ticket.order_id, order.status))


def _notice(order: Order, code: int, text: str) -> Notice:
    return Notice(order.ticket.client_id, order.ticket.order_id, code, text)
