"""The listening socket, its clients' sockets and the one thread that waits on them.

What belongs here: accepting, reading, sending, closing. What does not: what bytes mean (`framing`, `desk`).

All calls but `start` and `stop` are made with the owner's lock held. What is sent is in the client's socket when the
call returns, unless that socket is full; then the thread sends the rest.
"""

import selectors
import socket
import threading
from abc import ABC, abstractmethod

HOST = "127.0.0.1"
_PIECE = 65_536


class Peer:
    """A client's socket as the owner sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.outbox = bytearray()
        self.closed = False


class Sockets(ABC):
    """A server on a loopback port; `port` 0 takes any free one, which it then keeps over stops and starts."""

    def __init__(self, port: int) -> None:
        self.lock = threading.RLock()
        self._wanted = port
        self._peers: set[Peer] = set()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def connected(self, peer: Peer) -> None:
        """A client connected."""

    @abstractmethod
    def received(self, peer: Peer, data: bytes) -> None:
        """Bytes of a client arrived."""

    @abstractmethod
    def gone(self, peer: Peer) -> None:
        """A client's socket is closed."""

    @property
    def port(self) -> int:
        """The port, the same as before after a stop; raises RuntimeError before the first start."""
        if not self._wanted:
            raise RuntimeError("the simulator was never started, so it has no port")
        return self._wanted

    def start(self, name: str) -> None:
        """Binds the port and serves from a thread; raises OSError where the port is taken."""
        if self._thread is not None:
            raise RuntimeError("the simulator is running already")
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self._wanted))
            listener.listen(64)
        except OSError:
            listener.close()
            raise
        listener.setblocking(False)
        self._wanted = listener.getsockname()[1]
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._waker, self._wake = socket.socketpair()
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and closes all sockets; does nothing when stopped."""
        if self._thread is None or self._listener is None:
            return
        self._wake.send(b"\0")
        self._thread.join()
        with self.lock:
            for peer in tuple(self._peers):
                self.close(peer)
            for each in (self._listener, self._selector, self._waker, self._wake):
                each.close()
            self._thread = self._listener = None

    def send(self, peer: Peer, data: bytes) -> None:
        """Sends now what fits into the socket, the rest from the thread."""
        if peer.closed:
            return
        peer.outbox += data
        self._flush(peer)

    def close(self, peer: Peer) -> None:
        """Closes the socket; what was sent before still arrives, as far as it fitted."""
        if not peer.closed:
            peer.closed = True
            self._peers.discard(peer)
            self._selector.unregister(peer.sock)
            peer.sock.close()
            self.gone(peer)

    def _drain(self, peer: Peer) -> None:
        while not peer.closed:
            try:
                data = peer.sock.recv(_PIECE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self.received(peer, data)
            else:
                self.close(peer)

    def _flush(self, peer: Peer) -> None:
        try:
            sent = peer.sock.send(peer.outbox)
            del peer.outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close(peer)
            return
        waits = selectors.EVENT_WRITE if peer.outbox else 0
        self._selector.modify(peer.sock, selectors.EVENT_READ | waits, peer)

    def _accept(self) -> None:
        while self._listener is not None:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            self._peers.add(peer)
            self._selector.register(sock, selectors.EVENT_READ, peer)
            self.connected(peer)

    def _loop(self) -> None:
        while True:
            for key, events in self._selector.select():
                if key.fileobj is self._waker:
                    return
                with self.lock:
                    self._ready(key.data, events)

    def _ready(self, peer: Peer | None, events: int) -> None:
        if peer is None:
            self._accept()
        elif not peer.closed:
            if events & selectors.EVENT_READ:
                self._drain(peer)
            if events & selectors.EVENT_WRITE and not peer.closed:
                self._flush(peer)
