"""Children as process groups of their own, whose lines go into a log, and what wakes their supervisor."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Final, Self

import psutil

from resources.supervision.child import Child
from resources.supervision.watchdog import Watchdog

LONGEST_LINE: Final = 65_536
STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Group:
    """A process and all that it started, but for what made a session of its own."""

    process: "subprocess.Popen[bytes]"
    watchdog: Watchdog

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self.process.pid

    def ended(self) -> bool:
        """Whether the process is dead. Its number stays its own until it is buried."""
        try:
            return self.process.returncode is not None or psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def terminate(self) -> None:
        """Ask all of it to end."""
        _signal(self.pid, signal.SIGTERM)

    def bury(self) -> int:
        """Kill what is left of it; returns the exit status of the process, negative where a signal ended it."""
        if self.process.returncode is None:
            _signal(self.pid, signal.SIGKILL)  # before the process is waited for, which frees its number
            self.process.wait()
            self.watchdog.forget(self.pid)
        return self.process.returncode


def _signal(group: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, how)


@dataclass(frozen=True)
class Starter:
    """Starts children.

    Ctrl-C in a terminal does not reach them: each has a session of its own, and they are ended in their order.
    """

    environment: Mapping[str, str]
    folder: Path
    """Where they work."""
    say: Callable[[str, str], None]
    """Takes who said it, and a line."""
    watchdog: Watchdog

    def __call__(self, child: Child) -> Group:
        """Start it."""
        process = subprocess.Popen(
            child.command,
            cwd=self.folder,
            env={**self.environment, **child.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.watchdog.mind(process.pid)
        assert process.stdout is not None
        threading.Thread(target=self._pass_on, args=(child.name, process.stdout), daemon=True).start()
        return Group(process, self.watchdog)

    def _pass_on(self, name: str, output: IO[bytes]) -> None:
        with output:
            while line := output.readline(LONGEST_LINE):
                self.say(name, line.decode(errors="replace").rstrip())


class Wakes:
    """What wakes a supervisor, as a `with` block: Ctrl-C, SIGTERM, a closed terminal, a child's death."""

    def __init__(self) -> None:
        self.stops = 0
        """How often it was asked to stop."""

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        before = {how: signal.getsignal(how) for how in (*STOPS, signal.SIGCHLD)}
        self._before = {how: was for how, was in before.items() if how != signal.SIGHUP or was != signal.SIG_IGN}
        for how in self._before:  # but for nohup's
            signal.signal(how, self._woken)
        return self

    def __exit__(self, *ended: object) -> None:
        for how, was in self._before.items():
            signal.signal(how, was)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Until one comes, or so many seconds."""
        if select.select([self._read], [], [], seconds)[0]:
            os.read(self._read, 512)

    def _woken(self, number: int, frame: FrameType | None) -> None:
        self.stops += number in STOPS
