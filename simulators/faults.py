"""What can be wrong with a stand-in, and how it is said on a command line.

What belongs here: faults of requests as frozen records, and the parser of every fault's command-line form; `str()` of
a fault gives that form back. What does not: what a damaged table of bars looks like (`bar_faults`), sockets, answers.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time

from simulators.bar_faults import BarFault, Conflict, Drop, Duplicate, Ohlc, Shift
from simulators.recordings import error_bodies


@dataclass(frozen=True)
class _Requests:
    """A fault of the next `times` requests."""

    times: int

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("the number of requests must be at least 1")

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}:{self.times}"

    def _next(self) -> str:
        return "The next request is" if self.times == 1 else f"The next {self.times} requests are"


@dataclass(frozen=True)
class Answer(_Requests):
    """Requests answered with the recorded body `body_id`; where the body echoes a key, it echoes the caller's."""

    body_id: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.body_id not in error_bodies():
            raise ValueError(f"there is no recorded body {self.body_id!r}; there are {', '.join(error_bodies())}")

    def __str__(self) -> str:
        return f"answer:{self.body_id}:{self.times}"

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

    def __str__(self) -> str:
        return f"status:{self.code}:{self.times}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered with HTTP status {self.code} and an HTML page."


@dataclass(frozen=True)
class Hang(_Requests):
    """Requests that wait for `seconds` before they are answered as usual."""

    seconds: float

    def __str__(self) -> str:
        return f"hang:{self.times}:{self.seconds:g}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()} answered only after {self.seconds:g} s."


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


RequestFault = Answer | Status | Hang | Garbage | Empty
Fault = BarFault | RequestFault

_SYMBOL_DAY = r"(?P<symbol>[A-Za-z][A-Za-z0-9.-]*):(?P<day>\d{4}-\d{2}-\d{2})"
_MINUTE = r"(?P<minute>\d{2}:\d{2})"
_LAST = r"(?P<last>\d{2}:\d{2})"
_SHIFT = r"(?P<minutes>[+-]?\d{1,4})"
_TIMES = r"(?P<times>\d{1,9})"
_BODY = r"(?P<body>\w+)"
_CODE = r"(?P<code>\d{3})"
_SECONDS = r"(?P<seconds>\d{1,3}(\.\d{1,3})?)"
_Groups = dict[str, str]


def _one_bar(kind: type[Ohlc] | type[Duplicate] | type[Conflict]) -> Callable[[_Groups], Fault]:
    return lambda g: kind(g["symbol"].upper(), date.fromisoformat(g["day"]), time.fromisoformat(g["minute"]))


def _drop(g: _Groups) -> Fault:
    first, last = time.fromisoformat(g["minute"]), time.fromisoformat(g["last"])
    return Drop(g["symbol"].upper(), date.fromisoformat(g["day"]), first, last)


def _shift(g: _Groups) -> Fault:
    return Shift(g["symbol"].upper(), date.fromisoformat(g["day"]), int(g["minutes"]))


# One entry per fault: its name, the form shown to people, what the text after the name must look like, what it makes.
_KINDS: dict[str, tuple[str, str, Callable[[_Groups], Fault]]] = {
    "drop": ("drop:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM", f"{_SYMBOL_DAY}:{_MINUTE}-{_LAST}", _drop),
    "ohlc": ("ohlc:SYMBOL:YYYY-MM-DD:HH:MM", f"{_SYMBOL_DAY}:{_MINUTE}", _one_bar(Ohlc)),
    "duplicate": ("duplicate:SYMBOL:YYYY-MM-DD:HH:MM", f"{_SYMBOL_DAY}:{_MINUTE}", _one_bar(Duplicate)),
    "conflict": ("conflict:SYMBOL:YYYY-MM-DD:HH:MM", f"{_SYMBOL_DAY}:{_MINUTE}", _one_bar(Conflict)),
    "shift": ("shift:SYMBOL:YYYY-MM-DD:MINUTES", f"{_SYMBOL_DAY}:{_SHIFT}", _shift),
    "answer": ("answer:BODY_ID:N", f"{_BODY}:{_TIMES}", lambda g: Answer(int(g["times"]), g["body"])),
    "status": ("status:CODE:N", f"{_CODE}:{_TIMES}", lambda g: Status(int(g["times"]), int(g["code"]))),
    "hang": ("hang:N:SECONDS", f"{_TIMES}:{_SECONDS}", lambda g: Hang(int(g["times"]), float(g["seconds"]))),
    "garbage": ("garbage:N", _TIMES, lambda g: Garbage(int(g["times"]))),
    "empty": ("empty:N", _TIMES, lambda g: Empty(int(g["times"]))),
}

FORMS = tuple(form for form, _, _ in _KINDS.values())
"""The allowed forms. Times are New York minutes by their start; N counts requests."""


def parse_fault(spec: str) -> Fault:
    """The fault that a command-line spec names.

    Raises ValueError naming the spec, what is wrong with it and the allowed forms.
    """
    name, _, rest = spec.partition(":")
    try:
        if name not in _KINDS:
            raise ValueError(f"there is no fault {name!r}")
        form, pattern, make = _KINDS[name]
        match = re.fullmatch(pattern, rest, flags=re.ASCII)
        if match is None:
            raise ValueError(f"it does not have the form {form}")
        return make(match.groupdict())
    except ValueError as error:
        raise ValueError(f"bad fault {spec!r}: {error}. Allowed forms: {', '.join(FORMS)}") from None


def parse_faults(specs: Iterable[str | Fault]) -> tuple[Fault, ...]:
    """Faults from specs; what is a fault already stays as it is. Raises ValueError at the first bad spec."""
    return tuple(parse_fault(spec) if isinstance(spec, str) else spec for spec in specs)
