"""Holds a report against the judgements that the database keeps, so that nobody loads on a report's own word."""

from collections.abc import Sequence

import psycopg

from market.sessions import Session
from resources.database.queries import named_query
from resources.errors import NotJudged, OtherJudgement
from schemas.quality import QualityReport


def report_row(session: Session, report: QualityReport) -> dict[str, object]:
    """What the queries on `data_quality_reports` ask for and keep."""
    return {
        "timestamp": session.open,
        "session": session.key,
        "environment": report.environment,
        "bar_size": report.bar_size,
        "verdict": report.verdict.value,
        "action": report.action.value,
        "report": report.model_dump_json(),
    }


def hold_newest(connection: psycopg.Connection, reports: Sequence[tuple[Session, QualityReport]]) -> None:
    """Refuse reports that are not the newest ones kept of their sessions; call it with the sessions locked.

    Raises:
        NotJudged: none is kept.
        OtherJudgement: the newest is another, because this one was edited or the session was judged again.

    """
    if not reports:
        return
    opens = [session.open for session, _ in reports]
    texts = ",".join(report.model_dump_json() for _, report in reports)
    asked = {"timestamps": opens, "reports": f"[{texts}]", "first": min(opens), "last": max(opens)}
    found = {place: kept for place, *kept in connection.execute(named_query("newest_quality_report"), asked)}
    for place, (session, report) in enumerate(reports):
        if place not in found:
            raise NotJudged(
                f"No judgement of {session.key} is kept in the database ({report.environment}, {report.bar_size}, "
                f"{', '.join(report.symbols)}): materialise quality_reports first."
            )
        verdict, at, this_one, once = found[place]
        if not this_one:
            wrong = "is an older one" if once else "is none that the gate made"
            raise OtherJudgement(
                f"The report of {session.key} ({report.verdict}) {wrong}; the newest that is kept says {verdict} "
                f"(judged {at:%Y-%m-%d %H:%M:%S} UTC): materialise quality_reports again."
            )
