"""Bring a database to the schema of this code.

Numbered SQL files, each applied once, in a transaction, by one process at a time; then what needs TimescaleDB, where
the server has it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg

from resources.database.server import DatabaseServer
from resources.errors import MigrationError
from resources.paths import SQL

LOCK = 0x696E7472  # "intr": the advisory lock that lets one process migrate at a time

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     integer PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The digest under which it is recorded; an applied file must not change."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class SchemaState:
    """What `migrate` found and did."""

    applied: tuple[str, ...]
    timescaledb: str | None
    """The extension's version; None where the server does not have it."""


def migrate(server: DatabaseServer, folder: Path = SQL) -> SchemaState:
    """Apply what is missing.

    Raises:
        MigrationError: the database is ahead of this code, or an applied file was changed afterwards.

    """
    files = read_migrations(folder / "migrations")
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(LEDGER)
        done = dict(connection.execute("SELECT number, sha256 FROM schema_migrations").fetchall())
        _refuse_foreign(done, files)
        missing = [migration for migration in files if migration.number not in done]
        for migration in missing:
            connection.execute(migration.text)
            connection.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.sha256],
            )
        version = _enable_timescaledb(connection, (folder / "timescaledb.sql").read_text(encoding="utf-8"))
    return SchemaState(tuple(migration.name for migration in missing), version)


def read_migrations(folder: Path) -> list[Migration]:
    """The numbered files of a folder, in order.

    Raises:
        MigrationError: two files have one number, or a file has none.

    """
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        number = path.name.split("_")[0]
        if not number.isdigit() or int(number) in found:
            raise MigrationError(f"{path.name} needs a number of its own in front.")
        found[int(number)] = Migration(int(number), path.stem, path.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


def _refuse_foreign(done: dict[int, str], files: list[Migration]) -> None:
    known = {migration.number: migration for migration in files}
    ahead = sorted(set(done) - set(known))
    if ahead:
        raise MigrationError(
            f"The database has migration {ahead[-1]}, this code ends at {max(known)}: update the code."
        )
    for number, sha256 in done.items():
        if known[number].sha256 != sha256:
            raise MigrationError(
                f"{known[number].name}.sql was changed after it was applied; add a new migration instead."
            )


def _enable_timescaledb(connection: psycopg.Connection, text: str) -> str | None:
    offered = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    if not offered:
        return None
    connection.execute(text)
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return str(row[0]) if row else None
