"""What people are told of: something that stands until it ends. How it is told is not here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """What sort of thing went wrong."""

    FEED_DOWN = "feed_down"
    RUN_FAILED = "run_failed"
    SESSIONS_MISSING = "sessions_missing"


REPEATED: Final = (AlertKind.FEED_DOWN, AlertKind.SESSIONS_MISSING)
"""Told again while they stand. A run that failed has failed: what it left undone stands in the list of sessions."""


@dataclass(frozen=True)
class Alert:
    """Something that stands now."""

    key: str
    """What it is about: it stands once, however often and by whoever it is seen."""
    kind: AlertKind
    since: datetime
    says: str
    advice: str
    """What a person can do."""
    sessions: tuple[str, ...] = ()
    """Those that it names; one that is added is told at once."""


@dataclass(frozen=True)
class KeptAlert(Alert):
    """An alert as it is kept."""

    id: int = 0
    resolved_at: datetime | None = None
    told_at: datetime | None = None
    """When a message last named it."""
    told: int = 0
    """How many messages named it."""
    version: str = ""
    """Of the row: another one when anything of it has changed."""

    def fields(self) -> Mapping[str, object]:
        """What programs read of it; times in ISO 8601, UTC."""
        return {
            "key": self.key,
            "kind": self.kind,
            "state": "stands" if self.resolved_at is None else "over",
            "since": self.since.isoformat(),
            "until": None if self.resolved_at is None else self.resolved_at.isoformat(),
            "says": self.says,
            "advice": self.advice,
            "sessions": list(self.sessions),
            "told_before": self.told,
        }
