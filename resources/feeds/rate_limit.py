"""A vendor's request limit, held by every process of this machine that uses the same key.

Each request reserves its time in a small SQLite file before it goes out, so that processes queue in the order in which
they came. (Ready-made limiters refuse or poll; they neither queue across processes nor let one process that the vendor
throttled hold back the others.)
"""

import hashlib
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resources.errors import ConfigError, NotAsked
from resources.http import DAY_SECONDS

MARGIN_SECONDS = 0.1
"""Requests do not reach the vendor as evenly as they leave."""
LONGEST_QUEUE_SECONDS = 3600.0
"""A reservation further ahead was made by a clock that was wrong."""
LONGEST_WAIT_SECONDS = 120.0
"""A vendor that wants to be left alone for longer has failed: another feed answers sooner."""
WORTH_SAYING_SECONDS = 2.0

log = logging.getLogger("intraday.feeds")

SCHEMA = """
CREATE TABLE IF NOT EXISTS reservations (vendor TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS reservations_by_time ON reservations (vendor, at);
CREATE TABLE IF NOT EXISTS pauses (vendor TEXT PRIMARY KEY, until REAL NOT NULL);
"""


@dataclass(frozen=True)
class Window:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


def windows_of(plan: str) -> tuple[Window, ...]:
    """The limits of an Alpha Vantage plan: `free`, or `premium_N` with N requests a minute.

    A premium plan is spread evenly, which its burst limit asks for.
    """
    if plan == "free":
        return Window(1, 1.0), Window(5, 60.0), Window(25, DAY_SECONDS)
    a_minute = int(plan.removeprefix("premium_"))
    return Window(1, 60.0 / a_minute), Window(a_minute, 60.0)


class RateLimit:
    """The request limit of one key at one vendor.

    Args:
        path: the file that the processes share.
        vendor: the vendor's address.
        key: the key; only a digest of it is kept.
        windows: the limits.
        clock: seconds since the epoch.
        sleep: waits that many seconds.
        longest_wait: seconds; a turn that is further away is not waited for.

    """

    def __init__(
        self,
        path: Path,
        vendor: str,
        key: str,
        windows: Sequence[Window],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        longest_wait: float = math.inf,
    ) -> None:
        self._path = path
        self._vendor = hashlib.sha256(f"{vendor} {key}".encode()).hexdigest()[:16]
        self._windows = windows
        self._clock = clock
        self._sleep = sleep
        self._longest_wait = longest_wait

    def wait_for_turn(self) -> None:
        """Wait until a request may go out.

        Raises:
            NotAsked: the next turn is too far away to wait for it; nothing was reserved.
            ConfigError: the file cannot be used.

        """
        at = self._reserve()
        if at - self._clock() >= WORTH_SAYING_SECONDS:
            log.info("waiting %.0f s for the vendor's request limit", at - self._clock())
        while (ahead := at - self._clock()) > 0:
            self._sleep(ahead)

    def pause(self, seconds: float) -> None:
        """Hold back every process for so long: the vendor asked one of them to."""
        with self._store() as store:
            until = self._clock() + min(seconds, DAY_SECONDS)
            store.execute(
                "INSERT INTO pauses VALUES (?, ?) "
                "ON CONFLICT (vendor) DO UPDATE SET until = max(until, excluded.until)",
                [self._vendor, until],
            )

    def _reserve(self) -> float:
        with self._store() as store:
            now = self._clock()
            kept = max(window.seconds for window in self._windows) + MARGIN_SECONDS
            store.execute(
                "DELETE FROM reservations WHERE vendor = ? AND NOT at BETWEEN ? AND ?",
                [self._vendor, now - kept, now + LONGEST_QUEUE_SECONDS],
            )
            taken = "SELECT at FROM reservations WHERE vendor = ? ORDER BY at"
            reserved = [at for (at,) in store.execute(taken, [self._vendor])]
            (until,) = store.execute("SELECT max(until) FROM pauses WHERE vendor = ?", [self._vendor]).fetchone()
            if until is not None and until - now > LONGEST_WAIT_SECONDS:
                raise NotAsked(f"The vendor wants no requests until {_time(until)}.", pause_seconds=until - now)
            at = max(now, reserved[-1] if reserved else now, until or now)
            for window in self._windows:
                if len(reserved) >= window.requests:
                    free = reserved[-window.requests] + window.seconds + MARGIN_SECONDS * (window.seconds >= 1)
                    if window.seconds >= DAY_SECONDS and free > now:
                        raise _spent(window, free, now)
                    at = max(at, free)
            if at - now > self._longest_wait:
                raise NotAsked(f"The vendor's limit has the next turn at {_time(at)}.", pause_seconds=at - now)
            store.execute("INSERT INTO reservations VALUES (?, ?)", [self._vendor, at])
            return at

    @contextmanager
    def _store(self) -> Iterator[sqlite3.Connection]:
        """The shared file, locked for one transaction."""
        try:
            with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as store:
                store.executescript(SCHEMA)
                store.execute("BEGIN IMMEDIATE")
                with store:  # commits, or rolls back what an exception interrupts
                    yield store
        except sqlite3.Error as error:
            raise ConfigError(f"{self._path}, which counts requests, cannot be used: {error}.") from None


def _spent(window: Window, free: float, now: float) -> NotAsked:
    return NotAsked(
        f"The plan's {window.requests} requests a day are spent; the next one may go out at {_time(free)}. Go on then, "
        "use another feed, or a premium plan (alpha_vantage.plan).",
        pause_seconds=free - now,
    )


def _time(seconds: float) -> str:
    return f"{pd.Timestamp(seconds, unit='s', tz='UTC'):%Y-%m-%d %H:%M:%S} UTC"
