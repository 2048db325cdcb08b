"""quality_reports: the gate's judgement of a session, also of one whose bars could not be had in the same run."""

from collections.abc import Iterator

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import REPORT_ORIGINS, REPORT_SCHEMA, lineage
from intraday_assets.work import Check, Made, SessionWork, sentence_of
from market.normalise import empty_bars
from market.quality.evidence import Evidence
from market.quality.gate import failed_before_the_gate
from market.quality.rules import FAMILIES, RULES
from schemas.quality import QualityReport, Verdict

SPEC = dg.AssetSpec(
    "quality_reports",
    deps=["bars", "frames"],
    description="What every rule of the gate measured, its thresholds, and the verdict: PASS and WARN let the session "
    "into the database, FAIL and ERROR block it. Bound to the fingerprints of the tables that it judged.",
    group_name="session",
    kinds={"python", "json"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": REPORT_SCHEMA,
        "dagster/column_lineage": lineage(REPORT_ORIGINS),
        "dagster/table_name": "public.data_quality_reports",
    },
    skippable=True,
)
ACCEPTED = "accepted"
CHECKS = [
    dg.AssetCheckSpec(ACCEPTED, asset=SPEC.key, blocking=True, description="The verdict lets the session be stored."),
    *[
        dg.AssetCheckSpec(
            family,
            asset=SPEC.key,
            blocking=True,
            description=" ".join(rule.question for rule in RULES if rule.family == family),
        )
        for family in FAMILIES
    ],
]


def make(work: SessionWork) -> Iterator[Made]:
    """Judge the session, or report what kept it from being judged."""
    desk = work.desk
    if not work.problems:
        evidence = Evidence(work.session, desk.bar_size, desk.symbols, work.bars, work.frame)
        report = desk.gate.judge(evidence)
    else:
        evidence = Evidence(work.session, desk.bar_size, desk.symbols, empty_bars())
        failed = [failed_before_the_gate(assets[0], sentence_of(error)) for assets, error in work.problems.items()]
        report = desk.gate.report(evidence, failed)
    work.report = report
    path = desk.landing.write_text("quality_reports", desk.shelf, work.session.key, report.model_dump_json(indent=2))
    desk.reports.keep_report(report)
    yield Made("quality_reports", {**_metadata(report), "path": dg.MetadataValue.path(path)}, tuple(_checks(report)))


def _metadata(report: QualityReport) -> dict[str, dg.MetadataValue]:
    rows = [f"| {f.verdict} | {f.rule} | {f.symbol or 'pair'} | {f.message} |" for f in report.findings]
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(1),
        "verdict": dg.MetadataValue.text(report.verdict.value),
        "action": dg.MetadataValue.text(report.action.value),
        "findings": dg.MetadataValue.md("\n".join(["| verdict | rule | of | found |", "|---|---|---|---|", *rows])),
        "missing bars": dg.MetadataValue.json(report.missing),
        "report": dg.MetadataValue.json(report.model_dump(mode="json")),
    }


def _checks(report: QualityReport) -> Iterator[Check]:
    said = " ".join(report.reasons()) or "Every rule passed."
    yield Check(ACCEPTED, not report.blocked, f"{report.verdict}: {said}")
    for family in FAMILIES:
        findings = [finding for finding in report.findings if finding.family == family]
        worst = Verdict.worst([finding.verdict for finding in findings])
        if findings:
            messages = " ".join(finding.message for finding in findings)
            yield Check(family, worst is Verdict.PASS, messages, warning=worst is Verdict.WARN)
