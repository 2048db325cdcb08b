"""`intraday up` as a process of its own, on a home and on ports of its own; and what a person does with it.

Here: starting it, waiting for what it says and does, asking Dagster's API. Not here: what a test expects.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0
"""For a fact that should be there in a few seconds, on a machine with much else to do."""
LAUNCH = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
SELECTOR = {"repositoryLocationName": "intraday_assets", "repositoryName": "__repository__", "jobName": "sessions_job"}


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens."""
    held = [create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@dataclass
class Up:
    """A running `intraday up` without a key, so on the demonstration's desk."""

    home: Path
    port: int
    monitor_port: int
    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    @property
    def desk(self) -> Path:
        """Where the demonstration's data are."""
        return self.home / "demo"

    def told(self) -> dict[str, dict[str, Any]]:
        """How each child stands, by name."""
        try:
            return {one["name"]: one for one in json.loads((self.desk / "up.json").read_text())["children"]}
        except FileNotFoundError:
            return {}

    def wait(self, fact: Callable[[], Any], what: str) -> Any:
        """The first answer that is not empty; fails with the log where the process ends or time runs out."""
        until, pulse = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while not (found := fact()):
            patient = self.process.poll() is None and time.monotonic() < until
            assert patient, f"{what}:\n" + "".join(self.lines)
            pulse.wait(0.1)
        return found

    def wait_until_said(self, text: str) -> None:
        """Wait for a line with this text."""
        self.wait(lambda: any(text in line for line in list(self.lines)), f"nobody said {text!r}")

    def wait_for(self, *names: str, unlike: dict[str, int] | None = None) -> None:
        """Wait until these children are up, each another process than before."""
        before = unlike or {}

        def stand() -> bool:
            told = self.told()
            return all(
                told.get(name, {}).get("state") in ("ready", "done") and told[name]["pid"] != before.get(name, 0)
                for name in names
            )

        self.wait(stand, f"not all of {', '.join(names)} came up")

    def end(self, how: signal.Signals) -> int:
        """Send it a signal; returns its exit status when it is gone."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)

    def ask(self, query: str, **variables: Any) -> Any:
        """What Dagster's API answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert "errors" not in answer, answer
        return answer["data"]

    def launch(self, **tags: str) -> str:
        """Launch the main job; returns the run's id."""
        tagged = [{"key": f"dagster/{name}", "value": value} for name, value in tags.items()]
        params = {"selector": SELECTOR, "runConfigData": {}, "executionMetadata": {"tags": tagged}}
        answer = self.ask(LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def status(self, run: str) -> str:
        """Of a run; empty while the webserver is away."""
        try:
            return str(self.ask(STATUS, id=run)["runOrError"]["status"])
        except (OSError, http.client.HTTPException):
            return ""

    def left(self) -> list[str]:
        """The processes that were started by it and still live, however far down."""
        return [f"{one.pid} {one.name()}" for one in _with_home(str(self.home))]

    def wait_until_nothing_is_left(self) -> None:
        """Wait until every process that it started is gone."""
        until, pulse = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while self.left():
            assert time.monotonic() < until, self.left()
            pulse.wait(0.1)


def _with_home(home: str) -> Iterator[psutil.Process]:
    for one in psutil.process_iter():
        try:
            theirs = one.environ().get("INTRADAY_HOME", "")
            if (theirs == home or theirs.startswith(f"{home}/")) and one.pid != os.getpid():
                yield one
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue


@contextmanager
def intraday_up(home: Path, *words: str) -> Iterator[Up]:
    """Start it, with nothing of the environment of whoever runs the tests; kill what a failed test leaves."""
    port, monitor_port = free_ports(2)
    ours = ("INTRADAY_", "TIMESCALEDB_", "ALPHA_", "DAGSTER_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {
        "INTRADAY_HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHON_DOTENV_DISABLED": "1",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up", "--port", str(port), "--monitor-port", str(monitor_port), *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    up = Up(home, port, monitor_port, process)
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: up.lines.extend(iter(process.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        yield up
    finally:
        for one in _with_home(str(home)):
            one.kill()
        process.wait()
        reader.join()
        process.stdout.close()
