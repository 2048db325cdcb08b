"""What a check finds, and what checks are given to look at. No check is here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from resources.database.server import DatabaseServer, attached_server, is_made
from resources.errors import DatabaseUnreachable
from resources.settings import Settings

NO_DATABASE: Final = "set TIMESCALEDB_HOST or TIMESCALEDB_URL; the embedded one is made by the first run"
"""What to do where there is none."""
IDLE: Final = "a command that needs it starts it; `intraday up` keeps it running"
"""What to do where the embedded one does not run."""


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

    def database(self, name: str) -> DatabaseServer | Finding:
        """The database; where it is the embedded one, and was never made or does not run, a finding of that name."""
        if not is_made(self.settings.home):
            return Finding(name, Outcome.WARN, "none is named, and the embedded one was not made yet", NO_DATABASE)
        try:
            return attached_server(self.settings.home)
        except DatabaseUnreachable as error:
            return Finding(name, Outcome.WARN, str(error), IDLE)

    def unless_used(self, feed: str) -> Outcome:
        """What it amounts to that a feed does not work: a failure where it is asked, else a warning."""
        return Outcome.FAIL if feed in self.feeds else Outcome.WARN


Check = Callable[[Surroundings], Iterator[Finding]]
"""Looks at one thing and yields what it finds; what it raises is a finding too."""
