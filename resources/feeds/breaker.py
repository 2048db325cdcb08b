"""A feed's circuit breaker: after repeated failures it is left alone for a while, and trusted again only step by step.

```
up --- failures in a row ---> down --- the pause is over ---> probing --- successes in a row ---> up
                               ^                                 |
                               +------ a failure, pause doubled -+
```
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from market.sessions import NEW_YORK
from resources.errors import DailyLimitSpent, FeedError, FeedPaused, FeedRefused, NotAsked
from resources.http import DAY_SECONDS
from resources.settings_sections import BreakerSettings

LONGEST_PAUSE = 8
"""How many times the first pause the longest is."""


class FeedState(StrEnum):
    """What is thought of a feed."""

    UP = "up"
    DOWN = "down"
    PROBING = "probing"


@dataclass(frozen=True)
class Standing:
    """A feed's state, and how long it holds."""

    state: FeedState = FeedState.UP
    until: pd.Timestamp | None = None
    """While down: when the feed may be asked again."""
    pauses: int = 0
    """How often it was left alone since it was last up."""
    why: str = ""
    """What brought it into its state."""


class Breaker:
    """Decides whether a feed may be asked.

    Args:
        feed: its name.
        settings: how many failures, successes, and the pause.
        now: the clock.
        changed: told of each change of state, with the reason.
        known: the standing that other runs, or a person, left; asked at the start and while the feed is down.

    """

    def __init__(
        self,
        feed: str,
        settings: BreakerSettings,
        now: Callable[[], pd.Timestamp],
        changed: Callable[[str, Standing, str], None],
        known: Callable[[], Standing] | None = None,
    ) -> None:
        self._feed = feed
        self._settings = settings
        self._now = now
        self._changed = changed
        self._known = known
        self.standing = known() if known is not None else Standing()
        self._in_a_row = 0

    def before_asking(self) -> None:
        """Let a request pass, or not.

        Raises:
            FeedPaused: the feed is down and its pause is not over.

        """
        if self.standing.state is not FeedState.DOWN:
            return
        known = self._known() if self._known is not None else self.standing
        if known.state is FeedState.UP:
            self.standing = known  # a person said so
            return
        until = self.standing.until
        if until is not None and self._now() < until:
            raise FeedPaused(
                f"{self._feed} is left alone until {until:%Y-%m-%d %H:%M:%S} UTC because of this: {self.standing.why}"
            )
        self._change(FeedState.PROBING, "the pause is over")

    def succeeded(self) -> None:
        """A request was answered."""
        if self.standing.state is FeedState.UP:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row >= self._settings.successes:
            self._change(FeedState.UP, f"{self._in_a_row} answers in a row")

    def failed(self, error: FeedError) -> None:
        """A request failed for good, its retries included.

        What a person has to mend, and what was not asked for the limit's sake, says nothing of the feed.
        """
        if isinstance(error, (FeedRefused, NotAsked)):
            return
        asked_for = pd.Timedelta(seconds=min(error.pause_seconds or 0.0, DAY_SECONDS))
        if isinstance(error, DailyLimitSpent):
            midnight = (self._now().tz_convert(NEW_YORK) + pd.DateOffset(days=1)).normalize()
            self._change(FeedState.DOWN, str(error), midnight.tz_convert("UTC"))
            return
        self._in_a_row = self._in_a_row + 1 if self.standing.state is FeedState.UP else self._settings.failures
        if self._in_a_row >= self._settings.failures:
            factor = min(2**self.standing.pauses, LONGEST_PAUSE)
            pause = max(pd.Timedelta(seconds=self._settings.pause_seconds * factor), asked_for)
            self._change(FeedState.DOWN, str(error), self._now() + pause)

    def _change(self, state: FeedState, why: str, until: pd.Timestamp | None = None) -> None:
        before = 0 if state is FeedState.UP else self.standing.pauses
        self.standing = Standing(state, until, before + (state is FeedState.DOWN), why)
        self._in_a_row = 0
        self._changed(self._feed, self.standing, why)
