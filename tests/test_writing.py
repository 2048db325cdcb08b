"""Sessions and single minutes on their way into the tables, on the embedded PostgreSQL and on TimescaleDB."""

import threading
from decimal import Decimal

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg import sql

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, Session, session
from resources.database.report_store import ReportStore
from resources.database.retries import ATTEMPTS
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore, StoredSession
from resources.database.table_writer import Change, Day, TableWriter
from resources.errors import Blocked, DatabaseBusy, DatabaseError, DatabaseUnreachable, OtherBarSize
from schemas.errors import ContractBroken
from schemas.quality import Finding, Verdict
from schemas.tables import FEATURES
from tests.support.tables import UNMARKED

ONE = BarSize.ONE_MINUTE
DAYS = [session(f"2024-01-{day:02}") for day in (3, 4, 5, 8)]
DAY = DAYS[0]
ODD = "N'V\"D;A\\ --\u00e9\u96ea%s{}$1"
"""A symbol that no statement may be made of."""


@pytest.fixture
def server(migrated_url) -> DatabaseServer:
    """An empty database of either kind with the schema in it; its server lives in Tokyo."""
    found = DatabaseServer(migrated_url)
    with psycopg.connect(found.url, autocommit=True) as admin:
        (name,) = admin.execute("SELECT current_database()").fetchone()
        admin.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(sql.Identifier(name)))
    return found


def store_of(server: DatabaseServer, symbols: tuple[str, ...] = ("NVDA",)) -> tuple[SessionStore, list[float]]:
    """A store, and the waits between its attempts, which nobody sits out."""
    waits: list[float] = []
    return SessionStore(server, "test", ONE, symbols, sleep=waits.append), waits


def bars_of(day: Session, closes: dict[int, float], symbol: str = "NVDA", volume: float = 100.0) -> pd.DataFrame:
    at = day.minutes(ONE)[list(closes)]
    table = pd.DataFrame({"timestamp": at, "symbol": symbol, "open": 10.0, "high": 11.0, "low": 9.0})
    return table.assign(close=list(closes.values()), volume=volume, **UNMARKED | {"source": "file"})


def frame_of(bars: pd.DataFrame, rsi: float) -> pd.DataFrame:
    return bars[["timestamp", "symbol"]].assign(**dict.fromkeys(FEATURES, 0.5)).assign(
        close=1.0, volume=1.0, rsi=rsi, missing=False
    )  # fmt: skip


def judged(
    server: DatabaseServer, day: Session, bars: pd.DataFrame, frame: pd.DataFrame | None = None, desk: str = "test"
) -> StoredSession:
    """A session that the gate passed, its report kept as a run keeps it."""
    symbols = tuple(dict.fromkeys(bars["symbol"])) or ("NVDA",)
    report = Gate(desk, []).judge(Evidence(day, ONE, symbols, bars, frame))
    ReportStore(server).keep_reports([report])
    return StoredSession(day, report, bars, frame)


def rows(server: DatabaseServer, query: str) -> list[tuple[object, ...]]:
    with server.connect() as connection:
        return connection.execute(query).fetchall()


CLOSES = """SELECT to_char("timestamp", 'DD HH24:MI'), close FROM market_data ORDER BY 1, symbol"""


def test_many_sessions_each_with_what_changed_in_it(server):
    """New, equal, revised and shorter ones in one transaction; a day between them that is not given is left alone."""
    store, _ = store_of(server)
    first = [judged(server, day, bars_of(day, {0: 1.0, 1: 2.0})) for day in (DAYS[0], DAYS[1], DAYS[2])]
    assert [one["market_data"] for one in store.replace_all(first)] == [Change(2, 0, 0, 2)] * 3
    again = [
        judged(server, DAYS[3], bars_of(DAYS[3], {5: 4.0})),
        judged(server, DAYS[2], bars_of(DAYS[2], {1: 2.5, 2: 3.0})),
        first[0],
    ]
    changes = [one["market_data"] for one in store.replace_all(again)]
    assert changes == [Change(1, 0, 0, 1), Change(1, 1, 1, 2), Change(0, 0, 0, 2)]
    assert rows(server, CLOSES) == [
        ("03 14:30", 1), ("03 14:31", 2), ("04 14:30", 1), ("04 14:31", 2),
        ("05 14:31", Decimal("2.5")), ("05 14:32", 3), ("08 14:35", 4),
    ]  # fmt: skip
    old = """SELECT to_char("timestamp", 'DD HH24:MI'), close, removed, revised_at > created_at
             FROM bar_revisions ORDER BY 1"""
    assert rows(server, old) == [("05 14:30", 1, True, True), ("05 14:31", 2, False, True)]


