"""The frame of a session: every symbol on every exchange minute, with its features.

Alignment and the reach back into earlier sessions belong here; the indicators themselves are in `market.features`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import islice

import numpy as np
import pandas as pd

from market.features import features
from market.sessions import BarSize, Session, session_at, sessions_before
from market.splits import SplitTable, nearer
from schemas.tables import BAR_VALUES, FEATURES, KEPT, PRICE_COLUMNS

WARM_UP_BARS = 500
"""Bars of history read before a session. The slowest indicator, Wilder's, forgets by 13/14 a bar, so what lies before
them weighs less than 1e-15 and a frame does not depend on how much more history there was. (Only where closes did not
move for 500 bars does the RSI rest on what lies before them: a stretch that the gate is there to see.)"""
REACH_SESSIONS = 15
"""How far back to look for them: twice the seven sessions that 500 five-minute bars take."""


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
        bars: the session's bars, shape (n, 9), `schemas.tables.Bars`; marked rows do not enter.
        history: bars of earlier sessions, any order, to warm the indicators; nothing later is ever read.
        session: the session.
        bar_size: the length of the bars.
        symbols: the tickers, in the order that the frame has.
        splits: those that are known: what the history costs is put on the basis of the session's prices.

    Returns:
        A `schemas.tables.Frame` of `len(session.minutes) * len(symbols)` rows, by minute, then symbol.

    """
    grid = session.minutes(bar_size)
    earlier = [table[table["timestamp"] < session.open] for table in history]
    before = [_on_the_basis_of(bars, session, table, splits or SplitTable()) for table in earlier if len(table)]
    now = bars[bars["timestamp"].isin(grid)]
    wide = _wide(_unmarked([*before, now]), grid, symbols)
    computed = features(wide, grid)
    frame = computed.stack(level="symbol", future_stack=True).rename_axis(index=["timestamp", "symbol"])
    frame = frame.reindex(pd.MultiIndex.from_product([grid, list(symbols)], names=["timestamp", "symbol"]))
    frame = frame.assign(missing=frame["close"].isna()).rename_axis(columns=None).reset_index()
    return frame[["timestamp", "symbol", *FEATURES, "missing"]].astype({"symbol": "str"})


def warm_history(
    session: Session, symbols: Sequence[str], fit_bars: Callable[[Session], pd.DataFrame | None]
) -> list[pd.DataFrame]:
    """The bars of earlier sessions that warm a session's indicators, latest first.

    Sessions that are not fit are passed over, so that a bad session taints none of its successors.

    Args:
        session: the session to be built.
        symbols: the tickers, each of which needs `WARM_UP_BARS`.
        fit_bars: the bars of an earlier session, or None where there are none that may be used.

    Returns:
        As many sessions as are needed; fewer when `REACH_SESSIONS` hold no more.

    """
    history: list[pd.DataFrame] = []
    counts = dict.fromkeys(symbols, 0)
    for earlier in islice(sessions_before(session), REACH_SESSIONS):
        bars = fit_bars(earlier)
        if bars is None:
            continue
        history.append(bars)
        kept = bars.loc[bars["mark"] == KEPT, "symbol"].value_counts()
        counts = {symbol: count + int(kept.get(symbol, 0)) for symbol, count in counts.items()}
        if min(counts.values()) >= WARM_UP_BARS:
            break
    return history


def _on_the_basis_of(bars: pd.DataFrame, session: Session, earlier: pd.DataFrame, splits: SplitTable) -> pd.DataFrame:
    """An earlier session's bars, their prices divided by the splits between."""
    day = session_at(earlier["timestamp"].iloc[0]).day
    divisors = {
        str(symbol): _divisor(str(symbol), then, now, (day, session.day), splits)
        for symbol, then in earlier.groupby("symbol")
        if len(now := bars[bars["symbol"] == symbol])
    }
    if all(divisor == 1.0 for divisor in divisors.values()):
        return earlier
    prices = earlier[list(PRICE_COLUMNS)].div(earlier["symbol"].map(divisors).fillna(1.0), axis="index")
    return earlier.assign(**prices)


def _divisor(symbol: str, then: pd.DataFrame, now: pd.DataFrame, days: tuple[date, date], splits: SplitTable) -> float:
    """By what one symbol's prices are divided; where nobody knows their basis, what makes less of a jump."""
    known = splits.divisor(symbol, (days[0], then["basis"].iloc[0]), (days[1], now["basis"].iloc[0]))
    if known is not None:
        return known
    closes, opens = (
        table.loc[(table["mark"] == KEPT) & (table[name] > 0) & (table[name] < np.inf), name]
        for table, name in ((then, "close"), (now, "open"))
    )
    return nearer(splits.factor(symbol, *days), closes.iloc[-1], opens.iloc[0]) if len(closes) and len(opens) else 1.0


def _unmarked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    together = pd.concat([table for table in tables if len(table)] or list(tables[-1:]), ignore_index=True)
    return together[together["mark"] == KEPT]


def _wide(bars: pd.DataFrame, grid: pd.DatetimeIndex, symbols: Sequence[str]) -> pd.DataFrame:
    """Columns (value, symbol); rows are the minutes of the history that had a bar, then all of the session's."""
    wide = bars.pivot(index="timestamp", columns="symbol", values=list(BAR_VALUES))
    columns = pd.MultiIndex.from_product([BAR_VALUES, symbols], names=["value", "symbol"])
    minutes = wide.index.union(grid).rename("timestamp")
    return wide.reindex(index=minutes, columns=columns).astype("float64")
