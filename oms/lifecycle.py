"""The life of an order: one table of what may follow what, and how events become progress. Pure: no clock, no I/O.

What belongs here: what an event means for an order. What does not: the money (`oms.ledger`: a fill that an order cannot
take is a line of the ledger all the same), asking the broker, storing.

An event that changes nothing is a duplicate. One that the table does not allow is quarantined: kept, with the reason,
without effect. Both are judged by what is known when the event comes, so that replaying the kept rows, the quarantined
ones among them, gives the same progress again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import reduce
from typing import Final

from schemas.broker import (
    BrokerEvent,
    BrokerNotice,
    CancelRefused,
    ModifyRefused,
    OrderReport,
)
from schemas.order_events import EventKind, OrderEvent, Outcome
from schemas.trading import (
    Fill,
    Order,
    OrderInvalid,
    OrderState,
    Terms,
)


class Then(Enum):
    """What follows where it is not simply another state."""

    SAME = "stays; known already unless it tells of shares or terms that were not known"
    SHARES = "FILLED when all shares are, else PARTIALLY_FILLED"
    FULL = "FILLED when all shares are, else stays"
    WORKING = "what it was before: SUBMITTED, ACCEPTED or PARTIALLY_FILLED"
    NOTED = "stays; the words are kept once"
    ILLEGAL = "quarantined"


PENDING, SUBMITTED, ACCEPTED, PARTIALLY, TO_CANCEL, FILLED, CANCELLED, REJECTED, EXPIRED = OrderState
SAME, SHARES, FULL, WORKING, NOTED, NEVER = Then

# A broker's late word of an order that is filled is older than the fills: no news. The first word of
# how an order ended unfilled stands, a later one is noted: IB calls an order that it rejected, or that expired,
# cancelled as well. REJECT of a partly filled order may be the refusal of a modification, and the order lives on. What
# is said of an order that was never marked as sent is believed: else it would look as if it were still to be sent.
# MODIFY of an order that is filled tells that more was ordered than is known here: the fills came before the word.
# fmt: off
_ROWS: Final[Mapping[EventKind, Sequence[OrderState | Then]]] = {
    #                          PENDING    SUBMITTED  ACCEPTED   PARTIALLY  TO_CANCEL  FILLED CANCELLED REJECTED EXPIRED
    EventKind.SUBMIT:         (SUBMITTED, SAME,      SAME,      SAME,      SAME,      SAME,  NEVER,    NEVER,   NEVER),
    EventKind.ACCEPT:         (ACCEPTED,  ACCEPTED,  SAME,      SAME,      WORKING,   SAME,  NEVER,    NEVER,   NEVER),
    EventKind.FILL:           (SHARES,    SHARES,    SHARES,    SHARES,    FULL,      SAME,  FULL,     NEVER,   NEVER),
    EventKind.CORRECTION:     (NEVER,     NEVER,     SHARES,    SHARES,    FULL,      SAME,  FULL,     NEVER,   SAME),
    EventKind.ALL_FILLED:     (ACCEPTED,  ACCEPTED,  SAME,      SAME,      SAME,      SAME,  SAME,     NEVER,   NEVER),
    EventKind.MODIFY_REQUEST: (NEVER,     SAME,      SAME,      SAME,      NEVER,     NEVER, NEVER,    NEVER,   NEVER),
    EventKind.MODIFY:         (SAME,      FULL,      FULL,      FULL,      FULL,      SHARES, SAME,    SAME,    SAME),
    EventKind.MODIFY_REFUSED: (NEVER,     NOTED,     NOTED,     NOTED,     NOTED,     NOTED, NOTED,    NOTED,   NOTED),
    EventKind.CANCEL_REQUEST: (CANCELLED, TO_CANCEL, TO_CANCEL, TO_CANCEL, SAME,      SAME,  NEVER,    NEVER,   NEVER),
    EventKind.CANCEL_REFUSED: (NEVER,     NOTED,     NOTED,     NOTED,     WORKING,   NOTED, NOTED,    NOTED,   NOTED),
    EventKind.CANCEL:         (CANCELLED, CANCELLED, CANCELLED, CANCELLED, CANCELLED, NEVER, SAME,     NOTED,   NOTED),
    EventKind.REJECT:         (REJECTED,  REJECTED,  REJECTED,  NEVER,     REJECTED,  NEVER, NOTED,    SAME,    NOTED),
    EventKind.EXPIRE:         (EXPIRED,   EXPIRED,   EXPIRED,   EXPIRED,   EXPIRED,   NEVER, NOTED,    NOTED,   SAME),
    EventKind.NOTICE:         (NOTED,     NOTED,     NOTED,     NOTED,     NOTED,     NOTED, NOTED,    NOTED,   NOTED),
}
# fmt: on
LIFECYCLE: Final[Mapping[OrderState, Mapping[EventKind, OrderState | Then]]] = {
    state: {kind: row[place] for kind, row in _ROWS.items()} for place, state in enumerate(OrderState)
}
"""By state, what each event leads to: the one table of an order's life."""
_REPORTED: Final = {
    OrderState.SUBMITTED: EventKind.SUBMIT,
    OrderState.ACCEPTED: EventKind.ACCEPT,
    OrderState.PENDING_CANCEL: EventKind.CANCEL_REQUEST,
    OrderState.FILLED: EventKind.ALL_FILLED,
    OrderState.CANCELLED: EventKind.CANCEL,
    OrderState.REJECTED: EventKind.REJECT,
    OrderState.EXPIRED: EventKind.EXPIRE,
}
"""By the state that a broker reports, what it is as an event."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The newest word of an execution."""

    revision: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order has come."""

    order: Order
    """As it stands, after modifications."""
    most: Decimal
    """The most shares it ever asked for: what it may be filled with, since a modification may come too late, and its
    fills before the broker's word of it."""
    state: OrderState = OrderState.PENDING
    executions: Mapping[str, Execution] = field(default_factory=dict)
    asked: tuple[Terms, ...] = ()
    """Those that were asked for, one after the other, since the last that the broker took or refused. The last are
    wanted; the others may stand at the broker all the same, which its answer or its fills show."""
    accepted: bool = False
    """Whether the broker was ever heard to have taken it."""
    claimed: Decimal = Decimal(0)
    """Shares that the broker counts as filled, where it is more than the fills; else 0."""
    perm_id: int | None = None
    kept: frozenset[str] = frozenset()
    """Keys of the events that were kept and changed nothing: noted, or quarantined."""

    @property
    def wanted(self) -> Terms | None:
        """Those that were asked for last and that the broker has neither taken nor refused."""
        return self.asked[-1] if self.asked else None

    @property
    def filled(self) -> Decimal:
        """Shares, by the newest revision of each execution."""
        return sum((one.quantity for one in self.executions.values()), Decimal(0))

    @property
    def remaining(self) -> Decimal:
        """Shares that may still be filled; 0 once it has ended."""
        return Decimal(0) if self.state.ended else max(self.order.quantity - self.filled, Decimal(0))

    @property
    def average_price(self) -> Decimal | None:
        """Of the shares filled; None where there are none."""
        spent = sum((one.quantity * one.price for one in self.executions.values()), Decimal(0))
        return spent / self.filled if self.filled else None

    @property
    def fills_missing(self) -> bool:
        """Whether the broker counts shares whose fills have not come: it has to be asked for executions."""
        return self.claimed > 0

    @property
    def legal(self) -> tuple[EventKind, ...]:
        """What may follow."""
        return tuple(kind for kind, then in LIFECYCLE[self.state].items() if then is not Then.ILLEGAL)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of an event: the progress after it, and why where it was quarantined."""

    outcome: Outcome
    progress: Progress
    reason: str = ""


def begin(order: Order) -> Progress:
    """An order whose intent is stored and of which nothing else is known."""
    return Progress(order, order.quantity)


def replay(order: Order, events: Iterable[OrderEvent]) -> Progress:
    """Rebuild the progress from all events that were kept, quarantined ones too, in the order of their rows."""
    return reduce(lambda progress, event: apply(progress, event).progress, events, begin(order))


def apply(progress: Progress, event: OrderEvent) -> Step:
    """Say what the event means for the order.

    Only APPLIED and QUARANTINED events are to be kept; the progress of a DUPLICATE is the one that was given.
    """
    known = progress.executions.get(event.execution or "")
    if known is not None and event.revision <= known.revision:
        return Step(Outcome.DUPLICATE, progress)
    kind = event.kind
    if kind in (EventKind.FILL, EventKind.CORRECTION):  # what is new to us, whatever its revision says
        kind = EventKind.FILL if known is None else EventKind.CORRECTION
    then = LIFECYCLE[progress.state][kind]
    after, reason = _terms_after(progress, event)
    if then is Then.ILLEGAL:
        reason = f"{progress.state} allows no {kind}; allowed: {', '.join(progress.legal)}."
    if not reason:
        after = replace(after, state=_state_after(after, then))
    if reason or then is Then.NOTED:  # kept once, although it may change nothing
        after = replace(progress if reason else after, kept=progress.kept | {event.key})
    if after == progress:
        return Step(Outcome.DUPLICATE, progress)
    return Step(Outcome.QUARANTINED if reason else Outcome.APPLIED, after, reason)


def _terms_after(progress: Progress, event: OrderEvent) -> tuple[Progress, str]:
    """The progress without its state, and what speaks against the event whatever the state."""
    if event.client_order_id != progress.order.client_order_id:
        return progress, f"It is about {event.client_order_id}, not {progress.order.client_order_id}."
    perm_id = progress.perm_id or event.perm_id
    if event.perm_id not in (None, perm_id):
        return progress, f"It is about the broker's order {event.perm_id} of the same reference; this is {perm_id}."
    match event.kind:
        case EventKind.FILL | EventKind.CORRECTION:
            after, reason = _filled(progress, event)
        case EventKind.MODIFY_REQUEST if event.quantity <= progress.filled:
            filled = f"{progress.filled} shares are filled, so {event.quantity} cannot be ordered"
            return progress, f"{filled}; cancel the rest."
        case EventKind.MODIFY_REQUEST | EventKind.MODIFY:
            after, reason = _modified(progress, event)
        case EventKind.MODIFY_REFUSED:
            after, reason = replace(progress, asked=_asked_after(progress, event.terms)), ""
        case EventKind.REJECT if progress.filled and not progress.state.ended:
            return progress, f"{progress.filled} shares of it are filled: it cannot be rejected."
        case EventKind.ACCEPT | EventKind.ALL_FILLED:
            after, reason = replace(progress, accepted=True), ""
        case _:
            after, reason = progress, ""
    return replace(after, claimed=_claimed(after, event), perm_id=perm_id), reason


def _filled(progress: Progress, event: OrderEvent) -> tuple[Progress, str]:
    if event.execution is None or event.price is None:
        return progress, "A fill needs its execution and price."
    newest = Execution(event.revision, event.quantity, event.price)
    after = replace(progress, executions={**progress.executions, event.execution: newest}, accepted=True)
    if after.filled > progress.most:
        return progress, f"Overfill: {after.filled} shares would be filled, {progress.most} were ordered."
    return after, ""


def _modified(progress: Progress, event: OrderEvent) -> tuple[Progress, str]:
    try:
        order = progress.order.with_terms(event.terms)
    except OrderInvalid as error:
        return progress, str(error)
    after = replace(progress, most=max(progress.most, order.quantity))
    if event.kind is EventKind.MODIFY_REQUEST:
        again = event.terms == progress.wanted
        return replace(after, asked=progress.asked if again else (*progress.asked, event.terms)), ""
    asked = _asked_after(progress, event.terms)
    return replace(after, order=order, asked=asked, claimed=min(progress.claimed, order.quantity)), ""


def _asked_after(progress: Progress, answered: Terms) -> tuple[Terms, ...]:
    """What was asked for after the terms that are answered: the broker answers in order."""
    places = [place for place, terms in enumerate(progress.asked, 1) if terms == answered]
    return progress.asked[places[-1] :] if places else progress.asked


def _claimed(after: Progress, event: OrderEvent) -> Decimal:
    """What the broker counts beyond the fills, once this is known too."""
    counted = after.claimed
    if event.kind in _REPORTED.values():
        counted = max(counted, after.order.quantity if event.kind is EventKind.ALL_FILLED else event.quantity)
    return counted if counted > after.filled else Decimal(0)


def _state_after(after: Progress, then: OrderState | Then) -> OrderState:
    full = after.filled >= after.order.quantity
    match then:
        case OrderState():
            return then
        case Then.SHARES | Then.FULL if full:
            return OrderState.FILLED
        case Then.SHARES | Then.WORKING if after.filled:
            return OrderState.PARTIALLY_FILLED
        case Then.SHARES | Then.WORKING:
            return OrderState.ACCEPTED if after.accepted else OrderState.SUBMITTED
        case _:
            return after.state


def events_of(told: BrokerEvent) -> Iterator[OrderEvent]:
    """What a broker tells, as events of an order of ours; none where it is about none.

    A book that is asked for again gives equal events but for their time, which `apply` knows as duplicates.
    """
    if isinstance(told, (OrderReport, CancelRefused, ModifyRefused, BrokerNotice, Fill)) and (
        name := told.client_order_id
    ):
        match told:
            case OrderReport(state=state, reported_at=at, filled=filled, perm_id=perm_id, said=said):
                yield OrderEvent(name, _REPORTED[state], at, filled, perm_id=perm_id, said=said)
                if told.terms is not None:
                    yield OrderEvent.of_terms(name, EventKind.MODIFY, at, told.terms, perm_id=perm_id)
            case CancelRefused(reported_at=at, said=said):
                yield OrderEvent(name, EventKind.CANCEL_REFUSED, at, said=said)
            case ModifyRefused(reported_at=at, said=said, terms=terms):
                yield OrderEvent.of_terms(name, EventKind.MODIFY_REFUSED, at, terms, said)
            case BrokerNotice(reported_at=at, code=code, said=said):
                yield OrderEvent(name, EventKind.NOTICE, at, said=f"{code} {said}")
            case Fill():
                yield _fill_event(name, told)


def _fill_event(name: str, fill: Fill) -> OrderEvent:
    kind = EventKind.CORRECTION if fill.revision > 1 else EventKind.FILL
    return OrderEvent(
        name,
        kind,
        fill.executed_at,
        fill.quantity,
        fill.price,
        execution=fill.execution,
        revision=fill.revision,
        perm_id=fill.perm_id,
    )
