"""eod_summaries: a session in a row per symbol, from the rows that are stored, and how its day ended.

A blocked session has both too.
"""

from collections.abc import Hashable, Iterator, Sequence

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import EOD_ORIGINS, EOD_SCHEMA, lineage
from intraday_assets.end_of_day_metadata import end_of_day_check, end_of_day_metadata
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork

SPEC = dg.AssetSpec(
    "eod_summaries",
    deps=["market_data", "dual_ticker_bars", "quality_reports"],
    description="The end of the day: per symbol, bars expected, stored and missing, open, high, low, close, volume and "
    "VWAP of what is stored, and the gate's verdict; and a report of how the day ended.",
    group_name="session",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": EOD_SCHEMA,
        "dagster/column_lineage": lineage(EOD_ORIGINS),
        "dagster/table_name": "public.eod_summaries",
    },
    skippable=True,
)
CONTRACT = dg.AssetCheckSpec("contract", asset=SPEC.key, description="The table satisfies schemas.tables.EodSummary.")

END_OF_DAY = dg.AssetCheckSpec(
    "end_of_day",
    asset=SPEC.key,
    description="The day ended well: bars complete and fresh, sessions let pass, few errors; and of the latest session "
    "room on the disks, landed files as they were landed, backups, and positions that are the broker's.",
)


def make(works: Sequence[SessionWork]) -> Iterator[Made]:
    """Summarise what is stored of the sessions, in one transaction, and look at how their days ended."""
    desk = works[0].desk
    table = desk.reports.summarise_all([(work.session, work.report) for work in works], desk.bar_size)
    records = table.to_dict("records")
    ends = desk.ends.reports([work.session for work in works])
    desk.ends.keep(ends)
    for work, report in zip(works, ends, strict=True):
        rows = [row for row in records if row["session"] == work.session.key]
        metadata = {
            "dagster/partition_row_count": len(rows),
            "summary": dg.MetadataValue.md(_markdown(rows)),
            **end_of_day_metadata(report),
        }
        yield Made("eod_summaries", work.session, metadata, (CONTRACT_HOLDS, end_of_day_check(report)))


def _markdown(rows: list[dict[Hashable, object]]) -> str:
    names = [str(name) for name in rows[0] if name != "session"]
    lines = [" | ".join(str(row[name]) for name in names) for row in rows]
    return "\n".join([f"| {' | '.join(names)} |", "|" + "---|" * len(names), *[f"| {line} |" for line in lines]])
