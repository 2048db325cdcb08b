"""What shape a file has, told from its first bytes and its columns, and its rows."""

from collections.abc import Sequence

from resources.feeds.file_formats.csv_tables import csv_tables
from resources.feeds.file_formats.dual_ticker import dual_ticker_rows, is_ours
from resources.feeds.file_formats.flat import flat_rows
from resources.feeds.file_formats.json_tables import answer_rows, chart_rows, json_body, table_of_objects
from resources.feeds.file_formats.lean import lean_rows
from resources.feeds.file_formats.names import Symbols
from resources.feeds.file_formats.parquet_tables import parquet_tables
from resources.feeds.file_formats.table import FileRows, Table
from resources.feeds.file_formats.unpacking import PARQUET, ZIP, text_of, unpacked


def parse_file(name: str, content: bytes, symbols: Symbols) -> tuple[FileRows, ...]:
    """The rows of the wanted symbols in a file, in its order, nothing dropped.

    Args:
        name: the file, as messages name it; its last part may tell the symbol.
        content: its bytes: CSV, JSON, Parquet or Lean's zip, perhaps in gzip.
        symbols: the wanted symbols; None: whichever the file is about.

    Returns:
        One entry a symbol; of our own files one a symbol, source and basis. None for a file about other symbols.

    Raises:
        FileNotUnderstood: with the file, the line (or row) and the column.

    """
    inner = unpacked(name, content)
    if inner.startswith(ZIP):
        return _with_rows(lean_rows(name, inner, symbols))
    if inner.startswith(PARQUET):
        return _rows_of(parquet_tables(name, inner), symbols)
    text = text_of(name, inner)
    if not text.lstrip().startswith(("{", "[")):
        return _rows_of(csv_tables(name, text), symbols)
    body = json_body(name, text)
    if isinstance(body, list):
        return _rows_of([table_of_objects(name, body)], symbols)
    answer = chart_rows if "chart" in body else answer_rows
    return _with_rows(answer(name, text, body, symbols))


def _rows_of(tables: Sequence[Table], symbols: Symbols) -> tuple[FileRows, ...]:
    found: list[FileRows] = []
    for table in tables:
        found += dual_ticker_rows(table, symbols) if is_ours(table) else flat_rows(table, symbols)
    return _with_rows(found)


def _with_rows(found: Sequence[FileRows]) -> tuple[FileRows, ...]:
    return tuple(part for part in found if len(part.rows))
