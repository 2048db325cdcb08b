"""Processes that run a command, or that store sessions, to be killed or set against each other: forked from one that
has imported all, so that one costs milliseconds and not seconds.

`Nursery` is the tests' side of it; `serve` is the process that forks. What is stored and what must come of it is the
tests' matter.
"""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
SYMBOLS = ("NVDA", "MSFT")
FAILED = 3
"""Exit status of a process that ended with a typed error."""
COMMAND_SECONDS = 120
"""So long a command may take; one that takes longer is killed."""


@dataclass
class Loading:
    """One of these processes."""

    nursery: "Nursery"
    pid: int
    output: Path
    errors: Path

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status, or the number of the signal that ended it, negative."""
        running = os.pidfd_open(self.pid)  # waited for here, so that the nursery starts others meanwhile
        try:
            select.select([running], [], [])
        finally:
            os.close(running)
        return int(self.nursery.ask(wait=self.pid))

    @property
    def said(self) -> str:
        """What it printed, then what of it as errors."""
        return self.output.read_text() + self.errors.read_text()


class Nursery:
    """Starts processes for the length of a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = count(1)
        self._one_at_a_time = Lock()

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()  # it keeps nothing, and what it forked may hold its pipes open
        with self._process:
            pass

    def start(self, task: str, environment: dict[str, str] | None = None, **about: Any) -> Loading:
        """Begin one of the functions below in a process of its own, with this process's environment and these."""
        number = next(self._count)
        output, errors = (self._folder / f"{what}-{number}" for what in ("output", "errors"))
        said = {**os.environ, **(environment or {})}
        files = {"output": str(output), "errors": str(errors)}
        pid = self.ask(task=task, environment=said, folder=str(Path.cwd()), about=about, **files)
        return Loading(self, int(pid), output, errors)

    def ask(self, **order: object) -> str:
        """One line there, one back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            return self._process.stdout.readline()


@cache
def nursery() -> Nursery:
    """The one of this process."""
    folder = Path(tempfile.mkdtemp(prefix="intraday-nursery-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    started = Nursery(folder).__enter__()
    atexit.register(started.__exit__, None, None, None)
    return started


def command(arguments: Sequence[str]) -> int:
    """`intraday` with these arguments, up to what is done when a program ends."""
    from cli.main import main

    sys.argv = ["intraday", *arguments]
    signal.alarm(COMMAND_SECONDS)
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    finally:
        atexit._run_exitfuncs()
    return 0


def load_files(paths: Sequence[str], at_once: int) -> int:
    """`intraday load` of files, so many sessions a transaction."""
    from rich.console import Console

    from cli.load import load
    from resources import loading

    loading.STORED_AT_ONCE = at_once  # type: ignore[misc]
    return load([Path(path) for path in paths], Console(file=sys.stdout, width=300), limit=None)


def replace_sessions(
    url: str, desk: str, ranges: Sequence[Sequence[str]], price: float, rounds: int = 1, patient: bool = True
) -> int:
    """`SessionStore.replace_all` of ranges of days, one after the other, all of whose values say the price."""
    from market.sessions import BarSize, session
    from resources.database.server import DatabaseServer
    from resources.database.session_store import SessionStore

    def no_wait(seconds: float) -> None:
        raise AssertionError(f"it has to be tried again, in {seconds} s")

    server = DatabaseServer(url)
    given = [[whole_session(server, desk, session(day), price) for day in days] for days in ranges]
    waiting = {} if patient else {"sleep": no_wait}
    store = SessionStore(server, desk, BarSize.ONE_MINUTE, SYMBOLS, **waiting)
    for _ in range(rounds):
        for sessions in given:
            store.replace_all(sessions)
    return 0


def whole_session(server: Any, desk: str, day: Any, price: float) -> Any:
    """A `StoredSession` of both symbols that the gate of a desk passed, its report kept."""
    import pandas as pd

    from market.quality.evidence import Evidence
    from market.quality.gate import Gate
    from market.sessions import BarSize
    from resources.database.report_store import ReportStore
    from resources.database.session_store import StoredSession
    from schemas.tables import FEATURES
    from tests.support.tables import UNMARKED

    stamps = day.minutes(BarSize.ONE_MINUTE)
    bars = pd.concat([pd.DataFrame({"timestamp": stamps, "symbol": symbol}) for symbol in SYMBOLS], ignore_index=True)
    values = dict.fromkeys(("open", "high", "low", "close"), price)
    frame = bars.assign(**dict.fromkeys(FEATURES, 0.5)).assign(**values, volume=price, rsi=price, missing=False)
    frame = frame.sort_values(["timestamp", "symbol"], ignore_index=True)
    bars = bars.assign(**values, volume=price, **UNMARKED)
    report = Gate(desk, []).judge(Evidence(day, BarSize.ONE_MINUTE, SYMBOLS, bars, frame))
    ReportStore(server).keep_reports([report])
    return StoredSession(day, report, bars, frame)


TASKS = {"command": command, "load_files": load_files, "replace_sessions": replace_sessions}


def serve() -> None:
    """Fork what is asked for on stdin, a line an order, until that ends."""
    for module in (ROOT / "cli").glob("[a-z]*.py"):  # this and what follows before the fork, so that no child has to
        import_module(f"cli.{module.stem}")
    import_module("intraday_assets.definitions")
    import_module("tests.support.prepared")

    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                run(order)
        print(answer, flush=True)  # noqa: T201


def run(order: dict[str, Any]) -> None:
    """The child's life."""
    from schemas.errors import IntradayError

    status = 4
    try:
        for number, name in ((1, "output"), (2, "errors")):
            with Path(order[name]).open("w") as file:
                os.dup2(file.fileno(), number)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        status = TASKS[order["task"]](**order["about"])
    except IntradayError as error:
        print(f"{type(error).__name__}: {error.sentence()}")  # noqa: T201
        status = FAILED
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
