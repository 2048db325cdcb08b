"""Puts a backup into a database of its own, holds it against its manifest, and gives it its name.

No database that holds anything is touched: until a backup is proven it stands beside, under a name of its own, and is
dropped where it is not, or where the work is broken off (`scratch` beside this).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.database.backups.backup import Manifest, opened
from resources.database.backups.contents import content_differences, is_empty, table_contents
from resources.database.backups.pg_programs import fill, programs_for
from resources.database.backups.scratch import drop_leftovers, keep, scratch_database, uninterrupted
from resources.database.connections import CONNECTIONS
from resources.database.schema.migrations import bring_up, newest_migration
from resources.database.server import DatabaseServer
from resources.errors import (
    BackupFailed,
    BackupUnsound,
    ConfigError,
    DatabaseBusy,
    MigrationError,
    NotEmpty,
    first_line,
)

MAINTENANCE = "postgres"
"""The database from which others are made, renamed and dropped; every server has it."""


def verify_backup(server: DatabaseServer, path: Path) -> Manifest:
    """Restore a backup into a database that is then dropped, and compare what every table holds.

    Returns:
        What was backed up, proven.

    Raises:
        BackupUnsound: the file, or what comes of it, is not what was backed up.
        BackupFailed: it could not be tried.

    """
    with opened(path) as (manifest, dump), _restored(server, path, manifest, dump):
        return manifest


def restore_backup(server: DatabaseServer, path: Path, into: str | None = None) -> tuple[DatabaseServer, Manifest]:
    """Restore a backup, proven as by `verify_backup`; this code's schema is then brought up in it.

    Args:
        server: the desk's database. Without `into` the backup takes its place, if it holds no rows.
        path: the backup.
        into: the name of a new database on the same server.

    Returns:
        The database, and what was backed up.

    Raises:
        NotEmpty: the database holds something, or there is one of that name.
        MigrationError: the backup is of a newer code.
        BackupUnsound: the file, or what comes of it, is not what was backed up.
        BackupFailed: it could not be restored; nothing of it is left.

    """
    name = _database(server) if into is None else into
    target = _named(server, name)
    if not 0 < len(name.encode()) <= 63 or "\0" in name:
        raise ConfigError(f"{name!r} is no name of a database: it has 1 to 63 bytes.")
    _hold_empty(server, target, may_exist=into is None)
    with opened(path) as (manifest, dump):
        newest = max(manifest.migrations, default=0)
        if newest > newest_migration():
            raise MigrationError(f"{path} has migration {newest}, this code ends at {newest_migration()}: update it.")
        with _restored(server, path, manifest, dump) as proven:
            _put_in_place(server, proven, target)
    bring_up(target)
    return target, manifest


@contextmanager
def _restored(server: DatabaseServer, path: Path, manifest: Manifest, dump: IO[bytes]) -> Iterator[DatabaseServer]:
    """A database with what the backup holds, dropped at the end unless it has got another name."""
    maintenance, of = _named(server, MAINTENANCE), _database(server)
    with maintenance.outside_transactions() as admin:
        _hold_versions(admin, path, manifest)
    drop_leftovers(maintenance, of)
    with scratch_database(maintenance, of) as scratch:
        proven = _named(server, scratch)
        _fill(proven, manifest, dump)
        with proven.connect() as connection:
            differences = content_differences(manifest.tables, table_contents(connection))
        if differences:
            raise BackupUnsound(f"{path} is not what was backed up: {'; '.join(differences)}.")
        yield proven


def _hold_versions(admin: psycopg.Connection, path: Path, manifest: Manifest) -> None:
    major = admin.info.server_version // 10_000
    if major < manifest.server:
        raise BackupFailed(f"{path} is of PostgreSQL {manifest.server}, and this server is older: PostgreSQL {major}.")
    if manifest.timescaledb is None:
        return
    query = "SELECT EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'timescaledb' AND version = %s)"
    if admin.execute(query, [manifest.timescaledb]).fetchone() != (True,):
        raise BackupFailed(f"{path} needs TimescaleDB {manifest.timescaledb}, which this server does not have.")


def _fill(proven: DatabaseServer, manifest: Manifest, dump: IO[bytes]) -> None:
    programs = programs_for(max(manifest.pg_dump, manifest.server))
    if manifest.timescaledb is None:
        fill(programs, proven, dump)
        return
    with (
        proven.outside_transactions() as connection
    ):  # its tables take what pg_restore writes only between these two calls
        connection.execute(sql.SQL("CREATE EXTENSION timescaledb VERSION {}").format(sql.Literal(manifest.timescaledb)))
        connection.execute("SELECT timescaledb_pre_restore()")
    fill(programs, proven, dump)
    with proven.outside_transactions() as connection:
        connection.execute("SELECT timescaledb_post_restore()")


def _hold_empty(server: DatabaseServer, target: DatabaseServer, *, may_exist: bool) -> None:
    with _named(server, MAINTENANCE).outside_transactions() as admin:
        exists = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_database(target)]).fetchone()
    if exists and not may_exist:
        raise NotEmpty(f"There is a database {_database(target)} already: give another name with --into.")
    if exists:
        _refuse_rows(target, target)


def _refuse_rows(database: DatabaseServer, shown: DatabaseServer) -> None:
    with database.outside_transactions() as connection:
        if not is_empty(connection):
            raise NotEmpty(f"The database {_database(shown)} is not empty: restore into a new one with --into NAME.")


def _put_in_place(server: DatabaseServer, proven: DatabaseServer, target: DatabaseServer) -> None:
    """Give the proven database its name. An empty one that has it steps aside first, and goes once it is seen empty."""
    aside = _named(server, f"{_database(proven)}_empty")
    CONNECTIONS.close()
    _rest(proven)
    with uninterrupted(), _named(server, MAINTENANCE).outside_transactions() as admin:
        taken = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_database(target)]).fetchone()
        try:
            if taken:
                _rest(target)
                _rename(admin, target, aside)
                try:
                    _refuse_rows(aside, target)
                    _rename(admin, proven, target)
                except BaseException:
                    _rename(admin, aside, target)
                    raise
            else:
                _rename(admin, proven, target)
        except psycopg.errors.ObjectInUse as error:
            raise DatabaseBusy(
                f"{_database(target)} is in use by others ({first_line(error)}): stop them first."
            ) from error
        keep(admin, _database(target))
        if taken:
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(_database(aside))))
    _wake(target)


def _rename(admin: psycopg.Connection, old: DatabaseServer, new: DatabaseServer) -> None:
    names = [sql.Identifier(_database(one)) for one in (old, new)]
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


def _rest(database: DatabaseServer) -> None:
    """Let TimescaleDB's workers leave a database: nobody may be connected to one that is renamed."""
    _workers(database, "SELECT _timescaledb_functions.stop_background_workers()")


def _wake(database: DatabaseServer) -> None:
    _workers(database, "SELECT _timescaledb_functions.start_background_workers()")


def _workers(database: DatabaseServer, statement: LiteralString) -> None:
    with database.outside_transactions() as connection:
        if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
            connection.execute(statement)


def _database(server: DatabaseServer) -> str:
    return str(conninfo_to_dict(server.url).get("dbname", ""))


def _named(server: DatabaseServer, database: str) -> DatabaseServer:
    """Another database of the same server."""
    return replace(server, url=make_conninfo(server.url, dbname=database))
