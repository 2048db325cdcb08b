"""Orders and their histories as tables for people and as JSON for machines."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from resources.database.order_rows import KeptEvent, KeptOrder
from schemas.order_events import Outcome

LONG: Final = ("order", "made (UTC)", "what", "at (UTC)", "said")
"""Columns that go on in another line where the screen is narrow: nothing is cut off."""
STYLE: Final = {"FILLED": "green", "REJECTED": "red", "CANCELLED": "yellow", "EXPIRED": "yellow"}


def show_history(events: Sequence[KeptEvent], console: Console) -> None:
    """All that happened to an order, as a table."""
    table = _table("at (UTC)", "event", "shares", "price", "state after", "said")
    for one in events:
        event = one.event
        said = f"quarantined: {one.reason} {event.said}" if one.outcome is Outcome.QUARANTINED else event.said
        price = _plain(event.price)
        if event.stop_price is not None:
            price = f"{price} stop {_plain(event.stop_price)}".strip()
        cells = (f"{event.at:%Y-%m-%d %H:%M:%S}", event.kind, _plain(event.quantity or None), price)
        table.add_row(*cells, one.state, escape(said.strip()))
    console.print(table)


def show_orders(orders: Sequence[KeptOrder], console: Console) -> None:
    """Orders as a table."""
    table = _table("order", "made (UTC)", "what", "stands", "filled", "state")
    for kept in orders:
        order = kept.order
        prices = {"limit": order.limit_price, "stop": order.stop_price}
        at = ", ".join(f"{name} {price}" for name, price in prices.items() if price is not None) or "market"
        what = f"{order.side} {order.quantity} {order.symbol}, {at}"
        if kept.modification is not None and not kept.state.ended:
            what += f" (asked for: {kept.modification.terms})"
        state = f"[{STYLE.get(kept.state, 'default')}]{kept.state}[/]"
        made = f"{kept.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(order.client_order_id, made, what, order.time_in_force, _plain(kept.filled), state)
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column not in LONG, overflow="fold")
    return table


def _plain(number: Decimal | None) -> str:
    return "" if number is None else f"{number:f}"


def order_told(kept: KeptOrder) -> dict[str, object]:
    """An order for JSON; shares and money as text, exact."""
    order = kept.order
    return {
        "client_order_id": order.client_order_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side,
        "order_type": order.order_type,
        "quantity": _plain(order.quantity),
        "limit_price": None if order.limit_price is None else _plain(order.limit_price),
        "stop_price": None if order.stop_price is None else _plain(order.stop_price),
        "time_in_force": order.time_in_force,
        "state": kept.state,
        "filled": _plain(kept.filled),
        "created_at": kept.created_at.isoformat(),
    }


def event_told(one: KeptEvent) -> dict[str, object]:
    """A line of an order's history for JSON."""
    event = one.event
    return {
        "at": event.at.isoformat(),
        "recorded_at": one.recorded_at.isoformat(),
        "kind": event.kind,
        "outcome": one.outcome,
        "reason": one.reason,
        "state": one.state,
        "quantity": _plain(event.quantity),
        "price": None if event.price is None else _plain(event.price),
        "stop_price": None if event.stop_price is None else _plain(event.stop_price),
        "execution": event.execution,
        "revision": event.revision,
        "perm_id": event.perm_id,
        "said": event.said,
    }
