"""The order service: takes orders in, sends them, takes in what the broker tells, and survives being killed anywhere.

An order's intent is stored, then marked as sent, then sent; what the broker tells is stored before it counts. So a
process that dies leaves one question at most, whether the broker has an order that was marked, and the next one asks
it. Nothing is ever sent twice.

What belongs here: what is done in which order. What does not: what an event means (`oms.lifecycle`, `oms.ledger`),
what is refused (`oms.risk`), how a broker is spoken to (`oms.broker`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

import pandas as pd

from market.sessions import BarSize, session_at
from oms.broker import Broker
from oms.prices import last_prices
from oms.reconciling import Compared, compare
from oms.recording import WHO, Recorder
from oms.risk import Situation, hold_limits
from resources.database.order_rows import KeptOrder
from resources.database.order_store import AccountTransaction, OrderStore
from resources.errors import BrokerRefused, BrokerUnreachable, OrderRefused, SubmitUnclear
from resources.ib.values import masked
from resources.settings import OmsSettings
from schemas.broker import (
    BrokerBook,
    BrokerEvent,
    CancelRefused,
    Link,
    LinkChanged,
)
from schemas.errors import UnknownSession
from schemas.order_events import EventKind, OrderEvent
from schemas.trading import Order, OrderState, TimeInForce

MINUTE: Final = timedelta(minutes=1)
ASKED_AGAIN: Final = 5
"""How often at most, while fills come."""
Clock = Callable[[], datetime]


@dataclass
class OrderService:
    """The orders of one account.

    Args:
        store: what the account is.
        broker: who trades it.
        settings: limits, and how long an intent is good for.
        symbols: those that are traded.
        bar_size: of the stored bars.
        now: the time at the account's market, aware.
        say: is given a line for people whenever something happens.

    """

    store: OrderStore
    broker: Broker
    settings: OmsSettings
    symbols: tuple[str, ...]
    bar_size: BarSize
    now: Clock
    say: Callable[[str], None] = print
    link: Link = field(default=Link.LOST, init=False)
    """Whether orders can be sent."""
    _was_lost: bool = field(default=False, init=False)
    """Whether the link was, and what happened meanwhile has not been asked for."""
    _told: list[BrokerEvent] = field(default_factory=list, init=False)
    """Told and not yet stored."""
    _cancelling: set[str] = field(default_factory=set, init=False)
    """Of what the broker was asked to cancel since it was connected."""

    # For whoever wants something.

    def submit(self, order: Order) -> None:
        """Take an order in, PENDING, if no limit stops it; whoever drives the account sends it.

        Raises:
            OrderRefused: naming the limit, the value and the bound.

        """

        attempts = count()

        def taken(account: AccountTransaction) -> None:
            known = account.known([order.client_order_id] if next(attempts) else [])
            if any(kept.first == order for kept in known.values()):
                return  # the line broke once it was kept
            hold_limits(order, self._situation(account, order), self.settings.limits)
            account.add_order(order, self.now())

        self.store.within(taken)

    def request_cancel(self, client_order_id: str, who: str) -> None:
        """Ask for an order to be cancelled; one that was not sent is at once.

        Raises:
            UnknownOrder: there is none of that id.
            OrderRefused: it has ended.

        """

        def asked(account: AccountTransaction) -> list[str]:
            kept = account.order(client_order_id)
            if kept.state.ended:
                raise OrderRefused(f"{client_order_id} is {kept.state}: there is nothing to cancel.")
            recorder = self._recorder(account)
            recorder.happened(OrderEvent(client_order_id, EventKind.CANCEL_REQUEST, self.now(), said=f"by {who}"))
            return recorder.said

        self._tell(self.store.within(asked))

    # For whoever drives the account.

    def connect(self) -> None:
        """Connect, and bring the account to where the broker has it: what happened while nobody listened is swept in.

        Raises:
            BrokerUnreachable: nobody answers; nothing is concluded.
            BrokerRefused: a person has to mend something.

        """
        self._cancelling.clear()
        self.broker.connect()
        if self.broker.account != self.store.account:
            had, wanted = masked(self.broker.account), masked(self.store.account)
            raise BrokerRefused(f"The broker trades {had}, and the orders are those of {wanted}: set ib.account.")
        self.store.within(lambda account: account.open_positions(self.symbols))
        self.link, self._was_lost = Link.RESTORED, False
        book = self._asked()
        # All that is marked as sent was sent before this connection, so what the broker lacks it never got.
        self._tell(self.store.within(lambda account: self._end_absent(account, book)))
        self.reconcile(book)

    def turn(self, timeout: float = 0.0) -> None:
        """Take in what was told, send what is to be sent; waits up to `timeout` seconds for the broker to speak.

        Raises:
            BrokerUnreachable: the connection broke: connect again.
            DatabaseError: what was told is kept for the next turn.

        """
        self._take(self.broker.events(timeout))
        if self._was_lost and self.link is not Link.LOST:
            self._was_lost = False
            self.reconcile()  # asks for what happened meanwhile
        if self.link is Link.LOST:
            return  # what is to be sent waits, and is not sent once it is too old
        for kept in self.store.read(lambda account: account.open_orders()):
            if kept.state is OrderState.PENDING:
                self._send(kept.order)
            elif kept.to_cancel and kept.order.client_order_id not in self._cancelling:
                self._cancelling.add(kept.order.client_order_id)
                self.broker.cancel(kept.order.client_order_id)

    def reconcile(self, book: BrokerBook | None = None) -> list[Compared]:
        """Compare positions with the broker's and halt the symbols that drift; a drift is asked about again.

        Returns:
            Every symbol of either book.

        """
        compared = self._compared(book or self._asked())
        for _ in range(ASKED_AGAIN):
            if not any(one.drift for one in compared):
                break
            # Something may have been filled between two answers of the book: it drifts where nothing moves any more.
            before, compared = compared, self._compared(self._asked())
            if compared == before:
                break
        self._tell(self.store.within(lambda account: self._halt_drifts(account, compared)))
        return compared

    def _asked(self) -> BrokerBook:
        """The broker's book, taken in."""
        book = self.broker.book()
        self._take([*self.broker.events(0), *book.fills, *book.commissions, *book.orders])
        # An order that works as if nobody had asked for its end: the request was lost, and may be sent again.
        self._cancelling -= {one.client_order_id for one in book.orders if one.state is OrderState.ACCEPTED}
        return book

    def _compared(self, book: BrokerBook) -> list[Compared]:
        held = self.store.read(lambda account: account.positions())
        return compare({one.symbol: one.quantity for one in held}, book.positions)

    def _halt_drifts(self, account: AccountTransaction, compared: Sequence[Compared]) -> list[str]:
        halted = {halt.symbol for halt in account.halts()}
        said = []
        for one in compared:
            account.keep_reconciliation(self.now(), one.symbol, one.ours, one.theirs)
            if one.drift and one.symbol not in halted:
                account.say_halted(one.symbol, WHO, f"drift of {one.drift}: {one}", halted=True)
                said.append(f"{one.symbol} is halted: {one}; adopt it, or find the fills")
        return said

    def _take(self, told: Sequence[BrokerEvent]) -> None:
        """Store what was told; what could not be stored is told again at the next turn."""
        self._told += told
        if not self._told:
            return
        waiting = list(self._told)
        self._tell(self.store.within(lambda account: self._recorded(account, waiting)))
        self._told.clear()
        for one in waiting:
            if isinstance(one, LinkChanged):
                self.link, self._was_lost = one.link, True
                self.say(f"The link is {one.link}: {one.said}")
            elif isinstance(one, CancelRefused):
                self._cancelling.discard(one.client_order_id)

    def _recorded(self, account: AccountTransaction, told: Sequence[BrokerEvent]) -> list[str]:
        recorder = self._recorder(account)
        recorder.take(told)
        recorder.finish()
        return recorder.said

    def _send(self, order: Order) -> None:
        """Mark an intent as sent, then send it; one that is too old, too late or was halted meanwhile is not sent."""

        def marked(account: AccountTransaction) -> tuple[bool, list[str]]:
            kept, recorder = account.order(order.client_order_id), self._recorder(account)
            if kept.state is OrderState.SUBMITTED:  # the line broke once it was marked
                raise BrokerUnreachable(f"Whether {order.client_order_id} was sent is not known: the broker is asked.")
            if kept.state is not OrderState.PENDING:
                return False, []
            against = self._against(account, kept)
            kind = EventKind.REJECT if against else EventKind.SUBMIT
            recorder.happened(OrderEvent(order.client_order_id, kind, self.now(), said=against))
            return not against, recorder.said

        may, said = self.store.within(marked)
        self._tell(said)
        if not may:
            return
        try:
            self.broker.place(order)
        except SubmitUnclear:
            raise BrokerUnreachable(
                f"Whether {order.client_order_id} arrived is not known: the broker is asked."
            ) from None

    def _against(self, account: AccountTransaction, kept: KeptOrder) -> str:
        """Why an intent is not sent any more; empty where it is."""
        good_until = kept.created_at + timedelta(seconds=self.settings.intent_seconds)
        if self.now() > good_until:
            return f"not sent within {self.settings.intent_seconds} s (intent_seconds)"
        if not _trades(self.now()):
            return "the exchange closed before it was sent"
        for halt in account.halts():
            if halt.symbol in (None, kept.order.symbol):
                return f"halted by {halt.who} before it was sent ({halt.why})"
        return ""

    def _end_absent(self, account: AccountTransaction, book: BrokerBook) -> list[str]:
        """End the orders that the broker does not have, or has as ended in a way that its words did not bring about."""
        works = {one.client_order_id for one in book.orders if not one.state.ended}
        ended = {one.client_order_id: one.state for one in book.orders if one.state.ended}
        recorder = self._recorder(account)
        for kept in account.open_orders():
            name = kept.order.client_order_id
            if kept.state is OrderState.PENDING or name in works:
                continue
            kind, said = self._ending(kept, ended.get(name))
            filled = any(one.client_order_id == name for one in book.fills)
            if filled and name not in ended and kind is EventKind.CANCEL:
                continue  # it is there: it fills
            recorder.happened(OrderEvent(name, kind, self.now(), said=said))
        recorder.finish()
        return recorder.said

    def _ending(self, kept: KeptOrder, there: OrderState | None) -> tuple[EventKind, str]:
        if there is OrderState.FILLED:
            return EventKind.CANCEL, "the broker says FILLED and does not tell all fills any more: reconcile"
        if there is not None:
            return EventKind.CANCEL, f"the broker says {there}"
        day = session_at(pd.Timestamp(kept.created_at))
        stood = kept.order.time_in_force is TimeInForce.DAY and kept.state is not OrderState.SUBMITTED
        if stood and self.now() >= day.close:
            return EventKind.EXPIRE, "its session closed, and the broker does not have it any more"
        return EventKind.CANCEL, "the broker was asked and does not have it"

    def _situation(self, account: AccountTransaction, order: Order) -> Situation:
        now, limits = self.now(), self.settings.limits
        working = [
            kept.working for kept in account.open_orders() if kept.order.client_order_id != order.client_order_id
        ]
        positions = {one.symbol: one.quantity for one in account.positions()}
        symbols = {order.symbol, *positions, *(one.symbol for one in working)}
        return Situation(
            now=now,
            symbols=self.symbols,
            session_open=_trades(now),
            prices=last_prices(account, symbols, self.bar_size, now),
            positions=positions,
            working=working,
            halts=account.halts(),
            orders_in_a_minute=account.orders_since(now - MINUTE, now),
            alike=account.alike(order, now - timedelta(seconds=limits.repeat_seconds), now),
        )

    def _recorder(self, account: AccountTransaction) -> Recorder:
        return Recorder(account, self.bar_size, self.now())

    def _tell(self, said: Sequence[str]) -> None:
        for line in said:
            self.say(line)


def _trades(now: datetime) -> bool:
    """Whether the exchange trades at that instant."""
    try:
        day = session_at(pd.Timestamp(now))
    except UnknownSession:
        return False
    return bool(day.open <= now < day.close)
