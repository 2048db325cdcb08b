"""Are the bars there? Missing minutes of a symbol, and minutes that the symbols do not share."""

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field, model_validator

from market.quality.evidence import Evidence
from market.quality.rule import Rule, SymbolRule, above, at_times
from schemas.quality import Finding, Verdict


class MissingRatio(SymbolRule):
    """Share of the exchange's minutes without a bar."""

    name: ClassVar[str] = "missing_ratio"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "Does every exchange minute have a bar?"

    warn: float = Field(default=0.005, ge=0, le=1)
    fail: float = Field(default=0.01, ge=0, le=1)
    fallback_quality_threshold: float = Field(
        default=0.10, ge=0, le=1, description="in place of `fail` where the bars are the fallback feed's"
    )

    @model_validator(mode="after")
    def _warn_before_failing(self) -> Self:
        if self.warn > self.fail:
            raise ValueError(f"warn ({self.warn}) must not lie above fail ({self.fail})")
        return self

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the minutes."""
        missing = evidence.missing_minutes(symbol)
        ratio = len(missing) / len(evidence.expected)
        fallback = evidence.from_fallback(symbol)
        fail = self.fallback_quality_threshold if fallback else self.fail
        verdict = above(ratio, min(self.warn, fail), fail)
        of_what = "bars of the fallback feed" if fallback else "bars"
        share = f"{len(missing)} of {len(evidence.expected)} {of_what} ({ratio:.1%}, at most {fail:.1%})"
        message = f"{symbol} misses {share}{at_times(missing)}"
        yield self.finding(symbol, verdict, ratio, message, warn=self.warn, fail=fail, held_against=missing)


class TimestampOverlap(Rule):
    """Share of the minutes with any bar that have one of every symbol: a pair is only as good as its shared minutes."""

    name: ClassVar[str] = "timestamp_overlap"
    family: ClassVar[str] = "completeness"
    question: ClassVar[str] = "Do the symbols have bars in the same minutes?"

    fail: float = Field(default=0.8, ge=0, le=1, description="the least overlap that passes")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """One finding for all symbols together."""
        minutes = [set(evidence.minutes_with_bar(symbol)) for symbol in evidence.symbols]
        together, any_of = set.intersection(*minutes), set.union(*minutes)
        overlap = len(together) / len(any_of) if any_of else 0.0
        verdict = Verdict.PASS if overlap >= self.fail else Verdict.FAIL
        names = " and ".join(evidence.symbols)
        message = f"{names} share {len(together)} of {len(any_of)} minutes ({overlap:.1%}, at least {self.fail:.0%})."
        return [self.finding(None, verdict, overlap, message, fail=self.fail)]
