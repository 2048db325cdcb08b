"""A column of texts as numbers: what is compared often is compared as numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
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

    def part(self, rows: slice) -> "Texts":
        """Some rows of the column, as they would be encoded by themselves."""
        codes = self.codes[rows]
        if self.alike and len(codes):
            return Texts(codes, self.names, alike=True)
        there, first = np.unique(codes, return_index=True)
        there, first = there[there >= 0], first[there >= 0]
        order = there[np.argsort(first)]
        places = np.full(len(self.names) + 1, -1)  # the last one is that of a null
        places[order] = np.arange(len(order))
        return Texts(places[codes], tuple(self.names[place] for place in order))


def encoded(values: Values) -> Texts:
    """A column's values, texts or what else can be written as text."""
    if not isinstance(values, pd.arrays.ArrowStringArray):
        codes, names = pd.factorize(pd.Series(values))
        return Texts(codes, tuple(map(str, names)))
    # What pandas does too, in a fifth of the time: mostly a text is the same for many rows in a row.
    chunks = values.__arrow_array__()
    runs = pc.run_end_encode(chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks())
    if len(runs.values) == 1 and runs.values.null_count == 0:
        return Texts(np.zeros(len(runs), dtype="int64"), (runs.values[0].as_py(),), alike=True)
    found, ends = runs.values.dictionary_encode(), runs.run_ends.to_numpy()
    lengths = ends - np.concatenate([[0], ends[:-1]])
    codes = found.indices if found.indices.null_count == 0 else found.indices.fill_null(-1)
    return Texts(np.repeat(codes.to_numpy(), lengths), tuple(found.dictionary.to_pylist()))
