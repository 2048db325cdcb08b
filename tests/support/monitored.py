"""A desk that is watched: a real database with rows put there by hand, and a clock that a test sets.

Here: putting rows and looking. Not here: what must be seen. Samples without a database are in watched.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.types.json import Jsonb

from monitoring.health import health
from monitoring.probes import Usage
from monitoring.sampling import Sampler
from resources.database.live_store import LiveState, LiveStore
from resources.database.server import DatabaseServer
from resources.settings import Settings, load_settings
from schemas.monitoring import Component, Health

SYMBOLS = ("NVDA", "MSFT")
GIGABYTE = 10**9
FRIDAY, SUNDAY, HOLIDAY, HALF_DAY = "2026-11-20", "2026-11-22", "2026-11-26", "2026-11-27"
"""Thanksgiving, and the day after it, on which the exchange closes at 13:00."""
BARS = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
SELECT "timestamp", symbol, %(price)s, %(price)s, %(price)s, %(price)s, 1, %(source)s, 'as_traded'
FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, INTERVAL '1 minute') AS "timestamp",
     unnest(%(symbols)s::text[]) AS symbol
"""
JUDGED = """
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report, created_at)
VALUES (%s, %s, 'staging', '1min', %s, %s, %s, %s)
"""


def new_york(clock: str, day: str = FRIDAY) -> datetime:
    """A time of that day in New York, such as `10:00` or `10:00:30`."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo("America/New_York"))


@dataclass
class Monitored:
    """The desk; its disks have room unless a test takes it."""

    url: str
    now: datetime = field(default_factory=lambda: new_york("11:00"))
    free: int = 50 * GIGABYTE
    usage: Callable[[str], Usage] | None = None

    @property
    def settings(self) -> Settings:
        """As the environment has them now."""
        return load_settings()

    def sampler(self) -> Sampler:
        """A monitor that has not looked yet."""

        def usage(folder: str) -> Usage:
            return Usage(100 * GIGABYTE, 100 * GIGABYTE - self.free, self.free)

        server = DatabaseServer(self.url)
        return Sampler(self.settings, lambda: server, server.shown, self.usage or usage, lambda: self.now)

    def health(self) -> Health:
        """What a monitor that has just begun says."""
        return health(self.sampler().take(), self.now)

    def part(self, name: str) -> Component:
        """What it says of one part."""
        return self.health().components.each()[name]

    def bars(
        self, first: datetime, last: datetime, symbols: Sequence[str] = SYMBOLS, source: str = "alpha_vantage"
    ) -> None:
        """Store a bar a minute, the last one included."""
        given = {"first": first, "last": last, "symbols": list(symbols), "source": source, "price": 10}
        self.execute(BARS, given)

    def session(self, day: str, close: str = "16:00", symbols: Sequence[str] = SYMBOLS) -> None:
        """Store a whole session."""
        self.bars(new_york("09:30", day), new_york(close, day) - timedelta(minutes=1), symbols)

    def judged(
        self,
        day: str,
        verdict: str = "PASS",
        action: str = "CONTINUE",
        findings: Sequence[tuple[str, str]] = (),
        at: datetime | None = None,
        **report: object,
    ) -> None:
        """Keep a judgement, made half an hour after the close unless said; findings are rule and verdict."""
        found = [{"rule": rule, "verdict": one} for rule, one in findings]
        content = Jsonb({"symbols": SYMBOLS, "findings": found, "accepted": None, **report})
        self.execute(JUDGED, [new_york("09:30", day), day, verdict, action, content, at or new_york("16:30", day)])

    def live(self, state: str = "streaming", seen: datetime | None = None, **more: object) -> None:
        """Let the live process have said how it is doing, just now unless said."""
        seen = seen or self.now
        given = {"session": new_york("12:00").date(), "feed": "alpha_vantage", **more}
        store = LiveStore(DatabaseServer(self.url), self.settings.bar_size, SYMBOLS)
        store.keep_state(LiveState(state, seen, seen, **given))  # type: ignore[arg-type]

    def feed_event(self, feed: str, event: str, why: str = "", until: datetime | None = None) -> None:
        """Let something have happened to a feed."""
        statement = "INSERT INTO feed_events (feed, event, why, until) VALUES (%s, %s, %s, %s)"
        self.execute(statement, [feed, event, why, until])

    def execute(self, statement: str, given: object = None) -> None:
        """Change the database."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, given)  # type: ignore[arg-type]


@pytest.fixture
def monitored(clean_environment: pytest.MonkeyPatch, migrated_postgres_url: str) -> Monitored:
    """A desk with nothing stored, on a Friday at 11:00 in New York; a slow machine is no fault of it."""
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "30")
    return Monitored(migrated_postgres_url)


@pytest.fixture
def streaming(monitored: Monitored) -> Monitored:
    """The same, that takes bars in: yesterday is stored and judged, and today until a minute ago."""
    monitored.session("2026-11-19")
    monitored.judged("2026-11-19")
    monitored.bars(new_york("09:30"), new_york("10:58"))
    monitored.live(last_bar=new_york("10:58"))
    return monitored
