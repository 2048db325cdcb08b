"""How is asked what may never answer: a disk that hangs, a server that accepts and says nothing, an answer that drips.

The time limits of libraries are mostly ones of silence, and some calls have none. Each is asked in a thread of its own,
so that only the thread hangs.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from schemas.errors import IntradayError

Result = TypeVar("Result")


class NoAnswer(IntradayError):
    """Something that was asked has not answered in time; nothing is asked again while it is at it."""

    retry_helps: bool = True


@dataclass
class Bounded(Generic[Result]):
    """Asks something again and again that may hang; one at a time."""

    name: str
    ask: Callable[[], Result]
    _asked: "Future[Result] | None" = field(default=None, init=False)

    def begin(self) -> None:
        """Ask, unless the last time is still not answered."""
        if self._asked is None or self._asked.done():
            self._asked = _asked(self.ask, self.name)

    def answered(self, seconds: float) -> bool:
        """Whether there is an answer, within that time."""
        return self._asked is not None and _done(self._asked, seconds)

    def answer(self, seconds: float) -> Result:
        """The answer, within that time; raises what asking raised.

        Raises:
            NoAnswer: there is none yet.

        """
        if self._asked is None or not self.answered(seconds):
            raise NoAnswer(f"{self.name} does not answer in time.")
        return self._asked.result()


def in_time(work: Callable[[], Result], seconds: float, late: Exception) -> Result:
    """What the work returns or raises; `late` is raised where it is not done by then, and it is left to itself."""
    asked = _asked(work, "in time")
    if not _done(asked, seconds):
        raise late
    return asked.result()


def _asked(ask: Callable[[], Result], name: str) -> "Future[Result]":
    future: Future[Result] = Future()

    def settle() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # raised again by who waits for it
            future.set_exception(error)

    threading.Thread(target=settle, name=name, daemon=True).start()
    return future


def _done(asked: "Future[Result]", seconds: float) -> bool:
    return asked in wait([asked], timeout=max(0.0, seconds)).done
