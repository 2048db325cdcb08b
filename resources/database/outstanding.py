"""How far the last sessions have come: stored, judged, summed up. What is done about those that are not is not here."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from market.sessions import Session, latest_closed_session, sessions_before
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from resources.settings import Settings
from schemas.quality import Verdict


@dataclass(frozen=True)
class Progress:
    """How far a session has come."""

    session: Session
    stored: bool
    """Whether any bar of it is stored."""
    verdict: Verdict | None
    """The newest one of the gate; None: it has not judged it."""
    blocked: bool
    """Whether that judgement keeps it out."""
    summed_up: bool
    """Whether there is a summary of its end."""

    @property
    def missing(self) -> bool:
        """Whether it is not stored although no judgement of its bars keeps it out."""
        return self.verdict is Verdict.ERROR or not (self.stored or self.blocked)

    @property
    def ended(self) -> bool:
        """Whether its end of day is done."""
        return self.summed_up and self.verdict is not None and not self.missing

    def why_missing(self) -> str:
        """In a few words."""
        if self.verdict is None:
            return "neither bars nor a judgement"
        return "it could not be judged" if self.verdict is Verdict.ERROR else "it passed and is not stored"


def closed_sessions(settings: Settings, now: pd.Timestamp, count: int) -> list[Session]:
    """The last sessions of the graph that are over, at most `count`, oldest first."""
    latest = latest_closed_session(now)
    earlier = sessions_before(latest)
    found = [latest, *(next(earlier) for _ in range(count - 1))]
    return [session for session in reversed(found) if session.day >= settings.first_session]


@repeatable
def progress_of(server: DatabaseServer, settings: Settings, sessions: Sequence[Session]) -> list[Progress]:
    """How far each session of a desk has come, in the order given."""
    if not sessions:
        return []
    parameters = {
        "sessions": [one.day for one in sessions],
        "opens": [one.open for one in sessions],
        "closes": [one.close for one in sessions],
        "first": min(one.open for one in sessions),
        "last": max(one.close for one in sessions),
        "symbols": list(settings.symbols),
        "environment": settings.environment,
        "bar_size": settings.bar_size.value,
    }
    with server.connect() as connection:
        rows = connection.execute(named_query("outstanding_sessions"), parameters).fetchall()
    return [
        Progress(session, stored, None if verdict is None else Verdict(verdict), blocked, summed_up)
        for session, (stored, verdict, blocked, summed_up) in zip(sessions, rows, strict=True)
    ]


def stretches(sessions: Sequence[Session]) -> list[tuple[Session, Session]]:
    """First and last of each run of sessions that follow each other; they are given in their order."""
    found: list[tuple[Session, Session]] = []
    for session in sessions:
        if found and next(sessions_before(session)) == found[-1][1]:
            found[-1] = (found[-1][0], session)
        else:
            found.append((session, session))
    return found
