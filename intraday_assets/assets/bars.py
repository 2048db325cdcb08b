"""bars: what the feeds gave for a session, in start-of-bar UTC, odd rows marked."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import numpy as np

from intraday_assets.assets import OWNERS
from intraday_assets.columns import BARS_SCHEMA
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork, seen
from market.quality.columns import Columns
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
    fetched, shelf = work.desk.fetched(work.session), work.desk.shelf
    work.bars, work.asked = fetched.bars, fetched.asked
    for event in (event for answer in fetched.answers.values() for event in answer.events):
        work.desk.events.keep(event)
    columns = work.bars.columns
    shelf.keep_feeds_asked(work.session, columns, work.asked.attempts, work.asked.second)
    path = shelf.keep_bars(work.session, columns.table)
    feeds = {symbol: seen(symbol, answer, work.bars) for symbol, answer in fetched.answers.items()}
    metadata = {
        "dagster/partition_row_count": len(columns),
        "feed": dg.MetadataValue.json(feeds),
        "marked": dg.MetadataValue.json(_counted(columns, "mark")),
        "remarked": dg.MetadataValue.json(_counted(columns, "remark")),
        "path": dg.MetadataValue.path(path),
    }
    other = _not_primary(columns)
    if other:
        metadata[NOT_PRIMARY] = dg.MetadataValue.text(other)
        work.not_primary = other
    yield Made("bars", work.session, metadata, (CONTRACT_HOLDS,))


def _counted(columns: Columns, name: str) -> dict[str, int]:
    """How many rows have each of the words that a column of marks or remarks holds."""
    texts, counts = columns.texts(name), Counter[str]()
    for text, rows in zip(texts.names, np.bincount(texts.codes, minlength=len(texts.names)), strict=False):
        counts += dict.fromkeys(text.split(), int(rows))
    return dict(counts)


def _not_primary(columns: Columns) -> str:
    """What is not the primary feed's, in a sentence; empty when all of it is."""
    others = ~columns.texts("role").are(PRIMARY) & columns.texts("mark").are(KEPT)
    if not others.any():
        return ""
    groups = columns.table[others].groupby(["symbol", "source", "why"], sort=False).size().reset_index(name="count")
    rows = groups.to_dict("records")
    return " ".join(f"{row['count']} {row['symbol']} bars are {row['source']}'s ({row['why']})." for row in rows)
