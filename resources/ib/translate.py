"""What TWS says, as events of the broker: raw messages in, records out. No sockets, no clock, no library.

Truth is what statuses, executions, lists and errors say, each by itself. What was asked of an order last is remembered,
because the same error means one thing about a new order and another about one that works.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

import pandas as pd

from market.sessions import session_at
from resources.errors import BrokerRefused
from resources.http import shown
from resources.ib import codes
from resources.ib.known_orders import KnownOrder, KnownOrders
from resources.ib.values import exact, instant, needed, ticker, without_accounts
from resources.ib.wire import Incoming, Kind, ListedOrder, Message, kind_of
from schemas.broker import (
    BrokerEvent,
    BrokerNotice,
    CancelRefused,
    HeldPosition,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.errors import UnknownSession
from schemas.trading import (
    TICK,
    Commission,
    Fill,
    OrderState,
    Side,
    Terms,
)

SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}
WORKING: Final = (OrderState.ACCEPTED, OrderState.PENDING_CANCEL)
WORDS: Final = 400
"""Characters of the broker's text that are kept."""


class Translator:
    """Reads the messages of one client about one account.

    Args:
        client_id: whose order ids errors are about.
        orders: what was heard of orders so far.

    """

    def __init__(self, client_id: int, orders: KnownOrders) -> None:
        self._client_id = client_id
        self._orders = orders
        self.account = ""
        """Whose orders and fills are told; set once the account is known."""

    def read(self, message: Incoming, at: datetime) -> Iterator[BrokerEvent]:
        """The events that a message amounts to, at the time at which it came.

        Raises:
            ValueError, BrokerRefused: it is not understood.

        """
        if isinstance(message, ListedOrder):
            known = self._orders.listed(message)
            known.works = known.works or codes.STATUSES.get(message.status) in WORKING
            if not message.completed:
                known.terms = _terms(message)
                known.modifying = None if known.modifying == known.terms else known.modifying
            elif self._ours(known):
                yield self._completed(message, known, at)
            return
        match kind_of(message):
            case Kind.ORDER_STATUS:
                yield from self._status(message, at)
            case Kind.ERROR:
                yield from self._error(message, at)
            case Kind.EXECUTION:
                yield from self._execution(message, at)
            case Kind.COMMISSION:
                yield from _commission(message)

    def listed(self, listed: ListedOrder, at: datetime) -> OrderReport:
        """How an order stands by the list of open ones."""
        known = self._orders.listed(listed)
        state = codes.STATUSES.get(listed.status, OrderState.SUBMITTED)
        return self._report(known, self._ending(known, state, "", at), at, listed.status)

    def _status(self, message: Message, at: datetime) -> Iterator[BrokerEvent]:
        _, order_id, word, filled, _, _, perm_id, _, _, client_id, why_held, *_ = message
        known = self._orders.find(int(order_id), int(client_id), int(perm_id))
        if known is None:
            known = KnownOrder(self.account, None, "")
        if int(client_id) == self._client_id:
            self._orders.saw(int(order_id))
        self._orders.identify(known, int(perm_id))
        known.filled = needed(filled)
        if not self._ours(known):
            return
        if word not in codes.STATUSES:
            yield BrokerNotice(at, codes.NO_SUCH_CODE, f"an order's status is {shown(word)}", known.reference)
            return
        state = codes.STATUSES[word]
        if state in WORKING:
            known.works, known.refused = True, ""
        elif known.refused and state is OrderState.CANCELLED:
            state = OrderState.REJECTED
        if state is OrderState.REJECTED and known.filled:
            state = OrderState.CANCELLED  # what was filled is not rejected
        more = known.refused if state.ended else why_held and f"held: {why_held}"
        said = f"{word}, {more}" if more else word
        yield self._report(known, self._ending(known, state, "", at), at, said)

    def _completed(self, listed: ListedOrder, known: KnownOrder, at: datetime) -> OrderReport:
        known.filled = max(known.filled, exact(listed.filled) or Decimal(0))
        state = codes.STATUSES.get(listed.status, OrderState.CANCELLED)
        said = ", ".join(filter(None, [listed.status, listed.completed_status]))
        return self._report(
            known, self._ending(known, state, listed.completed_status, _completion(listed, at)), at, said
        )

    def _ending(self, known: KnownOrder, state: OrderState, reason: str, at: datetime) -> OrderState:
        """The state that a status means: IB says "Cancelled" of what was rejected and of what expired, too."""
        if known.ended in (OrderState.REJECTED, OrderState.EXPIRED) and state in (
            OrderState.CANCELLED,
            OrderState.REJECTED,
        ):
            return known.ended
        if state is OrderState.CANCELLED and _expired(known, reason, at):
            state = OrderState.EXPIRED
        if state.ended:
            known.ended = state
        return state

    def _error(self, message: Message, at: datetime) -> Iterator[BrokerEvent]:
        order_id, code, text = int(message[2]), int(message[3]), message[4]
        said = f"{code}: {shown(without_accounts(text), WORDS)}"
        known = self._orders.find(order_id, self._client_id, 0) if order_id > 0 else None
        if code in codes.LINKS:
            yield LinkChanged(codes.LINKS[code], at, said)
        elif known is None or known.reference is None:
            yield BrokerNotice(at, code, said)
        elif known.modifying is not None and code in codes.MODIFY_REFUSALS and not known.cancelling:
            terms, known.modifying = known.modifying, None
            known.refused = said if code == codes.REJECTED else known.refused
            yield ModifyRefused(known.reference, at, said, terms)
        elif code in codes.CANCEL_REFUSALS:
            known.cancelling = False
            yield CancelRefused(known.reference, at, said)
        elif code == codes.CANCELLED:
            reason = text.partition("reason:")[2].strip()
            yield self._report(known, self._ending(known, OrderState.CANCELLED, reason, at), at, said)
        elif code in codes.REJECTIONS and not known.works:
            yield self._report(known, self._ending(known, OrderState.REJECTED, text, at), at, said)
        else:
            known.refused = said if code == codes.REJECTED else known.refused
            yield BrokerNotice(at, code, said, known.reference)

    def _execution(self, message: Message, at: datetime) -> Iterator[BrokerEvent]:
        order_id, symbol, security, currency = message[2], message[4], message[5], message[11]
        exec_id, time, account, _, side, shares, price, perm_id, client_id = message[14:23]
        reference = message[26]
        if int(client_id) == self._client_id:
            self._orders.saw(int(order_id))
        if account != self.account:
            return
        if security != "STK" or currency != "USD":
            what = f"{exec_id} is an execution of {shown(symbol)} ({security}, {currency}), which is not followed"
            yield BrokerNotice(at, codes.NO_SUCH_CODE, what, reference or None)
            return
        yield Fill(
            exec_id=exec_id,
            account=account,
            symbol=ticker(symbol),
            side=SIDES[side],
            quantity=needed(shares),
            price=needed(price),
            executed_at=instant(time),
            client_order_id=reference or None,
            perm_id=int(perm_id) or None,
        )

    def _report(self, known: KnownOrder, state: OrderState, at: datetime, said: str) -> OrderReport:
        terms = None if state.ended else known.terms  # of what has ended they are not listed any more
        return OrderReport(known.reference, state, at, known.filled, known.perm_id or None, said, terms)

    def _ours(self, known: KnownOrder) -> bool:
        return known.account == self.account


