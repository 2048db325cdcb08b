"""IB's framing: a length of four bytes, then fields of text that each end in NUL.

What belongs here: how one value becomes a field, and how bytes of a stream become whole messages. What does not: which
fields a message has (`messages`, `order_messages`, `requests`).
"""

import struct
from collections.abc import Iterator
from decimal import Decimal

UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = "2147483647"
UNSET_LONG = "9223372036854775807"
_GREETING = b"API\0"
_LENGTH = struct.Struct(">I")
_LONGEST = 0xFFFFFF

Field = str | int | Decimal | None


class ProtocolError(ValueError):
    """A client does not speak the protocol; TWS closes its connection."""


def encode(*fields: Field) -> bytes:
    """One message as it goes over the wire."""
    return frame("".join(f"{text(field)}\0" for field in fields).encode())


def frame(payload: bytes) -> bytes:
    """The payload behind its length."""
    return _LENGTH.pack(len(payload)) + payload


def text(field: Field) -> str:
    """A field's text: True is 1, None is empty, a Decimal has neither exponent nor trailing zeros."""
    if field is None:
        return ""
    if isinstance(field, bool):
        return str(int(field))
    if isinstance(field, Decimal):
        return format((field + 0).normalize(), "f")
    return str(field)


class Reader:
    """Takes what arrives on a socket, in pieces of any size, and gives whole messages."""

    def __init__(self) -> None:
        self._data = b""
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are whole now; raises ProtocolError."""
        self._data += data
        if not self._greeted:
            if not self._data.startswith(_GREETING[: len(self._data)]):
                raise ProtocolError("the client did not begin with API")
            if len(self._data) < len(_GREETING):
                return
            self._data, self._greeted = self._data[len(_GREETING) :], True
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > _LONGEST:
                raise ProtocolError(f"a message of {length} bytes is longer than TWS takes")
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            payload, self._data = self._data[_LENGTH.size : end], self._data[end:]
            yield payload


def fields_of(payload: bytes) -> list[str]:
    """The fields of a payload, without the empty one behind the last NUL."""
    return payload.decode(errors="backslashreplace").split("\0")[:-1]
