"""Bars as a stream: what it costs in memory, what happens when it breaks, and the connections that are kept."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pyarrow.dataset as ds
import pytest

from resources.database.arrow_connections import CONNECTIONS
from resources.database.server import DatabaseServer
from resources.errors import DatabaseBusy, DatabaseError, DatabaseUnreachable
from resources.market_bars import market_bars
from tests.support.cutting import cutting_proxy
from tests.support.stored import THROUGH_THE_VIEW, bar, put_bars

CHECKOUT = Path(__file__).parents[1]
DAY = ("NVDA", "2024-01-03", "2024-01-03")
ALL = ("NVDA", "2000-01-01", "2099-12-31", "1d")

MANY = """
CREATE OR REPLACE VIEW market_data_1d AS
SELECT TIMESTAMPTZ '2001-01-01 00:00Z' + n * INTERVAL '1 minute' AS "timestamp", 'NVDA'::text AS symbol,
       10::numeric AS open, 10::numeric AS high, 10::numeric AS low, {close} AS close,
       n::bigint AS volume, 1::bigint AS bars
FROM generate_series({rows}, 1, -1) AS n
"""
"""A view that has as many rows as wanted without their being stored."""

MEMORY = """
import sys
from pathlib import Path
from resources.market_bars import market_bars
reader = market_bars("NVDA", "2000-01-01", "2099-12-31", "1d", into="batches", database=sys.argv[1])
rows = total = 0
for batch in reader:
    rows, total = rows + batch.num_rows, total + batch.nbytes
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(rows, total, int(peak) * 1024)
"""


@pytest.fixture
def url(migrated_url) -> Iterator[str]:
    """A database of either kind with the schema and a bar in it."""
    yield from filled(migrated_url)


@pytest.fixture
def timescale(migrated_timescale_url) -> Iterator[str]:
    """One with a port to connect to."""
    yield from filled(migrated_timescale_url)


def filled(url: str) -> Iterator[str]:
    put_bars(url, [bar("2024-01-03 14:30Z")])
    yield url
    CONNECTIONS.close()


def many(url: str, rows: int, close: str = "10::numeric") -> None:
    with psycopg.connect(url) as connection:
        connection.execute(MANY.format(rows=rows, close=close))  # type: ignore[arg-type]
        connection.execute(THROUGH_THE_VIEW)


def backends(url: str) -> set[int]:
    """Who is connected to the database and reads by COPY, or did last."""
    with psycopg.connect(url) as admin:
        rows = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND (query LIKE 'COPY%' OR query = 'SELECT 1')"
        ).fetchall()
    return {pid for (pid,) in rows}


def end(url: str, pids: set[int]) -> None:
    with psycopg.connect(url) as admin:
        for pid in pids:
            assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def test_memory_does_not_depend_on_how_many_bars_there_are(timescale):
    used = {}
    for rows in (700_000, 1_600_000):
        many(timescale, rows)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, timescale], cwd=CHECKOUT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        found, size, peak = map(int, done.stdout.split())
        assert found == rows
        used[rows] = (size, peak)
    more_data, more_memory = (used[1_600_000][at] - used[700_000][at] for at in (0, 1))
    assert more_data > 40e6
    assert more_memory < more_data / 3


def test_a_connection_is_kept_for_the_next_call(url):
    market_bars(*DAY, database=url)
    (first,) = backends(url)
    for _ in range(3):
        assert len(market_bars(*DAY, database=url)) == 1
    assert backends(url) == {first}


def test_a_kept_connection_whose_server_ended_it_is_replaced(url):
    market_bars(*DAY, database=url)
    end(url, backends(url))
    assert len(market_bars(*DAY, database=url)) == 1


def test_several_threads_read_at_once(url):
    many(url, 10_000)
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: market_bars(*ALL, into="arrow", database=url), range(12)))
    assert all(table.equals(tables[0]) and len(table) == 10_000 for table in tables)
    assert tables[0].column("volume").to_pylist() == list(range(1, 10_001))  # by time, as the view is not
    assert len(backends(url)) <= 4


def test_a_forked_child_reads_for_itself(url):
    market_bars(*DAY, database=url)
    before = backends(url)
    child = os.fork()
    if child == 0:
        rows = 0
        try:
            rows = len(market_bars(*DAY, database=url))
            CONNECTIONS.close()
        finally:
            os._exit(rows)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert len(market_bars(*DAY, database=url)) == 1
    assert backends(url) == before


def test_a_reader_that_is_dropped_ends_its_query(url):
    many(url, 600_000)
    reader = market_bars(*ALL, into="batches", database=url)
    assert reader.read_next_batch().num_rows > 1000
    (pid,) = backends(url)
    del reader
    gc.collect()
    with psycopg.connect(url) as admin:  # false when it is gone already
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert backends(url) == set()
    assert len(market_bars(*DAY, database=url)) == 1


def test_what_is_wrong_is_said_before_the_first_batch(url):
    with pytest.raises(DatabaseError, match="holds no bar of NVDX"):
        market_bars("NVDX", "2024-01-03", "2024-01-03", into="batches", database=url)


def test_a_server_that_goes_in_mid_stream_is_an_error_and_no_shorter_answer(url):
    many(url, 600_000)
    reader = market_bars(*ALL, into="batches", database=url)
    reader.read_next_batch()
    end(url, backends(url))
    with pytest.raises(DatabaseUnreachable, match="broke off: ") as broken:
        reader.read_all()
    assert broken.value.retry_helps
    assert len(market_bars(*DAY, database=url)) == 1


@pytest.mark.parametrize("after", [1, 5_000, 200_000, 20_000_000])
def test_a_wire_that_is_cut_is_an_error_and_no_shorter_answer(timescale, after):
    many(timescale, 400_000)
    with cutting_proxy(timescale, after) as cut:
        with pytest.raises(DatabaseUnreachable) as broken:
            market_bars(*ALL, database=cut)
        assert "@" not in str(broken.value)
    with cutting_proxy(timescale, 10**9) as whole:
        assert len(market_bars(*ALL, database=whole)) == 400_000


def test_a_time_limit_in_mid_stream_is_worth_a_retry(timescale):
    many(timescale, 600_000)
    separator = "&" if "?" in timescale else "?"
    limited = f"{timescale}{separator}options={quote('-c statement_timeout=100')}"
    with pytest.raises(DatabaseBusy, match="canceling statement due to statement timeout"):
        market_bars(*ALL, database=limited)


def test_a_query_that_fails_while_it_runs_keeps_its_reason(url):
    many(url, 300_000, close="1 / (250000 - n)::numeric")
    reader = market_bars(*ALL, into="batches", database=url)
    with pytest.raises(DatabaseError, match=r"refused: division by zero\.$") as failed:
        reader.read_all()
    assert type(failed.value) is DatabaseError
    assert len(market_bars(*DAY, database=url)) == 1


@pytest.mark.parametrize("password", ["SECRET/0@:%#?&", "SE'CRET0\\ x", "SECRET=0 {}é"])
def test_a_password_is_used_and_never_shown(timescale, password):
    parts = urlsplit(timescale)
    secret = quote(password, safe="")
    known = parts._replace(netloc=f"{parts.username}:{secret}@{parts.hostname}:{parts.port}").geturl()
    assert len(market_bars(*DAY, database=known)) == 1
    CONNECTIONS.close()
    refused = {
        known.replace("postgres:", "nobody:", 1).replace("nobodyql:", "postgresql:"): DatabaseError,
        known.replace(parts.path, "/nowhere"): DatabaseError,
        known.replace(f":{parts.port}", ":1"): DatabaseUnreachable,
    }
    for address, kind in refused.items():
        with pytest.raises(kind) as told:
            list(market_bars(*DAY, into="batches", database=address))
        shown = f"{told.value} {told.value.__cause__} {DatabaseServer(address)!r}"
        assert password not in shown
        assert secret not in shown
        assert "SE" + "CRET" not in shown


def test_the_stream_is_one_that_other_libraries_read(url, tmp_path):
    many(url, 200_000)
    reader = market_bars(*ALL, into="batches", database=url)
    ds.write_dataset(reader, tmp_path, format="parquet")
    assert ds.dataset(tmp_path).count_rows() == 200_000
