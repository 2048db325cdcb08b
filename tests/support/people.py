"""People at the end of a wire: a webhook and a mail server, which take what they are sent, refuse it, or say nothing.

Real sockets on loopback. What they should have been told is the test's matter.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECRET_PATH = "/services/T00PLANTED/B00PLANTED"
USER, PASSWORD = "watch", "PLANTED0mail0password"


class Hook(ThreadingHTTPServer):
    """Keeps what is posted to it, and answers with `status`; None: never."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Posted)
        self.status: int | None = 200
        self.told: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.asked = threading.Event()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        """With what is secret of it."""
        return f"http://127.0.0.1:{self.server_address[1]}{SECRET_PATH}"

    @property
    def texts(self) -> list[str]:
        """What people read."""
        return [str(one["text"]) for one in self.told]


class _Posted(BaseHTTPRequestHandler):
    server: Hook  # type: ignore[assignment]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        if self.server.status is None:
            self.server.over.wait()
            return
        if self.server.status < 300:
            self.server.told.append(json.loads(content))
            self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@contextmanager
def hook() -> Iterator[Hook]:
    """A webhook on a port of its own."""
    with Hook() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()


class Letters:
    """Keeps the mail that comes; `refuses` is what it says instead of taking one."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.refuses = ""
        self.unknown: set[str] = set()

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _: object) -> str:
        """Take a recipient, or not."""
        if to in self.unknown:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a letter."""
        if self.refuses:
            return self.refuses
        self.letters.append(envelope)
        return "250 taken"


def _known(_server: object, _session: object, _envelope: object, _how: str, who: object) -> AuthResult:
    sound = isinstance(who, LoginPassword) and (who.login, who.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=sound)


class _OnAnyPort(Controller):
    """Listens on the port that the machine gives it."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(letters: Letters, encryption: str, certificate: Path | None = None) -> Iterator[int]:
    """A mail server that wants a password; the port that it listens on."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    controller = _OnAnyPort(
        letters,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if encryption == "tls" else None,
        tls_context=context if encryption == "starttls" else None,
        require_starttls=encryption == "starttls",
        authenticator=_known,
        auth_required=encryption == "starttls",  # without TLS it would warn; who logs in is held to the password anyway
        auth_require_tls=encryption == "starttls",
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
