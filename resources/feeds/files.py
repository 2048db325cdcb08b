"""Files of bars as a feed: whatever somebody put into the folder, in the shapes that `file_formats` reads.

Which file a session is taken from is decided here; reading and remembering files is `folder`'s.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from market.aggregate import aggregate
from market.normalise import NormalisedBars, normalise
from market.quality.columns import Columns
from market.sessions import BarSize, Session
from resources.errors import FileNotUnderstood, NoBars, Outage
from resources.feeds.file_formats.lean import ticker_and_day
from resources.feeds.file_formats.names import may_be_about
from resources.feeds.folder import Files, Folder, Part
from schemas.tables import KEPT, SYNTHETIC


class FilesFeed:
    """Bars of the files in a folder; those in folders within it are not read.

    Where several files have a session, the one whose name sorts last is taken; a synthetic one only where there is no
    other. A file that cannot be understood is logged; it stops only the sessions that it might hold and no other has.

    Args:
        files: a folder, an fsspec URL such as `s3://bucket/path`, or files that were given by name.
        symbols: the configured symbols.
        bar_size: the length of the bars wanted; files with shorter ones are aggregated.

    """

    name = "files"

    def __init__(self, files: str | Files, symbols: Sequence[str], bar_size: BarSize) -> None:
        self._files = Folder(files, symbols) if isinstance(files, str) else files
        self._symbols = symbols
        self._bar_size = bar_size

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session; `origin` is the name of the file.

        Raises:
            NoBars: no file has the session, or only files whose bars are too long.
            FileNotUnderstood: a file that might have it cannot be understood, or contradicts itself.
            Outage: the folder or a file in it cannot be read.
            LabelSideUnclear: the stamps contradict each other.

        """
        broken: FileNotUnderstood | Outage | None = None
        made_up: NormalisedBars | None = None
        unfit = ""
        for version in self._files.files():
            lean = ticker_and_day(version.path)
            if lean is not None and lean != (symbol.upper(), session.day):
                continue  # the name says it all: a folder may have thousands of these
            try:
                parts = self._files.parts(version, symbol, session)
            except (FileNotUnderstood, Outage) as error:
                if may_be_about(version.path, symbol, self._symbols):
                    broken = broken or error
                continue
            length = max(parts, key=len).length if parts else None
            size = self.usable(length)
            if parts and size is not None:
                bars = self._bars(self._files.name(version), parts, session, size)
                if not any(part.found.provenance.source == SYNTHETIC for part in parts):
                    return bars
                made_up = made_up or bars
            elif parts:
                unfit = unfit or f" {self._files.name(version)} has it in bars of {in_minutes(length)}."
        if broken is not None:
            raise broken
        if made_up is not None:
            return made_up
        raise NoBars(f"No file in {self._files.where} has {self._bar_size} bars of {symbol} of {session.key}.{unfit}")

    def usable(self, length: pd.Timedelta | None) -> BarSize | None:
        """The size of bars of this length, if the desk's can be made of them."""
        if length is None:
            return self._bar_size
        fitting = (
            size for size in BarSize if size.delta == length and self._bar_size.delta % length == pd.Timedelta(0)
        )
        return next(fitting, None)

    def _bars(self, name: str, parts: Sequence[Part], session: Session, size: BarSize) -> NormalisedBars:
        """The session out of a file's parts, in bars of the desk's length."""
        read = [self._normalised(part, session, size) for part in parts]
        bars = _together(name, [part.bars for part in read], session)
        if size is not self._bar_size:
            # What is marked stays beside the longer bars, so that the gate sees it.
            longer = aggregate(bars, session, self._bar_size)
            bars = _together(name, [longer, bars[bars["mark"] != KEPT]], session)
        return replace(read[0], columns=Columns(bars), origin=name.rsplit("/", 1)[-1])

    @staticmethod
    def _normalised(part: Part, session: Session, size: BarSize) -> NormalisedBars:
        certain = part.found.provenance.side is not None
        side = None if certain else part.prevailing(session, size)
        return normalise(part.days[session.day], session, size, part.found.provenance, side)


def _together(name: str, tables: Sequence[pd.DataFrame], session: Session) -> pd.DataFrame:
    """The bars of all parts by time.

    Raises:
        FileNotUnderstood: two sources give the same minute, or prices on different bases.

    """
    if len(tables) == 1:
        return tables[0]
    bars = pd.concat(tables, ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
    twice = bars[bars["mark"] == KEPT].duplicated("timestamp").any()
    if twice or bars["basis"].nunique() > 1:
        what = "for the same minute" if twice else "on different adjustment bases"
        sources = " and ".join(dict.fromkeys(bars["source"]))
        raise FileNotUnderstood(f"{name}: of {session.key} it has bars of {sources} {what}.")
    return bars


def in_minutes(length: pd.Timedelta | None) -> str:
    """A length as messages say it: `5 minutes`."""
    minutes = 0.0 if length is None else length / pd.Timedelta(minutes=1)
    return f"{minutes:g} minutes" if minutes != 1 else "1 minute"
