"""quality_reports: the gate's judgement of a session, also of one whose bars could not be had in the same run."""

from collections.abc import Iterator, Sequence

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import REPORT_ORIGINS, REPORT_SCHEMA, lineage
from intraday_assets.report_metadata import ACCEPTED, charts, checks, report_metadata
from intraday_assets.work import Made, SessionWork
from market.normalise import empty_bars
from market.quality.gate import Policy, bars_of, failed_before_the_gate
from market.quality.rules import FAMILIES, RULES
from schemas.errors import sentence_of
from schemas.quality import Acceptance, QualityReport

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


def judge(work: SessionWork, selected: frozenset[str]) -> tuple[()]:
    """Judge the session, or report what kept it from being judged, and let the next sessions know.

    There is nothing to show yet: a judgement counts when it is kept.
    """
    desk = work.desk
    if not work.problems:
        work.report = work.judge()
    else:
        evidence = desk.evidence(work.session, empty_bars())
        failed = [failed_before_the_gate(assets[0], sentence_of(error)) for assets, error in work.problems.items()]
        work.report = desk.gate.report(evidence, failed)
    work.judged(to_be_stored="market_data" in selected)
    return ()


def make(works: Sequence[SessionWork]) -> Iterator[Made]:
    """Keep the judgements, in one transaction."""
    desk = works[0].desk
    paths = [desk.shelf.keep_report(work.session, work.report) for work in works]
    desk.reports.keep_reports([work.report for work in works])
    for work, path in zip(works, paths, strict=True):
        report, pictures = work.report, charts(work)
        said = persons_word(report, work.word, desk.gate.policy) if report.blocked or report.accepted else ""
        metadata = {**report_metadata(report, pictures, said), "path": dg.MetadataValue.path(path)}
        yield Made("quality_reports", work.session, metadata, tuple(checks(report, pictures, said)))


def persons_word(report: QualityReport, word: Acceptance | None, policy: Policy) -> str:
    """What a person's acceptance of the session came to, in a sentence; empty where it matters nothing."""
    if report.accepted is not None:
        return report.accepted.sentence()
    if word is None or not report.blocked:
        return ""
    given = f"An acceptance of {word.at} by {word.by}"
    if not policy.acceptance:
        return f"{given} does not count: {report.environment} lets nobody accept."
    if word.fingerprints != bars_of(report):
        return f"{given} was for other bars."
    if all(finding.acceptable for finding in report.findings if report.blocks(finding)):
        return f"{given} was for other findings."
    return f"{given} does not count: no person can let pass what blocks it."
