"""Faults of recorded bars: what is wrong with the data that a vendor sends.

What belongs here: each fault as a frozen record, one sentence about it (`describe`), its command-line form (`str()`)
and what it does to a table of bars. What does not: faults of requests and the parser (`faults`), sockets, answers.

A bar fault names New York minutes by their START, as the product does. The bars it damages are a vendor's: naive
US/Eastern text stamps that mark the END of the minute, oldest first, all columns text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pandas as pd

CENT = Decimal("0.01")
ONE_DAY_MINUTES = 24 * 60


def _end_label(session: date, start: time) -> str:
    """The vendor's stamp of the minute that begins at `start`."""
    return (datetime.combine(session, start) + timedelta(minutes=1)).isoformat(" ")


def _insert(bars: pd.DataFrame, extra: pd.DataFrame) -> pd.DataFrame:
    """Both tables in time order; of equal stamps the extra rows come last."""
    return pd.concat([bars, extra]).sort_values("timestamp", kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Drop:
    """Bars that are missing, from the minute `first` to the minute `last`, both included."""

    symbol: str
    session: date
    first: time
    last: time

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("the last minute is before the first")

    def __str__(self) -> str:
        return f"drop:{self.symbol}:{self.session}:{self.first:%H:%M}-{self.last:%H:%M}"

    def describe(self) -> str:
        """One sentence for a person."""
        span = f"from {self.first:%H:%M} to {self.last:%H:%M} New York time"
        return f"{self.symbol} has no bars on {self.session} for the minutes {span}."

    def rows(self, bars: pd.DataFrame) -> "pd.Series[bool]":
        """Which bars it damages."""
        return bars["timestamp"].between(_end_label(self.session, self.first), _end_label(self.session, self.last))

    def apply(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars without them."""
        return bars[~self.rows(bars)].reset_index(drop=True)


@dataclass(frozen=True)
class _OneBar:
    """A fault of the single bar that begins at `minute`."""

    symbol: str
    session: date
    minute: time

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}:{self.symbol}:{self.session}:{self.minute:%H:%M}"

    def _which(self) -> str:
        return f"{self.symbol}'s bar of {self.minute:%H:%M} New York time on {self.session}"

    def rows(self, bars: pd.DataFrame) -> "pd.Series[bool]":
        """Which bars it damages."""
        return bars["timestamp"] == _end_label(self.session, self.minute)


@dataclass(frozen=True)
class Ohlc(_OneBar):
    """A bar with its high below its low: the two are swapped, or a cent apart where they were equal."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._which()} has its high below its low."

    def apply(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars with that one broken."""
        bars = bars.copy()
        for row in bars.index[self.rows(bars)]:
            high, low = str(bars.loc[row, "high"]), str(bars.loc[row, "low"])
            if Decimal(high) == Decimal(low):
                low, high = str(Decimal(low) - CENT), low
            bars.loc[row, ["high", "low"]] = [low, high]
        return bars


@dataclass(frozen=True)
class Duplicate(_OneBar):
    """A bar that comes twice, equal in every column."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._which()} comes twice, the second equal to the first."

    def apply(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars with that one repeated."""
        return _insert(bars, bars[self.rows(bars)])


@dataclass(frozen=True)
class Conflict(_OneBar):
    """A bar that comes twice, the second time with another close.

    The other close is the bar's low, or its high where it closed on the low, so that nothing but the disagreement gives
    it away. A bar that never moved has no other price: there the other close is a cent higher.
    """

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._which()} comes twice, with two different closes."

    def apply(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars with a contradicting copy of that one."""
        other = bars[self.rows(bars)].copy()
        other["close"] = [
            _other_price(low, high, close)
            for low, high, close in zip(other["low"], other["high"], other["close"], strict=True)
        ]
        return _insert(bars, other)


def _other_price(low: str, high: str, close: str) -> str:
    for text in (low, high):
        if Decimal(text) != Decimal(close):
            return text
    return str(Decimal(close) + CENT)


@dataclass(frozen=True)
class Shift:
    """A clock fault: every stamp of one session is `minutes` later, or earlier when negative."""

    symbol: str
    session: date
    minutes: int

    def __post_init__(self) -> None:
        if self.minutes == 0 or abs(self.minutes) >= ONE_DAY_MINUTES:
            raise ValueError("the shift must be at least one minute and less than a day, either way")

    def __str__(self) -> str:
        return f"shift:{self.symbol}:{self.session}:{self.minutes}"

    def describe(self) -> str:
        """One sentence for a person."""
        way = "late" if self.minutes > 0 else "early"
        unit = "minute" if abs(self.minutes) == 1 else "minutes"
        return f"All stamps of {self.symbol} on {self.session} are {abs(self.minutes)} {unit} {way}."

    def rows(self, bars: pd.DataFrame) -> "pd.Series[bool]":
        """Which bars it damages: those whose minute begins on that day."""
        return bars["timestamp"].between(_end_label(self.session, time(0, 0)), _end_label(self.session, time(23, 59)))

    def apply(self, bars: pd.DataFrame) -> pd.DataFrame:
        """The bars with those stamps moved, in the order of the new stamps."""
        bars = bars.copy()
        rows = self.rows(bars)
        moved = pd.to_datetime(bars.loc[rows, "timestamp"]) + pd.Timedelta(minutes=self.minutes)
        bars.loc[rows, "timestamp"] = moved.dt.strftime("%Y-%m-%d %H:%M:%S")
        return bars.sort_values("timestamp", kind="stable", ignore_index=True)


BarFault = Drop | Ohlc | Duplicate | Conflict | Shift


def apply_bar_faults(bars: pd.DataFrame, symbol: str, faults: Iterable[BarFault]) -> pd.DataFrame:
    """The bars of `symbol` with every fault that names it.

    Faults name minutes of the undamaged history, so clock shifts come last whatever the order given. Raises ValueError
    for a fault that would touch no bar: a mistyped date must not pass for a fault that went unnoticed.
    """
    mine = [fault for fault in faults if fault.symbol == symbol]
    for fault in mine:
        if not fault.rows(bars).any():
            raise ValueError(f"fault {str(fault)!r} would touch nothing: {symbol} has no bar there")
    for fault in sorted(mine, key=lambda fault: isinstance(fault, Shift)):
        bars = fault.apply(bars)
    return bars
