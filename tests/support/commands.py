"""The console command in a process of its own."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg

from tests.support.loaders import nursery

INTRADAY = str(Path(sys.executable).with_name("intraday"))


def intraday(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was printed; the process is forked off one that has imported the command."""
    command = nursery().start("command", {"COLUMNS": "200"}, arguments=arguments)
    return command.wait(), command.said


def started(*arguments: str) -> "subprocess.Popen[str]":
    """A command in the background with the usual answer to Ctrl-C, which a background shell would have taken away."""
    return subprocess.Popen(
        [INTRADAY, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for_rows(url: str, process: "subprocess.Popen[str]") -> None:
    """Return when the first session is stored."""
    pulse = threading.Event()
    with psycopg.connect(url, autocommit=True) as connection:
        while process.poll() is None:
            made = connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'market_data'").fetchone()
            if made and connection.execute("SELECT 1 FROM market_data LIMIT 1").fetchone():
                return
            pulse.wait(0.05)
    raise AssertionError(f"the command ended first: {process.communicate()}")
