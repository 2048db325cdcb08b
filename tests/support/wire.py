"""A wire to a database that can be cut or go dead at a byte that is chosen: a proxy on loopback that counts.

Both directions count, so that points spread over all that a client and its server do with each other. What happens at
the point is the caller's matter. A wire that always breaks at the same place is in cutting.py.
"""

import ctypes
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PIECE = 1 << 16
SO_ATTACH_FILTER = 26
NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A packet filter that lets no packet in: `return 0`."""


class Wire:
    """The way to the server of an address, for the length of a `with` block."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._act: Callable[[], None] | None = None
        self._point = 0
        self.passed = 0
        """Bytes of both directions since `at` was called last."""

    @property
    def url(self) -> str:
        """The same address, by way of here."""
        who = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{who}@127.0.0.1:{self._listener.getsockname()[1]}").geturl()

    def at(self, point: int, act: Callable[[], None] | None) -> None:
        """Do it when that many bytes from now on have passed; the next one waits until it is done."""
        with self._lock:
            self._point, self._act, self.passed = point, act, 0

    def cut(self) -> None:
        """Hang up on both sides."""
        for end in [end for pair in self._ends for end in pair]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def die(self) -> None:
        """No packet arrives any more on either side, no answer, no farewell: as when the machine between is gone."""
        code = ctypes.create_string_buffer(NOTHING, len(NOTHING))
        program = struct.pack("HL", 1, ctypes.addressof(code))
        for end in [end for pair in self._ends for end in pair]:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        for client, server in self._ends:
            client.close()
            server.close()

    def _start(self, work: Callable[..., None], *about: object) -> None:
        self._threads.append(Thread(target=work, args=about))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):  # the end of the block closes the listener
            while True:
                client = self._listener.accept()[0]
                try:
                    server = socket.create_connection((self._parts.hostname, self._parts.port))  # type: ignore[arg-type]
                except OSError:  # nobody is there: hang up
                    client.close()
                    continue
                self._ends.append((client, server))
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                sink.sendall(self._counted(piece, sink))
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _counted(self, piece: bytes, sink: socket.socket) -> bytes:
        """What is left to send of the piece."""
        with self._lock:
            left = self._point - self.passed
            self.passed += len(piece)
            if self._act is None or left > len(piece):
                return piece
            act, self._act = self._act, None
            sink.sendall(piece[:left])
            act()
            return piece[left:]