def test_both_tables_of_many_sessions(server):
    store, _ = store_of(server)

    def sessions(*values: float) -> list[StoredSession]:
        bars = [bars_of(day, {0: 1.0, 1: 2.0}) for day in DAYS]
        return [judged(server, day, one, frame_of(one, rsi)) for day, one, rsi in zip(DAYS, bars, values, strict=True)]

    store.replace_all(sessions(30.0, 30.0, 30.0, 30.0))
    changes = store.replace_all(sessions(30.0, 30.0, 0.1 + 0.2, 0.1 + 0.2))
    assert [one["market_data"].unchanged for one in changes] == [2] * 4
    assert [one["dual_ticker_bars"].revised for one in changes] == [0, 0, 2, 2]
    assert rows(server, "SELECT DISTINCT rsi FROM dual_ticker_bars ORDER BY 1") == [(0.30000000000000004,), (30.0,)]


def test_equal_rows_are_not_rewritten(server):
    """Nor locked: PostgreSQL's own marks of who wrote and who locked a row are those of the first time."""
    store, _ = store_of(server)
    sessions = [judged(server, day, bars_of(day, {0: 1.0, 1: 2.0})) for day in DAYS]
    store.replace_all(sessions)
    marks = 'SELECT ctid, xmin, xmax FROM market_data ORDER BY "timestamp"'
    before = rows(server, marks)
    store.replace_all(sessions)
    assert store.upsert(sessions[0].bars).unchanged == 2
    assert rows(server, marks) == before


def test_times_follow_the_order_of_the_changes_whoever_began_first(server):
    """A transaction that began before another one and then waited for it leaves the later times."""
    store, _ = store_of(server)
    one = [Day(DAY.key, *DAY.midnights, bars_of(DAY, {0: 3.0}))]
    with server.connect() as early:
        early.execute("SELECT now()")
        store.replace_all([judged(server, DAY, bars_of(DAY, {0: 1.0}))])
        store.replace_all([judged(server, DAY, bars_of(DAY, {0: 2.0}))])
        TableWriter(early, "market_data", ("NVDA",)).replace(one)
    trace = """SELECT close, created_at, revised_at FROM bar_revisions
               UNION ALL SELECT close, created_at, NULL FROM market_data ORDER BY close"""
    (_, born, revised), (_, second, again), (_, last, _) = rows(server, trace)
    assert born < revised <= second < again <= last


def test_one_session_that_may_not_be_stored_stops_all(server):
    store, _ = store_of(server)
    good, bars = judged(server, DAYS[0], bars_of(DAYS[0], {0: 1.0})), bars_of(DAYS[1], {0: 1.0})
    finding = Finding(rule="x", family="x", verdict=Verdict.FAIL, message="NVDA is bad.")
    report = Gate("test", []).report(Evidence(DAYS[1], ONE, ("NVDA",), bars), [finding])
    with pytest.raises(Blocked, match="NVDA is bad"):
        store.replace_all([good, StoredSession(DAYS[1], report, bars, None)])
    assert rows(server, CLOSES) == []


