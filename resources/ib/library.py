"""The library that speaks to TWS: `ib_async`, or `ib_insync` in an environment that has it instead.

Used of it is what both do alike and well: `Client`, which connects, frames, throttles and writes requests; the decoder
of the two long messages about orders; the records that requests are made of. Not used is what they make of an order's
life (`IB`, `Trade`): a warning ends it there, a reconnect empties it.

Everything here is called in the thread of a connection: at its import `ib_insync` takes the event loop of its thread.
"""

import logging
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from resources.ib.codes import ORDER_TYPES
from resources.ib.values import ib_symbol
from schemas.trading import Order

NAME: Final = "ib_async" if find_spec("ib_async") else "ib_insync"
"""Which of the two is installed."""


def library() -> Any:
    """The library; both have what is used of them under the same names."""
    logging.getLogger(NAME).addHandler(logging.NullHandler())  # what it says on stderr is said here by a typed error
    return import_module(NAME)


def stock(symbol: str, primary_exchanges: Mapping[str, str]) -> Any:
    """A US stock, routed by IB, with its primary exchange where that is known."""
    return library().Stock(ib_symbol(symbol), "SMART", "USD", primaryExchange=primary_exchanges.get(symbol, ""))


def order_message(order: Order) -> Any:
    """An order as the library sends it; prices and quantities go out as the decimals that they are."""
    prices = {}
    if order.limit_price is not None:
        prices["lmtPrice"] = order.limit_price
    if order.stop_price is not None:
        prices["auxPrice"] = order.stop_price
    return library().Order(
        action=order.side.value,
        totalQuantity=order.quantity,
        orderType=ORDER_TYPES[order.order_type],
        tif=order.time_in_force.value,
        account=order.account,
        orderRef=order.client_order_id,
        outsideRth=False,
        transmit=True,
        **prices,
    )
