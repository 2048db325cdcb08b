"""Databases that are made to be filled and looked at, and then dropped or given another name.

Whoever makes one holds a lock as long as it is needed, and the database says of itself what it is. So what a process
that was killed has left behind can be told from what another one works on, and from what somebody else made.
"""

import logging
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import LiteralString

import psycopg
from psycopg import sql

from resources.database.connections import CONNECTIONS
from resources.database.queries import named_query
from resources.database.server import DatabaseServer
from resources.errors import first_line

LOCK_CLASS = 0x73637261  # "scra": the first of the two numbers of the advisory lock; the second is in the name
COMMENT = "intraday: filled from a backup, to be compared and dropped"
LONGEST_BYTES = 38
"""Of what a name begins with: PostgreSQL cuts names at 63 bytes, and 25 are added."""

log = logging.getLogger("intraday.database")


@contextmanager
def scratch_database(maintenance: DatabaseServer, of: str) -> Iterator[str]:
    """The name of a new, empty database, which is dropped at the end unless the block has given it another one.

    Args:
        maintenance: a database of the same server that is always there.
        of: the database that it is made for, with whose name its own begins.

    """
    mark = secrets.token_hex(4)
    name = f"{_prefix(of)}{mark}"
    with maintenance.outside_transactions() as admin:
        # The lock is held as long as this line is, which says nothing while the database is filled.
        admin.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        admin.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key(mark)])
        try:
            admin.execute(_about("CREATE DATABASE {} TEMPLATE template0", name))
            admin.execute(_about("COMMENT ON DATABASE {} IS {}", name, sql.Literal(COMMENT)))
            yield name
        finally:
            # Over a line of its own: an interruption may have left this one in the middle of a statement.
            with uninterrupted(), maintenance.outside_transactions() as again:
                CONNECTIONS.close()
                again.execute(_about("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def keep(admin: psycopg.Connection, name: str) -> None:
    """Let a database that has got its name no longer say that it is to be dropped."""
    admin.execute(_about("COMMENT ON DATABASE {} IS NULL", name))


def drop_leftovers(maintenance: DatabaseServer, of: str) -> None:
    """Drop what restores that were killed have left of their databases, and name what only a person can judge."""
    with maintenance.outside_transactions() as admin:
        found = admin.execute(named_query("scratch_databases"), {"prefix": _prefix(of), "comment": COMMENT}).fetchall()
        for name, mark, ours in found:
            lock = [LOCK_CLASS, _key(mark)]
            if admin.execute("SELECT pg_try_advisory_lock(%s, %s)", lock).fetchone() != (True,):
                continue  # somebody is at work with it
            why = _dropped(admin, name) if ours else "it does not say that a restore made it"
            if why:
                log.warning("The database %s was left behind, and stays: %s. Look into it, and drop it.", name, why)
            else:
                log.warning("The database %s is dropped: a restore that was killed had left it behind.", name)
            admin.execute("SELECT pg_advisory_unlock(%s, %s)", lock)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off SIGINT and SIGTERM until the block is done, which is short and would leave something behind."""
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    waiting: list[int] = []

    def later(number: int, _frame: FrameType | None) -> None:
        waiting.append(number)

    before = {how: signal.signal(how, later) for how in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for how, handler in before.items():
            signal.signal(how, signal.SIG_DFL if handler is None else handler)
        for number in waiting[:1]:
            signal.raise_signal(number)


def _prefix(of: str) -> str:
    return f"{of.encode()[:LONGEST_BYTES].decode(errors='ignore')}_restoring_"


def _key(mark: str) -> int:
    """As PostgreSQL's integers are, with a sign."""
    return int(mark, 16) - 2**31


def _dropped(admin: psycopg.Connection, name: str) -> str:
    """Why it could not be dropped; empty where it was."""
    try:
        admin.execute(_about("DROP DATABASE {}", name))
    except psycopg.Error as error:
        return first_line(error)
    return ""


def _about(text: LiteralString, name: str, *more: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier(name), *more)
