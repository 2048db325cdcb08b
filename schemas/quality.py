"""Records of what the quality gate found: one report, whatever shows it.

The UI, the database, the command line, the web page and `qc_report.json` all render this object. Rules live in
`market.quality`. The JSON Schema of a report is published as `docs/qc_report.schema.json`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    computed_field,
    model_validator,
)

REPORT_VERSION: Literal[2] = 2


class Verdict(StrEnum):
    """What was found, from best to worst. ERROR means that a rule could not be computed, which is not a pass."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """0 for PASS to 3 for ERROR."""
        return _RANKS[self]

    @staticmethod
    def worst(verdicts: "Iterable[Verdict]") -> "Verdict":
        """The gravest of them; PASS when there are none."""
        return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.PASS)


_RANKS = {verdict: place for place, verdict in enumerate(Verdict)}


class Action(StrEnum):
    """What the loader does with the session."""

    CONTINUE = "CONTINUE"
    WARN = "WARN"
    BLOCK = "BLOCK"


class Record(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Record):
    """Consecutive bars, as start-of-bar UTC stamps, both included."""

    first: str
    last: str
    bars: int = Field(ge=1)


class Finding(Record):
    """What one rule measured, of one symbol or of all together, against its thresholds."""

    rule: str
    family: str
    symbol: str | None = Field(default=None, description="null when the finding is about all symbols together")
    verdict: Verdict
    measured: float | None = Field(default=None, description="null when the rule could not be computed")
    warn: float | None = None
    fail: float | None = None
    message: str
    held_against: tuple[str, ...] = Field(default=(), description="bars at fault, as start-of-bar UTC stamps")
    spans: tuple[Span, ...] = Field(default=(), description="the bars at fault, consecutive ones together")
    final: bool = Field(default=False, description="whether no person can accept it, because it could not be stored")

    @property
    def acceptable(self) -> bool:
        """Whether a person can let it pass: a failure can, a rule that could not be computed cannot."""
        return self.verdict is Verdict.FAIL and not self.final


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it must be one line of text that can be printed")
    return text.strip()


Words = Annotated[str, AfterValidator(_printable)]
"""What a person says, on one line: it is shown in terminals."""


class Acceptance(Record):
    """A person's word that a session is stored although the gate would block it."""

    by: Words = Field(max_length=200)
    reason: Words = Field(max_length=2000)
    at: str = Field(description="when, UTC")
    fingerprints: dict[str, str] = Field(description="of the bars that the person accepted; it holds for no others")
    findings: tuple[str, ...] = Field(description="the sentences that were accepted, word for word; nothing else is")

    def sentence(self) -> str:
        """Who accepted, when and why."""
        return f"Accepted by {self.by} at {self.at}: {self.reason}"


class Attempt(Record):
    """What came of asking one feed for one symbol's session."""

    symbol: str
    feed: str
    said: str
    report: "QualityReport | None" = Field(default=None, description="what the gate says of its bars alone")


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those of one verdict as they stand."""
    return sorted(findings, key=lambda finding: -finding.verdict.rank)


class QualityReport(Record):
    """The gate's judgement of one session. Equal inputs give an equal report: it carries no clock of its own."""

    version: Literal[2] = REPORT_VERSION
    session: str
    environment: str
    bar_size: str
    symbols: tuple[str, ...]
    bars_in: dict[str, int] = Field(description="unmarked bars by symbol")
    missing: dict[str, int] = Field(description="exchange minutes without a bar, by symbol")
    findings: tuple[Finding, ...]
    not_asked: dict[str, str] = Field(default_factory=dict, description="by rule, why it was not asked")
    attempts: tuple[Attempt, ...] = Field(default=(), description="the feeds asked, where it was not the primary alone")
    block_on_failure: bool = Field(default=True, description="whether FAIL blocks; ERROR always does")
    accepted: Acceptance | None = Field(default=None, description="who let a blocked session pass, and why")
    fingerprints: dict[str, str] = Field(
        description="SHA-256 of the bars and of the frame that were judged, by table and symbol"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """The gravest finding's."""
        return Verdict.worst({finding.verdict for finding in self.findings})

    @computed_field  # type: ignore[prop-decorator]
    @property
    def action(self) -> Action:
        """What the loader does."""
        if self.verdict.rank < Verdict.FAIL.rank:
            return Action.CONTINUE if self.verdict is Verdict.PASS else Action.WARN
        return Action.BLOCK if any(map(self.blocks, self.findings)) else Action.WARN

    def blocks(self, finding: Finding) -> bool:
        """Whether the finding keeps the session out of the database."""
        if finding.verdict.rank < Verdict.FAIL.rank:
            return False
        if not finding.acceptable:
            return True
        covered = self.accepted is not None and finding.message in self.accepted.findings
        return self.block_on_failure and not covered

    @property
    def failed(self) -> bool:
        """Whether a finding is FAIL or ERROR, whatever follows from it."""
        return self.verdict.rank >= Verdict.FAIL.rank

    @property
    def blocked(self) -> bool:
        """Whether the session must not be stored."""
        return self.action is Action.BLOCK

    @property
    def problems(self) -> list[Finding]:
        """The findings that did not pass, gravest first."""
        return gravest_first(finding for finding in self.findings if finding.verdict is not Verdict.PASS)

    def reasons(self) -> list[str]:
        """The sentences of everything that did not pass, gravest first."""
        return [finding.message for finding in self.problems]

    def why_blocked(self) -> str:
        """What is said of a session that must not be stored."""
        return f"The gate blocks it. {' '.join(self.reasons())}"

    @model_validator(mode="wrap")
    @classmethod
    def _says_what_follows(cls, data: Any, handler: ModelWrapValidatorHandler["QualityReport"]) -> "QualityReport":
        """Read reports of version 1 too; refuse one whose verdict or action is not what its findings amount to."""
        if not isinstance(data, dict):
            return handler(data)
        given = {name: value for name, value in data.items() if name not in ("verdict", "action")}
        if given.get("version") == 1:
            given["version"] = REPORT_VERSION
        report = handler(given)
        for name in ("verdict", "action"):
            if name in data and data[name] != (follows := getattr(report, name)):
                raise ValueError(f"its {name} is {data[name]}, its findings amount to {follows}")
        return report


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report as it is written; published as `docs/qc_report.schema.json`."""
    described = QualityReport.model_json_schema(mode="serialization")
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Quality report, version {REPORT_VERSION}",
    }
    return about | described
