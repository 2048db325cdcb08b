"""A wire that breaks: a proxy on loopback that hangs up after so many bytes of the server's."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import urlsplit

PIECE = 1 << 16


@contextmanager
def cutting_proxy(url: str, after: int) -> Iterator[str]:
    """The same address through a proxy that lets `after` bytes of answers pass on each connection, then hangs up."""
    parts = urlsplit(url)
    ends: list[socket.socket] = [socket.create_server(("127.0.0.1", 0))]
    threads: list[Thread] = []

    def start(*work: object) -> None:
        threads.append(Thread(target=work[0], args=work[1:]))  # type: ignore[arg-type]
        threads[-1].start()

    def accept() -> None:
        with suppress(OSError):  # the end of the block closes the listener
            while True:
                client = ends[0].accept()[0]
                server = socket.create_connection((parts.hostname, parts.port))  # type: ignore[arg-type]
                ends.extend((client, server))
                start(_pass_on, client, server, None)
                start(_pass_on, server, client, after)

    start(accept)
    try:
        yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{ends[0].getsockname()[1]}").geturl()
    finally:
        _hang_up(*ends[:1])
        threads[0].join()
        _hang_up(*ends[1:])
        for thread in threads:
            thread.join()
        for end in ends:
            end.close()


def _pass_on(source: socket.socket, sink: socket.socket, left: int | None) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE if left is None else min(left, PIECE)):
            sink.sendall(piece)
            left = None if left is None else left - len(piece)
            if left == 0:
                break
    _hang_up(source, sink)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
