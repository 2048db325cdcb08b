"""The live process as a process of its own, which dies by SIGKILL where a test wants it; a clock for several processes.

Waiting takes no time: the clock goes on by itself while somebody works and jumps where somebody waits, for the process
and for the stand-ins alike. Here: the clock, the process. Not here: what the feeds do wrong, what a test expects.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from live.opening import open_live
from live.service import LiveService
from resources.database.live_store import LiveStore
from resources.database.server import DatabaseServer
from resources.ib.real_time import DataEvent, RealTimeBars
from resources.market_time import MarketTime
from resources.settings import load_settings
from simulators.clock import ReplayClock
from tests.support.forks import forking

LOOK_SECONDS = 0.001
"""How often the clock is looked at by whoever follows it."""
PUSHED_SECONDS = 0.05
"""How long the machine may take to bring what has been sent."""


class SharedClock:
    """A replay's time in several processes of this machine."""

    def __init__(self, start: pd.Timestamp) -> None:
        self._skipped = forking().Value("d", 0.0)
        self._followed = forking().Value("d", math.inf)
        """Up to which second of its own somebody has kept up with it."""
        self._start, self._began = start, time.monotonic()

    def monotonic(self) -> float:
        """Seconds, those that were skipped among them."""
        return float(time.monotonic() + self._skipped.value)

    def now(self) -> pd.Timestamp:
        """UTC."""
        return self._at(self.monotonic())

    def sleep(self, seconds: float) -> None:
        """Skip so many seconds; returns once whoever follows has kept up."""
        with self._skipped.get_lock():
            self._skipped.value += max(seconds, 0.0)
        reached = self.monotonic()
        while self._followed.value < reached:
            time.sleep(LOOK_SECONDS)

    @contextmanager
    def followed(self, keep_up: Callable[[pd.Timestamp], None]) -> Iterator[None]:
        """Call that from a thread with the time as it goes on, for the length of the block."""
        over = threading.Event()

        def follow() -> None:
            try:
                while not over.wait(LOOK_SECONDS):
                    reached = self.monotonic()
                    keep_up(self._at(reached))
                    self._followed.value = reached
            finally:
                self._followed.value = math.inf  # nobody waits for a thread that has failed

        self._followed.value = self.monotonic()
        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def replay(self) -> ReplayClock:
        """The same for stand-ins."""
        return ReplayClock(self._start, 1.0, self.monotonic, self._began)

    def _at(self, second: float) -> pd.Timestamp:
        return (self._start + pd.Timedelta(seconds=second - self._began)).as_unit("us")


Moment = Literal["waiting", "storing", "stored"]


@dataclass(frozen=True)
class Death:
    """Where the process dies."""

    at: pd.Timestamp
    """Not before this time,"""
    where: Moment
    """while it waits, in the middle of a transaction, or after it before anybody knows."""


def run(environment: Mapping[str, str], url: str, clock: SharedClock, death: Death | None) -> int:
    """Take in one session in a process of its own; returns its exit code, negative where a signal ended it."""
    process = forking().Process(target=_main, args=(dict(environment), url, clock, death))
    process.start()
    process.join()
    return int(process.exitcode)


def live_service(url: str, clock: SharedClock) -> LiveService:
    """The live process of the desk that the environment says, by that clock."""
    time_ = MarketTime(clock.now, clock.sleep)
    return open_live(load_settings(), DatabaseServer(url), time_, lambda line: None, lambda session, about: None)


def _main(environment: Mapping[str, str], url: str, clock: SharedClock, death: Death | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    _waits_no_longer(clock)
    if death is not None:
        _dies(death, clock)
    live_service(url, clock).run(sessions=1)


def _waits_no_longer(clock: SharedClock) -> None:
    """What was pushed up to now is there at once; where nothing is, the time is skipped in which nothing will come."""
    usual = RealTimeBars.events

    def events(self: RealTimeBars, timeout: float) -> Sequence[DataEvent]:
        found = usual(self, min(timeout, PUSHED_SECONDS))
        if timeout and not found:
            clock.sleep(timeout)
        return found

    RealTimeBars.events = events  # type: ignore[method-assign]


def _dies(death: Death, clock: SharedClock) -> None:
    """Let a step of the process be its last."""
    owner: Any
    owner, step, before = {
        "waiting": (SharedClock, "sleep", True),
        "storing": (LiveStore, "_tell", True),
        "stored": (LiveStore, "commit", False),
    }[death.where]
    usual = getattr(owner, step)

    def mortal(self: Any, *given: Any) -> Any:
        last = clock.now() >= death.at
        if last and before:
            os.kill(os.getpid(), signal.SIGKILL)
        done = usual(self, *given)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, step, mortal)
