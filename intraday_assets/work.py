"""One session on its way through the graph: what the stages share, and what they say of what they made.

What an asset *is* stands in `intraday_assets.assets`; the order in which a run makes them in `intraday_assets.graph`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd

from market.frames import REACH_SESSIONS
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, Session
from resources.database.feed_event_store import FeedEventStore
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import Change, SessionStore
from resources.errors import Blocked, FeedError, NoBars, NoFeedAnswered, NotLanded, OutOfReach, RequestRefused
from resources.feeds.failover import Failover, SessionAnswer
from resources.landing import LandingZone
from schemas.errors import ContractBroken, IntradayError, LabelSideUnclear
from schemas.quality import QualityReport
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
        self.landing = landing
        self.gate = gate
        self.shelf = f"{gate.environment}/{bar_size}/{'-'.join(symbols)}"
        """Where this desk's tables lie in the landing zone."""
        self.sessions = SessionStore(server, gate.environment, bar_size, symbols)
        self.reports = ReportStore(server)
        self.events = FeedEventStore(server)
        # A session is made once and is then the history of the next ones: what a run reaches back to is kept, no more.
        remembered = lru_cache(maxsize=REACH_SESSIONS + 1)
        self.fetched_bars = remembered(self._fetched_bars)
        self.fit_bars = remembered(self._fit_bars)

    def landed_bars(self, session: Session) -> pd.DataFrame:
        """The bars asset's table of a session.

        Raises:
            NotLanded: no run has made it, or only one of an older version did.

        """
        try:
            return checked(self.landing.read_table("bars", self.shelf, session.key), Bars)
        except ContractBroken:
            raise NotLanded(
                f"The landed bars of {session.key} are of an older version: materialise them again."
            ) from None

    def _fetched_bars(self, session: Session) -> Fetched:
        """Every symbol's bars from the feeds."""
        answers = {symbol: self.feed.session_bars(symbol, session) for symbol in self.symbols}
        table = pd.concat([answer.part.bars for answer in answers.values()], ignore_index=True)
        return Fetched(checked(table, Bars), answers)

    def _fit_bars(self, session: Session) -> pd.DataFrame | None:
        """An earlier session's bars, for warming indicators; None if there are none or the gate would block them."""
        bars = self._known_bars(session)
        if bars is None:
            return None
        evidence = Evidence(session, self.bar_size, self.symbols, bars)
        return None if self.gate.judge(evidence).blocked else bars

    def _known_bars(self, session: Session) -> pd.DataFrame | None:
        """From the feeds' answers, whatever an earlier run made of others; as landed where the primary feed fails."""
        try:
            return self.fetched_bars(session).bars
        except (FeedError, *UNFIT) as error:
            cause = error.primary if isinstance(error, NoFeedAnswered) else error
            if isinstance(cause, UNFIT):
                return None
            try:
                return self.landed_bars(session)
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

    @cached_property
    def bars(self) -> pd.DataFrame:
        """`schemas.tables.Bars`."""
        return self.desk.landed_bars(self.session)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """`schemas.tables.Frame`."""
        return self.desk.landing.read_table("frames", self.desk.shelf, self.session.key)

    @cached_property
    def report(self) -> QualityReport:
        """The gate's judgement."""
        text = self.desk.landing.read_text("quality_reports", self.desk.shelf, self.session.key)
        return QualityReport.model_validate_json(text)

    @property
    def blocked(self) -> bool:
        """Whether this run judged, or read, a report that keeps the session out of the database."""
        return "report" in self.__dict__ and self.report.blocked

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
    kept = part.bars.loc[part.bars["mark"] == KEPT, "source"].value_counts()
    told = {
        "kept bars by feed": {str(source): int(count) for source, count in kept.items()},
        "why": next((why for why in part.bars["why"] if why), "the primary feed answered"),
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
