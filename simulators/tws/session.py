"""One client's connection: its handshake, and what it asked to be told.

What belongs here: the state of a connection. What does not: sockets (`sockets`), answers (`desk`).
"""

import re
from dataclasses import dataclass, field

from simulators.tws.framing import ProtocolError, Reader
from simulators.tws.sockets import Peer

_VERSIONS = re.compile(rb"v(\d+)\.\.(\d+)", re.ASCII)


@dataclass(eq=False)
class Session:
    """What the server knows of a connection; `version` is 0 before the handshake, `client_id` -1 before startApi."""

    peer: Peer
    reader: Reader = field(default_factory=Reader)
    version: int = 0
    client_id: int = -1
    silent: bool = False
    """Nothing is sent to it."""
    positions: bool = False
    accounts: set[str] = field(default_factory=set)
    bars: dict[int, str] = field(default_factory=dict)
    """The symbols of its real-time bars by request id."""
    delayed: bool = False
    """It takes delayed market data."""

    @property
    def ready(self) -> bool:
        """Whether the client gave its id."""
        return self.client_id >= 0

    def agree(self, payload: bytes, highest: int) -> None:
        """Settles on the version that both speak; raises ProtocolError where the greeting is not one."""
        match = _VERSIONS.match(payload)
        if match is None:
            raise ProtocolError(f"{payload[:20]!r} names no range of versions")
        self.version = min(highest, int(match[2]))
