"""The fingerprints that bind a report to the tables that it judged."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from market.quality.columns import Columns, Texts

Bytes = Callable[[np.ndarray | slice], bytes]
"""The bytes that stand for some rows of a column: equal for equal values, whatever the type they are held in."""


def fingerprint(table: pd.DataFrame) -> str:
    """SHA-256 of a table's columns and values; equal tables have equal fingerprints, on disk or in memory."""
    return _digest(_columns(Columns(table)), slice(None), len(table))


def fingerprints(name: str, table: pd.DataFrame | Columns, symbols: Iterable[str] = ()) -> dict[str, str]:
    """The fingerprint of each symbol's rows, under `<name>/<symbol>`.

    Args:
        name: the table's name.
        table: rows of any symbols, in any order of symbols.
        symbols: those that have a fingerprint even if they have no rows.

    """
    columns = table if isinstance(table, Columns) else Columns(table)
    parts, of = _columns(columns), columns.texts("symbol")
    rows = {symbol: np.flatnonzero(of.are(symbol)) for symbol in dict.fromkeys([*symbols, *of.names])}
    return {f"{name}/{symbol}": _digest(parts, chosen, len(chosen)) for symbol, chosen in rows.items()}


def _digest(columns: dict[str, Bytes], rows: np.ndarray | slice, count: int) -> str:
    digest = hashlib.sha256()
    for name, bytes_of in columns.items():
        digest.update(f"{name}:{count};".encode())
        digest.update(bytes_of(rows))
    return digest.hexdigest()


def _columns(columns: Columns) -> dict[str, Bytes]:
    types = columns.table.dtypes
    return {str(name): _column(columns, str(name), kind) for name, kind in zip(types.index, types, strict=True)}


def _column(columns: Columns, name: str, kind: Any) -> Bytes:
    if isinstance(kind, pd.DatetimeTZDtype):
        stamps = columns.stamps(name)
        return lambda rows: stamps[rows].tobytes()
    if pd.api.types.is_float_dtype(kind):
        numbers = columns.numbers(name) + 0.0  # one bit pattern for both zeros
        numbers[np.isnan(numbers)] = np.nan  # and one for every NaN
        return lambda rows: numbers[rows].tobytes()
    if pd.api.types.is_bool_dtype(kind):
        truths = columns.numbers(name).astype("u1")
        return lambda rows: truths[rows].tobytes()
    return _texts(columns.texts(name))


def _texts(texts: Texts) -> Bytes:
    """Texts are mostly the same for many rows: each run of equal ones is its end and the hash of the text."""
    hashes = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in texts.names]
    hashed = np.array([*hashes, b""], dtype="S16")

    def bytes_of(rows: np.ndarray | slice) -> bytes:
        codes = texts.codes[rows]
        ends = np.flatnonzero(np.append(codes[1:] != codes[:-1], True)[: len(codes)])
        return bytes(ends.tobytes() + hashed[codes[ends]].tobytes())

    return bytes_of
