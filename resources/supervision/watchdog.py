"""Ends the children of a supervisor that was killed: a process beside it that learns of its death by a pipe.

Only the standard library is imported: it is run as a file, and is there in the blink of an eye.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 5.0
"""What a group may take to end; then it is killed."""
LOOK_SECONDS = 0.05


class Watchdog:
    """The supervisor's side: process groups that are not to outlive this process, in the order of their start."""

    def __init__(self) -> None:
        self._groups: list[int] = []
        self._process = self._begin()

    def mind(self, group: int) -> None:
        """From now on it ends with this process."""
        self._groups.append(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """It is gone, and its number may become another's."""
        self._groups.remove(group)
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Nobody is left to be minded."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _begin(self) -> "subprocess.Popen[bytes]":
        # a session of its own: what kills the supervisor's group leaves it alone
        return subprocess.Popen([sys.executable, "-I", __file__], stdin=subprocess.PIPE, start_new_session=True)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:  # it was killed: another one is told of all
            self.close()
            self._process = self._begin()
            for group in self._groups:
                self._tell(f"+{group}\n")


def end_groups(groups: list[int]) -> None:
    """End process groups one after the other, the last one first."""
    for group in reversed(groups):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, how)
                until = time.monotonic() + GRACE_SECONDS
                while time.monotonic() < until:
                    os.killpg(group, 0)
                    time.sleep(LOOK_SECONDS)


def main() -> None:
    """Learn of groups from the lines on stdin; end those that are left when it closes."""
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, signal.SIG_IGN)
    groups: list[int] = []
    for line in sys.stdin:
        (groups.append if line[0] == "+" else groups.remove)(int(line[1:]))
    end_groups(groups)


if __name__ == "__main__":
    main()
