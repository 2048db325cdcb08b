"""One page on a port of 127.0.0.1, which a test can change, or let go away, while somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class ServedPage:
    """What is answered to whoever asks."""

    html: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    away: bool = False
    """Whether connections end without an answer."""
    asked: int = 0
    """How often."""
    paths: set[str] = field(default_factory=set)
    """What was asked for; everything is answered with the page."""
    url: str = ""


@contextmanager
def served(html: str) -> Iterator[ServedPage]:
    """Serve the page until the end of the block."""
    page = ServedPage(html)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page.asked += 1
            page.paths.add(self.path)
            if page.away:
                return
            body = page.html.encode()
            self.send_response(page.status)
            for name, value in {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": str(len(body)),
                **page.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        page.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield page
        finally:
            server.shutdown()
            thread.join()
