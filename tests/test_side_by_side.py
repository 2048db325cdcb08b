"""Processes that store the same sessions at the same time: nobody waits in a ring, nobody reads a mixture, and in the
end every session is one of those that were sent, whole, in both tables.
"""

import threading
from datetime import date
from decimal import Decimal

import psycopg
import pytest

from resources.database.server import DatabaseServer
from resources.database.session_store import LOCK_CLASS, lock_days
from resources.errors import DatabaseBusy
from tests.support.recorded import SYMBOLS, session_rows, vendor_files

DAYS = ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"]
RECORDED = ("2020-11-16", "2020-11-17", "2020-11-18", "2020-11-19", "2020-11-20", "2020-11-23")
READ = """
SELECT (SELECT array_agg(DISTINCT close) FROM market_data), (SELECT count(*) FROM market_data),
       (SELECT array_agg(DISTINCT close) FROM dual_ticker_bars), (SELECT array_agg(DISTINCT rsi) FROM dual_ticker_bars),
       (SELECT count(*) FROM dual_ticker_bars)
"""
"""One statement, so one moment."""
BY_DAY = """
SELECT day, count(*), array_agg(DISTINCT close), count(DISTINCT (timestamp, symbol)) FROM (
    SELECT (timestamp AT TIME ZONE 'America/New_York')::date::text AS day, close, timestamp, symbol FROM market_data
    UNION ALL SELECT (timestamp AT TIME ZONE 'America/New_York')::date::text, close, timestamp, symbol
    FROM dual_ticker_bars) both_tables
GROUP BY 1 ORDER BY 1
"""
BARS_BY_DAY = """
SELECT symbol, (timestamp AT TIME ZONE 'America/New_York')::date::text, count(*), sum(volume)
FROM market_data GROUP BY 1, 2
"""
FRAMES_BY_DAY = """
SELECT (timestamp AT TIME ZONE 'America/New_York')::date::text, count(*) FROM dual_ticker_bars GROUP BY 1 ORDER BY 1
"""
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()
"""
ALL_STORED = "6 sessions: 6 stored, 0 refused"
BROKEN_TRACES = """
SELECT count(*) FROM (
    SELECT close = lag(close) OVER bar AS twice, revised_at <= lag(revised_at) OVER bar AS late FROM bar_revisions
    WINDOW bar AS (PARTITION BY timestamp, symbol ORDER BY revised_at)) trace
WHERE twice OR late
"""
"""Old values that were left twice: of two that take turns, each leaves the other's."""


@pytest.fixture
def url(migrated_url) -> str:
    return migrated_url


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def whole(price: int) -> tuple[object, ...]:
    return ([Decimal(price)], 780, [Decimal(price)], [float(price)], 780)


