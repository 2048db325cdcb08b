"""The features of a million bars, beside what pandas' `ewm` takes for the same ones; a session's frame alone.

`python -m bench.features`. Both sides have the bars in memory, on the exchange's minutes, none missing, and give
a new table of the 13 features. pandas starts its averages with the first value, which is less work than TA-Lib's seeds.
Ours computes each session from the 500 closes before it, as if it were alone: its bytes depend on nothing else.
"""

import os
import time
from datetime import date

import numpy as np
import pandas as pd
import talib

from bench.measure import Side, heading, show, side_by_side
from market.features import EMA_LONG_CLOSES, EMA_SHORT_CLOSES, RSI_CLOSES, clock, complete
from market.frames import WARM_UP_BARS, FrameRequest, build_frame, build_frames
from market.quality.grid import Grid, bar_grid
from market.sessions import NEW_YORK, BarSize, Session, sessions_between
from market.synthetic import synthetic_bars
from schemas.tables import BAR_VALUES, FEATURES

SYMBOLS = ("NVDA", "MSFT")
ONE = BarSize.ONE_MINUTE
BARS = 1_000_000
AT_MOST = 0.3
OPEN = 9 * 60 + 30


def main() -> None:
    """Measure and print."""
    grids = [bar_grid(synthetic_bars(day, ONE, SYMBOLS, 7), day, ONE, SYMBOLS) for day in days()]
    columns = {symbol: one_column(grids, place) for place, symbol in enumerate(SYMBOLS)}
    bars = np.array([[grid[name] for grid in grids] for name in BAR_VALUES])
    table = [synthetic_bars(day, ONE, SYMBOLS, 7) for day in days()[:3]]
    requests = [FrameRequest(grid, grids[max(0, place - 2) : place]) for place, grid in enumerate(grids)]
    heading(f"Features of {bars[0].size} bars of {' and '.join(SYMBOLS)}, one core")
    ours = Side("arrays", lambda: of_arrays(bars, grids))
    pandas, with_talib = Side("pandas ewm", lambda: by_pandas(columns)), Side("TA-Lib", lambda: by_talib(columns))
    show(side_by_side("features", ours, [(pandas, AT_MOST), (with_talib, None)], clock=time.process_time))
    tables = Side("tables", lambda: [frame.table for frame in build_frames(requests)])
    show(side_by_side("a frame of each session, as tables", tables, [(pandas, None)], clock=time.process_time))
    alone = Side("one", lambda: build_frame(table[2], table[:2], grids[2].session, ONE, SYMBOLS))
    batch = Side("21 frames at once", lambda: [frame.table for frame in build_frames(requests[2:23])])
    show(side_by_side("a session's frame alone, from its tables", alone, [(batch, None)], 31, time.process_time))


def days() -> list[Session]:
    """So many whole sessions that there are a million bars."""
    found = [day for day in sessions_between(date(2020, 1, 2), date(2026, 9, 30)) if not day.is_half_day]
    return found[: BARS // (390 * len(SYMBOLS)) + 1]


def one_column(grids: list[Grid], place: int) -> pd.DataFrame:
    """One symbol's bars, one below the other, as a person has them who works with pandas."""
    values = {name: np.concatenate([grid[name][:, place] for grid in grids]) for name in BAR_VALUES}
    minutes = grids[0].minutes.append([grid.minutes for grid in grids[1:]])
    return pd.DataFrame({"timestamp": minutes, **values})


def of_arrays(bars: np.ndarray, grids: list[Grid]) -> np.ndarray:
    """Ours, the closes before each session and its clock included."""
    close = bars[BAR_VALUES.index("close")]
    shape = close.shape[1:]
    before = np.concatenate([np.full((2, *shape), np.nan), close[:-1]])
    earlier = np.concatenate([before[:-1, shape[0] - WARM_UP_BARS :], before[1:]], axis=1).swapaxes(0, 1)
    table = np.empty((len(FEATURES), *close.shape))
    table[: len(bars)] = bars
    complete(table, earlier, clock(OPEN, shape[0], 1))
    return table


def by_pandas(columns: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """With `ewm`, symbol by symbol."""
    return pd.concat({symbol: with_indicators(bars) for symbol, bars in columns.items()}, names=["symbol"])


def with_indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """One symbol's bars and their features."""
    close = bars["close"]
    change = close.diff()
    rise = change.clip(lower=0).ewm(alpha=1 / RSI_CLOSES, adjust=False, min_periods=RSI_CLOSES).mean()
    fall = (-change).clip(lower=0).ewm(alpha=1 / RSI_CLOSES, adjust=False, min_periods=RSI_CLOSES).mean()
    averages = {
        "rsi": 100 * rise / (rise + fall),
        "ema_short": close.ewm(span=EMA_SHORT_CLOSES, adjust=False, min_periods=EMA_SHORT_CLOSES).mean(),
        "ema_long": close.ewm(span=EMA_LONG_CLOSES, adjust=False, min_periods=EMA_LONG_CLOSES).mean(),
    }
    return bars.assign(**averages, vwap=vwap(bars), **hands(bars))


def by_talib(columns: dict[str, pd.DataFrame]) -> list[np.ndarray]:
    """With TA-Lib for the indicators, and NumPy and pandas for the rest."""
    found = []
    for bars in columns.values():
        close = bars["close"].to_numpy()
        averages = talib.RSI(close, RSI_CLOSES), talib.EMA(close, EMA_SHORT_CLOSES), talib.EMA(close, EMA_LONG_CLOSES)
        values = [bars[name].to_numpy() for name in BAR_VALUES]
        found.append(np.array([*values, *averages, vwap(bars).to_numpy(), *hands(bars).values()]))
    return found


def vwap(bars: pd.DataFrame) -> pd.Series:
    """Since each session's open; a session is a day in UTC too."""
    day = bars["timestamp"].dt.floor("D")
    spent = (bars["high"] + bars["low"] + bars["close"]) / 3 * bars["volume"]
    return spent.groupby(day).cumsum() / bars["volume"].groupby(day).cumsum()


def hands(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    """New York's clock on the unit circle."""
    local = bars["timestamp"].dt.tz_convert(NEW_YORK).dt
    hour, minute = 2 * np.pi * local.hour.to_numpy() / 24, 2 * np.pi * local.minute.to_numpy() / 60
    return {
        "hour_sin": np.sin(hour),
        "hour_cos": np.cos(hour),
        "minute_sin": np.sin(minute),
        "minute_cos": np.cos(minute),
    }


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
