"""The table of an order's life in docs/orders.md; `python -m tests.support.lifecycle_table` writes it."""

from pathlib import Path

from oms.lifecycle import LIFECYCLE, Then
from schemas.order_events import EventKind
from schemas.trading import OrderState

DOCUMENT = Path(__file__).parents[2] / "docs" / "orders.md"
BEGIN, END = "<!-- lifecycle -->\n", "<!-- end of lifecycle -->\n"
WORDS = {Then.SAME: "·", Then.SHARES: "by shares", Then.FULL: "if full", Then.WORKING: "back", Then.NOTED: "noted"}
"""ILLEGAL is an empty cell."""


def table() -> str:
    """A line an event, a column a state, and what the words mean."""
    lines = [f"| | {' | '.join(OrderState)} |", f"|{'---|' * (len(OrderState) + 1)}"]
    for kind in EventKind:
        cells = (_cell(LIFECYCLE[state][kind]) for state in OrderState)
        lines.append(f"| **{kind}** | {' | '.join(cells)} |")
    lines += ["", *(f"- {word}: {then.value}" for then, word in WORDS.items()), f"- empty: {Then.ILLEGAL.value}"]
    return "\n".join(lines) + "\n"


def document_with_table() -> str:
    """The document as it should be."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _cell(then: OrderState | Then) -> str:
    return then if isinstance(then, OrderState) else WORDS.get(then, "")


if __name__ == "__main__":
    DOCUMENT.write_text(document_with_table())
