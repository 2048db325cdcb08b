"""The frame of a session: every symbol on every exchange minute, with its features.

Alignment and the reach back into earlier sessions belong here; the indicators themselves are in `market.features`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from market.features import clock, complete
from market.quality.columns import Arrays, Columns
from market.quality.grid import Grid, bar_grid, price_divisor
from market.sessions import BarSize, Session, session_at, sessions_before
from market.splits import SplitTable
from schemas.tables import BAR_VALUES, FEATURES, KEPT
from schemas.texts import Texts

WARM_UP_BARS = 500
"""Closes of the history that a symbol's indicators are warmed with: so many where there are that many, and never more.
The slowest indicator, Wilder's, forgets by 13/14 a bar, so what lies before them would weigh less than 1e-15. As it is
left out, a frame is the same to the last bit however much more history there was, and whatever the symbols beside."""
REACH_SESSIONS = 15
"""How far back to look for them: twice the seven sessions that 500 five-minute bars take."""


Earlier = TypeVar("Earlier", pd.DataFrame, Grid)
"""An earlier session's bars, as they are at hand."""


class FrameRequest(NamedTuple):
    """What a session's frame is made of."""

    bars: Grid
    """The session's; its symbols, in their order, are those of the frame."""
    history: Sequence[Grid] = ()
    """Earlier sessions of the same bar size, any order, to warm the indicators; nothing later is ever read."""


def build_frame(
    bars: pd.DataFrame,
    history: Sequence[pd.DataFrame],
    session: Session,
    bar_size: BarSize,
    symbols: Sequence[str],
    splits: SplitTable | None = None,
) -> pd.DataFrame:
    """Align one session's bars on the exchange's minutes and compute their features.

    Args:
        bars: the session's bars, shape (n, 13), `schemas.tables.Bars`; marked rows do not enter.
        history: bars of earlier sessions, a table each, any order, to warm the indicators; nothing later is ever read.
        session: the session.
        bar_size: the length of the bars.
        symbols: the tickers, in the order that the frame has.
        splits: those that are known: what the history costs is put on the basis of the session's prices.

    Returns:
        A `schemas.tables.Frame` of `len(session.minutes) * len(symbols)` rows, by minute, then symbol.

    """
    of = [session_at(table["timestamp"].iloc[0]) if len(table) else session for table in history]
    before = [
        bar_grid(table, then, bar_size, symbols)
        for table, then in zip(history, of, strict=True)
        if then.open < session.open
    ]
    return build_frames([FrameRequest(bar_grid(bars, session, bar_size, symbols), before)], splits)[0].table


def build_frames(requests: Sequence[FrameRequest], splits: SplitTable | None = None) -> list[Columns]:
    """The frames of many sessions, each to the last bit what `build_frame` makes of it alone.

    Sessions that can be are computed together, which takes a fraction of the time; their arrays share memory.

    Args:
        requests: in any order, of any symbols and bar sizes.
        splits: as for `build_frame`.

    Returns:
        A `schemas.tables.Frame` for each request.

    """
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, request in enumerate(requests):
        alike[request.bars.symbols, *_clock(request.bars)].append(place)
    frames: dict[int, Columns] = {}
    for places in alike.values():
        some = [requests[place] for place in places]
        frames |= zip(places, _frames_of(some, splits or SplitTable()), strict=True)
    return [frames[place] for place in range(len(requests))]


def warm_history(
    session: Session, symbols: Sequence[str], fit_bars: Callable[[Session], Earlier | None]
) -> list[Earlier]:
    """The bars of earlier sessions that warm a session's indicators, latest first.

    Sessions that are not fit are passed over, so that a bad session taints none of its successors.

    Args:
        session: the session to be built.
        symbols: the tickers, each of which needs `WARM_UP_BARS` closes.
        fit_bars: the bars of an earlier session, a table or a grid, or None where there are none that may be used.

    Returns:
        As many sessions as are needed; fewer when `REACH_SESSIONS` hold no more.

    """
    history: list[Earlier] = []
    counts = np.zeros(len(symbols), dtype=int)
    for earlier in islice(sessions_before(session), REACH_SESSIONS):
        bars = fit_bars(earlier)
        if bars is None:
            continue
        history.append(bars)
        counts += _closes(bars, symbols)
        if counts.min() >= WARM_UP_BARS:
            break
    return history


