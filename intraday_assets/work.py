"""One session on its way through the graph: what the stages share, and what they say of what they made.

What an asset *is* stands in `intraday_assets.assets`; the order in which a run makes them in `intraday_assets.graph`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import pandas as pd

from market.frames import REACH_SESSIONS, warm_history
from market.quality.evidence import HISTORY_SESSIONS, Evidence, failed_alone
from market.quality.fingerprint import fingerprints
from market.quality.gate import Gate, bars_of
from market.quality.grid import Grid, bar_grid, stored_grid
from market.sessions import BarSize, Session, session_at, sessions_before
from resources.database.acceptance_store import AcceptanceStore
from resources.database.feed_event_store import FeedEventStore
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.database.table_writer import Change
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
from resources.landing import LandingZone
from resources.shelf import Shelf
from schemas.errors import ContractBroken, IntradayError, LabelSideUnclear
from schemas.quality import Acceptance, Attempt, QualityReport
from schemas.tables import KEPT, Bars, checked

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
    metadata: Mapping[str, Any]
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """A session's bars, and by symbol what the feeds answered."""

    bars: pd.DataFrame
    """`schemas.tables.Bars`."""
    answers: Mapping[str, SessionAnswer]

    @property
    def second(self) -> pd.DataFrame | None:
        """What the feeds that were not taken have of the session, where they were asked."""
        others = [answer.other.bars for answer in self.answers.values() if answer.other is not None]
        return pd.concat(others, ignore_index=True) if others else None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What came of asking the feeds, of the symbols for which it was not the primary alone."""
        several = [answer.attempts for answer in self.answers.values() if len(answer.attempts) > 1]
        return tuple(attempt for attempts in several for attempt in attempts)


class Desk:
    """What every session of a run shares: the symbols, the feed, the landing zone, the gate and the stores."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        bar_size: BarSize,
        feed: Failover,
        landing: LandingZone,
        gate: Gate,
        server: DatabaseServer,
    ) -> None:
        self.symbols = symbols
        self.bar_size = bar_size
        self.feed = feed
        self.gate = gate
        self.shelf = Shelf(landing, gate.environment, bar_size, symbols)
        self.sessions = SessionStore(server, gate.environment, bar_size, symbols)
        self.reports = ReportStore(server)
        self.acceptances = AcceptanceStore(server)
        self.events = FeedEventStore(server)
        # A session is made once and is then the history of the next ones: what a run reaches back to is kept, no more.
        remembered = lru_cache(maxsize=REACH_SESSIONS + 1)
        self.fetched_bars = remembered(self._fetched_bars)
        self.fit_bars = remembered(self._fit_bars)
        self._grids: dict[Session, Grid] = {}
        self._judgements: dict[Session, QualityReport] = {}

    def _fetched_bars(self, session: Session) -> Fetched:
        """Every symbol's bars from the feeds."""
        history = self.history(session)
        answers = {symbol: self.feed.session_bars(symbol, session, history) for symbol in self.symbols}
        table = pd.concat([answer.part.bars for answer in answers.values()], ignore_index=True)
        return Fetched(checked(table, Bars), answers)

    def history(self, session: Session) -> tuple[Grid, ...]:
        """What is stored of the sessions before, latest first: those that the gate let pass, or a person accepted.

        A run goes forward in time, so what it has read of an earlier session stays true.
        """
        before = list(islice(sessions_before(session), HISTORY_SESSIONS))
        unread = [earlier for earlier in before if earlier not in self._grids]
        for earlier, rows in zip(unread, self.sessions.stored_of(unread), strict=True):
            self._grids[earlier] = stored_grid(rows, earlier, self.bar_size, self.symbols)
        self._grids = {earlier: self._grids[earlier] for earlier in before}
        return tuple(grid for grid in self._grids.values() if grid.present.any())

    def judged(self, session: Session, report: QualityReport) -> None:
        """This run keeps a judgement: the next session need not ask the database for it."""
        self._judgements[session] = report

    def stored(self, session: Session, bars: pd.DataFrame) -> None:
        """This run stored these bars of a session: the next ones need not read them back."""
        self._grids[session] = bar_grid(bars, session, self.bar_size, self.symbols)

    def _fit_bars(self, session: Session) -> pd.DataFrame | None:
        """An earlier session's bars, for warming indicators; None if there are none or the gate blocks them."""
        bars = self._known_bars(session)
        if bars is None:
            return None
        report = self._judgements.pop(session, None)
        if report is None:
            report = self.reports.newest(session, self.gate.environment, self.bar_size, self.symbols)
        if report is None or bars_of(report) != fingerprints("bars", bars, self.symbols):
            # Nobody has judged these bars yet, with all that they could be compared with.
            history = self.history(session)
            report = self.gate.judge(Evidence(session, self.bar_size, self.symbols, bars, history=history))
        return None if report.blocked else bars

    def _known_bars(self, session: Session) -> pd.DataFrame | None:
        """From the feeds' answers, whatever an earlier run made of others; as landed where the primary feed fails."""
        try:
            return self.fetched_bars(session).bars
        except UNUSABLE as error:
            cause = error.primary if isinstance(error, NoFeedAnswered) else error
            if isinstance(cause, UNFIT):
                return None
            try:
                return self.shelf.bars(session)
            except NotLanded:
                if isinstance(cause, ABSENT):
                    return None
                raise error from None


