"""Where do the bars come from? Bars that nobody traded must not be taken for real ones."""

from collections.abc import Iterable
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

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which counts them."""
        bars = evidence.kept(symbol)
        found = bars.loc[bars["source"] == SYNTHETIC, "timestamp"]
        of_any = Verdict.WARN if self.allowed else Verdict.FAIL
        verdict = of_any if len(found) else Verdict.PASS
        message = f"{len(found)} of {len(bars)} {symbol} bars are synthetic."
        yield self.finding(symbol, verdict, float(len(found)), message, fail=0.0, held_against=found)
