"""The console command in a process of its own, as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

INTRADAY = str(Path(sys.executable).with_name("intraday"))


def intraday(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([INTRADAY, *arguments], env=environment, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr
