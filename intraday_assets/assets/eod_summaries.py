"""eod_summaries: a session in a row per symbol, from the rows that are stored. A blocked session has one too."""

from collections.abc import Hashable, Iterator, Sequence

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import EOD_ORIGINS, EOD_SCHEMA, lineage
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork

SPEC = dg.AssetSpec(
    "eod_summaries",
    deps=["market_data", "dual_ticker_bars", "quality_reports"],
    description="The end of the day: per symbol, bars expected, stored and missing, open, high, low, close, volume and "
    "VWAP of what is stored, and the gate's verdict.",
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


def make(works: Sequence[SessionWork]) -> Iterator[Made]:
    """Summarise what is stored of the sessions, in one transaction."""
    desk = works[0].desk
    table = desk.reports.summarise_all([(work.session, work.report) for work in works], desk.bar_size)
    records = table.to_dict("records")
    for work in works:
        rows = [row for row in records if row["session"] == work.session.key]
        metadata = {
            "dagster/partition_row_count": len(rows),
            "summary": dg.MetadataValue.md(_markdown(rows)),
        }
        yield Made("eod_summaries", work.session, metadata, (CONTRACT_HOLDS,))


def _markdown(rows: list[dict[Hashable, object]]) -> str:
    names = [str(name) for name in rows[0] if name != "session"]
    lines = [" | ".join(str(row[name]) for name in names) for row in rows]
    return "\n".join([f"| {' | '.join(names)} |", "|" + "---|" * len(names), *[f"| {line} |" for line in lines]])
