"""Do the symbols, and two feeds of one symbol, tell the same time? What moves together has to move in the same bars."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.grid import Grid, is_price, median
from market.quality.rule import AtMost, CannotAsk, PairRule
from schemas.quality import Finding

REACH = 5
"""Bars by which one clock is tried against the other, either way."""
LARGEST_RETURN = 3.0
"""In median returns; larger ones count as this, so that one bad price does not decide."""


class ClockDrift(PairRule, AtMost):
    """Seconds by which one symbol's returns have to be moved to fit the others' best, or those of a second feed.

    A lag counts only where its correlation is beyond chance and clearly above the one without a lag: two stocks need
    not move together, and then nothing is said.
    """

    name: ClassVar[str] = "clock_drift"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Do the symbols, and the feeds, move in the same minutes?"

    warn: float = Field(default=0, ge=0, description="seconds")
    fail: float = Field(default=0, ge=0, description="seconds")
    least_correlation: float = Field(
        default=4.0, gt=0, description="in standard errors of a correlation, 1 / sqrt(bars): what is beyond chance"
    )
    margin: float = Field(default=2.0, ge=0, description="the same, by which it has to be above the one without a lag")
    least_bars: int = Field(default=30, ge=10, description="returns that both need to have")

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding of a pair (of three and more: one a symbol), and one a symbol that a second feed has.

        Raises:
            CannotAsk: nothing correlates enough to tell the time by.

        """
        found = list(self._findings(evidence, symbols))
        if not found:
            raise CannotAsk("nothing moves together enough to tell the time by")
        return found

    def _findings(self, evidence: Evidence, symbols: Sequence[str]) -> Iterator[Finding]:
        ours = _returns(evidence.grid.only(symbols))
        for column, symbol in enumerate(symbols):
            others = np.delete(ours, column, axis=1)
            if len(symbols) > 2:
                yield from self._compared(evidence, symbol, "the other symbols", _mean(others), ours[:, column], symbol)
            elif len(symbols) == 2 and column == 1:
                yield from self._compared(evidence, symbol, symbols[0], others[:, 0], ours[:, 1], None)
        if evidence.other is not None:
            theirs = _returns(evidence.other.only(symbols))
            for column, symbol in enumerate(symbols):
                feed = f"{symbol} of the second feed"
                yield from self._compared(evidence, symbol, feed, theirs[:, column], ours[:, column], symbol)

    def _compared(
        self, evidence: Evidence, symbol: str, other: str, others: np.ndarray, own: np.ndarray, of: str | None
    ) -> Iterator[Finding]:
        """What the lag between two series of returns amounts to; nothing, where none can be told."""
        score, bars = _scores(others, own)
        best = int(np.argmax(score))
        if bars < self.least_bars or score[best] < self.least_correlation:
            return
        clear = score[best] - score[REACH] >= self.margin
        lag = best - REACH if clear else 0
        seconds = lag * evidence.bar_size.delta.total_seconds()
        said = f"{symbol} and {other} move in the same minutes"
        if lag:
            order = "after" if lag > 0 else "before"
            said = f"{symbol} moves {abs(seconds):.0f} s {order} {other} (at most {self.fail:.0f} s)"
        yield self.finding(evidence, of, self.verdict(abs(seconds)), abs(seconds), said)


def _returns(grid: Grid) -> np.ndarray:
    """Log returns from bar to bar in median returns of their symbol, (minutes - 1, symbols); NaN where a bar misses."""
    close = grid["close"]
    prices = np.where(is_price(close), close, np.nan)
    found = np.diff(np.log(prices), axis=0)
    for column in range(found.shape[1]):
        moves = np.abs(found[:, column])
        moves = moves[moves > 0]
        found[:, column] /= median(moves) if len(moves) else 1.0
    return np.asarray(np.clip(found, -LARGEST_RETURN, LARGEST_RETURN))


def _mean(returns: np.ndarray) -> np.ndarray:
    """Of the symbols that have one, minute by minute."""
    there = np.isfinite(returns)
    count = there.sum(axis=1)
    total = np.where(there, returns, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scores(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, int]:
    """Correlation of the first series with the second one so many bars later, from `-REACH` to `REACH`.

    Returns:
        In standard errors, `2 * REACH + 1` of them, 0 where a series does not move; and the bars that both have.

    """
    there = np.isfinite(first).astype("float64")
    own = np.where(there > 0, first, 0.0)
    padded = np.pad(second, REACH, constant_values=np.nan)
    known = np.isfinite(padded).astype("float64")
    moved = np.where(known > 0, padded, 0.0)
    mask, later, squared = (sliding_window_view(array, len(first)) for array in (known, moved, moved**2))
    count = mask @ there
    own_sum, own_squares = mask @ own, mask @ own**2
    later_sum, later_squares = later @ there, squared @ there
    variances = (count * own_squares - own_sum**2) * (count * later_squares - later_sum**2)
    covariance = count * (later @ own) - own_sum * later_sum
    moving = variances > 0
    correlation = np.where(moving, covariance, 0.0) / np.sqrt(np.where(moving, variances, 1.0))
    return correlation * np.sqrt(count), int(count[REACH])
