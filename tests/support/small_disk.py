"""A disk that can be filled up and emptied: a file system in memory, mounted for a test, which only root may do."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """The folder where it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes free."""
        room = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_bsize - left)

    def make_room(self) -> None:
        """As a person does who is told that it is full."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int, owner: int) -> Iterator[SmallDisk]:
    """Mount one of that size for a user; skips where that is not allowed."""
    options = f"size={megabytes}m,mode=700,uid={owner}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "intraday-tests", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=20)
    except FileNotFoundError as error:
        pytest.skip(f"no disk that may be filled: {error}")
    if done.returncode:
        pytest.skip(f"no disk that may be filled: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)
