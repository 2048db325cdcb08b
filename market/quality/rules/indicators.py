"""Are the indicators possible? Bounds that follow from what an indicator is, whatever the prices.

What follows a bar whose values are no numbers is not held against the indicators: that bar is other rules' matter.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from market.features import EMA_LONG_CLOSES, EMA_SHORT_CLOSES, RSI_CLOSES
from market.quality.evidence import Evidence
from market.quality.grid import Grid, median
from market.quality.rule import AtMost, CannotAsk, Counted, Needs, SymbolRule
from market.quality.rules.features import framed
from market.sessions import NEW_YORK
from schemas.quality import Finding

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

    @abstractmethod
    def wrong(self, evidence: Evidence, frame: Grid) -> np.ndarray:
        """The minutes at fault.

        Args:
            evidence: the session.
            frame: the features of the symbols that are asked about.

        Returns:
            Shape (minutes, symbols), bool.

        """

    def at_fault(self, evidence: Evidence, symbols: Sequence[str]) -> np.ndarray:
        """The minutes at fault."""
        return self.wrong(evidence, framed(evidence).only(symbols))


class RsiBounds(FeatureRule):
    """Minutes whose RSI is none: outside 0 to 100, without a bar, or absent although enough closes were seen."""

    name: ClassVar[str] = "rsi_bounds"
    question: ClassVar[str] = "Is the RSI there once it is warm, and within 0 to 100?"
    fault: ClassVar[str] = "minutes have an RSI that is absent or not within 0 to 100"

    def wrong(self, evidence: Evidence, frame: Grid) -> np.ndarray:
        """Hold every RSI against its bounds."""
        rsi, there = frame["rsi"], ~np.isnan(frame["close"])
        due = there & (evidence.closes_seen(frame.symbols) > RSI_CLOSES)  # so many changes need one close more
        return np.asarray(_wrong(rsi, there, due, 0.0, 100.0) & frame.sound)


class EmaRange(FeatureRule):
    """Minutes with an EMA outside the range of the closes seen so far, without a bar, or absent once it is warm.

    An EMA that is there before its closes were seen rests on earlier ones: its first value stands for them.
    """

    name: ClassVar[str] = "ema_range"
    question: ClassVar[str] = "Are the EMAs there once they are warm, and within the range of their closes?"
    fault: ClassVar[str] = "minutes have an EMA that is absent or outside the closes seen so far"

    def wrong(self, evidence: Evidence, frame: Grid) -> np.ndarray:
        """Hold both EMAs against the running range."""
        close = frame["close"]
        there, seen = ~np.isnan(close), evidence.closes_seen(frame.symbols)
        earlier = evidence.earlier_closes(frame.symbols)
        found = np.zeros(there.shape, dtype=bool)
        for name, length in (("ema_short", EMA_SHORT_CLOSES), ("ema_long", EMA_LONG_CLOSES)):
            ema = frame[name]
            unseen = _unseen(ema, seen, length)
            lowest = _running(np.fmin, earlier, np.fmin(close, unseen))
            highest = _running(np.fmax, earlier, np.fmax(close, unseen))
            found |= _wrong(ema, there, there & (seen >= length), lowest, highest)
        return np.asarray(found & frame.sound)


class VwapRange(FeatureRule):
    """Minutes with a VWAP outside the session's prices so far, without a bar, or absent once a share has traded."""

    name: ClassVar[str] = "vwap_range"
    question: ClassVar[str] = "Is the VWAP there, and between the session's lowest and highest price so far?"
    fault: ClassVar[str] = "minutes have a VWAP that is absent or outside the session's prices so far"

    def wrong(self, evidence: Evidence, frame: Grid) -> np.ndarray:
        """Hold the VWAP against the running range of the bars with volume."""
        vwap, there = frame["vwap"], ~np.isnan(frame["close"])
        prices = np.array([frame[name] for name in ("low", "high", "close")])  # what its typical price is made of
        prices = np.where(frame["volume"] > 0, prices, np.nan)
        lowest = np.fmin.accumulate(np.fmin.reduce(prices, axis=0), axis=0)
        highest = np.fmax.accumulate(np.fmax.reduce(prices, axis=0), axis=0)
        found = _wrong(vwap, there, there & ~np.isnan(lowest), lowest, highest)
        return np.asarray(found & frame.sound)


