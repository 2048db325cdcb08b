"""What the monitor knows of a desk at one moment. Records only: nothing here reads, judges or shows.

`Facts` are what one transaction read, `Counts` what is counted over the whole history at a slower pace, `Sample` is all
of it with what was found beside the database. How they are read: `monitoring.reading`. What they amount to:
`monitoring.health`. Times are aware, in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from market.sessions import Session
from resources.database.feed_event_store import FeedStanding, KeptFeedEvent
from resources.database.live_store import LiveState
from resources.database.order_store import Reconciled, shown_account
from resources.settings import Settings
from schemas.end_of_day import EodReport
from schemas.quality import Action, Verdict
from schemas.risk import Halt
from schemas.trading import Position

Span = tuple[datetime, datetime]
"""The start of the first missing bar, inclusive, and the end of the last one, exclusive."""


@dataclass(frozen=True)
class SymbolBars:
    """What is stored of a symbol in the session that goes on, or in the last one."""

    symbol: str
    stored: int = 0
    """Bars of the session."""
    first: datetime | None = None
    """Start of the first of them,"""
    last: datetime | None = None
    """and of the last."""
    sources: tuple[str, ...] = ()
    gaps: tuple[Span, ...] = ()
    """Where bars are missing, from the open to the moment of the facts, or to the close."""


@dataclass(frozen=True)
class Judgement:
    """The newest word of the gate on a session."""

    session: date
    verdict: Verdict
    action: Action
    accepted: bool
    """Whether a person let it pass."""
    judged_at: datetime


@dataclass(frozen=True)
class WatchedSession:
    """One of the last sessions, the one that goes on among them."""

    session: Session
    stored: tuple[str, ...] = ()
    """The symbols of which it has bars."""
    judgement: Judgement | None = None

    @property
    def blocked(self) -> bool:
        """Whether the gate keeps it out."""
        return self.judgement is not None and self.judgement.action is Action.BLOCK

    @property
    def held_back(self) -> bool:
        """Whether there are bars that the gate found bad, rather than none or none that could be judged."""
        return self.judgement is not None and self.blocked and self.judgement.verdict is not Verdict.ERROR

    def missing(self, now: datetime) -> bool:
        """Whether it is over, and there are neither bars of it nor a judgement."""
        return self.session.close <= now and not self.stored and self.judgement is None


@dataclass(frozen=True)
class Account:
    """What an account holds and what both books said of it."""

    account: str
    positions: tuple[Position, ...] = ()
    """Valued by the last stored bar, those without shares too."""
    reconciled: tuple[Reconciled, ...] = ()
    halts: tuple[Halt, ...] = ()
    orders: Mapping[str, int] = field(default_factory=dict)
    """How many are in which state."""

    @property
    def shown(self) -> str:
        """Its number as it may be shown: that of a broker masked."""
        return shown_account(self.account)


@dataclass(frozen=True)
class UnreadEnd:
    """An end of day that was kept in a form that is not this code's; of it only this much is known."""

    session: date
    verdict: Verdict

    @property
    def said(self) -> str:
        """What is wrong with it."""
        return f"the report is not of this version and cannot be read; its verdict is {self.verdict}"


@dataclass(frozen=True)
class StandingAlert:
    """Something that people were told of and that still stands."""

    key: str
    """What it is about, such as `feed_down:yahoo`."""
    kind: str
    since: datetime
    says: str
    advice: str
    """What a person can do."""


@dataclass(frozen=True)
class ToldBar:
    """A bar of the session that consumers of live were not told of in time, or not whole."""

    start: datetime
    withheld: bool
    """Whether the rolling gate kept it back."""
    missing: tuple[str, ...] = ()
    """The symbols of which no feed had it then."""


