"""How a command ends: its exit status, how a failure or an interruption is shown, a screen that may be closed early."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from resources.errors import first_line
from schemas.errors import IntradayError

STORED = "What was stored is whole; run it again to go on."
UNWRITTEN = "No file was written."
STORAGE = ("sqlalchemy", "dagster_postgres")
"""Packages whose failures are the database's, told by name: to import them takes a second."""
NOT_BY_ITSELF = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
"""What the operating system refuses until a person has changed something: a right, a name, the room on a disk."""


class Screen(Console):
    """A screen that may be closed before all is said, as by `| head`; the exit status is still that of the work."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def end(command: Callable[[], int], failed: int = 2, interrupted: str = "") -> NoReturn:
    """Run a command and exit with its status; a failure is one sentence and `failed`, an interruption 130.

    Args:
        command: what is done. SIGTERM interrupts it as Ctrl-C does, so that it clears away what it has begun.
        failed: the exit status of a failure.
        interrupted: what an interruption leaves behind; empty where nothing is ever left.

    """
    complain = Console(stderr=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = command()
    except IntradayError as error:
        complain_of(error)
        status = failed
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in STORAGE:
            hint = "would not" if isinstance(error, OSError) and error.errno in NOT_BY_ITSELF else "may"
            said = escape(f"{type(error).__name__}: {first_line(error)}. A retry {hint} help.")
            complain.print(f"[red]{said}[/]", highlight=False)
        else:
            traceback.print_exc()  # a fault of ours: Python's own status, 1, says something else of most commands
        status = failed
    except KeyboardInterrupt:
        complain.print(f"Interrupted. {interrupted}".strip())
        status = 130
    sys.exit(status)


def complain_of(error: IntradayError) -> None:
    """Say what failed, on stderr."""
    Console(stderr=True).print(f"[red]{escape(error.sentence())}[/]", highlight=False)


def hold_readable(words: Sequence[str], misused: int) -> None:
    """End with a sentence where what was typed is no UTF-8: it could not be shown, stored or sent to a server."""
    for word in words:
        if any("\udc80" <= character <= "\udcff" for character in word):
            typed = os.fsencode(word).decode(errors="backslashreplace")
            said = f"{typed} is not UTF-8: type it in UTF-8; a file with such a name has to be renamed first."
            Console(stderr=True).print(f"[red]{escape(said)}[/]", highlight=False)
            sys.exit(misused)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
