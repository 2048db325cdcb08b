"""What the codes and status words of Interactive Brokers mean for an order: tables, nothing else.

A code that is in none of them changes no order. To take an unknown code for a rejection would end an order that lives;
to take it for a notice leaves the order as it was until a status or the book says more.
"""

from typing import Final

from schemas.broker import Link
from schemas.trading import OrderState, OrderType

STATUSES: Final = {
    "ApiPending": OrderState.SUBMITTED,
    "PendingSubmit": OrderState.SUBMITTED,
    "PreSubmitted": OrderState.ACCEPTED,  # held by IB: a stop that is not elected, a market that is not open
    "Submitted": OrderState.ACCEPTED,
    "PendingCancel": OrderState.PENDING_CANCEL,
    "ApiCancelled": OrderState.CANCELLED,
    "Cancelled": OrderState.CANCELLED,
    "Filled": OrderState.FILLED,
    "Inactive": OrderState.REJECTED,  # "no longer active because it was rejected or cancelled"
}
"""How an order stands by its status word."""

ORDER_TYPES: Final = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
}

CANCELLED: Final = 202
REJECTED: Final = 201
CLIENT_ID_IN_USE: Final = 326
PORT_CHANGED: Final = 1300
NO_SUCH_CODE: Final = 0
"""The code of notices that are ours: a word that is in no table, an execution of something else than a stock."""

REJECTIONS: Final = frozenset(
    {
        REJECTED,
        103,  # duplicate order id
        106, 107, 109, 116, 132, 133,  # not transmitted
        110, 111, 113,  # the price is not on the tick; the time in force does not fit
        200, 203,  # no such contract, or not for this account
        321, 322, 325, 328,  # the server does not take the request
        355, 382, 383, 387, 388, 391, 434, 463,  # size, type, price
        435, 436,  # the account
        10243, 10268, 10269,  # fractions of a share, attributes that are no more
    }
)  # fmt: skip
"""Errors that come instead of a status where the order is new: the broker does not have it. About an order that works
they end nothing: they refuse a modification, or a status follows that ends it."""

CANCEL_REFUSALS: Final = frozenset({135, 136, 161, 10147, 10148})
"""A cancel that does not happen: not known, already filled, already ended."""

MODIFY_REFUSALS: Final = REJECTIONS | CANCEL_REFUSALS | {
    104,  # it is filled
    105,  # it is another order
    329,  # the type cannot change
}  # fmt: skip
"""Errors that come where new terms of an order were sent: it has those that it had, or has ended."""

LINKS: Final = {
    1100: Link.LOST,
    2110: Link.LOST,
    PORT_CHANGED: Link.LOST,
    1101: Link.RESTORED_EMPTY,
    1102: Link.RESTORED,
}
"""Codes about the way to IB's servers."""


def is_warning(code: int) -> bool:
    """Whether a code with a request's id is a remark on it and not its end, as 2174 about time zones."""
    return 2100 <= code < 2200