@dataclass(frozen=True)
class Facts:
    """The stored state, all of it of one moment."""

    taken_at: datetime
    session: Session
    """The one that goes on at `taken_at`, or the last one."""
    bars: tuple[SymbolBars, ...] = ()
    """Of the session, a symbol of the desk each, in its order."""
    sessions: tuple[WatchedSession, ...] = ()
    """The last ones, `monitoring.sessions` of them, oldest first; the newest is `session`."""
    judgement: Judgement | None = None
    """Of the newest session that the gate has judged, however long ago."""
    feeds: Mapping[str, FeedStanding] = field(default_factory=dict)
    """The state that each feed was left in; one that never changed its state is not there."""
    feed_events: tuple[KeptFeedEvent, ...] = ()
    """The newest, newest first."""
    live: LiveState | None = None
    """None: no live process has ever run."""
    told: tuple[ToldBar, ...] = ()
    """Of the session, those that were withheld, or told without a symbol."""
    accounts: tuple[Account, ...] = ()
    end_of_day: EodReport | UnreadEnd | None = None
    """How the newest session ended that was judged."""
    alerts: tuple[StandingAlert, ...] = ()
    heartbeats: Mapping[str, datetime] = field(default_factory=dict)
    """By sensor, when it last looked."""
    connections: Mapping[str, int] = field(default_factory=dict)
    """To the server, by state; `hidden`: of users whose state this one may not see."""
    max_connections: int = 0
    """That the server takes, without those it reserves."""

    def of(self, symbol: str) -> SymbolBars:
        """A symbol's bars; none where it is not one of the desk's."""
        return next((bars for bars in self.bars if bars.symbol == symbol), SymbolBars(symbol))


@dataclass(frozen=True)
class Delays:
    """How long after a bar's end consumers were told of it: a histogram."""

    at_most: tuple[tuple[float, int], ...] = ()
    """Seconds, and how many bars took no longer; ascending. The last one is infinite."""
    seconds: float = 0.0
    """Of all bars together."""


@dataclass(frozen=True)
class Counts:
    """What is counted over the whole history."""

    taken_at: datetime
    ingested: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By symbol and source: stored bars and their older versions."""
    latest: Mapping[str, datetime] = field(default_factory=dict)
    """By symbol: the start of its newest stored bar."""
    quality_failures: Mapping[str, int] = field(default_factory=dict)
    """By rule: findings FAIL or ERROR in all kept reports."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """How many kept reports have which."""
    feed_events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By feed and event."""
    reconnects: Mapping[str, int] = field(default_factory=dict)
    """By feed: how often it came back after it had been down."""
    live_bars: Mapping[str, int] = field(default_factory=dict)
    """By event."""
    delays: Delays = Delays()


@dataclass(frozen=True)
class Disk:
    """Room on the disk of a folder."""

    name: str
    """`home` or `landing`."""
    folder: str
    size: int = 0
    """Bytes."""
    free: int = 0
    failure: str = ""
    """Why it could not be measured; empty where it was."""


@dataclass(frozen=True)
class Broker:
    """Whether a broker's port takes connections."""

    name: str
    address: str
    failure: str = ""
    """Empty where it does."""


@dataclass(frozen=True)
class Dagster:
    """What the webserver says of the daemons."""

    url: str
    daemons: Mapping[str, bool] = field(default_factory=dict)
    """Those that are required, by kind: whether each is healthy."""
    failure: str = ""
    """Why it could not be asked; empty where it could."""


@dataclass(frozen=True)
class BackupFolder:
    """Where backups are kept."""

    folder: str
    newest: datetime | None = None
    """When the newest whole one was made; None: there is none."""
    failure: str = ""
    """Why nobody could look; empty where somebody could."""


@dataclass(frozen=True)
class Sample:
    """Everything that answers are made of."""

    settings: Settings
    """The desk's, by which it was taken."""
    taken_at: datetime
    database: str
    """Its address, as it may be shown."""
    facts: Facts | None = None
    """The last that could be read, which may be older; None: never yet."""
    counts: Counts | None = None
    database_failure: str = ""
    """Why the state could not be read this time; empty where it was. Without secrets."""
    disks: tuple[Disk, ...] = ()
    broker: Broker | None = None
    """None: none is configured."""
    dagster: Dagster | None = None
    """None: it is not looked at."""
    backups: BackupFolder | None = None
    """None: they are not looked at."""

    def latest(self, symbol: str) -> datetime | None:
        """The start of the newest bar that is stored of a symbol; None where none is known of."""
        in_session = None if self.facts is None else self.facts.of(symbol).last
        return in_session or (None if self.counts is None else self.counts.latest.get(symbol))