def _closes(bars: pd.DataFrame | Grid, symbols: Sequence[str]) -> np.ndarray:
    """How many closes that may warm an indicator a session has of each symbol."""
    if isinstance(bars, Grid):
        return np.asarray(np.count_nonzero(~np.isnan(bars.only(symbols)["close"]), axis=0))
    columns = Columns(bars)
    of = columns.texts("symbol")
    kept = columns.texts("mark").are(KEPT) & ~np.isnan(columns.numbers("close"))
    counts = dict(zip(of.names, np.bincount(of.codes[kept], minlength=len(of.names)), strict=True))
    return np.array([counts.get(symbol, 0) for symbol in symbols], dtype=int)


def _earlier_closes(request: FrameRequest, splits: SplitTable) -> np.ndarray:
    """The last closes before a session on the basis of its prices, shape (`WARM_UP_BARS`, symbols).

    NaN before the first of them.
    """
    bars = request.bars
    before = sorted(
        (one for one in request.history if one.session.open < bars.session.open), key=lambda one: one.session.open
    )
    empty = np.full((WARM_UP_BARS, len(bars.symbols)), np.nan)
    closes = np.concatenate([empty, *(_on_the_basis_of(bars, one, splits) for one in before)])
    last = closes[-WARM_UP_BARS:]
    for column in np.flatnonzero(np.isnan(last).any(axis=0)):
        known = closes[:, column]
        known = known[~np.isnan(known)][-WARM_UP_BARS:]
        last[:, column] = np.nan
        last[WARM_UP_BARS - len(known) :, column] = known
    return last


def _on_the_basis_of(bars: Grid, earlier: Grid, splits: SplitTable) -> np.ndarray:
    """An earlier session's closes of the symbols, divided by the splits between."""
    earlier = earlier.only(bars.symbols)
    divisors = [_divisor(symbol, earlier, bars, splits) for symbol in bars.symbols]
    return earlier["close"] if all(one == 1.0 for one in divisors) else earlier["close"] / divisors


def _divisor(symbol: str, then: Grid, now: Grid, splits: SplitTable) -> float:
    """By what one symbol's prices are divided."""
    if symbol not in then.basis or symbol not in now.basis:
        return 1.0  # one of the two has no bar
    return price_divisor(splits, symbol, (then, then.basis[symbol]), (now, now.basis[symbol]))


def _frames_of(requests: Sequence[FrameRequest], splits: SplitTable) -> Iterator[Columns]:
    """The frames of sessions of the same symbols and clock."""
    grids = [request.bars for request in requests]
    table = np.empty((len(FEATURES), len(grids), *grids[0].present.shape))
    for place, name in enumerate(BAR_VALUES):
        np.stack([grid[name] for grid in grids], out=table[place])
    earlier = np.stack([_earlier_closes(request, splits) for request in requests], axis=1)
    complete(table, earlier, clock(*_clock(grids[0])))
    return _as_frame(grids, table).parts([grids[0].present.size] * len(grids))


def _clock(grid: Grid) -> tuple[int, int, int]:
    """When the session opens, minutes after New York's midnight, how many bars it has, and the minutes of each."""
    length = int(grid.bar_size.delta.total_seconds()) // 60
    return grid.session.opening_minute, len(grid.minutes), length


def _as_frame(grids: Sequence[Grid], found: np.ndarray) -> Columns:
    """The features of sessions, shape (13, sessions, minutes, symbols), as one table."""
    symbols = grids[0].symbols
    minutes = np.concatenate([grid.minutes.asi8 for grid in grids]).view("datetime64[us]")
    values = dict(zip(FEATURES, found.reshape(len(FEATURES), -1), strict=True))
    tickers = np.tile(np.arange(len(symbols)), len(minutes))
    return Arrays(
        {
            "timestamp": minutes.repeat(len(symbols)),
            "symbol": Texts(tickers, symbols, alike=len(symbols) == 1),
            **values,
            "missing": np.isnan(values["close"]),
        }
    )
