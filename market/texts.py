"""Columns of texts that are mostly the same: made of the few texts that there are, without a Python object a row.

What the texts mean is the callers' matter; reading them as numbers is `market.quality.columns`'s.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray


def repeated(text: str, count: int) -> ExtensionArray:
    """One text, `count` times."""
    column: ExtensionArray = pd.array(pa.repeat(pa.scalar(text, pa.large_string()), count), dtype="str")
    return column


def chosen(texts: Sequence[str], places: np.ndarray) -> ExtensionArray:
    """By row the text that stands at its place; `places` are integers of shape (rows,)."""
    if not places.any():
        return repeated(texts[0], len(places))
    column: ExtensionArray = pd.array(pa.array(texts, pa.large_string()).take(pa.array(places)), dtype="str")
    return column
