"""Do the symbols, and two feeds of one symbol, tell the same time? What moves together has to move in the same bars."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from market.quality.cells import is_price, medians
from market.quality.evidence import Evidence
from market.quality.rule import AtMost, PairRule, Told
from market.quality.stack import Stack

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

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding of a pair (of three and more: one a symbol), and one a symbol that a second feed has."""
        ours = _returns(stack.bars["close"])
        own = stack.by_session(ours)
        if len(stack.symbols) == 2:
            yield from self._lags(stack.evidences, stack.symbols[1], stack.symbols[0], own[..., 0], own[..., 1])
        for column, symbol in enumerate(stack.symbols if len(stack.symbols) > 2 else ()):
            others = _mean(np.delete(own, column, axis=2))
            yield from self._lags(stack.evidences, symbol, "the other symbols", others, own[..., column], symbol)
        for place, evidence in enumerate(stack.evidences):
            if evidence.other is not None:
                theirs = _returns(evidence.other.only(stack.symbols)["close"])
                for column, symbol in enumerate(stack.symbols):
                    feed = f"{symbol} of the second feed"
                    both = theirs[:, [column]], own[:, place, [column]]
                    yield from self._lags([evidence], symbol, feed, *both, symbol)

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """No lag can be told."""
        return "nothing moves together enough to tell the time by"

    def _lags(
        self,
        evidences: Sequence[Evidence],
        symbol: str,
        other: str,
        others: np.ndarray,
        own: np.ndarray,
        of: str | None = None,
    ) -> Iterator[Told]:
        """What the lag between two series of returns of each session amounts to, where one can be told."""
        score, bars = _scores(others, own)
        best = score.argmax(axis=0)
        highest = score[best, np.arange(len(best))]
        told = (bars >= self.least_bars) & (highest >= self.least_correlation)
        lags = np.where(highest - score[REACH] >= self.margin, best - REACH, 0)
        for place in np.flatnonzero(told).tolist():
            evidence, lag = evidences[place], int(lags[place])
            seconds = lag * evidence.bar_size.delta.total_seconds()
            said = f"{symbol} and {other} move in the same minutes"
            if lag:
                order = "after" if lag > 0 else "before"
                said = f"{symbol} moves {abs(seconds):.0f} s {order} {other} (at most {self.fail:.0f} s)"
            yield self.told(evidence, of, self.verdict(abs(seconds)), abs(seconds), said)


def _returns(close: np.ndarray) -> np.ndarray:
    """Log returns from bar to bar in median returns of their column, (minutes - 1, columns); NaN where a bar misses."""
    found = np.diff(np.log(np.where(is_price(close), close, np.nan)), axis=0)
    moves = np.abs(found)
    usual = medians(np.where(moves > 0, moves, np.nan))
    return np.asarray(np.clip(found / np.where(np.isnan(usual), 1.0, usual), -LARGEST_RETURN, LARGEST_RETURN))


def _mean(returns: np.ndarray) -> np.ndarray:
    """Of the symbols (the last axis) that have one, minute by minute."""
    there = np.isfinite(returns)
    count = there.sum(axis=-1)
    total = np.where(there, returns, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scores(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of each column of the first with that of the second so many bars later, from `-REACH` to `REACH`.

    Returns:
        In standard errors, `2 * REACH + 1` rows, 0 where a series does not move; and the bars that both have.

    """
    there, known = (np.isfinite(each).astype("float64") for each in (first, second))
    own, later = np.where(there > 0, first, 0.0), np.where(known > 0, second, 0.0)
    count, own_sum, own_squares = (_lagged(each, known) for each in (there, own, own**2))
    later_sum, later_squares, products = _lagged(there, later), _lagged(there, later**2), _lagged(own, later)
    variances = (count * own_squares - own_sum**2) * (count * later_squares - later_sum**2)
    covariance = count * products - own_sum * later_sum
    moving = variances > 0
    correlation = np.where(moving, covariance, 0.0) / np.sqrt(np.where(moving, variances, 1.0))
    return correlation * np.sqrt(count), count[REACH].astype(int)


def _lagged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By lag, from `-REACH` to `REACH`, and column: the products of the first with the second so many bars later."""
    padded = np.pad(second.T, ((0, 0), (REACH, REACH)))
    return np.asarray(np.einsum("clm,cm->lc", sliding_window_view(padded, len(first), axis=1), first.T))
