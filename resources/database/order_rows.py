"""Records of trading as rows of their tables and back. Which rows are asked for, the stores say."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from resources.ib.values import without_accounts
from schemas.order_events import EventKind, OrderEvent, Outcome
from schemas.risk import Halt, WorkingOrder
from schemas.trading import (
    Adoption,
    Commission,
    Fill,
    Order,
    OrderState,
    OrderType,
    Position,
    Side,
    Terms,
    TimeInForce,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Modification:
    """Terms that were asked for, and that the broker has neither taken nor refused."""

    number: int
    """Of the request: what it is told from another one for the same terms by."""
    terms: Terms
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order with what became of it."""

    first: Order
    """As it was made."""
    order: Order
    """As it stands, after modifications."""
    state: OrderState
    filled: Decimal
    created_at: datetime
    to_cancel: bool
    """Whether it was to be cancelled, and the broker has not refused."""
    modification: Modification | None = None
    """The last that was asked for, while it is open."""

    @property
    def working(self) -> WorkingOrder:
        """What it may still do, whether the broker takes the modification or not."""
        asked = self.modification.terms.quantity if self.modification else Decimal(0)
        remaining = max(self.order.quantity, asked) - self.filled
        return WorkingOrder(self.order.symbol, self.order.side, max(remaining, Decimal(0)))

    @property
    def asked(self) -> Terms:
        """What it is to stand with once the broker has taken all that was asked for."""
        return self.modification.terms if self.modification else self.order.terms


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """A line of an order's history."""

    event: OrderEvent
    outcome: Outcome
    reason: str
    """Why it was quarantined."""
    state: OrderState
    """Of the order, after it."""
    recorded_at: datetime


def order_row(order: Order) -> dict[str, Any]:
    """An order's columns."""
    return asdict(order)


def order_of(row: Row) -> Order:
    """The order of a row that has its columns."""
    return Order(
        client_order_id=row["client_order_id"],
        account=row["account"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        order_type=OrderType(row["order_type"]),
        quantity=row["quantity"],
        limit_price=row["limit_price"],
        stop_price=row["stop_price"],
        time_in_force=TimeInForce(row["time_in_force"]),
    )


def fill_of(row: Row) -> Fill:
    """The fill of a row that has its columns."""
    return Fill(
        exec_id=row["exec_id"],
        account=row["account"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        quantity=row["quantity"],
        price=row["price"],
        executed_at=row["executed_at"],
        client_order_id=row["client_order_id"],
        perm_id=row.get("perm_id"),
    )


def kept_order_of(row: Row) -> KeptOrder:
    """The order of a row of `orders.sql`."""
    order = order_of(row)
    first = {name: row[f"first_{name}"] for name in ("quantity", "limit_price", "stop_price")}
    return KeptOrder(
        first=replace(order, **first),
        order=order,
        state=OrderState(row["state"]),
        filled=row["filled"],
        created_at=row["created_at"],
        to_cancel=row["to_cancel"],
        modification=modification_of(row),
    )


def modification_of(row: Row) -> Modification | None:
    """The open modification of a row of `orders.sql`."""
    if row["asked_number"] is None:
        return None
    terms = Terms(row["asked_quantity"], row["asked_limit_price"], row["asked_stop_price"])
    return Modification(row["asked_number"], terms, row["asked_at"])


def kept_event_of(row: Row) -> KeptEvent:
    """The line of a row of `order_events.sql`."""
    names = ("client_order_id", "at", "quantity", "price", "stop_price", "execution", "revision", "perm_id", "said")
    event = OrderEvent(kind=EventKind(row["kind"]), **{name: row[name] for name in names})
    return KeptEvent(event, Outcome(row["outcome"]), row["reason"], OrderState(row["state"]), row["recorded_at"])


def adoption_of(row: Row) -> Adoption:
    """The adoption of a row that has its columns."""
    return Adoption(**row)


def commission_of(row: Row) -> Commission:
    """The commission of a row that has its columns."""
    return Commission(**row)


def halt_of(row: Row) -> Halt:
    """The halt of a row that has its columns, as it may be shown: account numbers in its words are masked."""
    return Halt(**{**row, **{name: without_accounts(row[name]) for name in ("who", "why")}})


def position_row(position: Position) -> dict[str, Any]:
    """A position's columns, its value among them; lots are folded anew where they are wanted."""
    columns = {name: value for name, value in asdict(position).items() if name != "lots"}
    return columns | {"market_value": position.market_value, "unrealized_pnl": position.unrealized_pnl}


def position_of(row: Row) -> Position:
    """The position of a row that has its columns."""
    return Position(**row)
