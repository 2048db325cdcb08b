"""What is known when a day has ended: read from databases and folders that were filled by hand."""

import json
import os
import struct
import subprocess
import threading
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from market.day_facts import Backup, Backups, Unknown
from market.sessions import BarSize, session, sessions_between
from resources.backup_files import backups_in
from resources.database.backups.backup import write_backup
from resources.database.backups.pg_programs import programs_for
from resources.database.day_facts import books, day_events, gate_history, stored_days
from resources.database.eod_store import EodStore
from resources.database.server import DatabaseServer
from resources.end_of_day import DayEnds
from resources.errors import DatabaseUnreachable, OtherBarSize
from resources.settings import load_settings
from schemas.quality import Action, Span, Verdict
from tests.support.day_facts import facts, report
from tests.support.stored import bar, put_bars

ONE = BarSize.ONE_MINUTE
SYMBOLS = ("NVDA", "MSFT")
WEEK = sessions_between(date(2020, 11, 23), date(2020, 11, 27))
"""Monday to Wednesday, and Friday, which closes at 18:00 UTC; all open at 14:30."""
EVIL = "'; DROP TABLE market_data; --"
THEN = datetime(2020, 11, 30, tzinfo=UTC)
EVENING = pd.Timestamp("2020-11-27 19:00Z")

REPORT = """
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report, created_at)
VALUES (%s::date + TIME '14:30' AT TIME ZONE 'UTC', %s, %s, %s, %s, %s, %s, %s)
"""


@pytest.fixture
def server(migrated_url, clean_environment) -> DatabaseServer:
    """A database of either kind."""
    return DatabaseServer(migrated_url)


@pytest.fixture
def plain(migrated_postgres_url, clean_environment) -> DatabaseServer:
    return DatabaseServer(migrated_postgres_url)


def execute(server: DatabaseServer, statement: str, *parameters: object) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute(statement, parameters)  # type: ignore[call-overload]


def put(server: DatabaseServer, day: str, symbol: str, *, without: str = "") -> None:
    """Every minute of a session but those of a range, both included: `15:00-15:44`."""
    minutes = session(day).minutes(ONE)
    first, _, last = without.partition("-")
    lacks = [bool(without) and first <= f"{at:%H:%M}" <= (last or first) for at in minutes]
    put_bars(server.url, [bar(at.isoformat(), symbol) for at, lack in zip(minutes, lacks, strict=True) if not lack])


def judge(server: DatabaseServer, day: str, verdict: str, action: str, findings: object = (), **other: object) -> None:
    said = {"environment": "staging", "bar_size": "1min", "symbols": SYMBOLS, "at": "21:00", **other}
    kept = json.dumps({"symbols": said["symbols"], "findings": findings})
    at = datetime.fromisoformat(f"{day}T{said['at']}+00:00")
    execute(server, REPORT, day, day, said["environment"], said["bar_size"], verdict, action, kept, at)


def test_bars_are_counted_and_those_that_lack_are_named(server):
    put(server, "2020-11-23", "NVDA")
    put(server, "2020-11-24", "NVDA", without="15:00-15:44")
    put(server, "2020-11-27", "NVDA", without="17:59")
    put(server, "2020-11-24", "MSFT", without="14:30")
    put_bars(server.url, [bar("2020-11-24 13:00Z"), bar("2020-11-24 21:30Z"), bar("2020-11-24 15:10Z", "AAPL")])
    found = stored_days(server, WEEK, SYMBOLS, ONE)
    assert {(day, one.symbol): one.stored for day, of_day in found.items() for one in of_day} == {
        ("2020-11-23", "NVDA"): 390, ("2020-11-23", "MSFT"): 0,
        ("2020-11-24", "NVDA"): 345, ("2020-11-24", "MSFT"): 389,
        ("2020-11-25", "NVDA"): 0, ("2020-11-25", "MSFT"): 0,
        ("2020-11-27", "NVDA"): 209, ("2020-11-27", "MSFT"): 0,
    }  # fmt: skip
    nvda, msft = found["2020-11-24"]
    assert nvda.missing == (Span(first="2020-11-24T15:00:00+00:00", last="2020-11-24T15:44:00+00:00", bars=45),)
    assert msft.missing == (Span(first="2020-11-24T14:30:00+00:00", last="2020-11-24T14:30:00+00:00", bars=1),)
    assert found["2020-11-23"][0].missing == ()
    assert found["2020-11-27"][1].missing == (
        Span(first="2020-11-27T14:30:00+00:00", last="2020-11-27T17:59:00+00:00", bars=210),
    )


