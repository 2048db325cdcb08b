"""The server's side of the connections: who is connected, which handler answers a request, and the faults of both.

What belongs here: the handshake, and what the faults of connections do. What does not: answers to other requests
(`order_answers`, `account_answers`, `data_answers`), who is told of what happens to orders (`publisher`), bytes
(`messages`).
"""

from collections.abc import Callable
from datetime import datetime
from threading import Condition

from simulators.tws import messages
from simulators.tws.book import Book
from simulators.tws.faults import Cut, FaultQueue, Hang, Lost, Mute
from simulators.tws.framing import ProtocolError, fields_of
from simulators.tws.notices import FARMS_OK, TEXTS
from simulators.tws.requests import KINDS, Kind, Request
from simulators.tws.session import Session
from simulators.tws.sockets import Peer, Sockets

Handler = Callable[[Session, tuple[str, ...]], None]


class Desk(Sockets):
    """Takes requests, which `handlers` answer, and sends messages. All but `start` and `stop` needs the lock."""

    def __init__(
        self, book: Book, faults: FaultQueue, port: int, server_version: int, now: Callable[[], datetime]
    ) -> None:
        super().__init__(port)
        self.book = book
        self.faults = faults
        self.now = now
        self.handlers: dict[Kind, Handler] = {Kind.START_API: self._start_api}
        self.log: list[Request] = []
        self.heard = Condition(self.lock)
        self._version = server_version
        self._sessions: dict[Peer, Session] = {}

    # Connections.

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The connections whose client gave its id."""
        return tuple(each for each in self._sessions.values() if each.ready)

    def connected(self, peer: Peer) -> None:
        """Begins a session."""
        self._sessions[peer] = Session(peer)

    def gone(self, peer: Peer) -> None:
        """Ends a session; its orders stay."""
        self._sessions.pop(peer, None)

    def received(self, peer: Peer, data: bytes) -> None:
        """Answers every message that is whole now."""
        session = self._sessions[peer]
        try:
            for payload in session.reader.feed(data):
                if not peer.closed:
                    self._take(session, payload)
        except ProtocolError:
            self.close(peer)

    def _take(self, session: Session, payload: bytes) -> None:
        if not session.version:
            session.agree(payload, self._version)
            self.say(session, messages.server_hello(session.version, self.now()))
            return
        number, *fields = fields_of(payload)
        if int(number) not in KINDS:
            self.say(session, messages.error(-1, 321, TEXTS[321].format(f"The stand-in knows no request {number}")))
            return
        kind = Kind(int(number))
        if not session.ready and kind is not Kind.START_API:
            raise ProtocolError(f"{kind.name} came before startApi")
        fault = self.faults.of(kind)
        if isinstance(fault, Lost):
            self.close(session.peer)
            return
        was_silent = session.silent
        session.silent = was_silent or isinstance(fault, Cut | Mute)
        if not isinstance(fault, Hang):
            self.handlers[kind](session, tuple(fields))
        session.silent = was_silent
        self.log.append(Request(session.client_id, kind, tuple(fields)))
        self.heard.notify_all()
        if isinstance(fault, Cut):
            self.close(session.peer)

    def say(self, session: Session, *payloads: bytes) -> None:
        """Sends messages to one client."""
        for payload in payloads:
            if session.silent or session.peer.closed:
                return
            if self.faults.breaks():
                self.send(session.peer, payload[: len(payload) // 2])
                self.close(session.peer)
            else:
                self.send(session.peer, payload)

    def _start_api(self, session: Session, fields: tuple[str, ...]) -> None:
        client_id = int(fields[1])
        in_use = any(other.client_id == client_id for other in self.sessions)
        if in_use or self.faults.meets("busy_client_id"):
            self.say(session, messages.error(-1, 326, TEXTS[326]))
            self.close(session.peer)
            return
        session.client_id = client_id
        self.say(
            session,
            messages.managed_accounts(self.book.accounts),
            messages.next_valid_id(self.book.next_id(client_id)),
            *(messages.error(-1, code, TEXTS[code]) for code in FARMS_OK),
        )
