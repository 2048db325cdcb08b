"""Databases that a test has to itself: empty, or at this code's schema.

Here: making one on a server and dropping it. Not here: the servers (timescale.py, desk.py), what is stored in it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from resources.database.connections import CONNECTIONS
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer

EMPTY = "template0"
"""Not template1, which TimescaleDB's workers visit: what somebody is connected to cannot be copied."""
LOOKS = 1_000


@contextmanager
def database(server_url: str, template: str = EMPTY) -> Iterator[str]:
    """The address of a copy of the template, dropped in the end together with whoever is still connected."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            _empty_of_people(admin, name)
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def migrated_template(server_url: str) -> Iterator[str]:
    """The name of a database at this code's schema, to be copied: that takes less time than to migrate another."""
    with database(server_url) as url:
        migrate(DatabaseServer(url))
        name = urlsplit(url).path.removeprefix("/")
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            _empty_of_people(admin, name)
        yield name


def _empty_of_people(admin: psycopg.Connection, name: str) -> None:
    """Send everybody off, and see them go: a drop would look again only after a tenth of a second."""
    CONNECTIONS.close()
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    for _ in range(LOOKS):
        if not admin.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s LIMIT 1", [name]).fetchall():
            break
