"""What a load is about: the desk whose sessions are loaded, and a session with the gate's judgement of it.

How sessions are judged is `resources.load_judging`'s matter, what is done with them `resources.loading`'s.
"""

from dataclasses import dataclass

from market.quality.columns import Columns
from market.quality.evidence import Evidence
from market.sessions import Session
from resources.desk import Desk
from resources.feeds.feed import Feed
from schemas.quality import QualityReport


@dataclass(frozen=True)
class LoadingDesk(Desk):
    """What every session of a load shares."""

    feed: Feed


@dataclass(frozen=True)
class Judged:
    """A session with the gate's judgement of it."""

    session: Session
    report: QualityReport
    bars: Columns | None
    """`schemas.tables.Bars`; None where they could not be had."""
    frame: Columns | None
    """`schemas.tables.Frame`; None where there are no bars of which it could be made."""
    evidence: Evidence | None = None
    """All that the gate looked at; None where the session did not come as far."""
