"""What is known of a session's day when it has ended: the facts that `market.end_of_day` judges. Records only.

Where they come from is `resources.end_of_day`'s matter. Any of them may be `Unknown`; nothing is made up in its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pandas as pd

from market.sessions import BarSize, Session
from schemas.broker import Compared
from schemas.quality import Action, Span
from schemas.risk import Halt


class EodLimits(Protocol):
    """From where on an end of day is good; `resources.settings_sections.EodSettings` is one."""

    @property
    def completeness(self) -> float:
        """The least share of a symbol's bars."""

    @property
    def gate_passed(self) -> float:
        """The least share of the last judged sessions,"""

    @property
    def gate_sessions(self) -> int:
        """and of how many."""

    @property
    def freshness_seconds(self) -> int:
        """The newest bar ends less than this before the close."""

    @property
    def free_bytes(self) -> int:
        """The least room on a disk."""

    @property
    def errors(self) -> int:
        """Fewer errors than this."""

    @property
    def backup_age_hours(self) -> float:
        """The newest backup is at most this old."""


@dataclass(frozen=True)
class Unknown:
    """A fact that nobody knows."""

    why: str
    """In a sentence."""
    advice: str = ""
    """What a person does about it; empty: it was not to be looked at."""


@dataclass(frozen=True)
class SymbolDay:
    """What is stored of a symbol."""

    symbol: str
    stored: int
    """Bars of the session."""
    missing: tuple[Span, ...]
    """The session's bars that are not stored."""
    newest: pd.Timestamp | None
    """The end of its newest bar up to the close, UTC, of whatever session; None: there is none."""


@dataclass(frozen=True)
class Judgement:
    """The gate's newest word on a session."""

    session: str
    action: Action
    blocking: tuple[str, ...] = ()
    """What failed, a rule with its symbol each; of a session that was let pass too."""
    not_computed: tuple[str, ...] = ()
    """The same of what could not be computed."""
    lacking: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """By symbol, the bars that no feed gave."""

    @property
    def passed(self) -> bool:
        """Whether the session may be stored."""
        return self.action is not Action.BLOCK


@dataclass(frozen=True)
class DayEvents:
    """What went wrong on the New York day."""

    feeds_down: Mapping[str, int] = field(default_factory=dict)
    """By feed, how often it was given up."""
    quarantined: tuple[str, ...] = ()
    """The orders of which something was heard that cannot be: an id for each event."""
    withheld: int = 0
    """Bars that the live process kept back."""


@dataclass(frozen=True)
class Room:
    """A disk on which this desk writes."""

    name: str
    """`home` or `landing`."""
    folder: str
    free: int | Unknown
    """Bytes."""


@dataclass(frozen=True)
class Landed:
    """What became of the files of the landing zone, by their paths within it."""

    sound: int
    changed: tuple[str, ...]
    """Those that are not what was landed."""
    unchecked: int
    """Those of which no checksum was kept."""
    left: int = 0
    """Those that were not looked at, older than all that were."""


@dataclass(frozen=True)
class Backup:
    """One that is complete."""

    name: str
    made_at: datetime
    """UTC."""


@dataclass(frozen=True)
class Backups:
    """The backups of the database."""

    folder: str
    newest: Backup | None
    """None: there is none."""
    broken: tuple[str, ...] = ()
    """What looks like a backup and cannot be read, or was made in the future."""
    others: tuple[str, ...] = ()
    """What else lies there: whether it is a backup, and of when, nobody knows."""


@dataclass(frozen=True)
class Books:
    """Both books of an account."""

    account: str
    """As it may be shown."""
    compared: tuple[Compared, ...]
    asked_at: datetime | None
    """When they were compared, the longest ago of all symbols; None: never."""
    halts: tuple[Halt, ...] = ()
    traded: bool = True
    """Whether there was ever an order."""


@dataclass(frozen=True)
class Today:
    """What is of the day on which it is looked at, whatever the session."""

    room: tuple[Room, ...] | Unknown
    landed: Landed | Unknown
    backups: Backups | Unknown
    books: Books | Unknown


@dataclass(frozen=True)
class DayFacts:
    """All that is known."""

    session: Session
    bar_size: BarSize
    looked_at: datetime
    """When, UTC."""
    symbols: tuple[SymbolDay, ...] | Unknown
    history: tuple[Judgement, ...] | Unknown
    """The last sessions that were judged, up to this one, newest first."""
    events: DayEvents | Unknown
    today: Today

    @property
    def judgement(self) -> Judgement | None:
        """The gate's word on the session itself; None: it was not judged, or nobody knows."""
        history = () if isinstance(self.history, Unknown) else self.history
        return next((one for one in history if one.session == self.session.key), None)
