"""What a connection's thread puts in and another thread takes out, in order."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

Letter = TypeVar("Letter")


class Mailbox(Generic[Letter]):
    """A queue that is emptied at once."""

    def __init__(self) -> None:
        self._letters: deque[Letter] = deque()
        self._news = Condition()
        self._over: Exception | None = None

    def reopen(self) -> None:
        """Letters come again."""
        self._over = None

    def end(self, why: Exception) -> None:
        """No more letters come; who has taken those there are is told why."""
        with self._news:
            self._over = why
            self._news.notify_all()

    def put(self, letter: Letter) -> None:
        """Add one, and wake who waits."""
        with self._news:
            self._letters.append(letter)
            self._news.notify_all()

    def take(self, timeout: float) -> tuple[Letter, ...]:
        """All there are; waits up to `timeout` seconds for the first.

        Raises what `end` was given, once there are none.
        """
        with self._news:
            self._news.wait_for(lambda: self._letters or self._over, timeout)
            taken = tuple(self._letters)
            self._letters.clear()
            if not taken and self._over is not None:
                raise self._over
        return taken
