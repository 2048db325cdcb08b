"""The Alpha Vantage stand-in: `TIME_SERIES_INTRADAY` over a real loopback socket, with faults on demand.

What belongs here: the server, the order in which a request meets its faults, and the record of what was asked. What
does not: the text of an answer (`alpha_vantage_answers`) and what a fault is (`faults`, `bar_faults`).

The bodies and the CSV and JSON forms are recorded. The response headers are not: a client should read the body.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from socketserver import TCPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from simulators.alpha_vantage_answers import Query, Refused, as_history, parse_query, render, select
from simulators.bar_faults import BarFault, apply_bar_faults
from simulators.faults import Answer, Empty, Fault, Garbage, Hang, RequestFault, Status, parse_faults
from simulators.recordings import KEY_MASK, error_bodies, load_bars, symbols

HOST = "127.0.0.1"
HTML, JSON, CSV = "text/html; charset=utf-8", "application/json", "application/x-download"


@dataclass(frozen=True)
class RequestRecord:
    """What one request asked, word for word, and what became of it. The API key is never kept.

    A parameter that was not sent is None. `outcome` is `bars`, the id of a recorded error body, or the fault's spec.
    """

    function: str | None
    symbol: str | None
    month: str | None
    interval: str | None
    datatype: str | None
    adjusted: str | None
    extended_hours: str | None
    outputsize: str | None
    outcome: str


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


class AlphaVantageSimulator:
    """Serves recorded bars of NVDA and MSFT (2020-10-26 to 2021-01-08) at `url`, as `with` block or start() and stop().

    `faults` are specs (see `faults.FORMS`) or faults; faults of requests are used up in the order given, one request at
    a time, whatever is asked. Damaged bars are damaged in the 1-minute history: months, hours and longer intervals are
    taken from it afterwards. `port` 0 takes any free port. `bars` replaces the recordings: a table per symbol with the
    columns `timestamp, open, high, low, close, volume`, naive US/Eastern stamps that mark the END of the minute.

    The recorded bars are adjusted for dividends, whatever `adjusted` a request asks for. Raises ValueError for a bad
    spec, for a fault of a bar that is not there, and for bars of another shape.
    """

    def __init__(
        self, faults: Iterable[str | Fault] = (), port: int = 0, bars: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        self.faults = parse_faults(faults)
        self._port = port
        self._bar_faults = [fault for fault in self.faults if isinstance(fault, BarFault)]
        pending = [fault for fault in self.faults if not isinstance(fault, BarFault)]
        self._pending: Iterator[RequestFault] = chain.from_iterable(repeat(fault, fault.times) for fault in pending)
        self._given = None if bars is None else {symbol.upper(): as_history(table) for symbol, table in bars.items()}
        self._histories: dict[str, pd.DataFrame] = {}
        self._rendered: dict[Query, bytes] = {}
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._check_faults()

    def _check_faults(self) -> None:
        served = symbols() if self._given is None else tuple(self._given)
        for fault in self._bar_faults:
            if fault.symbol not in served:
                raise ValueError(f"fault {str(fault)!r} names a symbol without bars; there are {', '.join(served)}")
            self._history(fault.symbol)

    @property
    def url(self) -> str:
        """The address to use in place of the vendor's, without a path; raises RuntimeError while stopped."""
        if self._server is None:
            raise RuntimeError("the simulator is not running, so it has no address")
        return f"http://{HOST}:{self._server.server_port}"

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request to `/query` so far, in the order of arrival."""
        with self._lock:
            return tuple(self._records)

    def start(self) -> Self:
        """Binds the port and serves from a background thread; raises OSError when the port is taken."""
        if self._server is not None:
            raise RuntimeError("the simulator is running already")
        self._stopping.clear()
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="alpha-vantage", daemon=True).start()
        return self

    def stop(self) -> None:
        """Releases hanging requests unanswered and closes the port; does nothing when stopped."""
        if self._server is not None:
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reply(self, parameters: Mapping[str, str]) -> Reply | None:
        """The answer to one request, which it records; None when the connection is to close without an answer."""
        with self._lock:
            fault = next(self._pending, None)
        if fault is None:
            reply, outcome = self._answer(parameters)
            self._record(parameters, outcome)
            return reply
        self._record(parameters, str(fault))
        if isinstance(fault, Hang):
            return None if self._stopping.wait(fault.seconds) else self._answer(parameters)[0]
        return _bad_reply(fault, parameters)

    def _record(self, parameters: Mapping[str, str], outcome: str) -> None:
        names = (field.name for field in fields(RequestRecord) if field.name != "outcome")
        record = RequestRecord(outcome=outcome, **{name: parameters.get(name) for name in names})
        with self._lock:
            self._records.append(record)

    def _answer(self, parameters: Mapping[str, str]) -> tuple[Reply, str]:
        try:
            query = parse_query(parameters)
            if query not in self._rendered:
                self._rendered[query] = render(select(self._history(query.symbol.upper()), query), query).encode()
        except Refused as refused:
            return _recorded(refused.body_id, parameters), refused.body_id
        return Reply(200, CSV if query.csv else JSON, self._rendered[query]), "bars"

    def _history(self, symbol: str) -> pd.DataFrame:
        """The damaged history of one symbol; raises Refused for an unknown one."""
        if symbol not in self._histories:
            if symbol not in (symbols() if self._given is None else self._given):
                raise Refused("invalid_call_intraday")
            bars = as_history(load_bars(symbol)) if self._given is None else self._given[symbol]
            self._histories[symbol] = apply_bar_faults(bars, symbol, self._bar_faults)
        return self._histories[symbol]


def _recorded(body_id: str, parameters: Mapping[str, str]) -> Reply:
    """A recorded body, JSON also for CSV requests; where it echoed a key it echoes the caller's, as the vendor does."""
    body = error_bodies()[body_id]
    echoed = json.dumps(parameters.get("apikey") or KEY_MASK)[1:-1]
    return Reply(body.http_status, JSON, body.text.replace(KEY_MASK, echoed).encode())


def _bad_reply(fault: Answer | Status | Garbage | Empty, parameters: Mapping[str, str]) -> Reply:
    match fault:
        case Answer():
            return _recorded(fault.body_id, parameters)
        case Status():
            return Reply(fault.code, HTML, _page(f"{fault.code} {responses.get(fault.code, 'Error')}"))
        case Garbage():
            return Reply(200, HTML, _page("We will be back soon"))
        case Empty():
            return Reply(200, JSON, b"{}")


def _page(title: str) -> bytes:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, simulator: AlphaVantageSimulator, port: int) -> None:
        self.simulator = simulator
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Binds without HTTPServer's reverse look-up of the host name, which takes seconds where DNS is broken."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    # HTTP/1.0 closes each connection after its answer, so nothing is left that could answer after stop().
    protocol_version = "HTTP/1.0"
    # A client that connects and never asks must not hold its thread for ever.
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        """Answers `/query`; there is nothing elsewhere."""
        url = urlsplit(self.path)
        if url.path == "/query":
            reply = self.server.simulator.reply(dict(parse_qsl(url.query, keep_blank_values=True)))
        else:
            reply = Reply(404, HTML, _page("404 Not Found"))
        # A client that gave up waiting is the point of a hang, not an error of the stand-in.
        with suppress(ConnectionError, TimeoutError):
            if reply is not None:
                self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the request line carries the API key."""
