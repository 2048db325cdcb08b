"""frames: both symbols on every exchange minute, 13 features each; a missing bar stays missing and is marked."""

from collections.abc import Iterator

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.charts import candles
from intraday_assets.columns import FRAME_ORIGINS, FRAME_SCHEMA, lineage
from intraday_assets.work import CONTRACT_HOLDS, Made, SessionWork
from market.frames import build_frame
from market.quality.fingerprint import fingerprint
from market.sessions import session_at
from schemas.tables import Frame, checked

SPEC = dg.AssetSpec(
    "frames",
    deps=["bars"],
    description="Both symbols aligned on the exchange's own minutes with 13 features each. Indicators are warm from "
    "earlier sessions that pass the gate; nothing comes from the future, nothing is filled.",
    group_name="session",
    kinds={"python", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": FRAME_SCHEMA, "dagster/column_lineage": lineage(FRAME_ORIGINS)},
    skippable=True,
)
CONTRACT = dg.AssetCheckSpec("contract", asset=SPEC.key, description="The table satisfies schemas.tables.Frame.")


def make(work: SessionWork) -> Iterator[Made]:
    """Align, compute the features and land the session."""
    desk, session = work.desk, work.session
    frame = build_frame(work.bars, work.history, session, desk.bar_size, desk.symbols, desk.gate.splits)
    work.frame = checked(frame, Frame)
    path = desk.shelf.keep_frame(session, work.frame)
    missing = work.frame.groupby("symbol")["missing"].sum()
    metadata = {
        "dagster/partition_row_count": len(work.frame),
        "missing bars": dg.MetadataValue.json({str(symbol): int(count) for symbol, count in missing.items()}),
        "warmed by": dg.MetadataValue.json(
            {session_at(bars["timestamp"].iloc[0]).key: fingerprint(bars)[:12] for bars in work.history if len(bars)}
        ),
        "candles": dg.MetadataValue.md(candles(work.frame, desk.symbols, f"{session.key}, New York time")),
        "path": dg.MetadataValue.path(path),
    }
    yield Made("frames", metadata, (CONTRACT_HOLDS,))
