"""Which feed a session's bars come from: the primary; where it fails, or its bars fail the gate, the fallback.

What the two feeds are is not this module's matter, nor what the gate asks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from market.normalise import NormalisedBars
from market.quality.columns import Columns, held
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid
from market.repair import repair
from market.sessions import BarSize, Session
from resources.database.feed_event_store import FeedEvent
from resources.errors import UNUSABLE, BarsFailedGate, FeedRefused, NoBars, NoFeedAnswered, TooEarly
from resources.feeds.feed import Feed
from resources.settings_sections import RepairSettings
from schemas.errors import IntradayError
from schemas.quality import Attempt, QualityReport
from schemas.tables import FALLBACK, SYNTHETIC, Bars, checked


@dataclass(frozen=True)
class SessionAnswer:
    """One symbol's session, the feed that it came from, and how it came to that."""

    part: NormalisedBars
    attempts: tuple[Attempt, ...]
    """The feeds in the order in which they were asked, and what the gate says of the bars of each alone; where there is
    no fallback, the gate is not asked."""
    other: NormalisedBars | None = None
    """What the feed that was not taken has of the session, where it was asked and gave any."""
    repaired: str = ""
    """What came of the attempt to fill missing bars, in a sentence; empty where none was made."""
    events: tuple[FeedEvent, ...] = ()
    """The failover or repair, to be kept by whoever uses the bars."""


class Failover:
    """The feeds of a desk behind one interface.

    Args:
        primary: the feed that is asked first.
        fallback: the feed that is asked when it fails, if there is one.
        gate: judges each feed's bars.
        bar_size: the length of the bars.
        repairs: whether and how missing bars are filled.
        now: the clock.

    """

    def __init__(
        self,
        primary: Feed,
        fallback: Feed | None,
        gate: Gate,
        bar_size: BarSize,
        repairs: RepairSettings,
        now: Callable[[], pd.Timestamp],
    ) -> None:
        self.primary = primary
        self.fallback = fallback
        self._gate = gate
        self._bar_size = bar_size
        self._repairs = repairs
        self._now = now

    def session_bars(self, symbol: str, session: Session, history: tuple[Grid, ...] | None = None) -> SessionAnswer:
        """One symbol's bars of one session, each with the feed that it came from and why.

        Args:
            symbol: the ticker.
            session: the session.
            history: earlier sessions with which the gate compares each feed's bars.

        Raises:
            TooEarly: the session is not over.
            FeedRefused: a person has to mend the request to the primary feed; the fallback is not asked.
            NoFeedAnswered: neither feed gave bars.
            FeedError, LabelSideUnclear, ContractBroken: the primary failed, and there is no fallback.

        """
        if self._now() <= session.close:
            raise TooEarly(f"{session.key} closes at {session.close:%Y-%m-%d %H:%M} UTC: ask again after that.")
        answer: SessionAnswer | None = None
        try:
            part = self._bars_of(self.primary, symbol, session)
            if self.fallback is None:  # whatever the gate says of these bars, there are no others
                return SessionAnswer(part, (_attempt(symbol, self.primary, "It answered."),))
            report = self._judge(part, symbol, session, history)
            answer = SessionAnswer(part, (_attempt(symbol, self.primary, "It answered.", report),))
            if not report.failed:
                return self._repaired(answer, self.fallback, report.missing[symbol], symbol, session)
            failure: IntradayError = BarsFailedGate(f"Its bars fail the gate: {' '.join(report.reasons())}")
        except FeedRefused:
            raise
        except UNUSABLE as error:
            if self.fallback is None:
                raise
            failure = error
        return self._from_fallback(self.fallback, symbol, session, history, failure, answer)

    def _repaired(
        self, answer: SessionAnswer, fallback: Feed, missing: int, symbol: str, session: Session
    ) -> SessionAnswer:
        """The primary's bars, which the gate lets pass, with the few that are missing where the feeds agree."""
        if not self._repairs.enabled or not missing:
            return answer
        try:
            second = self._real_bars_of(fallback, symbol, session)
        except UNUSABLE as error:
            said = f"{fallback.name} could not fill the {missing} missing bars: {error}"
            return replace(answer, repaired=said)
        done = repair(answer.part.bars, second.bars, session.minutes(self._bar_size), self._repairs.tolerance)
        if not done.added:
            return replace(answer, repaired=done.said, other=second)
        event = FeedEvent(self.primary.name, "repair", done.said, session=session.day, symbol=symbol)
        part = replace(answer.part, columns=Columns(checked(done.bars, Bars)))
        return replace(answer, part=part, repaired=done.said, events=(event,), other=second)

    def _from_fallback(
        self,
        fallback: Feed,
        symbol: str,
        session: Session,
        history: tuple[Grid, ...] | None,
        failure: IntradayError,
        failed: SessionAnswer | None,
    ) -> SessionAnswer:
        """The fallback's bars, marked as such; the primary's where they fail and the fallback has no better."""
        judged = failed.attempts[0].report if failed else None
        first = _attempt(symbol, self.primary, failure.sentence(), judged)
        try:
            part = self._real_bars_of(fallback, symbol, session)
        except UNUSABLE as second:
            if failed is not None:
                return replace(failed, attempts=(first, _attempt(symbol, fallback, second.sentence())))
            raise NoFeedAnswered(
                f"Neither feed gave {symbol} bars of {session.key}. "
                f"{self.primary.name}: {failure} {fallback.name}: {second}",
                failure,
                second,
            ) from None
        texts = {"role": FALLBACK, "why": why_instead(self.primary.name, failure)}
        bars = part.bars.assign(**texts).astype(part.bars.dtypes.to_dict())
        part = replace(part, columns=Columns(checked(bars, Bars)))
        report = self._judge(part, symbol, session, history)
        attempts = (first, _attempt(symbol, fallback, "It answered.", report))
        if report.failed and failed is not None:
            return replace(failed, attempts=attempts, other=part)
        event = FeedEvent(self.primary.name, "failover", str(failure), session=session.day, symbol=symbol)
        return SessionAnswer(part, attempts, failed.part if failed else None, events=(event,))

    def _real_bars_of(self, feed: Feed, symbol: str, session: Session) -> NormalisedBars:
        part = self._bars_of(feed, symbol, session)
        if (part.bars["source"] == SYNTHETIC).any():
            raise NoBars(f"The {symbol} bars of {session.key} are synthetic, and never stand in for real ones.")
        return part

    def _bars_of(self, feed: Feed, symbol: str, session: Session) -> NormalisedBars:
        part = feed.session_bars(symbol, session)
        held(part.columns, Bars)
        return part

    def _judge(
        self, part: NormalisedBars, symbol: str, session: Session, history: tuple[Grid, ...] | None
    ) -> QualityReport:
        return self._gate.judge(Evidence(session, self._bar_size, (symbol,), part.bars, history=history))


def why_instead(primary: str, failure: Exception) -> str:
    """What a bar of the fallback says of why it is not the primary feed's."""
    return f"{primary}: {type(failure).__name__}"


def _attempt(symbol: str, feed: Feed, said: str, report: QualityReport | None = None) -> Attempt:
    return Attempt(symbol=symbol, feed=feed.name, said=said, report=report)
