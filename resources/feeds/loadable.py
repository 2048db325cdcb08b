"""The files that `intraday load` is about, as they are when it starts: which can be read, which sessions are in them.

How a file is read is `folder`'s matter, which file a session is taken from `files`'s, storing `resources.loading`'s.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from market.sessions import Session, sessions_between
from resources.errors import NoBars
from resources.feeds.file_formats import FileRows, parse_file
from resources.feeds.file_formats.names import base_name
from resources.feeds.files import FilesFeed, in_minutes
from resources.feeds.folder import Files, Folder, GivenFiles, Part, Version
from resources.settings import Settings
from schemas.errors import IntradayError


class FolderNow(Folder):
    """The first files of a folder by name, listed once: what is put there afterwards is the next load's.

    Args:
        url: a folder, or an fsspec URL such as `s3://bucket/path`.
        symbols: the desk's; a file about none of them is read for what it is about.
        limit: how many files; None: all.

    Raises:
        NoBars: there is no such folder, or no file of bars in it.
        Outage: it cannot be listed.

    """

    passed_over = False

    def __init__(self, url: str, symbols: Sequence[str], limit: int | None) -> None:
        super().__init__(url, symbols)
        self._now = super().files()[::-1][:limit][::-1]
        if not self._now:
            raise NoBars(f"There is no file of bars in {self.where}: put some there, or name them.")

    def files(self) -> list[Version]:
        """Those that were there, by name, the last first."""
        return self._now

    def _rows(self, name: str, content: bytes) -> tuple[FileRows, ...]:
        return super()._rows(name, content) or parse_file(name, content, None)


def first_given(paths: Sequence[Path], limit: int | None) -> list[Path]:
    """The first of the files by their names."""
    return sorted(dict.fromkeys(paths), key=lambda path: (base_name(str(path)), str(path)))[:limit]


def open_files(paths: Sequence[Path], settings: Settings, limit: int | None = None) -> Files:
    """The files that are given by name, or those of the desk's folder; of either the first by name.

    Raises:
        NoBars: a file that is named is not there, or the folder has none.
        Outage: the folder cannot be listed.

    """
    if paths:
        return GivenFiles(first_given(paths, limit), settings.symbols)
    return FolderNow(settings.files_url, settings.symbols, limit)


class LoadableFiles:
    """What some files have for a desk. What cannot be loaded is named, and hinders nothing else.

    Args:
        files: the files.
        settings: the desk's symbols, the length of its bars, its first session.
        now: sessions that are not over by then are left alone.

    """

    def __init__(self, files: Files, settings: Settings, now: pd.Timestamp) -> None:
        self._files = files
        self._settings = settings
        self._now = now
        self.feed = FilesFeed(files, settings.symbols, settings.bar_size)
        self.refused: dict[str, str] = {}
        """By file or session that cannot be loaded, why."""
        self._days: dict[date, Session] = {}
        self.rows = 0
        """Rows of the desk's symbols in all files, whatever day they are of."""
        self._files_of: dict[tuple[str, date], set[str]] = {}

    def __len__(self) -> int:
        return len(self._files.files())

    def read(self) -> Iterator[str]:
        """Read every file, the first by name first; gives the name of each once it is read."""
        for version in reversed(self._files.files()):
            name = self._files.name(version)
            try:
                self._take(name, self._files.all_parts(version))
            except IntradayError as error:
                self.refused[name] = str(error)
            yield name

    @property
    def sessions(self) -> list[Session]:
        """The sessions with bars of a desk's symbol in regular hours that can be loaded, in order."""
        return [self._days[day] for day in sorted(self._days)]

    @property
    def contested(self) -> list[str]:
        """Sessions of a symbol that several files have, in a sentence a symbol and the files."""
        groups: dict[tuple[str, tuple[str, ...]], int] = {}
        for (symbol, day), names in self._files_of.items():
            if len(names) > 1 and day in self._days:
                key = (symbol, tuple(sorted(names, key=base_name)))
                groups[key] = groups.get(key, 0) + 1
        return [
            f"{count} {'session' if count == 1 else 'sessions'} of {symbol} {'is' if count == 1 else 'are'} in "
            f"{' and '.join(names)}: the last one by name counts, a synthetic one only where there is no other."
            for (symbol, names), count in groups.items()
        ]

    def _take(self, name: str, parts: Sequence[Part]) -> None:
        """Note which sessions of the desk's symbols a file has.

        Raises:
            NoBars: none that can be loaded.
            UnknownSession: a day lies outside the calendar.

        """
        symbols = self._settings.symbols
        named = {symbol for part in parts for symbol in (part.found.symbol, *part.found.others)}
        others = sorted(named - set(symbols))
        if others:
            self.refused[name] = f"{name} has bars of {', '.join(others)}; the desk's are {', '.join(symbols)}."
        wanted = [part for part in parts if part.found.symbol in symbols]
        self.rows += sum(len(rows) for part in wanted for rows in part.days.values())
        for part in wanted:
            if not self.feed.usable(part.length):
                size = self._settings.bar_size.delta
                said = f"{name}: its bars are {in_minutes(part.length)} long"
                raise NoBars(f"{said}, of which no bars of {in_minutes(size)} can be made.")
        found = {session for part in wanted for session in _sessions(part)}
        if not found and not others:
            raise NoBars(f"{name}: no bar of {' or '.join(symbols)} lies in the regular hours of a session.")
        for session in sorted(found, key=lambda one: one.day):
            self._note(name, session, wanted)

    def _note(self, name: str, session: Session, parts: Sequence[Part]) -> None:
        first = self._settings.first_session
        if session.day < first:
            said = f"{session.key} in {name} lies before the first session of the graph, {first} (first_session)."
            self.refused[session.key] = said
        elif session.close >= self._now:
            self.refused[session.key] = f"{session.key} in {name} is not over: load it after {session.close:%H:%M} UTC."
        else:
            self._days[session.day] = session
        for part in parts:
            if session.day in part.days:
                self._files_of.setdefault((part.found.symbol, session.day), set()).add(name)


def _sessions(part: Part) -> list[Session]:
    """The exchange's sessions of which it has bars in regular hours."""
    days = sorted(part.days)
    between = sessions_between(days[0], days[-1]) if days else []
    return [session for session in between if part.of_session(session) is not None]
