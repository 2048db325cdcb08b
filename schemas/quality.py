"""Records of what the quality gate found: one report, whatever shows it.

The UI, the database, the command line and the JSON file all render this object. Rules live in `market.quality`.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

REPORT_VERSION: Literal[1] = 1


class Verdict(StrEnum):
    """What was found, from best to worst. ERROR means that a rule could not be computed, which is not a pass."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """0 for PASS to 3 for ERROR."""
        return list(Verdict).index(self)

    @property
    def action(self) -> "Action":
        """What follows from it."""
        return {Verdict.PASS: Action.CONTINUE, Verdict.WARN: Action.WARN}.get(self, Action.BLOCK)

    @staticmethod
    def worst(verdicts: "list[Verdict]") -> "Verdict":
        """The gravest of them; PASS when there are none."""
        return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.PASS)


class Action(StrEnum):
    """What the loader does with the session."""

    CONTINUE = "CONTINUE"
    WARN = "WARN"
    BLOCK = "BLOCK"


class Finding(BaseModel):
    """What one rule measured, of one symbol or of the pair, against its thresholds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    family: str
    symbol: str | None = Field(default=None, description="null when the finding is about the pair")
    verdict: Verdict
    measured: float | None = Field(default=None, description="null when the rule could not be computed")
    warn: float | None = None
    fail: float | None = None
    message: str
    held_against: tuple[str, ...] = Field(default=(), description="bars at fault, as start-of-bar UTC stamps")


class QualityReport(BaseModel):
    """The gate's judgement of one session. Equal inputs give an equal report: it carries no clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = REPORT_VERSION
    session: str
    environment: str
    bar_size: str
    symbols: tuple[str, ...]
    bars_in: dict[str, int] = Field(description="unmarked bars by symbol")
    missing: dict[str, int] = Field(description="exchange minutes without a bar, by symbol")
    findings: tuple[Finding, ...]
    fingerprints: dict[str, str] = Field(description="SHA-256 of the bars and of the frame that were judged")

    @property
    def verdict(self) -> Verdict:
        """The gravest finding's."""
        return Verdict.worst([finding.verdict for finding in self.findings])

    @property
    def action(self) -> Action:
        """What the loader does."""
        return self.verdict.action

    @property
    def blocked(self) -> bool:
        """Whether the session must not be stored."""
        return self.action is Action.BLOCK

    def reasons(self) -> list[str]:
        """The sentences of everything that did not pass, gravest first."""
        bad = [finding for finding in self.findings if finding.verdict is not Verdict.PASS]
        return [finding.message for finding in sorted(bad, key=lambda finding: -finding.verdict.rank)]
