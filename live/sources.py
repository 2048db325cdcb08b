"""Which feed gives the bars of a session that goes on: the primary; the fallback while that fails or lags behind.

Whether a feed is trusted is its breaker's matter. Here a feed that answers but lags is left and taken back likewise:
after so many bars in a row that it did not have in time, or had. A bar never waits longer for the primary than
`fallback_after_seconds`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from market.running import Origin, RunningSession
from resources.errors import (
    UNUSABLE,
    DailyLimitSpent,
    DatabaseError,
    KeyRefused,
    NoBars,
    NotAsked,
    Outage,
    PlanRefused,
    Throttled,
)
from resources.feeds.breaker import FeedState
from resources.feeds.failover import why_instead
from resources.feeds.live.feed import LiveFeed, SoFar
from resources.settings_sections import BreakerSettings, LiveSettings
from schemas.errors import IntradayError

OF_ALL_SYMBOLS = (Outage, Throttled, NotAsked, DailyLimitSpent, DatabaseError)
"""Failures that other symbols would meet, too."""
OF_THE_DESK = (KeyRefused, PlanRefused)
"""What a person has to mend before any symbol's bars come."""
SEEN_AGAIN = 5
"""Bars before the one that is due which are asked for with it: most revisions come within minutes."""
REACH = 60
"""Bars before it among which one that is missing, or the fallback's, is asked for again."""


@dataclass(frozen=True)
class Round:
    """What came of asking the feeds once."""

    changed: np.ndarray
    """Which bars are new or other ones, shape (places, symbols)."""
    known_lacking: frozenset[str]
    """The symbols of which a feed that is trusted has answered without the bar that was due."""
    failures: tuple[IntradayError, ...] = ()


