"""Reads stored bars of any length for consumers, as a stream of Arrow batches. It needs `SELECT` and nothing else.

What consumers call is `resources.market_bars`; files of bars are `resources.bar_files`'. Nothing is written, and no
schema is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal, LiteralString, NamedTuple, get_args

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from market.time_range import TimeRange
from resources.database.arrow_connections import arrow_batches
from resources.database.queries import named_query
from resources.database.schema.migrations import ahead_of_code, newest_migration
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, MigrationError, OtherBarSize, RequestNotUnderstood, UnknownSymbol
from schemas.tables import PRICE_COLUMNS

BarLength = Literal["1min", "5min", "15min", "1h", "1d"]
"""Lengths in which bars can be read: the one that is stored and those above it."""
LENGTHS: tuple[BarLength, ...] = get_args(BarLength)

DECIMAL = pa.decimal128(38, 20)
"""Exact prices: every float64 from 0.001 up has its shortest form in it, and every price below 10^18."""


class Prices(Enum):
    """In which form prices are read."""

    FLOAT = pa.float64()
    """The nearest float64; the price that a vendor sent with up to 15 digits comes back when it is printed."""
    DECIMAL = DECIMAL
    TEXT = pa.string()
    """The digits as they are stored."""


class Columns(NamedTuple):
    """What a row of bars has."""

    names: tuple[str, ...]
    types: tuple[pa.DataType, ...]


STORED = Columns(("volume", "source", "basis"), (pa.int64(), pa.string(), pa.string()))
"""What a stored bar has beside its prices."""
LONGER = Columns(("volume", "bars"), (pa.int64(), pa.int64()))
"""What a longer bar has: `bars` says of how many stored ones it is made."""


@dataclass(frozen=True)
class BarsWanted:
    """Which bars are read. A bar belongs to the range in which it starts.

    Raises:
        RequestNotUnderstood: no symbol, or a length that there is not.

    """

    symbols: tuple[str, ...]
    range: TimeRange
    bar_size: BarLength
    prices: Prices = Prices.FLOAT

    def __post_init__(self) -> None:
        if not self.symbols or not all(map(_may_be_one, self.symbols)):
            raise RequestNotUnderstood(f"symbols are {list(self.symbols)!r}; name one or more, as in ['NVDA', 'MSFT'].")
        if self.bar_size not in LENGTHS:
            raise RequestNotUnderstood(f"bar_size is {self.bar_size!r}; allowed: {', '.join(LENGTHS)}.")


def _may_be_one(symbol: object) -> bool:
    """Whether it is a text that a database can hold: one of UTF-8, with something in it."""
    text = symbol if isinstance(symbol, str) else ""
    return text != "" and "\0" not in text and text.encode(errors="ignore").decode() == text


def read_bars(server: DatabaseServer, wanted: BarsWanted) -> pa.RecordBatchReader:
    """Bars by time, those of one time by symbol, streamed: memory does not depend on how many there are.

    The first batch is asked for when it is read; everything until then is checked now. All rows are of one moment:
    of a session that is being replaced, the old bars or the new ones.

    Returns:
        A reader of `timestamp` (UTC microseconds, start of the bar), `symbol`, `open`, `high`, `low`, `close` (as
        `wanted.prices` says), `volume` (int64), and `source` and `basis` of a stored bar or `bars`, the number of
        stored bars in a longer one. Its schema's metadata say what was asked for. Reading may raise what is below, too.

    Raises:
        UnknownSymbol: of one of them the database holds no bar at all; of a known one there may be none in the range.
        OtherBarSize: the stored bars are longer.
        MigrationError: the database has no schema of ours, or an older one.
        DatabaseUnreachable: no connection, or it broke.
        DatabaseError: a price does not fit `DECIMAL`, or the server refused.

    """
    held = _held(server, wanted)
    columns = STORED if wanted.bar_size == held.stored else LONGER
    schema = _schema(wanted, columns)
    query = _query(wanted, _relation(wanted, held), columns)
    return pa.RecordBatchReader.from_batches(schema, _batches(server, wanted, query, schema))


class Held(NamedTuple):
    """What the database says of the bars that are asked for."""

    stored: BarLength
    """The length of the stored ones."""
    longer: LiteralString | None
    """The query that makes longer ones of those in the range alone; None where the view, or the table, does as well."""


def _held(server: DatabaseServer, wanted: BarsWanted) -> Held:
    """What is there, once it is known that it can be read."""
    about = {"first": wanted.range.first, "end": wanted.range.end}
    bounded = sql.SQL(named_query("bars_in_longer_ones")).format(**about, length=wanted.bar_size).as_string()
    asked = {**about, "symbols": list(wanted.symbols), "view": _view(wanted), "bounded": bounded}
    with server.connect() as connection:
        try:
            found = connection.execute(named_query("bars_held"), asked).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
            raise no_schema(server) from None
        assert found is not None
        stored, newest, longer, unknown = found
        if newest is not None and newest > newest_migration():
            raise ahead_of_code(newest, newest_migration())
        if unknown:
            there = connection.execute("SELECT DISTINCT symbol FROM market_data ORDER BY symbol").fetchall()
            known = ", ".join(symbol for (symbol,) in there) or "none at all"
            raise UnknownSymbol(
                f"{server.shown} holds no bar of {', '.join(unknown)}; the symbols that it holds: {known}."
            )
    if stored is None or LENGTHS.index(wanted.bar_size) < LENGTHS.index(stored):
        raise OtherBarSize(
            f"{server.shown} holds {stored} bars, of which no {wanted.bar_size} bars can be made; "
            f"allowed: {', '.join(LENGTHS[LENGTHS.index(stored) :] if stored else LENGTHS)}."
        )
    return Held(stored, longer)


def _relation(wanted: BarsWanted, held: Held) -> sql.Composable:
    """Where the bars are read from."""
    if wanted.bar_size == held.stored:
        return sql.Identifier("market_data")
    if held.longer is None:
        return sql.Identifier(_view(wanted))
    return sql.SQL("({}) AS bars").format(sql.SQL(held.longer))


def _view(wanted: BarsWanted) -> str:
    return f"market_data_{wanted.bar_size}"


def no_schema(server: DatabaseServer) -> MigrationError:
    """What is raised where a table, a view or a function is not there."""
    return MigrationError(
        f"{server.shown} lacks tables, views or functions that this code reads: `intraday db migrate` makes them, "
        "run by whoever may change the database."
    )


def _schema(wanted: BarsWanted, columns: Columns) -> pa.Schema:
    price = wanted.prices.value
    fields = [("timestamp", pa.timestamp("us", "UTC")), ("symbol", pa.string())]
    fields += [(name, price) for name in PRICE_COLUMNS]
    fields += zip(columns.names, columns.types, strict=True)
    about = {
        "intraday.symbols": ",".join(wanted.symbols),
        "intraday.start": wanted.range.first.isoformat(),
        "intraday.end": wanted.range.end.isoformat(),
        "intraday.bar_size": wanted.bar_size,
    }
    return pa.schema(fields, metadata=about)


def _query(wanted: BarsWanted, bars: sql.Composable, columns: Columns) -> str:
    price = sql.SQL("{}::float8" if wanted.prices is Prices.FLOAT else "{}::text")
    selected = [
        *map(sql.Identifier, ("timestamp", "symbol")),
        *(price.format(sql.Identifier(name)) for name in PRICE_COLUMNS),
        *map(sql.Identifier, columns.names),
    ]
    query = sql.SQL(named_query("bars_to_read")).format(
        columns=sql.SQL(", ").join(selected),
        bars=bars,
        symbols=sql.Literal(list(wanted.symbols)),
        first=sql.Literal(wanted.range.first),
        end=sql.Literal(wanted.range.end),
    )
    return query.as_string()


def _batches(server: DatabaseServer, wanted: BarsWanted, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        for batch in arrow_batches(server, query):
            found = batch.columns
            if wanted.prices is Prices.DECIMAL:
                found = [*found[:2], *map(_exact, found[2:6]), *found[6:]]
            yield pa.RecordBatch.from_arrays(found, schema=schema)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) == "42P01":  # undefined table: migrated, but not this far
            raise no_schema(server) from None
        raise


def _exact(prices: pa.Array) -> pa.Array:
    try:
        return pc.cast(prices, DECIMAL)
    except pa.ArrowInvalid as error:
        raise DatabaseError(
            f"A stored price does not fit {DECIMAL} ({error}): read it as text, or as float64."
        ) from None
