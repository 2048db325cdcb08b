"""A desk: the symbols, the gate and the stores that every session worked on has in common.

What it is worked on for adds its own: `resources.load_desk` for loads of files, `intraday_assets.work` for runs.
"""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from market.quality.columns import Columns
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, Session
from resources.database.acceptance_store import AcceptanceStore
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.landing import LandingZone
from resources.shelf import Shelf
from schemas.quality import Acceptance


@dataclass(frozen=True)
class Desk:
    """What every session shares."""

    symbols: tuple[str, ...]
    bar_size: BarSize
    gate: Gate
    landing: LandingZone
    server: DatabaseServer

    @cached_property
    def shelf(self) -> Shelf:
        """What is landed."""
        return Shelf(self.landing, self.gate.environment, self.bar_size, self.symbols)

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

    def evidence(self, session: Session, bars: pd.DataFrame | Columns) -> Evidence:
        """A session's bars, `schemas.tables.Bars`, with nothing that they are compared with."""
        return Evidence(session, self.bar_size, self.symbols, bars)

    def word(self, session: Session) -> Acceptance | None:
        """The last word of a person on a session."""
        return self.acceptances.latest(session, self.gate.environment, self.bar_size, self.symbols)
