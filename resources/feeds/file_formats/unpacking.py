"""The bytes of a file without their gzip, zip or encoding. What the text says is not asked here."""

import gzip
import io
import zipfile
import zlib
from typing import Final

from resources.errors import FileNotUnderstood
from resources.http import LARGEST_ANSWER

GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
"""How such files begin: what a file is called does not count."""
BROKEN_ZIP: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def unpacked(name: str, content: bytes) -> bytes:
    """The content without gzip, if it has that.

    Raises:
        FileNotUnderstood: it is empty, larger than any file of bars, or its gzip is broken.

    """
    if content.startswith(GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(LARGEST_ANSWER + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise FileNotUnderstood(f"{name}: its gzip is broken ({error}).") from None
    _refuse_too_large(name, len(content))
    if not content.strip():
        raise FileNotUnderstood(f"{name}: it is empty.")
    return content


def only_member(name: str, content: bytes) -> bytes:
    """What the one file in a zip holds.

    Raises:
        FileNotUnderstood: the zip is broken, or it does not hold one file.

    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
            if len(members) != 1:
                raise FileNotUnderstood(f"{name}: the zip holds {len(members)} files, and should hold one.")
            _refuse_too_large(name, members[0].file_size)
            return packed.read(members[0])
    except BROKEN_ZIP as error:
        raise FileNotUnderstood(f"{name}: its zip is broken ({type(error).__name__}).") from None


def text_of(name: str, content: bytes) -> str:
    """The content as text, without a byte-order mark.

    Raises:
        FileNotUnderstood: it is not UTF-8: says in which line.

    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise FileNotUnderstood(f"{name}, line {line}: the byte 0x{byte:02x} there is not UTF-8 text.") from None


def _refuse_too_large(name: str, size: int) -> None:
    if size > LARGEST_ANSWER:
        raise FileNotUnderstood(f"{name}: it holds more than {LARGEST_ANSWER:,} bytes.")
