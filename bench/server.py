"""A TimescaleDB of its own for a benchmark, with settings that are stated; nothing of it outlives its `with` block."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from tests.support.timescale import TimescaleServer, debian_bin_dir

SETTINGS = {
    "shared_buffers": "'512MB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'30min'",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""Beside PostgreSQL's defaults; fsync and synchronous_commit stay on."""


@contextmanager
def benchmark_server() -> Iterator[str]:
    """The address of its maintenance database, for a superuser."""
    with TimescaleServer(debian_bin_dir()) as server:
        url = server.url()
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")  # type: ignore[arg-type]
        server.restart()
        yield url


@contextmanager
def benchmark_database(url: str, name: str = "bench") -> Iterator[DatabaseServer]:
    """A database with the project's schema, dropped afterwards."""
    database = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(database))
        server = DatabaseServer(url.rsplit("/", 1)[0] + f"/{name}")
        try:
            migrate(server)
            yield server
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
