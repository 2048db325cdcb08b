"""A table's columns as arrays, each made once: the gate asks for the same ones over and over."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from schemas.texts import Texts, Values, encoded


class Columns:
    """The columns of a table that nobody changes meanwhile.

    Args:
        table: any table.

    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._stamps: dict[str, np.ndarray] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._texts: dict[str, Texts] = {}
        self.prints: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
        """What `market.quality.fingerprint` has made of exactly these values."""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def table(self) -> pd.DataFrame:
        """The table itself."""
        return self._table

    @cached_property
    def kinds(self) -> dict[str, Any]:
        """The pandas type of every column, by name."""
        return {name: values.dtype for name, values in self._arrays.items()}

    def stamps(self, name: str) -> np.ndarray:
        """Stamps with a time zone as int64, microseconds since 1970 in UTC."""
        if name not in self._stamps:
            self._stamps[name] = np.asarray(self._arrays[name], dtype="datetime64[us]").view("int64")
        return self._stamps[name]

    def numbers(self, name: str) -> np.ndarray:
        """Numbers, or true and false, as float64."""
        if name not in self._numbers:
            self._numbers[name] = np.asarray(self._arrays[name], dtype="float64")
        return self._numbers[name]

    def canonical(self, name: str) -> np.ndarray:
        """The numbers of a float column, with one bit pattern for both zeros and one for every NaN."""
        return self._canonical[name]

    def texts(self, name: str) -> Texts:
        """Texts, or what else can be written as text."""
        if name not in self._texts:
            self._texts[name] = encoded(self._arrays[name])
        return self._texts[name]

    def parts(self, lengths: Iterable[int]) -> "Iterator[Columns]":
        """The table cut into neighbouring rows, so many each; a column is made ready for all parts at once."""
        first = 0
        for length in lengths:
            yield _Part(self, slice(first, first + length))
            first += length

    @cached_property
    def _arrays(self) -> dict[str, Values]:
        return {str(name): column.array for name, column in self.table.items()}

    @cached_property
    def _canonical(self) -> dict[str, np.ndarray]:
        names = [name for name, dtype in self.kinds.items() if pd.api.types.is_float_dtype(dtype)]
        block = np.array([self.numbers(name) for name in names]) + 0.0  # all at once; -0.0 becomes 0.0
        np.copyto(block, np.nan, where=np.isnan(block))
        return dict(zip(names, block, strict=True))


class _Part(Columns):
    """Neighbouring rows of a table: views of the whole table's arrays."""

    def __init__(self, whole: Columns, rows: slice) -> None:
        super().__init__(whole.table)
        self.whole = whole
        self.rows = rows
        self._own: pd.DataFrame | None = None

    def __len__(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def table(self) -> pd.DataFrame:
        if self._own is None:  # it costs more than all else, and is not always asked for
            self._own = self.whole.table.iloc[self.rows].reset_index(drop=True)
        return self._own

    @cached_property
    def kinds(self) -> dict[str, Any]:
        return self.whole.kinds

    def stamps(self, name: str) -> np.ndarray:
        return self.whole.stamps(name)[self.rows]

    def numbers(self, name: str) -> np.ndarray:
        return self.whole.numbers(name)[self.rows]

    def canonical(self, name: str) -> np.ndarray:
        return self.whole.canonical(name)[self.rows]

    def texts(self, name: str) -> Texts:
        if name not in self._texts:
            self._texts[name] = self.whole.texts(name).part(self.rows)
        return self._texts[name]


def columns_of(table: pd.DataFrame | Columns) -> Columns:
    """The columns of a table, which may be at hand."""
    return table if isinstance(table, Columns) else Columns(table)


def together(tables: Sequence[Columns]) -> Columns:
    """The rows of some tables as one; those of parts that lie side by side are not copied."""
    parts = [one for one in tables if isinstance(one, _Part) and one.whole is getattr(tables[0], "whole", None)]
    if len(parts) == len(tables) and all(one.rows.stop == other.rows.start for one, other in pairwise(parts)):
        return _Part(parts[0].whole, slice(parts[0].rows.start, parts[-1].rows.stop))
    return Columns(pd.concat([one.table for one in tables], ignore_index=True))
