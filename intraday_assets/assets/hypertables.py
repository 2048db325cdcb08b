"""market_data and dual_ticker_bars: a session in the database, both tables in one transaction, if the gate lets it."""

import logging
from collections.abc import Iterator, Sequence

import dagster as dg

from intraday_assets.assets import OWNERS
from intraday_assets.columns import (
    DUAL_TICKER_ORIGINS,
    DUAL_TICKER_SCHEMA,
    MARKET_DATA_ORIGINS,
    MARKET_DATA_SCHEMA,
    lineage,
)
from intraday_assets.work import Made, SessionWork
from resources.database.session_store import StoredSession
from resources.errors import Blocked
from schemas.words import counted

log = logging.getLogger("intraday.sessions")

MARKET_DATA = dg.AssetSpec(
    "market_data",
    deps=["bars", "quality_reports"],
    description="The session's bars in the hypertable market_data. Revised and removed bars leave their old values in "
    "bar_revisions. A session that the gate blocks is not stored, whoever launches this asset.",
    group_name="session",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": MARKET_DATA_SCHEMA,
        "dagster/column_lineage": lineage(MARKET_DATA_ORIGINS),
        "dagster/table_name": "public.market_data",
    },
    skippable=True,
)
DUAL_TICKER_BARS = dg.AssetSpec(
    "dual_ticker_bars",
    deps=["frames", "quality_reports"],
    description="The session's frame in the hypertable dual_ticker_bars, from which a model reads 13 numbers a symbol; "
    "a minute without a bar is a row of nulls.",
    group_name="session",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": DUAL_TICKER_SCHEMA,
        "dagster/column_lineage": lineage(DUAL_TICKER_ORIGINS),
        "dagster/table_name": "public.dual_ticker_bars",
    },
    skippable=True,
)


def make(works: Sequence[SessionWork], selected: frozenset[str]) -> Iterator[Made]:
    """Replace the sessions in the tables that are selected: those that the gate lets, in one transaction."""
    tables = tuple(table for table in ("market_data", "dual_ticker_bars") if table in selected)
    for work in works:
        if work.report.blocked:
            work.problems[tables] = Blocked(" ".join(work.report.reasons()))
    blocked = [work.session for work in works if work.report.blocked]
    for session, change in zip(blocked, works[0].desk.sessions.withdraw(blocked), strict=True):
        if change.removed:
            log.warning(
                "%s is blocked: %s that came in live are taken back", session.key, counted(change.removed, "bar")
            )
    passed = [work for work in works if not work.report.blocked]
    wanted = [_as_stored(work, tables) for work in passed]
    changes = works[0].desk.sessions.replace_all(wanted) if wanted else []
    for work, work.changes in zip(passed, changes, strict=True):
        for table, change in work.changes.items():
            metadata = {
                "dagster/partition_row_count": change.sent,
                "rows added": change.added,
                "rows revised": change.revised,
                "rows removed": change.removed,
                "rows unchanged": change.unchanged,
                "verdict": dg.MetadataValue.text(work.report.verdict.value),
            }
            yield Made(table, work.session, metadata)


def _as_stored(work: SessionWork, tables: Sequence[str]) -> StoredSession:
    return StoredSession(
        work.session,
        work.report,
        bars=work.bars.columns if "market_data" in tables else None,
        frame=work.frame if "dual_ticker_bars" in tables else None,
    )
