"""Are the bars there? Missing minutes of a symbol, how many in a row, and minutes that the symbols do not share."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from pydantic import Field

from market.quality.rule import AtLeast, AtMost, PairRule, SymbolRule, Told, above, spans
from market.quality.stack import Stack


class MissingRatio(SymbolRule, AtMost):
    """Share of the exchange's minutes without a bar."""

    name: ClassVar[str] = "missing_ratio"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "Does every exchange minute have a bar?"

    warn: float = Field(default=0.005, ge=0, le=1)
    fail: float = Field(default=0.01, ge=0, le=1)
    fallback_quality_threshold: float = Field(
        default=0.10, ge=0, le=1, description="in place of `fail` where the bars are the fallback feed's"
    )

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the minutes."""
        for evidence, symbol in stack.columns:
            missing = evidence.missing_minutes(symbol)
            ratio = len(missing) / len(evidence.expected)
            fallback = evidence.from_fallback(symbol)
            fail = self.fallback_quality_threshold if fallback else self.fail
            verdict = above(ratio, min(self.warn, fail), fail)
            of_what = "bars of the fallback feed" if fallback else "bars"
            share = f"{len(missing)} of {len(evidence.expected)} {of_what} ({ratio:.1%}, at most {fail:.1%})"
            yield self.told(
                evidence, symbol, verdict, ratio, f"{symbol} misses {share}", fail=fail, held_against=missing
            )


class LongestGap(SymbolRule, AtMost):
    """Seconds of the longest stretch of exchange minutes without a bar."""

    name: ClassVar[str] = "longest_gap"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "How long is the longest stretch without a bar?"

    warn: float = Field(default=180, ge=0, description="seconds")
    fail: float = Field(default=300, ge=0, description="seconds")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the minutes of that stretch."""
        for evidence, symbol in stack.columns:
            missing = evidence.missing_minutes(symbol)
            gap = max(spans(missing, evidence.bar_size.delta), key=lambda span: span.bars, default=None)
            seconds = 0.0 if gap is None else gap.bars * evidence.bar_size.delta.total_seconds()
            within = missing[:0] if gap is None else missing[missing.slice_indexer(gap.first, gap.last)]
            said = f"The longest gap of {symbol} lasts {seconds:.0f} s (at most {self.fail:.0f} s)"
            yield self.told(evidence, symbol, self.verdict(seconds), seconds, said, held_against=within)


class TimestampOverlap(PairRule, AtLeast):
    """Share of the minutes with any bar that have one of every symbol: a pair is only as good as its shared minutes."""

    name: ClassVar[str] = "timestamp_overlap"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "Do the symbols have bars in the same minutes?"

    warn: float = Field(default=0.8, ge=0, le=1)
    fail: float = Field(default=0.8, ge=0, le=1, description="the least overlap that passes")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a session, for all symbols together."""
        present = stack.by_session(stack.bars.present)
        together = np.count_nonzero(present.all(axis=2), axis=0).tolist()
        any_of = np.count_nonzero(present.any(axis=2), axis=0).tolist()
        pair = " and ".join(stack.symbols)
        for evidence, shared, minutes in zip(stack.evidences, together, any_of, strict=True):
            overlap = shared / minutes if minutes else 0.0
            said = f"{pair} share {shared} of {minutes} minutes ({overlap:.1%}, at least {self.fail:.0%})"
            yield self.told(evidence, None, self.verdict(overlap), overlap, said)
