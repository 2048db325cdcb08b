"""What a feed is while a session goes on, whatever vendor stands behind it.

What is done with the bars, and which feed is asked, is not known here (`live`).
"""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from market.quality.columns import Columns
from market.sessions import Session
from resources.feeds.breaker import Standing


@dataclass(frozen=True)
class SoFar:
    """What a feed has of one symbol's running session."""

    bars: Columns
    """`schemas.tables.Bars`: complete ones only, all from the instant asked for on; earlier ones may be there."""
    known_until: pd.Timestamp
    """The feed has told all that it has of bars that ended up to then; one of before that is not there, it lacks."""


class LiveFeed(Protocol):
    """Gives the bars of a session that goes on."""

    @property
    def name(self) -> str:
        """The name under which it is configured, and which its bars carry as `source`."""

    @property
    def basis(self) -> str:
        """The adjustment basis of its prices; on the day itself all are the same, for no split has come since."""

    @property
    def standing(self) -> Standing:
        """Whether it is trusted, as its breaker has it."""

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        """One symbol's complete bars that start at `since` or later.

        Raises:
            FeedError: they could not be had, with the reason as the kind of error. That there are none yet is no error.
            LabelSideUnclear: the stamps contradict each other.

        """

    def wait(self, seconds: float) -> None:
        """Return when something may have come, after `seconds` of the market's time at the latest."""

    def close(self) -> None:
        """Let go of connections."""
