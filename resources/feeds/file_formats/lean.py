"""Lean's minute files: `aapl_20140605_trade.zip`, of which the name says whose bars of what day they are.

Inside is a CSV without a header: milliseconds since midnight in New York, prices times 10,000, volume; START labels.
"""

import re
from datetime import date, datetime
from typing import Final

import numpy as np
import pandas as pd

from market.labels import LabelSide
from market.normalise import Provenance
from market.sessions import NEW_YORK
from resources.errors import FileNotUnderstood
from resources.feeds.file_formats.csv_tables import headless_table
from resources.feeds.file_formats.flat import of_symbol
from resources.feeds.file_formats.names import Symbols, base_name, configured
from resources.feeds.file_formats.table import FileRows
from resources.feeds.file_formats.unpacking import only_member, text_of
from schemas.tables import AS_TRADED, BAR_VALUES, PRICE_COLUMNS

SOURCE: Final = "lean_file"
NAME: Final = re.compile(r"(?P<ticker>.+)_(?P<day>\d{8})_trade\.zip(\.gz)?", re.ASCII | re.IGNORECASE)
TIME: Final = "milliseconds"
DAY: Final = 86_400_000
PRICE_SCALE: Final = 10_000.0


def ticker_and_day(name: str) -> tuple[str, date] | None:
    """Whose bars of what day a Lean file holds; None where it is not called as Lean calls them."""
    found = NAME.fullmatch(base_name(name))
    if found is None:
        return None
    try:
        return found["ticker"].upper(), datetime.strptime(found["day"], "%Y%m%d").date()
    except ValueError:
        return None


def lean_rows(name: str, content: bytes, symbols: Symbols) -> list[FileRows]:
    """The rows of a Lean zip.

    Raises:
        FileNotUnderstood: it is not called as Lean's are, the zip is broken, or a cell cannot be read.

    """
    told = ticker_and_day(name)
    if told is None:
        raise FileNotUnderstood(f"{name}: the only zips that are read are Lean's, called SYMBOL_YYYYMMDD_trade.zip.")
    symbol = configured(told[0], symbols)
    if symbol is None:
        return []
    table = headless_table(name, text_of(name, only_member(name, content)), ",", [TIME, *BAR_VALUES])
    since = table.numbers(TIME)
    wrong = ~((since >= 0) & (since < DAY) & (since % 1 == 0))
    if wrong.any():
        raise table.refusal(int(wrong.argmax()), TIME, "is no number of milliseconds since midnight")
    clock = pd.Timestamp(told[1]).as_unit("ms") + pd.to_timedelta(since.astype("int64"), unit="ms")
    local = clock.tz_localize(NEW_YORK, ambiguous="NaT", nonexistent="NaT")
    if local.hasnans:
        raise table.refusal(int(local.isna().argmax()), TIME, "is no time that New York's clock showed just once")
    values = {column: table.numbers(column) / (PRICE_SCALE if column in PRICE_COLUMNS else 1) for column in BAR_VALUES}
    rows = pd.DataFrame({"stamp": local.as_unit("us"), **values})
    every = np.ones(len(rows), dtype=bool)
    return [FileRows(symbol, of_symbol(rows, every, symbol), Provenance(SOURCE, AS_TRADED, LabelSide.START))]
