"""The schema and the session store, on the embedded PostgreSQL and on TimescaleDB."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rules.completeness import MissingRatio
from market.sessions import BarSize, Session, session
from resources.database.report_store import ReportStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer, embedded_server
from resources.database.session_store import SessionStore
from resources.database.table_writer import Change
from resources.errors import (
    Blocked,
    DatabaseBusy,
    DatabaseError,
    DatabaseUnreachable,
    FingerprintMismatch,
    MigrationError,
)
from resources.paths import SQL
from schemas.quality import Acceptance, Finding, QualityReport, Verdict
from tests.support.tables import UNMARKED

DAY = session("2024-01-03")


@pytest.fixture
def server(migrated_url) -> DatabaseServer:
    """An empty database of either kind with the schema in it."""
    return DatabaseServer(migrated_url)


def bars_of(closes: dict[int, float], day: Session = DAY, source: str = "file") -> pd.DataFrame:
    """NVDA bars at some minutes of the session."""
    at = day.minutes(BarSize.ONE_MINUTE)[list(closes)]
    table = pd.DataFrame({"timestamp": at, "symbol": "NVDA", "open": 10.0, "high": 11.0, "low": 9.0})
    return table.assign(close=list(closes.values()), volume=100.0, **UNMARKED | {"source": source})


def store_of(server: DatabaseServer, environment: str = "test", symbols: tuple[str, ...] = ("NVDA",)) -> SessionStore:
    return SessionStore(server, environment, BarSize.ONE_MINUTE, symbols)


def store(server: DatabaseServer, bars: pd.DataFrame, day: Session = DAY) -> Change:
    report = judged(server, bars, day)
    return store_of(server).replace(day, report, bars, None)["market_data"]


def judged(
    server: DatabaseServer, bars: pd.DataFrame, day: Session = DAY, symbols: tuple[str, ...] = ("NVDA",)
) -> QualityReport:
    """A report that passes the bars, kept as a run keeps it."""
    report = Gate("test", []).judge(Evidence(day, BarSize.ONE_MINUTE, symbols, bars))
    ReportStore(server).keep_reports([report])
    return report


def closes(server: DatabaseServer) -> list[tuple[str, Decimal]]:
    with server.connect() as connection:
        return connection.execute(
            "SELECT to_char(\"timestamp\", 'HH24:MI'), close FROM market_data ORDER BY 1"
        ).fetchall()


def test_replacing_a_session_adds_revises_and_removes(server):
    assert store(server, bars_of({0: 10.1, 1: 10.2, 2: 10.3})) == Change(added=3, revised=0, removed=0, sent=3)
    assert store(server, bars_of({0: 10.1, 1: 10.25, 3: 10.4})) == Change(added=1, revised=1, removed=1, sent=3)
    assert closes(server) == [("14:30", Decimal("10.1")), ("14:31", Decimal("10.25")), ("14:33", Decimal("10.4"))]
    with server.connect() as connection:
        old = connection.execute(
            "SELECT to_char(\"timestamp\", 'HH24:MI'), close, removed FROM bar_revisions ORDER BY 1"
        ).fetchall()
    assert old == [("14:31", Decimal("10.2"), False), ("14:32", Decimal("10.3"), True)]


def test_the_verdicts_of_a_range_are_the_newest_ones(server):
    """Of each session the last word, its missing minutes named; other desks' reports and other days' are not in it."""
    reports, gate = ReportStore(server), Gate("test", [MissingRatio(warn=0.5, fail=0.5)])

    def judge(day: Session, minutes: dict[int, float], environment: str = "test") -> QualityReport:
        evidence = Evidence(day, BarSize.ONE_MINUTE, ("NVDA",), bars_of(minutes, day))
        report = replace(gate, environment=environment).judge(evidence)
        reports.keep_reports([report])
        return report

    whole = dict.fromkeys(range(390), 1.0)
    friday, monday = session("2024-01-05"), session("2024-01-08")
    judge(friday, {})
    judge(friday, {minute: 1.0 for minute in range(390) if minute not in (0, 389)})
    judge(friday, {}, environment="prod")
    judge(session("2024-01-09"), whole)
    blocked = judge(monday, {0: 1.0})
    person = Acceptance(
        by="a", reason="b", at="c", fingerprints={}, findings=tuple(one.message for one in blocked.findings)
    )
    reports.keep_reports([blocked.model_copy(update={"accepted": person})])

    def found() -> list[tuple[object, ...]]:
        history = reports.verdicts(DAY.day, monday.day, "test", BarSize.ONE_MINUTE, ("NVDA",))
        assert [one.key for one in history.sessions] == ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
        return [
            (key, one.verdict, one.action, one.accepted, [f"{at:%H:%M %Z}" for at in one.missing["NVDA"]][:2])
            for key, one in history.judged.items()
        ]

    friday_found = ("2024-01-05", "PASS", "CONTINUE", False, ["14:30 UTC", "20:59 UTC"])
    monday_found = ("2024-01-08", "FAIL", "WARN", True, ["14:31 UTC", "14:32 UTC"])
    assert found() == [friday_found, monday_found]
    with server.connect() as connection:  # as an older version of the code wrote it
        connection.execute("UPDATE data_quality_reports SET report = (report - 'accepted') || '{\"version\": 1}'")
    assert found() == [friday_found, (*monday_found[:3], False, monday_found[4])]


def test_other_days_and_symbols_are_left_alone(server):
    other = session("2024-01-04")
    store(server, bars_of({0: 1.0}, other), other)
    msft = bars_of({0: 2.0}).assign(symbol="MSFT")
    report = judged(server, msft, symbols=("MSFT",))
    store_of(server, symbols=("MSFT",)).replace(DAY, report, msft, None)
    assert store(server, bars_of({5: 3.0})).removed == 0
    assert store(server, bars_of({})) == Change(added=0, revised=0, removed=1, sent=0)
    assert sorted(close for _, close in closes(server)) == [1, 2]


@pytest.mark.parametrize("price", ["522.8380000000002", "0.1", "123456.789", "3", "0.000001"])
def test_prices_are_exact_decimals(server, price):
    store(server, bars_of({0: float(price)}))
    assert closes(server) == [("14:30", Decimal(price))]


def test_provenance_is_stored_with_each_bar(server):
    bars = bars_of({0: 1.0, 1: 2.0})
    bars.loc[1, ["source", "basis", "role", "why"]] = ["yahoo", "as_traded", "fallback", "alpha_vantage: Outage"]
    store(server, bars)
    with server.connect() as connection:
        rows = connection.execute('SELECT source, basis, why FROM market_data ORDER BY "timestamp"').fetchall()
    assert rows == [("file", "as_traded", None), ("yahoo", "as_traded", "alpha_vantage: Outage")]


def test_another_reason_is_no_revision_and_another_source_is(server):
    bars = bars_of({0: 1.0})
    store(server, bars.assign(source="yahoo", why="alpha_vantage: Outage"))
    assert store(server, bars.assign(source="yahoo", why="alpha_vantage: Throttled")).unchanged == 1
    assert store(server, bars).revised == 1
    with server.connect() as connection:
        kept = connection.execute("SELECT source, why FROM bar_revisions").fetchall()
    assert kept == [("yahoo", "alpha_vantage: Throttled")]


def test_a_blocked_report_stores_nothing(server):
    bars = bars_of({0: 1.0})
    gate = Gate("test", [])
    bad = Finding(rule="x", family="x", verdict=Verdict.FAIL, message="NVDA is bad.")
    report = gate.report(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars), [bad])
    with pytest.raises(Blocked, match="NVDA is bad"):
        store_of(server).replace(DAY, report, bars, None)
    assert closes(server) == []


def test_other_bars_than_those_judged_are_refused(server):
    judged = bars_of({0: 1.0})
    report = Gate("test", []).judge(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), judged))
    with pytest.raises(FingerprintMismatch, match="2024-01-03"):
        store_of(server).replace(DAY, report, bars_of({0: 1.5}), None)
    with pytest.raises(FingerprintMismatch):  # a frame that was never judged
        store_of(server).replace(DAY, report, judged, judged)
    assert closes(server) == []


@pytest.mark.parametrize(
    ("day", "environment", "symbols", "said"),
    [
        (session("2024-01-04"), "test", ("NVDA",), "not about 2024-01-04"),
        (DAY, "prod", ("NVDA",), r"2024-01-03 \(test, .* not about 2024-01-03 \(prod"),
        (DAY, "test", ("NVDA", "MSFT"), "NVDA, MSFT"),
    ],
)
def test_a_report_of_another_day_or_desk_is_refused(server, day, environment, symbols, said):
    """A lenient environment's verdict does not open a strict one's database."""
    bars = bars_of({0: 1.0})
    report = Gate("test", []).judge(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars))
    with pytest.raises(FingerprintMismatch, match=said):
        store_of(server, environment, symbols).replace(day, report, bars, None)
    assert closes(server) == []


def test_equal_reports_at_once_are_kept_once(server):
    report = Gate("test", []).judge(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars_of({0: 1.0})))
    kept: list[int] = []
    store = ReportStore(server)
    threads = [threading.Thread(target=lambda: kept.append(store.keep_reports([report]))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("statement", "kind", "retry_helps"),
    [
        ("SELECT no_such_function()", DatabaseError, False),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", DatabaseBusy, True),
        ("SELECT pg_terminate_backend(pg_backend_pid())", DatabaseUnreachable, True),
    ],
)
def test_what_a_retry_would_help_is_told_by_sqlstate(server, statement, kind, retry_helps):
    with pytest.raises(DatabaseError) as caught, server.connect() as connection:
        connection.execute(statement)
    assert (type(caught.value), caught.value.retry_helps) == (kind, retry_helps)


def test_a_server_that_refuses_is_not_worth_a_retry(timescale_url):
    nowhere = DatabaseServer(timescale_url.rsplit("/", 1)[0] + "/nowhere")
    refused = 'refuses the connection: database "nowhere" does not exist'
    with pytest.raises(DatabaseError, match=refused) as caught, nowhere.connect():
        raise AssertionError("there is no such database")
    assert not caught.value.retry_helps


def test_a_killed_load_leaves_the_old_session_whole(server, tmp_path):
    """SIGKILL while the second table is being replaced: both tables keep what they had."""
    script = tmp_path / "load.py"
    script.write_text(LOADER)
    run = [sys.executable, str(script), server.url]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([*run, "10.0"], check=True, env=environment)
    before = both_tables(server)
    with psycopg.connect(server.url) as holder:
        holder.execute("LOCK TABLE dual_ticker_bars IN ACCESS EXCLUSIVE MODE")
        loader = subprocess.Popen([*run, "20.0"], env=environment)
        wait_for_blocked_session(server)
        os.kill(loader.pid, signal.SIGKILL)
        assert loader.wait() == -signal.SIGKILL
    assert both_tables(server) == before
    subprocess.run([*run, "20.0"], check=True, env=environment)
    after = both_tables(server)
    assert {row[-1] for row in after[0]} == {Decimal("20.0")}
    assert {row[-1] for row in after[1]} == {Decimal("20.0")}
    assert [len(rows) for rows in after] == [390, 390]


LOADER = """
import sys
import numpy as np
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, session
from resources.database.server import DatabaseServer
from resources.database.report_store import ReportStore
from resources.database.session_store import SessionStore
from schemas.tables import FEATURES
from tests.support.tables import UNMARKED
import pandas as pd

