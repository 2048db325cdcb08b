"""What a rule may look at, and the fingerprint that binds a report to it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from market.sessions import BarSize, Session
from schemas.tables import FALLBACK, KEPT


@dataclass(frozen=True)
class Evidence:
    """One session's bars (`schemas.tables.Bars`) and, where it has been built, its frame."""

    session: Session
    bar_size: BarSize
    symbols: tuple[str, ...]
    bars: pd.DataFrame
    frame: pd.DataFrame | None = None

    @cached_property
    def expected(self) -> pd.DatetimeIndex:
        """The exchange's minutes."""
        return self.session.minutes(self.bar_size)

    @cached_property
    def _kept(self) -> dict[str, pd.DataFrame]:
        """By symbol, because every rule asks for it."""
        kept = self.bars[self.bars["mark"] == KEPT]
        return {symbol: kept[kept["symbol"] == symbol] for symbol in self.symbols}

    def kept(self, symbol: str) -> pd.DataFrame:
        """The symbol's unmarked bars."""
        return self._kept[symbol]

    def marked(self, symbol: str, marks: Sequence[str]) -> pd.DataFrame:
        """The symbol's bars that carry one of the marks."""
        return self.bars[(self.bars["symbol"] == symbol) & self.bars["mark"].isin(marks)]

    def from_fallback(self, symbol: str) -> bool:
        """Whether the symbol's bars are the fallback feed's."""
        bars = self.kept(symbol)
        return len(bars) > 0 and bool((bars["role"] == FALLBACK).all())

    def minutes_with_bar(self, symbol: str) -> pd.DatetimeIndex:
        """The exchange's minutes for which the symbol has a bar."""
        return self.expected[self.expected.isin(pd.DatetimeIndex(self.kept(symbol)["timestamp"]))]

    def missing_minutes(self, symbol: str) -> pd.DatetimeIndex:
        """The exchange's minutes for which the symbol has none."""
        return self.expected.difference(self.minutes_with_bar(symbol))


def fingerprint(table: pd.DataFrame) -> str:
    """SHA-256 of a table's columns and values; equal tables have equal fingerprints, on disk or in memory."""
    digest = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        digest.update(f"{name}:{len(column)};".encode())
        digest.update(_column_bytes(column))
    return digest.hexdigest()


def _column_bytes(column: pd.Series) -> bytes:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        microseconds = column.dt.tz_convert("UTC").dt.as_unit("us").astype("int64")
        return bytes(microseconds.to_numpy("<i8").tobytes())
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy("<f8", copy=True)
        values[np.isnan(values)] = np.nan  # one bit pattern for every NaN
        return bytes((values + 0.0).tobytes())  # and one for both zeros
    if pd.api.types.is_bool_dtype(column.dtype):
        return bytes(column.to_numpy("u1").tobytes())
    return "\0".join(column.astype("str")).encode()
