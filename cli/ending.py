"""How a command ends: its exit status, how a failure is shown, and a screen that may be closed early."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from resources.errors import first_line
from schemas.errors import IntradayError

STORAGE = ("sqlalchemy", "dagster_postgres")
"""Packages whose failures are the database's, told by name: to import them takes a second."""


class Screen(Console):
    """A screen that may be closed before all is said, as by `| head`; the exit status is still that of the work."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def end(command: Callable[[], int], failed: int = 2) -> NoReturn:
    """Run a command and exit with its status; a failure is one sentence and `failed`, an interruption 130."""
    complain = Console(stderr=True)
    try:
        status = command()
    except IntradayError as error:
        complain.print(f"[red]{escape(error.sentence())}[/]", highlight=False)
        status = failed
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in STORAGE:
            said = escape(f"{type(error).__name__}: {first_line(error)}. A retry may help.")
            complain.print(f"[red]{said}[/]", highlight=False)
        else:
            traceback.print_exc()  # a fault of ours: Python's own status, 1, says something else of most commands
        status = failed
    except KeyboardInterrupt:
        complain.print("Interrupted. What was stored is whole; run it again to go on.")
        status = 130
    sys.exit(status)
