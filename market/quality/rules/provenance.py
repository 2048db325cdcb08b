"""Where do the bars come from? Bars that nobody traded must not be taken for real ones."""

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from market.quality.rule import SymbolRule, Told
from market.quality.stack import Stack
from schemas.quality import Verdict
from schemas.tables import SYNTHETIC


class SyntheticBars(SymbolRule):
    """Bars whose source is `synthetic`."""

    name: ClassVar[str] = "synthetic_bars"
    family: ClassVar[str] = "provenance"
    question: ClassVar[str] = "Was every bar traded?"

    allowed: bool = Field(default=False, description="WARN instead of FAIL; never in prod")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which counts them."""
        for evidence, symbol in stack.columns:
            bars = evidence.counted(symbol, "source")
            made_up = bars.get(SYNTHETIC, 0)
            of_any = Verdict.WARN if self.allowed else Verdict.FAIL
            verdict = of_any if made_up else Verdict.PASS
            said = f"{made_up} of {sum(bars.values())} {symbol} bars are synthetic"
            yield self.told(evidence, symbol, verdict, made_up, said, fail=0.0)
