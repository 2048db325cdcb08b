"""The files that `intraday load` is about, as they are when it starts: which can be read, which sessions are in them.

How a file is read is `folder`'s matter, which file a session is taken from `files`'s, storing `resources.loading`'s.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from market.sessions import Session, calendar_days, sessions_between
from resources.errors import NoBars
from resources.feeds.file_formats import FileRows, parse_file
from resources.feeds.file_formats.names import base_name
from resources.feeds.files import FilesFeed, in_minutes
from resources.feeds.folder import Files, Folder, GivenFiles, Part, Version
from resources.settings import Settings
from schemas.errors import IntradayError
from schemas.words import counted, first_of


class FolderNow(Folder):
    """The first files of a folder by name, listed once: what is put there afterwards is the next load's.

    Args:
        url: a folder, or an fsspec URL such as `s3://bucket/path`.
        symbols: the desk's; a file about none of them is read for what it is about.
        limit: how many files; None: all.

    Raises:
        NoBars: there is no such folder, or no file of bars in it.
        Outage: it cannot be listed, or not by this user.

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
        """By file that cannot be loaded, in part or whole: why."""
        self.left_alone: dict[str, str] = {}
        """By session that is in a file and must not be loaded: why."""
        self.nowhere: list[str] = []
        """A sentence a file: its rows that are of no session's regular hours."""
        self.rows = 0
        """Rows of the desk's symbols in all files that could be read, whatever day they are of."""
        self.not_taken = Counter[str]()
        """By why, how many of these rows no session takes."""
        self._days: dict[date, Session] = {}
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
                self._refuse(name, str(error))
            yield name

    @property
    def sessions(self) -> list[Session]:
        """The sessions with bars of a desk's symbol in regular hours that can be loaded, in order."""
        return [self._days[day] for day in sorted(self._days)]

    @property
    def contested(self) -> list[str]:
        """Sessions of a symbol that several files have, in a sentence a symbol and the files."""
        groups: dict[tuple[str, tuple[str, ...]], int] = {}
        for (symbol, _), names in self._files_of.items():
            if len(names) > 1:
                key = (symbol, tuple(sorted(names, key=base_name)))
                groups[key] = groups.get(key, 0) + 1
        return [
            f"{counted(count, 'session')} of {symbol} {'is' if count == 1 else 'are'} in "
            f"{' and '.join(names)}: the last one by name counts, a synthetic one only where there is no other."
            for (symbol, names), count in groups.items()
        ]

    def _take(self, name: str, parts: Sequence[Part]) -> None:
        """Note which sessions of the desk's symbols a file has, and which of its rows are of none.

        Raises:
            NoBars: it has none, or only bars that are too long.

        """
        symbols = self._settings.symbols
        named = {symbol for part in parts for symbol in (part.found.symbol, *part.found.others)}
        others = sorted(named - set(symbols))
        if others:
            self._refuse(name, f"{name} has bars of {', '.join(others)}; the desk's are {', '.join(symbols)}.")
        wanted = [part for part in parts if part.found.symbol in symbols]
        rows = sum(map(len, wanted))
        self.rows += rows
        for part in wanted:
            if not self.feed.usable(part.length):
                self.not_taken["in files whose bars are too long"] += rows
                size = self._settings.bar_size.delta
                said = f"{name}: its bars are {in_minutes(part.length)} long"
                raise NoBars(f"{said}, of which no bars of {in_minutes(size)} can be made.")
        found, nowhere = self._by_day(name, wanted)
        if not found and not others:
            raise NoBars(f"{name}: no bar of {' or '.join(symbols)} lies in the regular hours of a session. {nowhere}")
        if nowhere:
            self.nowhere.append(nowhere)
        for session in sorted(found, key=lambda one: one.day):
            self._note(name, session, found[session])

    def _by_day(self, name: str, parts: Sequence[Part]) -> tuple[dict[Session, list[Part]], str]:
        """The sessions of which a file has bars, with its parts that have some; and a sentence on its other days.

        Days that the exchange's calendar does not reach are refused: nobody can say whether they are sessions.
        """
        found: dict[Session, list[Part]] = {}
        nowhere, unknown = Counter[date](), Counter[date]()
        first, last = calendar_days()
        for part in parts:
            sessions = {session.day: session for session in _sessions(part, first, last)}
            for session in sessions.values():
                found.setdefault(session, []).append(part)
            for day in part.days.keys() - sessions.keys():
                (nowhere if first <= day <= last else unknown)[day] += len(part.days[day])
        self.not_taken["of days without a session"] += nowhere.total() + unknown.total()
        if unknown:
            calendar = f"the exchange's calendar ({first} to {last}) does not reach"
            rows = counted(unknown.total(), "row")
            self._refuse(name, f"{name} has {rows} of days that {calendar}, which are left out: {_named(unknown)}.")
        rows = counted(nowhere.total(), "row")
        said = f"{name} has {rows} of days on which none lies in a session's regular hours: {_named(nowhere)}."
        return found, said if nowhere else ""

    def _refuse(self, name: str, said: str) -> None:
        self.refused[name] = " ".join(filter(None, [self.refused.get(name), said]))

    def _note(self, name: str, session: Session, parts: Sequence[Part]) -> None:
        why = self._unready(name, session)
        if why:
            self.left_alone[session.key] = why
            self.not_taken["of sessions left alone"] += sum(len(part.days[session.day]) for part in parts)
            return
        self._days[session.day] = session
        for part in parts:
            self._files_of.setdefault((part.found.symbol, session.day), set()).add(name)

    def _unready(self, name: str, session: Session) -> str:
        """Why a session must not be loaded; empty where it may be."""
        first = self._settings.first_session
        if session.day < first:
            return f"{session.key} in {name} lies before the first session of the graph, {first} (first_session)."
        if session.close >= self._now:
            return f"{session.key} in {name} is not over: load it after {session.close:%H:%M} UTC."
        return ""


def _sessions(part: Part, first: date, last: date) -> list[Session]:
    """The exchange's sessions from one day to another of which it has bars in regular hours."""
    days = sorted(day for day in part.days if first <= day <= last)
    between = sessions_between(days[0], days[-1]) if days else []
    return [session for session in between if part.of_session(session) is not None]


def _named(days: Iterable[date]) -> str:
    return first_of([day.isoformat() for day in sorted(days)], "day")
