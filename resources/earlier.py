"""The sessions before one: what is stored of them, and which of them may warm indicators.

Runs of the graph and loads of files ask here, so that both choose alike. Where the bars of an earlier session come from
is the caller's matter; which rules they are held to, the gate's.
"""

from collections import ChainMap, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from market.frames import REACH_SESSIONS, warm_history
from market.quality.evidence import HISTORY_SESSIONS, Evidence
from market.quality.gate import bars_of
from market.quality.grid import Grid, stored_grid
from market.sessions import Session, sessions_before
from resources.desk import Desk
from schemas.quality import QualityReport

REMEMBERED = REACH_SESSIONS + HISTORY_SESSIONS + 1
"""Sessions of which something is kept in memory: as far as the next one, and what warms it, reach back."""

Value = TypeVar("Value")


class EarlierSessions:
    """Answers about earlier sessions, for work that goes forward in time: what was learned of one stays true.

    Args:
        desk: whose sessions.
        known: a session's bars as they are known now, with nothing beside them; None where there are none.

    """

    def __init__(self, desk: Desk, known: Callable[[Session], Evidence | None]) -> None:
        self._desk = desk
        self._known = known
        self._stored: OrderedDict[Session, Grid | None] = OrderedDict()
        """As read from the database; None where that is no bar."""
        self._passed: OrderedDict[Session, Grid | None] = OrderedDict()
        """What this work stores or has stored, which may not be committed yet: nothing that is read drives it out."""
        self._fit: OrderedDict[Session, Evidence | None] = OrderedDict()
        self._reports: OrderedDict[Session, QualityReport] = OrderedDict()

    def judged(self, session: Session, report: QualityReport, stored: Grid) -> None:
        """Remember the gate's judgement of a session, and what is stored of it or will be once this work is done."""
        remember(self._reports, session, report)
        remember(self._passed, session, if_any(stored))

    def forget(self, session: Session) -> None:
        """Nothing came of it: what is stored of the session, and what was found of it, is read when it is asked for."""
        for remembered in (self._stored, self._passed, self._fit, self._reports):
            remembered.pop(session, None)

    def history(self, session: Session, instead: Mapping[Session, Grid | None] | None = None) -> tuple[Grid, ...]:
        """What is stored of the sessions before, latest first; without those of which nothing is.

        Args:
            session: the one that is compared with them.
            instead: what is taken to be stored of some of them; None where that is no bar.

        """
        before = list(islice(sessions_before(session), HISTORY_SESSIONS))
        known: ChainMap[Session, Grid | None] = ChainMap({}, dict(instead or {}), self._passed, self._stored)
        unread = [earlier for earlier in before if earlier not in known]
        if unread:
            known |= self._read(unread)
        found = tuple(grid for grid in (known[earlier] for earlier in before) if grid is not None)
        for earlier in unread:
            remember(self._stored, earlier, known[earlier])
        return found

    def warm_up(self, session: Session) -> list[Grid]:
        """The bars that warm a session's frame, latest session first."""
        return warm_history(session, self._desk.symbols, self.fit)

    def fit(self, session: Session) -> Grid | None:
        """An earlier session's bars, for warming indicators; None if there are none or the gate blocks them."""
        if session not in self._fit:
            remember(self._fit, session, self._found_fit(session))
        fit = self._fit[session]
        return None if fit is None else fit.grid

    def prints(self, session: Session) -> dict[str, str]:
        """The fingerprints of the bars that `fit` gives of a session."""
        fit = self._fit.get(session)
        return {} if fit is None else fit.fingerprints

    def _found_fit(self, session: Session) -> Evidence | None:
        desk, bars = self._desk, self._known(session)
        if bars is None:
            return None
        report = self._reports.get(session)
        if report is None:
            report = desk.reports.newest(session, desk.gate.environment, desk.bar_size, desk.symbols)
        if report is None or bars_of(report) != bars.fingerprints:
            # Nobody has judged these bars yet, with all that they could be compared with.
            report = desk.gate.judge(replace(bars, history=self.history(session)))
        return None if report.blocked else bars

    def _read(self, sessions: Sequence[Session]) -> dict[Session, Grid | None]:
        desk = self._desk
        tables = zip(sessions, desk.sessions.stored_of(sessions), strict=True)
        return {one: if_any(stored_grid(rows, one, desk.bar_size, desk.symbols)) for one, rows in tables}


def if_any(grid: Grid | None) -> Grid | None:
    """The grid, if it has a bar."""
    return grid if grid is not None and grid.present.any() else None


def remember(kept: OrderedDict[Session, Value], session: Session, value: Value) -> None:
    """Keep it, and forget what was kept first."""
    kept[session] = value
    kept.move_to_end(session)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
