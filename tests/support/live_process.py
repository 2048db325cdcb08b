"""The live process as a process of its own, which dies by SIGKILL where a test wants it; a clock for several processes.

Waiting takes no time: the clock goes on by itself while somebody works and jumps where somebody waits, for the process
and for the stand-ins alike. Here: the clock, the process. Not here: what the feeds do wrong, what a test expects.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pandas as pd

from live.opening import open_live
from live.service import LiveService
from resources.database.live_store import LiveStore
from resources.database.server import DatabaseServer
from resources.market_time import MarketTime
from resources.settings import load_settings
from simulators.clock import ReplayClock


@cache
def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


class SharedClock:
    """A replay's time in several processes of this machine."""

    def __init__(self, start: pd.Timestamp) -> None:
        self._skipped = _context().Value("d", 0.0)
        self._start, self._began = start, time.monotonic()

    def monotonic(self) -> float:
        """Seconds, those that were skipped among them."""
        return float(time.monotonic() + self._skipped.value)

    def now(self) -> pd.Timestamp:
        """UTC."""
        return (self._start + pd.Timedelta(seconds=self.monotonic() - self._began)).as_unit("us")

    def sleep(self, seconds: float) -> None:
        """Skip so many seconds."""
        with self._skipped.get_lock():
            self._skipped.value += max(seconds, 0.0)

    def replay(self) -> ReplayClock:
        """The same for stand-ins."""
        return ReplayClock(self._start, 1.0, self.monotonic, self._began)


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
    process = _context().Process(target=_main, args=(dict(environment), url, clock, death))
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
    if death is not None:
        _dies(death, clock)
    live_service(url, clock).run(sessions=1)


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
