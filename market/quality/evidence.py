"""What a rule may look at."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product, takewhile
from typing import Self

import numpy as np
import pandas as pd

from market.frames import WARM_UP_BARS
from market.quality.cells import Closes, no_closes
from market.quality.columns import Columns, columns_of
from market.quality.fingerprint import fingerprints
from market.quality.grid import Grid, bar_grid, price_divisor, table_grid
from market.sessions import BarSize, Session, sessions_before
from market.splits import SplitTable
from schemas.quality import Attempt
from schemas.tables import BAR_VALUES, BASIS_UNKNOWN, FALLBACK, FEATURES, KEPT

HISTORY_SESSIONS = 10
"""How many earlier sessions a session is compared with, at most: two weeks."""
FRAME_VALUES = (*FEATURES, "missing")
"""What the rules look at of a frame."""
NO_STAMPS = pd.DatetimeIndex([], tz="UTC").as_unit("us")


def failed_alone(attempts: Iterable[Attempt]) -> frozenset[str]:
    """The symbols of which one of the feeds asked gave bars that fail the gate."""
    return frozenset(one.symbol for one in attempts if one.report is not None and one.report.failed)


@dataclass(frozen=True, eq=False)
class Evidence:
    """One session's bars (`schemas.tables.Bars`), its frame where it has been built, and what they are compared with.

    What is None is not there, and the rules that need it are not asked.
    """

    session: Session
    bar_size: BarSize
    symbols: tuple[str, ...]
    bars: pd.DataFrame | Columns
    frame: pd.DataFrame | Columns | None = None
    """`schemas.tables.Frame`."""
    history: tuple[Grid, ...] | None = None
    """The bars of earlier sessions that are fit to be compared with, latest first; empty where there are none."""
    warm_up: tuple[Grid, ...] | None = None
    """The bars that warmed the frame's indicators, latest session first; None: those of the history did."""
    second: pd.DataFrame | None = None
    """Another feed's bars of the same session, `schemas.tables.Bars`; of some of the symbols, perhaps."""
    second_failed: frozenset[str] = frozenset()
    """The symbols for which one feed's bars fail the gate by themselves: they are no measure of the other's."""
    stored: pd.DataFrame | None = None
    """The session's rows of `market_data` as they are before this one is loaded: timestamp, symbol, `BAR_VALUES`,
    source; empty where none are."""
    splits: SplitTable = field(default_factory=SplitTable)

    def beside(
        self,
        frame: Columns,
        history: tuple[Grid, ...],
        warm_up: tuple[Grid, ...] | None,
        stored: pd.DataFrame,
        second: pd.DataFrame | None = None,
        second_failed: frozenset[str] = frozenset(),
    ) -> Self:
        """The same bars with a frame, and with what both are compared with."""
        evidence = replace(
            self,
            frame=frame,
            history=history,
            warm_up=warm_up,
            stored=stored,
            second=second,
            second_failed=second_failed,
        )
        vars(evidence).update(columns=self.columns, grid=self.grid)
        return evidence

    def knowing(self, splits: SplitTable) -> Self:
        """The same session with the splits that are known; what is made of its tables alone is made once for both."""
        known = replace(self, splits=splits)
        vars(known).update(columns=self.columns, grid=self.grid, framed=self.framed)
        return known

    @cached_property
    def expected(self) -> pd.DatetimeIndex:
        """The exchange's minutes."""
        return self.session.minutes(self.bar_size)

    @cached_property
    def columns(self) -> Columns:
        """The bars' columns."""
        return columns_of(self.bars)

    @cached_property
    def grid(self) -> Grid:
        """The unmarked bars."""
        return bar_grid(self.columns, self.session, self.bar_size, self.symbols)

    @cached_property
    def features(self) -> Grid | None:
        """The frame: `FEATURES` and `missing` (1.0 or 0.0)."""
        if self.framed is None:
            return None
        return table_grid(self.framed, FRAME_VALUES, self.session, self.bar_size, self.symbols)

    @cached_property
    def other(self) -> Grid | None:
        """The second feed's unmarked bars; NaN for a symbol that it was not asked for."""
        return None if self.second is None else bar_grid(self.second, self.session, self.bar_size, self.symbols)

    @cached_property
    def before(self) -> Grid | None:
        """What is stored of the session's minutes."""
        if self.stored is None:
            return None
        return table_grid(self.stored, BAR_VALUES, self.session, self.bar_size, self.symbols)

    @cached_property
    def warmed_by(self) -> tuple[Grid, ...]:
        """The sessions that warmed the frame, latest first.

        Where that is not known, the history back to the first session that it leaves out: the frame may have had it.
        """
        if self.warm_up is not None:
            return self.warm_up
        pairs = zip(self.history or (), sessions_before(self.session), strict=False)
        return tuple(grid for grid, _ in takewhile(lambda pair: pair[0].session == pair[1], pairs))

    @cached_property
    def earlier_closes(self) -> Closes:
        """What is known of the closes of earlier sessions, as far back as a frame looks, by symbol."""
        found = no_closes(len(self.symbols))
        for grid in self.warmed_by:
            if found.seen.min() >= WARM_UP_BARS:
                break
            earlier, splits = grid.only(self.symbols).closes, self.splits_since([grid])[0]
            found = Closes(
                found.seen + earlier.seen,
                np.fmin(found.lowest, earlier.lowest / splits),
                np.fmax(found.highest, earlier.highest / splits),
                np.where(np.isnan(found.last), earlier.last / splits, found.last),
            )
        return found

    @cached_property
    def _bases(self) -> dict[str, str]:
        """The adjustment basis of each symbol's prices; unknown where there are none or several."""
        found = {symbol: list(self.counted(symbol, "basis")) for symbol in self.symbols}
        return {symbol: bases[0] if len(bases) == 1 else BASIS_UNKNOWN for symbol, bases in found.items()}

    def split_since(self, earlier: Grid, symbol: str) -> float:
        """By what an earlier session's prices are divided to be on the basis of this one; it multiplies volumes."""
        basis = self._bases[symbol]
        then = earlier.only(self.symbols), earlier.basis.get(symbol, basis)
        return price_divisor(self.splits, symbol, then, (self.grid, basis))

    def splits_since(self, earlier: Sequence[Grid]) -> np.ndarray:
        """The same by earlier session and symbol; mostly there was none."""
        days = [grid.session.day for grid in earlier]
        found = np.ones((len(earlier), len(self.symbols)))
        for column, symbol in enumerate(self.symbols):
            basis = self._bases[symbol]
            rebased = any(grid.basis.get(symbol, basis) != basis for grid in earlier)
            if rebased or self.splits.between(symbol, min(days, default=self.session.day), self.session.day):
                found[:, column] = [self.split_since(grid, symbol) for grid in earlier]
        return found

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of each symbol's bars, and of its frame."""
        prints = fingerprints("bars", self.columns, self.symbols)
        if self.framed is not None:
            prints |= fingerprints("frame", self.framed, self.symbols)
        return prints

    def starts(self, rows: np.ndarray) -> pd.DatetimeIndex | tuple[()]:
        """The exchange's minutes for which a mask of shape (minutes,) is True; mostly there is none."""
        return self.expected[rows] if rows.any() else ()

    def column(self, symbol: str) -> int:
        """The symbol's column in a grid."""
        return self.symbols.index(symbol)

    def stamps(self, symbol: str, *marks: str) -> pd.DatetimeIndex:
        """The starts of the symbol's bars that carry one of the marks, in the order of the table."""
        if not any((symbol, mark) in self.tally for mark in marks):
            return NO_STAMPS
        return self._row_starts(self.marked(symbol, *marks))

    def strays(self, symbol: str, mark: str, wrong: Callable[[np.ndarray], np.ndarray]) -> pd.DatetimeIndex:
        """The starts of the symbol's bars that carry a mark, and of its unmarked ones that are wrong, in order.

        Args:
            symbol: whose.
            mark: which.
            wrong: of `since_open`, by row, whether a bar that starts then should carry the mark.

        """
        if not self.grid.strays and (symbol, mark) not in self.tally:
            return NO_STAMPS
        found = self.marked(symbol, mark) | (self.marked(symbol, KEPT) & wrong(self.since_open))
        return self._row_starts(found).sort_values() if found.any() else NO_STAMPS

    def marked(self, symbol: str, *marks: str) -> np.ndarray:
        """Which rows are the symbol's and carry one of the marks, shape (rows,)."""
        asked = (symbol, *marks)
        if asked not in self._marked:
            rows = self.columns.texts("symbol").are(symbol) & self.columns.texts("mark").are(*marks)
            self._marked[asked] = rows
        return self._marked[asked]

    @cached_property
    def _marked(self) -> dict[tuple[str, ...], np.ndarray]:
        return {}

    @cached_property
    def since_open(self) -> np.ndarray:
        """By row, how many microseconds after the open the bar starts; negative before it."""
        return np.asarray(self.columns.stamps("timestamp") - self.session.open.value // 1000)

    def kept(self, symbol: str) -> pd.DataFrame:
        """The symbol's unmarked bars as a table."""
        return self.columns.table.iloc[np.flatnonzero(self.marked(symbol, KEPT))]

    @cached_property
    def tally(self) -> Mapping[tuple[str, str], int]:
        """How many rows there are, by symbol and mark; only what there is."""
        of, marks = self.columns.texts("symbol"), self.columns.texts("mark")
        known = (of.codes >= 0) & (marks.codes >= 0)
        cells = (of.codes * len(marks.names) + marks.codes)[known]
        counts = np.bincount(cells, minlength=len(of.names) * len(marks.names)).tolist()
        return {cell: count for cell, count in zip(product(of.names, marks.names), counts, strict=True) if count}

    def counted(self, symbol: str, column: str) -> dict[str, int]:
        """How many of the symbol's unmarked bars have which text in a column, in order of appearance."""
        texts, bars = self.columns.texts(column), self.tally.get((symbol, KEPT), 0)
        if texts.alike or not bars:
            return {texts.names[0]: bars} if bars else {}
        counts = np.bincount(texts.codes[self.marked(symbol, KEPT)], minlength=len(texts.names))
        return {name: int(count) for name, count in zip(texts.names, counts, strict=True) if count}

    def from_fallback(self, symbol: str) -> bool:
        """Whether the symbol's bars are the fallback feed's."""
        return list(self.counted(symbol, "role")) == [FALLBACK]

    def missing_minutes(self, symbol: str) -> pd.DatetimeIndex:
        """The exchange's minutes for which the symbol has no bar."""
        present = self.grid.present[:, self.column(symbol)]
        return NO_STAMPS if present.all() else self.expected[~present]

    def _row_starts(self, rows: np.ndarray) -> pd.DatetimeIndex:
        if not rows.any():
            return NO_STAMPS
        stamps = self.columns.stamps("timestamp")[rows]
        return pd.DatetimeIndex(stamps.view("datetime64[us]")).tz_localize("UTC")

    @cached_property
    def framed(self) -> Columns | None:
        """The frame's columns."""
        return None if self.frame is None else columns_of(self.frame)