@dataclass
class Sources:
    """The feeds of a desk while a session goes on.

    Args:
        primary: the feed that is asked first.
        fallback: the feed that is asked where it fails, if there is one.
        settings: how long the primary is waited for.
        breaker: how many bars in a row it may lag, and has to be in time before it is taken back.
        now: the clock.
        switched: told of a change of feed, with the reason.

    """

    primary: LiveFeed
    fallback: LiveFeed | None
    settings: LiveSettings
    breaker: BreakerSettings
    now: Callable[[], pd.Timestamp]
    switched: Callable[[str, str], None] = lambda feed, why: None
    _lags: bool = field(default=False, init=False)
    """Whether the primary answers without what is due."""
    _in_a_row: int = field(default=0, init=False)
    """Bars that speak against that."""
    _used: str = field(default="", init=False)
    _asked_for: int = field(default=-1, init=False)
    """The place of the last bar that was asked for: once for all symbols, again for those that lack it."""
    _swept: bool = field(default=False, init=False)
    """Whether the primary has been asked for all of the session since it was last trusted."""

    @property
    def used(self) -> str:
        """The feed that gave the last bar."""
        return self._used or self.primary.name

    def ask(self, running: RunningSession, place: int) -> Round:
        """Ask for what is not known up to a bar that is due, and take it in.

        Raises:
            KeyRefused, PlanRefused: a person has to mend something at the primary feed, and there is no fallback.

        """
        due, last = running.ends(place), len(running.starts) - 1
        first, self._asked_for = place != self._asked_for, place
        whole = not self._swept or (first and place == last)
        symbols = running.symbols if first or whole else running.lacking(place)
        answers, failures = self._answers(self.primary, running, symbols, running.not_primary, place, whole)
        trusted = self.fallback is None or self.primary.standing.state is FeedState.UP
        changed = np.zeros(running.present.shape, dtype=bool)
        if trusted:
            self._take(running, answers, Origin(self.primary.name), changed)
        self._swept = trusted and (self._swept or (whole and not _of_all(failures)))
        known = self._knows(answers, failures, due) if trusted else set()
        lacking = running.lacking(place)
        if lacking and self.fallback is not None and (not trusted or self._lags or self._waited_for(due)):
            cause = next(iter(failures.values()), None) or NoBars(f"{self.primary.name} has none of {due} (end).")
            others, more = self._answers(self.fallback, running, lacking, ~running.present, place)
            origin = Origin(self.fallback.name, why_instead(self.primary.name, cause))
            self._take(running, others, origin, changed)
            known |= self._knows(others, more, due)
            failures = failures | more
            if len(running.lacking(place)) < len(lacking):
                self._use(self.fallback.name, f"{cause}")
        refused = next((error for error in failures.values() if isinstance(error, OF_THE_DESK)), None)
        if self.fallback is None and refused is not None:
            raise refused
        return Round(changed, frozenset(known & set(running.lacking(place))), tuple(failures.values()))

    def told(self, running: RunningSession, place: int) -> None:
        """Learn from a bar that is told whether the primary lags."""
        if self.primary.standing.state is not FeedState.UP:
            return
        in_time = not (running.not_primary & running.present)[place].any()  # what nobody has is nobody's delay
        self._in_a_row = self._in_a_row + 1 if in_time == self._lags else 0
        if self._in_a_row >= (self.breaker.successes if self._lags else self.breaker.failures):
            self._lags, self._in_a_row = not self._lags, 0
        if in_time and not self._lags:
            self._use(self.primary.name, "it has the bars that are due")

    def wait(self, seconds: float) -> None:
        """Return when something may have come, after so many seconds at the latest."""
        self.primary.wait(seconds)

    def close(self) -> None:
        """Let go of connections."""
        for feed in filter(None, (self.primary, self.fallback)):
            feed.close()

    @staticmethod
    def _knows(answers: Mapping[str, SoFar], failures: Mapping[str, IntradayError], due: pd.Timestamp) -> set[str]:
        """The symbols of which a feed has said all up to an instant, or that it has nothing that can be read."""
        own = set() if _of_all(failures) else set(failures)
        return own | {symbol for symbol, answer in answers.items() if answer.known_until >= due}

    def _waited_for(self, due: pd.Timestamp) -> bool:
        return self.now() >= due + pd.Timedelta(seconds=self.settings.fallback_after_seconds)

    def _answers(
        self,
        feed: LiveFeed,
        running: RunningSession,
        symbols: Sequence[str],
        wanted: np.ndarray,
        place: int,
        whole: bool = False,
    ) -> tuple[dict[str, SoFar], dict[str, IntradayError]]:
        """What a feed has of the symbols, from the first bar that is wanted or from the open; and why it has not."""
        found: dict[str, SoFar] = {}
        failures: dict[str, IntradayError] = {}
        reach = 0 if whole else max(0, place - REACH)
        for symbol in symbols:
            first = np.flatnonzero(wanted[reach:place, running.symbols.index(symbol)])
            seen_again = 0 if whole else max(0, place - SEEN_AGAIN)
            since = running.starts[min([seen_again, *(reach + first[:1])])]
            try:
                found[symbol] = feed.so_far(symbol, running.session, since)
            except (*UNUSABLE, DatabaseError) as error:  # its breaker's state is kept there
                failures[symbol] = error
                if isinstance(error, OF_ALL_SYMBOLS):
                    break
        return found, failures

    def _take(self, running: RunningSession, answers: dict[str, SoFar], origin: Origin, changed: np.ndarray) -> None:
        for symbol, answer in answers.items():
            changed[:, running.symbols.index(symbol)] |= running.take(symbol, answer.bars, origin)

    def _use(self, feed: str, why: str) -> None:
        if feed != self.used:
            self.switched(feed, why)
        self._used = feed


def _of_all(failures: Mapping[str, IntradayError]) -> bool:
    """Whether a feed failed in a way that other symbols would meet, too."""
    return any(isinstance(error, (*OF_ALL_SYMBOLS, *OF_THE_DESK)) for error in failures.values())
