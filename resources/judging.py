"""Judges sessions outside of a run: those of files that a person names, or those that a desk has landed.

Nothing is stored and no feed is asked. What a report looks like on a screen is `cli.gate_table`'s matter; what the gate
asks, `market.quality`'s.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Protocol

import pandas as pd

from market.frames import REACH_SESSIONS, build_frame, warm_history
from market.normalise import empty_bars
from market.quality.evidence import HISTORY_SESSIONS, Evidence, failed_alone
from market.quality.gate import Gate, bars_of, failed_before_the_gate
from market.quality.grid import Grid, bar_grid
from market.sessions import BarSize, Session, sessions_before
from market.splits import SplitTable
from resources.errors import UNUSABLE, NotLanded, ReportUnreadable
from resources.shelf import Shelf
from schemas.quality import QualityReport
from schemas.tables import Frame, checked

FitBars = Callable[[Session], pd.DataFrame | None]
"""An earlier session's bars; None where there are none that may be used."""


class Place(Protocol):
    """Where sessions are that can be judged."""

    bar_size: BarSize

    def symbols(self, session: Session) -> tuple[str, ...]:
        """Whose bars make the session there; empty where it is not there."""

    def bars(self, session: Session) -> pd.DataFrame:
        """`schemas.tables.Bars` of a session that is there.

        Raises:
            FeedError, LabelSideUnclear, ContractBroken: they are no bars that can be judged.
            NotLanded: no run has made them.

        """

    def frame(self, session: Session, bars: pd.DataFrame, fit: FitBars, splits: SplitTable) -> pd.DataFrame:
        """`schemas.tables.Frame` of those bars.

        Raises:
            NotLanded: no run has made it.
            ContractBroken: it is none.

        """

    def earlier_report(self, session: Session) -> QualityReport | None:
        """What a run found of the session, where one did."""

    def second(self, session: Session, bars: pd.DataFrame) -> pd.DataFrame | None:
        """Another feed's bars of the session, `schemas.tables.Bars`, where there are any."""


class Judging:
    """Holds the sessions of a place to a gate; earlier sessions of the place warm indicators and are compared with.

    Args:
        place: where the sessions are.
        gate: the rules and thresholds.

    """

    def __init__(self, place: Place, gate: Gate) -> None:
        self._place = place
        self._gate = gate
        # A session is judged and is then the history of the next ones: what they reach back to is kept, no more.
        remembered = lru_cache(maxsize=REACH_SESSIONS + 1)
        self._blocked: set[Session] = set()
        self._bars: Callable[[Session], pd.DataFrame] = remembered(place.bars)
        self._fit: FitBars = remembered(self._fit_bars)

    def report(self, session: Session) -> QualityReport:
        """The gate's judgement of a session that is there; the next ones are not compared with one that is blocked.

        Raises:
            NotLanded: no run has made its bars or its frame.

        """
        report = self._judged(session)
        if report.blocked:
            self._blocked.add(session)
        return report

    def _judged(self, session: Session) -> QualityReport:
        place, symbols = self._place, self._place.symbols(session)
        try:
            bars = self._bars(session)
            frame = place.frame(session, bars, self._fit, self._gate.splits)
        except UNUSABLE as error:  # a finding, and no end of the command
            evidence = Evidence(session, place.bar_size, symbols, empty_bars())
            return self._gate.report(evidence, [failed_before_the_gate("bars", error.sentence())])
        history, second = self._history(session, symbols), place.second(session, bars)
        known = place.earlier_report(session)
        failed = failed_alone(known.attempts if known is not None else ())
        evidence = Evidence(session, place.bar_size, symbols, bars, frame, history, second=second, second_failed=failed)
        same_bars = known is not None and bars_of(known).items() <= evidence.fingerprints.items()
        if known is None or not same_bars:
            return self._gate.judge(evidence)
        return self._gate.judge(evidence, known.attempts, known.accepted)

    def _history(self, session: Session, symbols: tuple[str, ...]) -> tuple[Grid, ...]:
        size = self._place.bar_size
        found = ((earlier, self._fit(earlier)) for earlier in islice(sessions_before(session), REACH_SESSIONS))
        grids = (bar_grid(bars, earlier, size, symbols) for earlier, bars in found if bars is not None)
        return tuple(islice(grids, HISTORY_SESSIONS))

    def _fit_bars(self, session: Session) -> pd.DataFrame | None:
        symbols = self._place.symbols(session)
        if not symbols or session in self._blocked:
            return None
        try:
            bars = self._bars(session)
        except (*UNUSABLE, NotLanded):
            return None
        return None if self._gate.judge(Evidence(session, self._place.bar_size, symbols, bars)).blocked else bars


class LandedSessions:
    """The sessions that the runs of a desk have landed.

    Args:
        shelf: the desk's: its tables lie there, whatever thresholds they are held to.
        symbols: those that are judged.

    """

    def __init__(self, shelf: Shelf, symbols: tuple[str, ...]) -> None:
        self.bar_size = shelf.bar_size
        self._shelf = shelf
        self._symbols = symbols

    def symbols(self, session: Session) -> tuple[str, ...]:
        """The same of every session."""
        return self._symbols

    def bars(self, session: Session) -> pd.DataFrame:
        """As landed."""
        return self._of_symbols(self._shelf.bars(session))

    def frame(self, session: Session, bars: pd.DataFrame, fit: FitBars, splits: SplitTable) -> pd.DataFrame:
        """As landed: it is what would be loaded, so nothing is built anew."""
        return self._of_symbols(self._shelf.frame(session))

    def earlier_report(self, session: Session) -> QualityReport | None:
        """As landed, where it is about the same symbols and can be read."""
        if self._symbols != self._shelf.symbols:
            return None
        try:
            return self._shelf.report(session)
        except (NotLanded, ReportUnreadable):
            return None

    def second(self, session: Session, bars: pd.DataFrame) -> pd.DataFrame | None:
        """As landed beside these bars."""
        return self._shelf.feeds_asked(session, bars)[1]

    def _of_symbols(self, table: pd.DataFrame) -> pd.DataFrame:
        if self._symbols == self._shelf.symbols:
            return table
        return table[table["symbol"].isin(self._symbols)].reset_index(drop=True)


def built_frame(
    session: Session, bars: pd.DataFrame, fit: FitBars, bar_size: BarSize, symbols: tuple[str, ...], splits: SplitTable
) -> pd.DataFrame:
    """The frame of bars that no run has built one of, warmed by the earlier sessions that are fit."""
    history = warm_history(session, symbols, fit)
    return checked(build_frame(bars, history, session, bar_size, symbols, splits), Frame)
