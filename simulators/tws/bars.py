"""The recorded bars as IB would have them, a minute long, longer, or five seconds.

What belongs here: which minutes there are at a time, and making bars of another length out of them. What does not: what
a client asked for (`history`), messages (`messages`).

Minutes come from tables as the other stand-ins have them: naive US/Eastern text stamps that mark the START of the
minute. The average and the count of a bar are not recorded: the average is the mean of high, low and close, the count
is one for a hundred shares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from simulators.clock import NEW_YORK
from simulators.fault_rows import STAMP_FORMAT
from simulators.histories import Histories
from simulators.yahoo_answers import ChartQuery, complete, epochs, select

INTERVALS = {"1 min": "1m", "2 mins": "2m", "5 mins": "5m", "15 mins": "15m", "30 mins": "30m", "1 hour": "60m"}
"""The lengths of bars that are served, in IB's words and in those of `yahoo_answers`."""
FIVE, PIECES = 5, 12
HOUR = 3600
_HIGH_IN, _LOW_IN = 3, 7


@dataclass(frozen=True)
class Bar:
    """A bar; `start` in epoch seconds, prices in USD, volume in shares."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: int

    @property
    def average(self) -> float:
        """The mean of high, low and close, to a hundredth of a cent."""
        return round((self.high + self.low + self.close) / 3, 4)

    @property
    def count(self) -> int:
        """Trades: one for a hundred shares, and at least one where there is volume."""
        return -(-self.volume // 100)


def minutes_at(histories: Histories, symbol: str, now: datetime) -> pd.DataFrame:
    """The minutes that have begun: the one that is forming has its open only; raises KeyError for an unknown symbol."""
    history, second = histories.bars(symbol), now.timestamp()
    done = complete(history, second)
    begun = history[epochs(history["timestamp"]) <= second]
    if len(begun) == len(done):
        return done
    forming = begun.iloc[len(done) :].copy()
    for column in ("high", "low", "close"):
        forming[column] = forming["open"]
    return pd.concat([done, forming.assign(volume="0")], ignore_index=True)


def about(minutes: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """The minutes from epoch second `first` to `last`, and an hour around them: to read all stamps takes long."""
    bounds = [pd.Timestamp(at, unit="s", tz=NEW_YORK).strftime(STAMP_FORMAT) for at in (first - HOUR, last + HOUR)]
    begin, end = minutes["timestamp"].searchsorted(bounds)
    return minutes.iloc[begin:end]


def between(minutes: pd.DataFrame, first: int, last: int, size: str, *, regular: bool) -> list[Bar]:
    """Bars of a size of `INTERVALS` from epoch second `first`, before `last`; minutes without a price are left out."""
    query = ChartQuery("", INTERVALS[size], first, last, "", prepost=not regular)
    rows = select(minutes, query).dropna()
    if rows.empty:
        return []
    prices = (rows[column].tolist() for column in ("open", "high", "low", "close"))
    volumes = rows["volume"].astype("int64").tolist()
    return [Bar(*values) for values in zip(epochs(rows["timestamp"]).tolist(), *prices, volumes, strict=True)]


def five_seconds(minute: Bar) -> Iterator[Bar]:
    """Twelve bars that add up to the minute: the price goes from its open to its high, its low and its close."""
    price, share = minute.open, minute.volume // PIECES
    for piece in range(PIECES):
        target = {_HIGH_IN: minute.high, _LOW_IN: minute.low, PIECES - 1: minute.close}.get(piece, price)
        volume = share if piece < PIECES - 1 else minute.volume - share * (PIECES - 1)
        start = minute.start + piece * FIVE
        yield Bar(start, price, max(price, target), min(price, target), target, volume)
        price = target
