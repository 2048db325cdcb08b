"""Bars as arrays, minutes by columns, and what follows from each column by itself: what the rules compute with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from schemas.tables import BAR_VALUES, PRICE_COLUMNS

HIGHEST_PRICE = 1e9
"""Far beyond what was ever paid: what is larger is no price, and would break the sums of a day."""
MOST_SHARES = 1e12
"""Far beyond what was ever traded in a minute."""
PRINT_FACTORS = np.array([3, 5_209, 1_000_003, 4_294_967_311, 1_000_000_000_039], dtype="u8")
"""Odd, so that no bit of a value is lost; one for each of `BAR_VALUES`."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Arrays of shape (minutes, columns), float64, NaN where there is no bar; a column's minutes lie together."""

    values: Mapping[str, np.ndarray]
    """By the name of a table's column."""
    present: np.ndarray
    """bool: whether there is a row for the minute."""

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def columns(self, chosen: Sequence[int]) -> Self:
        """Some of the columns, in that order."""
        values = {name: _chosen(array, chosen) for name, array in self.values.items()}
        return replace(self, values=values, present=_chosen(self.present, chosen))

    @cached_property
    def log_volume(self) -> np.ndarray:
        """The natural logarithm of the volume; NaN where no share was traded, or what stands there is no count."""
        volume = self["volume"]
        traded = is_count(volume) & (volume > 0)
        return np.asarray(np.log(volume, where=traded, out=np.full_like(volume, np.nan)))

    @cached_property
    def prices(self) -> np.ndarray:
        """The four prices as they are, (4, minutes, columns)."""
        return np.stack([self[name].T for name in PRICE_COLUMNS]).transpose(0, 2, 1)

    @cached_property
    def priced(self) -> np.ndarray:
        """The four prices, (4, minutes, columns); NaN for what is none."""
        valid = is_price(self.prices)
        return self.prices if valid.all() else np.where(valid, self.prices, np.nan)

    @cached_property
    def sound(self) -> np.ndarray:
        """bool: minutes up to which every bar was of finite prices and a volume that is not negative."""
        values = [self[name] for name in BAR_VALUES]
        finite = np.logical_and.reduce([np.isfinite(each) for each in values])
        broken = self["volume"] < 0
        if not finite.all():
            broken |= ~finite & ~np.logical_and.reduce([np.isnan(each) for each in values])
        return ~np.logical_or.accumulate(broken, axis=0) if broken.any() else np.ones_like(broken)

    @cached_property
    def prints(self) -> np.ndarray:
        """uint64: a number for each bar that two bars share when all their values are equal; 0 where nothing moved.

        A bar without volume, or of one price, is no print: such bars are equal by chance.
        """
        mixed = np.zeros_like(self["volume"], dtype="u8")
        with np.errstate(over="ignore"):
            for name, factor in zip(BAR_VALUES, PRINT_FACTORS, strict=True):
                mixed += self[name].view("u8") * factor
        return np.where((self["volume"] > 0) & (self["high"] > self["low"]), mixed, np.uint64(0))

    @cached_property
    def pairs(self) -> np.ndarray:
        """uint64: a number for each bar and the next one, likewise; 0 where one is no print or both are the same."""
        first, second = self.prints[:-1], self.prints[1:]
        with np.errstate(over="ignore"):
            both = first * PRINT_FACTORS[-1] + second
        return np.where((first != 0) & (second != 0) & (first != second), both, np.uint64(0))

    @cached_property
    def closes(self) -> "Closes":
        """What indicators still remember of these closes."""
        close = self["close"]
        there = close == close
        lowest, highest = np.fmin.reduce(close, axis=0), np.fmax.reduce(close, axis=0)
        return Closes(np.count_nonzero(there, axis=0), lowest, highest, _last(close, there))

    @cached_property
    def opening(self) -> np.ndarray:
        """The first open that is a price, by column; NaN where none is."""
        opens = self["open"][::-1]
        return _last(opens, is_price(opens))

    @cached_property
    def closing(self) -> np.ndarray:
        """The last close that is a price, by column; NaN where none is."""
        return _last(self["close"], is_price(self["close"]))


class Closes(NamedTuple):
    """Of some closes, by column."""

    seen: np.ndarray
    """int: how many there are."""
    lowest: np.ndarray
    """NaN where there is none."""
    highest: np.ndarray
    last: np.ndarray


def no_closes(columns: int) -> Closes:
    """Of none at all."""
    unknown = np.full(columns, np.nan)
    return Closes(np.zeros(columns, dtype=int), unknown, unknown, unknown)


def beside(parts: Sequence[Cells]) -> Cells:
    """The columns of some cells of equally many minutes as those of one, in order."""
    if len(parts) == 1:
        return parts[0]
    values = {name: joined([part[name] for part in parts]) for name in parts[0].values}
    return Cells(values, joined([part.present for part in parts]))


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of shape (minutes, columns) side by side."""
    return np.concatenate([array.T for array in arrays]).T


def is_price(values: np.ndarray) -> np.ndarray:
    """Which values are prices: positive, finite and not absurd."""
    return np.asarray((values > 0) & (values < HIGHEST_PRICE))


def is_count(volume: np.ndarray) -> np.ndarray:
    """Which volumes are a whole number of shares."""
    return np.asarray((volume >= 0) & (volume < MOST_SHARES) & (np.floor(volume) == volume))


def medians(values: np.ndarray) -> np.ndarray:
    """By column, of the numbers that are there; NaN where none is. NumPy's own takes ten times as long."""
    ordered = np.sort(values.T, axis=-1)  # NaN last
    count = np.count_nonzero(ordered == ordered, axis=-1)
    each = np.arange(len(ordered))
    return np.asarray((ordered[each, (count - 1) // 2] + ordered[each, count // 2]) / 2)


def carried(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """By cell, the value of the last one above it that is there, whatever gap lies between; NaN where none is."""
    found = np.full_like(values, np.nan)
    if there.all():
        found[1:] = values[:-1]
        return found
    rows = np.where(there, np.arange(len(values))[:, np.newaxis], -1)
    last = np.maximum.accumulate(rows, axis=0)[:-1]
    found[1:] = np.where(last < 0, np.nan, np.take_along_axis(values, np.maximum(last, 0), axis=0))
    return found


def _chosen(array: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    return array.T[list(columns)].T


def _last(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """By column, the last value that is valid; NaN where none is."""
    rows = len(values) - 1 - valid[::-1].argmax(axis=0)
    found = values[rows, np.arange(values.shape[1])]
    return np.where(valid.any(axis=0), found, np.nan)
