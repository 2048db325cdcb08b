"""The console command in a process of its own, as a person runs it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg

INTRADAY = str(Path(sys.executable).with_name("intraday"))


def intraday(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([INTRADAY, *arguments], env=environment, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


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
