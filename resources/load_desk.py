"""What a load is about: the desk whose sessions are loaded, and a session with the gate's judgement of it.

How sessions are judged is `resources.load_judging`'s matter, what is done with them `resources.loading`'s.
"""

from dataclasses import dataclass
from functools import cached_property

from market.quality.columns import Columns
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, Session
from resources.database.acceptance_store import AcceptanceStore
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.feeds.feed import Feed
from resources.shelf import Shelf
from schemas.quality import QualityReport


@dataclass(frozen=True)
class LoadingDesk:
    """What every session of a load shares."""

    symbols: tuple[str, ...]
    bar_size: BarSize
    gate: Gate
    feed: Feed
    shelf: Shelf
    server: DatabaseServer

    @cached_property
    def sessions(self) -> SessionStore:
        """What is stored."""
        return SessionStore(self.server, self.gate.environment, self.bar_size, self.symbols)

    @cached_property
    def reports(self) -> ReportStore:
        """What the gate found."""
        return ReportStore(self.server)

    @cached_property
    def acceptances(self) -> AcceptanceStore:
        """What people accepted."""
        return AcceptanceStore(self.server)


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
