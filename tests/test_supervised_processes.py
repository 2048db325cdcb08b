"""Process groups, their watchdog, their log and what wakes a supervisor: with real processes, small ones."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from resources.errors import ConfigError
from resources.supervision.child import Child
from resources.supervision.log import Log
from resources.supervision.processes import Group, Starter, Wakes
from resources.supervision.watchdog import Watchdog

ROOT = Path(__file__).parents[1]
PATIENCE = 600
FAMILY = "sleep 1000 & echo grandchild $!; trap '' TERM; echo {said}; wait; wait"
"""A shell with a child, which does not end when it is asked to."""


class Heard:
    """Lines of children."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._news = threading.Condition()

    def __call__(self, who: str, line: str) -> None:
        with self._news:
            self.lines.append((who, line))
            self._news.notify_all()

    def wait_for(self, text: str) -> str:
        with self._news:
            assert self._news.wait_for(lambda: any(text in line for _, line in self.lines), 30), self.lines
            return next(line for _, line in self.lines if text in line)


def until(fact: Callable[[], bool]) -> None:
    pulse = threading.Event()
    for _ in range(PATIENCE):
        if fact():
            return
        pulse.wait(0.05)
    raise AssertionError("it never came to be")


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def start(heard, tmp_path):
    with closing(Watchdog()) as watchdog:
        starter = Starter({**os.environ, "COLOUR": "blue"}, tmp_path, heard, watchdog)
        groups: list[Group] = []

        def started(*command: str, **environment: str) -> Group:
            groups.append(starter(Child("web", command, environment=lambda: environment)))
            return groups[-1]

        yield started
        for group in groups:
            group.bury()


def test_a_child_finds_its_environment_and_its_lines_are_passed_on(start, heard, tmp_path):
    group = start("sh", "-c", "echo $COLOUR $SHAPE $PWD; echo loud >&2; printf end; exit 3", SHAPE="round")
    heard.wait_for("end")
    until(group.ended)
    assert group.bury() == 3
    assert heard.lines == [("web", f"blue round {tmp_path}"), ("web", "loud"), ("web", "end")]


def test_what_a_child_started_goes_with_it(start, heard):
    group = start("sh", "-c", FAMILY.format(said="ready"))
    grandchild = int(heard.wait_for("grandchild").split()[1])
    heard.wait_for("ready")
    os.kill(group.pid, signal.SIGKILL)
    until(group.ended)
    assert not gone(grandchild)
    assert group.bury() == -signal.SIGKILL
    until(lambda: gone(grandchild))
    assert group.bury() == -signal.SIGKILL  # once more does nothing


def test_children_do_not_outlive_a_supervisor_that_is_killed():
    """Nor where the watchdog was killed before: another one is told of all."""
    script = f"""
import os, sys
from pathlib import Path
from resources.supervision.child import Child
from resources.supervision.processes import Starter
from resources.supervision.watchdog import Watchdog
watchdog = Watchdog()
start = Starter(os.environ, Path("/"), lambda who, line: print(line, flush=True), watchdog)
start(Child("one", ["sh", "-c", {FAMILY.format(said="ready")!r}]))
watchdog._process.kill()
watchdog._process.wait()
start(Child("two", ["sleep", "1000"]))
sys.stdin.read()
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    assert supervisor.stdin is not None
    said = [supervisor.stdout.readline() for _ in range(2)]
    assert said[1] == "ready\n"
    here = psutil.Process(supervisor.pid)
    until(lambda: len(here.children()) == 3)
    family = [one.pid for one in here.children(recursive=True)]
    assert int(said[0].split()[1]) in family
    supervisor.kill()
    supervisor.communicate()
    until(lambda: all(map(gone, family)))


def test_signals_wake_and_are_counted_and_what_was_before_comes_back():
    before = {how: signal.getsignal(how) for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)}
    with Wakes() as wakes:
        for how in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), how)
            wakes.wait(30)
        assert wakes.stops == 2
        subprocess.run(["true"], check=True)
        wakes.wait(30)  # for the death of a child
        assert wakes.stops == 2
    assert {how: signal.getsignal(how) for how in before} == before


def test_the_log_says_when_and_who_and_leaves_colours_out(tmp_path):
    shown: list[str] = []
    with closing(
        Log(tmp_path / "logs" / "up.log", shown.append, lambda: datetime(2026, 1, 5, 14, 30, 1, tzinfo=UTC))
    ) as log:
        log.say("webserver", "\x1b[32mserving\x1b[0m on 3000")
    assert shown == ["14:30:01 webserver  serving on 3000"]
    assert log.path.read_text() == "2026-01-05 14:30:01 webserver  serving on 3000\n"


def test_the_log_is_rotated_and_bounded(tmp_path):
    with closing(Log(tmp_path / "up.log", lambda line: None)) as log:
        for _ in range(700):
            log.say("live", "x" * 100_000)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["up.log", *(f"up.log.{number}" for number in range(1, 6))]
    assert max(sizes.values()) <= 10_000_000


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "logs" / "up.log"))):
        Log(tmp_path / "logs" / "up.log", print)
