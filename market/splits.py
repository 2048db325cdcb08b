"""The stock splits that are known, and by what they change a price. Reading the table is `resources`' matter."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from schemas.tables import AS_TRADED, BASIS_UNKNOWN


@dataclass(frozen=True)
class Split:
    """A split: from the session `day` on, one share is `ratio` shares (4.0 for 4:1, 0.1 for a reverse 1:10)."""

    symbol: str
    day: date
    ratio: float


def nearer(ratio: float, before: float, after: float) -> float:
    """The ratio or 1.0: with which of the two a price before, divided by it, is nearer to the one after."""
    move = math.log(after / before)
    return ratio if abs(move + math.log(ratio)) < abs(move) else 1.0


@dataclass(frozen=True)
class SplitTable:
    """The splits of every symbol."""

    splits: tuple[Split, ...] = ()

    def between(self, symbol: str, after: date, until: date) -> bool:
        """Whether a split is known after `after`, up to and with `until`."""
        return any(after < split.day <= until for split in self._of(symbol))

    def factor(self, symbol: str, after: date, until: date | None = None) -> float:
        """By what the splits after `after`, up to and with `until` (None: to the last known one), divide a price."""
        product = 1.0
        for split in self._of(symbol):
            if after < split.day and (until is None or split.day <= until):
                product *= split.ratio
        return product

    def divisor(self, symbol: str, earlier: tuple[date, str], later: tuple[date, str]) -> float | None:
        """By what a price of an earlier day is divided to be on the basis of a later day's.

        Args:
            symbol: the ticker.
            earlier: the earlier day, and the basis of its prices (`schemas.tables.BASES`).
            later: the later day, and the basis of its prices.

        Returns:
            None where a basis is unknown and there was a split between the days.

        """
        (day, theirs), (now, ours) = earlier, later
        between = self.factor(symbol, day, now)
        if BASIS_UNKNOWN in (theirs, ours):
            return 1.0 if between == 1.0 else None
        if theirs == ours:
            return between if ours == AS_TRADED else 1.0
        return self.factor(symbol, day) if theirs == AS_TRADED else 1.0 / self.factor(symbol, now)

    def _of(self, symbol: str) -> Iterable[Split]:
        return self._by_symbol.get(symbol, ())

    @cached_property
    def _by_symbol(self) -> dict[str, list[Split]]:
        found: dict[str, list[Split]] = {}
        for split in self.splits:
            found.setdefault(split.symbol, []).append(split)
        return found
