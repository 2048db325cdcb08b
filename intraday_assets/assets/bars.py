"""bars: what the feeds gave for a session, in start-of-bar UTC, odd rows marked."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import pandas as pd

from intraday_assets.assets import OWNERS
from intraday_assets.columns import BARS_SCHEMA
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork, seen
from schemas.tables import KEPT, PRIMARY

SPEC = dg.AssetSpec(
    "bars",
    description="One session's bars of every symbol as the feeds gave them: UTC, start of bar, nothing dropped. "
    "Extended hours, duplicates, off-grid stamps and minutes without a value are kept and marked. Each bar says from "
    "which feed it is, and why when that is not the primary one.",
    group_name="session",
    kinds={"python", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": BARS_SCHEMA},
    skippable=True,
)
NOT_PRIMARY = "not the primary feed's"
CONTRACT = dg.AssetCheckSpec("contract", asset=SPEC.key, description="The table satisfies schemas.tables.Bars.")


def make(work: SessionWork) -> Iterator[Made]:
    """Ask the feeds and land the session."""
    fetched = work.desk.fetched_bars(work.session)
    work.bars = fetched.bars
    for event in (event for answer in fetched.answers.values() for event in answer.events):
        work.desk.events.keep(event)
    work.desk.shelf.keep_feeds_asked(work.session, work.bars, fetched.attempts, fetched.second)
    path = work.desk.shelf.keep_bars(work.session, work.bars)
    marked = work.bars.loc[work.bars["mark"] != "", "mark"].value_counts()
    remarks = work.bars.loc[work.bars["remark"] != "", "remark"]  # few: to split them all would cost milliseconds
    remarked = Counter(remark for text in remarks for remark in text.split())
    metadata = {
        "dagster/partition_row_count": len(work.bars),
        "feed": dg.MetadataValue.json({symbol: seen(answer) for symbol, answer in fetched.answers.items()}),
        "marked": dg.MetadataValue.json({str(mark): int(count) for mark, count in marked.items()}),
        "remarked": dg.MetadataValue.json(dict(remarked)),
        "path": dg.MetadataValue.path(path),
    }
    other = not_primary(work.bars)
    if other:
        metadata[NOT_PRIMARY] = dg.MetadataValue.text(other)
        work.not_primary = other
    yield Made("bars", metadata, (CONTRACT_HOLDS,))


def not_primary(bars: pd.DataFrame) -> str:
    """What is not the primary feed's, in a sentence; empty when all of it is."""
    others = (bars["role"] != PRIMARY) & (bars["mark"] == KEPT)
    if not others.any():
        return ""
    kept = bars[others]
    groups = kept.groupby(["symbol", "source", "why"], sort=False).size().reset_index(name="count")
    rows = groups.to_dict("records")
    return " ".join(f"{row['count']} {row['symbol']} bars are {row['source']}'s ({row['why']})." for row in rows)
