"""What a rule is: its thresholds, checked as configuration, and one function that measures.

To add a rule: write a subclass in `market/quality/rules/`, name it in `market.quality.rules.RULES`, and give it
a line in `config/data_quality.yaml` where its defaults do not serve.
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
    """One question asked of a session. Fields are its thresholds; a value on or under a threshold passes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    family: ClassVar[str]
    question: ClassVar[str]

    @abstractmethod
    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """Judge one symbol. Rules about the pair override `judge` instead."""

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Judge every symbol."""
        return [finding for symbol in evidence.symbols for finding in self.measure(evidence, symbol)]

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


def above(measured: float, warn: float, fail: float) -> Verdict:
    """FAIL above `fail`, WARN above `warn`, otherwise PASS."""
    if measured > fail:
        return Verdict.FAIL
    return Verdict.WARN if measured > warn else Verdict.PASS


def local_times(stamps: Sequence[pd.Timestamp] | pd.DatetimeIndex) -> str:
    """The first few stamps as New York clock times, for a message: `10:00, 10:01, 10:02 and 42 more`."""
    shown = ", ".join(f"{stamp.tz_convert(NEW_YORK):%H:%M}" for stamp in stamps[:SHOWN_STAMPS])
    more = len(stamps) - SHOWN_STAMPS
    return f"{shown} and {more} more" if more > 0 else shown
