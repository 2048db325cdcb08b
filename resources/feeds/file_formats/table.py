"""A file's cells in columns, and the numbers and times that they say, or the place of the cell that says none.

How cells come out of a file's bytes is each shape's own module; which column means what is in `flat`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from market.normalise import Provenance
from market.sessions import NEW_YORK
from resources.errors import FileNotUnderstood
from resources.http import shown

Cells: TypeAlias = "Sequence[str] | pd.Series"
"""Texts, or numbers or times of a file that has types."""

NOT_THERE: Final = frozenset({"", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "<NA>", "NaT"})
"""How files say that a value is not there."""
EARLIEST, LATEST = pd.Timestamp("1990-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
"""A time outside of these is a number that was taken for one."""
DIGITS: Final = 17
"""So many significant digits tell every float64 apart; what is written with more was none, and would be rounded."""
CELL_SHOWN: Final = 40
TIMES_ALLOWED: Final = (
    "2024-08-23 09:30:00, the same with an offset from UTC, 8/23/2024 9:30, or milliseconds since 1970 are"
)


@dataclass(frozen=True)
class FileRows:
    """One symbol's rows of a file."""

    symbol: str
    """As it is configured."""
    rows: pd.DataFrame
    """`stamp` (New York zone), symbol, open, high, low, close, volume, in the order of the file."""
    provenance: Provenance
    said: str = ""
    """What was decided about the file that a person should know; empty where there was nothing to decide."""
    others: tuple[str, ...] = ()
    """Symbols that are not wanted, of which the file has rows too."""


@dataclass(frozen=True)
class Table:
    """The cells of a file, or of one ticker of it."""

    name: str
    """The file."""
    columns: Mapping[str, Cells]
    """Cells by the header's spelling without blanks around it; all columns are equally long."""
    place: Callable[[int], str]
    """Where the n-th row stands in the file: `line 17`."""
    ticker: str | None = None
    """Whom it is about, where the header says so."""
    header: str = ""
    """Where the names of the columns stand: `line 1`; empty where a file has them apart from its rows."""

    def __len__(self) -> int:
        return max((len(cells) for cells in self.columns.values()), default=0)

    def refusal(self, row: int, column: str, says: str) -> FileNotUnderstood:
        """What is wrong with one cell: `raw/NVDA_1m.csv, line 17, column close: 'abc' is no number.`"""
        cell = str(self.columns[column][row]).strip()
        quoted = f"{shown(cell, CELL_SHOWN)!r}" if cell else "an empty cell"
        return FileNotUnderstood(f"{self.name}, {self.place(row)}, column {shown(column)}: {quoted} {says}.")

    def column(self, *names: str) -> str | None:
        """The spelling of the one column that has one of these names, in any case; None where there is none.

        Raises:
            FileNotUnderstood: there are several.

        """
        found = [spelled for spelled in self.columns if spelled.lower() in names]
        if len(found) > 1:
            several = shown(", ".join(found))
            raise FileNotUnderstood(f"{self.name}: any of the columns {several} could be the {names[0]}; keep one.")
        return found[0] if found else None

    def needed(self, *names: str) -> str:
        """As `column`, for one that cannot be absent."""
        found = self.column(*names)
        if found is None:
            where = f"{self.name}, {self.header}" if self.header else self.name
            has = shown(", ".join(self.columns))
            raise FileNotUnderstood(f"{where}: there is no column {' or '.join(names)}; there is {has}.")
        return found

    def numbers(self, name: str) -> np.ndarray:
        """The numbers of a column, float64; what is not there is NaN.

        Raises:
            FileNotUnderstood: the column is absent, or a cell of it is no finite number, or one of more digits than a
                float64 holds. A file that has types, and JSON's own numbers, are rounded before they come here.

        """
        column = self.needed(name)
        cells = self.columns[column]
        try:
            found = np.array(cells if isinstance(cells, pd.Series) else _plain(cells), dtype="float64")
        except (ValueError, TypeError):
            row = next(row for row, cell in enumerate(cells) if not _is_number(cell))
            raise self.refusal(row, column, "is no number") from None
        if np.isinf(found).any():
            raise self.refusal(int(np.isinf(found).argmax()), column, "is no number")
        if not isinstance(cells, pd.Series) and max(map(len, cells), default=0) > DIGITS:
            rounded = next(
                (row for row, cell in enumerate(cells) if len(cell) > DIGITS and _digits(cell) > DIGITS), None
            )
            if rounded is not None:
                raise self.refusal(rounded, column, f"has more than {DIGITS} digits and would be rounded")
        return found

    def texts(self, name: str, *others: str) -> list[str]:
        """The texts of a column, without blanks around them."""
        return [str(cell).strip() for cell in self.columns[self.needed(name, *others)]]