def test_the_newest_bar_is_of_whatever_session_before_the_close(server):
    put(server, "2020-11-20", "NVDA")
    put(server, "2020-11-24", "NVDA", without="20:30-20:59")
    found = stored_days(server, WEEK, SYMBOLS, ONE)
    assert {day: of_day[0].newest for day, of_day in found.items()} == {
        "2020-11-23": pd.Timestamp("2020-11-20 21:00Z"),
        "2020-11-24": pd.Timestamp("2020-11-24 20:30Z"),
        "2020-11-25": pd.Timestamp("2020-11-24 20:30Z"),
        "2020-11-27": pd.Timestamp("2020-11-24 20:30Z"),
    }
    assert {of_day[1].newest for of_day in found.values()} == {None}


def test_a_database_of_other_bars_is_refused(plain):
    put_bars(plain.url, [bar("2020-11-24 15:00Z")], "5min")
    with pytest.raises(OtherBarSize):
        stored_days(plain, WEEK, SYMBOLS, ONE)


def test_a_hostile_symbol_is_only_a_symbol(plain):
    put(plain, "2020-11-24", EVIL)
    assert [one.stored for one in stored_days(plain, WEEK[1:2], (EVIL, "NVDA"), ONE)["2020-11-24"]] == [390, 0]


def test_the_newest_judgement_of_each_session_counts(server):
    gap = {"first": "2020-11-24T15:00:00+00:00", "last": "2020-11-24T15:44:00+00:00", "bars": 45}
    missing = {"rule": "missing_ratio", "symbol": "NVDA", "verdict": "FAIL", "spans": [gap]}
    parity = {"rule": "frame_parity", "symbol": None, "verdict": "ERROR"}
    fine = {"rule": "missing_ratio", "symbol": "MSFT", "verdict": "PASS", "spans": []}
    judge(server, "2020-11-20", "FAIL", "BLOCK", [missing])
    judge(server, "2020-11-20", "PASS", "CONTINUE", [fine], at="22:00")
    judge(server, "2020-11-24", "ERROR", "BLOCK", [missing, parity, fine])
    judge(server, "2020-11-24", "PASS", "CONTINUE", environment="ci", at="22:00")
    judge(server, "2020-11-24", "PASS", "CONTINUE", bar_size="5min", at="22:01")
    judge(server, "2020-11-24", "PASS", "CONTINUE", symbols=["NVDA"], at="22:02")
    judge(server, "2020-11-27", "FAIL", "WARN", [missing])
    found = gate_history(server, WEEK, load_settings())
    assert [(one.session, one.action) for one in found["2020-11-27"]] == [
        ("2020-11-27", Action.WARN), ("2020-11-24", Action.BLOCK), ("2020-11-20", Action.CONTINUE),
    ]  # fmt: skip
    assert [one.session for one in found["2020-11-24"]] == ["2020-11-24", "2020-11-20"]
    assert [one.session for one in found["2020-11-23"]] == ["2020-11-20"]
    blocked = found["2020-11-24"][0]
    assert (blocked.blocking, blocked.not_computed) == (("missing_ratio of NVDA", "frame_parity"), ("frame_parity",))
    assert blocked.lacking == {"NVDA": (Span.model_validate(gap),)}


def test_only_so_many_sessions_are_looked_back_on(plain, clean_environment):
    clean_environment.setenv("INTRADAY_EOD__GATE_SESSIONS", "2")
    for day in ("2020-11-16", "2020-11-17", "2020-11-20", "2020-11-23"):
        judge(plain, day, "PASS", "CONTINUE")
    found = gate_history(plain, WEEK, load_settings())
    assert [one.session for one in found["2020-11-23"]] == ["2020-11-23", "2020-11-20"]
    assert [one.session for one in found["2020-11-27"]] == ["2020-11-23", "2020-11-20"]
    for day, expected in (("2020-11-20", ["2020-11-20", "2020-11-17"]), ("2020-11-30", ["2020-11-23"])):
        (alone,) = gate_history(plain, [session(day)], load_settings()).values()
        assert [one.session for one in alone] == expected  # the four sessions before are looked at


