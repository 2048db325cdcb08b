"""Keeps what the gate found and the end-of-day summaries, beside the bars they are about."""

from dataclasses import dataclass

import pandas as pd
from psycopg.rows import dict_row

from market.sessions import BarSize, Session, session
from resources.database.queries import named_query
from resources.database.server import DatabaseServer
from resources.database.session_store import day_bounds
from schemas.quality import QualityReport
from schemas.tables import EodSummary


@dataclass(frozen=True)
class ReportStore:
    """Stores reports and summaries."""

    server: DatabaseServer

    def keep_report(self, report: QualityReport) -> bool:
        """Append a judgement; returns False when the newest one of that session already says the same."""
        row = {
            "timestamp": session(report.session).open,
            "session": report.session,
            "environment": report.environment,
            "bar_size": report.bar_size,
            "verdict": report.verdict.value,
            "action": report.action.value,
            "report": report.model_dump_json(),
        }
        with self.server.connect() as connection:
            return connection.execute(named_query("store_quality_report"), row).rowcount == 1

    def summarise(self, session: Session, bar_size: BarSize, report: QualityReport) -> pd.DataFrame:
        """Compute a session's summary from the rows that are stored, and keep it.

        Returns:
            A `schemas.tables.EodSummary` with a row per symbol of the report.

        """
        expected = len(session.minutes(bar_size))
        parameters = {**day_bounds(session), "symbols": list(report.symbols)}
        with self.server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            stored = cursor.execute(named_query("eod_summary"), parameters).fetchall()
            rows = [
                {
                    "session": session.key,
                    "verdict": report.verdict.value,
                    "minutes_expected": expected,
                    "bars_missing": expected - row["bars_stored"],
                    **row,
                }
                for row in stored
            ]
            cursor.executemany(named_query("store_eod_summary"), rows)
        table = pd.DataFrame(rows)[list(EodSummary.to_schema().columns)]
        floats = dict.fromkeys(("open", "high", "low", "close", "vwap"), "float64")
        return table.astype({**floats, "volume": "int64", "session": "str", "symbol": "str", "verdict": "str"})
