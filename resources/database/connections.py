"""Connections that are kept between two transactions, so that a call costs a round trip and not a new backend.

A connection has one user at a time and goes back when its transaction has ended. There is no upper limit, so that a
transaction that stays open starves no other. A pool of a library (psycopg_pool) would need a thread of its own, which
neither survives a fork nor ends by itself.

What a transaction does, and which error a failure becomes, does not belong here.
"""

import atexit
import os
import select
import threading
from collections import defaultdict
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

KEPT_PER_DATABASE = 4
"""More are closed when they come back."""
UNLESS_SAID = {
    "connect_timeout": 10,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Where the address itself says nothing of them. A server that vanished is noticed in about a minute, not in hours."""
FOR_GOOD = """
SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, MDY', false),
       set_config('extra_float_digits', '1', false), set_config('client_encoding', 'UTF8', false),
       set_config('tcp_keepalives_idle', %(keepalives_idle)s, false),
       set_config('tcp_keepalives_interval', %(keepalives_interval)s, false),
       set_config('tcp_keepalives_count', %(keepalives_count)s, false),
       set_config('tcp_user_timeout', %(tcp_user_timeout)s, false)
"""
"""What is read does not depend on what the server or its environment is set to. And the server notices a client that
vanished as soon as a client the server, or the locks of its transaction would stay for hours."""


class Connections:
    """Those of one process, by the address that they lead to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: defaultdict[str, list[psycopg.Connection]] = defaultdict(list)

    def take(self, url: str) -> psycopg.Connection:
        """A connection nobody else has, in no transaction, whose time zone is UTC; a new one where none is kept.

        Raises:
            psycopg.OperationalError: there is no connection to be had.

        """
        with self._lock:
            self._close_dead()
            kept = self._kept[url]
            if kept:
                return kept.pop()
        return _connected(url)

    def give_back(self, url: str, connection: psycopg.Connection) -> None:
        """Keep it for the next transaction, unless it broke, is not as it was taken, or enough are kept."""
        as_taken = connection.pgconn.transaction_status == TransactionStatus.IDLE and not connection.autocommit
        with self._lock:
            if as_taken and len(self._kept[url]) < KEPT_PER_DATABASE:
                self._kept[url].append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that nobody uses: before a process ends, before a database is dropped."""
        with self._lock:
            for kept in self._kept.values():
                while kept:
                    kept.pop().close()

    def disown(self) -> None:
        """In a forked child: let go of the parent's connections without saying a word to their servers."""
        inherited = [connection for kept in self._kept.values() for connection in kept]
        self.__init__()  # type: ignore[misc]  # a lock that another thread held at the fork is never released here
        nowhere = os.open(os.devnull, os.O_RDWR)
        for connection in inherited:
            os.dup2(nowhere, connection.fileno())
            connection.close()
        os.close(nowhere)

    def _close_dead(self) -> None:
        """Close those whose server hung up. It says nothing unasked, so what can be read is a farewell."""
        poll, found = select.poll(), {}
        for url, kept in self._kept.items():
            kept[:] = [connection for connection in kept if not connection.closed]
            for connection in kept:
                found[connection.fileno()] = (url, connection)
                poll.register(connection.fileno(), select.POLLIN)
        for number, _ in poll.poll(0):
            url, connection = found[number]
            self._kept[url].remove(connection)
            connection.close()


def _connected(url: str) -> psycopg.Connection:
    said: dict[str, Any] = {**UNLESS_SAID, **conninfo_to_dict(url)}
    connection = psycopg.connect(autocommit=True, **said)
    try:
        # By itself: what is set in a transaction ends with its rollback.
        connection.execute(FOR_GOOD, {name: str(value) for name, value in said.items()})
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


CONNECTIONS = Connections()
os.register_at_fork(after_in_child=CONNECTIONS.disown)
atexit.register(CONNECTIONS.close)
