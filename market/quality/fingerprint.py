"""The fingerprints that bind a report to the tables that it judged."""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from market.quality.columns import Columns, Form, columns_of
from schemas.texts import Texts

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
    parts: list[Any] = []
    for name, bytes_of in columns.items():
        parts.append(_heading(name, count))
        parts += bytes_of(rows, count)
    return hashlib.sha256(b"".join(parts)).hexdigest()  # at once: handing over each part costs more than the copy


@lru_cache(maxsize=1024)
def _heading(name: str, count: int) -> bytes:
    return f"{name}:{count};".encode()


def _columns(columns: Columns) -> dict[str, Bytes]:
    return {name: _column(columns, name, form) for name, form in columns.forms.items()}


def _column(columns: Columns, name: str, form: Form) -> Bytes:
    if form == "numbers":
        return _values(columns.canonical(name))
    if form == "stamps":
        return _values(columns.stamps(name))
    if form == "flags":
        return _values(columns.numbers(name).astype("u1"))
    return _texts(columns.texts(name))


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