def held_position(message: Message) -> HeldPosition | None:
    """What a position message says; None where it is none of US stocks, or nothing is held.

    Raises:
        ValueError: it is not understood.

    """
    symbol, security, currency, quantity, cost = message[4], message[5], message[11], message[14], message[15]
    held = needed(quantity)
    return HeldPosition(ticker(symbol), held, needed(cost)) if held and (security, currency) == ("STK", "USD") else None


def _terms(listed: ListedOrder) -> Terms | None:
    """What an order stands with; None where it is of a kind that we do not make, or was given no quantity."""
    kind = next((kind for kind, word in codes.ORDER_TYPES.items() if word == listed.order_type), None)
    quantity = _in(Decimal(1), listed.quantity)
    if kind is None or not quantity:
        return None
    limit = _in(TICK, listed.limit_price) if kind.has_limit else None
    stop = _in(TICK, listed.stop_price) if kind.has_stop else None
    return Terms(quantity, limit, stop)


def _in(unit: Decimal, text: str) -> Decimal | None:
    """A number as we write it: the library makes a 485.5 of 485.50; what is no multiple of the unit stays."""
    number = exact(text)
    return number if number is None or number % unit else number.quantize(unit)


def _commission(message: Message) -> Iterator[Commission]:
    amount = exact(message[3])
    if amount is not None:  # it comes again once IB knows it
        yield Commission(message[2], amount, message[4])


def _expired(known: KnownOrder, reason: str, at: datetime) -> bool:
    """Whether an order that is cancelled stood until its time was over.

    IB has no word for it: a DAY order that nobody cancelled and that ends without a reason once its session is closed
    has expired.
    """
    if "expire" in reason.lower():
        return True
    return known.time_in_force == "DAY" and not known.cancelling and not reason and _closed(at)


def _closed(at: datetime) -> bool:
    """Whether the exchange has closed for the day, or does not open on it."""
    moment = pd.Timestamp(at)
    try:
        return moment >= session_at(moment).close
    except UnknownSession:
        return True


def _completion(listed: ListedOrder, at: datetime) -> datetime:
    """When a completed order ended, as far as TWS says it readably; else the time at which it was asked."""
    try:
        return instant(listed.completed_time)
    except (BrokerRefused, ValueError):
        return at