@pytest.mark.parametrize("price", [522.8380000000002, 0.1, 123456.789, 1e-7, 99999999.99999999])
@pytest.mark.parametrize("way", ["copied", "compared", "live"])
def test_what_goes_in_comes_back(server, price, way):
    """Prices as their decimals, volumes beyond 2^31, instants as UTC, and a symbol that is nothing but a value."""
    store, _ = store_of(server, (ODD,))
    bars = bars_of(DAY, {0: price}, ODD, volume=2.0**31 + 7)
    if way == "live":
        store.upsert(bars)
    else:
        if way == "compared":
            store.replace_all([judged(server, DAY, bars.assign(close=1.0, volume=1.0))])
        store.replace_all([judged(server, DAY, bars)])
    stored = rows(server, "SELECT \"timestamp\" = '2024-01-03 14:30Z', symbol, close, volume FROM market_data")
    assert stored == [(True, ODD, Decimal(repr(price)), 2**31 + 7)]
    assert store.came_in(DAY)["close"].tolist() == [price]


def test_a_table_that_does_not_keep_every_row_keeps_none(server):
    """The rows held are counted against the rows sent, whoever it is that swallows one."""
    store, _ = store_of(server)
    with server.connect() as connection:
        connection.execute(
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF new.close = 2 THEN RETURN NULL; END IF; RETURN new; END $$; "
            "CREATE TRIGGER swallow BEFORE INSERT ON market_data FOR EACH ROW EXECUTE FUNCTION swallow()"
        )
    sessions = [judged(server, day, bars_of(day, {0: 1.0, 1: 2.0})) for day in DAYS]
    with pytest.raises(DatabaseError, match="would hold 1 of 2 rows of 2024-01-03: nothing was stored"):
        store.replace_all(sessions)
    store.replace_all([judged(server, DAY, bars_of(DAY, {0: 1.0}))])
    with pytest.raises(DatabaseError, match="nothing was stored"):
        store.replace_all([judged(server, DAY, bars_of(DAY, {0: 1.0, 1: 2.0}))])
    assert len(rows(server, CLOSES)) == 1


def test_a_row_of_another_day_is_refused(server):
    day = Day(DAYS[0].key, *DAYS[0].midnights, bars_of(DAYS[1], {0: 1.0}))
    with (
        pytest.raises(DatabaseError, match=r"2024-01-04 14:30:00.* outside of the days"),
        server.connect() as connection,
    ):
        TableWriter(connection, "market_data", ["NVDA"]).replace([day])
    assert rows(server, CLOSES) == []


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("symbols", "minutes", "said"),
    [
        (["NVDA", "NVDA"], [0, 0], "A row of NVDA at .* is there twice"),
        (["AMD"], [0], "A row of AMD .* none of the symbols"),
    ],
)
def test_a_row_that_the_comparison_would_not_see_once_is_refused(server, stored, symbols, minutes, said):
    """Equal twice to what is stored, or of a symbol whose stored rows are not looked at."""
    store, _ = store_of(server)
    if stored:
        store.replace_all([judged(server, DAY, bars_of(DAY, {0: 1.0}))])
    parts = [bars_of(DAY, {minute: 1.0}, symbol) for symbol, minute in zip(symbols, minutes, strict=True)]
    day = Day(DAY.key, *DAY.midnights, pd.concat(parts, ignore_index=True))
    with pytest.raises(DatabaseError, match=said), server.connect() as connection:
        TableWriter(connection, "market_data", ["NVDA"]).replace([day])
    assert len(rows(server, CLOSES)) == stored


@pytest.mark.parametrize(("column", "value"), [("volume", 1.5), ("close", np.inf), ("volume", 2.0**63)])
def test_what_cannot_be_stored_exactly_is_refused(server, column, value):
    store, _ = store_of(server)
    bars = bars_of(DAY, {0: 1.0}).assign(**{column: value})
    for store_it in (lambda: store.replace_all([judged(server, DAY, bars)]), lambda: store.upsert(bars)):
        with pytest.raises(ContractBroken, match=f"{column} cannot be stored"):
            store_it()
    assert rows(server, CLOSES) == []


