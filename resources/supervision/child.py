"""What a supervisor keeps running, and how it stands. Records only: what is done with them is `supervisor`'s."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Process(Protocol):
    """A child that was started, with all that it started itself."""

    @property
    def pid(self) -> int:
        """Its number."""

    def ended(self) -> bool:
        """Whether the child is dead, whatever is left of what it started."""

    def terminate(self) -> None:
        """Ask all of it to end."""

    def bury(self) -> int:
        """Kill what is left of it; returns the child's exit status, negative where a signal ended it."""


@dataclass(frozen=True)
class Child:
    """A process that is to run, or to have run."""

    name: str
    command: Sequence[str]
    needs: tuple[str, ...] = ()
    """The children that have to be ready before it is started."""
    ready: Callable[[datetime], bool] = lambda started: True
    """Whether it does its work, given when it was started (UTC); answers within a second or two."""
    address: str = ""
    """Where people find it; said when it is ready."""
    environment: Callable[[], Mapping[str, str]] = dict
    """What its environment has beside the supervisor's; asked each time that it is started."""
    once: bool = False
    """It ends by itself with status 0 when its work is done, and is ready from then on."""
    start_seconds: float = 180
    """A child that is not ready after so long is ended and started anew."""
    stop_seconds: float = 20
    """What it may take to end when it is asked to; then it is killed."""
    hurried_seconds: float = 0
    """The same where a person is in a hurry."""


class State(StrEnum):
    """How a child stands."""

    WAITING = "waiting"
    """for those that it needs"""
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    PAUSING = "pausing"
    """before it is started again"""
    STOPPED = "stopped"


UP = (State.READY, State.DONE)
"""What whoever needs a child waits for."""


@dataclass(frozen=True)
class Standing:
    """How a child stands, for people."""

    name: str
    state: State
    since: datetime
    pid: int | None = None
    deaths: int = 0
    """Since it last ran steadily."""
    why: str = ""
    """How it ended last; empty where it never did."""