def test_the_same_session_from_two_processes_while_others_read(url, nursery, clean_environment):
    first = nursery.start("replace_sessions", url=url, desk="a", ranges=[DAYS[:1]], price=10.0, patient=False)
    assert (first.wait(), first.said) == (0, "")
    ended, seen = threading.Event(), []

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.is_set():
                seen.append(connection.execute(READ).fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    about = {"url": url, "ranges": [DAYS[:1]], "rounds": 12, "patient": False}
    both = [
        nursery.start("replace_sessions", desk=desk, price=price, **about) for desk, price in (("a", 10), ("b", 20))
    ]
    ends = [(one.wait(), one.said) for one in both]
    ended.set()
    reader.join()
    assert ends == [(0, "")] * 2
    assert [one for one in seen if one not in (whole(10), whole(20))] == []
    assert all(one in seen for one in (whole(10), whole(20)))
    assert rows(url, READ) in ([whole(10)], [whole(20)])
    assert rows(url, BROKEN_TRACES) == [(0,)]


def test_ranges_that_overlap_in_opposite_order(url, nursery, clean_environment):
    ranges = [DAYS[:4], DAYS[2:]]
    backwards = [days[::-1] for days in ranges[::-1]]
    both = [
        nursery.start("replace_sessions", url=url, desk=desk, ranges=order, price=price, rounds=4, patient=False)
        for desk, price, order in (("a", 10.0, ranges), ("b", 20.0, backwards))
    ]
    assert [(one.wait(), one.said) for one in both] == [(0, "")] * 2
    found = rows(url, BY_DAY)
    assert [(day, count, pairs) for day, count, _, pairs in found] == [(day, 1560, 780) for day in DAYS]
    assert all(prices in ([10], [20]) for _, _, prices, _ in found)
    assert rows(url, BROKEN_TRACES) == [(0,)]


def test_no_two_wait_for_each_others_days(url):
    """Both wait for a day in the middle of theirs, which they have named in opposite orders, and then for no other."""
    days = [date.fromisoformat(day) for day in DAYS]
    ends: list[object] = []

    def lock(order: list[date]) -> None:
        try:
            with DatabaseServer(url).connect() as connection:
                lock_days(connection, order)
            ends.append(None)
        except DatabaseBusy as error:
            ends.append(error)

    with psycopg.connect(url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, days[2].toordinal()])
        both = [threading.Thread(target=lock, args=[order]) for order in (days, days[::-1])]
        for thread in both:
            thread.start()
        wait_for_waiting(url, len(both))
    for thread in both:
        thread.join()
    assert ends == [None, None]


def wait_for_waiting(url: str, count: int) -> None:
    """Return when so many wait for advisory locks."""
    pulse = threading.Event()
    for _ in range(600):
        if rows(url, WAITING) == [(count,)]:
            return
        pulse.wait(0.05)
    raise AssertionError("they do not wait")


def hold_recorded(url: str) -> None:
    """What is stored is what the recording says, once."""
    bars = {(symbol, day): list(session_rows(symbol)[day].values()) for symbol in SYMBOLS for day in RECORDED}
    stored = {(symbol, day): (count, volume) for symbol, day, count, volume in rows(url, BARS_BY_DAY)}
    assert stored == {key: (len(found), sum(int(bar["volume"]) for bar in found)) for key, found in bars.items()}
    assert rows(url, FRAMES_BY_DAY) == [(day, 780) for day in RECORDED]
    assert rows(url, "SELECT count(*) FROM bar_revisions") == [(0,)]
    summarised = rows(url, "SELECT session::text, symbol, bars_stored FROM eod_summaries")
    assert {(symbol, day): count for day, symbol, count in summarised} == {key: len(bars[key]) for key in bars}


def test_two_loads_of_the_same_files(timescale_url, nursery, clean_environment, tmp_path):
    files = vendor_files(tmp_path / "files", RECORDED)
    environment = {"INTRADAY_HOME": str(tmp_path / "home"), "TIMESCALEDB_URL": timescale_url}
    both = [nursery.start("load_files", environment, paths=files, at_once=2) for _ in range(2)]
    ends = [(one.wait(), ALL_STORED in one.said, "retry" in one.said) for one in both]
    assert ends == [(0, True, False)] * 2
    hold_recorded(timescale_url)
    assert list((tmp_path / "home").rglob("*.part")) == []


def test_loads_beside_a_run_of_the_same_sessions(desk, nursery):
    desk.configure(INTRADAY_FEEDS__PRIMARY="files")
    vendor_files(desk.home / "landing" / "raw", RECORDED)
    ended, ends = threading.Event(), []

    def load_again_and_again() -> None:
        while not ended.is_set():
            load = nursery.start("load_files", paths=[], at_once=3)
            ends.append((load.wait(), ALL_STORED in load.said, "retry" in load.said))

    loads = threading.Thread(target=load_again_and_again)
    loads.start()
    run = desk.run(RECORDED[0], RECORDED[-1])
    ended.set()
    loads.join()
    assert run.success
    assert set(ends) == {(0, True, False)}
    hold_recorded(desk.url)
