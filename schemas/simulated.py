"""The nouns of the simulated broker: a bar as the market that an order meets, an order as it rests there, what it got.

How one meets the other is `oms.matching`'s matter.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.trading import Fill, Order, OrderState


@dataclass(frozen=True, slots=True)
class MarketBar:
    """A stored bar as the market that an order meets."""

    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """An order as it stands at the simulated broker."""

    order: Order
    placed_at: datetime
    reached: datetime
    """Bars that begin before this have had their say."""
    state: OrderState = OrderState.ACCEPTED
    filled: Decimal = Decimal(0)
    triggered: bool = False
    """Whether a stop was reached."""
    said: str = ""

    @property
    def remaining(self) -> Decimal:
        """Shares that are not filled."""
        return self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Charged:
    """A fill and what it cost."""

    fill: Fill
    commission: Decimal
