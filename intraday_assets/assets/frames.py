"""frames: both symbols on every exchange minute, 13 features each; a missing bar stays missing and is marked."""

from collections.abc import Iterator

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.charts import candles
from intraday_assets.columns import FRAME_ORIGINS, FRAME_SCHEMA, lineage
from intraday_assets.work import CONTRACT_HOLDS, Made, RunDesk, SessionWork
from market.frames import FrameRequest, build_frames
from market.quality.columns import held
from market.sessions import Session
from schemas.tables import Frame

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
SHOWN = 12
"""Characters of a fingerprint."""
CONTRACT = dg.AssetCheckSpec("contract", asset=SPEC.key, description="The table satisfies schemas.tables.Frame.")


def make(work: SessionWork) -> Iterator[Made]:
    """Align, compute the features and land the session."""
    desk, session = work.desk, work.session
    (frame,) = build_frames([FrameRequest(work.bars.grid, work.warm_up)], desk.gate.splits)
    work.frame = held(frame, Frame)
    path = desk.shelf.keep_frame(session, frame.table)
    of, missing = work.frame.texts("symbol"), work.frame.numbers("missing")
    metadata = {
        "dagster/partition_row_count": len(frame),
        "missing bars": dg.MetadataValue.json({symbol: int(missing[of.are(symbol)].sum()) for symbol in desk.symbols}),
        "warmed by": dg.MetadataValue.json({one.session.key: _shown(desk, one.session) for one in work.warm_up}),
        "candles": dg.MetadataValue.md(candles(frame.table, desk.symbols, f"{session.key}, New York time")),
        "path": dg.MetadataValue.path(path),
    }
    yield Made("frames", session, metadata, (CONTRACT_HOLDS,))


def _shown(desk: RunDesk, earlier: Session) -> dict[str, str]:
    """The bars that an earlier session warmed a frame with, by the beginnings of their fingerprints."""
    return {name: value[:SHOWN] for name, value in desk.earlier.prints(earlier).items()}
