"""Faults of requests: what can be wrong with an answer apart from its bars.

What belongs here: each fault as a frozen record, one sentence about it (`describe`), its command-line form (`str()`),
and the queue that uses faults up. What does not: what such an answer looks like (`stand_in`), the parser (`faults`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulators.recordings import error_bodies, yahoo_error_bodies


@dataclass(frozen=True)
class _Requests:
    """A fault of the next `times` requests."""

    times: int
    symbol: str | None = field(default=None, kw_only=True)
    """Only requests for this stock meet the fault; None stands for all requests."""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("the number of requests must be at least 1")

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}:{self._arguments()}" + (f"@{self.symbol}" if self.symbol else "")

    def _arguments(self) -> str:
        return str(self.times)

    def _next(self) -> str:
        asked = f" for {self.symbol}" if self.symbol else ""
        return f"The next request{asked} is" if self.times == 1 else f"The next {self.times} requests{asked} are"


@dataclass(frozen=True)
class Answer(_Requests):
    """Requests answered with the recorded body `body_id`; where the body echoes a key, it echoes the caller's."""

    body_id: str

    def __post_init__(self) -> None:
        super().__post_init__()
        known = [*error_bodies(), *yahoo_error_bodies()]
        if self.body_id not in known:
            raise ValueError(f"there is no recorded body {self.body_id!r}; there are {', '.join(known)}")

    def _arguments(self) -> str:
        return f"{self.body_id}:{self.times}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with the recorded body {self.body_id}."


@dataclass(frozen=True)
class Status(_Requests):
    """Requests answered with an HTTP error status and an HTML body."""

    code: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 400 <= self.code <= 599:
            raise ValueError("the status must be an HTTP error, 400 to 599")

    def _arguments(self) -> str:
        return f"{self.code}:{self.times}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with HTTP status {self.code} and an HTML page."


@dataclass(frozen=True)
class Hang(_Requests):
    """Requests that wait for `seconds` before they are answered as usual."""

    seconds: float

    def _arguments(self) -> str:
        return f"{self.times}:{self.seconds:g}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered only after {self.seconds:g} s."


@dataclass(frozen=True)
class Drip(_Requests):
    """Requests answered as usual, with a body that dribbles out in small pieces over `seconds`."""

    seconds: float

    def _arguments(self) -> str:
        return f"{self.times}:{self.seconds:g}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered slowly, the body in small pieces over {self.seconds:g} s."


@dataclass(frozen=True)
class Cut(_Requests):
    """Requests whose connection closes in the middle of the body: the announced length is never reached."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} cut off in the middle of the body."


@dataclass(frozen=True)
class Truncate(_Requests):
    """Requests with a complete HTTP answer whose text stops in the middle, short of at least one value."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with a text that stops in the middle."


@dataclass(frozen=True)
class Garbage(_Requests):
    """Requests answered with an HTML page and HTTP status 200."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with an HTML page and HTTP status 200."


@dataclass(frozen=True)
class Empty(_Requests):
    """Requests answered with an empty JSON object."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with an empty JSON object."


RequestFault = Answer | Status | Hang | Drip | Cut | Truncate | Garbage | Empty


class FaultQueue:
    """Faults of requests, used up in the order given, one request at a time. Not safe for several threads at once."""

    def __init__(self, faults: Iterable[RequestFault]) -> None:
        self._faults = list(faults)
        self._left = [fault.times for fault in self._faults]

    def take(self, symbol: str | None) -> RequestFault | None:
        """The fault that a request for `symbol` meets; None if it meets none."""
        asked = symbol.upper() if symbol else None
        for place, fault in enumerate(self._faults):
            if self._left[place] and fault.symbol in (None, asked):
                self._left[place] -= 1
                return fault
        return None
