"""What a broker tells, in our words, and what it says when it is asked. Records only.

How they come off a wire is the adapters' matter (`resources.ib`, `oms.simulated`), what they mean for an order
`oms.lifecycle`'s.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from schemas.trading import Commission, Fill, OrderState, Terms


@dataclass(frozen=True, slots=True)
class OrderReport:
    """How an order stands at the broker, in our words.

    `state` is SUBMITTED where the broker has it and says nothing more, ACCEPTED where it works (partly filled or not),
    PENDING_CANCEL, FILLED, CANCELLED, REJECTED or EXPIRED. Fills are not read off it: they are reported by themselves.
    """

    client_order_id: str | None
    """None for an order of somebody else."""
    state: OrderState
    reported_at: datetime
    filled: Decimal = Decimal(0)
    """Shares that the broker counts as filled: held against the fills, never taken for them."""
    perm_id: int | None = None
    said: str = ""
    """The broker's own words, with its code."""
    terms: Terms | None = None
    """What it stands with there; None where the broker does not say."""


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """The broker does not cancel the order, which stands as it did: it is filled, or not known."""

    client_order_id: str
    reported_at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class ModifyRefused:
    """The broker does not modify the order, which stands as it did, or has ended."""

    client_order_id: str
    reported_at: datetime
    said: str
    terms: Terms
    """That it was asked for."""


@dataclass(frozen=True, slots=True)
class BrokerNotice:
    """Words of the broker that change no order: connectivity, data farms, warnings about an order that is live."""

    reported_at: datetime
    code: int
    said: str
    client_order_id: str | None = None


class Link(StrEnum):
    """What became of the way to the broker's market."""

    LOST = "LOST"
    """Nothing gets through: data are stale, nothing is sent."""
    RESTORED = "RESTORED"
    """Everything asked for still holds; what happened meanwhile has to be asked for."""
    RESTORED_EMPTY = "RESTORED_EMPTY"
    """It is back, and subscriptions have to be made anew."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The broker's own way to its market broke or is back; our connection to the broker stands."""

    link: Link
    reported_at: datetime
    said: str = ""


BrokerEvent = OrderReport | CancelRefused | ModifyRefused | Fill | Commission | BrokerNotice | LinkChanged


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """What the broker says that an account holds."""

    symbol: str
    quantity: Decimal
    average_cost: Decimal
    """Per share, with commission as the broker reckons it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A symbol in both books."""

    symbol: str
    ours: Decimal
    theirs: Decimal

    @property
    def drift(self) -> Decimal:
        """Shares that the broker has and we do not; negative where we have more."""
        return self.theirs - self.ours

    def __str__(self) -> str:
        return f"{self.symbol}: {self.ours:f} by our ledger, {self.theirs:f} at the broker"


@dataclass(frozen=True, slots=True)
class AccountValues:
    """What an account is worth at the broker, in its base currency."""

    account: str
    net_liquidation: Decimal
    buying_power: Decimal
    available_funds: Decimal
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class BrokerBook:
    """All that a broker knows of an account, asked in one go: what is not in it, the broker does not have."""

    account: str
    asked_at: datetime
    orders: tuple[OrderReport, ...]
    """Open ones, and those that ended since the broker's day began."""
    fills: tuple[Fill, ...]
    """Since the broker's day began, by time."""
    commissions: tuple[Commission, ...]
    positions: tuple[HeldPosition, ...] = field(default=())
