"""How long it takes to read bars back: a year of two symbols and a million bars, beside the server's own work.

Run it with `make bench`, or `python -m bench.reading` from the checkout. The server's own work is the same query as
`COPY (…) TO '/dev/null'` in binary: finding the rows, converting and sorting them, with nobody to send them to. What
`market_bars` takes beside that is the wire, the client and the questions that it asks before. The connections of both
sides are open, as they are from the second call on; what the first call of a process adds is a row of its own.
"""

import csv
import io
from collections.abc import Callable, Iterator

import pandas as pd
import psycopg
import sqlalchemy
from psycopg import sql

from bench.measure import Row, Side, heading, say, show, side_by_side
from bench.server import SETTINGS, benchmark_database, benchmark_server
from bench.workload import SYMBOLS, vendor_history, whole_days
from cli.instance_home import sqlalchemy_url
from resources.database.arrow_connections import CONNECTIONS
from resources.database.server import DatabaseServer
from resources.market_bars import market_bars

YEAR, MILLION = 252, 1_283
"""Sessions; of 390 minutes and two symbols."""
AT_MOST = 1.4
COPY_IN = (
    'COPY market_data ("timestamp", symbol, open, high, low, close, volume, source, basis) FROM STDIN (FORMAT csv)'
)
QUERY = (
    'SELECT "timestamp", symbol, open::float8, high::float8, low::float8, close::float8, volume, source, basis '
    'FROM market_data WHERE symbol = ANY({}) AND "timestamp" >= {} AND "timestamp" < {} ORDER BY "timestamp", symbol'
)


def main() -> None:
    """Measure and print."""
    with benchmark_server() as url, benchmark_database(url) as server:
        rows = fill(server, MILLION)
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
        say(f"{rows:,} one-minute bars of {' and '.join(SYMBOLS)} are stored; server settings: {settings}")
        heading(f"Reading a year ({YEAR * 780:,} rows) back")
        show(reading(server, YEAR, peers=True))
        heading(f"Reading {rows:,} rows back")
        show(reading(server, MILLION, peers=False))
        heading("One session")
        show(one_session(server))
        CONNECTIONS.close()


def fill(server: DatabaseServer, sessions: int) -> int:
    """Store the regular minutes of so many sessions; how many rows."""
    text = io.StringIO()
    lines = csv.writer(text)
    for symbol in SYMBOLS:
        lines.writerows(stored_rows(symbol, sessions))
    with psycopg.connect(server.url) as connection:
        connection.execute("INSERT INTO stored_bar_size (bar_size) VALUES ('1min')")
        with connection.cursor().copy(COPY_IN) as copy:
            copy.write(text.getvalue())
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) market_data")
        (count,) = connection.execute("SELECT count(*) FROM market_data").fetchone() or (0,)
    return int(count)


def stored_rows(symbol: str, sessions: int) -> Iterator[tuple[object, ...]]:
    """A symbol's bars of the regular session as the table has them: UTC, start of bar."""
    bars = vendor_history(sessions, symbol)
    start = pd.to_datetime(bars["timestamp"]) - pd.Timedelta(minutes=1)
    minute = start.dt.hour * 60 + start.dt.minute
    regular = (minute >= 570) & (minute < 960)
    stamps = start[regular].dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    values = [bars.loc[regular, name] for name in ("open", "high", "low", "close", "volume")]
    for stamp, *prices in zip(stamps, *values, strict=True):
        yield (stamp.isoformat(), symbol, *prices, "alpha_vantage", "as_traded")


def reading(server: DatabaseServer, sessions: int, *, peers: bool) -> list[Row]:
    """Both forms of `market_bars` beside the server's own work, and one beside other clients."""
    days = whole_days(sessions)
    first, last = days[0].midnights[0], days[-1].midnights[1]
    bounds = (list(SYMBOLS), first.to_pydatetime(), last.to_pydatetime())
    query = sql.SQL(QUERY).format(*map(sql.Literal, bounds)).as_string()
    engine = sqlalchemy.create_engine(sqlalchemy_url(server.url))
    with psycopg.connect(server.url, autocommit=True) as connection, engine.connect() as pandas_connection:
        connection.execute("SET TIME ZONE 'UTC'")

        def own() -> None:
            connection.execute(f"COPY ({query}) TO '/dev/null' (FORMAT binary)")  # type: ignore[arg-type]

        def rows() -> None:
            connection.cursor(binary=True).execute(query).fetchall()  # type: ignore[arg-type]

        def read_sql() -> None:
            pd.read_sql(query, pandas_connection)

        def ours(into: str) -> Callable[[], object]:
            return lambda: market_bars(SYMBOLS, days[0].day, days[-1].day, into=into, database=server)  # type: ignore[call-overload]

        floor = (Side("the server's COPY to /dev/null", own), AT_MOST)
        others = [(Side("psycopg, binary rows", rows), None), (Side("pandas.read_sql", read_sql), None)]
        return [
            *side_by_side("market_bars into Arrow", Side("", ours("arrow")), [floor], 7),
            *side_by_side("market_bars into pandas", Side("", ours("pandas")), [floor, *(others if peers else [])]),
        ]


def one_session(server: DatabaseServer) -> list[Row]:
    """What a kept connection is worth: a session's bars with one, and with a new one each time."""
    day = whole_days(1)[0].day

    def ours() -> object:
        return market_bars(SYMBOLS, day, day, into="arrow", database=server)

    new = Side("with a new connection", ours, CONNECTIONS.close)
    return side_by_side("a session's bars into Arrow, connection kept", Side("", ours, ours), [(new, None)], 15)


if __name__ == "__main__":
    main()
