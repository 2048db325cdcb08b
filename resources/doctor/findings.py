"""What a check finds, and what checks are given to look at. No check is here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from resources.database.server import DatabaseServer, find_server
from resources.settings import Settings

NO_DATABASE: Final = "set TIMESCALEDB_HOST or TIMESCALEDB_URL; the embedded one is made by the first run"
"""What to do where there is none."""


class Outcome(StrEnum):
    """How it stands: as it should be, working but worth a look, not working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    name: str
    outcome: Outcome
    said: str
    """What was seen."""
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What was used to look, for whoever wants to look closer; no secrets."""


@dataclass(frozen=True)
class Surroundings:
    """What checks look at."""

    settings: Settings
    environment: Mapping[str, str]
    now: Callable[[], datetime]
    """The machine's clock, UTC."""
    free_bytes: Callable[[str], int]
    """Free room on the disk of a folder."""
    ask: bool
    """Whether a request may be spent where a vendor counts them."""

    @property
    def feeds(self) -> tuple[str | None, ...]:
        """The feeds that are asked."""
        return self.settings.feeds.primary, self.settings.feeds.second

    def database(self) -> DatabaseServer | None:
        """The database; None where it would be the embedded one, and that was never made."""
        named = any(name.startswith("TIMESCALEDB_") and value for name, value in self.environment.items())
        made = (self.settings.home / "postgres").exists()
        return find_server(self.settings.home) if named or made else None

    def unless_used(self, feed: str) -> Outcome:
        """What it amounts to that a feed does not work: a failure where it is asked, else a warning."""
        return Outcome.FAIL if feed in self.feeds else Outcome.WARN


Check = Callable[[Surroundings], Iterator[Finding]]
"""Looks at one thing and yields what it finds; what it raises is a finding too."""
