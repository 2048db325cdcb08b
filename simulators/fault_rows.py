"""Which bars a fault names: one bar, some minutes, or a whole session of one stock.

What belongs here: the shared part of all bar faults, and the translation of New York minutes, which faults name by
their START, into the stamps of a vendor, which marks either end. What does not: what happens to those bars
(`bar_faults`, `value_faults`).
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

import pandas as pd

Side = Literal["start", "end"]
"""Which end of its minute a stamp marks."""
STAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
ONE_DAY_MINUTES = 24 * 60


def label(session: date, start: time, side: Side) -> str:
    """The stamp of the minute that begins at `start`: naive US/Eastern text."""
    return (datetime.combine(session, start) + timedelta(minutes=side == "end")).isoformat(" ")


def move(bars: pd.DataFrame, rows: "pd.Series[bool]", minutes: int) -> pd.DataFrame:
    """The bars with the stamps of `rows` moved by `minutes`, in the order they came."""
    bars = bars.copy()
    moved = pd.to_datetime(bars.loc[rows, "timestamp"], format=STAMP_FORMAT) + pd.Timedelta(minutes=minutes)
    bars.loc[rows, "timestamp"] = moved.dt.strftime(STAMP_FORMAT)
    return bars


@dataclass(frozen=True)
class OneBar:
    """A fault of the single bar that begins at `minute`."""

    symbol: str
    session: date
    minute: time

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}:{self.symbol}:{self.session}:{self.minute:%H:%M}"

    def which(self) -> str:
        """The bar, in words."""
        return f"{self.symbol}'s bar of {self.minute:%H:%M} New York time on {self.session}"

    def rows(self, bars: pd.DataFrame, side: Side) -> "pd.Series[bool]":
        """Which bars it damages."""
        return bars["timestamp"] == label(self.session, self.minute, side)


@dataclass(frozen=True)
class SomeMinutes:
    """A fault of the bars from the minute `first` to the minute `last`, both included."""

    symbol: str
    session: date
    first: time
    last: time

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("the last minute is before the first")

    def __str__(self) -> str:
        name = type(self).__name__.lower()
        return f"{name}:{self.symbol}:{self.session}:{self.first:%H:%M}-{self.last:%H:%M}"

    def span(self) -> str:
        """The day and the minutes, in words."""
        return f"on {self.session} for the minutes from {self.first:%H:%M} to {self.last:%H:%M} New York time"

    def rows(self, bars: pd.DataFrame, side: Side) -> "pd.Series[bool]":
        """Which bars it damages."""
        return bars["timestamp"].between(label(self.session, self.first, side), label(self.session, self.last, side))


@dataclass(frozen=True)
class WholeSession:
    """A fault of all bars whose minute begins on one day."""

    symbol: str
    session: date

    def rows(self, bars: pd.DataFrame, side: Side) -> "pd.Series[bool]":
        """Which bars it damages."""
        first, last = label(self.session, time(0, 0), side), label(self.session, time(23, 59), side)
        return bars["timestamp"].between(first, last)
