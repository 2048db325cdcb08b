"""What a feed is, whatever vendor or file stands behind it."""

from typing import Protocol

from market.normalise import NormalisedBars
from market.sessions import Session


class Feed(Protocol):
    """Gives one symbol's bars of one session."""

    @property
    def name(self) -> str:
        """The name under which it is configured, and which its bars carry as `source`."""

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session, the session being over.

        Raises:
            FeedError: the feed has none, with the reason as the kind of error.
            LabelSideUnclear: the stamps contradict each other.

        """
