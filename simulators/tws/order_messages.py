"""openOrder and completedOrder, the two long messages.

What belongs here: their fields in the order of server versions 170 to 178, with what TWS sends for all that an order
of a stock does not have. What does not: shorter messages (`messages`).
"""

from simulators.tws.framing import UNSET_DOUBLE, UNSET_INT, UNSET_LONG, Field, encode
from simulators.tws.messages import contract, stamp
from simulators.tws.records import Instrument, Order

FA_PROFILE_GONE = 177
_NO_TERMS = ("", "", "", "", "")
_SHORT_SALE = (0, "", -1)
_TICK_PRICES = ("", "", "")
_PEGGED = ("", "", "", "", "")
_NOT_AN_INSIDER = "Not an insider or substantial shareholder"


def open_order(order: Order, instrument: Instrument, version: int) -> bytes:
    """An order and its state."""
    ticket = order.ticket
    shares_allocation = f"{order.perm_id}.0/{ticket.account}/{ticket.quantity}"
    margins = (UNSET_DOUBLE,) * 9
    fields: list[Field] = [
        5, ticket.order_id, *_terms(order, instrument), ticket.order_ref, ticket.client_id, order.perm_id,
        ticket.outside_rth, 0, 0, "", shares_allocation, *_adviser(version), *_NO_TERMS, *_SHORT_SALE,
        0, *_TICK_PRICES, "", "", UNSET_INT, 0, 0, 0, "", 3, 0, 0, "", 0, 0,
        "", 0, "None", "", 0, "", "", "", "?", 0, 0, "", 0, 0,
        "", "", "", "", "", 0, 0, 0, UNSET_INT, UNSET_INT, "", "", 0, "", "IB", 0, 0, "", 0, 0,
        order.status, *margins, "", "", "", "", order.warning, 0, 0,
        0, "None", *(UNSET_DOUBLE,) * 6, 0, "", "", "", 0, 1, 0, 0, 0, "", "", 0, *_PEGGED,
    ]  # fmt: skip
    return encode(*fields)


def completed_order(order: Order, instrument: Instrument, version: int) -> bytes:
    """An order that is done; it has no order id, and its quantity is what was left of it."""
    ticket = order.ticket
    if order.completed_at is None:
        raise ValueError(f"order {order.perm_id} is not completed, it is {order.status}")
    fields: list[Field] = [
        101, *_terms(order, instrument, left=True), ticket.order_ref, order.perm_id, ticket.outside_rth, 0, 0, "",
        *_adviser(version), *_NO_TERMS, *_SHORT_SALE, *_TICK_PRICES, "", "", UNSET_INT, 0, 0, "", 3, 0, "", 0, "None",
        "", 0, 0, 0, "", 0, 0, "", "", "", 0, 0, 0, UNSET_INT, UNSET_INT, "", "", "", "IB", 0, 0, "", 0,
        order.status, 0, 0, 0, UNSET_DOUBLE, UNSET_DOUBLE, "0", 1, 0, "", order.filled, UNSET_INT, 0, _NOT_AN_INSIDER,
        0, 0, UNSET_LONG, stamp(order.completed_at), order.completed_status, *_PEGGED,
    ]  # fmt: skip
    return encode(*fields)


def _terms(order: Order, instrument: Instrument, *, left: bool = False) -> tuple[Field, ...]:
    """From the contract to the origin of the order."""
    ticket = order.ticket
    return (
        *contract(instrument, "SMART", strike="0", right="?"),
        ticket.action, order.remaining if left else ticket.quantity, ticket.order_type, ticket.limit_price or "0.0",
        ticket.stop_price or "0.0", ticket.tif, "", ticket.account, "", 0,
    )  # fmt: skip


def _adviser(version: int) -> tuple[Field, ...]:
    return ("", "", "") if version >= FA_PROFILE_GONE else ("", "", "", "")
