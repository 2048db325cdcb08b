"""Keeps what the gate found and the end-of-day summaries, beside the bars they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from psycopg.rows import dict_row

from market.quality.verdicts import COUNTS_MISSING, Judged, VerdictHistory, verdict_history
from market.sessions import NEW_YORK, BarSize, Session, session
from resources.database.judgement import hold_newest, report_row
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from resources.database.session_store import hold_bar_size, lock_days, lock_session
from schemas.quality import Acceptance, Action, QualityReport, Verdict
from schemas.tables import EodSummary, checked


@dataclass(frozen=True)
class SessionRow:
    """One session as a person looks at it."""

    session: str
    minutes: int
    """Bars that the exchange's calendar asks for, per symbol."""
    bars_in: int
    missing: dict[str, int]
    verdict: str
    blocked: bool
    stored: int
    reasons: tuple[str, ...]
    accepted: Acceptance | None = None
    """Who let it pass although the gate would block it."""


@dataclass(frozen=True)
class ReportStore:
    """Stores reports and summaries."""

    server: DatabaseServer

    @repeatable
    def keep_reports(self, reports: Sequence[QualityReport]) -> int:
        """Append judgements of several sessions, in their order, in one transaction; how many said something new."""
        days = [session(report.session) for report in reports]
        rows = [report_row(day, report) for day, report in zip(days, reports, strict=True)]
        with self.server.connect() as connection, connection.cursor() as cursor:
            lock_days(connection, [day.day for day in days])
            cursor.executemany(named_query("store_quality_report"), rows)
            return cursor.rowcount

    @repeatable
    def hold_newest(self, report: QualityReport) -> None:
        """Refuse a report that is not the newest one kept of its session.

        Raises:
            NotJudged: none is kept.
            OtherJudgement: the newest is another.

        """
        day = session(report.session)
        with self.server.connect() as connection:
            lock_session(connection, day)
            hold_newest(connection, [(day, report)])

    @repeatable
    def summarise_all(self, judged: Sequence[tuple[Session, QualityReport]], bar_size: BarSize) -> pd.DataFrame:
        """Compute the summaries of several sessions of the same symbols from the rows that are stored, and keep them.

        In one transaction: all, or none.

        Returns:
            A `schemas.tables.EodSummary` with a row per session and symbol.

        Raises:
            NotJudged: no judgement of a session is kept.
            OtherJudgement: a report is not the newest one that is kept.

        """
        sessions = [session for session, _ in judged]
        verdicts = {session.key: report.verdict.value for session, report in judged}
        expected = {session.key: len(session.minutes(bar_size)) for session in sessions}
        firsts, lasts = zip(*(session.midnights for session in sessions), strict=True)
        parameters = {
            "sessions": [session.key for session in sessions],
            "firsts": list(firsts),
            "lasts": list(lasts),
            "first": min(firsts),
            "last": max(lasts),
            "symbols": list(judged[0][1].symbols),
        }
        floats = dict.fromkeys(("open", "high", "low", "close", "vwap"), "float64")
        types = {**floats, "volume": "int64", "session": "str", "symbol": "str", "verdict": "str"}
        with self.server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            lock_days(connection, [session.day for session in sessions])
            hold_newest(connection, judged)
            hold_bar_size(connection, self.server.shown, bar_size)
            rows = [
                {
                    "verdict": verdicts[row["session"]],
                    "minutes_expected": expected[row["session"]],
                    "bars_missing": expected[row["session"]] - row["bars_stored"],
                    **row,
                }
                for row in cursor.execute(named_query("eod_summary"), parameters).fetchall()
            ]
            cursor.executemany(named_query("store_eod_summary"), rows)
            table = pd.DataFrame(rows)[list(EodSummary.to_schema().columns)].astype(types)
            return checked(table, EodSummary)  # inside the transaction: a broken summary is not kept

    def newest(
        self, session: Session, environment: str, bar_size: BarSize, symbols: Sequence[str]
    ) -> QualityReport | None:
        """The newest judgement of a session; None where none is kept."""
        found = self._newest([session], environment, bar_size, symbols)
        return QualityReport.model_validate(found[0][2]) if found else None

    def session_rows(
        self, sessions: Sequence[Session], environment: str, bar_size: BarSize, symbols: Sequence[str]
    ) -> list[SessionRow]:
        """The newest judgement of each session and the rows of `market_data`; sessions without one are left out."""
        return [
            _session_row(session(str(day)), QualityReport.model_validate(report), stored)
            for day, _, report, stored in self._newest(sessions, environment, bar_size, symbols)
        ]

    @repeatable
    def _newest(
        self, sessions: Sequence[Session], environment: str, bar_size: BarSize, symbols: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        parameters = {
            "symbols": list(symbols),
            "sessions": [wanted.key for wanted in sessions],
            "environment": environment,
            "bar_size": bar_size.value,
            "first": sessions[0].open,
            "last": sessions[-1].open,
        }
        with self.server.connect() as connection:
            return connection.execute(named_query("session_rows"), parameters).fetchall()

    @repeatable
    def verdicts(
        self, first: date, last: date, environment: str, bar_size: BarSize, symbols: Sequence[str]
    ) -> VerdictHistory:
        """The newest judgement of each session from `first` to `last` (New York dates, both included)."""
        parameters = {
            "rule": COUNTS_MISSING,
            "first": pd.Timestamp(first, tz=NEW_YORK),
            "last": pd.Timestamp(last, tz=NEW_YORK) + pd.Timedelta(days=1),
            "environment": environment,
            "bar_size": bar_size.value,
            "symbols": list(symbols),
        }
        with self.server.connect() as connection:
            found = connection.execute(named_query("verdicts"), parameters).fetchall()
        judged = [
            Judged(session(str(day)), Verdict(verdict), Action(action), accepted, _missing(missing))
            for day, verdict, action, accepted, missing in found
        ]
        return verdict_history(first, last, bar_size, symbols, judged)


def _missing(stamps: dict[str, list[str]]) -> dict[str, pd.DatetimeIndex]:
    return {symbol: pd.DatetimeIndex(minutes, tz="UTC") for symbol, minutes in stamps.items()}


def _session_row(day: Session, report: QualityReport, stored: int) -> SessionRow:
    return SessionRow(
        session=day.key,
        minutes=len(day.minutes(BarSize(report.bar_size))),
        bars_in=sum(report.bars_in.values()),
        missing=dict(report.missing),
        verdict=report.verdict.value,
        blocked=report.blocked,
        stored=stored,
        reasons=tuple(report.reasons()),
        accepted=report.accepted,
    )
