"""Files of bars, those of a folder or given by name: reads each once, and remembers which sessions are in it.

Which of the files a session is taken from is `resources.feeds.files`'s matter.
"""

import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import pandas as pd

from market.labels import LabelSide, prevailing_side
from market.sessions import BarSize, Session, sessions_of_month
from resources.errors import FileNotUnderstood, MayNotRead, NoBars, Outage
from resources.feeds.file_formats import FileRows, parse_file
from resources.feeds.file_formats.names import base_name
from resources.landing import open_url

ENDINGS: Final = (".csv", ".csv.gz", ".json", ".json.gz", ".parquet", ".zip")
ROWS_REMEMBERED: Final = 1_000_000
"""About 100 MB; what is beyond is read again when it is asked for."""

log = logging.getLogger("intraday.files")


@dataclass(frozen=True)
class Part:
    """One symbol's rows of a file, of one source."""

    found: FileRows
    days: dict[date, pd.DataFrame]
    sides: dict[str, LabelSide | None] = field(default_factory=dict)
    """What was found of the months so far."""

    def __len__(self) -> int:
        return len(self.found.rows)

    @cached_property
    def length(self) -> pd.Timedelta | None:
        """How long its bars are: the most frequent distance of two stamps of a day; None where no day has two."""
        stamps = self.found.rows["stamp"].drop_duplicates().sort_values()
        steps = stamps.diff()[stamps.dt.date == stamps.dt.date.shift()].mode()
        return None if steps.empty else pd.Timedelta(steps.iloc[0])

    def of_session(self, session: Session) -> pd.DataFrame | None:
        """Its rows of the session's day; None where none of them lies in regular hours."""
        day = self.days.get(session.day)
        if day is None or not day["stamp"].between(session.open, session.close).any():
            return None
        return day

    def prevailing(self, session: Session, bar_size: BarSize) -> LabelSide | None:
        """The label side of most of its sessions of the month."""
        if session.month not in self.sides:
            self.sides[session.month] = prevailing_side(self.days, sessions_of_month(session.month), bar_size)
        return self.sides[session.month]


@dataclass(frozen=True)
class Version:
    """A file as it is now: another size or time of change makes it another one."""

    path: str
    size: int
    changed: str


