"""In which state the feeds are, and which of them bars come from. Pure.

What a state of a breaker means is `resources.feeds.breaker`'s matter; here it is told from what was stored of it.
"""

from datetime import datetime
from enum import StrEnum

from monitoring.facts import Facts
from monitoring.freshness import in_session, runs_live
from resources.database.feed_event_store import FeedStanding
from resources.feeds.breaker import FeedState
from resources.settings import Settings
from schemas.words import first_of


class BreakerState(StrEnum):
    """Whether a feed is asked: as ever, to try it, or not at all."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


def breaker_state(standing: FeedStanding | None, now: datetime) -> BreakerState:
    """A feed whose pause is over is asked again, and nobody knows what it will say."""
    if standing is None or standing.state == FeedState.UP:
        return BreakerState.CLOSED
    waits = standing.state == FeedState.DOWN and standing.until is not None and now < standing.until
    return BreakerState.OPEN if waits else BreakerState.HALF_OPEN


def feed_in_use(facts: Facts, settings: Settings) -> tuple[str | None, str]:
    """The feed that bars come from, or would; None where none answers. And why it is not as it should be, if so."""
    primary, second = settings.feeds.primary, settings.feeds.second
    if against := _against(primary, facts):
        other = None if second is None else _against(second, facts)
        return (second, against) if other == "" else (None, "; ".join(filter(None, [against, other])))
    live = facts.live
    if live is not None and live.feed not in (None, primary) and runs_live(facts) and in_session(facts):
        return live.feed, f"live takes bars from {live.feed}: {primary} does not give them in time"
    instead = [bars.symbol for bars in facts.bars if second in bars.sources and primary not in bars.sources]
    if instead:
        return second, f"the bars of {first_of(instead, 'symbol')} of {facts.session.key} are from {second}"
    return primary, ""


def _against(feed: str, facts: Facts) -> str:
    """Why a feed is not asked as ever; empty where it is."""
    standing = facts.feeds.get(feed)
    state = breaker_state(standing, facts.taken_at)
    if standing is None or state is BreakerState.CLOSED:
        return ""
    if state is BreakerState.OPEN:
        return f"{feed} is left alone until {standing.until:%Y-%m-%d %H:%M:%S} UTC: {standing.why}"
    return f"{feed} failed when it was last asked, and is tried again: {standing.why}"
