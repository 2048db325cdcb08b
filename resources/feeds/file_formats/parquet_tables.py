"""The cells of a Parquet file. What is kept in its schema for pandas is not read: its columns say enough.

`yfinance` frames keep their times in an index, which is one more column, and their tickers in the names of the columns.
"""

import io
import re
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from resources.errors import FileNotUnderstood
from resources.feeds.file_formats.csv_tables import tables_of_tickers
from resources.feeds.file_formats.flat import TIMES
from resources.feeds.file_formats.table import Cells, Table
from resources.http import shown
from schemas.tables import BAR_VALUES

INDEX: Final = re.compile(r"__index_level_\d+__|index")
"""How pandas names an index that has no name."""
UNNAMED_TIME: Final = "Datetime"
PAIR: Final = re.compile(r"\('([^']*)', '([^']*)'\)")
"""How pandas names a column of two levels."""
BROKEN: Final = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, NotImplementedError)


def parquet_tables(name: str, content: bytes) -> list[Table]:
    """The tables in a Parquet file: one, or one for each ticker that its columns name.

    Raises:
        FileNotUnderstood: it is broken.

    """
    try:
        read = pyarrow.parquet.read_table(io.BytesIO(content))
        read.validate(full=True)
        names = [str(column) for column in read.column_names]
        columns = {column: _cells(read.column(number)) for number, column in enumerate(names)}
    except BROKEN as error:
        raise FileNotUnderstood(f"{name}: its Parquet is broken ({type(error).__name__}).") from None
    if len(columns) < len(names):
        raise FileNotUnderstood(f"{name}: a column is there twice; there are {shown(', '.join(names))}.")
    whole = Table(name, _with_time(columns), lambda row: f"row {row + 1}")
    pairs = {column: found.groups() for column in whole.columns if (found := PAIR.fullmatch(column))}
    prices_first = any(first.lower() in BAR_VALUES for first, _ in pairs.values())
    header = {column: (second, first) if prices_first else (first, second) for column, (first, second) in pairs.items()}
    named = {column: pair for column, pair in header.items() if all(pair)}
    if not named:
        return [whole]
    return tables_of_tickers(whole, whole.needed(*TIMES), named)


def _with_time(columns: dict[str, Cells]) -> dict[str, Cells]:
    """The columns, of which a nameless index of times has the name of one."""
    timeless = not any(column.lower() in TIMES for column in columns)

    def renamed(column: str, cells: Cells) -> str:
        is_time = isinstance(cells, pd.Series) and pd.api.types.is_datetime64_any_dtype(cells.dtype)
        return UNNAMED_TIME if timeless and is_time and INDEX.fullmatch(column) else column

    return {renamed(column, cells): cells for column, cells in columns.items()}


def _cells(column: pa.ChunkedArray) -> Cells:
    """A column as times, numbers or texts."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        values = column.cast(pa.timestamp("us"), safe=False).to_numpy()
        return pd.Series(pd.DatetimeIndex(values, tz="UTC" if kind.tz else None))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pd.Series(column.cast(pa.float64()).to_numpy(), dtype="float64")
    return ["" if value is None else str(value) for value in column.to_pylist()]
