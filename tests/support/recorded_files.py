"""The recorded files of bars, read without the project's code: an independent account of what is in them."""

import csv
import gzip
import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

from market.sessions import BarSize, Session, session
from resources.feeds.file_formats import FileRows, parse_file

FOLDER = Path(__file__).parents[1] / "recordings"
PAIR = Path(__file__).parents[2] / "simulators" / "recordings"
SYMBOLS = ("NVDA", "MSFT", "SPY", "SP500", "AAPL", "GOOG", "TSLA")
VALUES = ("open", "high", "low", "close", "volume")
YAHOO_1M, YAHOO_5M = (
    "yahoo_1m_prepost_{}_2024-08-23_2024-08-30.csv.gz",
    "yahoo_5m_prepost_{}_2024-08-23_2024-08-30.csv.gz",
)


def content(name: str) -> bytes:
    """The bytes as they are recorded."""
    return (PAIR if (PAIR / name).exists() else FOLDER).joinpath(name).read_bytes()


def text(name: str) -> str:
    """The text, line ends as they are."""
    raw = content(name)
    return (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8-sig")


@cache
def records(name: str) -> tuple[dict[str, str], ...]:
    """The rows of a recorded CSV with one header line, keys in lower case."""
    reader = csv.reader(io.StringIO(text(name), newline=""))
    header = [cell.lower() for cell in next(reader)]
    return tuple(dict(zip(header, row, strict=True)) for row in reader)


def values(rows: tuple[dict[str, str], ...]) -> list[list[float]]:
    """Open, high, low, close, volume of recorded rows."""
    return [[float(row[name]) for name in VALUES] for row in rows]


def quoted(price: float) -> float:
    """A price as it was quoted before it went through single precision."""
    single = np.float32(price)
    return float(str(single)) if float(single) == price else price


def lean_lines(name: str) -> list[list[int]]:
    """The rows of a Lean zip."""
    with zipfile.ZipFile(FOLDER / name) as packed:
        lines = packed.read(packed.namelist()[0]).decode().split()
    return [[int(cell) for cell in line.split(",")] for line in lines]


@cache
def parsed(name: str) -> FileRows:
    """What the project makes of a file about one symbol."""
    (found,) = parse_file(name, content(name), SYMBOLS)
    return found


def sessions_of(found: FileRows) -> list[Session]:
    """The sessions whose days are in a file."""
    return [session(f"{day}") for day in sorted(set(found.rows["stamp"].dt.date))]


FIVE, ONE = BarSize.FIVE_MINUTES, BarSize.ONE_MINUTE
