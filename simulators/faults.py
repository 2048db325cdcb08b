"""What can be wrong with a stand-in, and how it is said on a command line.

What belongs here: every fault's command-line form; `str()` of a fault gives that form back. What does not: the faults
themselves (`request_faults`, `bar_faults`, `value_faults`), how a form is read (`specs`), plan files (`plan`), sockets,
answers.
"""

import re
from collections.abc import Callable, Container, Iterable
from datetime import date, time
from decimal import Decimal

from simulators.bar_faults import BarFault, Conflict, Drop, Duplicate, Label, Late, Ohlc, Shift
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
from simulators.specs import Kind, forms_of, parse_spec
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
_Kind = Kind[Fault]


def _session(g: re.Match[str]) -> tuple[str, date]:
    return g["symbol"].upper(), date.fromisoformat(g["day"])


def _minute(g: re.Match[str], name: str = "minute") -> time:
    return time.fromisoformat(g[name])


def _one_bar(kind: type[Ohlc] | type[Duplicate] | type[Conflict]) -> _Kind:
    form = f"{kind.__name__.lower()}:SYMBOL:YYYY-MM-DD:HH:MM"
    return form, f"{_SYMBOL_DAY}:{_MINUTE}", lambda g: kind(*_session(g), _minute(g))


def _span(kind: type[Drop] | type[Null] | type[Quiet]) -> _Kind:
    form = f"{kind.__name__.lower()}:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM"
    return form, _SPAN, lambda g: kind(*_session(g), _minute(g), _minute(g, "last"))


def _requests(form: str, pattern: str, make: Callable[[int, re.Match[str], str | None], Fault]) -> _Kind:
    def made(g: re.Match[str]) -> Fault:
        only = g["only"]
        return make(int(g["times"]), g, only.upper() if only else None)

    return f"{form}[@SYMBOL]", f"{pattern}{_ONLY}", made


_KINDS: dict[str, _Kind] = {
    "drop": _span(Drop),
    "late": (
        "late:SYMBOL:YYYY-MM-DD:HH:MM:SECONDS",
        f"{_SYMBOL_DAY}:{_MINUTE}:{_SECONDS}",
        lambda g: Late(*_session(g), _minute(g), float(g["seconds"])),
    ),
    "ohlc": _one_bar(Ohlc),
    "duplicate": _one_bar(Duplicate),
    "conflict": _one_bar(Conflict),
    "shift": (
        "shift:SYMBOL:YYYY-MM-DD:MINUTES",
        f"{_SYMBOL_DAY}:{_SHIFT}",
        lambda g: Shift(*_session(g), int(g["minutes"])),
    ),
    "label": ("label:SYMBOL:YYYY-MM-DD", _SYMBOL_DAY, lambda g: Label(*_session(g))),
    "revise": (
        "revise:SYMBOL:YYYY-MM-DD:HH:MM:N",
        f"{_SYMBOL_DAY}:{_MINUTE}:{_TIMES}",
        lambda g: Revise(*_session(g), _minute(g), int(g["times"])),
    ),
    "disagree": (
        "disagree:SYMBOL:YYYY-MM-DD:PERCENT",
        f"{_SYMBOL_DAY}:{_PERCENT}",
        lambda g: Disagree(*_session(g), Decimal(g["percent"])),
    ),
    "null": _span(Null),
    "quiet": _span(Quiet),
    "answer": _requests("answer:BODY_ID:N", f"{_BODY}:{_TIMES}", lambda n, g, only: Answer(n, g["body"], symbol=only)),
    "status": _requests(
        "status:CODE:N", f"{_CODE}:{_TIMES}", lambda n, g, only: Status(n, int(g["code"]), symbol=only)
    ),
    "hang": _requests(
        "hang:N:SECONDS", f"{_TIMES}:{_SECONDS}", lambda n, g, only: Hang(n, float(g["seconds"]), symbol=only)
    ),
    "drip": _requests(
        "drip:N:SECONDS", f"{_TIMES}:{_SECONDS}", lambda n, g, only: Drip(n, float(g["seconds"]), symbol=only)
    ),
    "cut": _requests("cut:N", _TIMES, lambda n, g, only: Cut(n, symbol=only)),
    "truncate": _requests("truncate:N", _TIMES, lambda n, g, only: Truncate(n, symbol=only)),
    "garbage": _requests("garbage:N", _TIMES, lambda n, g, only: Garbage(n, symbol=only)),
    "empty": _requests("empty:N", _TIMES, lambda n, g, only: Empty(n, symbol=only)),
}

FORMS = forms_of(_KINDS.values())
"""The allowed forms. Times are New York minutes by their start; N counts requests, or of `revise` answers.

`@SYMBOL` is optional and limits a fault to requests for one stock.
"""


def parse_fault(spec: str) -> Fault:
    """The fault that a command-line spec names.

    Raises ValueError naming the spec, what is wrong with it and the allowed forms.
    """
    return parse_spec(spec, _KINDS)


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
