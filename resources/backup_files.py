"""Finds the backups that lie in a folder, and when each was made, without a database and without reading it through.

When is what a backup says of itself: the time of a file is that of whoever copied it last. What is in a backup of ours,
and how one is written and restored, is `resources.database.backups`' matter.
"""

import json
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

from market.day_facts import Backup, Backups

DUMP, MANIFEST = "database.dump", "manifest.json"
"""The members of a backup of ours."""
ENDING: Final = ".backup"
BASE_MANIFEST: Final = "backup_manifest"
"""What `pg_basebackup` writes last into its folder."""
CONTENTS: Final = "toc.dat"
"""What `pg_dump --format=directory` writes last into its folder."""
DUMP_MARK: Final = b"PGDMP"
"""How a dump in one of pg_dump's own formats begins."""
COMPRESSION_IS_A_BYTE: Final = (1, 15)
"""The format of dumps from PostgreSQL 16 on; before, it is a number."""
AHEAD: Final = timedelta(minutes=5)
"""How far another machine's clock may be before this one's."""


def backups_in(folder: Path, now: datetime) -> Backups:
    """The newest complete backup of a folder: of `intraday db backup`, `pg_dump` or `pg_basebackup`.

    Args:
        folder: where to look; folders in it may be backups too.
        now: UTC. What was made later than that says something wrong of itself.

    Raises:
        OSError: the folder may not be read; one that is not there has no backups.

    """
    found: list[Backup] = []
    broken: list[str] = []
    others: list[str] = []
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if path.name.startswith("."):
            continue
        try:
            made_at = _made_at(path)
        except (OSError, ValueError, KeyError, TypeError, StopIteration, OverflowError, zipfile.BadZipFile):
            broken.append(path.name)
            continue
        if made_at is None:
            others.append(path.name)
        elif made_at > now + AHEAD:
            broken.append(path.name)
        else:
            found.append(Backup(path.name, made_at))
    return Backups(str(folder), max(found, key=lambda one: one.made_at, default=None), tuple(broken), tuple(others))


def _made_at(path: Path) -> datetime | None:
    """When a backup says that it was made, UTC; None: it is none that is understood."""
    if path.suffix == ENDING:
        return _of_ours(path)
    if (path / BASE_MANIFEST).is_file():
        return _of_base_backup(path / BASE_MANIFEST)
    dump = path / CONTENTS if path.is_dir() else path
    if dump.is_file():
        with dump.open("rb") as opened:
            if opened.read(len(DUMP_MARK)) == DUMP_MARK:
                return _of_dump(opened)
    return None


def _of_ours(path: Path) -> datetime:
    """What its manifest says; a file that was cut short has none."""
    with zipfile.ZipFile(path) as archive:
        archive.getinfo(DUMP)
        return datetime.fromisoformat(json.loads(archive.read(MANIFEST))["made_at"]).astimezone(UTC)


def _of_base_backup(manifest: Path) -> datetime:
    """When its label was written, which is when it began; a manifest that was cut short is no JSON."""
    files = json.loads(manifest.read_bytes())["Files"]
    written = next(one["Last-Modified"] for one in files if one.get("Path") == "backup_label")
    return datetime.strptime(written, "%Y-%m-%d %H:%M:%S GMT").replace(tzinfo=UTC)


def _of_dump(dump: IO[bytes]) -> datetime:
    """What stands in the head of a dump, in the machine's time zone: what `pg_restore --list` calls created at."""
    major, minor, _, number_size, _, _ = dump.read(6)
    if (major, minor) < COMPRESSION_IS_A_BYTE:
        _number(dump.read, number_size)
    else:
        dump.read(1)
    second, minute, hour, day, month, year, summer = (_number(dump.read, number_size) for _ in range(7))
    local = (1900 + year, 1 + month, day, hour, minute, second, 0, 0, summer)
    return datetime.fromtimestamp(time.mktime(local), UTC)


def _number(read: Callable[[int], bytes], size: int) -> int:
    """A number of a dump's head: a byte for its sign, and its bytes, the least first."""
    sign, *digits = read(1 + size)
    return int.from_bytes(digits, "little") * (-1 if sign else 1)
