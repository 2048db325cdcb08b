"""How long the monitor's answers take, at fifty requests a second over a real socket, with a year of two symbols.

Run it with `make bench`, or `python -m bench.monitoring` from the checkout. The monitor is a process of its own that
looks at the desk all the while, as ever. The floor is an empty answer of FastAPI, from another process, asked half a
beat later. A request's time begins when it was due, also where the one before held it up. What reading the state costs
the database is measured too: it happens behind the answers' back.
"""

import http.client
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import psycopg
from fastapi import FastAPI, Response

from bench.ledger import absolute
from bench.measure import Row, Side, heading, say, show, side_by_side
from bench.server import SETTINGS, benchmark_database, benchmark_server
from bench.workload import SYMBOLS, whole_days
from monitoring.app import ROOT, monitoring_app
from monitoring.reading import Reader
from monitoring.sampling import Sampler
from monitoring.serving import MonitoringServer, listening
from resources.clock import utc_now
from resources.database.connections import CONNECTIONS
from resources.database.server import DatabaseServer
from resources.settings import load_settings

YEAR = 252
PATHS = ("", "health", "live", "ready", "metrics", "status")
A_SECOND, REQUESTS = 50, 500
ANSWERED_WITHIN = 0.05
FACTS_WITHIN, COUNTS_WITHIN = 0.1, 2.0
REVISED_EVERY = 50
BARS = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
SELECT day + minute * INTERVAL '1 minute', symbol, 300, 301.25, 299.75, 300.5, 1000 + minute, 'alpha_vantage',
       'as_traded'
FROM unnest(%(opens)s::timestamptz[]) AS day, generate_series(0, 389) AS minute, unnest(%(symbols)s::text[]) AS symbol
"""
REVISED = """
INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, created_at, removed)
SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, created_at, false
FROM market_data WHERE volume %% %(every)s = 0
"""
JUDGED = """
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report)
SELECT day, day::date, 'staging', '1min', said, CASE said WHEN 'FAIL' THEN 'BLOCK' ELSE 'CONTINUE' END,
       jsonb_build_object('symbols', %(symbols)s::text[], 'findings', (
           SELECT jsonb_agg(jsonb_build_object('rule', 'rule' || rule, 'verdict', said, 'message', repeat('x', 500)))
           FROM generate_series(1, 50) AS rule))
FROM unnest(%(opens)s::timestamptz[]) WITH ORDINALITY AS judged (day, place),
     LATERAL (SELECT CASE WHEN place %% 10 = 0 THEN 'FAIL' ELSE 'PASS' END AS said) AS verdict
