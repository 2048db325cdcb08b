"""A table's columns as arrays, each made once: the gate asks for the same ones over and over.

A table need not have been one: bars and frames of many sessions are made as arrays, and become tables of pandas only
where somebody asks for one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa

from schemas.contracts import plainly_holds
from schemas.tables import checked
from schemas.texts import Texts, Values, encoded, joined, written

Form = Literal["numbers", "stamps", "flags", "texts"]
Array = np.ndarray | Texts
"""A column that need not have been pandas': stamps as datetime64[us] in UTC, float64, bool, or texts."""
TEXT = pd.StringDtype(na_value=np.nan)
INSTANT = pd.DatetimeTZDtype("us", "UTC")


class Columns:
    """The columns of a table that nobody changes meanwhile.

    Args:
        table: any table; None: it is made when it is asked for.

    """

    def __init__(self, table: pd.DataFrame | None) -> None:
        self._table = table
        self._stamps: dict[str, np.ndarray] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._texts: dict[str, Texts] = {}
        self.prints: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
        """What `market.quality.fingerprint` has made of exactly these values."""
        self._holds: dict[type[pa.DataFrameModel], bool] = {}

    def __len__(self) -> int:
        return len(self.table)

    @property
    def table(self) -> pd.DataFrame:
        """The table itself."""
        if self._table is None:  # it costs more than all else, and is not always asked for
            self._table = self._made()
        return self._table

    @property
    def arrays(self) -> Mapping[str, Array] | None:
        """All columns, where they were made as arrays."""
        return None

    @cached_property
    def kinds(self) -> Mapping[str, Any]:
        """The pandas type of every column, by name."""
        return {str(name): dtype for name, dtype in self.table.dtypes.items()}

    def values(self, name: str) -> Values:
        """A column as pandas has it."""
        values: Values = self.table[name].array
        return values

    def stamps(self, name: str) -> np.ndarray:
        """Stamps with a time zone as int64, microseconds since 1970 in UTC."""
        if name not in self._stamps:
            self._stamps[name] = np.asarray(self._raw(name), dtype="datetime64[us]").view("int64")
        return self._stamps[name]

    def numbers(self, name: str) -> np.ndarray:
        """Numbers, or true and false, as float64."""
        if name not in self._numbers:
            self._numbers[name] = np.asarray(self._raw(name), dtype="float64")
        return self._numbers[name]

    def canonical(self, name: str) -> np.ndarray:
        """The numbers of a float column, with one bit pattern for both zeros and one for every NaN."""
        return self._canonical[name]

    def texts(self, name: str) -> Texts:
        """Texts, or what else can be written as text."""
        if name not in self._texts:
            self._texts[name] = encoded(self.values(name))
        return self._texts[name]

    def rows(self, which: slice | np.ndarray) -> "Columns":
        """Some rows by themselves; `which` is a slice, or of type bool."""
        if self.arrays is None:
            return Columns(self.table[which])
        return Arrays({name: _some(array, which) for name, array in self.arrays.items()})

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """As what the values of every column are compared, by name."""
        return {name: _form(dtype) for name, dtype in self.kinds.items()}

    def holds(self, model: type[pa.DataFrameModel]) -> bool:
        """Whether the table satisfies a model beyond doubt; False says nothing."""
        if model not in self._holds:
            self._holds[model] = plainly_holds(self.table, model)
        return self._holds[model]

    def parts(self, lengths: Iterable[int]) -> "Iterator[Columns]":
        """The table cut into neighbouring rows, so many each; a column is made ready for all parts at once."""
        first = 0
        for length in lengths:
            yield self.part(first, first + length)
            first += length

    def part(self, first: int, end: int) -> "Columns":
        """Neighbouring rows, likewise."""
        return self if (first, end) == (0, len(self)) else _Part(self, slice(first, end))

    def _made(self) -> pd.DataFrame:
        raise NotImplementedError

    def _raw(self, name: str) -> Values:
        """Stamps or numbers as they are at hand."""
        return self.values(name)

    @cached_property
    def _canonical(self) -> dict[str, np.ndarray]:
        names = [name for name, form in self.forms.items() if form == "numbers"]
        block = np.array([self.numbers(name) for name in names]) + 0.0  # all at once; -0.0 becomes 0.0
        np.copyto(block, np.nan, where=np.isnan(block))
        return dict(zip(names, block, strict=True))


