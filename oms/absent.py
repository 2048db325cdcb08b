"""What becomes of orders that the broker, asked for its whole book, does not have, or has as ended.

What belongs here: concluding from a book that was asked for on a new connection, where everything that is marked as
sent was sent before: what the broker lacks it never got, or it is over. What does not: taking in what the book says
(`oms.recording`), when it is asked (`oms.service`).
"""

from datetime import datetime

import pandas as pd

from market.sessions import session_at
from oms.lifecycle import Progress
from oms.recording import Recorder
from resources.database.order_rows import KeptOrder
from schemas.broker import BrokerBook
from schemas.order_events import EventKind, OrderEvent
from schemas.trading import OrderState, Terms, TimeInForce


def end_absent(recorder: Recorder, book: BrokerBook) -> None:
    """End the orders that the broker does not have, or has as ended in a way that its words did not bring about."""
    works = {one.client_order_id for one in book.orders if not one.state.ended}
    ended = {one.client_order_id: one.state for one in book.orders if one.state.ended and one.client_order_id}
    for name, kept in recorder.account.known(ended).items():
        progress = recorder.progress(name) if kept.modification else None
        taken = _taken(progress, ended[name]) if progress else None
        if taken is not None:
            said = f"the broker says {ended[name]}, with as many filled: it had taken them"
            recorder.happened(OrderEvent.of_terms(name, EventKind.MODIFY, recorder.now, taken, said))
    for kept in recorder.account.open_orders():
        name = kept.order.client_order_id
        if kept.state is OrderState.PENDING or name in works:
            continue
        kind, said = _ending(kept, ended.get(name), recorder.now)
        filled = any(one.client_order_id == name for one in book.fills)
        if filled and name not in ended and kind is EventKind.CANCEL:
            continue  # it is there: it fills
        recorder.happened(OrderEvent(name, kind, recorder.now, said=said))


def _taken(progress: Progress, there: OrderState) -> Terms | None:
    """Of the terms that were asked for those that its fills show it to have had: the broker says none of an ended one.

    None where it may have ended with those that stand here.
    """
    filled, standing = progress.filled, progress.order.quantity
    full = there is OrderState.FILLED
    exact = [one for one in progress.asked if full and one.quantity == filled]
    shows_more = filled > standing or (filled == standing and not full)
    larger = [one for one in progress.asked if shows_more and one.quantity > filled]
    return next(reversed(exact or larger), None)


def _ending(kept: KeptOrder, there: OrderState | None, now: datetime) -> tuple[EventKind, str]:
    """How it ended: by the state that it has there, None where the broker does not have it."""
    if there is OrderState.FILLED:
        return EventKind.CANCEL, "the broker says FILLED and does not tell all fills any more: reconcile"
    if there is not None:
        return EventKind.CANCEL, f"the broker says {there}"
    day = session_at(pd.Timestamp(kept.created_at))
    stood = kept.order.time_in_force is TimeInForce.DAY and kept.state is not OrderState.SUBMITTED
    if stood and now >= day.close:
        return EventKind.EXPIRE, "its session closed, and the broker does not have it any more"
    return EventKind.CANCEL, "the broker was asked and does not have it"
