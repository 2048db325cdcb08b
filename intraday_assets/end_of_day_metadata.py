"""How a day ended, as the Dagster UI shows it: metadata of the materialisation, and one check. Nothing here judges."""

from typing import Any

import dagster as dg

from intraday_assets.report_metadata import cell
from intraday_assets.work import Check
from market.telling import measured_of
from schemas.end_of_day import EodCheck, EodReport

HEADING = "| verdict | check | of | measured | good | found |\n|---|---|---|---|---|---|"


def end_of_day_metadata(report: EodReport) -> dict[str, dg.MetadataValue[Any]]:
    """What a materialisation says of the day."""
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "verdict": dg.MetadataValue.text(report.verdict.value),
        "checks": dg.MetadataValue.md("\n".join([HEADING, *map(_row, report.checks)])),
    }
    if report.problems:
        advice = [f"- {cell(one.said)} **{cell(one.recommendation)}**" for one in report.problems]
        metadata["recommendations"] = dg.MetadataValue.md("\n".join(advice))
    return {**metadata, "end of day": dg.MetadataValue.json(report.model_dump(mode="json"))}


def end_of_day_check(report: EodReport) -> Check:
    """Whether the day ended well; it keeps nothing from being stored."""
    said = " ".join(one.said for one in report.problems) or "Nothing that was looked at needs a person."
    return Check("end_of_day", report.good, f"{report.verdict}: {said}", warning=True)


def _row(check: EodCheck) -> str:
    verdict = check.verdict or "not looked at"
    return f"| {' | '.join(map(cell, (verdict, check.name, check.of or '', *measured_of(check), check.said)))} |"
