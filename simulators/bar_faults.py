"""Faults of recorded bars: bars that are missing, doubled, broken, or stand at another time.

What belongs here: those faults as frozen records, one sentence about each (`describe`), its command-line form (`str()`)
and what it does to a table of bars, and the order in which all bar faults are applied. What does not: wrong values
(`value_faults`), which rows a fault names (`fault_rows`), faults of requests and the parser (`faults`), sockets.

A bar fault names New York minutes by their START, as the product does. The bars it damages are a vendor's: naive
US/Eastern text stamps that mark the `side` of the minute that the vendor marks, oldest first, all columns text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from simulators.clock import NEW_YORK
from simulators.fault_rows import ONE_DAY_MINUTES, OneBar, Side, SomeMinutes, WholeSession, label, move
from simulators.value_faults import CENT, Disagree, Null, Quiet, Revise, other_price


def _insert(bars: pd.DataFrame, extra: pd.DataFrame) -> pd.DataFrame:
    """Both tables in time order; of equal stamps the extra rows come last."""
    return pd.concat([bars, extra]).sort_values("timestamp", kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Drop(SomeMinutes):
    """Bars that are missing, from the minute `first` to the minute `last`, both included."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.symbol} has no bars {self.span()}."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars without them."""
        return bars[~self.rows(bars, side)].reset_index(drop=True)


@dataclass(frozen=True)
class Late(OneBar):
    """A bar that a stand-in with a clock has only so many `seconds` after the end of its minute."""

    seconds: float

    def __str__(self) -> str:
        return f"{super().__str__()}:{self.seconds:g}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.which()} comes {self.seconds:g} s after its end."

    def comes(self) -> pd.Timestamp:
        """When it is there, in New York."""
        start = pd.Timestamp(label(self.session, self.minute, "start"), tz=NEW_YORK)
        return start + pd.Timedelta(minutes=1, seconds=self.seconds)

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars before it is there."""
        return bars[~self.rows(bars, side)].reset_index(drop=True)


@dataclass(frozen=True)
class Ohlc(OneBar):
    """A bar with its high below its low: the two are swapped, or a cent apart where they were equal."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.which()} has its high below its low."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with that one broken."""
        bars = bars.copy()
        for row in bars.index[self.rows(bars, side)]:
            high, low = str(bars.loc[row, "high"]), str(bars.loc[row, "low"])
            if Decimal(high) == Decimal(low):
                low, high = str(Decimal(low) - CENT), low
            bars.loc[row, ["high", "low"]] = [low, high]
        return bars


@dataclass(frozen=True)
class Duplicate(OneBar):
    """A bar that comes twice, equal in every column."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.which()} comes twice, the second equal to the first."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with that one repeated."""
        return _insert(bars, bars[self.rows(bars, side)])


@dataclass(frozen=True)
class Conflict(OneBar):
    """A bar that comes twice, the second time with another close.

    The other close is the bar's low, or its high where it closed on the low, so that nothing but the disagreement gives
    it away. A bar that never moved has no other price: there the other close is a cent higher.
    """

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.which()} comes twice, with two different closes."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with a contradicting copy of that one."""
        other = bars[self.rows(bars, side)].copy()
        other["close"] = [
            other_price(low, high, close)
            for low, high, close in zip(other["low"], other["high"], other["close"], strict=True)
        ]
        return _insert(bars, other)


@dataclass(frozen=True)
class Shift(WholeSession):
    """A clock fault: every stamp of one session is `minutes` later, or earlier when negative."""

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

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with those stamps moved, in the order of the new stamps."""
        moved = move(bars, self.rows(bars, side), self.minutes)
        return moved.sort_values("timestamp", kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Label(WholeSession):
    """A session whose stamps mark the other end of the bar than those of all other sessions."""

    def __str__(self) -> str:
        return f"label:{self.symbol}:{self.session}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"The stamps of {self.symbol} on {self.session} mark the other end of the bar than on other days."


BarFault = Drop | Late | Ohlc | Duplicate | Conflict | Shift | Label | Revise | Disagree | Null | Quiet


def apply_bar_faults(bars: pd.DataFrame, symbol: str, faults: Iterable[BarFault], side: Side) -> pd.DataFrame:
    """The bars of `symbol` with every fault that names it, but for the labels, which `relabel` turns in the answer.

    Faults name minutes of the undamaged history, so emptied minutes and then clock shifts come last whatever the order
    given. Raises ValueError for a fault that would touch no bar: a mistyped date must not pass for a fault that went
    unnoticed.
    """
    mine = [fault for fault in faults if fault.symbol == symbol]
    for fault in mine:
        if not fault.rows(bars, side).any():
            raise ValueError(f"fault {str(fault)!r} would touch nothing: {symbol} has no bar there")
    for fault in sorted(mine, key=lambda fault: (isinstance(fault, Shift), isinstance(fault, Null))):
        if not isinstance(fault, Label):
            bars = fault.apply(bars, side)
    return bars


def relabel(bars: pd.DataFrame, faults: Iterable[Label], minutes: int, side: Side, wanted: Side) -> pd.DataFrame:
    """Bars of `minutes` minutes, labelled on `side`, with the stamps on the `wanted` side and the other for `faults`.

    This comes last, after hours were filtered and longer bars built: a label says nothing about the minutes themselves.
    """
    to_other = minutes if side == "start" else -minutes
    other = pd.Series(False, index=bars.index)
    for fault in faults:
        other |= fault.rows(bars, side)
    turned = other if side == wanted else ~other
    return move(bars, turned, to_other) if turned.any() else bars
