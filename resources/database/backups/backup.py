"""A backup: one file with what `pg_dump` makes of the database, and a manifest of what every table held.

The file is a ZIP archive of two members that are not compressed again: `database.dump`, in pg_dump's custom format, and
`manifest.json`. Writing and reading it belongs here; putting it into a database is `restore` beside this.
"""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import psycopg
from pydantic import BaseModel, ConfigDict, ValidationError

from resources.backup_files import DUMP, ENDING, MANIFEST
from resources.database.backups.contents import TableContent, table_contents
from resources.database.backups.pg_programs import CHUNK, programs_for, reading
from resources.database.schema.migrations import applied_migrations
from resources.database.schema.timescale import schema_basis
from resources.database.server import DatabaseServer
from resources.errors import BackupFailed, BackupUnsound, first_line
from resources.part_files import part_file, remove_abandoned


class Manifest(BaseModel):
    """What was backed up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    made_at: str
    """UTC."""
    server: int
    """PostgreSQL's major version."""
    pg_dump: int
    """The major version of the program that made the dump; an older `pg_restore` does not read it."""
    timescaledb: str | None
    """The extension's version; None: it was not in the database."""
    migrations: tuple[int, ...]
    tables: dict[str, TableContent]
    sha256: str
    """Of the dump."""

    @property
    def rows(self) -> int:
        """In all tables."""
        return sum(content.rows for content in self.tables.values())


def write_backup(server: DatabaseServer, path: Path, now: pd.Timestamp) -> tuple[Path, Manifest]:
    """Write the database as one transaction sees it into a file that appears whole or not at all.

    Args:
        server: the database.
        path: the file, which must not exist, or a folder, in which a name with the time is chosen.
        now: the clock, UTC.

    Returns:
        The file, and what is in it.

    Raises:
        BackupFailed: there is a file already, it cannot be written, or `pg_dump` failed.
        ToolMissing: no `pg_dump` here is new enough for the server.

    """
    file = path / f"intraday-{now:%Y%m%dT%H%M%SZ}{ENDING}" if path.is_dir() else path
    if file.exists():
        raise BackupFailed(f"{file} exists already: a backup is never put in place of another file.")
    try:
        with _appearing(file) as archive:
            return file, _write(server, archive, now)
    except OSError as error:
        raise BackupFailed(f"{file} cannot be written: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder for backups, with those that it lies in; nothing where it is there.

    Raises:
        BackupFailed: it cannot be made.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupFailed(f"The folder {folder} cannot be made ({error.strerror or error}): name another.") from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """A backup's manifest and its dump, which was read through once and is what the manifest says.

    Raises:
        BackupUnsound: it is no backup, or was cut short or altered.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = Manifest.model_validate_json(archive.read(MANIFEST))
            with archive.open(DUMP) as dump:
                digest = _digest(dump)
            if digest != manifest.sha256:
                raise BackupUnsound(f"{path} is not what was backed up: its dump has another checksum.")
            with archive.open(DUMP) as dump:
                yield manifest, dump
    except OSError as error:
        raise BackupFailed(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        raise BackupUnsound(f"{path} has a manifest that this code does not understand: {first_line(error)}.") from None
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
        raise BackupUnsound(f"{path} is no backup, or was cut short or altered: {first_line(error)}.") from error


def _write(server: DatabaseServer, archive: zipfile.ZipFile, now: pd.Timestamp) -> Manifest:
    with server.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it waits for pg_dump
        major = connection.info.server_version // 10_000
        programs = programs_for(major)
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        digest = hashlib.sha256()
        with reading(programs, server, snapshot) as dump, archive.open(DUMP, "w", force_zip64=True) as member:
            while block := dump.read(CHUNK):
                digest.update(block)
                member.write(block)
        manifest = _manifest(connection, now, major, programs.major, digest.hexdigest())
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _manifest(connection: psycopg.Connection, now: pd.Timestamp, server: int, pg_dump: int, sha256: str) -> Manifest:
    basis = schema_basis(connection)
    return Manifest(
        made_at=now.isoformat(),
        server=server,
        pg_dump=pg_dump,
        timescaledb=basis.version,
        migrations=tuple(one.number for one in applied_migrations(connection, basis)),
        tables=table_contents(connection),
        sha256=sha256,
    )


@contextmanager
def _appearing(file: Path) -> Iterator[zipfile.ZipFile]:
    """An archive that only its owner may read, beside its place until it is whole and on the disk."""
    remove_abandoned(file.parent)
    with part_file(file.with_name(f".{file.name}"), 0o600) as (part, raw):
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
            yield archive
        raw.flush()
        os.fsync(raw.fileno())
        os.link(part, file)  # unlike a rename, never in place of a file that came meanwhile
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(dump: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := dump.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()
