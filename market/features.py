"""The 13 features of a symbol's minute: five of the bar, four indicators, four of the clock.

Definitions are TA-Lib's: RSI is Wilder's, seeded with the mean of the first 14 changes; an EMA is seeded with the mean
of its first closes. Indicators run over the bars that exist: a missing minute neither moves them nor shows a value.
Every value depends on its own and earlier minutes only.
"""

from typing import cast

import numpy as np
import pandas as pd

from market.sessions import NEW_YORK
from schemas.tables import BAR_VALUES, FEATURES

RSI_CLOSES = 14
EMA_SHORT_CLOSES = 12
EMA_LONG_CLOSES = 26


def features(wide: pd.DataFrame, grid: pd.DatetimeIndex) -> pd.DataFrame:
    """Compute the features of one session.

    Args:
        wide: minutes (UTC, ascending) by (value, symbol), NaN where a bar is missing; the history and the session.
        grid: the session's minutes, the last ones of `wide`.

    Returns:
        `grid` by (feature, symbol), in the order of `schemas.tables.FEATURES`.

    """
    close = _values(wide, "close")
    session = wide.loc[grid]
    parts = {name: _values(session, name) for name in BAR_VALUES}
    parts["rsi"] = rsi(close).loc[grid]
    parts["ema_short"] = ema(close, EMA_SHORT_CLOSES).loc[grid]
    parts["ema_long"] = ema(close, EMA_LONG_CLOSES).loc[grid]
    parts["vwap"] = session_vwap(session)
    for name, values in clock(grid).items():
        parts[name] = pd.DataFrame(dict.fromkeys(close.columns, values), index=grid)
    table = pd.concat(parts, axis="columns", names=["feature", "symbol"], sort=False)
    return table[list(FEATURES)]


def ema(closes: pd.DataFrame, length: int) -> pd.DataFrame:
    """Exponential moving average, weight 2 / (length + 1); NaN before the `length`-th close and where it is missing."""
    return _seeded_average(closes, length, 2.0 / (length + 1))


def rsi(closes: pd.DataFrame, length: int = RSI_CLOSES) -> pd.DataFrame:
    """Wilder's relative strength index, 0 to 100; NaN before the first `length` changes and where a close is missing.

    A stretch without any change has no strength either way and counts as 0, as in TA-Lib.
    """
    change = closes.ffill().diff().where(closes.notna() & closes.ffill().shift().notna())
    rise = _seeded_average(change.clip(lower=0.0), length, 1.0 / length)
    fall = _seeded_average(change.clip(upper=0.0).abs(), length, 1.0 / length)
    total = rise + fall
    return (100.0 * rise / total.where(total > 0.0)).mask(total == 0.0, 0.0)


def session_vwap(session: pd.DataFrame) -> pd.DataFrame:
    """Volume-weighted typical price (high + low + close) / 3 since the session's open; NaN until a share has traded."""
    high, low, close, volume = (_values(session, name) for name in ("high", "low", "close", "volume"))
    traded = volume.cumsum()
    return ((high + low + close) / 3.0 * volume).cumsum() / traded.where(traded > 0.0)


def clock(grid: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """New York's hour of the day and minute of the hour, as points on the unit circle."""
    local = grid.tz_convert(NEW_YORK)
    hour = 2.0 * np.pi * local.hour.to_numpy() / 24.0
    minute = 2.0 * np.pi * local.minute.to_numpy() / 60.0
    return {
        "hour_sin": np.sin(hour),
        "hour_cos": np.cos(hour),
        "minute_sin": np.sin(minute),
        "minute_cos": np.cos(minute),
    }


def _values(wide: pd.DataFrame, name: str) -> pd.DataFrame:
    """One value of every symbol: minutes by symbol."""
    return cast("pd.DataFrame", wide.xs(name, axis="columns", level="value"))


def _seeded_average(values: pd.DataFrame, length: int, weight: float) -> pd.DataFrame:
    """Recursive average that starts from the plain mean of the first `length` values of each column.

    Missing values are passed over: they neither weigh nor count.
    """
    seen = values.notna().cumsum()
    seed = values.where(seen <= length).mean()
    started = values.where(seen > length)
    started = started.mask(values.notna() & (seen == length), seed, axis="columns")
    smoothed = started.ewm(alpha=weight, adjust=False, ignore_na=True).mean()
    return smoothed.where(started.notna())
