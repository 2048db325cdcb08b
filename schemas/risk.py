"""What an order is held against before a broker hears of it: other orders, prices, halts. Records only.

Which order passes is `oms.risk`'s matter.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.trading import Side


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """What an order may still do to a position."""

    symbol: str
    side: Side
    remaining: Decimal
    """Shares."""


@dataclass(frozen=True, slots=True)
class LastPrice:
    """What a symbol last cost: the close of its last stored bar."""

    symbol: str
    price: Decimal
    known_at: datetime
    """The end of that bar."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A person, or a drift, that keeps orders back until somebody resumes."""

    symbol: str | None
    """None: all of them."""
    at: datetime
    who: str
    why: str