day, price = session("2024-01-03"), float(sys.argv[2])
bars = pd.DataFrame({"timestamp": day.minutes(BarSize.ONE_MINUTE), "symbol": "NVDA"})
bars = bars.assign(open=price, high=price, low=price, close=price, volume=1.0, **UNMARKED)
frame = bars[["timestamp", "symbol"]].assign(**dict.fromkeys(FEATURES, 0.5))
frame = frame.assign(close=price, volume=1.0, missing=False)
report = Gate("test", []).judge(Evidence(day, BarSize.ONE_MINUTE, ("NVDA",), bars, frame))
server = DatabaseServer(sys.argv[1])
ReportStore(server).keep_reports([report])
SessionStore(server, "test", BarSize.ONE_MINUTE, ("NVDA",)).replace(day, report, bars, frame)
"""


def both_tables(server: DatabaseServer) -> list[list[tuple[object, ...]]]:
    with server.connect() as connection:
        return [
            connection.execute(f'SELECT "timestamp", symbol, close FROM {table} ORDER BY 1, 2').fetchall()  # noqa: S608
            for table in ("market_data", "dual_ticker_bars")
        ]


def wait_for_blocked_session(server: DatabaseServer) -> None:
    """Return once a session waits for a lock on dual_ticker_bars: market_data is replaced then, not yet committed."""
    pulse = threading.Event()
    with psycopg.connect(server.url, autocommit=True) as watcher:
        for _ in range(600):
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'dual_ticker_bars'::regclass"
            if watcher.execute(waiting).fetchone() != (0,):
                return
            pulse.wait(0.05)
    raise AssertionError("the loader never reached the second table")


def test_migrating_again_does_nothing(server):
    assert migrate(server).applied == ()


def test_two_processes_migrate_at_once(postgres_url):
    server = DatabaseServer(postgres_url)
    applied: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(server).applied)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(SQL.glob("migrations/*.sql")))]


def test_a_database_ahead_of_the_code_is_refused(server):
    with server.connect() as connection:
        connection.execute("INSERT INTO schema_migrations (number, name, sha256) VALUES (9000, 'later', '')")
    with pytest.raises(MigrationError, match="migration 9000"):
        migrate(server)


def test_a_migration_that_was_changed_or_fails_leaves_nothing(postgres_url, tmp_path):
    folder = Path(shutil.copytree(SQL, tmp_path / "sql"))
    server = DatabaseServer(postgres_url)
    (folder / "migrations" / "0999_broken.sql").write_text("CREATE TABLE half (x int); SELECT no_such_function();")
    with pytest.raises(DatabaseError, match="no_such_function"):
        migrate(server, folder)
    with server.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    (folder / "migrations" / "0999_broken.sql").unlink()
    migrate(server, folder)
    first = folder / "migrations" / "0001_bars.sql"
    first.write_text(first.read_text() + "-- changed\n")
    with pytest.raises(MigrationError, match=r"0001_bars\.sql was changed"):
        migrate(server, folder)


def test_hypertables_where_the_extension_is(timescale_url):
    state = migrate(DatabaseServer(timescale_url))
    assert state.timescaledb is not None
    with psycopg.connect(timescale_url) as connection:
        found = connection.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
    assert {name for (name,) in found} == {"market_data", "dual_ticker_bars", "data_quality_reports"}


def test_tables_of_a_plain_server_become_hypertables_later(timescale_url):
    """A database that was filled before the extension came keeps its rows."""
    server = DatabaseServer(timescale_url)
    with server.connect() as connection:
        for path in sorted((SQL / "migrations").glob("*.sql")):
            connection.execute(path.read_text())
    store(server, bars_of({0: 10.1, 1: 10.2}))
    with server.connect() as connection:
        connection.execute((SQL / "timescaledb.sql").read_text())
        chunks = connection.execute(
            "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'market_data'"
        )
        assert chunks.fetchone() == (1,)
    assert len(closes(server)) == 2


def test_the_embedded_server_is_found_again(tmp_path_factory, embedded_url):
    folder = Path(embedded_url.split("host=")[1].split("&")[0])
    first = embedded_server(folder, "twice")
    assert first == embedded_server(folder, "twice")
    assert first.shown == "the embedded PostgreSQL"