def test_what_went_wrong_belongs_to_its_new_york_day(server):
    """New York's day begins at 05:00 UTC."""
    for at, feed, event in (
        ("2020-11-24 04:59:59Z", "yahoo", "down"),
        ("2020-11-24 05:00:00Z", "yahoo", "down"),
        ("2020-11-25 04:59:59Z", "alpha_vantage", "down"),
        ("2020-11-24 15:00:00Z", "alpha_vantage", "down"),
        ("2020-11-24 15:00:00Z", "alpha_vantage", "failover"),
        ("2020-11-25 05:00:00Z", EVIL, "down"),
    ):
        execute(server, "INSERT INTO feed_events (at, feed, event, why) VALUES (%s, %s, %s, '')", at, feed, event)
    for at, event in (
        ("2020-11-24 15:00Z", "withheld"),
        ("2020-11-24 15:01Z", "withheld"),
        ("2020-11-24 15:02Z", "published"),
    ):
        execute(
            server, 'INSERT INTO live_bars (event, "timestamp", session) VALUES (%s, %s, %s)', event, at, "2020-11-24"
        )
    execute(
        server,
        "INSERT INTO orders (account, client_order_id, symbol, side, order_type, quantity, time_in_force, state, "
        "created_at) VALUES ('A', 'o-1', 'NVDA', 'BUY', 'MARKET', 1, 'DAY', 'FILLED', now())",
    )
    for outcome in ("APPLIED", "QUARANTINED", "QUARANTINED"):
        execute(
            server,
            "INSERT INTO order_events (order_id, kind, at, recorded_at, outcome, state, quantity, revision)"
            " SELECT id, 'FILL', '2020-01-01', '2020-11-24 20:00Z', %s, 'FILLED', 0, 0 FROM orders",
            outcome,
        )
    found = day_events(server, WEEK)
    assert dict(found["2020-11-24"].feeds_down) == {"yahoo": 1, "alpha_vantage": 2}
    assert (found["2020-11-24"].quarantined, found["2020-11-24"].withheld) == (("o-1", "o-1"), 2)
    assert dict(found["2020-11-23"].feeds_down) == {"yahoo": 1}
    assert dict(found["2020-11-25"].feeds_down) == {EVIL: 1}
    assert found["2020-11-27"].feeds_down == {}


def test_the_books_are_those_of_the_account_that_is_traded(plain, clean_environment):
    said = "INSERT INTO reconciliations VALUES (%s, %s, %s, %s, %s)"
    execute(plain, said, "DU1234567", "NVDA", "2020-11-24 21:00Z", 30, 42)
    execute(plain, said, "DU1234567", "MSFT", "2020-11-24 20:00Z", 1, 1)
    execute(plain, said, "SIMULATED", "NVDA", "2020-11-24 21:00Z", 0, 0)
    execute(
        plain,
        "INSERT INTO trading_halts (account, symbol, halted, who, why) VALUES ('DU1234567', 'NVDA', true, 'a', %s)",
        "margin call on DU1234567 and F7654321",
    )
    ours = books(plain, load_settings())
    assert (ours.account, ours.traded, ours.halts) == ("SIMULATED", False, ())
    clean_environment.setenv("INTRADAY_OMS__BROKER", "ib")
    assert isinstance(books(plain, load_settings()), Unknown)
    clean_environment.setenv("INTRADAY_IB__ACCOUNT", "DU1234567")
    found = books(plain, load_settings())
    assert (found.account, found.asked_at) == ("DU***67", datetime(2020, 11, 24, 20, tzinfo=UTC))
    assert [(one.symbol, one.drift) for one in found.compared] == [("MSFT", 0), ("NVDA", Decimal(12))]
    assert [(one.symbol, one.who, one.why) for one in found.halts] == [
        ("NVDA", "a", "margin call on DU***67 and F7***21"),
    ]


def test_the_newest_complete_backup_is_found(plain, tmp_path):
    assert backups_in(tmp_path / "none", THEN).newest is None
    for made_at in ("2020-11-24 03:30:00Z", "2020-11-23 03:30:00Z"):
        write_backup(plain, tmp_path, pd.Timestamp(made_at))
    whole = (tmp_path / "intraday-20201124T033000Z.backup").read_bytes()
    (tmp_path / "intraday-20201125T033000Z.backup").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.backup").touch()
    (tmp_path / ".intraday-20201126T033000Z.backup.00.intraday.part").touch()
    with zipfile.ZipFile(tmp_path / "no dump.backup", "w") as archive:
        archive.writestr("manifest.json", '{"made_at": "2020-11-26T03:30:00+00:00"}')
    found = backups_in(tmp_path, THEN)
    assert found.newest == Backup("intraday-20201124T033000Z.backup", datetime(2020, 11, 24, 3, 30, tzinfo=UTC))
    assert found.broken == ("empty.backup", "intraday-20201125T033000Z.backup", "no dump.backup")


