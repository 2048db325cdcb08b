"""`intraday doctor`: each check beside what it looks at, sound and broken; what is said, advised and never shown."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from resources.database.connections import CONNECTIONS
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.doctor.clock import compared
from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.doctor.registry import CHECKS, examine
from resources.settings import load_settings
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.tws import TwsSimulator
from simulators.yahoo import YahooSimulator

KEY = "PLANTED0KEY00099"
NOW = datetime(2026, 1, 2, 17, 0, tzinfo=UTC)
GIGABYTE = 10**9


@pytest.fixture
def around(clean_environment, monkeypatch):
    """A desk in an empty folder, with both feeds and nothing else configured; variables may be set."""
    monkeypatch.delenv("ALPHA_VANTAGE_API_KEY")
    monkeypatch.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")

    def made(*, ask: bool = False, free: int = 50 * GIGABYTE, **variables: str) -> Surroundings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Surroundings(load_settings(), os.environ, lambda: NOW, lambda folder: free, ask)

    return made


def one(around: Surroundings, area: str, name: str) -> Finding:
    (found,) = [finding for finding in examine(around, area) if finding.name == name]
    return found


def outcomes(around: Surroundings, area: str) -> dict[str, str]:
    return {finding.name: finding.outcome.value for finding in examine(around, area)}


# The feeds.


def test_no_key_fails_where_alpha_vantage_is_asked_and_warns_where_not(around):
    found = one(around(), "feeds", "alpha_vantage")
    assert (found.outcome, found.said) == (Outcome.FAIL, "there is no key")
    assert "ALPHA_VANTAGE_API_KEY" in found.advice
    assert one(around(INTRADAY_FEEDS__PRIMARY="yahoo"), "feeds", "alpha_vantage").outcome is Outcome.WARN


def test_a_key_is_shown_masked_with_its_plan_and_no_request_is_spent(around):
    with AlphaVantageSimulator() as vendor, YahooSimulator() as yahoo:
        desk = around(
            ALPHA_VANTAGE_API_KEY=KEY,
            INTRADAY_ALPHA_VANTAGE__BASE_URL=vendor.url,
            INTRADAY_ALPHA_VANTAGE__PLAN="premium_75",
            INTRADAY_YAHOO__BASE_URL=yahoo.url,
        )
        found = one(desk, "feeds", "alpha_vantage")
        assert list(vendor.requests) == []
    assert found.outcome is Outcome.OK
    assert found.said.startswith("key PL***, plan premium_75")
    assert KEY not in str(found)
    assert found.details["plan"] == "premium_75"


def test_asking_spends_one_request_and_tells_the_price(around):
    with AlphaVantageSimulator() as vendor, YahooSimulator() as yahoo:
        desk = around(
            ask=True,
            ALPHA_VANTAGE_API_KEY=KEY,
            INTRADAY_ALPHA_VANTAGE__BASE_URL=vendor.url,
            INTRADAY_YAHOO__BASE_URL=yahoo.url,
        )
        found = one(desk, "feeds", "alpha_vantage")
        assert len(list(vendor.requests)) == 1
    assert found.outcome is Outcome.OK
    assert "NVDA" in found.said
    assert "USD" in found.said


def test_a_vendor_that_nobody_reaches_fails_where_it_is_asked(around):
    nobody = "http://127.0.0.1:1"
    desk = around(
        ask=True, ALPHA_VANTAGE_API_KEY=KEY, INTRADAY_ALPHA_VANTAGE__BASE_URL=nobody, INTRADAY_YAHOO__BASE_URL=nobody
    )
    assert outcomes(desk, "feeds") == {"alpha_vantage": "fail", "yahoo": "fail"}
    assert KEY not in str(list(examine(desk, "feeds")))
    desk = around(INTRADAY_FEEDS__FALLBACK="none", ALPHA_VANTAGE_API_KEY=KEY)
    assert one(desk, "feeds", "yahoo").outcome is Outcome.WARN


def test_yahoo_that_answers_is_reached(around):
    with YahooSimulator() as yahoo:
        found = one(around(INTRADAY_YAHOO__BASE_URL=yahoo.url), "feeds", "yahoo")
    assert found.outcome is Outcome.OK
    assert "127.0.0.1 answers" in found.said


# Interactive Brokers.


def test_ib_that_is_not_used_is_fine(around):
    assert outcomes(around(), "ib") == {"ib": "ok"}


@pytest.mark.parametrize(
    "use", [{"INTRADAY_FEEDS__PRIMARY": "interactive_brokers"}, {"INTRADAY_OMS__BROKER": "ib"}], ids=str
)
def test_ib_that_is_used_needs_a_host(around, use):
    found = one(around(**use), "ib", "ib")
    assert found.outcome is Outcome.FAIL
    assert "INTRADAY_IB__HOST" in found.advice


def test_ib_documents_the_parameters_that_were_used(around):
    with TwsSimulator(now=lambda: NOW) as tws:
        desk = around(INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT=str(tws.port), INTRADAY_IB__CLIENT_ID="40")
        found = one(desk, "ib", "ib")
        assert {request.client_id for request in tws.requests} == {43}
    assert found.outcome is Outcome.OK
    assert found.said == f"127.0.0.1:{tws.port} answers as client 43, account DU***67"
    assert found.details["port"] == str(tws.port)
    assert found.details["client ids in use"] == "orders 40, history 41, bars 42, doctor 43"
    assert (found.details["account"], found.details["real money"]) == ("DU***67", "refused")
    assert found.details["server version"] == "176"
    assert found.details["library"].split()[0] in ("ib_async", "ib_insync")
    assert "1234567" not in str(found)


def test_ib_on_real_money_fails_with_what_to_change(around):
    with TwsSimulator(accounts=["U1234567"]) as tws:
        found = one(around(INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT=str(tws.port)), "ib", "ib")
    assert found.outcome is Outcome.FAIL
    assert "U1***67" in found.said
    assert "ib.allow_live" in found.said
    assert "1234567" not in str(found)


def test_ib_that_is_not_there_fails_and_says_what_to_start(around):
    found = one(around(INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT="1"), "ib", "ib")
    assert found.outcome is Outcome.FAIL
    assert "127.0.0.1:1" in found.said
    assert "deploy/ib-gateway/compose.yaml" in found.advice
    assert found.details["host"] == "127.0.0.1"


def test_ibs_clock_is_compared(around):
    with TwsSimulator(now=lambda: NOW - timedelta(minutes=2)) as tws:
        desk = around(INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT=str(tws.port))
        found = one(desk, "ib", "ib clock")
    assert found.outcome is Outcome.FAIL
    assert found.said == "119.5 s ahead of Interactive Brokers"


# The database.


def test_without_a_database_none_is_made(around):
    desk = around()
    assert outcomes(desk, "database") == {"database": "warn"}
    assert outcomes(desk, "monitoring") == {"metrics": "warn", "dagster": "warn"}
    assert outcomes(desk, "clock") == {"clock": "ok"}
    assert not desk.settings.home.exists()


def test_a_database_with_everything(around, timescale_url):
    migrate(DatabaseServer(timescale_url))
    desk = around(TIMESCALEDB_URL=timescale_url)
    assert outcomes(desk, "database") == {"database": "ok", "timescaledb": "ok", "schema": "ok", "permissions": "ok"}
    assert one(desk, "monitoring", "metrics").outcome is Outcome.OK
    assert one(desk, "database", "timescaledb").said.startswith("2.")


def test_a_database_that_was_not_migrated_says_what_to_run(around, timescale_url):
    found = one(around(TIMESCALEDB_URL=timescale_url), "database", "schema")
    assert found.outcome is Outcome.FAIL
    assert "intraday db migrate" in found.advice
    assert outcomes(around(TIMESCALEDB_URL=timescale_url), "monitoring")["metrics"] == "fail"


@pytest.fixture
def reader(timescale_url) -> Iterator[DatabaseServer]:
    """The database for a user who may read all and write nothing."""
    owned = DatabaseServer(timescale_url)
    migrate(owned)
    name = f"user_{secrets.token_hex(6)}"
    made = sql.Identifier(name)
    with psycopg.connect(owned.url) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE intraday_reader").format(made))
    yield replace(owned, url=f"postgresql://{name}@{owned.url.split('@', 1)[1]}")
    CONNECTIONS.close()
    with psycopg.connect(owned.url) as admin:
        admin.execute(sql.SQL("DROP ROLE {}").format(made))


def test_a_user_who_may_only_read_is_told_which_rights_are_missing(around, reader):
    found = one(around(TIMESCALEDB_URL=reader.url), "database", "permissions")
    assert found.outcome is Outcome.FAIL
    assert "may not INSERT on market_data" in found.said
    assert "GRANT intraday_writer TO user_" in found.advice


def test_a_server_that_is_away_fails_without_its_password(around):
    desk = around(TIMESCALEDB_URL="postgresql://me:hunter2secret@127.0.0.1:1/x")
    found = one(desk, "database", "database")
    assert found.outcome is Outcome.FAIL
    assert "start the server" in found.advice
    assert outcomes(desk, "monitoring")["metrics"] == "fail"
    assert outcomes(desk, "clock") == {"clock": "warn"}
    assert "hunter2secret" not in str(
        [*examine(desk, "database"), *examine(desk, "monitoring"), *examine(desk, "clock")]
    )


def test_a_variable_that_nobody_knows_is_one_finding_and_not_the_end(around):
    assert outcomes(around(TIMESCALEDB_PROT="5432"), "database") == {"database": "fail"}


def test_dagsters_database_is_tried(around, timescale_url):
    driver = timescale_url.replace("postgresql://", "postgresql+psycopg2://")
    assert one(around(INTRADAY_DAGSTER_URL=driver), "monitoring", "dagster").outcome is Outcome.OK
    away = around(INTRADAY_DAGSTER_URL="postgresql+psycopg2://me:hunter2secret@127.0.0.1:1/x")
    found = one(away, "monitoring", "dagster")
    assert found.outcome is Outcome.FAIL
    assert "hunter2secret" not in str(found)


# The machine.


@pytest.mark.parametrize(
    ("free", "outcome"), [(5 * GIGABYTE, "ok"), (5 * GIGABYTE - 1, "warn"), (GIGABYTE, "warn"), (GIGABYTE - 1, "fail")]
)
def test_room_on_the_disks(around, free, outcome):
    assert outcomes(around(free=free), "disk") == {"home": outcome, "landing": outcome}


def test_an_object_store_is_not_measured(around):
    found = one(around(INTRADAY_STORAGE__LANDING="memory://landing", free=0), "disk", "landing")
    assert found.outcome is Outcome.OK
    assert "not measured" in found.said


def test_a_folder_that_may_not_be_written_fails(around, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    found = one(around(), "disk", "home")
    assert found.outcome is Outcome.FAIL
    assert "may not be written" in found.said


@pytest.mark.parametrize(
    ("apart", "outcome", "said"),
    [
        (0.4, Outcome.OK, "0.4 s ahead of X"),
        (-2.0, Outcome.OK, "2.0 s behind X"),
        (2.1, Outcome.WARN, "2.1 s ahead of X"),
        (-30.0, Outcome.WARN, "30.0 s behind X"),
        (31.0, Outcome.FAIL, "31.0 s ahead of X"),
    ],
)
def test_clocks_that_disagree(apart, outcome, said):
    found = compared("clock", "X", NOW, NOW + timedelta(seconds=apart))
    assert (found.outcome, found.said) == (outcome, said)
    assert bool(found.advice) == (outcome is not Outcome.OK)


def test_the_databases_clock_is_compared(around, timescale_url):
    found = one(around(TIMESCALEDB_URL=timescale_url), "clock", "clock")  # the tests' clock stands in January
    assert found.outcome is Outcome.FAIL
    assert "the database server" in found.said


def test_a_check_that_breaks_down_is_a_finding(around, monkeypatch):
    def broken(surroundings):
        raise RuntimeError("boom")
        yield

    monkeypatch.setattr("resources.doctor.registry.CHECKS", {"disk": (broken, *CHECKS["disk"])})
    assert outcomes(around(), "disk") == {"broken": "fail", "home": "ok", "landing": "ok"}
    assert one(around(), "disk", "broken").said == "RuntimeError: boom"


# The command.


def command(*arguments: str) -> tuple[int, str]:
    """The command in a process of its own; it need not be installed."""
    run = [sys.executable, "-c", "from cli.main import main; main()", "doctor", *arguments]
    done = subprocess.run(run, cwd=Path(__file__).parents[1], text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_command_prints_a_line_a_check_and_fails_where_one_does(around):
    around(INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT="4001")
    status, said = command("ib")
    assert status == 1
    assert [line.split()[:2] for line in said.splitlines()[:2]] == [["ok", "configuration"], ["fail", "ib"]]
    assert "4001" in said
    assert "client id: 4" in said
    status, said = command("disk")
    assert (status, said.count("\n")) == (0, 3)


def test_the_command_as_json(around):
    around()
    status, said = command("--json", "ib")
    record = json.loads(said)
    assert (status, record["ok"]) == (0, True)
    assert [check["name"] for check in record["checks"]] == ["configuration", "ib"]
    assert set(record["checks"][0]) == {"name", "outcome", "said", "advice", "details"}


def test_a_configuration_that_cannot_be_read_is_its_only_finding(around, monkeypatch):
    around()
    monkeypatch.setenv("INTRADAY_IB__PORT", "none")
    status, said = command()
    assert status == 1
    assert said.startswith("fail configuration")
    assert "ib.port" in said


def test_an_area_that_there_is_not_is_said(around):
    around()
    status, said = command("horoscope")
    assert status == 2
    assert "feeds, ib, database, monitoring, disk, clock" in " ".join(said.split())
