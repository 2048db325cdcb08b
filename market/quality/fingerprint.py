"""The fingerprints that bind a report to the tables that it judged."""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from market.quality.columns import Columns, columns_of
from schemas.texts import Texts

Kind = Literal["numbers", "stamps", "flags", "texts"]
Bytes = Callable[[slice | np.ndarray, int], list[np.ndarray]]
"""The bytes that stand for so many rows of a column: equal for equal values, whatever the type they are held in."""


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
    columns = columns_of(table)
    asked = name, tuple(symbols)
    if asked not in columns.prints:
        columns.prints[asked] = _prints(columns, *asked)
    return dict(columns.prints[asked])


def _prints(columns: Columns, name: str, symbols: tuple[str, ...]) -> dict[str, str]:
    parts, of = _columns(columns), columns.texts("symbol")
    rows = {symbol: np.flatnonzero(of.are(symbol)) for symbol in dict.fromkeys([*symbols, *of.names])}
    return {f"{name}/{symbol}": _digest(parts, _together(chosen), len(chosen)) for symbol, chosen in rows.items()}


def _together(rows: np.ndarray) -> slice | np.ndarray:
    """Ascending places as a slice where none lies between them: a part of an array that need not be copied."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return slice(rows[0], rows[-1] + 1)
    return rows


def _digest(columns: dict[str, Bytes], rows: slice | np.ndarray, count: int) -> str:
    digest = hashlib.sha256()
    for name, bytes_of in columns.items():
        digest.update(f"{name}:{count};".encode())
        for part in bytes_of(rows, count):
            digest.update(part)  # type: ignore[arg-type]  # an array is a buffer
    return digest.hexdigest()


def _columns(columns: Columns) -> dict[str, Bytes]:
    return {name: _column(columns, name, _kind(dtype)) for name, dtype in columns.kinds.items()}


def _column(columns: Columns, name: str, kind: Kind) -> Bytes:
    if kind == "numbers":
        return _values(columns.canonical(name))
    if kind == "stamps":
        return _values(columns.stamps(name))
    if kind == "flags":
        return _values(columns.numbers(name).astype("u1"))
    return _texts(columns.texts(name))


@lru_cache(maxsize=64)
def _kind(dtype: Any) -> Kind:
    """How the values of a pandas type are written."""
    if pd.api.types.is_float_dtype(dtype):
        return "numbers"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "stamps"
    return "flags" if pd.api.types.is_bool_dtype(dtype) else "texts"


def _values(values: np.ndarray) -> Bytes:
    beside = np.ascontiguousarray(values)
    return lambda rows, _: [beside[rows]]


def _texts(texts: Texts) -> Bytes:
    """Texts are mostly the same for many rows: each run of equal ones is its end and the hash of the text."""
    hashed = _hashed(texts.names)

    def bytes_of(rows: slice | np.ndarray, count: int) -> list[np.ndarray]:
        last = np.arange(count - 1, count)[:count]
        if texts.alike:
            return [last, hashed[: len(last)]]
        codes = texts.codes[rows]
        ends = np.concatenate([np.flatnonzero(codes[1:] != codes[:-1]), last])
        return [ends, hashed[codes[ends]]]

    return bytes_of


@lru_cache(maxsize=256)
def _hashed(names: tuple[str, ...]) -> np.ndarray:
    """The hash of each text, and last what stands for a null."""
    hashes = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in names]
    return np.array([*hashes, b""], dtype="S16")
