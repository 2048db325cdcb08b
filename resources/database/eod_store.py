"""Keeps how the days ended: the table `eod_reports`. What a report says is judged in `market.end_of_day`."""

from collections.abc import Sequence
from dataclasses import dataclass

from market.sessions import BarSize
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from schemas.end_of_day import EodReport


@dataclass(frozen=True)
class EodStore:
    """Stores reports, newest last."""

    server: DatabaseServer

    def keep(self, reports: Sequence[EodReport]) -> None:
        """Append the reports of some sessions, in one transaction."""
        rows = [
            {
                "session": report.session,
                "environment": report.environment,
                "bar_size": report.bar_size,
                "verdict": report.verdict.value,
                "report": report.model_dump_json(),
            }
            for report in reports
        ]
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(named_query("keep_eod_report"), rows)

    @repeatable
    def newest(self, environment: str, bar_size: BarSize, symbols: Sequence[str]) -> EodReport | None:
        """How the newest session ended that the desk has judged, by its newest judgement; None where none is kept."""
        desk = {"environment": environment, "bar_size": bar_size.value, "symbols": list(symbols)}
        with self.server.connect() as connection:
            row = connection.execute(named_query("newest_eod_report"), desk).fetchone()
        return None if row is None else EodReport.model_validate(row[0])
