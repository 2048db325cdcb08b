"""Keeps children running. It looks at all of them, does what is due, and is called again.

A child that dies is started again after a pause that doubles up to a minute, for ever: whoever is on call wants the
rest to go on, and this one to come back by itself once the database, the disk or the vendor does. That it does not is
said once, loudly, and stands in `standings`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from signal import Signals
from typing import Final

from resources.clock import utc_now
from resources.errors import first_line
from resources.supervision.child import UP, Child, Process, Standing, State
from schemas.errors import IntradayError
from schemas.words import counted

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 60.0
"""A child that was ready for so long is trusted again."""
LOUD: Final = 5
"""So many deaths in a row are said aloud."""


@dataclass
class _Kept:
    child: Child
    since: datetime
    state: State = State.WAITING
    process: Process | None = None
    moved: float = 0.0
    """When the state was entered, on the monotonic clock."""
    due: float = 0.0
    """When it may be started, on that clock."""
    deaths: int = 0
    why: str = ""


class Supervisor:
    """Children, in the order in which they are started; they are stopped in the opposite one.

    Args:
        children: each after those that it needs.
        start: starts a child; an OSError or a failure of ours counts as a death.
        say: takes lines for people.
        monotonic: seconds.
        now: UTC.

    """

    def __init__(
        self,
        children: Sequence[Child],
        start: Callable[[Child], Process],
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._start, self._say, self._monotonic, self._now = start, say, monotonic, now
        self._kept = {child.name: _Kept(child, now(), moved=monotonic()) for child in children}

    @property
    def all_up(self) -> bool:
        """Whether every child does its work."""
        return all(kept.state in UP for kept in self._kept.values())

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How each child stands, in their order."""
        return tuple(
            Standing(name, one.state, one.since, one.process.pid if one.process else None, one.deaths, one.why)
            for name, one in self._kept.items()
        )

    def step(self) -> None:
        """Look at every child once, and do what is due."""
        for kept in self._kept.values():
            if kept.process is not None and kept.process.ended():
                self._bury(kept)
            elif kept.state is State.STARTING:
                self._look(kept)
            elif kept.state in (State.WAITING, State.PAUSING) and self._monotonic() >= kept.due:
                self._begin(kept)

    def stop(self, *, hurried: Callable[[], bool], pause: Callable[[], None]) -> None:
        """End the children one after the other, the last one first; each is killed when its time is over.

        Args:
            hurried: whether a person has no patience any more.
            pause: waits a moment.

        """
        for kept in reversed(self._kept.values()):
            if kept.process is not None:
                self._end(kept, kept.process, hurried, pause)
            self._move(kept, State.STOPPED)

    def _begin(self, kept: _Kept) -> None:
        if any(self._kept[name].state not in UP for name in kept.child.needs):
            return
        try:
            kept.process = self._start(kept.child)
        except (OSError, IntradayError) as error:
            self._pause(kept, f"cannot be started: {first_line(error).rstrip('.')}")
            return
        self._move(kept, State.STARTING)

    def _look(self, kept: _Kept) -> None:
        """Whether it is ready by now; one that never will be is killed, and buried with the next look."""
        if not kept.child.once and kept.child.ready(kept.since):
            self._move(kept, State.READY)
            self._say(f"{kept.child.name} is ready{f': {kept.child.address}' if kept.child.address else '.'}")
        elif kept.process is not None and self._monotonic() - kept.moved > kept.child.start_seconds:
            self._say(f"{kept.child.name} was not ready after {kept.child.start_seconds:g} s: it is ended.")
            kept.process.bury()

    def _bury(self, kept: _Kept) -> None:
        assert kept.process is not None
        status, kept.process = kept.process.bury(), None
        if kept.child.once and status == 0:
            self._move(kept, State.DONE)
            return
        if kept.state is State.READY and self._monotonic() - kept.moved >= STEADY_SECONDS:
            kept.deaths = 0
        self._pause(kept, f"was killed by {Signals(-status).name}" if status < 0 else f"ended with status {status}")

    def _pause(self, kept: _Kept, why: str) -> None:
        kept.deaths += 1
        kept.why = why
        seconds = min(FIRST_PAUSE_SECONDS * 2 ** (kept.deaths - 1), LONGEST_PAUSE_SECONDS)
        self._say(f"{kept.child.name} {why}; it is started again in {seconds:g} s.")
        if kept.deaths == LOUD:
            self._say(
                f"DEGRADED: {kept.child.name} does not stay up ({counted(LOUD, 'death')} in a row). It is tried again "
                f"every {LONGEST_PAUSE_SECONDS:g} s at the latest, and the rest goes on; its lines above say why."
            )
        kept.due = self._monotonic() + seconds
        self._move(kept, State.PAUSING)

    def _end(self, kept: _Kept, process: Process, hurried: Callable[[], bool], pause: Callable[[], None]) -> None:
        asked = self._monotonic()
        process.terminate()
        while not process.ended():
            seconds = kept.child.hurried_seconds if hurried() else kept.child.stop_seconds
            if self._monotonic() - asked >= seconds:
                self._say(f"{kept.child.name} did not end within {seconds:g} s: it is killed.")
                break
            pause()
        process.bury()
        kept.process = None

    def _move(self, kept: _Kept, state: State) -> None:
        kept.state, kept.since, kept.moved = state, self._now(), self._monotonic()
