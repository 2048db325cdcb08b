"""From a table whose columns have names to vendor rows: which column is the time, whose bars they are, who wrote them.

The shapes: Alpha Vantage's and `yfinance`'s CSV, epoch milliseconds, and tables of which nothing else is known.
"""

from typing import Final

import numpy as np
import pandas as pd

from market.labels import LabelSide
from market.normalise import Provenance
from resources.feeds.file_formats.csv_tables import UTC_STAMP
from resources.feeds.file_formats.names import Symbols, configured, symbol_of_name
from resources.feeds.file_formats.table import Clock, FileRows, Table, clock_of, stamps
from resources.feeds.yahoo_answers import as_quoted
from schemas.tables import BAR_VALUES, BASIS_UNKNOWN, PRICE_COLUMNS, SPLIT_ADJUSTED

TIMES: Final = ("timestamp", "timestamps", "time", "datetime", "date", UTC_STAMP)
TICKERS: Final = ("symbol", "ticker")
YAHOO, ALPHA_VANTAGE, EPOCH, UNKNOWN = "yahoo_file", "alpha_vantage_file", "epoch_file", "file"
YAHOO_TIMES: Final = ("datetime", "date", "timestamps")
"""What `yfinance` and those who save its tables call the time; with an offset from UTC it is theirs."""
ALPHA_VANTAGE_TIMES: Final = ("timestamp", "time", "datetime")


def flat_rows(table: Table, symbols: Symbols) -> list[FileRows]:
    """The rows of each wanted symbol in a table.

    Raises:
        FileNotUnderstood: with the place of what cannot be read.

    """
    column, said = _time_column(table)
    by_symbol = rows_by_symbol(table, symbols)
    if not by_symbol or not len(table):
        return []
    provenance = _provenance(table, column)
    rows = vendor_rows(table, column)
    if provenance.source == YAHOO:
        rows = rows.assign(**{name: as_quoted(rows[name]) for name in PRICE_COLUMNS})
    others = other_symbols(table, symbols)
    return [FileRows(symbol, of_symbol(rows, at, symbol), provenance, said, others) for symbol, at in by_symbol.items()]


def rows_by_symbol(table: Table, symbols: Symbols) -> dict[str, np.ndarray]:
    """Which rows are about which wanted symbol.

    Raises:
        FileNotUnderstood: nothing says whose bars they are.

    """
    column = table.column(*TICKERS)
    if table.ticker is not None or column is None:
        symbol = symbol_of_name(table.name, symbols) if table.ticker is None else configured(table.ticker, symbols)
        return {symbol: np.ones(len(table), dtype=bool)} if symbol else {}
    tickers = pd.Series(table.texts(*TICKERS), dtype="object").str.upper().to_numpy()
    nameless = tickers == ""
    if nameless.any():
        raise table.refusal(int(nameless.argmax()), column, "is no symbol")
    wanted = dict.fromkeys(tickers) if symbols is None else symbols
    found = {symbol: tickers == symbol.upper() for symbol in wanted}
    return {symbol: at for symbol, at in found.items() if at.any()}


def other_symbols(table: Table, symbols: Symbols) -> tuple[str, ...]:
    """Of whom a column of the table says that it has rows, beside the wanted symbols."""
    if symbols is None or table.ticker is not None or table.column(*TICKERS) is None:
        return ()
    return tuple(sorted({ticker.upper() for ticker in table.texts(*TICKERS)} - {symbol.upper() for symbol in symbols}))


def vendor_rows(table: Table, time: str) -> pd.DataFrame:
    """Times and values of a table, in its order: `stamp` (New York zone), open, high, low, close, volume."""
    return pd.DataFrame({"stamp": stamps(table, time), **{name: table.numbers(name) for name in BAR_VALUES}})


def of_symbol(rows: pd.DataFrame, at: np.ndarray, symbol: str) -> pd.DataFrame:
    """One symbol's rows, as `market.normalise` wants them."""
    own = rows[at].reset_index(drop=True)
    own.insert(1, "symbol", pd.Series(symbol, own.index, "str"))
    return own


def _time_column(table: Table) -> tuple[str, str]:
    """The column of the time, and what was decided: an epoch is the same everywhere, so it wins over a local clock."""
    found = [spelled for spelled in table.columns if spelled.lower() in TIMES]
    epochs = [column for column in found if clock_of(table.columns[column]) is Clock.EPOCH]
    if len(found) > 1 and len(epochs) == 1:
        others = ", ".join(column for column in found if column != epochs[0])
        return epochs[0], f"The times are those of the column {epochs[0]}; {others} is some clock's and is ignored."
    return table.needed(*TIMES), ""


def _provenance(table: Table, time: str) -> Provenance:
    """Who wrote the table, as far as it shows. Only Yahoo's absolute times are sure to mark the start of a bar."""
    clock, spelled = clock_of(table.columns[time]), [name for name in table.columns if name]
    titled = time in ("Datetime", "Date") and {"Open", "High", "Low", "Close", "Volume"} <= set(spelled)
    if clock is Clock.OFFSET and time.lower() in YAHOO_TIMES:
        return Provenance(YAHOO, SPLIT_ADJUSTED, LabelSide.START)
    if clock is Clock.NEW_YORK and (titled or table.ticker is not None):
        return Provenance(YAHOO, SPLIT_ADJUSTED)
    theirs = time in ALPHA_VANTAGE_TIMES and spelled == [time, *BAR_VALUES] and _backwards(table, time)
    if clock is Clock.NEW_YORK and theirs:
        return Provenance(ALPHA_VANTAGE, BASIS_UNKNOWN)
    return Provenance(EPOCH if clock is Clock.EPOCH else UNKNOWN, BASIS_UNKNOWN)


def _backwards(table: Table, time: str) -> bool:
    """Whether the newest row comes first, which is Alpha Vantage's way."""
    texts = table.texts(time)
    return texts[0] >= texts[-1]
