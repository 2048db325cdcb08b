"""Bars that nobody traded: a random walk that looks like a session, for trying things out without a feed.

They say of themselves that they are synthetic. Faults are not made here: these bars have none.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import pandas as pd

from market.sessions import BarSize, Session
from schemas.tables import AS_TRADED, PLAIN, PRICE_COLUMNS, SYNTHETIC, Bars

LOWEST_PRICE, HIGHEST_PRICE = 50.0, 400.0
DAILY_MOVE = 0.015
"""Standard deviation of a session's return."""
SHARED = 0.6
"""What part of the variance of a bar's return all symbols have in common."""
MINUTES = 390
SHARES_A_MINUTE = 60_000.0
SHARES_AT_THE_ENDS = 3.0
"""How much more is traded at the open and at the close than at noon, less one."""


def synthetic_bars(session: Session, bar_size: BarSize, symbols: Sequence[str], seed: int) -> pd.DataFrame:
    """One session of every symbol, all bars there and kept, the same for the same seed.

    Args:
        session: the session; a half day has fewer bars.
        bar_size: the length of the bars.
        symbols: the tickers.
        seed: not negative; another seed makes other bars.

    Returns:
        `schemas.tables.Bars`, source `synthetic`, by time, then symbol. Prices are whole cents, low <= open, close <=
        high; volumes are whole and positive.

    """
    shared = _random(seed, session, "").standard_normal(len(session.minutes(bar_size)))
    tables = [_bars_of(symbol, session, bar_size, seed, shared) for symbol in symbols]
    bars = pd.concat(tables, ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
    texts = {"source": SYNTHETIC, "basis": AS_TRADED, **PLAIN}
    bars = bars.assign(**texts).astype(dict.fromkeys(("symbol", *texts), "str"))
    return bars[list(Bars.to_schema().columns)]


def _bars_of(symbol: str, session: Session, bar_size: BarSize, seed: int, shared: np.ndarray) -> pd.DataFrame:
    random = _random(seed, session, symbol)
    level = np.random.default_rng([seed, crc32(symbol.encode())]).uniform(LOWEST_PRICE, HIGHEST_PRICE)
    grid = session.minutes(bar_size)
    minutes = bar_size.delta / pd.Timedelta(minutes=1)
    move = DAILY_MOVE * np.sqrt(minutes / MINUTES)
    own = random.standard_normal(len(grid))
    returns = move * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
    close = level * np.exp(DAILY_MOVE * random.standard_normal() + returns.cumsum())
    open_ = np.concatenate([close[:1] / np.exp(returns[:1]), close[:-1]])
    reach = np.exp(move / 2 * np.abs(random.standard_normal((2, len(grid)))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    # Rounding keeps the order of the four, so that it cannot put a low above an open.
    prices = dict(zip(PRICE_COLUMNS, np.round([open_, high, low, close], 2), strict=True))
    from_noon = np.abs(np.linspace(-1, 1, len(grid)))
    expected = SHARES_A_MINUTE * minutes * (1 + SHARES_AT_THE_ENDS * from_noon**2)
    volume = np.ceil(expected * random.lognormal(0, 0.4, len(grid)))
    return pd.DataFrame({"timestamp": grid, "symbol": symbol, **prices, "volume": volume})


def _random(seed: int, session: Session, symbol: str) -> np.random.Generator:
    return np.random.default_rng([seed, session.day.toordinal(), crc32(symbol.encode())])