BASE = """{ "PostgreSQL-Backup-Manifest-Version": 1,
"Files": [
{ "Path": "global/1262", "Size": 8192, "Last-Modified": "2026-11-25 03:30:01 GMT" },
{ "Path": "backup_label", "Size": 225, "Last-Modified": "2020-11-24 03:30:00 GMT", "Checksum": "0a1b" }
],
"Manifest-Checksum": "0a1b"}
"""


def test_a_base_backup_counts_once_its_manifest_is_there_and_from_when_it_began(tmp_path):
    base = tmp_path / "base-2020-11-24"
    base.mkdir()
    (base / "backup_manifest.tmp").write_text(BASE)
    assert backups_in(tmp_path, THEN) == Backups(str(tmp_path), None, (), ("base-2020-11-24",))
    manifest = base / "backup_manifest"
    manifest.write_text(BASE)  # copied today, by the time of its file
    assert backups_in(tmp_path, THEN).newest == Backup("base-2020-11-24", datetime(2020, 11, 24, 3, 30, tzinfo=UTC))
    for text in (BASE[:-20], "{}", '{"Files": []}', BASE.replace("2020-11-24 03:30:00 GMT", "yesterday")):
        manifest.write_text(text)
        assert backups_in(tmp_path, THEN).broken == ("base-2020-11-24",)


def test_what_was_made_in_the_future_does_not_count(plain, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "backup_manifest").write_text(BASE.replace("2020-11-24 03:30:00", "2020-11-30 00:06:00"))
    for made_at in ("2020-11-30 00:05:00Z", "2099-01-01 03:30:00Z"):
        write_backup(plain, tmp_path, pd.Timestamp(made_at))
    found = backups_in(tmp_path, THEN)
    assert found.newest == Backup("intraday-20201130T000500Z.backup", datetime(2020, 11, 30, 0, 5, tzinfo=UTC))
    assert found.broken == ("base", "intraday-20990101T033000Z.backup")


