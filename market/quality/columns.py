"""A table's columns as arrays, each made once: the gate asks for the same ones over and over."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa


@dataclass(frozen=True)
class Texts:
    """A column of texts, as numbers."""

    codes: np.ndarray
    """Shape (rows,): the place of the row's text in `names`; -1 where it is null."""
    names: tuple[str, ...]

    def are(self, *names: str) -> np.ndarray:
        """Which rows have one of these texts."""
        places = [self.names.index(name) for name in names if name in self.names]
        if len(places) == 1:
            return np.asarray(self.codes == places[0])
        return np.isin(self.codes, places)


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a table that nobody changes meanwhile."""

    table: pd.DataFrame
    _stamps: dict[str, np.ndarray] = field(default_factory=dict)
    _numbers: dict[str, np.ndarray] = field(default_factory=dict)
    _texts: dict[str, Texts] = field(default_factory=dict)

    def stamps(self, name: str) -> np.ndarray:
        """Stamps with a time zone as int64, microseconds since 1970 in UTC."""
        if name not in self._stamps:
            self._stamps[name] = self.table[name].to_numpy("datetime64[us]").view("int64")
        return self._stamps[name]

    def numbers(self, name: str) -> np.ndarray:
        """Numbers, or true and false, as float64."""
        if name not in self._numbers:
            self._numbers[name] = self.table[name].to_numpy("float64")
        return self._numbers[name]

    def texts(self, name: str) -> Texts:
        """Texts, or what else can be written as text."""
        if name not in self._texts:
            self._texts[name] = _encoded(self.table[name])
        return self._texts[name]


def _encoded(column: pd.Series) -> Texts:
    values = column.array
    if not isinstance(values, pd.arrays.ArrowStringArray):
        codes, names = pd.factorize(column)
        return Texts(codes, tuple(map(str, names)))
    # What pandas does too, in a third of the time.
    found = pa.chunked_array(values.__arrow_array__()).combine_chunks().dictionary_encode()
    return Texts(found.indices.fill_null(-1).to_numpy(zero_copy_only=False), tuple(found.dictionary.to_pylist()))
