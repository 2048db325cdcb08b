"""Query results as Arrow, through ADBC: connections that are kept, results that stream, failures that are typed.

Only for reading. ADBC sends a query as `COPY (…) TO STDOUT`, which cannot take bound values: whoever writes the query
quotes them with `psycopg.sql`. What a query asks does not belong here, nor what is written (`connections.py`).
"""

import atexit
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.database.connections import UNLESS_SAID
from resources.database.server import DatabaseServer, connection_refused, statement_failed
from resources.errors import DatabaseError, first_line

KEPT_PER_DATABASE = 4


class ArrowConnections:
    """Those of one process that nobody uses just now, by address: a new one costs 20 ms, a day of bars 5."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: defaultdict[str, list[adbc.Connection]] = defaultdict(list)
        self._parents: list[adbc.Connection] = []

    def take(self, server: DatabaseServer) -> adbc.Connection:
        """A connection nobody else has; a new one where none is kept that still answers.

        Raises:
            DatabaseUnreachable: there is no connection to be had.
            DatabaseError: the server refused it.

        """
        while True:
            with self._lock:
                kept = self._kept[server.url]
                connection = kept.pop() if kept else None
            if connection is None:
                return _connected(server)
            if answers(connection):
                return connection
            close(connection)

    def give_back(self, server: DatabaseServer, connection: adbc.Connection) -> None:
        """Keep it for the next query."""
        with self._lock:
            if len(self._kept[server.url]) < KEPT_PER_DATABASE:
                self._kept[server.url].append(connection)
                return
        close(connection)

    def close(self) -> None:
        """Close those that nobody uses: before the process ends."""
        with self._lock:
            for kept in self._kept.values():
                while kept:
                    close(kept.pop())

    def disown(self) -> None:
        """In a forked child: leave the parent's connections alone, for closing one would end it for the parent too."""
        parents = [connection for kept in self._kept.values() for connection in kept]
        self.__init__()  # type: ignore[misc]  # a lock that another thread held at the fork is never released here
        self._parents = parents


CONNECTIONS = ArrowConnections()
os.register_at_fork(after_in_child=CONNECTIONS.disown)
atexit.register(CONNECTIONS.close)


def arrow_batches(server: DatabaseServer, query: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query, as they arrive, in batches of some 16 MB; one snapshot of the database.

    Memory does not depend on how many there are. The server works on only as fast as they are taken. Closing the
    generator early ends the query.

    Raises:
        DatabaseUnreachable: no connection, or it broke.
        DatabaseBusy: a lock or a time limit.
        DatabaseError: the server refused the query.

    """
    connection = CONNECTIONS.take(server)
    try:
        yield from _batches(server, connection, query)
    except BaseException:
        close(connection)  # in the middle of an answer
        raise
    CONNECTIONS.give_back(server, connection)


def _batches(server: DatabaseServer, connection: adbc.Connection, query: str) -> Iterator[pa.RecordBatch]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
        except adbc.Error as error:
            raise _query_failed(server, error, error.sqlstate, broke=not answers(connection)) from error
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return  # Arrow's, after the last batch: an answer that was cut is an error
            except (OSError, pa.ArrowInvalid) as error:
                # Arrow's readers have no SQLSTATE. A time limit can still be told by what it says, in English.
                state = "57014" if "canceling statement" in str(error) else None
                raise _query_failed(server, error, state, broke=not answers(connection)) from error
            if batch.num_rows:
                yield batch


def _query_failed(server: DatabaseServer, error: Exception, state: str | None, *, broke: bool) -> DatabaseError:
    said = server.redacted(first_line(error)).rpartition(":  ")[2].removeprefix("[libpq] ")  # "… error: ERROR:  …"
    return statement_failed(server.shown, said, state, broke=broke)


def _connected(server: DatabaseServer) -> adbc.Connection:
    # Arrow's text is UTF-8, whatever the environment or the role would have the server send.
    address: dict[str, Any] = {**UNLESS_SAID, **conninfo_to_dict(server.url), "client_encoding": "UTF8"}
    try:
        return adbc.connect(make_conninfo(**address), autocommit=True)
    except adbc.Error as error:
        said = str(error).rpartition("Failed to connect: ")[2]
        raise connection_refused(server.shown, server.redacted(said)) from None


def answers(connection: adbc.Connection) -> bool:
    """Whether the server is still at the other end."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except (adbc.Error, OSError):
        return False
    return True


def close(connection: adbc.Connection) -> None:
    """Close it, whatever state it is in."""
    with suppress(adbc.Error, OSError):
        connection.close()
