"""Where do the bars come from? Bars that nobody traded must not be taken for real ones."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.rule import SymbolRule
from schemas.quality import Finding, Verdict
from schemas.tables import SYNTHETIC


class SyntheticBars(SymbolRule):
    """Bars whose source is `synthetic`."""

    name: ClassVar[str] = "synthetic_bars"
    family: ClassVar[str] = "provenance"
    question: ClassVar[str] = "Was every bar traded?"

    allowed: bool = Field(default=False, description="WARN instead of FAIL; never in prod")

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which counts them."""
        for symbol in symbols:
            bars = evidence.counted(symbol, "source")
            made_up = bars.get(SYNTHETIC, 0)
            of_any = Verdict.WARN if self.allowed else Verdict.FAIL
            verdict = of_any if made_up else Verdict.PASS
            said = f"{made_up} of {sum(bars.values())} {symbol} bars are synthetic"
            yield self.finding(evidence, symbol, verdict, made_up, said, fail=0.0)
