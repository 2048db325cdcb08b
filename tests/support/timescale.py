"""A TimescaleDB for the tests: the one that is configured, else a throw-away one on this machine.

Here: starting and stopping a server, and choosing between the ways to get one. Nothing outlives its `with` block.
Not here: unpacking TimescaleDB (deploy/timescaledb/install.py), schema, `CREATE EXTENSION`.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

INSTALL = Path(__file__).parents[2] / "deploy" / "timescaledb" / "install.py"
IMAGE = "timescale/timescaledb:2.19.3-pg17"
# fsync stays on: tests kill processes and then count what survived.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 50
max_worker_processes = 32
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
"""


class TimescaleUnavailable(Exception):
    """There is no TimescaleDB here to test against; the message says why and whether a retry may help."""


class TimescaleServer:
    """A cluster of its own in a temporary folder, on a free port of 127.0.0.1, for the length of a `with` block.

    `bin_dir` holds `initdb` and `pg_ctl`. Started by root, the server runs as an unprivileged user, as PostgreSQL
    demands. Anyone on this machine may connect without a password: keep nothing in it.
    """

    def __init__(self, bin_dir: Path) -> None:
        self._bin_dir = bin_dir
        self._as_user = _unprivileged()
        self._folder: Path | None = None
        self._port = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def user(self) -> int:
        """Whose the server's files are."""
        return int(self._as_user.get("user", os.geteuid()))

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, for its superuser."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    @property
    def log(self) -> str:
        """What the server has written down so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def ask_for_password(self, role: str) -> None:
        """Let nobody in under that name without its password, from the next start of the server on."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")

    def start(self) -> None:
        """Make the cluster and wait until it accepts connections; TimescaleUnavailable when it does not."""
        self._folder = Path(tempfile.mkdtemp(prefix="intraday-timescale-"))
        if self._as_user:
            shutil.chown(self._folder, self._as_user["user"], self._as_user["group"])
        locale = ("--locale=C.UTF-8", "--encoding=UTF8")
        self._run("initdb", "--auth=trust", "--username=postgres", *locale, "--pgdata", self._data)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS)
        for attempt in range(5):
            self._port = _free_port()
            try:
                self._pg_ctl("start", "-o", f"-p {self._port}", "-l", self._log)
            except TimescaleUnavailable:
                # Another process may take the port between our look and the server's.
                if attempt == 4 or "Address already in use" not in self.log:
                    raise
            else:
                return

    def restart(self, mode: str = "fast") -> None:
        """Stop it (`fast`, or `immediate` as a crash does) and start it again on the same port, with the same data."""
        self._pg_ctl("stop", "-m", mode)
        self.start_again()

    def kill(self) -> None:
        """End all its processes at once, as a loss of power does: none of them can say or write a last word."""
        pid_file = self._data / "postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)  # or it would start new ones, and tell its clients
        pids = [int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]
        handles = [os.pidfd_open(pid) for pid in (*pids, postmaster)]
        for handle in handles:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        for handle in handles:
            select.select([handle], [], [])  # readable when the process has ended
            os.close(handle)
        pid_file.unlink()  # nobody may have collected the dead, which a server that starts takes for one that runs

    def start_again(self) -> None:
        """Start it on the same port, with the same data."""
        self._pg_ctl("start", "-o", f"-p {self._port}", "-l", self._log)

    def stop(self) -> None:
        """Stop the server and remove its folder; does nothing when it is not there."""
        if self._folder is None:
            return
        try:
            if (self._data / "postmaster.pid").exists():
                self._pg_ctl("stop", "-m", "fast")
        except TimescaleUnavailable:
            # It hangs, or it is dead and left its pid file behind: then there is nothing more to stop.
            self._pg_ctl("stop", "-m", "immediate", check=False)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def _data(self) -> Path:
        assert self._folder is not None, "the server is not started"
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._data.with_name("log")

    def _pg_ctl(self, action: str, *arguments: str | Path, check: bool = True) -> None:
        self._run("pg_ctl", action, "-w", "-t", "60", "-D", self._data, *arguments, check=check)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        # The caller's PG* variables are about another server; root's working folder may be closed to the user.
        env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
        command = [self._bin_dir / program, *arguments]
        try:
            done = subprocess.run(
                command, env=env, cwd=self._folder, capture_output=True, text=True, timeout=120, **self._as_user
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TimescaleUnavailable(
                f"{program} could not run or finish: {error}. A retry would not help."
            ) from error
        if check and done.returncode:
            last = " / ".join((self.log or done.stderr or done.stdout).strip().splitlines()[-3:])
            raise TimescaleUnavailable(f"{program} failed: {last}. A retry would not help.")


def _unprivileged() -> dict[str, Any]:
    """Arguments that make subprocess run as an ordinary user, because PostgreSQL refuses root; empty for others."""
    if os.geteuid() != 0:
        return {}
    for name in ("nobody", "daemon"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise TimescaleUnavailable("PostgreSQL refuses root and there is no user nobody. A retry would not help.")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def debian_bin_dir() -> Path:
    """The folder of the programs from Debian's packages, installed on first use (40 MB, seconds)."""
    return Path(_output([sys.executable, str(INSTALL)], timeout=900).strip())


@contextmanager
def docker_server() -> Iterator[str]:
    """The address of a server in a container that is removed afterwards."""
    _output(["docker", "info"], timeout=20)
    options = ["-e", "POSTGRES_HOST_AUTH_METHOD=trust", "-e", "TIMESCALEDB_TELEMETRY=off"]
    container = _output(["docker", "run", "-d", "--rm", "-p", "127.0.0.1::5432", *options, IMAGE], timeout=600).strip()
    try:
        address = _output(["docker", "port", container, "5432/tcp"], timeout=20).split()[0]
        url = f"postgresql://postgres@{address}/postgres"
        _wait_until_ready(url, seconds=60)
        yield url
    finally:
        subprocess.run(["docker", "stop", container], capture_output=True, timeout=60, check=False)


def _wait_until_ready(url: str, seconds: float) -> None:
    """Docker does not say when a server is ready: ask the server until it answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise TimescaleUnavailable(f"the container does not answer: {error}. A retry may help.") from error
            time.sleep(0.2)
        else:
            return


def _output(command: Sequence[str], timeout: float) -> str:
    """Stdout of a program; TimescaleUnavailable with the last line of its stderr when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TimescaleUnavailable(f"{command[0]} could not run or finish: {error}. A retry may help.") from error
    if done.returncode:
        raise TimescaleUnavailable((done.stderr.strip() or f"{command[0]} failed").splitlines()[-1])
    return done.stdout


@contextmanager
def timescale_url() -> Iterator[str]:
    """The address of a TimescaleDB server, for a user who may create databases.

    `TEST_DATABASE_URL` when it is set, else Debian's packages, else Docker. TimescaleUnavailable when there is none.
    """
    if configured := os.environ.get("TEST_DATABASE_URL"):
        yield configured
        return
    with ExitStack() as stack:
        try:
            url = stack.enter_context(TimescaleServer(debian_bin_dir())).url()
        except TimescaleUnavailable as no_packages:
            try:
                url = stack.enter_context(docker_server())
            except TimescaleUnavailable as no_docker:
                both = f"Debian's packages: {no_packages} Docker: {no_docker}"
                advice = "Set TEST_DATABASE_URL, or start Docker and retry."
                raise TimescaleUnavailable(f"{both} {advice}") from no_docker
        yield url
