"""A session's bars as cells: its minutes by its symbols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from market.quality.cells import Cells
from market.quality.columns import Columns, columns_of
from market.sessions import BarSize, Session
from market.splits import SplitTable, nearer
from schemas.tables import BAR_VALUES, KEPT


@dataclass(frozen=True, eq=False, kw_only=True)
class Grid(Cells):
    """The cells of one session, a column a symbol."""

    session: Session
    bar_size: BarSize
    symbols: tuple[str, ...]
    minutes: pd.DatetimeIndex
    """The exchange's, start of bar, UTC."""
    basis: Mapping[str, str] = field(default_factory=dict)
    """By symbol, the adjustment basis of the prices (`schemas.tables.BASES`), where there are any."""
    strays: int = 0
    """Rows that lie on none of the exchange's minutes, or are of none of the symbols."""
    _parts: dict[tuple[str, ...], "Grid"] = field(default_factory=dict, init=False, repr=False)

    def only(self, symbols: Sequence[str]) -> "Grid":
        """The grid of some of the symbols, in their order; NaN for one that it does not have."""
        wanted = tuple(symbols)
        if wanted == self.symbols:
            return self
        if wanted not in self._parts:
            self._parts[wanted] = self._part(wanted)
        return self._parts[wanted]

    def _part(self, symbols: tuple[str, ...]) -> "Grid":
        columns = [self.symbols.index(symbol) if symbol in self.symbols else -1 for symbol in symbols]
        known = np.array(columns) >= 0
        values = {name: np.where(known, array[:, columns], np.nan) for name, array in self.values.items()}
        return replace(self, symbols=symbols, values=values, present=self.present[:, columns] & known)


def price_divisor(splits: SplitTable, symbol: str, earlier: tuple[Grid, str], later: tuple[Grid, str]) -> float:
    """By what a symbol's prices of an earlier session are divided to be on the basis of a later one's.

    Where nobody knows: what makes less of a jump between the two.

    Args:
        splits: those that are known.
        symbol: the ticker, of which both have a column.
        earlier: the session, and the basis of its prices.
        later: the same.

    """
    (before, theirs), (now, ours) = earlier, later
    days = before.session.day, now.session.day
    known = splits.divisor(symbol, (days[0], theirs), (days[1], ours))
    if known is not None:
        return known
    close = float(before.closing[before.symbols.index(symbol)])
    opened = float(now.opening[now.symbols.index(symbol)])
    return 1.0 if isnan(close) or isnan(opened) else nearer(splits.factor(symbol, *days), close, opened)


def bar_grid(bars: pd.DataFrame | Columns, session: Session, bar_size: BarSize, symbols: Sequence[str]) -> Grid:
    """The unmarked bars of a `schemas.tables.Bars`."""
    columns = columns_of(bars)
    kept = columns.texts("mark").are(KEPT)
    grid = table_grid(columns, BAR_VALUES, session, bar_size, symbols, kept)
    return replace(grid, basis=_bases(columns, np.flatnonzero(kept)))


def stored_grid(rows: pd.DataFrame, session: Session, bar_size: BarSize, symbols: Sequence[str]) -> Grid:
    """Rows of `market_data`: `timestamp` (UTC), `symbol`, `schemas.tables.BAR_VALUES`, `basis`."""
    columns = Columns(rows)
    grid = table_grid(columns, BAR_VALUES, session, bar_size, symbols)
    return replace(grid, basis=_bases(columns, np.arange(len(rows))))


def table_grid(
    table: pd.DataFrame | Columns,
    names: Sequence[str],
    session: Session,
    bar_size: BarSize,
    symbols: Sequence[str],
    rows: np.ndarray | None = None,
) -> Grid:
    """Place the rows of a table with `timestamp` (UTC) and `symbol`; of two rows in one place the last one counts.

    Args:
        table: any such table.
        names: of its columns, those that are wanted.
        session: whose minutes.
        bar_size: how far they lie apart.
        symbols: the columns of the grid.
        rows: bool, which rows of the table count; None: all.

    """
    minutes = session.minutes(bar_size)
    shape = len(minutes), len(symbols)
    about: dict[str, Any] = {"session": session, "bar_size": bar_size, "symbols": tuple(symbols), "minutes": minutes}
    if isinstance(table, pd.DataFrame) and table.empty:
        return Grid(dict.fromkeys(names, _nothing(shape)), _nothing(shape) > 0, **about)
    columns = columns_of(table)
    if rows is None and (whole := complete_cells(columns, names, [minutes], symbols)) is not None:
        return Grid(whole.values, whole.present, **about)
    length = int(bar_size.delta.total_seconds()) * 1_000_000
    row, rest = np.divmod(columns.stamps("timestamp") - session.open.value // 1000, length)
    of = columns.texts("symbol")
    column = np.array([*(symbols.index(name) if name in symbols else -1 for name in of.names), -1])[of.codes]
    placed = (rest == 0) & (row >= 0) & (row < shape[0]) & (column >= 0)
    counted = len(placed)
    if rows is not None:
        placed, counted = placed & rows, int(rows.sum())
    chosen = np.flatnonzero(placed)
    at = column[chosen] * shape[0] + row[chosen]  # a symbol's minutes lie together: the rules go along them
    present = np.zeros(shape[0] * shape[1], dtype=bool)
    present[at] = True
    values = {}
    for name in names:
        cells = np.full(len(present), np.nan)
        cells[at] = columns.numbers(name)[chosen]
        values[name] = cells.reshape(shape, order="F")
    return Grid(values, present.reshape(shape, order="F"), **about, strays=counted - len(chosen))


def complete_cells(
    table: Columns, names: Sequence[str], minutes: Sequence[pd.DatetimeIndex], symbols: Sequence[str]
) -> Cells | None:
    """The cells of the tables of some sessions, one below the other, that have all minutes and in each all symbols.

    A column for each symbol of each session. None where something is absent, too much or in another order: then they
    have to be placed row by row.
    """
    expected = np.concatenate([one.asi8 for one in minutes])
    if len(table) != len(expected) * len(symbols):
        return None
    of = table.texts("symbol")
    wanted = [of.names.index(symbol) if symbol in of.names else len(of.names) for symbol in symbols]
    rows = len(expected), len(symbols)
    in_time = table.stamps("timestamp").reshape(rows) == expected[:, np.newaxis]
    if not (in_time & (of.codes.reshape(rows) == wanted)).all():
        return None
    cells = len(minutes), -1, len(symbols)
    values = {name: _beside(table.numbers(name).reshape(cells)) for name in names}
    return Cells(values, _beside(in_time.reshape(cells)))


def _beside(values: np.ndarray) -> np.ndarray:
    """Values of shape (sessions, minutes, symbols) as those of cells; a column's minutes lie together."""
    return values.transpose(0, 2, 1).reshape(-1, values.shape[1]).T


def _nothing(shape: tuple[int, int]) -> np.ndarray:
    """No bar anywhere."""
    return np.full(shape, np.nan, order="F")


def _bases(columns: Columns, rows: np.ndarray) -> dict[str, str]:
    """By symbol, the adjustment basis of its first row."""
    of, basis = columns.texts("symbol"), columns.texts("basis")
    codes, first = np.unique(of.codes[rows], return_index=True)
    return {of.names[code]: basis.names[basis.codes[rows[place]]] for code, place in zip(codes, first, strict=True)}