@dataclass
class SessionWork:
    """One session of a run. A table that this run does not make is read from where an earlier run left it."""

    desk: Desk
    session: Session
    problems: dict[tuple[str, ...], Exception] = field(default_factory=dict)
    """Why assets could not be made, by those that are made together."""
    changes: dict[str, Change] = field(default_factory=dict)
    not_primary: str = ""
    """What of its bars is not the primary feed's, in a sentence."""
    draws_overviews: bool = False
    """Whether the pictures of many sessions are drawn with this one: they cost, so a run draws them with its last."""

    @cached_property
    def bars(self) -> pd.DataFrame:
        """`schemas.tables.Bars`."""
        return self.desk.shelf.bars(self.session)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """`schemas.tables.Frame`."""
        return self.desk.shelf.frame(self.session)

    @cached_property
    def history(self) -> list[pd.DataFrame]:
        """The bars of the earlier sessions that warm the frame, latest first."""
        return warm_history(self.session, self.desk.symbols, self.desk.fit_bars)

    @cached_property
    def report(self) -> QualityReport:
        """The gate's judgement."""
        return self.desk.shelf.report(self.session)

    def judge(self, accepted: Acceptance | None) -> QualityReport:
        """Ask the gate about the bars and the frame, with all that they can be compared with."""
        desk = self.desk
        attempts, second = desk.shelf.feeds_asked(self.session, self.bars)
        evidence = Evidence(
            self.session,
            desk.bar_size,
            desk.symbols,
            self.bars,
            self.frame,
            history=desk.history(self.session),
            warm_up=self._warm_up(),
            second=second,
            second_failed=failed_alone(attempts),
            stored=desk.sessions.stored(self.session),
        )
        return desk.gate.judge(evidence, attempts, accepted)

    def _warm_up(self) -> tuple[Grid, ...] | None:
        """What warmed the frame, also of one that an earlier run made; None where the feeds cannot say now."""
        try:
            tables = [bars for bars in self.history if len(bars)]
        except FeedError:
            return None
        size, symbols = self.desk.bar_size, self.desk.symbols
        return tuple(bar_grid(bars, session_at(bars["timestamp"].iloc[0]), size, symbols) for bars in tables)

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
            return f"The gate blocks it. {' '.join(self.report.reasons())}" if self.blocked else None
        assets, error = next(iter(self.problems.items()))
        if isinstance(error, Blocked):
            return f"The gate blocks it. {' '.join(self.report.reasons())}"
        return f"{' and '.join(assets)} could not be made. {sentence_of(error)}"

    @property
    def retry_helps(self) -> bool:
        """Whether what is wrong may pass."""
        return any(isinstance(error, IntradayError) and error.retry_helps for error in self.problems.values())

    def lacks(self, assets: frozenset[str]) -> bool:
        """Whether one of the assets could not be made in this run."""
        return any(not assets.isdisjoint(made_together) for made_together in self.problems)


def seen(answer: SessionAnswer) -> dict[str, Any]:
    """What a person is told of where one symbol's bars came from."""
    part = answer.part
    kept, whys = part.bars.loc[part.bars["mark"] == KEPT, "source"].value_counts(), part.bars["why"]
    told = {
        "kept bars by feed": {str(source): int(count) for source, count in kept.items()},
        "why": next(iter(whys[whys != ""]), "the primary feed answered"),
        "asked": [f"{attempt.feed}: {attempt.said}" for attempt in answer.attempts],
        "file": part.origin,
        "rows": len(part.bars),
        "labels": f"{part.side} of bar",
        "evidence": "; ".join(part.evidence.start + part.evidence.end) or "that of the vendor's other sessions",
        "extended-hours rows": part.extended_rows,
        "repair": answer.repaired,
    }
    return {name: value for name, value in told.items() if value != ""}


def sentence_of(error: Exception) -> str:
    """What a person is told of a failure."""
    return error.sentence() if isinstance(error, IntradayError) else f"{type(error).__name__}: {error}"
