"""A vendor's answers by symbol and period (a month, a week): asked for once, landed, read, remembered for a run.

How a period is asked for and read is each vendor's matter.
"""

import logging
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import pandas as pd

from market.normalise import NormalisedSessions
from market.sessions import Session
from resources.errors import FeedError, FeedRefused, MalformedPayload, NoBars, OutOfReach, TooEarly
from resources.landing import LandingZone, RawAnswer

log = logging.getLogger("intraday.landing")

MOMENT = pd.Timedelta(minutes=5)
"""Within it, one run does not ask for the same twice."""
REMEMBERED = 2
"""Periods of a symbol: a run goes through years, and reaches back by days."""


@dataclass(frozen=True)
class Period:
    """One symbol's period as the vendor has it, its sessions made bars."""

    fetched_at: pd.Timestamp
    sessions: NormalisedSessions


@dataclass(frozen=True)
class Question:
    """One symbol's period that holds a session, and how it is had."""

    symbol: str
    session: Session
    shelf: str
    """Where its answers lie in the landing zone."""
    ending: str
    """What kind of text they are."""
    ask: Callable[[], RawAnswer]
    """Asks the vendor; raises FeedError, OutOfReach without asking."""
    read: Callable[[RawAnswer], Period]
    """Reads an answer; raises MalformedPayload."""
    in_reach: bool = True
    """Whether the vendor still has the session."""


class Periods:
    """The periods of one vendor during one run.

    Args:
        landing: where answers are kept.
        settled: how long after the close the vendor may still change a session.
        now: the clock.
        refresh: ask again for what is landed.

    """

    def __init__(
        self, landing: LandingZone, settled: pd.Timedelta, now: Callable[[], pd.Timestamp], *, refresh: bool
    ) -> None:
        self._landing = landing
        self._settled = settled
        self._now = now
        self._refresh = refresh
        self._known: dict[tuple[str, str], tuple[pd.Timestamp, Period | FeedError]] = {}

    def get(self, question: Question) -> Period:
        """The period, asked for at most once while what is known of it holds.

        Raises:
            FeedError: it could not be had.

        """
        key = (question.symbol, question.shelf)
        found = self._remembered(key, question.session)
        if found is None:
            try:
                found = self._landed(question) or self._fetched(question)
            except FeedRefused as error:
                found = error
            except FeedError as error:
                older = self._landed(question, settled=pd.Timedelta(0))
                if older is None and isinstance(error, OutOfReach):
                    raise  # that is so of the session, not of its period
                found = older or error
            self._remember(key, found)
        if isinstance(found, FeedError):
            raise copy(found) from None  # a copy: one error raised again and again would drag its past along
        return found

    def without(self, vendor: str, symbol: str, session: Session, now: pd.Timestamp) -> NoBars | TooEarly:
        """What a period says that does not have the session, asked for at that time: none, or none yet."""
        none = f"{vendor} has no {symbol} bars of {session.key}"
        return NoBars(f"{none}.") if now > session.close + self._settled else TooEarly(f"{none} yet.")

    def _remembered(self, key: tuple[str, str], session: Session) -> Period | FeedError | None:
        """A settled period holds; a failure, or an answer that may still change, holds for a moment."""
        if key not in self._known:
            return None
        at, found = self._known[key]
        recent = self._now() - at < MOMENT
        if isinstance(found, FeedError):
            return found if recent else None
        since_close = found.fetched_at - session.close
        return found if since_close > self._settled or (recent and since_close > pd.Timedelta(0)) else None

    def _remember(self, key: tuple[str, str], period: Period | FeedError) -> None:
        self._known.pop(key, None)
        self._known[key] = (self._now(), period)
        of_symbol = [other for other in self._known if other[0] == key[0]]
        for old in of_symbol[:-REMEMBERED]:
            del self._known[old]

    def _landed(self, question: Question, settled: pd.Timedelta | None = None) -> Period | None:
        """The newest landed answer that has the session as the vendor had settled it.

        With `settled`, a last resort: one that has the session at all, fetched so long after the close.
        """
        if self._refresh and question.in_reach and settled is None:
            return None
        for answer in self._landing.answers(question.shelf):
            if answer.fetched_at <= question.session.close + (self._settled if settled is None else settled):
                continue
            try:
                period = question.read(answer)
            except MalformedPayload as error:
                log.warning("an answer on the shelf %s is passed over: %s", question.shelf, error)
                continue
            if question.session in period.sessions or (question.in_reach and settled is None):
                return period
        return None

    def _fetched(self, question: Question) -> Period:
        """The period from the vendor, landed once it could be read; by one process at a time."""
        with self._landing.alone(question.shelf):
            waited = None if self._refresh else self._landed(question)
            if waited is not None:
                return waited
            answer = question.ask()
            period = question.read(answer)
            self._landing.land_answer(question.shelf, question.ending, answer)
            return period
