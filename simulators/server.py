"""The loopback HTTP server under every stand-in: sockets, threads, and how an answer is put on the wire.

What belongs here: binding and closing the port, reading a request, writing an answer whole, slowly or only in part.
What does not: what is answered (`stand_in` and the vendors' modules).
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
DRIP_PIECES = 50


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, and how it goes over the wire."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    drip_seconds: float = 0
    """The body goes out in small pieces, spread over this time."""
    cut: bool = False
    """The connection closes after half of the body, though the whole length was announced."""


def error_page(status: int, title: str = "") -> Reply:
    """An HTML page that says no more than its status or `title`."""
    title = title or f"{status} {responses.get(status, 'Error')}"
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Reply(status, HTML, page.encode())


class Loopback(ABC):
    """A server on 127.0.0.1, as `with` block or start() and stop(). `port` 0 takes any free port."""

    def __init__(self, name: str, port: int) -> None:
        self._name = name
        self._port = port
        self._server: _Server | None = None
        self.stopping = threading.Event()

    @abstractmethod
    def handle(self, path: str, parameters: Mapping[str, str]) -> Reply | None:
        """The answer to a request; None closes the connection without one. Called from many threads."""

    @property
    def url(self) -> str:
        """The address to use in place of the vendor's, without a path; raises RuntimeError while stopped."""
        if self._server is None:
            raise RuntimeError("the simulator is not running, so it has no address")
        return f"http://{HOST}:{self._server.server_port}"

    def start(self) -> Self:
        """Binds the port and serves from a background thread; raises OSError when the port is taken."""
        if self._server is not None:
            raise RuntimeError("the simulator is running already")
        self.stopping.clear()
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name=self._name, daemon=True).start()
        return self

    def stop(self) -> None:
        """Releases hanging and dripping requests, closes the port; does nothing when stopped."""
        if self._server is not None:
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, owner: Loopback, port: int) -> None:
        self.owner = owner
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
        """Answers what the stand-in says."""
        # A client that gave up waiting is the point of a hang, not an error of the stand-in.
        with suppress(ConnectionError, TimeoutError):
            self._read_body()
            url = urlsplit(self.path)
            reply = self.server.owner.handle(url.path, dict(parse_qsl(url.query, keep_blank_values=True)))
            if reply is not None:
                self._send(reply)

    do_POST = do_GET

    def _read_body(self) -> None:
        # Closing a connection with unread bytes resets it, and the client would lose the answer.
        length = self.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit():
            self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        body = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
        if not reply.drip_seconds:
            self.wfile.write(body)
            return
        size = max(1, len(body) // DRIP_PIECES)
        for begin in range(0, len(body), size):
            self.wfile.write(body[begin : begin + size])
            if self.server.owner.stopping.wait(reply.drip_seconds / DRIP_PIECES):
                return

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the request line carries the API key."""
