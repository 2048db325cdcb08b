"""`market_bars`: the stored bars for whoever works with them, in a notebook or a service.

```python
from resources.market_bars import market_bars

bars = market_bars(["NVDA", "MSFT"], "2024-01-02", "2024-03-28", "15min")
```

What may be asked of the database is `resources.database.bar_reader`'s matter.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, overload

import pandas as pd
import pyarrow as pa

from market.time_range import Bound, time_range
from resources.consumer import as_stored, given_server
from resources.database.bar_reader import BarLength, BarsWanted, Prices, read_bars
from resources.database.server import DatabaseServer
from resources.errors import RequestNotUnderstood
from schemas.tables import PRICE_COLUMNS

FORMS = ("pandas", "arrow", "batches")


@overload
def market_bars(
    symbols: str | Sequence[str],
    start: Bound,
    end: Bound,
    bar_size: BarLength = ...,
    *,
    into: Literal["pandas"] = ...,
    exact: bool = ...,
    database: DatabaseServer | str | None = ...,
) -> pd.DataFrame: ...
@overload
def market_bars(
    symbols: str | Sequence[str],
    start: Bound,
    end: Bound,
    bar_size: BarLength = ...,
    *,
    into: Literal["arrow"],
    exact: bool = ...,
    database: DatabaseServer | str | None = ...,
) -> pa.Table: ...
@overload
def market_bars(
    symbols: str | Sequence[str],
    start: Bound,
    end: Bound,
    bar_size: BarLength = ...,
    *,
    into: Literal["batches"],
    exact: bool = ...,
    database: DatabaseServer | str | None = ...,
) -> pa.RecordBatchReader: ...
def market_bars(
    symbols: str | Sequence[str],
    start: Bound,
    end: Bound,
    bar_size: BarLength = "1min",
    *,
    into: Literal["pandas", "arrow", "batches"] = "pandas",
    exact: bool = False,
    database: DatabaseServer | str | None = None,
) -> pd.DataFrame | pa.Table | pa.RecordBatchReader:
    """Bars that the quality gate let pass, by time; those of one time by symbol.

    Args:
        symbols: one or more, in capitals or not.
        start: inclusive. A day (`date`, `"2024-01-02"`) is New York's and begins at its midnight; an instant (aware
            `datetime`, `"2024-01-02T14:30:00Z"`) may be in any time zone. Without a zone it is refused.
        end: of an instant exclusive; a day is meant whole, so `start` and `end` may be the same day.
        bar_size: `1min`, `5min`, `15min`, `1h` (from half past to half past, as the session opens) or `1d` (New
            York's day). Not below what is stored. A bar belongs to the range in which it starts.
        into: `pandas`, `arrow` (a `pyarrow.Table`), or `batches`: a `pyarrow.RecordBatchReader` whose memory does not
            depend on the range, to be iterated or handed to DuckDB, Polars or `pyarrow.dataset.write_dataset`. It is
            one query, which ends when the last batch is read or the reader is dropped.
        exact: prices as they were stored instead of the nearest float64: `decimal128(38, 20)`, in pandas
            `decimal.Decimal`.
        database: an address (`postgresql://…`); without it the one that `intraday` uses, from the environment and
            `.env`. The role `intraday_reader` suffices.

    Returns:
        `timestamp` (UTC, microseconds, start of the bar), `symbol`, `open`, `high`, `low`, `close` (USD; float64 or
        exact), `volume` (shares, int64); of stored bars `source` (the feed) and `basis` (which later corporate actions
        are in the prices), of longer ones `bars`, how many stored bars are in it. No rows where there are no bars in
        the range: nothing is filled in.

    Raises:
        RangeNotUnderstood: a bound that cannot be read or has no time zone, or an empty range.
        RequestNotUnderstood: a length or form that there is not, or no symbol.
        UnknownSymbol: a symbol of which the database holds no bar at all; says of which it holds some.
        OtherBarSize: the stored bars are longer than those asked for.
        MigrationError: the database has no schema, or an older one.
        DatabaseUnreachable: no connection, or it broke; also while batches are read. A retry may help.
        DatabaseBusy: a lock or a time limit. A retry may help.
        DatabaseError: the server refused, or a price does not fit the exact type.

    """
    if into not in FORMS:
        raise RequestNotUnderstood(f"into is {into!r}; allowed: {', '.join(FORMS)}.")
    wanted = BarsWanted(
        symbols=as_stored(symbols),
        range=time_range(start, end),
        bar_size=bar_size,
        prices=Prices.FLOAT if not exact else Prices.TEXT if into == "pandas" else Prices.DECIMAL,
    )
    reader = read_bars(given_server(database), wanted)
    if into == "batches":
        return reader
    table = reader.read_all()
    if into == "arrow":
        return table
    bars = table.to_pandas()
    decimals = {name: [Decimal(price) for price in bars[name]] for name in PRICE_COLUMNS} if exact else {}
    return bars.assign(**{name: pd.Series(values, bars.index, "object") for name, values in decimals.items()})
