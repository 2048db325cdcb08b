"""bars: what the feed gave for a session, in start-of-bar UTC, odd rows marked."""

from collections.abc import Iterator

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import BARS_SCHEMA
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork

SPEC = dg.AssetSpec(
    "bars",
    description="One session's bars of every symbol as the feed gave them: UTC, start of bar, nothing dropped but "
    "extended hours. Duplicates, off-grid stamps and bars outside the session are kept and marked.",
    group_name="session",
    kinds={"python", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": BARS_SCHEMA},
    skippable=True,
)
CONTRACT = dg.AssetCheckSpec("contract", asset=SPEC.key, description="The table satisfies schemas.tables.Bars.")


def make(work: SessionWork) -> Iterator[Made]:
    """Ask the feed and land the session."""
    work.bars, seen = work.desk.fetched_bars(work.session)
    path = work.desk.landing.write_table("bars", work.desk.shelf, work.session.key, work.bars)
    marked = work.bars.loc[work.bars["mark"] != "", "mark"].value_counts()
    metadata = {
        "dagster/partition_row_count": len(work.bars),
        "feed": dg.MetadataValue.json(seen),
        "marked": dg.MetadataValue.json({str(mark): int(count) for mark, count in marked.items()}),
        "path": dg.MetadataValue.path(path),
    }
    yield Made("bars", metadata, (CONTRACT_HOLDS,))
