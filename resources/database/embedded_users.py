"""Which processes use the embedded PostgreSQL: the list by which the last one knows that it has to stop it.

It takes the place of the wheel's own list, which counts the dead and can be torn. The wheel starts and stops.
"""

import json
from pathlib import Path

import psutil

from resources.landing import replace_durably


class EmbeddedUsers:
    """The process numbers in a file. Whoever calls has the wheel's lock, so one at a time does.

    Processes that are gone are not in it: those who were killed do not keep the server running.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_and_add(self, pid: int) -> list[int]:
        """Note a process.

        Returns:
            Those who were noted before.

        """
        before = self._living()
        if pid not in before:
            self._put({*before, pid})
        return before

    def get_and_remove(self, pid: int) -> list[int]:
        """Forget a process.

        Returns:
            Those who were noted before.

        """
        before = self._living()
        if pid in before:
            self._put({*before} - {pid})
        return before

    def _living(self) -> list[int]:
        """Nobody where the list cannot be read: earlier versions tore it, and who asks next begins it anew."""
        try:
            noted = json.loads(self.path.read_bytes())
            return sorted(pid for pid in {*noted} if psutil.pid_exists(pid))
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _put(self, pids: set[int]) -> None:
        replace_durably(self.path, json.dumps(sorted(pids)).encode())
