"""A report as the Dagster UI shows it: metadata of the materialisation, and one check a family of rules.

Nothing here judges; what is shown is the report's.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from intraday_assets.pictures import Picture
from intraday_assets.quality_charts import missing_minutes, verdict_calendar, year_until
from intraday_assets.work import Check, SessionWork
from market.quality.rules import FAMILIES
from schemas.quality import Finding, QualityReport, Verdict, gravest_first

log = logging.getLogger("intraday.charts")

ACCEPTED = "accepted"
SHOWN_SESSIONS = 20
"""How many sessions the heat map has."""
HEAT_MAP, CALENDAR = "missing minutes", "verdict calendar"
WITH_HEAT_MAP = "completeness"
"""The family whose check shows the heat map too."""


def charts(work: SessionWork) -> dict[str, Picture]:
    """The pictures of the sessions up to this one, by name; none but where they are wanted: they take time."""
    if not work.draws_overviews:
        return {}
    try:
        return _charts(work)
    except Exception:  # a picture that cannot be drawn keeps no session out of the database
        log.exception("the charts of %s", work.session.key)
        return {}


def _charts(work: SessionWork) -> dict[str, Picture]:
    desk, day = work.desk, work.session.day
    history = desk.reports.verdicts(*year_until(day), desk.gate.environment, desk.bar_size, desk.symbols)
    until = f"until {work.session.key}"
    heat_map = missing_minutes(
        history.last(SHOWN_SESSIONS), f"Missing minutes, {SHOWN_SESSIONS} sessions {until}, New York time"
    )
    return {HEAT_MAP: heat_map, CALENDAR: verdict_calendar(history, day, f"Verdicts of the year {until}")}


def report_metadata(
    report: QualityReport, pictures: Mapping[str, Picture], persons_word: str
) -> dict[str, dg.MetadataValue[Any]]:
    """What a materialisation says of its report, and of what a person said of it."""
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "dagster/partition_row_count": dg.MetadataValue.int(1),
        "verdict": dg.MetadataValue.text(report.verdict.value),
        "action": dg.MetadataValue.text(report.action.value),
        **_shown(pictures),
        "findings": dg.MetadataValue.md(findings_markdown(report.findings)),
        "missing bars": dg.MetadataValue.json(report.missing),
    }
    if persons_word:
        metadata["accepted"] = dg.MetadataValue.text(persons_word)
    if report.not_asked:
        rows = [{"rule": rule, "why": why} for rule, why in report.not_asked.items()]
        metadata["rules not asked"] = _table(rows)
    if report.attempts:
        metadata["attempts"] = _table(
            {
                "symbol": attempt.symbol,
                "feed": attempt.feed,
                "said": attempt.said,
                "verdict of its bars alone": "" if attempt.report is None else attempt.report.verdict.value,
                "why": "" if attempt.report is None else " ".join(attempt.report.reasons()),
            }
            for attempt in report.attempts
        )
    return {**metadata, "report": dg.MetadataValue.json(report.model_dump(mode="json"))}


def checks(report: QualityReport, pictures: Mapping[str, Picture], persons_word: str) -> Iterator[Check]:
    """Whether the session is let in, and what each family of rules found; no check of a family that found nothing."""
    said = " ".join((*report.reasons(), persons_word)).strip() or "Every rule passed."
    yield Check(ACCEPTED, not report.blocked, f"{report.verdict}: {said}", warning=report.accepted is not None)
    for family in FAMILIES:
        findings = [finding for finding in report.findings if finding.family == family]
        if findings:
            seen = pictures if family == WITH_HEAT_MAP else {}
            yield _family_check(report, family, findings, {name: seen[name] for name in (HEAT_MAP,) if name in seen})


def findings_markdown(findings: Sequence[Finding]) -> str:
    """All findings, the gravest first. As Markdown the UI opens them in a window: they are too many for its list."""
    lines = ["| verdict | rule | of | measured | warn | fail | found |", "|---|---|---|---|---|---|---|"]
    for one in gravest_first(findings):
        numbers = [_number(value) for value in (one.measured, one.warn, one.fail)]
        cells = map(cell, (one.verdict, one.rule, one.symbol or "all", *numbers, one.message))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def findings_table(findings: Sequence[Finding]) -> dg.TableMetadataValue:
    """The findings of a family, the gravest first."""
    return _table(
        {
            "verdict": finding.verdict.value,
            "rule": finding.rule,
            "of": finding.symbol or "all",
            "measured": finding.measured,
            "warn": finding.warn,
            "fail": finding.fail,
            "bars at fault": len(finding.held_against),
            "found": finding.message,
        }
        for finding in gravest_first(findings)
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def cell(text: str) -> str:
    """Text that stays one cell of a Markdown table, and text."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", r"\|")


def _family_check(
    report: QualityReport, family: str, findings: Sequence[Finding], pictures: Mapping[str, Picture]
) -> Check:
    passed = all(finding.verdict is Verdict.PASS for finding in findings)
    metadata = {
        "measured": findings_table(findings),
        "bars at fault": dg.MetadataValue.int(len({(one.symbol, bar) for one in findings for bar in one.held_against})),
        **_shown(pictures),
    }
    messages = " ".join(finding.message for finding in findings)
    return Check(family, passed, messages, warning=not any(map(report.blocks, findings)), metadata=metadata)


def _shown(pictures: Mapping[str, Picture]) -> dict[str, dg.MetadataValue[Any]]:
    return {name: dg.MetadataValue.md(one.markdown) for name, one in pictures.items()}


def _table(rows: Iterable[Mapping[str, str | int | float | None]]) -> dg.TableMetadataValue:
    """A table whose rows all have the same columns; a column of numbers may have gaps."""
    records = list(rows)
    if not records:
        return dg.MetadataValue.table([], dg.TableSchema([]))
    kinds = {
        name: next((_kind(row[name]) for row in records if row[name] is not None), "string") for name in records[0]
    }
    columns = [dg.TableColumn(name, kind) for name, kind in kinds.items()]
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in records], dg.TableSchema(columns))


def _kind(value: str | float | None) -> str:
    return {str: "string", int: "int"}.get(type(value), "float")
