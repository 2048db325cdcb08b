"""What a rule is: its thresholds, checked as configuration, and one function that measures.

To add a rule: write a subclass of `SymbolRule`, or of `Rule` where it is about the pair, in `market/quality/rules/`,
name it in `market.quality.rules.RULES`, and give it a line in `config/data_quality.yaml`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict

from market.quality.evidence import Evidence
from market.sessions import NEW_YORK
from schemas.quality import Finding, Verdict

SHOWN_STAMPS = 3


class Rule(BaseModel, ABC):
    """One question asked of a session. Its fields are its thresholds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    family: ClassVar[str]
    question: ClassVar[str]

    @abstractmethod
    def judge(self, evidence: Evidence) -> list[Finding]:
        """What the rule finds of the session."""

    def finding(
        self,
        symbol: str | None,
        verdict: Verdict,
        measured: float | None,
        message: str,
        *,
        warn: float | None = None,
        fail: float | None = None,
        held_against: Iterable[pd.Timestamp] = (),
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            rule=self.name,
            family=self.family,
            symbol=symbol,
            verdict=verdict,
            measured=measured,
            warn=warn,
            fail=fail,
            message=message,
            held_against=tuple(stamp.isoformat() for stamp in held_against),
        )


class SymbolRule(Rule):
    """A rule that asks of each symbol by itself."""

    @abstractmethod
    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """What the rule finds of one symbol."""

    def judge(self, evidence: Evidence) -> list[Finding]:
        """What the rule finds of every symbol."""
        return [finding for symbol in evidence.symbols for finding in self.measure(evidence, symbol)]


def above(measured: float, warn: float, fail: float) -> Verdict:
    """FAIL above `fail`, WARN above `warn`, otherwise PASS."""
    if measured > fail:
        return Verdict.FAIL
    return Verdict.WARN if measured > warn else Verdict.PASS


def at_times(stamps: Sequence[pd.Timestamp] | pd.DatetimeIndex) -> str:
    """The end of a message, with the first few stamps in New York time: `: 10:00, 10:01, 10:02 and 42 more.`"""
    if not len(stamps):
        return "."
    shown = ", ".join(f"{stamp.tz_convert(NEW_YORK):%H:%M}" for stamp in stamps[:SHOWN_STAMPS])
    more = len(stamps) - SHOWN_STAMPS
    return f": {shown} and {more} more." if more > 0 else f": {shown}."
