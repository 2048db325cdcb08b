"""Recorded sessions stored as a run stores them, and as they are while they go on, for tests of what a model reads."""

import psycopg

from market.frames import build_frame
from market.quality.columns import Columns
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rules.completeness import MissingRatio
from market.sessions import session
from resources.database.live_store import LiveStore, Told
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from tests.support.scenes import ONE, PAIR, clean_bars

PASSES, BLOCKS = Gate("test", []), Gate("test", [MissingRatio(warn=0.5, fail=0.5)])
"""A gate without rules, and one that blocks a session without bars."""


def store(url: str, day: str, *missing: tuple[str, str]) -> None:
    """Store a recorded session that the gate let pass; these symbols' bars at these UTC times, `14:31`, never came."""
    bars = clean_bars(session(day))
    for symbol, clock in missing:
        bars = bars[(bars["symbol"] != symbol) | (bars["timestamp"].dt.strftime("%H:%M") != clock)]
    bars = bars.reset_index(drop=True)
    frame = build_frame(bars, [], session(day), ONE, PAIR)
    report = PASSES.judge(Evidence(session(day), ONE, PAIR, bars, frame))
    ReportStore(DatabaseServer(url)).keep_reports([report])
    SessionStore(DatabaseServer(url), "test", ONE, PAIR).replace(session(day), report, bars, frame)


def store_live(url: str, day: str, before: str, *withheld: str) -> None:
    """Store a recorded session as live does, up to a UTC time, `15:00`; the gate has not judged it.

    Of a withheld bar the rows of the frame are there too, which live would not even write.
    """
    bars = clean_bars(session(day))
    frame = build_frame(bars, [], session(day), ONE, PAIR)
    of_bars, of_frame = bars["timestamp"], frame["timestamp"]
    for stamp in session(day).minutes(ONE):
        clock = f"{stamp:%H:%M}"
        if clock < before:
            told = Told("withheld" if clock in withheld else "published", stamp, why="a test")
            rows = (bars[of_bars == stamp].reset_index(drop=True), frame[of_frame == stamp].reset_index(drop=True))
            LiveStore(DatabaseServer(url), ONE, ("NVDA", "MSFT")).commit(session(day), *map(Columns, rows), told)


def judge(url: str, day: str, gate: Gate, symbols: tuple[str, ...] = PAIR) -> None:
    """Keep what a gate says of the session without any bars."""
    report = gate.judge(Evidence(session(day), ONE, symbols, clean_bars(session(day)).iloc[:0]))
    ReportStore(DatabaseServer(url)).keep_reports([report])


def tell(url: str, stamp: object, event: str = "published", day: str = "2020-12-15") -> int:
    """Append a line of what consumers are told; its id."""
    ((number,),) = execute(
        url,
        "INSERT INTO live_bars (event, \"timestamp\", session, why) VALUES (%s, %s, %s, 'a test') RETURNING id",
        event,
        stamp,
        day,
    )
    return number


def execute(url: str, statement: str, *values: object) -> list[tuple]:
    """What the database answers, in UTC."""
    with psycopg.connect(url, options="-c TimeZone=UTC") as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
