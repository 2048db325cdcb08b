"""The sessions that are in files which a person names: which there are, of whom, in what bars.

A place of `resources.judging`. How a file is read is `folder`'s matter, how a session is made of its rows `files`'s.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from market.sessions import BarSize, Session, sessions_between
from market.splits import SplitTable
from resources.errors import NoBars
from resources.feeds.files import FilesFeed, in_minutes
from resources.feeds.folder import GivenFiles, Part
from resources.judging import FitBars, built_frame
from schemas.quality import QualityReport
from schemas.tables import Bars, checked
from schemas.words import counted


class FileSessions:
    """What some files have.

    Args:
        paths: local files, in any shape that is understood.
        desk_symbols: the configured symbols; a file about none of them is read for what it is about.
        only: symbols that alone are judged, in place of the configured ones; empty: no such restriction.
        bar_size: the length of the bars judged; None: that of the files.

    Raises:
        NoBars: a file is not there, has no session, or none of a symbol of `only`; or their bars are too long or of
            several lengths.
        FileNotUnderstood: with the line and the column.
        Outage: a file cannot be read.

    """

    def __init__(
        self, paths: Sequence[Path], desk_symbols: Sequence[str], only: Sequence[str], bar_size: BarSize | None
    ) -> None:
        self._files = GivenFiles(paths, only or desk_symbols)
        parts = [(self._files.name(file), part) for file in self._files.files() for part in self._files.all_parts(file)]
        self._parts = parts
        found = _sessions_by_symbol([part for _, part in parts], only or desk_symbols)
        if not found:
            raise NoBars(f"{self._files.where}: no bar lies in the regular hours of a session.")
        for symbol in only:
            if symbol not in found:
                known = ", ".join(found)
                raise NoBars(f"{self._files.where}: there are no regular-hours bars of {symbol}; there are {known}.")
        self._days = {symbol: found[symbol] for symbol in only} or found
        self.bar_size = bar_size or _common_size(parts)
        self._feed = FilesFeed(self._files, tuple(self._days), self.bar_size)
        for name, part in parts:
            if part.length is not None and not self._feed.usable(part.length):
                said = f"{name}: its bars are {in_minutes(part.length)} long"
                raise NoBars(f"{said}, of which no bars of {in_minutes(self.bar_size.delta)} can be made.")

    @property
    def sessions(self) -> list[Session]:
        """The sessions that have bars in regular hours, in order."""
        by_day = {session.day: session for sessions in self._days.values() for session in sessions.values()}
        return [by_day[day] for day in sorted(by_day)]

    @property
    def absent(self) -> list[Session]:
        """The exchange's sessions between the first and the last of them that are in no file."""
        there = self.sessions
        return [one for one in sessions_between(there[0].day, there[-1].day) if one not in set(there)]

    @property
    def contested(self) -> list[str]:
        """Sessions of a symbol that several of the files have, in a sentence a symbol: only one file's are judged."""
        told = []
        for symbol in self._days:
            files: dict[date, set[str]] = {}
            for name, part in self._parts:
                for day in part.days if part.found.symbol == symbol else ():
                    files.setdefault(day, set()).add(name)
            days = sorted(day for day, names in files.items() if len(names) > 1 and day in self._days[symbol])
            if days:
                names = " and ".join(sorted(set.union(*(files[day] for day in days))))
                there = f"{counted(len(days), 'session')} of {symbol} {'is' if len(days) == 1 else 'are'}"
                told.append(f"{there} in {names}: of each, the last file's are judged.")
        return told

    def symbols(self, session: Session) -> tuple[str, ...]:
        """Those with earlier and later sessions, or this one: a hole in a file is held against it, its ends are not."""
        if not any(session.day in days for days in self._days.values()):
            return ()
        return tuple(symbol for symbol, days in self._days.items() if min(days) <= session.day <= max(days))

    def bars(self, session: Session) -> pd.DataFrame:
        """Of every symbol that has some; of several files with the same, the one whose name sorts last."""
        there = [symbol for symbol in self.symbols(session) if session.day in self._days[symbol]]
        tables = [self._feed.session_bars(symbol, session).bars for symbol in there]
        return checked(pd.concat(tables, ignore_index=True), Bars)

    def frame(self, session: Session, bars: pd.DataFrame, fit: FitBars, splits: SplitTable) -> pd.DataFrame:
        """Built here, as a run would."""
        return built_frame(session, bars, fit, self.bar_size, self.symbols(session), splits)

    def earlier_report(self, session: Session) -> QualityReport | None:
        """Files have none."""
        return None

    def second(self, session: Session, bars: pd.DataFrame) -> pd.DataFrame | None:
        """Files are one feed."""
        return None


def _sessions_by_symbol(parts: Sequence[Part], order: Sequence[str]) -> dict[str, dict[date, Session]]:
    """By symbol, those of `order` first, the sessions of which a part has bars in regular hours."""
    found: dict[str, dict[date, Session]] = {}
    for symbol in dict.fromkeys((*order, *(part.found.symbol for part in parts))):
        own = [part for part in parts if part.found.symbol == symbol]
        days = sorted({day for part in own for day in part.days})
        sessions = sessions_between(days[0], days[-1]) if days else []
        there = {one.day: one for one in sessions if any(part.of_session(one) is not None for part in own)}
        if there:
            found[symbol] = there
    return found


def _common_size(parts: Sequence[tuple[str, Part]]) -> BarSize:
    """The one length of all bars.

    Raises:
        NoBars: it is no `BarSize`, or there are several.

    """
    lengths = {part.length: name for name, part in parts if part.length is not None}
    sizes = {size.delta: size for size in BarSize}
    for length, name in lengths.items():
        if length not in sizes:
            allowed = " or ".join(in_minutes(delta) for delta in sizes)
            raise NoBars(f"{name}: its bars are {in_minutes(length)} long; {allowed} can be judged.")
    if len(lengths) > 1:
        said = ", ".join(f"{name} has bars of {in_minutes(length)}" for length, name in lengths.items())
        raise NoBars(f"{said}: say with --bar-size which to judge.")
    return sizes[next(iter(lengths))] if lengths else BarSize.ONE_MINUTE
