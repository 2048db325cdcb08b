"""Messages of TWS as they come over the wire: which is which, where a request's id stands, what the two long ones say.

The protocol is what client and server agreed on (versions 157 to 178, where these layouts are the same). Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

Message = tuple[str, ...]
"""The fields of a message; the first says what it is."""


class Kind(IntEnum):
    """What a message of TWS is."""

    ORDER_STATUS = 3
    ERROR = 4
    OPEN_ORDER = 5
    EXECUTION = 11
    HISTORY = 17
    TIME = 49
    REAL_TIME_BAR = 50
    OPEN_ORDERS_END = 53
    EXECUTIONS_END = 55
    COMMISSION = 59
    POSITION = 61
    POSITIONS_END = 62
    ACCOUNT_SUMMARY = 63
    ACCOUNT_SUMMARY_END = 64
    COMPLETED_ORDER = 101
    COMPLETED_ORDERS_END = 102


REQUEST_ID: Final[dict[int, int]] = {
    Kind.ERROR: 2,
    Kind.EXECUTION: 1,
    Kind.HISTORY: 1,
    Kind.REAL_TIME_BAR: 2,
    Kind.EXECUTIONS_END: 2,
    Kind.ACCOUNT_SUMMARY: 2,
    Kind.ACCOUNT_SUMMARY_END: 2,
}
"""Where a message has the id of the request, or of the order, that it is about."""


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order as TWS lists it, open or completed; a completed one has no order id and no client id."""

    order_id: int
    client_id: int
    perm_id: int
    account: str
    reference: str
    time_in_force: str
    status: str
    completed: bool = False
    completed_status: str = ""
    completed_time: str = ""
    filled: str = ""
    order_type: str = ""
    quantity: str = ""
    limit_price: str = ""
    stop_price: str = ""


Incoming = Message | ListedOrder


def plain(messages: Iterable[Incoming]) -> list[Message]:
    """Those that are no listed orders."""
    return [message for message in messages if isinstance(message, tuple)]


def kind_of(message: Incoming) -> int:
    """What a message is, in TWS's numbers."""
    if isinstance(message, ListedOrder):
        return Kind.COMPLETED_ORDER if message.completed else Kind.OPEN_ORDER
    return int(message[0])


def request_id(message: Incoming) -> int | None:
    """The id of the request or the order that a message is about; None where its kind has none."""
    if isinstance(message, ListedOrder):
        return None
    where = REQUEST_ID.get(kind_of(message))
    return None if where is None else int(message[where])


def listed_order(order: Any, state: Any, *, completed: bool) -> ListedOrder:
    """What matters of the library's records of an open or a completed order."""
    filled = order.filledQuantity if completed else 0.0
    return ListedOrder(
        order_id=int(order.orderId),
        client_id=int(order.clientId),
        perm_id=int(order.permId),
        account=order.account,
        reference=order.orderRef,
        time_in_force=order.tif,
        status=state.status,
        completed=completed,
        completed_status=state.completedStatus,
        completed_time=state.completedTime,
        filled=repr(filled),
        order_type=order.orderType,
        quantity=str(order.totalQuantity),
        limit_price=str(order.lmtPrice),
        stop_price=str(order.auxPrice),
    )
