"""Hands over to the broker what is wanted of it: new orders, cancels, modifications, each once on a connection.

An order is marked as sent before it is sent, and is never sent twice. To ask for a cancel or a modification again does
no harm: these are open in the database until the broker has answered, and are asked for anew on every connection.

What belongs here: what is still to be handed over, and whether it still may be. What does not: taking orders in and
what the broker tells (`oms.service`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from market.sessions import BarSize, session_at
from oms.broker import Broker
from oms.recording import Recorder
from resources.database.order_rows import KeptOrder, Modification
from resources.database.order_store import AccountTransaction, OrderStore
from resources.errors import BrokerUnreachable, SubmitUnclear
from schemas.broker import BrokerBook
from schemas.errors import UnknownSession
from schemas.order_events import EventKind, OrderEvent
from schemas.trading import Order, OrderState

WORKING: Final = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
"""Where the broker has an order and can be asked to modify it."""


def exchange_open(now: datetime) -> bool:
    """Whether the exchange trades at that instant."""
    try:
        day = session_at(pd.Timestamp(now))
    except UnknownSession:
        return False
    return bool(day.open <= now < day.close)


@dataclass
class Sender:
    """What an account's broker was asked for since it was connected.

    Args:
        store: what the account is.
        broker: who trades it.
        intent_seconds: how long an intent is good for.
        bar_size: of the stored bars.
        now: the time at the account's market, aware.
        say: is given a line for people whenever something happens.

    """

    store: OrderStore
    broker: Broker
    intent_seconds: int
    bar_size: BarSize
    now: Callable[[], datetime]
    say: Callable[[str], None]
    _cancelling: set[str] = field(default_factory=set, init=False)
    _modifying: set[int] = field(default_factory=set, init=False)
    """The modifications, by number."""

    def begin(self) -> None:
        """A connection is about to be made: what was asked for before may have been lost."""
        self._cancelling.clear()
        self._modifying.clear()

    def compare(self, book: BrokerBook) -> None:
        """An order that works as if nobody had asked for its end: the request was lost, and may be sent again.

        So may a modification that the book does not show.
        """
        self._cancelling -= {one.client_order_id for one in book.orders if one.state is OrderState.ACCEPTED}
        self._modifying.clear()

    def cancel_refused(self, client_order_id: str) -> None:
        """The broker answered: another request is another question."""
        self._cancelling.discard(client_order_id)

    def send(self) -> None:
        """Hand over all that has not been.

        Raises:
            BrokerUnreachable: the connection broke: connect again.

        """
        for kept in self.store.read(lambda account: account.open_orders()):
            if kept.state is OrderState.PENDING:
                self._place(kept.order.client_order_id)
            elif kept.to_cancel:
                self._cancel(kept.order.client_order_id)
            elif kept.modification is not None and kept.state in WORKING:
                self._modify(kept, kept.modification)

    def _place(self, name: str) -> None:
        """Mark an intent as sent, then send it; one that is too old, too late or was halted meanwhile is not sent."""

        def marked(account: AccountTransaction, recorder: Recorder) -> Order | None:
            kept = account.order(name)
            if kept.state is OrderState.SUBMITTED:  # the line broke once it was marked
                raise BrokerUnreachable(f"Whether {name} was sent is not known: the broker is asked.")
            if kept.state is not OrderState.PENDING:
                return None
            against = self._against(account, kept.order.symbol, kept.created_at)
            kind = EventKind.REJECT if against else EventKind.SUBMIT
            recorder.happened(OrderEvent(name, kind, self.now(), said=against))
            return None if against else kept.order  # as it is now: it may have been modified

        order = self._decided(marked)
        if order is not None:
            self._hand_over(self.broker.place, order)

    def _cancel(self, name: str) -> None:
        """Ask for a cancel, once."""
        if name not in self._cancelling:
            self._cancelling.add(name)
            self.broker.cancel(name)

    def _modify(self, kept: KeptOrder, asked: Modification) -> None:
        """Ask for a modification, once; one that is too old, too late or was halted meanwhile is given up."""
        if asked.number in self._modifying:
            return

        def looked(account: AccountTransaction, recorder: Recorder) -> Order | None:
            against = self._against(account, kept.order.symbol, asked.asked_at)
            if against:
                name, kind = kept.order.client_order_id, EventKind.MODIFY_REFUSED
                recorder.happened(OrderEvent.of_terms(name, kind, self.now(), asked.terms, against))
            return None if against else kept.order.with_terms(asked.terms)

        order = self._decided(looked)
        if order is not None:
            self._modifying.add(asked.number)
            self._hand_over(self.broker.modify, order)

    def _decided(self, decide: Callable[[AccountTransaction, Recorder], Order | None]) -> Order | None:
        """What is to be handed over, if anything; told to people as well."""

        def within(account: AccountTransaction) -> tuple[Order | None, list[str]]:
            recorder = Recorder(account, self.bar_size, self.now())
            return decide(account, recorder), recorder.said

        order, said = self.store.within(within)
        for line in said:
            self.say(line)
        return order

    def _hand_over(self, send: Callable[[Order], None], order: Order) -> None:
        try:
            send(order)
        except SubmitUnclear:
            name = order.client_order_id
            raise BrokerUnreachable(f"Whether {name} arrived is not known: the broker is asked.") from None

    def _against(self, account: AccountTransaction, symbol: str, wanted_at: datetime) -> str:
        """Why it is not sent any more; empty where it is."""
        if self.now() > wanted_at + timedelta(seconds=self.intent_seconds):
            return f"not sent within {self.intent_seconds} s (intent_seconds)"
        if not exchange_open(self.now()):
            return "the exchange closed before it was sent"
        for halt in account.halts():
            if halt.symbol in (None, symbol):
                return f"halted by {halt.who} before it was sent ({halt.why})"
        return ""
