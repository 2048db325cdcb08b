"""How long a model waits for its numbers: a year of two symbols as arrays, and the newest minute.

Run it with `make bench`, or `python -m bench.observations` from the checkout. The floor of the window is the server's
own COPY of the same columns of the same rows to /dev/null, in binary: finding them, converting and sorting them, with
nobody to send them to. That of the newest minute is one transaction of a connection that is open, which reads the two
rows by a key that it is told; `latest` has to find the minute, and to ask whether it may be served.
"""

import psycopg

from bench.measure import Row, Side, heading, say, show, side_by_side
from bench.server import SETTINGS, benchmark_database, benchmark_server
from bench.workload import ONE, SYMBOLS, whole_days
from resources import observations
from resources.database.arrow_connections import CONNECTIONS
from resources.database.server import DatabaseServer
from schemas.observations import observation_contract

YEAR = 252
WINDOW_AT_MOST, LATEST_AT_MOST = 2.0, 10.0
AT_ONCE = 200
"""Calls of `latest` to a measurement."""
FRAMES = """
INSERT INTO dual_ticker_bars
SELECT day + minute * INTERVAL '1 minute', symbol, price, price + 1.25, price - 0.75, price + 0.5, 1000 + minute * 37,
       40 + sin(minute), price + 0.123456789, price - 0.123456789, price + sin(minute) / 7,
       sin(minute), cos(minute), sin(minute * 6), cos(minute * 6)
FROM unnest(%(opens)s::timestamptz[]) AS day, generate_series(0, 389) AS minute, unnest(%(symbols)s::text[]) AS symbol,
     LATERAL (SELECT round((300 + 50 * sin(minute / 60.0))::numeric, 4) AS price) AS priced
"""
JUDGED = """
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report)
SELECT day, day::date, 'bench', '1min', 'PASS', 'CONTINUE',
       jsonb_build_object('symbols', %(symbols)s::text[], 'findings', repeat(md5(day::text), 500))
FROM unnest(%(opens)s::timestamptz[]) AS day
"""
TOLD = """
INSERT INTO live_bars (event, "timestamp", session)
SELECT 'published', "timestamp", "timestamp"::date FROM dual_ticker_bars WHERE symbol = %(first)s ORDER BY 2
"""
OF_A_RANGE = "WHERE symbol IN ('NVDA', 'MSFT') AND \"timestamp\" >= '{}' AND \"timestamp\" < '{}'"


def main() -> None:
    """Measure and print."""
    with benchmark_server() as url, benchmark_database(url) as server:
        fill(server)
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
        say(f"{YEAR} sessions of {' and '.join(SYMBOLS)} are stored, judged and told; server settings: {settings}")
        heading(
            f"Observations: a year ({YEAR * 390:,} minutes of both symbols), and the newest minute ({AT_ONCE} times)"
        )
        show([*reading_a_year(server), *reading_the_newest(server)])
        CONNECTIONS.close()


def fill(server: DatabaseServer) -> None:
    """Store frames of so many sessions with what the gate said of them, and that live told of each minute."""
    asked = {"opens": [day.open for day in whole_days(YEAR)], "symbols": list(SYMBOLS), "first": SYMBOLS[0]}
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("INSERT INTO stored_bar_size (bar_size) VALUES ('1min')")
        for statement in (FRAMES, JUDGED, TOLD):
            connection.execute(statement, asked)
        connection.execute("VACUUM (ANALYZE)")


def reading_a_year(server: DatabaseServer) -> list[Row]:
    """The window beside the server's own work."""
    days = whole_days(YEAR)
    numbers = ", ".join(f"{name}::float4" for name in observation_contract().features)
    rows = OF_A_RANGE.format(days[0].midnights[0].isoformat(), days[-1].midnights[1].isoformat())
    query = f'SELECT "timestamp", {numbers} FROM dual_ticker_bars {rows} ORDER BY "timestamp", symbol'  # noqa: S608
    with psycopg.connect(server.url, autocommit=True) as connection:

        def own() -> None:
            connection.execute(f"COPY ({query}) TO '/dev/null' (FORMAT binary)")

        def ours() -> None:
            found = observations.window(days[0].day, days[-1].day, SYMBOLS, database=server)
            assert found.values.shape == (YEAR * 390, 26)

        floor = (Side("the server's COPY to /dev/null", own), WINDOW_AT_MOST)
        return side_by_side("observations.window, a year", Side("", ours, ours), [floor], 7)


def reading_the_newest(server: DatabaseServer) -> list[Row]:
    """The newest minute beside one transaction that reads it by its key."""
    last = whole_days(YEAR)[-1].close
    numbers = ", ".join(observation_contract().features)
    query = f'SELECT {numbers} FROM dual_ticker_bars WHERE symbol = ANY(%s) AND "timestamp" = %s'  # noqa: S608
    stamp = (last - ONE.delta).to_pydatetime()
    with psycopg.connect(server.url) as connection:

        def own() -> None:
            for _ in range(AT_ONCE):
                found = connection.execute(query, [list(SYMBOLS), stamp]).fetchall()
                connection.commit()
                assert len(found) == len(SYMBOLS)

        def ours() -> None:
            for _ in range(AT_ONCE):
                observations.latest(SYMBOLS, account="SIMULATED", database=server)

        floor = (Side("one transaction by the key", own), LATEST_AT_MOST)
        return side_by_side("observations.latest", Side("", ours), [floor], 7)


if __name__ == "__main__":
    main()