class Arrays(Columns):
    """Columns that are made as arrays.

    Args:
        arrays: by name, in order, all of one length.

    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(None)
        self._given = arrays

    def __len__(self) -> int:
        first = next(iter(self._given.values()))
        return len(first.codes if isinstance(first, Texts) else first)

    @property
    def arrays(self) -> Mapping[str, Array]:
        """All columns."""
        return self._given

    @cached_property
    def kinds(self) -> Mapping[str, Any]:
        """The pandas type that every column would have."""
        return {name: _kind(array) for name, array in self._given.items()}

    def texts(self, name: str) -> Texts:
        """Texts as they were given."""
        array = self._given[name]
        return array if isinstance(array, Texts) else super().texts(name)

    def values(self, name: str) -> Values:
        """A column as pandas would have it."""
        array = self._given[name]
        if isinstance(array, Texts):
            return written(array)
        return pd.DatetimeIndex(array, tz="UTC").array if array.dtype.kind == "M" else array

    def _made(self) -> pd.DataFrame:
        return pd.DataFrame({name: self.values(name) for name in self._given})

    def _raw(self, name: str) -> Values:
        array = self._given[name]
        return self.values(name) if isinstance(array, Texts) else array


class _Part(Columns):
    """Neighbouring rows of a table: views of the whole table's arrays."""

    def __init__(self, whole: Columns, rows: slice) -> None:
        super().__init__(None)
        self.whole = whole
        self.slice = rows

    def __len__(self) -> int:
        return int(self.slice.stop - self.slice.start)

    @property
    def arrays(self) -> Mapping[str, Array] | None:
        arrays = self.whole.arrays
        if arrays is None:
            return None
        return {
            name: self.texts(name) if isinstance(array, Texts) else array[self.slice] for name, array in arrays.items()
        }

    @cached_property
    def kinds(self) -> Mapping[str, Any]:
        return self.whole.kinds

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        return self.whole.forms

    def holds(self, model: type[pa.DataFrameModel]) -> bool:
        return self.whole.holds(model) or super().holds(model)  # what holds of all rows holds of some

    def values(self, name: str) -> Values:
        return self.whole.values(name)[self.slice]

    def stamps(self, name: str) -> np.ndarray:
        return self.whole.stamps(name)[self.slice]

    def numbers(self, name: str) -> np.ndarray:
        return self.whole.numbers(name)[self.slice]

    def canonical(self, name: str) -> np.ndarray:
        return self.whole.canonical(name)[self.slice]

    def texts(self, name: str) -> Texts:
        if name not in self._texts:
            self._texts[name] = self.whole.texts(name).part(self.slice)
        return self._texts[name]

    def _made(self) -> pd.DataFrame:
        return self.whole.table.iloc[self.slice].reset_index(drop=True)  # one table for all parts


def columns_of(table: pd.DataFrame | Columns) -> Columns:
    """The columns of a table, which may be at hand."""
    return table if isinstance(table, Columns) else Columns(table)


def held(columns: Columns, model: type[pa.DataFrameModel]) -> Columns:
    """The columns themselves, when their table satisfies its model. What the parts of a table are of is looked at once.

    Raises:
        ContractBroken: as `schemas.tables.checked` says it.

    """
    if not columns.holds(model):
        checked(columns.table, model)
    return columns


def together(tables: Sequence[Columns]) -> Columns:
    """The rows of some tables as one; those of parts that lie side by side are not copied."""
    parts = [one for one in tables if isinstance(one, _Part) and one.whole is getattr(tables[0], "whole", None)]
    if len(parts) == len(tables) and all(one.slice.stop == other.slice.start for one, other in pairwise(parts)):
        return parts[0].whole.part(parts[0].slice.start, parts[-1].slice.stop)
    given = [arrays for arrays in (one.arrays for one in tables) if arrays is not None]
    if len(given) < len(tables):
        return Columns(pd.concat([one.table for one in tables], ignore_index=True))
    return Arrays({name: _joined([arrays[name] for arrays in given]) for name in given[0]})


def _joined(arrays: Sequence[Array]) -> Array:
    texts = [one for one in arrays if isinstance(one, Texts)]
    return joined(texts) if texts else np.concatenate(arrays)  # type: ignore[arg-type]  # there is no text among them


def _some(array: Array, which: slice | np.ndarray) -> Array:
    return array.part(which) if isinstance(array, Texts) else array[which]


def _form(dtype: Any) -> Form:
    if pd.api.types.is_float_dtype(dtype):
        return "numbers"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "stamps"
    return "flags" if pd.api.types.is_bool_dtype(dtype) else "texts"


def _kind(array: Array) -> Any:
    if isinstance(array, Texts):
        return TEXT
    return INSTANT if array.dtype.kind == "M" else array.dtype
