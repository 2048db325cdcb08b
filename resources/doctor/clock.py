"""Do the clocks agree: this machine's with another's."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.errors import DatabaseError

NEAR: Final = timedelta(seconds=2)
FAR: Final = timedelta(seconds=30)


def clock(around: Surroundings) -> Iterator[Finding]:
    """This machine's clock against the database server's."""
    server = around.database("clock")
    if isinstance(server, Finding):
        yield Finding("clock", Outcome.OK, f"{around.now():%Y-%m-%d %H:%M:%S} UTC; no database to compare it with")
        return
    try:
        with server.connect() as connection:
            before = around.now()
            (theirs,) = connection.execute("SELECT clock_timestamp()").fetchone() or (before,)
            after = around.now()
    except DatabaseError:
        yield Finding("clock", Outcome.WARN, f"{around.now():%Y-%m-%d %H:%M:%S} UTC; the database does not answer")
        return
    yield compared("clock", "the database server", theirs, before + (after - before) / 2)


def compared(name: str, whose: str, theirs: datetime, ours: datetime) -> Finding:
    """How far this machine's clock is from another's."""
    apart = ours - theirs
    outcome = Outcome.OK if abs(apart) <= NEAR else Outcome.WARN if abs(apart) <= FAR else Outcome.FAIL
    which = "ahead of" if apart > timedelta(0) else "behind"
    said = f"{abs(apart.total_seconds()):.1f} s {which} {whose}"
    return Finding(name, outcome, said, "" if outcome is Outcome.OK else "let NTP keep the time of both machines")