class Files(ABC):
    """Reads files.

    Args:
        symbols: the wanted symbols; what files hold of others is passed over.

    """

    passed_over: ClassVar[bool] = True
    """Whether a file that cannot be understood is passed over where another one serves, and so has to be logged."""
    where: str
    """All of them, as messages name them."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols
        self._read: OrderedDict[Version, tuple[Part, ...]] = OrderedDict()
        self._failed: dict[Version, FileNotUnderstood] = {}
        self._told: dict[Version, frozenset[tuple[str, date]]] = {}

    @abstractmethod
    def files(self) -> list[Version]:
        """The files that might hold bars, by name, the last first."""

    @abstractmethod
    def name(self, version: Version) -> str:
        """The file as messages name it."""

    def parts(self, version: Version, symbol: str, session: Session) -> list[Part]:
        """What a file has of a symbol's session: several parts where its rows are of several sources.

        Raises:
            FileNotUnderstood: it cannot be read as bars.
            Outage: it cannot be read at all.

        """
        told = self._told.get(version)
        if told is not None and (symbol, session.day) not in told:
            return []
        parts = (part for part in self.all_parts(version) if part.found.symbol == symbol)
        return [part for part in parts if part.of_session(session) is not None]

    def all_parts(self, version: Version) -> tuple[Part, ...]:
        """What a file has of the wanted symbols.

        Raises:
            FileNotUnderstood: it cannot be read as bars.
            Outage: it cannot be read at all.

        """
        if version in self._failed:
            raise self._failed[version]
        if version not in self._read:
            try:
                self._remember(version, self._parsed(version))
            except FileNotUnderstood as error:
                self._failed[version] = error
                if self.passed_over:
                    log.warning("%s", error)
                raise
        self._read.move_to_end(version)
        return self._read[version]

    def _parsed(self, version: Version) -> tuple[Part, ...]:
        name = self.name(version)
        found = self._rows(name, self._content(version))
        for said in {part.said for part in found if part.said}:
            log.info("%s: %s", name, said)
        return tuple(Part(part, dict(iter(part.rows.groupby(part.rows["stamp"].dt.date)))) for part in found)

    @abstractmethod
    def _content(self, version: Version) -> bytes:
        """The bytes of a file.

        Raises:
            Outage: it cannot be read.

        """

    def _rows(self, name: str, content: bytes) -> tuple[FileRows, ...]:
        return parse_file(name, content, self._symbols)

    def _remember(self, version: Version, parts: tuple[Part, ...]) -> None:
        """Keep what was asked for last, and of every file which days it has."""
        self._told[version] = frozenset((part.found.symbol, day) for part in parts for day in part.days)
        self._read[version] = parts
        while len(self._read) > 1 and sum(len(part) for held in self._read.values() for part in held) > ROWS_REMEMBERED:
            self._read.popitem(last=False)


class Folder(Files):
    """Reads the files that lie directly in a folder.

    Args:
        url: a folder, or an fsspec URL such as `s3://bucket/path`.
        symbols: the wanted symbols.

    """

    def __init__(self, url: str, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self.where = url.rstrip("/") or url
        self._files, self._root = open_url(url)

    def files(self) -> list[Version]:
        """The files that might hold bars, by name, the last first.

        Raises:
            NoBars: there is no such folder.
            Outage: it cannot be listed.

        """
        try:
            self._files.invalidate_cache(self._root)
            entries: list[dict[str, Any]] = self._files.ls(self._root, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            raise NoBars(f"There is no folder {self.where} with files of bars.") from None
        except PermissionError:
            raise MayNotRead(f"This user may not list the folder {self.where}: allow it, or name another.") from None
        except OSError as error:
            raise Outage(f"The folder {self.where} cannot be listed: {type(error).__name__}.") from None
        files = (entry for entry in entries if entry["type"] == "file")
        found = [_version(entry) for entry in files if entry["name"].lower().endswith(ENDINGS)]
        return sorted(found, key=lambda version: version.path, reverse=True)

    def name(self, version: Version) -> str:
        """The file as messages name it."""
        return f"{self.where}/{version.path.rsplit('/', 1)[-1]}"

    def _content(self, version: Version) -> bytes:
        try:
            return bytes(self._files.cat_file(version.path))
        except PermissionError:
            raise MayNotRead(f"This user may not read {self.name(version)}: allow it.") from None
        except OSError as error:
            raise Outage(f"{self.name(version)} cannot be read: {type(error).__name__}.") from None


class GivenFiles(Files):
    """Reads files that are given by name, whatever their names end in.

    Args:
        paths: local files.
        symbols: the wanted symbols; a file that is about none of them is read for what it is about.

    Raises:
        NoBars: there is no such file.
        MayNotRead: it cannot be looked for.

    """

    passed_over: ClassVar[bool] = False

    def __init__(self, paths: Sequence[Path], symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self.where = ", ".join(map(str, dict.fromkeys(paths)))
        given = [_given(path) for path in dict.fromkeys(paths)]
        self._given = sorted(given, key=lambda version: (base_name(version.path), version.path), reverse=True)

    def files(self) -> list[Version]:
        """The files by their names, the last first."""
        return self._given

    def name(self, version: Version) -> str:
        """The file as it was given."""
        return version.path

    def _content(self, version: Version) -> bytes:
        try:
            return Path(version.path).read_bytes()
        except PermissionError:
            raise MayNotRead(f"This user may not read {version.path}: allow it.") from None
        except OSError as error:
            raise Outage(f"{version.path} cannot be read: {error.strerror}.") from None

    def _rows(self, name: str, content: bytes) -> tuple[FileRows, ...]:
        return super()._rows(name, content) or parse_file(name, content, None)


def _given(path: Path) -> Version:
    try:
        if path.is_dir():
            raise NoBars(f"{path} is a folder: name the files in it.")
        stat = path.stat()
        if not path.is_file():
            raise NoBars(f"{path} is no file.")
    except (FileNotFoundError, NotADirectoryError):
        raise NoBars(f"There is no {path}.") from None
    except OSError as error:
        raise MayNotRead(f"{path} cannot be looked for: {error.strerror}.") from None
    return Version(str(path), stat.st_size, str(stat.st_mtime_ns))


def _version(entry: dict[str, Any]) -> Version:
    changed = entry.get("mtime") or entry.get("LastModified") or entry.get("ETag") or entry.get("created")
    return Version(entry["name"], int(entry["size"] or 0), str(changed))
