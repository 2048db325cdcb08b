"""Holds our positions against the broker's: on quantity, over every symbol that either has. Pure.

The broker's average cost includes commission and its own rounding, so prices are not compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from schemas.broker import HeldPosition

NOTHING = Decimal(0)


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
        return f"{self.symbol}: {self.ours} by our ledger, {self.theirs} at the broker"


def compare(ours: Mapping[str, Decimal], theirs: Iterable[HeldPosition]) -> list[Compared]:
    """Every symbol of either book, by name; one that a book does not have is held there with nothing."""
    held = {one.symbol: one.quantity for one in theirs}
    return [Compared(name, ours.get(name, NOTHING), held.get(name, NOTHING)) for name in sorted({*ours, *held})]
