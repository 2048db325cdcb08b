"""One log of several speakers: each line with its time and who said it, on a screen and in a file that is rotated."""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from resources.clock import utc_now
from resources.errors import ConfigError

FILE_BYTES: Final = 10_000_000
FILES_KEPT: Final = 5
WIDTH: Final = 10
"""Of the names."""
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk stops no service: the screen has the line."""


class Log:
    """Takes lines from several threads.

    Args:
        path: the file; its folder is made.
        show: takes the lines for the screen.
        now: UTC.

    Raises:
        ConfigError: the file cannot be written.

    """

    def __init__(self, path: Path, show: Callable[[str], None], now: Callable[[], datetime] = utc_now) -> None:
        self.path, self._show, self._now = path, show, now
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _File(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"The log {path} cannot be written: {error.strerror}.") from None

    def say(self, who: str, line: str) -> None:
        """A line of somebody; colours are left out."""
        text = COLOURS.sub("", line)
        at = self._now()
        self._file.handle(logging.makeLogRecord({"msg": f"{at:%Y-%m-%d %H:%M:%S} {who:{WIDTH}} {text}"}))
        self._show(f"{at:%H:%M:%S} {who:{WIDTH}} {text}")

    def close(self) -> None:
        """No more lines."""
        self._file.close()
