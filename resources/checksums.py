"""Checksums of landed files: kept as they are written, and held against the files later.

A file's SHA-256 stands in the name of an empty file beside it, `.<name>.<digest>.sha256`, which is there before the
file takes its place; the one of the file that it replaces goes afterwards. So whenever the machine stops, one of those
that are there is the file's, and the disk is waited for no longer. On file systems of this machine only.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from market.day_facts import Landed
from resources.part_files import ENDING

NOTE: Final = re.compile(r"\.(?P<name>.+)\.(?P<digest>[0-9a-f]{64})\.sha256", re.ASCII | re.DOTALL)


@contextmanager
def noted(path: Path, content: bytes) -> Iterator[None]:
    """Keep the checksum of what the block puts in this place; where the block fails, nothing is kept of it."""
    note = _note(path, hashlib.sha256(content).hexdigest())
    # Those of the file that goes; what another process notes meanwhile is not for this one to remove.
    before = {_note(path, digest) for digest in _digests(path.parent).get(path.name, ())} if path.exists() else set()
    news = _made(note)
    try:
        yield
    except BaseException:
        if news:
            note.unlink(missing_ok=True)
        raise
    for other in before - {note}:
        other.unlink(missing_ok=True)


def _note(path: Path, digest: str) -> Path:
    return path.with_name(f".{path.name}.{digest}.sha256")


def _made(note: Path) -> bool:
    """Whether the empty file was not there before."""
    try:
        os.close(os.open(note, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        return False
    return True


def verified(root: Path, at_most_bytes: int | None = None) -> Landed:
    """What became of all files below a folder; of none, where it is not there.

    Args:
        root: the folder.
        at_most_bytes: no more than this is read, of the files that were written last; None: all of them.

    Raises:
        OSError: a folder or a file may not be read.

    """
    unchecked, noted_ones = 0, []
    for one in _files(root):
        if one.digests:
            noted_ones.append(one)
        else:
            unchecked += 1
    sound, left, read = 0, 0, 0
    changed: list[str] = []
    for one in sorted(noted_ones, key=lambda one: (-one.written, one.path)):
        read += one.size
        if at_most_bytes is not None and read > at_most_bytes:
            left += 1
        elif _sound(one):
            sound += 1
        else:
            changed.append(one.path.relative_to(root).as_posix())
    return Landed(sound, tuple(changed), unchecked, left)


class _File(NamedTuple):
    path: Path
    size: int
    written: int
    digests: frozenset[str]


def _files(root: Path) -> Iterator[_File]:
    for folder, _, names in os.walk(root, onerror=_raise):
        digests = _by_name(names)
        for name in names:
            if NOTE.fullmatch(name) or name.endswith(ENDING):
                continue
            path = Path(folder, name)
            with suppress(FileNotFoundError):  # it was moved away meanwhile
                stat = path.stat()
                yield _File(path, stat.st_size, stat.st_mtime_ns, digests.get(name, frozenset()))


def _sound(one: _File) -> bool:
    """Whether the file is one of those that were noted, also those noted since it was found."""
    digest = _digest(one.path)
    return digest is None or digest in one.digests or digest in _digests(one.path.parent).get(one.path.name, ())


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _digests(folder: Path) -> Mapping[str, frozenset[str]]:
    return _by_name([path.name for path in folder.iterdir()])


def _by_name(names: list[str]) -> Mapping[str, frozenset[str]]:
    """By file, the digests that were noted of it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for note in filter(None, map(NOTE.fullmatch, names)):
        found[note["name"]].add(note["digest"])
    return {name: frozenset(digests) for name, digests in found.items()}


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
