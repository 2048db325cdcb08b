"""Are the indicators possible? Bounds that follow from what an indicator is, whatever the prices.

What follows a bar whose values are no numbers is not held against the indicators: that bar is other rules' matter.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from market.features import EMA_LONG_CLOSES, EMA_SHORT_CLOSES, RSI_CLOSES
from market.quality.cells import carried, medians
from market.quality.evidence import Evidence
from market.quality.rule import AtMost, Counted, Needs, SymbolRule, Told
from market.quality.stack import Stack

TOLERANCE = 1e-9
"""Of the value: what floating point may add."""
SETTLED = 8
"""Lengths of an average after which what lies before them no longer matters."""
LEAST_JUDGED = 20
"""Minutes that a share is made of, at least."""


class FeatureRule(Counted):
    """A rule that counts the minutes in which a feature of the frame cannot be right."""

    family: ClassVar[str] = "features"
    needs: ClassVar[tuple[Needs, ...]] = ("frame",)


class RsiBounds(FeatureRule):
    """Minutes whose RSI is none: outside 0 to 100, without a bar, or absent although enough closes were seen."""

    name: ClassVar[str] = "rsi_bounds"
    question: ClassVar[str] = "Is the RSI there once it is warm, and within 0 to 100?"
    fault: ClassVar[str] = "minutes have an RSI that is absent or not within 0 to 100"

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold every RSI against its bounds."""
        rsi, there = stack.frame["rsi"], ~np.isnan(stack.frame["close"])
        due = there & (stack.closes_seen > RSI_CLOSES)  # so many changes need one close more
        return np.asarray(_wrong(rsi, there, due, 0.0, 100.0) & stack.frame.sound)


class EmaRange(FeatureRule):
    """Minutes with an EMA outside the range of the closes seen so far, without a bar, or absent once it is warm.

    An EMA that is there before its closes were seen rests on earlier ones: its first value stands for them.
    """

    name: ClassVar[str] = "ema_range"
    question: ClassVar[str] = "Are the EMAs there once they are warm, and within the range of their closes?"
    fault: ClassVar[str] = "minutes have an EMA that is absent or outside the closes seen so far"

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold both EMAs against the running range."""
        close, seen, earlier = stack.frame["close"], stack.closes_seen, stack.earlier_closes
        there = ~np.isnan(close)
        found = np.zeros(there.shape, dtype=bool)
        for name, length in (("ema_short", EMA_SHORT_CLOSES), ("ema_long", EMA_LONG_CLOSES)):
            ema = stack.frame[name]
            unseen = _unseen(ema, seen, length)
            lowest = _running(np.fmin, earlier.lowest, np.fmin(close, unseen))
            highest = _running(np.fmax, earlier.highest, np.fmax(close, unseen))
            found |= _wrong(ema, there, there & (seen >= length), lowest, highest)
        return np.asarray(found & stack.frame.sound)


class VwapRange(FeatureRule):
    """Minutes with a VWAP outside the session's prices so far, without a bar, or absent once a share has traded."""

    name: ClassVar[str] = "vwap_range"
    question: ClassVar[str] = "Is the VWAP there, and between the session's lowest and highest price so far?"
    fault: ClassVar[str] = "minutes have a VWAP that is absent or outside the session's prices so far"

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold the VWAP against the running range of the bars with volume."""
        frame = stack.frame
        vwap, there, traded = frame["vwap"], ~np.isnan(frame["close"]), frame["volume"] > 0
        low = np.fmin(np.fmin(frame["low"], frame["high"]), frame["close"])  # what its typical price is made of
        high = np.fmax(np.fmax(frame["low"], frame["high"]), frame["close"])
        lowest = np.fmin.accumulate(np.where(traded, low, np.nan), axis=0)
        highest = np.fmax.accumulate(np.where(traded, high, np.nan), axis=0)
        found = _wrong(vwap, there, there & ~np.isnan(lowest), lowest, highest)
        return np.asarray(found & frame.sound)


class TimeFeatures(FeatureRule):
    """Minutes whose time features are not the point of New York's clock on the unit circle."""

    name: ClassVar[str] = "time_features"
    question: ClassVar[str] = "Do the time features lie on the unit circle, where New York's clock stands?"
    fault: ClassVar[str] = "minutes have time features off the unit circle or of another clock than New York's"

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold sine and cosine of hour and minute against the clock, and against each other."""
        frame = stack.frame
        wrong = np.zeros(frame.present.shape, dtype=bool)
        for name, expected in _clock(stack).items():
            wrong |= ~(np.abs(frame[name] - expected) <= TOLERANCE)
        for hand in ("hour", "minute"):
            wrong |= ~(np.abs(frame[f"{hand}_sin"] ** 2 + frame[f"{hand}_cos"] ** 2 - 1.0) <= TOLERANCE)
        return np.asarray(wrong & frame.present)


class RsiExtremes(SymbolRule, AtMost):
    """Share of the minutes whose RSI is close to 0 or 100: a stock that only rises, or an RSI that is none.

    Not counted are minutes before the RSI is warm, and those in which one jump still outweighs what the price usually
    does within its length: after a gap overnight the RSI is extreme in good data.
    """

    name: ClassVar[str] = "rsi_extremes"
    family: ClassVar[str] = "features"
    question: ClassVar[str] = "Is the RSI rarely extreme?"
    needs: ClassVar[tuple[Needs, ...]] = ("frame",)

    warn: float = Field(default=0.03, ge=0, le=1)
    fail: float = Field(default=0.05, ge=0, le=1)
    low: float = Field(default=5.0, ge=0, le=100, description="an RSI below is extreme")
    high: float = Field(default=95.0, ge=0, le=100, description="an RSI above is extreme")
    warm_up: int = Field(default=50, ge=0, description="closes after which an RSI counts, the history's among them")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol with enough minutes, which names the extreme ones."""
        frame = stack.frame
        rsi, there = frame["rsi"], ~np.isnan(frame["close"])
        warm = ~np.isnan(rsi) & (stack.closes_seen >= self.warm_up)
        jumped = _rests_on_a_jump(stack) & warm
        judged = warm & ~jumped
        extreme = judged & ((rsi < self.low) | (rsi > self.high))
        of_all = (extreme, judged, there & ~warm, jumped)
        counts = zip(*(np.count_nonzero(each, axis=0).tolist() for each in of_all), strict=True)
        for (evidence, symbol), minutes, (count, of, cold, after) in zip(stack.columns, extreme.T, counts, strict=True):
            if of < LEAST_JUDGED:
                continue
            share = count / of
            said = (
                f"The RSI of {symbol} is below {self.low:g} or above {self.high:g} in {count} of {of} "
                f"minutes ({share:.1%}, at most {self.fail:.1%}; {cold} of warm-up and {after} after "
                "a jump are not counted)"
            )
            at = evidence.expected[minutes] if count else ()
            yield self.told(evidence, symbol, self.verdict(share), share, said, held_against=at)

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """None of them has enough minutes."""
        return f"fewer than {LEAST_JUDGED} minutes have an RSI that is warm and rests on no jump"


