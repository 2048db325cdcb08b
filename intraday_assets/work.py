"""One session on its way through the graph: what the stages share, and what they say of what they made.

What an asset *is* stands in `intraday_assets.assets`; the order in which a run makes them in `intraday_assets.graph`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd

from market.frames import REACH_SESSIONS
from market.quality.columns import Columns, held, together
from market.quality.evidence import Evidence, failed_alone
from market.quality.grid import Grid, stored_grid
from market.sessions import Session
from resources.database.feed_event_store import FeedEventStore
from resources.database.table_writer import Change
from resources.desk import Desk
from resources.earlier import EarlierSessions
from resources.end_of_day import DayEnds
from resources.errors import (
    UNUSABLE,
    Blocked,
    FeedError,
    NoBars,
    NoFeedAnswered,
    NotLanded,
    OutOfReach,
    RequestRefused,
)
from resources.feeds.failover import Failover, SessionAnswer
from schemas.errors import ContractBroken, IntradayError, LabelSideUnclear, sentence_of
from schemas.quality import Acceptance, Attempt, QualityReport
from schemas.tables import Bars

UNFIT = (LabelSideUnclear, ContractBroken)
"""What the primary feed has of a session is no history for the next ones, today and tomorrow."""
ABSENT = (NoBars, OutOfReach, RequestRefused)
"""The primary feed has nothing of a session, today and tomorrow."""


@dataclass(frozen=True)
class Check:
    """The answer to one asset check."""

    name: str
    passed: bool
    message: str
    warning: bool = False
    """A failed check that does not block."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


CONTRACT_HOLDS = Check("contract", True, "The table satisfies its contract.")


@dataclass(frozen=True)
class Made:
    """What a stage made of an asset's session, as the UI shows it."""

    asset: str
    session: Session
    metadata: Mapping[str, Any]
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class FeedsAsked:
    """What came of asking several feeds for a session."""

    attempts: tuple[Attempt, ...] = ()
    """Of the symbols for which it was not the primary alone."""
    second: pd.DataFrame | None = None
    """What the feeds that were not taken have of the session, where they were asked."""


@dataclass(frozen=True)
class Fetched:
    """A session's bars, and by symbol what the feeds answered."""

    bars: Evidence
    answers: Mapping[str, SessionAnswer]

    @property
    def asked(self) -> FeedsAsked:
        """How it came to these bars, where it was not the primary feed alone."""
        several = [answer.attempts for answer in self.answers.values() if len(answer.attempts) > 1]
        others = [answer.other.bars for answer in self.answers.values() if answer.other is not None]
        second = pd.concat(others, ignore_index=True) if others else None
        return FeedsAsked(tuple(attempt for attempts in several for attempt in attempts), second)


@dataclass(frozen=True)
class RunDesk(Desk):
    """What every session of a run shares."""

    feed: Failover
    ends: DayEnds

    @cached_property
    def events(self) -> FeedEventStore:
        """What happened to the feeds."""
        return FeedEventStore(self.server)

    @cached_property
    def earlier(self) -> EarlierSessions:
        """What sessions are compared with, and warmed by."""
        return EarlierSessions(self, self._known)

    @cached_property
    def fetched(self) -> Callable[[Session], Fetched]:
        """A session's bars from the feeds.

        It is fetched once and is then the history of the next ones: what a run reaches back to is kept, no more.
        """
        return lru_cache(maxsize=REACH_SESSIONS + 1)(self._fetched)

    def _fetched(self, session: Session) -> Fetched:
        """Every symbol's bars from the feeds."""
        history = self.earlier.history(session)
        answers = {symbol: self.feed.session_bars(symbol, session, history) for symbol in self.symbols}
        bars = held(together([answer.part.columns for answer in answers.values()]), Bars)
        return Fetched(self.evidence(session, bars), answers)

    def _known(self, session: Session) -> Evidence | None:
        """From the feeds' answers, whatever an earlier run made of others; as landed where the primary feed fails."""
        try:
            return self.fetched(session).bars
        except UNUSABLE as error:
            cause = error.primary if isinstance(error, NoFeedAnswered) else error
            if isinstance(cause, UNFIT):
                return None
            try:
                return self.evidence(session, self.shelf.bars(session))
            except NotLanded:
                if isinstance(cause, ABSENT):
                    return None
                raise error from None

    @contextmanager
    def turn(self, works: "Sequence[SessionWork]") -> Iterator[None]:
        """Wait until no other run judges these sessions; from then on to the end what is stored of them is ours."""
        sessions = [work.session for work in works]
        with self.sessions.turn(*sessions):
            for work, rows in zip(works, self.sessions.stored_of(sessions), strict=True):
                work.stored = rows
            yield


