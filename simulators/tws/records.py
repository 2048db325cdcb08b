"""What a broker's book consists of: instruments, tickets, orders, executions, and what is told about them.

What belongs here: frozen records and what follows from one record alone. What does not: what changes them (`book`), how
they look on the wire (`messages`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)
MANUAL_CLIENT = 0
"""The client id under which trades appear that a person made in TWS; their order id is 0."""


class Status(StrEnum):
    """An order's status in IB's words."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"

    @property
    def open(self) -> bool:
        """Whether the order can still trade in the ordinary way."""
        return self in (Status.PRE_SUBMITTED, Status.SUBMITTED, Status.PENDING_CANCEL)


@dataclass(frozen=True)
class Instrument:
    """A stock that the stand-in trades; `con_id` is IB's own number for it."""

    symbol: str
    con_id: int
    name: str
    primary_exchange: str = "NASDAQ"
    trading_class: str = "NMS"
    currency: str = "USD"


NVDA = Instrument("NVDA", 4815747, "NVIDIA CORP")
MSFT = Instrument("MSFT", 272093, "MICROSOFT CORP")


@dataclass(frozen=True)
class Ticket:
    """An order as a client sends it; prices are None where its type has none."""

    client_id: int
    order_id: int
    account: str
    symbol: str
    action: str
    """BUY or SELL."""
    quantity: Decimal
    order_type: str
    """MKT, LMT, STP or STP LMT."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str = "DAY"
    order_ref: str = ""
    outside_rth: bool = False


@dataclass(frozen=True)
class Order:
    """An order in the book; `perm_id` is its identity over all clients and restarts."""

    perm_id: int
    ticket: Ticket
    status: Status
    filled: Decimal = ZERO
    avg_price: Decimal = ZERO
    last_price: Decimal = ZERO
    triggered: bool = False
    """A stop whose price was reached; it is a market or a limit order since."""
    why_held: str = ""
    warning: str = ""
    completed_at: datetime | None = None
    completed_status: str = ""

    @property
    def remaining(self) -> Decimal:
        """What has not been filled yet."""
        return self.ticket.quantity - self.filled


@dataclass(frozen=True)
class Execution:
    """One fill, as it stands after its last correction; `commission` and `realized_pnl` are in USD."""

    exec_id: str
    """Base and revision, `0000e0d5.67a1b2c3.01.01`: a correction has the same base and a higher last number."""
    perm_id: int
    ticket: Ticket
    time: datetime
    shares: Decimal
    price: Decimal
    cum_qty: Decimal
    """What the order had filled with this execution."""
    avg_price: Decimal
    commission: Decimal
    realized_pnl: Decimal | None = None
    """None where the execution closed nothing."""

    @property
    def base(self) -> str:
        """The execution's identity over its corrections."""
        return self.exec_id.rpartition(".")[0]

    @property
    def signed(self) -> Decimal:
        """Bought shares, sold ones negative."""
        return self.shares if self.ticket.action == "BUY" else -self.shares


@dataclass(frozen=True)
class Position:
    """Shares of one stock in one account; `avg_cost` is per share and holds commissions, as IB's does."""

    quantity: Decimal = ZERO
    avg_cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO


@dataclass(frozen=True)
class Opened:
    """The order is new, was changed, or has another status: both an openOrder and an orderStatus."""

    order: Order


@dataclass(frozen=True)
class StatusChanged:
    """The order's status or fill changed: an orderStatus."""

    order: Order


@dataclass(frozen=True)
class Executed:
    """A fill, or its correction: an execDetails."""

    execution: Execution


@dataclass(frozen=True)
class Charged:
    """The commission of a fill: a commissionReport."""

    execution: Execution


@dataclass(frozen=True)
class Moved:
    """The position of a stock in an account changed."""

    account: str
    symbol: str


@dataclass(frozen=True)
class Notice:
    """An error or a warning about an order."""

    client_id: int
    order_id: int
    code: int
    text: str


Event = Opened | StatusChanged | Executed | Charged | Moved | Notice
