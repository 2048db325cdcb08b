"""Records of how a session's day ended: one report, whatever shows it.

The UI, the database, the command line and the web page all render this object. What it says is judged in
`market.end_of_day`. The JSON Schema of a report is published as `docs/eod_summary.schema.json`.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    computed_field,
    model_validator,
)

from schemas.quality import Record, Span, Verdict

EOD_VERSION: Literal[1] = 1


class CheckName(StrEnum):
    """What is looked at when a day ends, in the order in which it is told."""

    COMPLETENESS = "completeness"
    GATE_HISTORY = "gate_history"
    FRESHNESS = "freshness"
    DISK = "disk"
    ERRORS = "errors"
    FILE_INTEGRITY = "file_integrity"
    BACKUPS = "backups"
    RECONCILIATION = "reconciliation"


class Unit(StrEnum):
    """Of a value and of its threshold."""

    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    ERRORS = "errors"
    FILES = "files"
    HOURS = "hours"
    SHARES = "shares"


class Bound(StrEnum):
    """On which side of its threshold a value is good."""

    AT_LEAST = "at least"
    BELOW = "below"
    AT_MOST = "at most"

    def holds(self, value: float, threshold: float) -> bool:
        """Whether the value is good."""
        if self is Bound.AT_LEAST:
            return value >= threshold
        return value < threshold if self is Bound.BELOW else value <= threshold


def _a_date(day: str) -> str:
    date.fromisoformat(day)
    return day


Day = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"}),
    AfterValidator(_a_date),
]
"""A New York date, `YYYY-MM-DD`."""
WRITTEN_WHOLE: Final = ConfigDict(json_schema_serialization_defaults_required=True)
"""A report is written with every key: the schema promises them to whoever reads it."""
SAYS_WHAT_TO_DO: Final[dict[str, JsonValue]] = {
    "if": {"properties": {"verdict": {"enum": [Verdict.WARN, Verdict.FAIL, Verdict.ERROR]}}},
    "then": {"properties": {"recommendation": {"minLength": 1}}},
}
"""In JSON Schema what `EodCheck` holds a check to."""


class EodCheck(Record):
    """One thing that was looked at, or why it was not."""

    model_config = WRITTEN_WHOLE | ConfigDict(json_schema_extra=SAYS_WHAT_TO_DO)

    name: CheckName
    of: str | None = Field(default=None, description="the symbol, folder or account; null when it is about the whole")
    verdict: Verdict | None = Field(
        description="ERROR: it was to be looked at and could not be; null: it was not to be looked at"
    )
    value: float | None = Field(default=None, description="null when there is nothing to measure")
    unit: Unit
    bound: Bound
    threshold: float
    missing: tuple[Span, ...] = Field(default=(), description="of completeness: the session's bars that are not stored")
    said: str = Field(min_length=1, description="what was seen, in a sentence")
    recommendation: str = Field(default="", description="what a person does about it; empty for nothing")

    @property
    def good(self) -> bool | None:
        """Whether nobody has to be woken for it; None: it was not looked at, and was not to be."""
        return None if self.verdict is None else self.verdict in (Verdict.PASS, Verdict.WARN)

    @model_validator(mode="after")
    def _says_what_to_do(self) -> Self:
        if self.verdict not in (None, Verdict.PASS) and not self.recommendation:
            raise ValueError(f"{self.name} is {self.verdict} and recommends nothing")
        return self


class EodReport(Record):
    """How a session's day ended."""

    model_config = WRITTEN_WHOLE

    version: Literal[1] = EOD_VERSION
    session: Day = Field(description="New York date")
    environment: str
    bar_size: Literal["1min", "5min"]
    symbols: tuple[str, ...] = Field(min_length=1)
    made_at: AwareDatetime = Field(description="when it was looked at, UTC")
    checks: tuple[EodCheck, ...] = Field(min_length=1)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """The gravest check's; what was not to be looked at has none."""
        return Verdict.worst(check.verdict for check in self.checks if check.verdict is not None)

    @property
    def good(self) -> bool:
        """Whether nobody has to be woken: it is PASS or WARN."""
        return self.verdict in (Verdict.PASS, Verdict.WARN)

    @property
    def problems(self) -> list[EodCheck]:
        """The checks with something to do about them, gravest first."""
        found = [check for check in self.checks if check.verdict not in (None, Verdict.PASS)]
        return sorted(found, key=lambda check: -check.verdict.rank if check.verdict else 0)

    def good_by_check(self) -> dict[str, bool]:
        """By name whether all that was looked at of it is good; one of which nothing was looked at is not there."""
        found: dict[str, bool] = {}
        for check in self.checks:
            if check.good is not None:
                found[check.name.value] = found.get(check.name.value, True) and check.good
        return found

    @model_validator(mode="wrap")
    @classmethod
    def _says_what_follows(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse a report whose verdict is not what its checks amount to."""
        if not isinstance(data, dict):
            return handler(data)
        report = handler({name: value for name, value in data.items() if name != "verdict"})
        if "verdict" in data and data["verdict"] != report.verdict:
            raise ValueError(f"its verdict is {data['verdict']}, its checks amount to {report.verdict}")
        return report


def eod_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report as it is written; published as `docs/eod_summary.schema.json`."""
    described = EodReport.model_json_schema(mode="serialization")
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return draft | described | {"title": f"End of day, version {EOD_VERSION}"}