"""
TOLD = """
INSERT INTO live_bars (event, "timestamp", session, at)
SELECT 'published', "timestamp", "timestamp"::date, "timestamp" + INTERVAL '62 seconds'
FROM market_data WHERE symbol = %(first)s ORDER BY 2
"""
EVENTS = """
INSERT INTO feed_events (feed, event, why)
SELECT 'alpha_vantage', (ARRAY['down', 'probing', 'up', 'failover'])[1 + number %% 4], 'it answered 503'
FROM generate_series(0, 4 * %(days)s) AS number
"""


class Asked(NamedTuple):
    """Seconds of the answers of both sides."""

    ours: list[float]
    floor: list[float]


def main() -> None:
    """Measure and print."""
    with benchmark_server() as url, benchmark_database(url) as server, tempfile.TemporaryDirectory() as home:
        os.environ |= {"INTRADAY_HOME": home, "INTRADAY_ENVIRONMENT": "staging"}
        moment = whole_days(YEAR)[-1].close - timedelta(hours=1)
        fill(server, moment)
        settings = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
        say(f"{YEAR} sessions of {' and '.join(SYMBOLS)} are stored, judged and told; server settings: {settings}")
        heading("Reading the stored state")
        show(reading(server, moment))
        heading(f"Answers at {A_SECOND} requests a second, {REQUESTS} of each")
        show([row for path in PATHS for row in answering(server, moment, path)])
        CONNECTIONS.close()


def fill(server: DatabaseServer, moment: datetime) -> None:
    """Store bars of so many sessions, the last one until then, with all that grows with them."""
    days = whole_days(YEAR)
    asked = {
        "opens": [day.open for day in days], "symbols": list(SYMBOLS), "first": SYMBOLS[0], "every": REVISED_EVERY,
        "days": YEAR,
    }  # fmt: skip
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("INSERT INTO stored_bar_size (bar_size) VALUES ('1min')")
        for statement in (BARS, REVISED, JUDGED, TOLD, EVENTS):
            connection.execute(statement, asked)
        connection.execute('DELETE FROM market_data WHERE "timestamp" >= %s', [moment])
        connection.execute("VACUUM (ANALYZE)")


def reading(server: DatabaseServer, moment: datetime) -> list[Row]:
    """What the database is asked every few seconds, and every minute, beside one count of the bars."""
    reader = Reader(load_settings(), lambda: server, lambda: moment)

    def count() -> None:
        with server.connect() as connection:
            connection.execute("SELECT count(*) FROM market_data").fetchone()

    floor = (Side("SELECT count(*) FROM market_data", count), None)
    facts = side_by_side("the facts", Side("", reader.facts, reader.facts), [floor], 9)
    counts = side_by_side("the counts", Side("", reader.counts, reader.counts), [floor], 9)
    limits = [absolute("the facts", facts[0].ours, FACTS_WITHIN), absolute("the counts", counts[0].ours, COUNTS_WITHIN)]
    return [*facts, *counts, *limits]


def answering(server: DatabaseServer, moment: datetime, path: str) -> list[Row]:
    """The median and the slowest hundredth of a path, beside the floor's and the time that it may take."""
    with (
        process(serve_monitor, server.url, moment - utc_now()) as ours,
        process(serve_nothing) as floor,
        closing(http.client.HTTPConnection("127.0.0.1", ours)) as monitor,
        closing(http.client.HTTPConnection("127.0.0.1", floor)) as nothing,
    ):
        while ask(monitor, f"{ROOT}/ready") != 200:
            time.sleep(0.05)
        taken = in_turn(monitor, f"{ROOT}/{path}", nothing)
    rows = []
    for share in (50, 99):
        ours_taken, floor_taken = (float(np.percentile(side, share)) for side in taken)
        rows.append(Row(f"{ROOT}/{path}, p{share}", ours_taken, "an empty answer", floor_taken, None))
    return [*rows, absolute(f"{ROOT}/{path}, p99", rows[-1].ours, ANSWERED_WITHIN)]


def in_turn(monitor: http.client.HTTPConnection, path: str, nothing: http.client.HTTPConnection) -> Asked:
    """Ask both at the beat, each on one connection."""
    taken = Asked([], [])
    begun = time.perf_counter() + 1 / A_SECOND
    for number in range(REQUESTS):
        for side, connection, asked, late in ((taken.ours, monitor, path, 0), (taken.floor, nothing, "/", 0.5)):
            due = begun + (number + late) / A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            assert ask(connection, asked) in (200, 503)
            side.append(time.perf_counter() - due)
    return taken


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    """The status of an answer that was read to its end."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextmanager
def process(serve: object, *given: object) -> Iterator[int]:
    """A server in a process of its own: its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=serve, args=(there, *given))  # type: ignore[arg-type]
    child.start()
    try:
        yield here.recv()
    finally:
        child.terminate()
        child.join()


def serve_monitor(told: Connection, url: str, ahead: timedelta) -> None:
    """The monitor of a desk, as `intraday monitor` has it, by a clock that is another time's."""

    def now() -> datetime:
        return utc_now() + ahead

    sampler = Sampler(load_settings(), lambda: DatabaseServer(url), "", now=now)
    sampler.start()
    with listening("127.0.0.1", 0) as listener:
        app = monitoring_app(sampler, now)
        MonitoringServer(app, lambda: told.send(listener.getsockname()[1])).run([listener])


def serve_nothing(told: Connection) -> None:
    """An empty answer."""
    app = FastAPI(openapi_url=None)

    @app.get("/")
    async def nothing() -> Response:
        return Response()

    with listening("127.0.0.1", 0) as listener:
        MonitoringServer(app, lambda: told.send(listener.getsockname()[1])).run([listener])


if __name__ == "__main__":
    main()
