"""What can be wrong with a stand-in, and how it is said on a command line.

What belongs here: the parser of every fault's command-line form; `str()` of a fault gives that form back. What does
not: the faults themselves (`request_faults`, `bar_faults`, `value_faults`), plan files (`plan`), sockets, answers.
"""

import re
from collections.abc import Callable, Container, Iterable
from datetime import date, time
from decimal import Decimal

from simulators.bar_faults import BarFault, Conflict, Drop, Duplicate, Label, Ohlc, Shift
from simulators.request_faults import (
    Answer,
    Cut,
    Drip,
    Empty,
    Garbage,
    Hang,
    RequestFault,
    Status,
    Truncate,
)
from simulators.value_faults import Disagree, Null, Quiet, Revise

Fault = BarFault | RequestFault

_SYMBOL_DAY = r"(?P<symbol>[A-Za-z][A-Za-z0-9.-]*):(?P<day>\d{4}-\d{2}-\d{2})"
_MINUTE = r"(?P<minute>\d{2}:\d{2})"
_SPAN = rf"{_SYMBOL_DAY}:{_MINUTE}-(?P<last>\d{{2}}:\d{{2}})"
_SHIFT = r"(?P<minutes>[+-]?\d{1,4})"
_PERCENT = r"(?P<percent>[+-]?\d{1,2}(\.\d{1,4})?)"
_TIMES = r"(?P<times>\d{1,9})"
_ONLY = r"(@(?P<only>[A-Za-z][A-Za-z0-9.-]*))?"
_BODY = r"(?P<body>\w+)"
_CODE = r"(?P<code>\d{3})"
_SECONDS = r"(?P<seconds>\d{1,3}(\.\d{1,3})?)"
_Groups = dict[str, str | None]
_Kind = tuple[str, str, Callable[[_Groups], Fault]]


def _text(g: _Groups, name: str) -> str:
    value = g[name]
    assert value is not None, "every group but `only` is obligatory"
    return value


def _session(g: _Groups) -> tuple[str, date]:
    return _text(g, "symbol").upper(), date.fromisoformat(_text(g, "day"))


def _minute(g: _Groups, name: str = "minute") -> time:
    return time.fromisoformat(_text(g, name))


def _one_bar(kind: type[Ohlc] | type[Duplicate] | type[Conflict]) -> _Kind:
    form = f"{kind.__name__.lower()}:SYMBOL:YYYY-MM-DD:HH:MM"
    return form, f"{_SYMBOL_DAY}:{_MINUTE}", lambda g: kind(*_session(g), _minute(g))


def _span(kind: type[Drop] | type[Null] | type[Quiet]) -> _Kind:
    form = f"{kind.__name__.lower()}:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM"
    return form, _SPAN, lambda g: kind(*_session(g), _minute(g), _minute(g, "last"))


def _requests(form: str, pattern: str, make: Callable[[int, _Groups, str | None], Fault]) -> _Kind:
    def made(g: _Groups) -> Fault:
        only = g["only"]
        return make(int(_text(g, "times")), g, only.upper() if only else None)

    return f"{form}[@SYMBOL]", f"{pattern}{_ONLY}", made


# One entry per fault: its name, the form shown to people, what the text after the name must look like, what it makes.
_KINDS: dict[str, _Kind] = {
    "drop": _span(Drop),
    "ohlc": _one_bar(Ohlc),
    "duplicate": _one_bar(Duplicate),
    "conflict": _one_bar(Conflict),
    "shift": (
        "shift:SYMBOL:YYYY-MM-DD:MINUTES",
        f"{_SYMBOL_DAY}:{_SHIFT}",
        lambda g: Shift(*_session(g), int(_text(g, "minutes"))),
    ),
    "label": ("label:SYMBOL:YYYY-MM-DD", _SYMBOL_DAY, lambda g: Label(*_session(g))),
    "revise": (
        "revise:SYMBOL:YYYY-MM-DD:HH:MM:N",
        f"{_SYMBOL_DAY}:{_MINUTE}:{_TIMES}",
        lambda g: Revise(*_session(g), _minute(g), int(_text(g, "times"))),
    ),
    "disagree": (
        "disagree:SYMBOL:YYYY-MM-DD:PERCENT",
        f"{_SYMBOL_DAY}:{_PERCENT}",
        lambda g: Disagree(*_session(g), Decimal(_text(g, "percent"))),
    ),
    "null": _span(Null),
    "quiet": _span(Quiet),
    "answer": _requests(
        "answer:BODY_ID:N", f"{_BODY}:{_TIMES}", lambda n, g, only: Answer(n, _text(g, "body"), symbol=only)
    ),
    "status": _requests(
        "status:CODE:N", f"{_CODE}:{_TIMES}", lambda n, g, only: Status(n, int(_text(g, "code")), symbol=only)
    ),
    "hang": _requests(
        "hang:N:SECONDS", f"{_TIMES}:{_SECONDS}", lambda n, g, only: Hang(n, float(_text(g, "seconds")), symbol=only)
    ),
    "drip": _requests(
        "drip:N:SECONDS", f"{_TIMES}:{_SECONDS}", lambda n, g, only: Drip(n, float(_text(g, "seconds")), symbol=only)
    ),
    "cut": _requests("cut:N", _TIMES, lambda n, g, only: Cut(n, symbol=only)),
    "truncate": _requests("truncate:N", _TIMES, lambda n, g, only: Truncate(n, symbol=only)),
    "garbage": _requests("garbage:N", _TIMES, lambda n, g, only: Garbage(n, symbol=only)),
    "empty": _requests("empty:N", _TIMES, lambda n, g, only: Empty(n, symbol=only)),
}

FORMS = tuple(form for form, _, _ in _KINDS.values())
"""The allowed forms. Times are New York minutes by their start; N counts requests, or of `revise` answers.

`@SYMBOL` is optional and limits a fault to requests for one stock.
"""


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


def parse_faults(specs: Iterable[str | Fault], bodies: Container[str] | None = None) -> tuple[Fault, ...]:
    """Faults from specs; what is a fault already stays as it is.

    `bodies` are the ids of the vendor's recorded bodies; None stands for those of all vendors. Raises ValueError at
    the first bad spec and at the first body that is another vendor's.
    """
    faults = tuple(parse_fault(spec) if isinstance(spec, str) else spec for spec in specs)
    for fault in faults:
        if isinstance(fault, Answer) and bodies is not None and fault.body_id not in bodies:
            raise ValueError(f"bad fault {str(fault)!r}: the recorded body {fault.body_id!r} is another vendor's")
    return faults
