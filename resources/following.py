"""`follow`: what the live process tells its consumers, bar by bar, from where a consumer stopped.

```python
from resources import observations
from resources.following import follow

for event in follow(since=last_id):
    if event.event == "published":
        act_on(observations.latest())
    last_id = event.id
```

PostgreSQL's notifications only wake; what is told is always read from the table, so nothing depends on their arriving.
Who writes the table is `live`.
"""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, overload

import psycopg
from psycopg.rows import class_row

from resources.consumer import given_server
from resources.database.bar_reader import no_schema
from resources.database.queries import named_query
from resources.database.retries import with_retries
from resources.database.server import DatabaseServer
from resources.errors import DatabaseUnreachable, RequestNotUnderstood

CHANNEL: Final = "intraday_live_bars"
AT_ONCE: Final = 1_000
"""So many events of a backlog are read at a time."""
LOOK_AGAIN_SECONDS: Final = 15.0
"""The table is read so often even if nothing wakes: a line that went dead in silence is noticed by it."""


@dataclass(frozen=True)
class LiveEvent:
    """One line of what consumers are told. A consumer that keeps `id` can go on from it."""

    id: int
    event: Literal["published", "withheld", "revised", "final"]
    timestamp: datetime
    """Start of the bar, UTC; of `revised` the first one of which a row changed, of `final` the session's open."""
    session: date
    """New York's day."""
    missing: list[str]
    """The symbols of which no feed had the bar."""
    why: str
    """Of `withheld`: what the rolling gate found."""
    at: datetime
    """When it was told, UTC."""


@overload
def follow(
    database: DatabaseServer | str | None = ...,
    since: int | None = ...,
    *,
    heartbeat: None = ...,
    sleep: Callable[[float], None] = ...,
) -> Generator[LiveEvent, None, None]: ...
@overload
def follow(
    database: DatabaseServer | str | None = ...,
    since: int | None = ...,
    *,
    heartbeat: float,
    sleep: Callable[[float], None] = ...,
) -> Generator[LiveEvent | None, None, None]: ...
def follow(
    database: DatabaseServer | str | None = None,
    since: int | None = None,
    *,
    heartbeat: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[LiveEvent | None, None, None]:
    """Every committed event after one, in the order of their ids, each once; it goes on until the consumer stops.

    A broken line is opened again, from the last event that was given. Closing the iterator, or leaving the process, is
    the end of it; the connection is its own.

    Args:
        database: as of `resources.market_bars`.
        since: the id of the last event that the consumer has; 0 for all there ever were; None for those from now on,
            which is when the first one is asked for.
        heartbeat: seconds without an event after which None is given instead, so that the consumer can do other work.
        sleep: waits between two attempts to connect.

    Raises:
        RequestNotUnderstood: `since` or `heartbeat` is no such number, or the database never told an event of that id.
        MigrationError: the database has no schema, or an older one.
        DatabaseUnreachable: no connection after several attempts; follow again from the last id.
        DatabaseError: the server refused.

    """
    if since is not None and (not isinstance(since, int) or isinstance(since, bool) or since < 0):
        raise RequestNotUnderstood(f"since is {since!r}; it is the id of an event, 0 or more.")
    if heartbeat is not None and not heartbeat > 0:
        raise RequestNotUnderstood(f"heartbeat is {heartbeat!r}; it is a number of seconds above 0.")
    return _followed(given_server(database), since, heartbeat, sleep)


def _followed(
    server: DatabaseServer, since: int | None, heartbeat: float | None, sleep: Callable[[float], None]
) -> Generator[LiveEvent | None, None, None]:
    last = with_retries(lambda: _start(server, since), sleep)
    while True:
        line = ExitStack()
        connection = _connected(server, line, sleep)
        try:
            with line:
                connection.execute("SET TIME ZONE 'UTC'")
                connection.execute(f"LISTEN {CHANNEL}")  # before the table is read: what comes later wakes
                for event in _told(connection, last, heartbeat):
                    last = last if event is None else event.id
                    yield event
        except DatabaseUnreachable:
            continue


def _connected(server: DatabaseServer, line: ExitStack, sleep: Callable[[float], None]) -> psycopg.Connection:
    """A connection that is closed with the line."""
    return with_retries(lambda: line.enter_context(server.outside_transactions()), sleep)


def _start(server: DatabaseServer, since: int | None) -> int:
    """The id after which events are wanted.

    Raises:
        RequestNotUnderstood: no event of that id was ever told: it is another database, or an older state of it.

    """
    with server.connect() as connection:
        try:
            row = connection.execute(named_query("newest_live_event")).fetchone()
        except psycopg.errors.UndefinedTable:
            raise no_schema(server) from None
    newest = row[0] if row else 0
    if since is not None and since > newest:
        raise RequestNotUnderstood(f"since is {since}, and the newest event of {server.shown} is {newest}.")
    return newest if since is None else since


def _told(
    connection: psycopg.Connection, last: int, heartbeat: float | None
) -> Generator[LiveEvent | None, None, None]:
    """Events after one, and None whenever there was none for so long."""
    quiet_since = time.monotonic()
    with connection.cursor(row_factory=class_row(LiveEvent)) as cursor:
        while True:
            events = cursor.execute(named_query("live_events"), {"after": last, "limit": AT_ONCE}).fetchall()
            for event in events:
                yield event
                last, quiet_since = event.id, time.monotonic()
            if events:
                continue
            left = LOOK_AGAIN_SECONDS
            if heartbeat is not None:
                left = min(left, quiet_since + heartbeat - time.monotonic())
            if left <= 0:
                yield None
                quiet_since = time.monotonic()
                continue
            for _ in connection.notifies(timeout=left, stop_after=1):
                pass
