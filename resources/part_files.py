"""Local files that are written beside their place until they are whole.

Each is locked while it is written, so that what a killed process has left behind can be told from what another one is
writing, and be removed. How a whole file gets its place is the caller's matter.
"""

import errno
import fcntl
import logging
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ENDING = ".intraday.part"
"""Of our parts: other programs have parts too, and those are never touched."""
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}
"""What file systems say that have none: nothing is removed there."""

log = logging.getLogger("intraday.files")


@contextmanager
def part_file(place: Path, mode: int = 0o666) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new file beside its place, and where it is; removed at the end unless the block has moved it.

    Args:
        place: where the whole file belongs. The part has its name, and behind it a random one.
        mode: who may do what with it, as `os.open` has it.

    Raises:
        OSError: it cannot be made.

    """
    descriptor = None
    while descriptor is None:
        part = place.with_name(f"{place.name}.{uuid.uuid4().hex}{ENDING}")
        descriptor = _locked(part, mode)
    with os.fdopen(descriptor, "w+b") as file:  # to close it is to let go of it
        try:
            yield part, file
        finally:
            with suppress(FileNotFoundError):
                part.unlink()


def remove_abandoned(folder: Path, name: str | None = None) -> None:
    """Remove the parts in a folder that nobody writes any more: whoever did was killed.

    Args:
        folder: where they lie; nothing in the folders within it is touched.
        name: only those that were to become this file.

    """
    ours = re.compile(rf"{'.+' if name is None else re.escape(name)}\.[0-9a-f]{{32}}{re.escape(ENDING)}")
    with suppress(OSError):  # whoever writes there next is told
        for part in [Path(entry) for entry in os.scandir(folder) if ours.fullmatch(entry.name)]:
            _remove_unless_held(part)


def _locked(part: Path, mode: int) -> int | None:
    """A descriptor of the new file; None where another process took it for abandoned before it was locked."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    if os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None


def _remove_unless_held(part: Path) -> None:
    with suppress(OSError), part.open("rb") as file:  # it is locked, somebody else's, or gone
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()
        log.warning("%s is removed: a process that was killed had left it behind.", part)