def test_live_minutes_are_added_revised_and_left_alone(server):
    store, _ = store_of(server)
    tick = pd.concat([bars_of(DAY, {7: 1.0}, symbol) for symbol in ("NVDA", "MSFT", ODD)], ignore_index=True)
    assert store.upsert(tick) == Change(3, 0, 0, 3)
    tick.loc[0, "close"] = 1.5
    tick.loc[1, "why"] = "alpha_vantage: Outage"
    assert store.upsert(tick) == Change(0, 1, 0, 3)
    assert store.upsert(tick.assign(mark="extended_hours")) == Change(0, 0, 0, 0)
    said = 'SELECT symbol, close, why FROM market_data ORDER BY symbol COLLATE "C"'
    assert rows(server, said) == [("MSFT", 1, "alpha_vantage: Outage"), (ODD, 1, None), ("NVDA", Decimal("1.5"), None)]
    assert rows(server, "SELECT symbol, close, removed FROM bar_revisions") == [("NVDA", 1, False)]
    with pytest.raises(OtherBarSize):
        SessionStore(server, "test", BarSize.FIVE_MINUTES, ("NVDA",)).upsert(tick)


FAIL = {
    "deadlock": ("RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'", DatabaseBusy),
    "cut": ("PERFORM pg_terminate_backend(pg_backend_pid())", DatabaseUnreachable),
}


def fail_at_first(server: DatabaseServer, times: int, how: str) -> None:
    """Let the first inserts fail; a sequence counts them, because no rollback takes back its numbers."""
    with server.connect() as connection:
        connection.execute(
            "CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF nextval('tries') <= {times} THEN {how}; END IF; RETURN new; END $$; "
            "CREATE TRIGGER fail BEFORE INSERT ON market_data FOR EACH ROW EXECUTE FUNCTION fail()"
        )


@pytest.mark.parametrize("how", FAIL)
@pytest.mark.parametrize("live", [False, True])
def test_what_a_retry_helps_is_done_again(server, how, live):
    fail_at_first(server, 2, FAIL[how][0])
    store, waits = store_of(server)
    bars = bars_of(DAY, {0: 1.0})
    if live:
        assert store.upsert(bars).added == 1
    else:
        assert store.replace_all([judged(server, DAY, bars)])[0]["market_data"].added == 1
    assert len(waits) == 2
    assert waits[1] > waits[0] / 2 > 0


@pytest.mark.parametrize("how", FAIL)
def test_retries_end_and_the_error_says_so(server, how):
    fail_at_first(server, 10_000, FAIL[how][0])
    store, waits = store_of(server)
    one = judged(server, DAY, bars_of(DAY, {0: 1.0}))
    with pytest.raises(FAIL[how][1], match=f"It was tried {ATTEMPTS} times") as caught:
        store.replace_all([one])
    assert (len(waits), caught.value.retry_helps) == (ATTEMPTS - 1, True)
    assert rows(server, CLOSES) == []


def test_what_no_retry_helps_is_not_done_again(server):
    fail_at_first(server, 1, "RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'")
    store, waits = store_of(server)
    with pytest.raises(DatabaseError, match="no room left"):
        store.upsert(bars_of(DAY, {0: 1.0}))
    assert waits == []


def test_two_that_replace_the_same_sessions_in_other_orders(server):
    """No deadlock, in the end all sessions are of one of the two, and a reader sees one of the two, whole."""
    desks = {"test": 1.0, "other": 2.0}
    given = {
        desk: [judged(server, day, bars_of(day, dict.fromkeys(range(390), price)), desk=desk) for day in DAYS]
        for desk, price in desks.items()
    }
    waits: list[float] = []
    stores = {desk: SessionStore(server, desk, ONE, ("NVDA",), sleep=waits.append) for desk in desks}
    stores["test"].replace_all(given["test"])
    ended, seen = threading.Event(), set()

    def read() -> None:
        while not ended.is_set():
            seen.update(rows(server, "SELECT count(*), min(close) = max(close) FROM market_data"))

    def write(desk: str) -> None:
        for _ in range(4):
            given[desk].reverse()
            stores[desk].replace_all(given[desk])

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[desk]) for desk in desks]
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    ended.set()
    reader.join()
    assert (seen, waits) == ({(1560, True)}, [])
