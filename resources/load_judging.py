"""Judges the sessions of a load one after the other, as a run of the graph would: with what is stored of the sessions
before, and with frames that these have warmed. What passed earlier in the same load counts as stored.

Nothing is written here. Which sessions there are and what is done with them is `resources.loading`'s matter.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from market.frames import FrameRequest, build_frames, warm_history
from market.normalise import empty_bars
from market.quality.columns import Columns, held, together
from market.quality.evidence import Evidence
from market.quality.gate import failed_before_the_gate
from market.quality.grid import Grid, stored_grid
from market.sessions import Session
from resources.earlier import EarlierSessions, if_any, remember
from resources.errors import DatabaseError, FeedError, NotLanded
from resources.load_desk import Judged, LoadingDesk
from schemas.errors import ContractBroken, IntradayError, LabelSideUnclear, sentence_of
from schemas.quality import QualityReport
from schemas.tables import Bars, Frame

log = logging.getLogger("intraday.loading")


@dataclass
class _Draft:
    """What is known of a session before it is its turn to be judged."""

    parts: list[Columns] = field(default_factory=list)
    """By symbol, its bars as the feed gives them."""
    evidence: Evidence | None = None
    """Its bars; None where there are none, or they break their contract."""
    warm: list[Grid] = field(default_factory=list)
    """What warms its frame if the sessions before it pass."""
    frame: Columns | None = None
    """The frame that it then has."""
    judged: Evidence | None = None
    """All that the gate then looks at."""
    report: QualityReport | None = None
    """What the gate then says."""
    error: Exception | None = None
    """Why there are no bars."""

    @property
    def grid(self) -> Grid | None:
        """Its unmarked bars."""
        return None if self.evidence is None else self.evidence.grid


class SessionJudge:
    """Judges sessions that come in order.

    Args:
        desk: whose sessions.

    """

    def __init__(self, desk: LoadingDesk) -> None:
        self._desk = desk
        self._earlier = EarlierSessions(desk, self._known)
        self._had: OrderedDict[Session, Evidence] = OrderedDict()
        """The bars that this load has of a session."""

    def judge_all(self, sessions: Sequence[Session]) -> list[Judged]:
        """The judgements of some sessions, each compared with what is stored of it now.

        Their frames and reports are made together, as if all of them passed; where one does not, those after it anew.

        Raises:
            DatabaseError: the database cannot be asked.

        """
        before = self._desk.sessions.stored_of(sessions)
        drafts = self._drafts(sessions)
        self._judge_drafts(drafts, before)
        return [self._judge(one, drafts[one], stored) for one, stored in zip(sessions, before, strict=True)]

    def _drafts(self, sessions: Sequence[Session]) -> dict[Session, _Draft]:
        desk = self._desk
        drafts = {session: self._draft(session) for session in sessions}
        held = _held_each([draft.parts for draft in drafts.values()], Bars)
        for (session, draft), bars in zip(drafts.items(), held, strict=True):
            if isinstance(bars, ContractBroken):
                draft.error = bars
            elif bars is not None:
                draft.evidence = desk.evidence(session, bars)

        def fit_if_all_pass(session: Session) -> Grid | None:
            if session in drafts:
                return drafts[session].grid
            return self._earlier.fit(session) if session.day < sessions[0].day else None

        try:
            for session, draft in drafts.items():
                draft.warm = warm_history(session, desk.symbols, fit_if_all_pass)
            there = [(draft, draft.grid) for draft in drafts.values() if draft.grid is not None]
            frames = build_frames([FrameRequest(grid, draft.warm) for draft, grid in there], desk.gate.splits)
            for (draft, _), frame in zip(there, _held_each([[frame] for frame in frames], Frame), strict=True):
                draft.frame = None if isinstance(frame, ContractBroken) else frame
        except DatabaseError:
            raise
        except Exception as error:  # whose it is turns out when each frame is made by itself
            log.info("frames are made one by one: %s", error)
        return drafts

    def _judge_drafts(self, drafts: Mapping[Session, _Draft], before: Sequence[pd.DataFrame]) -> None:
        """What the gate says of those that have a frame if all of these pass."""
        desk = self._desk
        if_all_pass = {session: if_any(draft.grid) for session, draft in drafts.items() if draft.frame is not None}
        there = []
        try:
            for (session, draft), stored in zip(drafts.items(), before, strict=True):
                if draft.evidence is not None and draft.frame is not None:
                    history = self._earlier.history(session, if_all_pass)
                    draft.judged = draft.evidence.beside(draft.frame, history, tuple(draft.warm), stored)
                    there.append((draft, draft.judged))
            reports = desk.gate.judge_all(evidence for _, evidence in there)
            for (draft, _), report in zip(there, reports, strict=True):
                draft.report = report
        except DatabaseError:
            raise
        except Exception as error:  # whose it is turns out when each is judged by itself
            log.info("sessions are judged one by one: %s", error)

    def _draft(self, session: Session) -> _Draft:
        """Its bars, not yet held to their contract."""
        desk = self._desk
        try:
            return _Draft([desk.feed.session_bars(symbol, session).columns for symbol in desk.symbols])
        except Exception as error:  # one bad session must not stop the others
            return _Draft(error=error)

    def _judge(self, session: Session, draft: _Draft, stored: pd.DataFrame) -> Judged:
        """The judgement of one session; where it could not be had or read, that is what the report says."""
        bars = None if draft.evidence is None else draft.evidence.columns
        if draft.evidence is not None:
            remember(self._had, session, draft.evidence)
        frame: Columns | None = None
        evidence: Evidence | None = None
        try:
            if draft.error is not None:
                raise draft.error
            warm = self._earlier.warm_up(session)
            frame = self._frame(draft, warm)
            evidence, report = self._report(session, draft, frame, warm, stored)
        except DatabaseError:
            raise  # no session would fare better
        except Exception as error:  # one bad session must not stop the others
            if not isinstance(error, IntradayError):
                log.error("%s", session.key, exc_info=error)
            report = self._failed(session, "bars" if bars is None else "frames", error)
        passed = draft.grid if frame is not None and not report.blocked else None
        kept = passed or stored_grid(stored, session, self._desk.bar_size, self._desk.symbols)
        self._earlier.judged(session, report, kept)  # a blocked session keeps what it had
        return Judged(session, report, bars, frame, evidence)

    def _frame(self, draft: _Draft, warm: Sequence[Grid]) -> Columns:
        """The frame that was computed with the others, if what warmed it then is what warms it."""
        if draft.frame is not None and _same(warm, draft.warm):
            return draft.frame
        assert draft.grid is not None
        (frame,) = build_frames([FrameRequest(draft.grid, warm)], self._desk.gate.splits)
        return held(frame, Frame)

    def _report(
        self, session: Session, draft: _Draft, frame: Columns, warm: Sequence[Grid], stored: pd.DataFrame
    ) -> tuple[Evidence, QualityReport]:
        """What the gate looked at and its report."""
        desk = self._desk
        assert draft.evidence is not None
        history = self._earlier.history(session)
        evidence, report = draft.judged, draft.report
        if evidence is None or report is None or not _same(evidence.history, history) or not _same(draft.warm, warm):
            evidence = draft.evidence.beside(frame, history, tuple(warm), stored)
            report = desk.gate.judge(evidence)
        return evidence, _on_a_persons_word(evidence, report, desk)

    def _failed(self, session: Session, asset: str, error: Exception) -> QualityReport:
        """The report of a session that did not come as far as the gate."""
        desk = self._desk
        return desk.gate.report(
            desk.evidence(session, empty_bars()), [failed_before_the_gate(asset, sentence_of(error))]
        )

    def _known(self, session: Session) -> Evidence | None:
        """From the files, else as an earlier run or load has landed them.

        A file that cannot be read might have had them: it is named, and does not keep the sessions after it out.
        """
        if session in self._had:
            return self._had[session]
        desk, draft = self._desk, self._draft(session)
        try:
            if draft.error is not None:
                raise draft.error
            bars = held(together(draft.parts), Bars)
        except (LabelSideUnclear, ContractBroken):
            return None
        except FeedError:
            try:
                bars = Columns(desk.shelf.bars(session))
            except NotLanded:
                return None
        return desk.evidence(session, bars)


def judged_beside(judged: Judged, stored: pd.DataFrame, desk: LoadingDesk) -> Judged:
    """The same session, judged anew where other rows are stored of it than when it was judged."""
    seen = judged.evidence
    if seen is None or seen.frame is None or (seen.stored is not None and stored.equals(seen.stored)):
        return judged
    evidence = replace(seen, stored=stored)
    return replace(judged, evidence=evidence, report=_on_a_persons_word(evidence, desk.gate.judge(evidence), desk))


def _on_a_persons_word(evidence: Evidence, report: QualityReport, desk: LoadingDesk) -> QualityReport:
    """The report; that which a person's word makes of it where it blocks the session."""
    if not report.blocked:
        return report
    word = desk.word(evidence.session)
    return report if word is None else desk.gate.judge(evidence, accepted=word)


def _held_each(
    tables: Sequence[Sequence[Columns]], model: type[Bars] | type[Frame]
) -> list[Columns | ContractBroken | None]:
    """Each session's tables as one, or how that breaks its contract; None where a session has none.

    What holds of all of them in one table holds of each.
    """
    if not any(tables):
        return [None] * len(tables)
    try:
        whole = held(together([table for some in tables for table in some]), model)
        parts = whole.parts(sum(map(len, some)) for some in tables if some)
        return [next(parts) if some else None for some in tables]
    except ContractBroken:
        return [_held_alone(some, model) if some else None for some in tables]


def _held_alone(tables: Sequence[Columns], model: type[Bars] | type[Frame]) -> Columns | ContractBroken:
    try:
        return held(together(tables), model)
    except ContractBroken as error:
        return error


def _same(one: Sequence[Grid] | None, other: Sequence[Grid]) -> bool:
    """Whether they are the very same grids."""
    return one is not None and [*map(id, one)] == [*map(id, other)]
