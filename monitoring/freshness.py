"""Whether a symbol's bars come as they should, by the exchange's calendar. Pure.

A desk that takes bars in live is held to each minute of the session that goes on. One that does not, and any while the
exchange is shut, is held to the sessions that are over: a day's run has `GRACE` to store one. How bad it is that bars
do not come, `monitoring.health` says.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from monitoring.facts import Facts, WatchedSession
from resources.feeds.live.alpha_vantage import BEHIND
from resources.settings import Settings

GRACE: Final = timedelta(hours=6)
"""From a close until the session should be stored: Alpha Vantage has all of it after four hours."""
MORE: Final = timedelta(seconds=60)
"""How long after its end a bar may come, at least."""
PATIENCE: Final = timedelta(seconds=15)
"""How long after a bar was called missing the next word may come."""


class Arrival(StrEnum):
    """How a symbol's bars come."""

    STREAMING = "streaming"
    WAITING = "waiting"
    """The session has just opened."""
    STALE = "stale"
    """The session goes on, and no bar came for longer than one may take."""
    CLOSED = "closed"
    """The exchange is shut, and the last session is stored; bars come when it opens."""
    STORED = "stored"
    """Nothing takes bars in live; the last session is stored."""
    BLOCKED = "blocked"
    """The gate found the last session's bars bad, and keeps them out."""
    MISSING = "missing"
    """The last session is not stored; there were no bars, or they could not be judged."""

    @property
    def sound(self) -> bool:
        """Whether bars are where they should be, or the gate keeps them out."""
        return self not in (Arrival.STALE, Arrival.MISSING)


def runs_live(facts: Facts) -> bool:
    """Whether the desk takes bars in live: it did, and did not end because it was meant to."""
    return facts.live is not None and not facts.live.ended


def in_session(facts: Facts) -> bool:
    """Whether the exchange trades."""
    return facts.session.open <= facts.taken_at < facts.session.close


def stale_after(settings: Settings) -> timedelta:
    """From the end of the newest bar, or from the open: with bars of a minute as they come, two minutes."""
    missing = timedelta(seconds=settings.live.missing_after_seconds)
    asked = settings.feeds.primary == "alpha_vantage"
    behind = BEHIND.get(settings.alpha_vantage.entitlement, timedelta(0)) if asked else timedelta(0)
    return settings.bar_size.delta + max(MORE, missing + PATIENCE) + behind


def due_session(facts: Facts) -> WatchedSession | None:
    """The newest session that should be stored by now; None where none of those that are watched is over so long."""
    over = [one for one in facts.sessions if one.session.close + GRACE <= facts.taken_at]
    return over[-1] if over else None


def arrival(facts: Facts, symbol: str, settings: Settings) -> Arrival:
    """How a symbol's bars come, at the moment of the facts."""
    live = runs_live(facts)
    if live and in_session(facts):
        last = facts.of(symbol).last
        since = facts.session.open if last is None else last + settings.bar_size.delta
        if facts.taken_at - since >= stale_after(settings):
            return Arrival.STALE
        return Arrival.WAITING if last is None else Arrival.STREAMING
    due = due_session(facts)
    if due is None or symbol in due.stored:
        return Arrival.CLOSED if live else Arrival.STORED
    return Arrival.BLOCKED if due.held_back else Arrival.MISSING
