"""Bring a database to the schema of this code.

Numbered SQL files, each applied once, in a transaction, by one process at a time; then what needs TimescaleDB, where
the server has it, and the roles. What those two are made of is in `timescale` and `roles` beside this.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import psycopg

from resources.database.retries import repeatable
from resources.database.schema.roles import grant_privileges, make_roles
from resources.database.schema.timescale import (
    SchemaBasis,
    keep_for,
    lacking,
    lacking_hypertables,
    schema_basis,
    use_licence,
)
from resources.database.server import DatabaseServer
from resources.errors import MigrationError, first_line
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
    """The extension's version; None where the database does not have it."""
    done: tuple[str, ...] = ()
    """What was done, in words; empty where nothing was missing."""


class Applied(NamedTuple):
    """A migration that the database has."""

    number: int
    sha256: str
    name: str
    at: datetime


def migrate(server: DatabaseServer, folder: Path = SQL) -> SchemaState:
    """Apply what is missing. Where nothing is, the database is only read, so that no right to change it is needed.

    Raises:
        MigrationError: the database is ahead of this code, an applied file was changed afterwards, or something is
            missing that this user may not add.

    """
    with server.connect():
        pass  # where nobody is, another attempt is not worth the wait; where somebody was, it is
    return _migrated(server, folder)


@repeatable
def _migrated(server: DatabaseServer, folder: Path) -> SchemaState:
    files = read_migrations(folder / "migrations")
    with server.connect() as connection:
        basis = schema_basis(connection)
        missing = missing_migrations(connection, basis, files)
        if not missing and not (basis.owned and lacking(connection, basis)):
            return SchemaState((), basis.version)
    return bring_up(server, folder)


def bring_up(
    server: DatabaseServer, folder: Path = SQL, retention_days: int | Literal["as it is"] | None = "as it is"
) -> SchemaState:
    """Apply what is missing, what the roles lack and, where it is given, how long bars are kept; one process at a time.

    Args:
        server: the database.
        folder: where the SQL files are.
        retention_days: after how many days bars are deleted, None to keep them for ever. Only where the licence has it.

    Raises:
        MigrationError: as `migrate`.

    """
    files = read_migrations(folder / "migrations")
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        missing = missing_migrations(connection, schema_basis(connection), files)
        try:
            done = _apply(connection, missing) + _use_extension(connection, folder, anew=bool(missing))
            basis = schema_basis(connection)
            if basis.licensed and retention_days != "as it is":
                done += keep_for(connection, retention_days)
            done += make_roles(connection) + grant_privileges(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(_not_allowed(connection, missing, error)) from error
    return SchemaState(tuple(migration.name for migration in missing), basis.version, tuple(done))


def applied_migrations(connection: psycopg.Connection, basis: SchemaBasis) -> list[Applied]:
    """What the database has, by number."""
    if not basis.begun:
        return []
    found = connection.execute("SELECT number, sha256, name, applied_at FROM schema_migrations ORDER BY number")
    return [Applied(*row) for row in found.fetchall()]


def missing_migrations(connection: psycopg.Connection, basis: SchemaBasis, files: list[Migration]) -> list[Migration]:
    """What the database lacks.

    Raises:
        MigrationError: it is ahead of this code, or an applied file was changed afterwards.

    """
    done = {migration.number: migration.sha256 for migration in applied_migrations(connection, basis)}
    _refuse_foreign(done, files)
    return [migration for migration in files if migration.number not in done]


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


@cache
def newest_migration() -> int:
    """The number of this code's last one."""
    return max(one.number for one in read_migrations(SQL / "migrations"))


def ahead_of_code(number: int, newest: int) -> MigrationError:
    """The database has a migration that the code, whose newest it names, does not know."""
    return MigrationError(f"The database has migration {number}, this code ends at {newest}: update the code.")


def _refuse_foreign(done: dict[int, str], files: list[Migration]) -> None:
    known = {migration.number: migration for migration in files}
    ahead = sorted(set(done) - set(known))
    if ahead:
        raise ahead_of_code(ahead[-1], max(known))
    for number, sha256 in done.items():
        if known[number].sha256 != sha256:
            raise MigrationError(
                f"{known[number].name}.sql was changed after it was applied; add a new migration instead."
            )


def _apply(connection: psycopg.Connection, missing: list[Migration]) -> list[str]:
    if missing:
        connection.execute(LEDGER)
    for migration in missing:
        connection.execute(migration.text)
        connection.execute(
            "INSERT INTO schema_migrations (number, name, sha256) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.sha256],
        )
    return [f"applied {migration.name}" for migration in missing]


def _use_extension(connection: psycopg.Connection, folder: Path, *, anew: bool) -> list[str]:
    """Add what needs TimescaleDB; after a migration also what it may have replaced."""
    basis = schema_basis(connection)
    missing = lacking_hypertables(connection, basis)
    if basis.usable and (missing or anew):
        connection.execute((folder / "timescaledb.sql").read_text(encoding="utf-8"))
    done = [f"added {what}" for what in missing]
    return done + (use_licence(connection) if schema_basis(connection).licensed else [])


def _not_allowed(connection: psycopg.Connection, missing: list[Migration], error: psycopg.Error) -> str:
    lacks = ", ".join(migration.name for migration in missing) or "something that needs TimescaleDB"
    return (
        f"The database lacks {lacks}, and the user {connection.info.user} may not add it ({first_line(error)}): "
        "let its owner run `intraday db migrate`."
    )
