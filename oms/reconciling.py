"""Holds our positions against the broker's: on quantity, over every symbol that either has. Pure.

The broker's average cost includes commission and its own rounding, so prices are not compared.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from schemas.broker import Compared, HeldPosition

NOTHING = Decimal(0)


def compare(ours: Mapping[str, Decimal], theirs: Iterable[HeldPosition]) -> list[Compared]:
    """Every symbol of either book, by name; one that a book does not have is held there with nothing."""
    held = {one.symbol: one.quantity for one in theirs}
    return [Compared(name, ours.get(name, NOTHING), held.get(name, NOTHING)) for name in sorted({*ours, *held})]
