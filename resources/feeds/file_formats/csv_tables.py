"""The cells of a CSV file with one header line, the three of `yfinance`, or none (NinjaTrader).

What the columns mean is `flat`'s matter.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from resources.errors import FileNotUnderstood
from resources.feeds.file_formats.table import Table
from resources.http import shown
from schemas.tables import BAR_VALUES

NINJA_TRADER: Final = re.compile(r"\d{8} \d{6};")
UTC_STAMP: Final = "utc"
"""The name given to the stamps of a file without a header."""
OF_TICKERS: Final = ("price", "ticker")
"""How the first two lines of a `yfinance` header begin, in either order."""


def csv_tables(name: str, text: str) -> list[Table]:
    """The tables in a CSV text: one, or one for each ticker that its header names.

    Raises:
        FileNotUnderstood: a line has more or fewer cells than the header, or it is no CSV.

    """
    if NINJA_TRADER.match(text):
        return [headless_table(name, text, ";", [UTC_STAMP, *BAR_VALUES])]
    records = [record for _, record in _records(name, text, ",")]
    if not records:
        raise FileNotUnderstood(f"{name}: it is empty.")
    if [record[0].strip().lower() for record in records[:2]] in ([*OF_TICKERS], [*reversed(OF_TICKERS)]):
        return _tables_of_tickers(name, text, records)
    return [_table(name, text, ",", records[0], records[1:], 1)]


def headless_table(name: str, text: str, delimiter: str, header: Sequence[str]) -> Table:
    """The table in a CSV text without a header, whose columns are known.

    Raises:
        FileNotUnderstood: as `csv_tables`.

    """
    return _table(name, text, delimiter, header, [record for _, record in _records(name, text, delimiter)], 0)


def _tables_of_tickers(name: str, text: str, records: Sequence[Sequence[str]]) -> list[Table]:
    by_name = {record[0].strip().lower(): record for record in records[:2]}
    named = len(records) > 2 and not any(cell.strip() for cell in records[2][1:])
    stamp = records[2][0].strip() if named else "Datetime"
    first = 3 if named else 2
    header = list(zip(by_name["ticker"][1:], by_name["price"][1:], strict=False))
    whole = _table(name, text, ",", [stamp, *map(str, range(len(header)))], records[first:], first)
    return tables_of_tickers(whole, stamp, {str(number): pair for number, pair in enumerate(header)})


def tables_of_tickers(whole: Table, stamp: str, header: dict[str, tuple[str, str]]) -> list[Table]:
    """One table for each ticker: `header` says of each column of the whole table its ticker and what it holds."""
    tables = []
    for ticker in dict.fromkeys(ticker.strip() for ticker, _ in header.values()):
        own = {what.strip(): whole.columns[column] for column, (of, what) in header.items() if of.strip() == ticker}
        tables.append(Table(whole.name, {stamp: whole.columns[stamp], **own}, whole.place, ticker, whole.header))
    return tables


def _table(
    name: str, text: str, delimiter: str, header: Sequence[str], records: Sequence[Sequence[str]], first: int
) -> Table:
    place = _line_finder(name, text, delimiter, first)
    spelled = [cell.strip() for cell in header]
    uneven = next((row for row, record in enumerate(records) if len(record) != len(spelled)), None)
    if uneven is not None:
        cells = len(records[uneven])
        raise FileNotUnderstood(f"{name}, {place(uneven)}: it has {cells} cells, and should have {len(spelled)}.")
    twice = [column for column in dict.fromkeys(spelled) if column and spelled.count(column) > 1]
    if twice:
        raise FileNotUnderstood(f"{name}, line 1: the column {shown(twice[0])} is there twice.")
    columns = list(zip(*records, strict=True)) or [()] * len(spelled)
    return Table(name, dict(zip(spelled, columns, strict=True)), place, header="line 1" if first else "")


def _line_finder(name: str, text: str, delimiter: str, first: int) -> Callable[[int], str]:
    """Finds lines when something is wrong with one: blank lines and cells of several lines make that a search."""

    def place(row: int) -> str:
        return f"line {next(islice(_records(name, text, delimiter), first + row, None))[0]}"

    return place


def _records(name: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, each with its number."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield reader.line_num, record
    except csv.Error as error:
        raise FileNotUnderstood(f"{name}, line {reader.line_num}: it is no line of CSV ({error}).") from None
