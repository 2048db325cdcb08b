"""The order service: takes orders in, sends them, takes in what the broker tells, and survives being killed anywhere.

An order's intent is stored, then marked as sent, then sent; what the broker tells is stored before it counts. So a
process that dies leaves one question at most, whether the broker has an order that was marked, and the next one asks
it. Nothing is ever sent twice.

What belongs here: what is done in which order. What does not: what an event means (`oms.lifecycle`, `oms.ledger`),
what is refused (`oms.risk`), what is handed over to the broker (`oms.sending`), how it is spoken to (`oms.broker`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Final

from market.sessions import BarSize
from oms.absent import end_absent
from oms.broker import Broker
from oms.prices import last_prices
from oms.reconciling import compare
from oms.recording import WHO, Recorder
from oms.risk import Situation, hold_limits
from oms.sending import Sender, exchange_open
from resources.database.order_rows import KeptOrder
from resources.database.order_store import AccountTransaction, OrderStore
from resources.errors import BrokerRefused, OrderRefused
from resources.ib.values import masked
from resources.settings_sections import OmsSettings
from schemas.broker import (
    BrokerBook,
    BrokerEvent,
    CancelRefused,
    Compared,
    Link,
    LinkChanged,
)
from schemas.order_events import EventKind, OrderEvent
from schemas.trading import Order, OrderState, Terms

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
    _sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        intent_seconds = self.settings.intent_seconds
        self._sender = Sender(self.store, self.broker, intent_seconds, self.bar_size, self.now, self.say)

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

    def request_modify(
        self,
        client_order_id: str,
        who: str,
        *,
        quantity: Decimal | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Terms:
        """Ask for other terms of an order, if no limit stops it; what is not given stays. One not sent has them now.

        It makes no order: how many were made in the last minute does not stop it, nor that one asks for the same.

        Returns:
            What it is to stand with; until the broker has taken that, the order stands as it did.

        Raises:
            UnknownOrder: there is none of that id.
            OrderInvalid: they do not fit its type.
            OrderRefused: it has ended, or is filled so far, or has them already; or naming the limit.

        """
        changes = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
        given = {name: value for name, value in changes.items() if value is not None}
        attempts = count()

        def asked(account: AccountTransaction) -> tuple[Terms, list[str]]:
            kept, again = account.order(client_order_id), next(attempts)
            terms = replace(kept.asked, **given)
            if terms == kept.asked and again:
                return terms, []  # the line broke once it was kept
            self._hold_modification(account, kept, terms)
            kind = EventKind.MODIFY if kept.state is OrderState.PENDING else EventKind.MODIFY_REQUEST
            recorder = self._recorder(account)
            event = OrderEvent.of_terms(client_order_id, kind, self.now(), terms, f"by {who}")
            if against := recorder.against(event):
                raise OrderRefused(f"{client_order_id} is not modified: {against}")
            recorder.happened(event)
            return terms, recorder.said

        terms, said = self.store.within(asked)
        self._tell(said)
        return terms

    # For whoever drives the account.

    def connect(self) -> None:
        """Connect, and bring the account to where the broker has it: what happened while nobody listened is swept in.

        Raises:
            BrokerUnreachable: nobody answers; nothing is concluded.
            BrokerRefused: a person has to mend something.

        """
        self._sender.begin()
        self.broker.connect()
        if self.broker.account != self.store.account:
            had, wanted = masked(self.broker.account), masked(self.store.account)
            raise BrokerRefused(f"The broker trades {had}, and the orders are those of {wanted}: set ib.account.")
        self.store.within(lambda account: account.open_positions(self.symbols))
        self.link, self._was_lost = Link.RESTORED, False
        book = self._asked()
        # All that is marked as sent was sent before this connection, so what the broker lacks it never got.
        self._tell(self.store.within(lambda account: self._ended(account, book)))
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
        self._sender.send()

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
        self._sender.compare(book)
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
                self._sender.cancel_refused(one.client_order_id)

    def _recorded(self, account: AccountTransaction, told: Sequence[BrokerEvent]) -> list[str]:
        recorder = self._recorder(account)
        recorder.take(told)
        recorder.finish()
        return recorder.said

    def _ended(self, account: AccountTransaction, book: BrokerBook) -> list[str]:
        recorder = self._recorder(account)
        end_absent(recorder, book)
        recorder.finish()
        return recorder.said

    def _hold_modification(self, account: AccountTransaction, kept: KeptOrder, terms: Terms) -> None:
        """Refuse terms that an order cannot have, or that go beyond a limit."""
        name = kept.order.client_order_id
        if kept.state.ended:
            raise OrderRefused(f"{name} is {kept.state}: there is nothing to modify.")
        if terms == kept.asked:
            raise OrderRefused(f"{name} asks for {terms} already: there is nothing to modify.")
        order = kept.order.with_terms(terms)
        if order.quantity > kept.filled:  # what is filled is held already
            order = replace(order, quantity=order.quantity - kept.filled)
            situation = replace(self._situation(account, order), orders_in_a_minute=0, alike=None)
            hold_limits(order, situation, self.settings.limits)

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
            session_open=exchange_open(now),
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
