"""The project's own flat file of bars, `dual_ticker_*.csv` and `.json`: written and read here, and nowhere else.

Every row says where it comes from and on what basis its prices are, so that what is synthetic stays synthetic.
"""

import json
import re
from typing import Final

import numpy as np
import pandas as pd

from market.labels import LabelSide
from market.normalise import Provenance
from resources.feeds.file_formats.flat import of_symbol, other_symbols, rows_by_symbol, vendor_rows
from resources.feeds.file_formats.names import Symbols
from resources.feeds.file_formats.table import Clock, FileRows, Table, clock_of
from schemas.tables import BASES, Bars

TIME: Final = "timestamp"
COLUMNS: Final = tuple(Bars.to_schema().columns)
"""Those of `schemas.tables.Bars`; `role`, `why`, `mark` and `remark` are found anew when it is read."""
SOURCE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)


def dual_ticker_name(now: pd.Timestamp, ending: str) -> str:
    """The name of a file written now: `dual_ticker_20240823_201500.csv`, UTC."""
    return f"dual_ticker_{now.tz_convert('UTC'):%Y%m%d_%H%M%S}.{ending}"


def to_csv(bars: pd.DataFrame) -> str:
    """Bars (`schemas.tables.Bars`) as CSV, times ISO 8601 in UTC."""
    return str(_written(bars).to_csv(index=False, lineterminator="\n"))


def to_json(bars: pd.DataFrame) -> str:
    """Bars (`schemas.tables.Bars`) as a JSON array of objects, one a line; a value that is not there is null."""
    table = _written(bars).astype("object")
    records = table.where(table.notna(), None).to_dict("records")
    return "[\n" + ",\n".join(json.dumps(record, allow_nan=False) for record in records) + "\n]\n"


def is_ours(table: Table) -> bool:
    """Whether a table says of every row what our files say."""
    return {TIME, "symbol", "source", "basis"} <= table.columns.keys()


def dual_ticker_rows(table: Table, symbols: Symbols) -> list[FileRows]:
    """The rows of one of our files, by symbol, source and basis.

    Raises:
        FileNotUnderstood: with the place of what cannot be read.

    """
    if not len(table):
        return []
    if clock_of(table.columns[TIME]) is not Clock.OFFSET:
        raise table.refusal(0, TIME, "is no time with an offset from UTC, such as 2024-08-23T13:30:00+00:00")
    sources, bases = np.array(table.texts("source"), "object"), np.array(table.texts("basis"), "object")
    odd = np.array([not SOURCE.fullmatch(source) for source in sources])
    if odd.any():
        raise table.refusal(int(odd.argmax()), "source", "is no name of a feed: letters, digits, _ . -")
    unknown = ~np.isin(bases, BASES)
    if unknown.any():
        raise table.refusal(int(unknown.argmax()), "basis", f"is none of {', '.join(BASES)}")
    rows, others = vendor_rows(table, TIME), other_symbols(table, symbols)
    parts = []
    for symbol, at in rows_by_symbol(table, symbols).items():
        for source, basis in dict.fromkeys(zip(sources[at], bases[at], strict=True)):
            own = at & (sources == source) & (bases == basis)
            provenance = Provenance(source, basis, LabelSide.START)
            parts.append(FileRows(symbol, of_symbol(rows, own, symbol), provenance, others=others))
    return parts


def _written(bars: pd.DataFrame) -> pd.DataFrame:
    stamps = [stamp.isoformat() for stamp in bars["timestamp"].dt.tz_convert("UTC")]
    written = bars[list(COLUMNS)].assign(timestamp=pd.Series(stamps, bars.index, "str"))
    whole = bars["volume"].isna() | (bars["volume"] % 1 == 0)
    return written.astype({"volume": "Int64"}) if whole.all() else written