class Clock(Enum):
    """How times are written, as the pattern that all of a column follow."""

    EPOCH = re.compile(r"\d{12,13}", re.ASCII)
    """Milliseconds since 1970."""
    OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
    NEW_YORK = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
    MONTH_FIRST = re.compile(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d(:\d\d)?", re.ASCII)
    """Of New York as well."""
    COMPACT = re.compile(r"\d{8} \d{6}", re.ASCII)
    """UTC."""


def clock_of(cells: Cells) -> Clock | None:
    """How the first of these times is written; None where it is no time."""
    if isinstance(cells, pd.Series) and isinstance(cells.dtype, pd.DatetimeTZDtype):
        return Clock.OFFSET
    if isinstance(cells, pd.Series) and cells.dtype.kind == "M":
        return Clock.NEW_YORK
    first = str(cells[0]).strip() if len(cells) else ""
    return next((clock for clock in Clock if clock.value.fullmatch(first)), None)


def stamps(table: Table, column: str) -> pd.DatetimeIndex:
    """The times of a column in New York's zone, microseconds.

    Raises:
        FileNotUnderstood: a cell is no time, is written unlike the first, or New York's clock never showed it.

    """
    cells = table.columns[column]
    clock = clock_of(cells)
    if clock is None:
        raise table.refusal(0, column, f"is no time of a day; {TIMES_ALLOWED}")
    if isinstance(cells, pd.Series):
        found = pd.DatetimeIndex(cells)
    else:
        texts = [cell.strip() for cell in cells]
        unlike = next((row for row, text in enumerate(texts) if not clock.value.fullmatch(text)), None)
        if unlike is not None:
            raise table.refusal(unlike, column, f"is no time like {texts[0]!r} in {table.place(0)}")
        found = _parsed(texts, clock)
    if found.hasnans:
        raise table.refusal(int(found.isna().argmax()), column, f"is no time of a day; {TIMES_ALLOWED}")
    return _in_new_york(found, table, column)


def _in_new_york(found: pd.DatetimeIndex, table: Table, column: str) -> pd.DatetimeIndex:
    local = found if found.tz else found.tz_localize(NEW_YORK, ambiguous="NaT", nonexistent="NaT")
    if local.hasnans:
        raise table.refusal(int(local.isna().argmax()), column, "is no time that New York's clock showed just once")
    outside = (local < EARLIEST) | (local >= LATEST)
    if outside.any():
        raise table.refusal(int(outside.argmax()), column, f"is not between {EARLIEST.year} and {LATEST.year}")
    return local.tz_convert(NEW_YORK).as_unit("us")


def _parsed(texts: list[str], clock: Clock) -> pd.DatetimeIndex:
    """Times of one form; NaT where the calendar has none such."""
    if clock is Clock.EPOCH:
        return pd.DatetimeIndex(np.array(texts, dtype="int64").astype("datetime64[ms]"), tz="UTC")
    if clock is Clock.COMPACT:
        return pd.DatetimeIndex(pd.to_datetime(texts, format="%Y%m%d %H%M%S", errors="coerce", utc=True))
    if clock is Clock.MONTH_FIRST:
        full = [text if text.count(":") == 2 else f"{text}:00" for text in texts]
        return pd.DatetimeIndex(pd.to_datetime(full, format="%m/%d/%Y %H:%M:%S", errors="coerce"))
    aware = clock is Clock.OFFSET
    return pd.DatetimeIndex(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=aware))


def _plain(cells: Sequence[str]) -> list[str]:
    """Cells as numpy reads them. Python's own numbers may have underscores and foreign digits; a file's may not."""
    if "_" in (joined := "".join(cells)) or not joined.isascii():
        raise ValueError
    return ["nan" if (text := cell.strip()) in NOT_THERE else text for cell in cells]


def _is_number(cell: object) -> bool:
    try:
        return bool(np.array(_plain([str(cell)]), dtype="float64").size)
    except ValueError:
        return False


def _digits(number: str) -> int:
    """How many significant digits it is written with; zeros at either end say nothing of its value."""
    mantissa = re.split("[eE]", number.strip(), maxsplit=1)[0]
    return len(mantissa.lstrip("+-").replace(".", "").strip("0"))
