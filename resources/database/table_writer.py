"""Makes days of a hypertable equal to what is given, in the transaction of the caller: whole days, many in one go.

Days of which nothing is stored are copied straight into the table. Others are copied into a temporary table beside it,
and a join finds the rows that are new, changed or gone; only those are written.

The rows that the table then holds are those that were sent: the server says how many COPY stored and how many were
added, changed and deleted, which has to be what was sent and what the comparison found, and the comparison sees each
row once, because no row is sent twice or of a day or symbol that is not compared.

Whether the days may be stored, and the locks that keep others away from them, are the caller's matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from psycopg import sql

from market.quality.columns import Columns, columns_of, together
from resources.database.binary_copy import ROWS_AT_ONCE, binary_copy, in_text
from resources.database.queries import named_query
from resources.errors import DatabaseError
from schemas.tables import FEATURES, KEPT, PRICE_COLUMNS

ROWS_COMPARED_AT_ONCE = 200_000
"""What the server keeps in memory for a join, without spilling to its disk."""
ROWS_TAKEN_AT_ONCE = 8 * ROWS_AT_ONCE
"""Of these a copy is made before they are sent: some megabytes."""

MARKET_DATA = "market_data"
DUAL_TICKER_BARS = "dual_ticker_bars"
_KEY = {"timestamp": "timestamptz", "symbol": "text"}
_BAR = {**_KEY, **dict.fromkeys(PRICE_COLUMNS, "numeric"), "volume": "int8"}
TABLES: Mapping[str, Mapping[str, str]] = {
    MARKET_DATA: {**_BAR, "source": "text", "basis": "text", "why": "note"},
    DUAL_TICKER_BARS: {name: _BAR.get(name, "float8") for name in (*_KEY, *FEATURES)},
}
"""The columns that are written, and their types."""


@dataclass(frozen=True)
class Change:
    """What replacing a session did to one table, in rows."""

    added: int
    revised: int
    removed: int
    sent: int

    @property
    def unchanged(self) -> int:
        """Rows that were already there as they are."""
        return self.sent - self.added - self.revised


class Day(NamedTuple):
    """A stretch of time and all the rows that it is to hold."""

    name: str
    first: pd.Timestamp
    last: pd.Timestamp
    """Exclusive."""
    rows: pd.DataFrame | Columns


@dataclass
class TableWriter:
    """Writes days of one hypertable.

    Args:
        connection: in a transaction, which a failure leaves to be rolled back.
        table: a key of `TABLES`.
        symbols: whose rows are replaced; those of others are left alone.

    """

    connection: psycopg.Connection
    table: str
    symbols: Sequence[str]

    def replace(self, days: Sequence[Day]) -> list[Change]:
        """Make each of the days hold just its rows.

        Args:
            days: in the order of time, none twice.

        Returns:
            What changed, day by day.

        Raises:
            DatabaseError: the table would hold other rows than those that were sent.
            ContractBroken: a value that the table cannot hold exactly.

        """
        # Compressed chunks take 100,000 rows of a transaction, unless told otherwise; elsewhere nobody reads it.
        self.connection.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
        filled = [held for group in _groups(days) for (held,) in self._ask("filled_days", group)]
        new = [day for day, held in zip(days, filled, strict=True) if not held]
        old = [day for day, held in zip(days, filled, strict=True) if held]
        changes: dict[str, Change] = {}
        if new:
            stream = _Stream(new, self.symbols)
            self._copy(stream, self.table)
            changes |= {day.name: Change(sent, 0, 0, sent) for day, sent in stream.sent}
        if old:
            changes |= self._merged(old)
        return [changes[day.name] for day in days]

    def _merged(self, days: Sequence[Day]) -> dict[str, Change]:
        """Replace days of which something is stored, by way of two temporary tables."""
        self.connection.execute("SET LOCAL work_mem = '32MB'")
        columns = sql.SQL(", ").join(map(sql.Identifier, TABLES[self.table]))
        create = sql.SQL(named_query("create_incoming"))
        self.connection.execute(create.format(table=sql.Identifier(self.table), columns=columns))
        changes: dict[str, Change] = {}
        for group in _groups(days):
            stream = _Stream(group, self.symbols)
            self._copy(stream, "incoming")
            changes |= self._merged_stream(stream)
            self.connection.execute("TRUNCATE incoming")
        self.connection.execute("DROP TABLE incoming, difference")
        return changes

    def _merged_stream(self, stream: "_Stream") -> dict[str, Change]:
        parameters = self._parameters(stream.days)
        found = self.connection.execute(named_query(f"compare_{self.table}"), parameters).fetchall()
        counted = {place: Counts(*counts) for place, *counts in found}
        if counted:
            self.connection.execute("ANALYZE difference")
            written = self.connection.execute(named_query(f"replace_{self.table}"), parameters).fetchone()
            wanted = tuple(map(sum, zip(*counted.values(), strict=True)))
            if written != wanted:
                raise self._other_rows(written, wanted, f"{stream.days[0].name} to {stream.days[-1].name}")
            self.connection.execute("TRUNCATE difference")
        changes = {}
        for place, (day, rows) in enumerate(stream.sent, start=1):
            counts = counted.get(place, Counts(0, 0, 0, 0))
            changes[day.name] = Change(counts.added, counts.revised, counts.removed, rows)
        return changes

    def _copy(self, stream: "_Stream", target: str) -> None:
        rows = map(stream.counted, _batches(stream.days, self.table))
        columns = sql.SQL(", ").join(map(sql.Identifier, TABLES[self.table]))
        copy_in = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(target), columns)
        with self.connection.cursor() as cursor:
            with cursor.copy(copy_in) as copy:
                for part in binary_copy(rows, TABLES[self.table]):
                    copy.write(part)
            stored = cursor.rowcount
        if stored != sum(rows for _, rows in stream.sent):
            raise self._not_kept(stream, target)

    def _ask(self, query: str, days: Sequence[Day], table: str = "") -> list[tuple[Any, ...]]:
        """What a query that names no table says of each day."""
        text = sql.SQL(named_query(query)).format(table=sql.Identifier(table or self.table))
        return self.connection.execute(text, self._parameters(days)).fetchall()

    def _parameters(self, days: Sequence[Day]) -> dict[str, object]:
        """`first` inclusive to `last` exclusive, of all days and of each."""
        return {
            "symbols": list(self.symbols),
            "first": days[0].first,
            "last": days[-1].last,
            "firsts": [day.first for day in days],
            "lasts": [day.last for day in days],
        }

    def _not_kept(self, stream: "_Stream", target: str) -> DatabaseError:
        """Says of which day not all rows are there."""
        for (day, sent), (held,) in zip(stream.sent, self._ask("count_days", stream.days, target), strict=True):
            if held != sent:
                return self._other_rows(held, sent, day.name)
        sent = sum(rows for _, rows in stream.sent)
        return self._other_rows("not all", sent, f"{stream.days[0].name} to {stream.days[-1].name}")

    def _other_rows(self, held: object, sent: object, when: str) -> DatabaseError:
        return DatabaseError(f"{self.table} would hold {held} of {sent} rows of {when}: nothing was stored.")


def upsert_bars(connection: psycopg.Connection, rows: Columns) -> Change:
    """Add single bars to `market_data` or revise them; equal ones are not touched.

    Raises:
        ContractBroken: a value that the table cannot hold exactly.

    """
    values = {name: in_text(rows, name, kind) for name, kind in TABLES[MARKET_DATA].items()}
    # Planning, each time anew and over all chunks, would take longer than the work.
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    row = connection.execute(named_query("add_market_data"), values, prepare=True).fetchone()
    (added,) = row or (0,)
    if added == len(rows):
        return Change(added, 0, 0, len(rows))
    stamps = rows.table["timestamp"]
    bounds = {"first": stamps.min(), "last": stamps.max()}
    row = connection.execute(named_query("upsert_market_data"), values | bounds, prepare=True).fetchone()
    more, revised = row or (0, 0)
    return Change(added + more, revised, 0, len(rows))


class Counts(NamedTuple):
    """What a comparison found of one day."""

    added: int
    revised: int
    removed: int
    explained: int
    """Rows of which only the reason why another feed answered is new."""


class _Stream:
    """Days that are sent together: their rows are counted while they pass, and none passes that is not seen once."""

    def __init__(self, days: Sequence[Day], symbols: Sequence[str]) -> None:
        self.days = days
        self._firsts, self._lasts = (
            pd.DatetimeIndex(stamps).as_unit("us").asi8
            for stamps in ([day.first for day in days], [day.last for day in days])
        )
        self._symbols = {symbol: place for place, symbol in enumerate(symbols)}
        self._rows = np.zeros(len(days), np.int64)

    @property
    def sent(self) -> list[tuple[Day, int]]:
        """The days with how many rows each was sent."""
        return list(zip(self.days, self._rows.tolist(), strict=True))

    def counted(self, rows: Columns) -> Columns:
        """The rows themselves.

        Args:
            rows: of whole days.

        Raises:
            DatabaseError: one of them belongs to none of the days or none of the symbols, or is there twice.

        """
        stamps = rows.stamps("timestamp")
        places = np.searchsorted(self._firsts, stamps, side="right") - 1
        outside = (places < 0) | (stamps >= self._lasts[places])
        if outside.any():
            raise _row_refused(rows, outside, "is outside of the days that are stored")
        of = rows.texts("symbol")
        symbols = np.array([*(self._symbols.get(name, -1) for name in of.names), -1])[of.codes]
        if (symbols < 0).any():
            raise _row_refused(rows, symbols < 0, "is of none of the symbols that are stored")
        keys = (stamps - self._firsts[0]) * len(self._symbols) + symbols
        ordered = np.sort(keys, kind="stable")  # they nearly are
        if (ordered[1:] == ordered[:-1]).any():
            raise _row_refused(rows, pd.Series(keys).duplicated().to_numpy(), "is there twice")
        self._rows += np.bincount(places, minlength=len(self._rows))
        return rows


def _row_refused(rows: Columns, which: npt.NDArray[np.bool_], why: str) -> DatabaseError:
    first = rows.rows(which).table.iloc[0]
    return DatabaseError(f"A row of {first['symbol']} at {first['timestamp']} {why}.")


def kept_rows(bars: Columns) -> Columns:
    """The rows of `schemas.tables.Bars` that are stored."""
    kept = bars.texts("mark").are(KEPT)
    return bars if kept.all() else bars.rows(kept)


def _batches(days: Sequence[Day], table: str) -> Iterator[Columns]:
    """The rows of many days in tables of some thousand: small ones would cost more to handle than to send."""
    for group in _groups(days, ROWS_TAKEN_AT_ONCE):
        rows = together([columns_of(day.rows) for day in group])
        yield kept_rows(rows) if table == MARKET_DATA else rows


def _groups(days: Iterable[Day], rows: int = ROWS_COMPARED_AT_ONCE) -> Iterator[list[Day]]:
    """Neighbouring days that have so many rows together; a day is never cut."""
    group: list[Day] = []
    held = 0
    for day in days:
        held += len(day.rows)
        if group and held > rows:
            yield group
            group, held = [], len(day.rows)
        group.append(day)
    if group:
        yield group
