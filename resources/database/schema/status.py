"""What is in a database and what is not, and why, for a person who looks after it. Nothing is changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from resources.database.queries import named_query
from resources.database.schema.migrations import applied_migrations, read_migrations
from resources.database.schema.roles import ROLES, roles_present
from resources.database.schema.timescale import LICENSED, SchemaBasis, retention, schema_basis
from resources.database.server import DatabaseServer
from resources.paths import SQL


@dataclass(frozen=True)
class Hypertable:
    """A table that TimescaleDB cuts into chunks."""

    name: str
    chunks: int
    compressed: bool
    """Chunks older than a week are compressed."""
    interval: timedelta
    """Of a chunk."""
    bytes: int


@dataclass(frozen=True)
class MigrationState:
    """A migration of this code, or one that only the database knows."""

    name: str
    at: datetime | None
    """When it was applied, UTC; None: it is missing."""
    known: bool
    """This code has it."""


@dataclass(frozen=True)
class DatabaseStatus:
    """A database as its administrator looks at it."""

    address: str
    """Without user and password."""
    user: str
    server: str
    """PostgreSQL's version."""
    timescaledb: str | None
    licence: str | None
    migrations: tuple[MigrationState, ...]
    hypertables: tuple[Hypertable, ...]
    retention: dict[str, int]
    """After how many days a hypertable's rows are deleted; the others are kept."""
    bar_size: str | None
    """Of the bars that are stored; None: none were yet."""
    roles: tuple[str, ...]
    left_out: tuple[str, ...]
    """What is not there, why, and what would bring it; sentences."""


def database_status(server: DatabaseServer, folder: Path = SQL) -> DatabaseStatus:
    """Look at a database."""
    with server.connect() as connection:
        basis = schema_basis(connection)
        migrations = _migrations(connection, basis, folder)
        hypertables: list[Hypertable] = []
        if basis.version is not None:
            with connection.cursor(row_factory=class_row(Hypertable)) as cursor:
                hypertables = cursor.execute(named_query("hypertables")).fetchall()
        roles = roles_present(connection)
        return DatabaseStatus(
            address=server.shown,
            user=connection.info.user,
            server=connection.info.parameter_status("server_version") or "",
            timescaledb=basis.version,
            licence=basis.licence,
            migrations=tuple(migrations),
            hypertables=tuple(hypertables),
            retention=retention(connection) if basis.licensed else {},
            bar_size=_bar_size(connection),
            roles=tuple(roles),
            left_out=(*_without_extension(basis), *_without_licence(basis), *_without_roles(roles)),
        )


def _migrations(connection: psycopg.Connection, basis: SchemaBasis, folder: Path) -> list[MigrationState]:
    applied = {one.number: one for one in applied_migrations(connection, basis)}
    files = {one.number: one.name for one in read_migrations(folder / "migrations")}
    return [
        MigrationState(
            name=files.get(number) or applied[number].name,
            at=applied[number].at if number in applied else None,
            known=number in files,
        )
        for number in sorted(applied.keys() | files.keys())
    ]


def _bar_size(connection: psycopg.Connection) -> str | None:
    (there,) = connection.execute("SELECT to_regclass('stored_bar_size') IS NOT NULL").fetchone() or (False,)
    row = connection.execute("SELECT bar_size FROM stored_bar_size").fetchone() if there else None
    return str(row[0]) if row else None


def _without_extension(basis: SchemaBasis) -> list[str]:
    if basis.version is not None:
        return []
    if not basis.offered:
        why = "the server does not have TimescaleDB"
    elif not basis.preloaded:
        why = "timescaledb is not in the server's shared_preload_libraries"
    elif not basis.addable:
        why = "this user may not add it: let an administrator run CREATE EXTENSION timescaledb; and migrate again"
    else:
        why = "it was not migrated since the server has TimescaleDB: run `intraday db migrate`"
    return [f"Hypertables are plain tables: {why}."]


def _without_licence(basis: SchemaBasis) -> list[str]:
    if basis.licensed:
        return []
    licence = "" if basis.version is None else f", and this server's is {basis.licence}"
    return [
        "Longer bars are plain views, nothing is compressed and nothing deleted by age: "
        f"that needs TimescaleDB under the licence {LICENSED}{licence}."
    ]


def _without_roles(present: list[str]) -> list[str]:
    missing = [role for role in ROLES if role not in present]
    if not missing:
        return []
    statements = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in missing)
    return [
        f"Missing roles: {', '.join(missing)}. Where the user who migrates may make none, an administrator runs "
        f"{statements} and `intraday db migrate` then gives them their rights."
    ]
