"""What all stand-ins do with a request: it meets a fault or not, is answered, and is remembered.

What belongs here: the order in which a request meets its faults, and what a faulty answer looks like. What does not:
sockets (`server`), the vendors' own answers (`alpha_vantage`, `yahoo`).
"""

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pandas as pd

from simulators.bar_faults import BarFault
from simulators.fault_rows import Side
from simulators.faults import Fault, parse_faults
from simulators.histories import Histories
from simulators.recordings import ErrorBody
from simulators.request_faults import (
    Answer,
    Cut,
    Drip,
    Empty,
    FaultQueue,
    Garbage,
    Hang,
    RequestFault,
    Status,
    Truncate,
)
from simulators.server import JSON, Loopback, Reply, error_page


class Refused(Exception):
    """The vendor answers with a recorded error body instead of bars."""

    def __init__(self, body_id: str) -> None:
        super().__init__(body_id)
        self.body_id = body_id


class StandIn(Loopback):
    """A vendor's server with faults; see the vendors' modules for what a caller may expect."""

    def __init__(
        self,
        name: str,
        port: int,
        faults: Iterable[str | Fault],
        bodies: Mapping[str, ErrorBody],
        load: Mapping[str, Callable[[], pd.DataFrame]],
        bars: Mapping[str, pd.DataFrame] | None,
        side: Side,
    ) -> None:
        super().__init__(name, port)
        self.faults = parse_faults(faults, bodies)
        self._queue = FaultQueue(fault for fault in self.faults if not isinstance(fault, BarFault))
        damage = [fault for fault in self.faults if isinstance(fault, BarFault)]
        self._histories = Histories(load, bars, damage, side)
        # One answer is made at a time: the histories count what was sent.
        self._lock = threading.Lock()

    def reply(self, parameters: Mapping[str, str]) -> Reply | None:
        """The answer to one request, which it records; None when the connection is to close without an answer."""
        with self._lock:
            fault = self._queue.take(parameters.get("symbol"))
            if fault is None:
                reply, outcome = self._answer(parameters)
                self._record(parameters, outcome)
                return reply
            self._record(parameters, str(fault))
        return self._spoiled(fault, parameters)

    @abstractmethod
    def _answer(self, parameters: Mapping[str, str]) -> tuple[Reply, str]:
        """The usual answer and the outcome to record; called with the lock held."""

    @abstractmethod
    def _recorded(self, body_id: str, parameters: Mapping[str, str]) -> Reply:
        """The answer with a recorded body."""

    @abstractmethod
    def _record(self, parameters: Mapping[str, str], outcome: str) -> None:
        """Remembers a request; called with the lock held."""

    def _usual(self, parameters: Mapping[str, str]) -> Reply:
        with self._lock:
            return self._answer(parameters)[0]

    def _spoiled(self, fault: RequestFault, parameters: Mapping[str, str]) -> Reply | None:
        match fault:
            case Answer():
                return self._recorded(fault.body_id, parameters)
            case Status():
                return error_page(fault.code)
            case Garbage():
                return error_page(200, "We will be back soon")
            case Empty():
                return Reply(200, JSON, b"{}")
            case Hang():
                return None if self.stopping.wait(fault.seconds) else self._usual(parameters)
            case Drip():
                return replace(self._usual(parameters), drip_seconds=fault.seconds)
            case Cut():
                return replace(self._usual(parameters), cut=True)
            case Truncate():
                usual = self._usual(parameters)
                return replace(usual, body=_first_half(usual.body))


def _first_half(body: bytes) -> bytes:
    """The text up to a comma near its middle: the row or object that it stops in lacks a value, so it can be seen."""
    comma = body.rfind(b",", 0, len(body) // 2)
    return body[: comma if comma > 0 else len(body) // 2]