@dataclass
class SessionWork:
    """One session of a run. A table that this run does not make is read from where an earlier run left it."""

    desk: RunDesk
    session: Session
    problems: dict[tuple[str, ...], Exception] = field(default_factory=dict)
    """Why assets could not be made, by those that are made together."""
    changes: dict[str, Change] = field(default_factory=dict)
    not_primary: str = ""
    """What of its bars is not the primary feed's, in a sentence."""
    draws_overviews: bool = False
    """Whether the pictures of many sessions are drawn with this one: they cost, so a run draws them with its last."""

    @cached_property
    def bars(self) -> Evidence:
        """`schemas.tables.Bars`, by themselves."""
        return self.desk.evidence(self.session, self.desk.shelf.bars(self.session))

    @cached_property
    def asked(self) -> FeedsAsked:
        """How these bars came about."""
        return FeedsAsked(*self.desk.shelf.feeds_asked(self.session, self.bars.columns))

    @cached_property
    def frame(self) -> Columns:
        """`schemas.tables.Frame`."""
        return Columns(self.desk.shelf.frame(self.session))

    @cached_property
    def warm_up(self) -> list[Grid]:
        """The bars of the earlier sessions that warm the frame, latest first."""
        return self.desk.earlier.warm_up(self.session)

    @cached_property
    def stored(self) -> pd.DataFrame:
        """The session's rows of `market_data`, before this run stores any."""
        return self.desk.sessions.stored(self.session)

    @cached_property
    def report(self) -> QualityReport:
        """The gate's judgement."""
        return self.desk.shelf.report(self.session)

    @cached_property
    def word(self) -> Acceptance | None:
        """The last word of a person on the session."""
        return self.desk.word(self.session)

    def judge(self) -> QualityReport:
        """Ask the gate about the bars and the frame, with all that they can be compared with."""
        desk, attempts = self.desk, self.asked.attempts
        history = desk.earlier.history(self.session)
        failed = failed_alone(attempts)
        evidence = self.bars.beside(self.frame, history, self._warm_up(), self.stored, self.asked.second, failed)
        report = desk.gate.judge(evidence, attempts)
        # Only a blocked session needs a person's word.
        return desk.gate.judge(evidence, attempts, self.word) if report.blocked and self.word else report

    def judged(self, *, to_be_stored: bool) -> None:
        """Let the next sessions know of the report, and of the bars if it lets them be stored."""
        passes = to_be_stored and not self.report.blocked
        desk = self.desk
        stored = self.bars.grid if passes else stored_grid(self.stored, self.session, desk.bar_size, desk.symbols)
        desk.earlier.judged(self.session, self.report, stored)

    def failed(self, assets: tuple[str, ...], error: Exception) -> None:
        """Note why assets could not be made. What the next sessions were told of this one may not be so."""
        self.problems[assets] = error
        self.desk.earlier.forget(self.session)

    def _warm_up(self) -> tuple[Grid, ...] | None:
        """What warmed the frame, also of one that an earlier run made; None where the feeds cannot say now."""
        try:
            return tuple(self.warm_up)
        except FeedError:
            return None

    @property
    def blocked(self) -> bool:
        """Whether this run judged, or read, a report that keeps the session out of the database."""
        return "report" in self.__dict__ and self.report.blocked

    @property
    def accepted(self) -> bool:
        """Whether this run judged, or read, a report that lets the session pass on a person's word."""
        return "report" in self.__dict__ and self.report.accepted is not None

    @property
    def outcome(self) -> str | None:
        """Why the session did not get where it should, in a sentence; None when it did."""
        if not self.problems:
            return self.report.why_blocked() if self.blocked else None
        assets, error = next(iter(self.problems.items()))
        if isinstance(error, Blocked):
            return self.report.why_blocked()
        return f"{' and '.join(assets)} could not be made. {sentence_of(error)}"

    @property
    def retry_helps(self) -> bool:
        """Whether what is wrong may pass."""
        return any(isinstance(error, IntradayError) and error.retry_helps for error in self.problems.values())

    def lacks(self, assets: frozenset[str]) -> bool:
        """Whether one of the assets could not be made in this run."""
        return any(not assets.isdisjoint(made_together) for made_together in self.problems)


def seen(symbol: str, answer: SessionAnswer, bars: Evidence) -> dict[str, Any]:
    """What a person is told of where one symbol's bars came from."""
    part = answer.part
    told = {
        "kept bars by feed": bars.counted(symbol, "source"),
        "why": next(filter(None, bars.counted(symbol, "why")), "the primary feed answered"),
        "asked": [f"{attempt.feed}: {attempt.said}" for attempt in answer.attempts],
        "file": part.origin,
        "rows": len(part.columns),
        "labels": f"{part.side} of bar",
        "evidence": "; ".join(part.evidence.start + part.evidence.end) or "that of the vendor's other sessions",
        "extended-hours rows": part.extended_rows,
        "repair": answer.repaired,
    }
    return {name: value for name, value in told.items() if value != ""}
