"""What can be wrong with the TWS stand-in, and how it is said on a command line.

What belongs here: each fault as a frozen record, one sentence about it (`describe`), its command-line form (`str()`),
and the queue that uses faults up. What does not: how a form is read (`specs`), what a fault does (`desk`, `publisher`,
the answers).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from simulators import specs
from simulators.tws.requests import Kind

QUIRKS = {
    "busy_client_id": "a connection is told that its client id is in use",
    "reject": "a new order is rejected",
    "refuse_modify": "new terms of an open order are refused with error 201, and it works on",
    "warning_399": "a new order meets warning 399 and works on",
    "tif_preset": "a new order meets error 10349, has its time in force set to DAY, and works on",
    "duplicate_status": "the state of an order is sent twice",
    "duplicate_executions": "an execution is sent twice",
    "correction": "an execution is corrected at once, to a price one cent higher",
    "late_commission": "a commission is held back until it is released",
    "no_data": "a request for history is answered with error 162, no data",
    "pacing": "a request for history is answered with error 162, pacing violation",
    "history_321": "a request for history is answered with error 321",
}
"""Name and sentence of the faults of what TWS says; `name:N` is how often they come."""


@dataclass(frozen=True)
class Quirk:
    """A fault of the next `times` messages, orders or requests of the sort that its name says."""

    name: str
    times: int

    def __post_init__(self) -> None:
        _at_least_once(self.times)

    def __str__(self) -> str:
        return f"{self.name}:{self.times}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{'Once' if self.times == 1 else f'{self.times} times'}, {QUIRKS[self.name]}."


@dataclass(frozen=True)
class _Requests:
    """A fault of the next `times` requests, of one kind or of any."""

    times: int
    kind: Kind | None = None

    def __post_init__(self) -> None:
        _at_least_once(self.times)

    def __str__(self) -> str:
        only = f"@{self.kind.name.lower()}" if self.kind else ""
        return f"{type(self).__name__.lower()}:{self.times}{only}"

    def _next(self) -> str:
        kind = f" {self.kind.name.lower()}" if self.kind else ""
        return f"The next{kind} request" if self.times == 1 else f"The next {self.times}{kind} requests"


@dataclass(frozen=True)
class Lost(_Requests):
    """The connection is cut before the request is seen."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()}: the connection is cut before anything is done."


@dataclass(frozen=True)
class Cut(_Requests):
    """The connection is cut after the request was carried out and before anything was answered."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()}: the connection is cut after all is done and before anything is answered."


@dataclass(frozen=True)
class Hang(_Requests):
    """The request is neither carried out nor answered, the connection stays."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()}: nothing is done and nothing answered, the connection stays."


@dataclass(frozen=True)
class Mute(_Requests):
    """The request is carried out and not answered, the connection stays."""

    def describe(self) -> str:
        """One sentence for a person."""
        return f"{self._next()}: all is done and nothing answered, the connection stays."


@dataclass(frozen=True)
class Half:
    """The connection is cut in the middle of the server's message number `message`, counted over all clients from 1."""

    message: int

    def __post_init__(self) -> None:
        _at_least_once(self.message)

    def __str__(self) -> str:
        return f"half:{self.message}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"The connection is cut in the middle of message {self.message}."


@dataclass(frozen=True)
class Pieces:
    """Fills that come by themselves come in pieces of at most `shares`."""

    shares: int

    def __post_init__(self) -> None:
        _at_least_once(self.shares)

    def __str__(self) -> str:
        return f"pieces:{self.shares}"

    def describe(self) -> str:
        """One sentence for a person."""
        return f"Orders fill in pieces of at most {self.shares} shares."


RequestFault = Lost | Cut | Hang | Mute
Fault = RequestFault | Quirk | Half | Pieces

_REQUEST = r"(?P<number>\d{1,9})(@(?P<kind>[a-z_]+))?"
_NUMBER = r"(?P<number>\d{1,9})"


def _requests(kind: type[Lost] | type[Cut] | type[Hang] | type[Mute]) -> specs.Kind[Fault]:
    return f"{kind.__name__.lower()}:N[@REQUEST]", _REQUEST, lambda g: kind(int(g["number"]), _kind(g["kind"]))


def _number(form: str, make: Callable[[int], Fault]) -> specs.Kind[Fault]:
    return form, _NUMBER, lambda g: make(int(g["number"]))


_KINDS: dict[str, specs.Kind[Fault]] = {
    **{name: _number(f"{name}:N", partial(Quirk, name)) for name in QUIRKS},
    "lost": _requests(Lost),
    "cut": _requests(Cut),
    "hang": _requests(Hang),
    "mute": _requests(Mute),
    "lost_submit": _number("lost_submit:N", lambda n: Lost(n, Kind.PLACE_ORDER)),
    "ambiguous_submit": _number("ambiguous_submit:N", lambda n: Cut(n, Kind.PLACE_ORDER)),
    "half": _number("half:MESSAGE", Half),
    "pieces": _number("pieces:SHARES", Pieces),
}

FORMS = specs.forms_of(_KINDS.values())
"""The allowed forms. N counts; REQUEST is a kind of request in small letters, such as place_order or current_time."""


def parse_fault(spec: str) -> Fault:
    """The fault that a command-line spec names.

    Raises ValueError naming the spec, what is wrong with it and the allowed forms.
    """
    return specs.parse_spec(spec, _KINDS)


def _kind(name: str | None) -> Kind | None:
    if name is None:
        return None
    if name.upper() not in Kind.__members__:
        raise ValueError(f"there is no request {name!r}")
    return Kind[name.upper()]


def _at_least_once(number: int) -> None:
    if number < 1:
        raise ValueError("the number must be at least 1")


class FaultQueue:
    """Faults, used up in the order given. Not safe for several threads at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._requests: list[RequestFault] = []
        self._quirks: dict[str, int] = {}
        self._halves: set[int] = set()
        self.pieces: Decimal | None = None
        self._sent = 0
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One more fault, after those there are."""
        match fault:
            case Quirk(name, times):
                self._quirks[name] = self._quirks.get(name, 0) + times
            case Half(message):
                self._halves.add(message)
            case Pieces(shares):
                self.pieces = Decimal(shares)
            case _:
                self._requests += [fault] * fault.times

    def of(self, kind: Kind) -> RequestFault | None:
        """The fault that a request of this kind meets; None if it meets none."""
        for fault in self._requests:
            if fault.kind in (None, kind):
                self._requests.remove(fault)
                return fault
        return None

    def meets(self, quirk: str) -> bool:
        """Whether what the quirk is about meets it now, which counts."""
        left = self._quirks.get(quirk, 0)
        self._quirks[quirk] = max(0, left - 1)
        return left > 0

    def breaks(self) -> bool:
        """Counts a message of the server, and whether it is cut in the middle."""
        self._sent += 1
        return self._sent in self._halves