def _clock(stack: Stack) -> dict[str, np.ndarray]:
    """New York's clock at each minute, counted from the open: no session lies across a change of its time."""
    first = stack.evidences[0]
    length = first.bar_size.delta // pd.Timedelta(minutes=1)
    minutes = np.repeat([evidence.session.opening_minute for evidence in stack.evidences], len(stack.symbols))
    if (minutes == minutes[0]).all():
        return _hands((int(minutes[0]),), length, len(first.expected))
    return _hands(tuple(minutes.tolist()), length, len(first.expected))


@lru_cache(maxsize=16)
def _hands(opened: tuple[int, ...], length: int, bars: int) -> dict[str, np.ndarray]:
    """The time features of so many bars of so many minutes; the first begins so many minutes after midnight."""
    minutes = np.add.outer(length * np.arange(bars), opened)
    hour, minute = 2 * np.pi / 24 * (minutes // 60), 2 * np.pi / 60 * (minutes % 60)
    return {
        "hour_sin": np.sin(hour),
        "hour_cos": np.cos(hour),
        "minute_sin": np.sin(minute),
        "minute_cos": np.cos(minute),
    }


def _wrong(
    value: np.ndarray, there: np.ndarray, due: np.ndarray, lowest: np.ndarray | float, highest: np.ndarray | float
) -> np.ndarray:
    """Minutes with a value out of bounds, one that is due and absent, or one where there is no bar."""
    shown = ~np.isnan(value)
    with np.errstate(invalid="ignore"):  # infinite bounds, of closes that `Cells.sound` takes care of
        within = (value >= lowest - TOLERANCE * np.abs(lowest)) & (value <= highest + TOLERANCE * np.abs(highest))
    return np.asarray((shown & ~within) | (due & ~shown) | (shown & ~there))


def _running(extreme: np.ufunc, earlier: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The lowest or highest value so far, that of the earlier closes among them; NaN before the first."""
    return np.asarray(extreme(extreme.accumulate(values, axis=0), earlier))


def _unseen(ema: np.ndarray, seen: np.ndarray, length: int) -> np.ndarray:
    """The first value of each EMA that rests on closes that are not known, in its minute; otherwise NaN."""
    shown = ~np.isnan(ema)
    columns = np.arange(ema.shape[1])
    first = shown.argmax(axis=0)
    at_first = seen[first, columns]
    unknown = shown[first, columns] & (at_first != length) & (at_first < SETTLED * length)
    found = np.full_like(ema, np.nan)
    found[first[unknown], columns[unknown]] = ema[first[unknown], columns[unknown]]
    return found


def _rests_on_a_jump(stack: Stack) -> np.ndarray:
    """Minutes in which one change still weighs more in Wilder's average than its whole length of usual ones."""
    close = stack.frame["close"]
    there = ~np.isnan(close)
    before = carried(close, there)
    before = np.where(np.isnan(before), stack.earlier_closes.last, before)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(there, np.abs(close - np.where(np.isnan(before), close, before)), 0.0)
        forgotten = (np.cumsum(there, axis=0) - 1) * np.log(RSI_CLOSES / (RSI_CLOSES - 1))
        weight = np.maximum.accumulate(np.log(change) + forgotten, axis=0) - forgotten
        usual = medians(np.where(there & np.isfinite(change), change, np.nan))
        return np.asarray(there & (weight > np.log(RSI_CLOSES * np.where(np.isnan(usual), 0.0, usual))))
