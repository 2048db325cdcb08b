"""The landing zone: vendor answers as they came, and the tables between two assets, on any fsspec file system.

Files appear whole or not at all. What is in them is the callers' matter. The tables of one desk lie on a shelf of its
own, so that desks with other symbols, bars or thresholds never read them.

```
raw/<feed>/<host>/<bar size>/<symbol>/<month or week>/<fetched at>.<ending>.gz
<asset>/<shelf>/<session>.parquet               shelf: <environment>/<bar size>/<symbols>
<asset>/<shelf>/<session>/<name>                texts: quality_reports/…/2020-11-23/qc_report.json
```

Beside each file on this machine an empty one has its checksum in its name (`resources.checksums`).
"""

import gzip
import hashlib
import io
import logging
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import fsspec
import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem

from resources.checksums import noted
from resources.errors import ConfigError, LandingFailed, NotLanded, Outage
from resources.part_files import part_file, remove_abandoned
from resources.paths import machine_state

STAMP = "%Y%m%dT%H%M%S.%fZ"
ANSWER = re.compile(r"/\d{8}T\d{6}\.\d{6}Z\.[a-z]+\.gz$", re.ASCII)
"""What lies on a shelf under another name is somebody else's."""

LEVEL = 6
"""How hard gzip tries: 9, its own choice, takes four times as long to save one percent."""
LONGEST_LOCK_SECONDS = 900.0

log = logging.getLogger("intraday.landing")


@dataclass(frozen=True)
class RawAnswer:
    """A vendor's answer as it came, without the key."""

    fetched_at: pd.Timestamp
    text: str


class LandingZone:
    """Reads and writes the landing zone.

    Args:
        url: a folder, or an fsspec URL such as `s3://bucket/path`.

    """

    def __init__(self, url: str) -> None:
        self.files, self.root = open_url(url)
        self._swept: set[Path] = set()

    def land_answer(self, shelf: str, ending: str, answer: RawAnswer) -> str:
        """Keep a vendor's answer on its shelf (`<feed>/<host>/<bar size>/<symbol>/<month>`); returns where."""
        name = f"{answer.fetched_at.tz_convert('UTC').strftime(STAMP)}.{ending}.gz"
        return self._write(f"raw/{shelf}/{name}", gzip.compress(answer.text.encode(), LEVEL, mtime=0))

    @contextmanager
    def alone(self, shelf: str) -> Iterator[None]:
        """Keep the other processes of this machine off a shelf, so that two of them do not ask for the same."""
        digest = hashlib.sha256(f"{self.root}/{shelf}".encode()).hexdigest()[:24]
        lock = FileLock(machine_state("locks") / f"{digest}.lock", timeout=LONGEST_LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise Outage(f"Another process has been asking for {shelf} for {LONGEST_LOCK_SECONDS:.0f} s.") from None
        try:
            yield
        finally:
            lock.release()

    def answers(self, shelf: str) -> Iterator[RawAnswer]:
        """The answers on the shelf that can be read, newest first."""
        folder = f"{self.root}/raw/{shelf}"
        self.files.invalidate_cache(folder)  # another process may just have landed one
        try:
            names = self.files.ls(folder, detail=False)
        except FileNotFoundError:
            return
        for name in sorted((name for name in names if ANSWER.search(name)), reverse=True):
            try:
                packed = self.files.cat_file(name)
                if not packed:
                    raise EOFError("it is empty")
                text = gzip.decompress(packed).decode()
            except (EOFError, OSError, ValueError, zlib.error) as error:
                log.warning("%s cannot be read and is passed over: %s", name, error)
                continue
            stamp = name.rsplit("/", 1)[-1].split("Z.")[0] + "Z"
            yield RawAnswer(pd.Timestamp(datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)), text)

    def write_table(self, asset: str, shelf: str, session: str, table: pd.DataFrame) -> str:
        """Write one asset's session as Parquet; returns where."""
        buffer = io.BytesIO()
        texts = [name for name, dtype in table.dtypes.items() if pd.api.types.is_string_dtype(dtype)]
        # Of numbers a dictionary makes the file larger, and takes a third of the time.
        table.to_parquet(buffer, index=False, compression="zstd", use_dictionary=texts)
        return self._write(f"{asset}/{shelf}/{session}.parquet", buffer.getvalue())

    def read_table(self, asset: str, shelf: str, session: str) -> pd.DataFrame:
        """Read it back.

        Raises:
            NotLanded: no run has made it.

        """
        content = self._read(asset, shelf, session, ".parquet")
        try:
            return pd.read_parquet(io.BytesIO(content))
        except pa.ArrowInvalid:
            raise NotLanded(
                f"The landed {asset} of {session} ({shelf}) cannot be read: materialise them again."
            ) from None

    def write_text(self, asset: str, shelf: str, session: str, name: str, text: str) -> str:
        """Write a text of one asset's session under a name of its own; returns where."""
        return self._write(f"{asset}/{shelf}/{session}/{name}", text.encode())

    def read_text(self, asset: str, shelf: str, session: str, name: str) -> str:
        """Read it back.

        Raises:
            NotLanded: no run has made it.
            UnicodeDecodeError: somebody wrote something else there.

        """
        return self._read(asset, shelf, session, f"/{name}").decode()

    def write_file(self, name: str, content: bytes) -> str:
        """Write a file at the root; returns where."""
        return self._write(name, content)

    def _write(self, name: str, content: bytes) -> str:
        """Write a file so that nobody ever reads half of it, not even after the machine lost power.

        Raises:
            LandingFailed: there is no room, or no right to write.

        """
        path = f"{self.root}/{name}"
        try:
            self.files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            if isinstance(self.files, LocalFileSystem):
                self._put(Path(path), content)
            else:
                self.files.pipe_file(path, content)  # an object store shows an object when it is complete
        except OSError as error:
            raise LandingFailed(f"{path} cannot be written: {error.strerror or error}.") from error
        return str(self.files.unstrip_protocol(path))

    def _put(self, path: Path, content: bytes) -> None:
        with noted(path, content):
            if not _holds(path, content):
                self._sweep(path.parent)
                replace_durably(path, content)

    def _sweep(self, folder: Path) -> None:
        """Once a folder: remove what a writer that was killed has left there."""
        if folder not in self._swept:
            self._swept.add(folder)
            remove_abandoned(folder)

    def _read(self, asset: str, shelf: str, session: str, ending: str) -> bytes:
        try:
            return bytes(self.files.cat_file(f"{self.root}/{asset}/{shelf}/{session}{ending}"))
        except (FileNotFoundError, NotADirectoryError):
            raise NotLanded(f"No {asset} of {session} have been made yet ({shelf}): materialise them first.") from None


def open_url(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path on it.

    Raises:
        ConfigError: fsspec does not know it, or lacks the package for it.

    """
    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{url} cannot be used as a place for files: {error}.") from None
    return files, root


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file is there and says just that: to write it again would only make the disk wait."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def replace_durably(path: Path, content: bytes) -> None:
    """Put a local file in place so that readers see the old one or the whole new one, even after a loss of power."""
    with durable_file(path) as file:
        file.write(content)


@contextmanager
def durable_file(path: Path) -> Iterator[IO[bytes]]:
    """A local file to write to, that takes its place whole at the end of the block; an exception leaves nothing."""
    with part_file(path) as (part, file):
        yield file
        file.flush()
        os.fsync(file.fileno())
        part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
