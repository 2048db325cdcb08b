"""A session's bars as arrays, minutes by symbols: what the rules compute with, for all symbols at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from market.quality.columns import Columns, columns_of
from market.sessions import BarSize, Session
from schemas.tables import BAR_VALUES, KEPT, PRICE_COLUMNS

HIGHEST_PRICE = 1e9
"""Far beyond what was ever paid: what is larger is no price, and would break the sums of a day."""
MOST_SHARES = 1e12
"""Far beyond what was ever traded in a minute."""


PRINT_FACTORS = np.array([3, 5_209, 1_000_003, 4_294_967_311, 1_000_000_000_039], dtype="u8")
"""Odd, so that no bit of a value is lost; one for each of `BAR_VALUES`."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Arrays of shape (minutes, symbols), float64, NaN where there is no bar."""

    session: Session
    bar_size: BarSize
    symbols: tuple[str, ...]
    minutes: pd.DatetimeIndex
    """The exchange's, start of bar, UTC."""
    values: Mapping[str, np.ndarray]
    """By the name of a column."""
    present: np.ndarray
    """bool: whether there is a row for the minute."""
    basis: Mapping[str, str] = field(default_factory=dict)
    """By symbol, the adjustment basis of the prices (`schemas.tables.BASES`), where there are any."""
    strays: int = 0
    """Rows that lie on none of the exchange's minutes, or are of none of the symbols."""
    _parts: dict[tuple[str, ...], "Grid"] = field(default_factory=dict, init=False, repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    @cached_property
    def log_volume(self) -> np.ndarray:
        """The natural logarithm of the volume; NaN where no share was traded, or what stands there is no count.

        Kept, because a session is compared with by every one of the next ten.
        """
        volume = self["volume"]
        traded = is_count(volume) & (volume > 0)
        return np.asarray(np.log(volume, where=traded, out=np.full(volume.shape, np.nan)))

    @cached_property
    def prices(self) -> np.ndarray:
        """The four prices as they are, (4, minutes, symbols)."""
        return np.stack([self[name].T for name in PRICE_COLUMNS]).transpose(0, 2, 1)

    @cached_property
    def priced(self) -> np.ndarray:
        """The four prices, (4, minutes, symbols); NaN for what is none."""
        return np.where(is_price(self.prices), self.prices, np.nan)

    @cached_property
    def sound(self) -> np.ndarray:
        """bool: minutes up to which every bar was of finite prices and a volume that is not negative."""
        values = [self[name] for name in BAR_VALUES]
        finite = np.logical_and.reduce([np.isfinite(each) for each in values])
        broken = self["volume"] < 0
        if not finite.all():
            broken |= ~finite & ~np.logical_and.reduce([np.isnan(each) for each in values])
        return ~np.logical_or.accumulate(broken, axis=0)

    @cached_property
    def prints(self) -> np.ndarray:
        """uint64: a number for each bar that two bars share when all their values are equal; 0 where nothing moved.

        A bar without volume, or of one price, is no print: such bars are equal by chance.
        """
        mixed = np.zeros_like(self["volume"], dtype="u8")
        with np.errstate(over="ignore"):
            for name, factor in zip(BAR_VALUES, PRINT_FACTORS, strict=True):
                mixed += self[name].view("u8") * factor
        return np.where((self["volume"] > 0) & (self["high"] > self["low"]), mixed, np.uint64(0))

    @cached_property
    def pairs(self) -> np.ndarray:
        """uint64: a number for each bar and the next one, likewise; 0 where one is no print or both are the same."""
        first, second = self.prints[:-1], self.prints[1:]
        with np.errstate(over="ignore"):
            both = first * PRINT_FACTORS[-1] + second
        return np.where((first != 0) & (second != 0) & (first != second), both, np.uint64(0))

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


def is_price(values: np.ndarray) -> np.ndarray:
    """Which values are prices: positive, finite and not absurd."""
    return np.asarray((values > 0) & (values < HIGHEST_PRICE))


def median(values: np.ndarray) -> float:
    """Of some numbers; NumPy's own takes ten times as long for as few."""
    half = len(values) // 2
    parts = np.partition(values, (half - 1, half))
    return float(parts[half] if len(values) % 2 else (parts[half - 1] + parts[half]) / 2)


def is_count(volume: np.ndarray) -> np.ndarray:
    """Which volumes are a whole number of shares."""
    return np.asarray((volume >= 0) & (volume < MOST_SHARES) & (np.floor(volume) == volume))


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
    if isinstance(table, pd.DataFrame) and table.empty:
        return Grid(
            session, bar_size, tuple(symbols), minutes, dict.fromkeys(names, _nothing(shape)), _nothing(shape) > 0
        )
    columns = columns_of(table)
    length = int(bar_size.delta.total_seconds()) * 1_000_000
    row, rest = np.divmod(columns.stamps("timestamp") - session.open.value // 1000, length)
    of = columns.texts("symbol")
    column = np.array([*(symbols.index(name) if name in symbols else -1 for name in of.names), -1])[of.codes]
    placed = (rest == 0) & (row >= 0) & (row < shape[0]) & (column >= 0)
    if rows is None and placed.all() and np.array_equal(row * shape[1] + column, np.arange(shape[0] * shape[1])):
        there = {name: np.asfortranarray(columns.numbers(name).reshape(shape)) for name in names}  # as a frame has them
        return Grid(session, bar_size, tuple(symbols), minutes, there, placed.reshape(shape))
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
    return Grid(
        session,
        bar_size,
        tuple(symbols),
        minutes,
        values,
        present.reshape(shape, order="F"),
        strays=counted - len(chosen),
    )


def _nothing(shape: tuple[int, int]) -> np.ndarray:
    """No bar anywhere."""
    return np.full(shape, np.nan, order="F")


def _bases(columns: Columns, rows: np.ndarray) -> dict[str, str]:
    """By symbol, the adjustment basis of its first row."""
    of, basis = columns.texts("symbol"), columns.texts("basis")
    codes, first = np.unique(of.codes[rows], return_index=True)
    return {of.names[code]: basis.names[basis.codes[rows[place]]] for code, place in zip(codes, first, strict=True)}