def test_what_pg_dump_wrote_counts_by_its_own_time_and_plain_sql_is_named(plain, tmp_path):
    with plain.connect() as connection:
        programs = programs_for(connection.info.server_version // 10_000).folder
    folder = tmp_path / "dumps"
    folder.mkdir()
    began = datetime.now(UTC).replace(microsecond=0)
    for kind, name in (("custom", "a.dump"), ("directory", "b"), ("plain", "c.sql")):
        asked = ("--dbname", plain.url, f"--format={kind}", f"--file={folder / name}")
        subprocess.run([programs / "pg_dump", *asked], check=True)
    ended = datetime.now(UTC)
    for name in ("a.dump", "b/toc.dat"):
        os.utime(folder / name, times=(0, 0))
    found = backups_in(folder, ended)
    assert (found.broken, found.others) == ((), ("c.sql",))
    assert found.newest is not None
    assert (found.newest.name in ("a.dump", "b"), began <= found.newest.made_at <= ended) == (True, True)
    (folder / "d.dump").write_bytes((folder / "a.dump").read_bytes()[:30])
    assert backups_in(folder, ended).broken == ("d.dump",)


@pytest.mark.parametrize("head", [bytes([1, 15, 0, 4, 8, 1, 1]), bytes([1, 14, 0, 4, 8, 1, 1, 255, 255, 255, 255])])
def test_the_head_of_a_dump_is_read_as_each_postgresql_wrote_it(tmp_path, head):
    """A compression of -1 was four bytes and a sign before PostgreSQL 16; the time is the machine's own."""
    written = struct.pack("<" + "bi" * 7, *chain.from_iterable((0, number) for number in (7, 30, 3, 24, 10, 120, 0)))
    (tmp_path / "old").write_bytes(b"PGDMP" + head + written)
    expected = datetime(2020, 11, 24, 3, 30, 7).astimezone(UTC)
    assert backups_in(tmp_path, THEN).newest == Backup("old", expected)


def ends(
    server: DatabaseServer | Exception, now: pd.Timestamp = EVENING, free: int = 5 * 10**9, seconds: float = 30
) -> DayEnds:
    def opened() -> DatabaseServer:
        if isinstance(server, Exception):
            raise server
        return server

    return DayEnds(load_settings(), opened, lambda: now, lambda _: free, seconds)


def verdicts(of: DayEnds, *days: str) -> list[dict[str, set[Verdict | None]]]:
    found: list[dict[str, set[Verdict | None]]] = []
    for made in of.reports([session(day) for day in days]):
        found.append({})
        for check in made.checks:
            found[-1].setdefault(check.name.value, set()).add(check.verdict)
    return found


def test_what_is_of_today_is_looked_at_for_the_latest_session_only(plain):
    earlier, latest = verdicts(ends(plain), "2020-11-25", "2020-11-27")
    of_today = ("disk", "file_integrity", "backups", "reconciliation")
    assert [earlier[name] for name in of_today] == [{None}] * 4
    assert latest["disk"] == {Verdict.PASS}
    (said,) = {one.said for one in ends(plain).reports([session("2020-11-25")])[0].checks if one.name == "disk"}
    assert said == "Not looked at: it is of today and no matter of this session; the latest one is 2020-11-27."


def test_a_full_disk_is_told_and_a_landing_zone_elsewhere_is_not_measured(plain, clean_environment):
    (found,) = verdicts(ends(plain, free=999_999_999), "2020-11-27")
    assert found["disk"] == {Verdict.FAIL}
    clean_environment.setenv("INTRADAY_STORAGE__LANDING", "s3://bucket/landing")
    (report_of,) = ends(plain).reports([session("2020-11-27")])
    elsewhere = [(one.of, one.verdict) for one in report_of.checks if one.name in ("disk", "file_integrity")]
    assert elsewhere == [("home", Verdict.PASS), ("landing", None), (None, None)]


def test_nobody_at_the_database_keeps_nothing_else_from_being_told(clean_environment):
    gone = DatabaseUnreachable("postgresql://db cannot be reached.")
    (found,) = verdicts(ends(gone), "2020-11-27")
    told = {name for name, of in found.items() if of == {Verdict.ERROR}}
    assert told == {"completeness", "gate_history", "freshness", "errors", "reconciliation"}
    assert (found["disk"], found["backups"]) == ({Verdict.PASS}, {None})
    (made,) = ends(gone).reports([session("2020-11-27")])
    assert made.checks[0].said == ("It could not be looked at: postgresql://db cannot be reached. A retry may help.")
    assert "`intraday doctor`" in made.checks[0].recommendation


def test_whoever_hangs_is_not_waited_for(plain, clean_environment):
    never = threading.Event()
    hanging = ends(plain, seconds=0.05)
    hanging.free_bytes = lambda _: int(never.wait())
    (made,) = hanging.reports([session("2020-11-27")])
    never.set()
    (found,) = {(one.verdict, one.said) for one in made.checks if one.name == "disk"}
    assert found == (Verdict.ERROR, "Nobody answered within 0.05 s.")


def test_a_folder_that_may_not_be_read_is_a_check_that_could_not_be_looked_at(plain, clean_environment, tmp_path):
    (tmp_path / "file").touch()
    clean_environment.setenv("INTRADAY_EOD__BACKUP_FOLDER", str(tmp_path / "file"))
    (found,) = verdicts(ends(plain), "2020-11-27")
    assert found["backups"] == {Verdict.ERROR}


def test_a_backup_folder_lies_in_home_unless_it_is_absolute(plain, clean_environment):
    clean_environment.setenv("INTRADAY_EOD__BACKUP_FOLDER", "backups")
    folder = Path(load_settings().home) / "backups"
    (found,) = verdicts(ends(plain), "2020-11-27")
    assert found["backups"] == {Verdict.FAIL}
    folder.mkdir(parents=True)
    write_backup(plain, folder, EVENING - pd.Timedelta(hours=1))
    (found,) = verdicts(ends(plain), "2020-11-27")
    assert found["backups"] == {Verdict.PASS}


def test_the_newest_report_of_the_newest_session_is_read_back(plain):
    store = EodStore(plain)
    settings = load_settings()
    asked = (settings.environment, ONE, SYMBOLS)
    assert store.newest(*asked) is None
    later, earlier = report(facts(session("2020-11-27"))), report(facts())
    store.keep([later, earlier])
    store.keep([earlier])
    assert store.newest(*asked) == later
    other = later.model_copy(update={"made_at": datetime(2020, 11, 28, tzinfo=UTC)})
    store.keep([other])
    assert store.newest(*asked) == other
    assert store.newest("ci", ONE, SYMBOLS) is None
    assert store.newest("staging", ONE, ("NVDA",)) is None
