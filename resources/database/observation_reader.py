"""Reads the frame rows that a model may see, as arrays, and what is held. It needs `SELECT` and nothing else.

Which rows may be served is decided here: of a session that the gate let pass, all; of one that it only blocked,
none; of one that it has not judged, because it goes on, those that live stored and did not withhold. What consumers
call is `resources.observations`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql

from market.sessions import BarSize, Session, session_at, sessions_between
from market.time_range import TimeRange
from resources.database.arrow_connections import arrow_batches
from resources.database.bar_reader import no_schema
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.schema.migrations import ahead_of_code, newest_migration
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, NothingToObserve, UnknownSymbol
from schemas.observations import Pair

FOREVER = datetime.max.replace(tzinfo=UTC)


class Served(NamedTuple):
    """Which rows of a session may be served."""

    passed: bool | None
    """Whether the gate ever let it pass, which is then what is stored; None: it has not judged it."""
    withheld: frozenset[datetime]
    """The bars that were withheld while it went on."""

    def keeps_back(self, stamp: datetime) -> bool:
        """Whether the bar may not be served."""
        return not self.passed and (self.passed is False or stamp in self.withheld)


@dataclass(frozen=True)
class NewestNumbers:
    """What is there at the newest minute that may be served."""

    timestamp: datetime
    session: Session
    final: bool
    length: timedelta
    """Of the bar."""
    frames: list[list[float | None]]
    """A list for each symbol."""
    positions: list[float | None]


@repeatable
def newest_numbers(server: DatabaseServer, pair: Pair, columns: Sequence[str], account: str) -> NewestNumbers:
    """The newest minute of both symbols that may be served, and what the account holds; all of one moment.

    Raises:
        UnknownSymbol: of one of them no frame row is stored.
        NothingToObserve: no such minute is stored.
        MigrationError: the database has no schema of ours, or another one.
        DatabaseError: the server does not answer, or refused.

    """
    with _reading(server) as connection:
        before = FOREVER
        while True:
            asked = {"first": pair[0], "second": pair[1], "before": before}
            found = connection.execute(named_query("newest_frame"), asked).fetchone()
            if found is None:
                _refuse_unknown(server, connection, pair)
                raise NothingToObserve(
                    f"{server.shown} holds no minute of both {pair[0]} and {pair[1]} that may be served."
                )
            stamp, bar_size = found
            day = session_at(pd.Timestamp(stamp))
            (served,) = served_sessions(connection, [day], pair)
            if not served.keeps_back(stamp):
                break
            before = day.open.to_pydatetime() if served.passed is False else stamp
        about = {"pair": list(pair), "timestamp": stamp, "account": account}
        query = sql.SQL(named_query("observed_numbers")).format(numbers=_numbers(columns))
        rows = connection.execute(query, about).fetchall()
    length = BarSize(bar_size).delta.to_pytimedelta()
    frames, positions = [list(row[:-1]) for row in rows], [row[-1] for row in rows]
    return NewestNumbers(stamp, day, bool(served.passed), length, frames, positions)


def frame_arrays(
    server: DatabaseServer, pair: Pair, columns: Sequence[str], range: TimeRange
) -> tuple[np.ndarray, np.ndarray]:
    """Every minute of a range of which both symbols have a frame row that may be served.

    Returns:
        The starts of the bars, shape (T,), datetime64[us], UTC, ascending; and the columns of the first symbol, then
        those of the second, shape (T, 2 * columns), float32, C-contiguous, NaN where one is null.

    Raises:
        UnknownSymbol: of one of them no frame row is stored.
        MigrationError: the database has no schema of ours, or another one.
        DatabaseError: the server does not answer, or refused.

    """
    stamps, rows = _paired(_table(server, pair, columns, range), len(columns))
    # After the rows, and so never stricter than they are: a session that becomes final in between was stored whole.
    with _reading(server) as connection:
        if not len(stamps):
            _refuse_unknown(server, connection, pair)
            return stamps, rows
        first, last = (session_at(pd.Timestamp(stamp, tz="UTC")) for stamp in stamps[[0, -1]])
        days = sessions_between(first.day, last.day)
        served = served_sessions(connection, days, pair)
    kept = np.ones(len(stamps), dtype=bool)
    for day, one in zip(days, served, strict=True):
        if one.passed is False:
            kept &= (stamps < _naive(day.open)) | (stamps >= _naive(day.close))
        elif not one.passed and one.withheld:
            kept &= ~np.isin(stamps, [_naive(stamp) for stamp in one.withheld])
    return stamps[kept], rows[kept]


def served_sessions(connection: psycopg.Connection, days: Sequence[Session], pair: Pair) -> list[Served]:
    """What may be served of each of some sessions, which ascend."""
    asked = {
        "opens": [day.open for day in days],
        "closes": [day.close for day in days],
        "first": days[0].open,
        "last": days[-1].open,
        "pair": list(pair),
    }
    rows = connection.execute(named_query("served_sessions"), asked).fetchall()
    return [Served(passed, frozenset(withheld)) for passed, withheld in rows]


@contextmanager
def _reading(server: DatabaseServer) -> Iterator[psycopg.Connection]:
    """A transaction that sees one moment of a database whose schema this code knows."""
    with server.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            newest = connection.execute("SELECT max(number) FROM schema_migrations").fetchone()
            if newest and newest[0] is not None and newest[0] > newest_migration():
                raise ahead_of_code(newest[0], newest_migration())
            yield connection
        except psycopg.errors.UndefinedTable:
            raise no_schema(server) from None


def _refuse_unknown(server: DatabaseServer, connection: psycopg.Connection, pair: Pair) -> None:
    unknown = connection.execute(named_query("symbols_without_frames"), {"pair": list(pair)}).fetchall()
    if unknown:
        raise UnknownSymbol(f"{server.shown} holds no frame of {', '.join(symbol for (symbol,) in unknown)}.")


def _table(server: DatabaseServer, pair: Pair, columns: Sequence[str], range: TimeRange) -> pa.Table:
    query = sql.SQL(named_query("frame_numbers")).format(
        numbers=_numbers(columns),
        symbols=sql.Literal(list(pair)),
        second=sql.Literal(pair[1]),
        first=sql.Literal(range.first),
        end=sql.Literal(range.end),
    )
    fields = [("timestamp", pa.timestamp("us", "UTC")), ("second", pa.bool_())]
    schema = pa.schema([*fields, *((name, pa.float32()) for name in columns)])
    try:
        return pa.Table.from_batches(
            [
                pa.RecordBatch.from_arrays(one.columns, schema=schema)
                for one in arrow_batches(server, query.as_string())
            ],
            schema,
        )
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) == "42P01":  # undefined table
            raise no_schema(server) from None
        raise


def _paired(table: pa.Table, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the same time beside each other, the first symbol's first; one that stands alone is left out."""
    stamps, second, *numbers = (column.to_numpy() for column in table.columns)
    rows = np.empty((len(stamps), columns), dtype="float32")
    for place, column in enumerate(numbers):
        rows[:, place] = column
    both = np.flatnonzero(stamps[1:] == stamps[:-1])
    swapped = second[both].astype("int64")
    return stamps[both], rows[np.stack([both + swapped, both + 1 - swapped], axis=1)].reshape(-1, 2 * columns)


def _numbers(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("{}::float4 AS {}").format(sql.Identifier(name), sql.Identifier(name)) for name in columns
    )


def _naive(stamp: datetime) -> np.datetime64:
    return np.datetime64(stamp.astimezone(UTC).replace(tzinfo=None), "us")
