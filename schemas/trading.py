"""The nouns of trading: orders and what happens to them, fills and commissions, positions, what a broker reports.

Records only. Which event may follow which is `oms.lifecycle`'s matter, what fills amount to `oms.ledger`'s. Money and
quantities are Decimal and exact; shares are counted, so a quantity is positive and the side says which way. Times are
aware, in UTC.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from schemas.errors import IntradayError

TICK: Final = Decimal("0.01")
"""Prices of US stocks above a dollar are quoted in cents."""
DEAREST: Final = Decimal(10_000_000)
"""No share costs as much: a price from here on is a slip, and too long to be reckoned with exactly."""
CLIENT_ORDER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")
"""What an id of ours may look like: a broker keeps it beside the order as a reference and gives it back."""


class OrderInvalid(IntradayError):
    """An order that no broker could understand: names what is wrong with it and what is allowed."""


class Side(StrEnum):
    """Which way shares go."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """What a fill's quantity is multiplied by in a position: 1 or -1."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """When an order may be filled."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"

    @property
    def has_limit(self) -> bool:
        """Whether it needs a limit price."""
        return self in (OrderType.LIMIT, OrderType.STOP_LIMIT)

    @property
    def has_stop(self) -> bool:
        """Whether it needs a stop price."""
        return self in (OrderType.STOP, OrderType.STOP_LIMIT)


class TimeInForce(StrEnum):
    """How long an order stands: to the session's close, until it is cancelled, not at all."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class OrderState(StrEnum):
    """Where an order is in its life; `oms.lifecycle` has the table of what may follow."""

    PENDING = "PENDING"
    """The intent is stored; the broker has not been told."""
    SUBMITTED = "SUBMITTED"
    """It was sent, or was just about to be: whether the broker has it is not known."""
    ACCEPTED = "ACCEPTED"
    """It works at the broker."""
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    """The broker was asked to cancel it and has not answered."""
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def ended(self) -> bool:
        """Whether nothing is expected of it any more."""
        return self in (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a modification can change of an order."""

    quantity: Decimal
    """Shares in all, those that are filled among them."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None

    def __str__(self) -> str:
        prices = {"limit": self.limit_price, "stop": self.stop_price}
        words = [f"{self.quantity} shares", *(f"{name} {at}" for name, at in prices.items() if at is not None)]
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants bought or sold; it never changes, a modification is an order of the same id.

    Raises:
        OrderInvalid: naming the field, its value and what is allowed.

    """

    client_order_id: str
    """Ours, unique for ever; the broker keeps it as the order's reference."""
    account: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    """Shares; whole and positive."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY

    def __post_init__(self) -> None:
        if not CLIENT_ORDER_ID.fullmatch(self.client_order_id):
            raise OrderInvalid(
                f"The order id {self.client_order_id!r} is not understood; allowed: up to 40 letters, digits and .-_:"
            )
        if not self.quantity.is_finite() or self.quantity <= 0 or self.quantity != self.quantity.to_integral_value():
            raise OrderInvalid(f"The quantity {self.quantity} is not allowed; give a whole number of shares above 0.")
        for name, price, wanted in (
            ("limit price", self.limit_price, self.order_type.has_limit),
            ("stop price", self.stop_price, self.order_type.has_stop),
        ):
            _hold_price(name, price, wanted, self.order_type)

    @property
    def terms(self) -> Terms:
        """What a modification can change of it."""
        return Terms(self.quantity, self.limit_price, self.stop_price)

    def with_terms(self, terms: Terms) -> "Order":
        """The same order, modified; raises `OrderInvalid` where they do not fit its type."""
        return replace(self, quantity=terms.quantity, limit_price=terms.limit_price, stop_price=terms.stop_price)


def _hold_price(name: str, price: Decimal | None, wanted: bool, order_type: OrderType) -> None:
    if price is None:
        if wanted:
            raise OrderInvalid(f"A {order_type} order needs a {name}.")
        return
    if not wanted:
        raise OrderInvalid(f"A {order_type} order has no {name}; {price} was given.")
    if not price.is_finite() or not 0 < price < DEAREST or price % TICK:
        raise OrderInvalid(f"The {name} {price} is not allowed; give a multiple of {TICK} above 0, below {DEAREST:,}.")


def execution_of(exec_id: str) -> tuple[str, int]:
    """What identifies the execution, and how often it was corrected: `0000e0d5.67a1b2c3.01.02` is `….01`, revision 2.

    An id that does not end in a number is the execution's own, revision 0.
    """
    execution, _, revision = exec_id.rpartition(".")
    return (execution, int(revision)) if execution and revision.isdecimal() else (exec_id, 0)


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares that changed hands, as the broker reported it: a line of the ledger, which is never changed.

    A correction is another fill of the same execution with a higher revision, which takes the place of the lower ones.
    """

    exec_id: str
    """The broker's, as in `0000e0d5.67a1b2c3.01.01`: what is before the last dot names the execution."""
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    """Shares; 0 where a correction undoes the execution."""
    price: Decimal
    executed_at: datetime
    client_order_id: str | None = None
    """The order of ours that it fills; None where somebody traded the account past us."""
    perm_id: int | None = None
    """The broker's permanent number of the order."""

    @property
    def execution(self) -> str:
        """What identifies the execution, whatever its revision."""
        return execution_of(self.exec_id)[0]

    @property
    def revision(self) -> int:
        """How often it was corrected; higher takes the place of lower."""
        return execution_of(self.exec_id)[1]


@dataclass(frozen=True, slots=True)
class Commission:
    """What a fill cost. It comes after the fill, and may come again with another amount: the last one counts."""

    exec_id: str
    amount: Decimal
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Adoption:
    """A person's decision that a position is what the broker says, although no fill tells why: a line of the ledger."""

    adoption_id: int
    account: str
    symbol: str
    quantity: Decimal
    """Shares that are added to the position; negative where it had too many."""
    price: Decimal
    """What they are taken to have cost, each."""
    adopted_at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares of one fill that are still held, or still owed."""

    quantity: Decimal
    """Negative: sold short."""
    price: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of a symbol; valued where a price of it is known."""

    account: str
    symbol: str
    quantity: Decimal = Decimal(0)
    """Negative: short."""
    average_price: Decimal = Decimal(0)
    """Of the open lots, without commission; 0 where there are none."""
    cost_basis: Decimal = Decimal(0)
    """Quantity times price over the open lots; negative where short."""
    realized_pnl: Decimal = Decimal(0)
    """Of closed lots by FIFO, less all commissions known."""
    commissions: Decimal = Decimal(0)
    lots: tuple[Lot, ...] = ()
    last_price: Decimal | None = None
    """The close of the last stored bar."""
    priced_at: datetime | None = None
    """The start of that bar."""

    @property
    def market_value(self) -> Decimal | None:
        """Quantity times last price; 0 where nothing is held, None where no price is known."""
        if not self.quantity:
            return Decimal(0)
        return None if self.last_price is None else self.quantity * self.last_price

    @property
    def unrealized_pnl(self) -> Decimal | None:
        """Market value less cost basis."""
        value = self.market_value
        return None if value is None else value - self.cost_basis
