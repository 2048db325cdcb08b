"""eod_summaries: a session in a row per symbol, from the rows that are stored. A blocked session has one too."""

from collections.abc import Hashable, Iterator

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


def make(work: SessionWork) -> Iterator[Made]:
    """Summarise what is stored."""
    table = work.desk.reports.summarise(work.session, work.desk.bar_size, work.report)
    metadata = {
        "dagster/partition_row_count": len(table),
        "summary": dg.MetadataValue.md(_markdown(table.to_dict("records"))),
    }
    yield Made("eod_summaries", metadata, (CONTRACT_HOLDS,))


def _markdown(rows: list[dict[Hashable, object]]) -> str:
    names = [str(name) for name in rows[0] if name != "session"]
    lines = [" | ".join(str(row[name]) for name in names) for row in rows]
    return "\n".join([f"| {' | '.join(names)} |", "|" + "---|" * len(names), *[f"| {line} |" for line in lines]])
