"""When an order trades at the price of the moment.

What belongs here: the rules of triggering and matching. What does not: what a fill does (`book`).

There is one price per stock and no spread: a market order trades at it, a limit order that it satisfies trades at it
too and not at the limit. A stop triggers when the price reaches it, and is a market or limit order from then on.
"""

from decimal import Decimal

from simulators.tws.records import Ticket

ORDER_TYPES = ("MKT", "LMT", "STP", "STP LMT")


def is_stop(ticket: Ticket) -> bool:
    """Whether the order waits for its stop price."""
    return ticket.order_type.startswith("STP")


def triggers(ticket: Ticket, price: Decimal) -> bool:
    """Whether the price has reached the order's stop price."""
    stop = ticket.stop_price
    if stop is None:
        return False
    return price >= stop if ticket.action == "BUY" else price <= stop


def marketable(ticket: Ticket, price: Decimal) -> bool:
    """Whether an order that is no waiting stop trades at this price."""
    limit = ticket.limit_price if ticket.order_type.endswith("LMT") else None
    if limit is None:
        return True
    return price <= limit if ticket.action == "BUY" else price >= limit