class TimeFeatures(FeatureRule):
    """Minutes whose time features are not the point of New York's clock on the unit circle."""

    name: ClassVar[str] = "time_features"
    question: ClassVar[str] = "Do the time features lie on the unit circle, where New York's clock stands?"
    fault: ClassVar[str] = "minutes have time features off the unit circle or of another clock than New York's"

    def wrong(self, evidence: Evidence, frame: Grid) -> np.ndarray:
        """Hold sine and cosine of hour and minute against the clock, and against each other."""
        wrong = np.zeros(frame.present.shape, dtype=bool)
        for name, expected in _clock(evidence).items():
            wrong |= ~(np.abs(frame[name] - expected[:, np.newaxis]) <= TOLERANCE)
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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol with enough minutes, which names the extreme ones.

        Raises:
            CannotAsk: none has.

        """
        found = list(self._findings(evidence, symbols))
        if not found:
            raise CannotAsk(f"fewer than {LEAST_JUDGED} minutes have an RSI that is warm and rests on no jump")
        return found

    def _findings(self, evidence: Evidence, symbols: Sequence[str]) -> Iterator[Finding]:
        frame = framed(evidence).only(symbols)
        rsi, shown = frame["rsi"], ~np.isnan(frame["rsi"])
        warm = shown & (evidence.closes_seen(frame.symbols) >= self.warm_up)
        jumped = _rests_on_a_jump(evidence, frame) & warm
        judged = warm & ~jumped
        extreme = judged & ((rsi < self.low) | (rsi > self.high))
        count, of = extreme.sum(axis=0), judged.sum(axis=0)
        for column, symbol in enumerate(symbols):
            if of[column] < LEAST_JUDGED:
                continue
            share = count[column] / of[column]
            cold = (~np.isnan(frame["close"]) & ~warm)[:, column].sum()
            said = (
                f"The RSI of {symbol} is below {self.low:g} or above {self.high:g} in {count[column]} of {of[column]} "
                f"minutes ({share:.1%}, at most {self.fail:.1%}; {cold} of warm-up and {jumped[:, column].sum()} after "
                "a jump are not counted)"
            )
            at = evidence.starts(extreme[:, column])
            yield self.finding(evidence, symbol, self.verdict(share), share, said, held_against=at)


def _clock(evidence: Evidence) -> dict[str, np.ndarray]:
    """New York's clock at each minute, counted from the open: no session lies across a change of its time."""
    opened = evidence.session.open.tz_convert(NEW_YORK)
    length = evidence.bar_size.delta // pd.Timedelta(minutes=1)
    return _hands(opened.hour * 60 + opened.minute, length, len(evidence.expected))


@cache
def _hands(opened: int, length: int, bars: int) -> dict[str, np.ndarray]:
    """The time features of so many bars of so many minutes; the first begins so many minutes after midnight."""
    minutes = opened + length * np.arange(bars)
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
    with np.errstate(invalid="ignore"):  # infinite bounds, of closes that `Grid.sound` takes care of
        within = (value >= lowest - TOLERANCE * np.abs(lowest)) & (value <= highest + TOLERANCE * np.abs(highest))
    return np.asarray((shown & ~within) | (due & ~shown) | (shown & ~there))


def _running(extreme: np.ufunc, earlier: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """The lowest or highest value so far, the earlier closes among them; NaN before the first."""
    start = [extreme.reduce(closes, axis=0, keepdims=True) for closes in earlier]
    every = np.concatenate([*start, values])
    return np.asarray(extreme.accumulate(every, axis=0)[len(start) :])


def _unseen(ema: np.ndarray, seen: np.ndarray, length: int) -> np.ndarray:
    """The first value of each EMA that rests on closes that are not known, in its minute; otherwise NaN."""
    shown = ~np.isnan(ema)
    columns = np.arange(ema.shape[1])
    first = shown.argmax(axis=0)
    at_first = seen[first, columns]
    unknown = shown[first, columns] & (at_first != length) & (at_first < SETTLED * length)
    found = np.full(ema.shape, np.nan)
    found[first[unknown], columns[unknown]] = ema[first[unknown], columns[unknown]]
    return found


def _rests_on_a_jump(evidence: Evidence, frame: Grid) -> np.ndarray:
    """Minutes in which one change still weighs more in Wilder's average than its whole length of usual ones."""
    found = np.zeros(frame.present.shape, dtype=bool)
    earlier = evidence.earlier_closes(frame.symbols)
    for column in range(len(frame.symbols)):
        there = ~np.isnan(frame["close"][:, column])
        closes = frame["close"][there, column]
        last = next((before[-1:] for grid in earlier if len(before := _numbers(grid[:, column]))), closes[:1])
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.abs(np.diff(closes, prepend=last))
            forgotten = np.arange(len(change)) * np.log(RSI_CLOSES / (RSI_CLOSES - 1))
            weight = np.maximum.accumulate(np.log(change) + forgotten) - forgotten
            finite = change[np.isfinite(change)]
            usual = median(finite) if len(finite) else 0.0
            found[there, column] = weight > np.log(RSI_CLOSES * usual)
    return found


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[~np.isnan(values)])
