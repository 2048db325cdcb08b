"""A session that goes on: what is known of its bars so far, and the tables that follow, as for any session.

Pure: who gives the bars and when they are told is not known here. The frame is `market.frames`'s, computed anew from
all that is known: so it is what the whole session will have, and a bar that comes late moves what it has to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from market.frames import FrameRequest, build_frames
from market.quality.cells import HIGHEST_PRICE, MOST_SHARES
from market.quality.columns import Array, Arrays, Columns
from market.quality.grid import Grid
from market.sessions import BarSize, Session
from market.splits import SplitTable
from schemas.tables import BAR_VALUES, FALLBACK, KEPT, PRICE_COLUMNS, PRIMARY, Bars
from schemas.texts import Texts, alike, placed

NOBODY = -1
"""In the place of an origin, where there is no bar."""


@dataclass(frozen=True)
class Origin:
    """Where bars come from."""

    source: str
    why: str = ""
    """Empty for the primary feed, else why it was not that one."""

    @property
    def role(self) -> str:
        """For what the feed was asked."""
        return FALLBACK if self.why else PRIMARY


@dataclass
class RunningSession:
    """The bars of a session so far, by place (the exchange's bars, counted from the open) and symbol.

    The primary feed's bars stand before those of the fallback, whichever came first.
    """

    session: Session
    bar_size: BarSize
    symbols: tuple[str, ...]
    basis: str
    """Of all prices: on the day itself no split has come since, so all feeds' are the same."""
    history: Sequence[Grid] = ()
    """Earlier sessions, to warm the indicators."""
    splits: SplitTable = field(default_factory=SplitTable)

    def __post_init__(self) -> None:
        self.starts = self.session.minutes(self.bar_size)
        shape = len(self.starts), len(self.symbols)
        self._values = {name: np.full(shape, np.nan, order="F") for name in BAR_VALUES}
        self._origin = np.full(shape, NOBODY)
        self._origins: list[Origin] = []

    @property
    def present(self) -> np.ndarray:
        """Which bars are known, shape (places, symbols)."""
        return np.asarray(self._origin != NOBODY)

    @property
    def not_primary(self) -> np.ndarray:
        """Which bars are not the primary feed's, or not known; shape (places, symbols)."""
        ranks = np.array([*(bool(one.why) for one in self._origins), True])
        return np.asarray(ranks[self._origin])

    def ends(self, place: int) -> pd.Timestamp:
        """When a bar is over."""
        return self.starts[place] + self.bar_size.delta

    def lacking(self, place: int) -> list[str]:
        """The symbols whose bar is not known."""
        return [symbol for symbol, there in zip(self.symbols, self.present[place], strict=True) if not there]

    def closes(self, place: int) -> list[float]:
        """Each symbol's close, NaN where its bar is not known."""
        return list(map(float, self._values["close"][place]))

    def take(self, symbol: str, bars: Columns, origin: Origin) -> np.ndarray:
        """Add one symbol's bars, or revise them.

        Args:
            symbol: whose.
            bars: `schemas.tables.Bars`; those that are marked, or have a value that no table holds, do not enter, nor
                does what the fallback has of a bar that the primary feed gave.
            origin: where they are from.

        Returns:
            Of every place whether its bar is new or another one, shape (places,).

        """
        column = self.symbols.index(symbol)
        rows = bars.rows(bars.texts("mark").are(KEPT) & bars.texts("symbol").are(symbol))
        length = int(self.bar_size.delta.value // 1000)
        place, rest = np.divmod(rows.stamps("timestamp") - self.session.open.value // 1000, length)
        given = np.stack([rows.numbers(name) for name in BAR_VALUES])
        enters = (rest == 0) & (place >= 0) & (place < len(self.starts)) & _storable(given)
        if origin.role == FALLBACK:
            theirs = self.not_primary[:, column]
            enters &= theirs[np.clip(place, 0, len(theirs) - 1)]
        place, given = place[enters], given[:, enters]
        known = np.stack([self._values[name][place, column] for name in BAR_VALUES])
        sources = np.array([*(one.source for one in self._origins), ""])[self._origin[place, column]]
        other = (given != known).any(axis=0) | (sources != origin.source)
        place, given = place[other], given[:, other]
        for name, values in zip(BAR_VALUES, given, strict=True):
            self._values[name][place, column] = values
        self._origin[place, column] = self._place_of(origin)
        changed = np.zeros(len(self.starts), dtype=bool)
        changed[place] = True
        return changed

    def bars(self, cells: np.ndarray) -> Columns:
        """The `schemas.tables.Bars` of the cells for which a mask of shape (places, symbols) is True, by time."""
        place, column = np.nonzero(cells & self.present)
        count, which = len(place), self._origin[place, column]
        columns: dict[str, Array] = {
            "timestamp": self.starts.asi8[place].view("datetime64[us]"),
            "symbol": placed(column, self.symbols),
            **{name: self._values[name][place, column] for name in BAR_VALUES},
            "source": _texts(which, [one.source for one in self._origins]),
            "basis": alike(self.basis, count),
            "role": _texts(which, [one.role for one in self._origins]),
            "why": _texts(which, [one.why for one in self._origins]),
            "mark": alike(KEPT, count),
            "remark": alike("", count),
        }
        return Arrays({name: columns[name] for name in Bars.to_schema().columns})

    def frame(self) -> Columns:
        """The `schemas.tables.Frame` of the whole session; a bar that is not known, or not yet, is a row of nulls."""
        return build_frames([FrameRequest(self._grid(), self.history)], self.splits)[0]

    def _grid(self) -> Grid:
        return Grid(
            self._values,
            self.present,
            session=self.session,
            bar_size=self.bar_size,
            symbols=self.symbols,
            minutes=self.starts,
            basis=dict.fromkeys(self.symbols, self.basis),
        )

    def _place_of(self, origin: Origin) -> int:
        if origin not in self._origins:
            self._origins.append(origin)
        return self._origins.index(origin)


def _storable(given: np.ndarray) -> np.ndarray:
    """Which columns of values, shape (5, bars), are of a size that sums of a day can hold, with whole shares."""
    bounds = [HIGHEST_PRICE if name in PRICE_COLUMNS else MOST_SHARES for name in BAR_VALUES]
    with np.errstate(invalid="ignore"):  # of what is no number nothing holds
        whole = given[BAR_VALUES.index("volume")] % 1 == 0
    return np.asarray((bounds > np.abs(given).T).all(axis=1) & whole)


def _texts(which: np.ndarray, names: Sequence[str]) -> Texts:
    """By row the text that stands at its place; equal texts are one."""
    known = list(dict.fromkeys(names))
    places = np.array([known.index(name) for name in names], dtype="int64")
    return placed(places[which], known) if len(names) else alike("", 0)
