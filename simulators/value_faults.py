"""Faults of values: bars that stand where they should and say something else than they should.

What belongs here: late revisions, two vendors disagreeing, minutes without values or without volume. What does not:
bars that are missing, doubled or stand elsewhere (`bar_faults`), faults of requests and the parser (`faults`).

Tables are as in `bar_faults`: naive US/Eastern text stamps, oldest first, all columns text. An empty price stands for
a minute that the vendor lists without a value.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation

import pandas as pd

from simulators.fault_rows import STAMP_FORMAT, OneBar, Side, SomeMinutes, WholeSession, label

CENT = Decimal("0.01")
PRICES = ["open", "high", "low", "close"]


def other_price(low: str, high: str, close: str) -> str:
    """A price that is not the close, inside the bar where it has a range: its low or high, else a cent above."""
    for text in (low, high):
        if Decimal(text) != Decimal(close):
            return text
    return str(Decimal(close) + CENT)


@dataclass(frozen=True)
class Revise(OneBar):
    """A late revision: the first `times` answers with that bar carry another close and volume, later ones the true.

    The early close is the bar's low, or its high where it closed on the low; the early volume is half of the true one.
    An answer with longer bars counts too when one of them holds the minute.
    """

    times: int

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("the number of answers must be at least 1")

    def __str__(self) -> str:
        return f"{super().__str__()}:{self.times}"

    def describe(self) -> str:
        """One sentence for a person."""
        answers = "answer" if self.times == 1 else f"{self.times} answers"
        return f"{self.which()} has another close and volume in the first {answers}, and is revised after that."

    def shown(self, bars: pd.DataFrame, side: Side, minutes: int) -> bool:
        """Whether one of these bars of `minutes` minutes holds the minute."""
        mine = pd.Timestamp(label(self.session, self.minute, side))
        reach = timedelta(minutes=minutes - 1)
        first, last = (mine, mine + reach) if side == "end" else (mine - reach, mine)
        return bool(bars["timestamp"].between(first.strftime(STAMP_FORMAT), last.strftime(STAMP_FORMAT)).any())

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars before the revision."""
        bars = bars.copy()
        for row in bars.index[self.rows(bars, side)]:
            low, high, close, volume = (str(bars.loc[row, column]) for column in ("low", "high", "close", "volume"))
            early = Decimal(volume) // 2 or Decimal(volume) + 1
            bars.loc[row, ["close", "volume"]] = [other_price(low, high, close), f"{early:f}"]
        return bars


@dataclass(frozen=True)
class Disagree(WholeSession):
    """Two vendors disagreeing: every price of one session is `percent` higher, or lower when negative."""

    percent: Decimal

    def __post_init__(self) -> None:
        if self.percent == 0 or abs(self.percent) >= 100:
            raise ValueError("the percentage must be other than 0 and less than 100, either way")

    def __str__(self) -> str:
        return f"disagree:{self.symbol}:{self.session}:{self.percent}"

    def describe(self) -> str:
        """One sentence for a person."""
        way = "higher" if self.percent > 0 else "lower"
        return f"All prices of {self.symbol} on {self.session} are {abs(self.percent)} % {way}."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with those prices scaled, to four decimals."""
        bars = bars.copy()
        rows = self.rows(bars, side)
        for column in PRICES:
            bars.loc[rows, column] = [self._scaled(text) for text in bars.loc[rows, column]]
        return bars

    def _scaled(self, text: str) -> str:
        try:
            return f"{Decimal(text) * (100 + self.percent) / 100:.4f}"
        except InvalidOperation:
            # Whatever is no number stays as odd as it came.
            return text


@dataclass(frozen=True)
class Null(SomeMinutes):
    """Minutes that are listed without values; a vendor that leaves such minutes out leaves these out."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.symbol} has no values {self.span()}."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with those emptied."""
        bars = bars.copy()
        bars.loc[self.rows(bars, side), [*PRICES, "volume"]] = ""
        return bars


def without_nulls(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars without the minutes that have no value at all."""
    empty = (bars[[*PRICES, "volume"]] == "").all(axis=1)
    return bars[~empty].reset_index(drop=True)


@dataclass(frozen=True)
class Quiet(SomeMinutes):
    """Minutes with prices and no volume."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self.symbol} has volume 0 {self.span()}."

    def apply(self, bars: pd.DataFrame, side: Side) -> pd.DataFrame:
        """The bars with those volumes 0."""
        bars = bars.copy()
        bars.loc[self.rows(bars, side), "volume"] = "0"
        return bars
