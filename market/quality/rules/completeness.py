"""Are the bars there? Missing minutes of a symbol, how many in a row, and minutes that the symbols do not share."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.rule import AtLeast, AtMost, PairRule, SymbolRule, above, spans
from schemas.quality import Finding


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the minutes."""
        for symbol in symbols:
            missing = evidence.missing_minutes(symbol)
            ratio = len(missing) / len(evidence.expected)
            fallback = evidence.from_fallback(symbol)
            fail = self.fallback_quality_threshold if fallback else self.fail
            verdict = above(ratio, min(self.warn, fail), fail)
            of_what = "bars of the fallback feed" if fallback else "bars"
            share = f"{len(missing)} of {len(evidence.expected)} {of_what} ({ratio:.1%}, at most {fail:.1%})"
            yield self.finding(
                evidence, symbol, verdict, ratio, f"{symbol} misses {share}", fail=fail, held_against=missing
            )


class LongestGap(SymbolRule, AtMost):
    """Seconds of the longest stretch of exchange minutes without a bar."""

    name: ClassVar[str] = "longest_gap"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "How long is the longest stretch without a bar?"

    warn: float = Field(default=180, ge=0, description="seconds")
    fail: float = Field(default=300, ge=0, description="seconds")

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the minutes of that stretch."""
        for symbol in symbols:
            missing = evidence.missing_minutes(symbol)
            gap = max(spans(missing, evidence.bar_size.delta), key=lambda span: span.bars, default=None)
            seconds = 0.0 if gap is None else gap.bars * evidence.bar_size.delta.total_seconds()
            within = missing[:0] if gap is None else missing[missing.slice_indexer(gap.first, gap.last)]
            said = f"The longest gap of {symbol} lasts {seconds:.0f} s (at most {self.fail:.0f} s)"
            yield self.finding(evidence, symbol, self.verdict(seconds), seconds, said, held_against=within)


class TimestampOverlap(PairRule, AtLeast):
    """Share of the minutes with any bar that have one of every symbol: a pair is only as good as its shared minutes."""

    name: ClassVar[str] = "timestamp_overlap"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "Do the symbols have bars in the same minutes?"

    warn: float = Field(default=0.8, ge=0, le=1)
    fail: float = Field(default=0.8, ge=0, le=1, description="the least overlap that passes")

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding for all symbols together."""
        present = evidence.grid.present
        together, any_of = int(present.all(axis=1).sum()), int(present.any(axis=1).sum())
        overlap = together / any_of if any_of else 0.0
        said = f"{' and '.join(symbols)} share {together} of {any_of} minutes ({overlap:.1%}, at least {self.fail:.0%})"
        yield self.finding(evidence, None, self.verdict(overlap), overlap, said)
