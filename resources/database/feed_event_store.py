"""Keeps what the feeds go through: changes of their state, failovers, repairs. Counters are read from here.

What a state means is `resources.feeds.breaker`'s matter.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime

import pandas as pd
from psycopg.rows import class_row

from resources.database.queries import named_query
from resources.database.server import DatabaseServer


@dataclass(frozen=True)
class FeedEvent:
    """Something that happened to a feed."""

    feed: str
    event: str
    """`up`, `down`, `probing`, `failover` or `repair`."""
    why: str
    until: pd.Timestamp | None = None
    session: date | None = None
    symbol: str | None = None


@dataclass(frozen=True)
class FeedStanding:
    """The state that a feed was left in."""

    feed: str
    state: str
    until: pd.Timestamp | None
    pauses: int
    """How often it went down since it was last up."""
    why: str


@dataclass(frozen=True)
class FeedCount:
    """How often something happened to a feed."""

    feed: str
    event: str
    count: int


@dataclass(frozen=True)
class KeptFeedEvent:
    """An event as it is shown."""

    at: pd.Timestamp
    feed: str
    event: str
    session: date | None
    symbol: str | None
    why: str


@dataclass(frozen=True)
class Outage:
    """From a feed's going down to its being up again."""

    id: int
    """Of the event that it began with."""
    at: datetime
    why: str
    ended: datetime | None
    """None: it goes on."""


@dataclass(frozen=True)
class FeedEventStore:
    """The table `feed_events`."""

    server: DatabaseServer

    def keep(self, event: FeedEvent) -> None:
        """Append an event."""
        with self.server.connect() as connection:
            connection.execute(named_query("keep_feed_event"), asdict(event))

    def standings(self) -> dict[str, FeedStanding]:
        """The state that each feed is in; a feed that never changed its state is not there."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(FeedStanding)) as cursor:
            return {row.feed: row for row in cursor.execute(named_query("feed_states"))}

    def latest(self, limit: int) -> list[KeptFeedEvent]:
        """The newest events, newest first."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(KeptFeedEvent)) as cursor:
            return cursor.execute(named_query("feed_events"), {"limit": limit}).fetchall()

    def outages(self, feed: str, after: int = 0) -> list[Outage]:
        """Those that began after an event, oldest first."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(Outage)) as cursor:
            return cursor.execute(named_query("feed_outages"), {"feed": feed, "after": after}).fetchall()

    def counts(self) -> list[FeedCount]:
        """How often each feed went through what, since the database was made."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(FeedCount)) as cursor:
            return cursor.execute(named_query("count_feed_events")).fetchall()
