"""A column of texts as numbers, and back: what is compared often is compared as numbers.

Most texts stand in many rows, so that no row needs a Python object. What the texts mean is the callers' matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import ExtensionArray

Values = np.ndarray | ExtensionArray


@dataclass(frozen=True)
class Texts:
    """A column of texts, as numbers."""

    codes: np.ndarray
    """Shape (rows,): the place of the row's text in `names`; -1 where it is null."""
    names: tuple[str, ...]
    alike: bool = False
    """Whether it is known that all rows have the same text."""

    def are(self, *names: str) -> np.ndarray:
        """Which rows have one of these texts."""
        places = [self.names.index(name) for name in names if name in self.names]
        if not places:
            return np.zeros(len(self.codes), dtype=bool)
        return np.asarray(np.logical_or.reduce([self.codes == place for place in places]))

    def part(self, rows: slice | np.ndarray) -> "Texts":
        """Some rows of the column, as they would be encoded by themselves."""
        codes = self.codes[rows]
        if self.alike and len(codes):
            return Texts(codes, self.names, alike=True)
        return placed(codes, self.names)


def placed(codes: np.ndarray, names: Sequence[str]) -> Texts:
    """By row the name that stands at its place, -1 for a null, as a column of these texts would be encoded."""
    first = {place: int(rows.argmax()) for place in range(len(names)) if (rows := codes == place).any()}
    order = sorted(first, key=lambda place: first[place])
    if order != list(range(len(order))):
        places = np.full(len(names) + 1, -1)  # the last one is that of a null
        places[order] = np.arange(len(order))
        codes = places[codes]
    return Texts(codes, tuple(names[place] for place in order), len(order) == 1 and bool((codes == 0).all()))


def alike(text: str, count: int) -> Texts:
    """One text, `count` times."""
    return Texts(np.zeros(count, dtype="int64"), (text,) if count else (), alike=count > 0)


def joined(parts: Sequence[Texts]) -> Texts:
    """The rows of some columns, one below the other."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    if len(names) == 1 and all(part.alike for part in parts):
        return alike(names[0], sum(len(part.codes) for part in parts))
    places = {name: place for place, name in enumerate(names)}
    codes = [np.array([*(places[name] for name in part.names), -1])[part.codes] for part in parts]
    return Texts(np.concatenate(codes), names)


def encoded(values: Values) -> Texts:
    """A column's values, texts or what else can be written as text."""
    if not isinstance(values, pd.arrays.ArrowStringArray):
        codes, names = pd.factorize(pd.Series(values))
        return Texts(codes, tuple(map(str, names)))
    # What pandas does too, in a fifth of the time: mostly a text is the same for many rows in a row.
    chunks = values.__arrow_array__()
    runs = pc.run_end_encode(chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks())
    if len(runs.values) == 1 and runs.values.null_count == 0:
        return alike(runs.values[0].as_py(), len(runs))
    found, ends = runs.values.dictionary_encode(), runs.run_ends.to_numpy()
    lengths = ends - np.concatenate([[0], ends[:-1]])
    codes = found.indices if found.indices.null_count == 0 else found.indices.fill_null(-1)
    return Texts(np.repeat(codes.to_numpy(), lengths), tuple(found.dictionary.to_pylist()))


def written(texts: Texts) -> ExtensionArray:
    """The column itself."""
    if texts.alike:
        column: pa.Array = pa.repeat(pa.scalar(texts.names[0], pa.large_string()), len(texts.codes))
    else:
        column = pa.array(texts.names, pa.large_string()).take(pa.array(texts.codes, mask=texts.codes < 0))
    values: ExtensionArray = pd.array(column, dtype="str")
    return values
