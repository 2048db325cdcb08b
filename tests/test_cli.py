"""The console command: its help, bad input, and how it ends."""

import re
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from cli.instance_home import sqlalchemy_url
from resources.database.server import embedded_server, libpq_url
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.commands import intraday, started, wait_for_rows
from tests.support.desk import stop_embedded

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize(
    "command",
    ["", "run", "backfill", "demo", "dev", "simulate", "fetch", "feeds", "quote", "orders", "orders buy", "positions"],
)
def test_help(command):
    status, said = intraday(*command.split(), "--help")
    assert status == 0
    assert "Usage: intraday" in said


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "tomorrow"], ["'tomorrow'", "YYYY-MM-DD"]),
        (["run", "2020-11-28", "2020-11-29"], ["no XNYS session from 2020-11-28 to 2020-11-29"]),
        (["run", "2020-11-27", "2020-11-23"], ["no XNYS session"]),
        (["run", "2019-01-02"], ["first session", "2020-01-02"]),
        (["run", "2199-01-02"], ["2199-01-02"]),
        (["simulate", "alpha-vantage", "--fault", "drop:NVDA"], ["drop:NVDA"]),
        (["run", "2020-11-23", "--frob"], ["--frob"]),
        (["rum"], ["rum"]),
        (["backfill"], ["--session"]),
        (["backfill", "2020-11-23", "--session", "2020-11-24"], ["--session"]),
        (["backfill", "--to", "2020-11-24"], ["--from"]),
        (["backfill", "--session", "2020-11-28"], ["no XNYS session"]),
    ],
)
def test_bad_input_is_named_in_one_sentence(arguments, parts):
    status, said = intraday(*arguments)
    assert status == 2
    assert "Traceback" not in said
    for part in parts:
        assert part in said


def test_a_bad_variable_ends_a_command_with_its_sentence(monkeypatch):
    monkeypatch.setenv("INTRADAY_BAR_SIZE", "2min")
    status, said = intraday("run", "2020-11-23")
    assert (status, "'1min' or '5min'" in said, "Traceback" in said) == (2, True, False)


def test_run_stores_a_range_and_its_exit_status_tells(monkeypatch, postgres_url):
    monkeypatch.setenv("TIMESCALEDB_URL", postgres_url)
    with AlphaVantageSimulator(faults=["drop:NVDA:2020-11-24:10:00-10:44"]) as simulator:
        monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", simulator.url)
        status, said = intraday("run", "2020-11-23")
        assert (status, "1,560 rows" in said) == (0, True)
        status, said = intraday("run", "2020-11-21", "2020-11-24")
        assert (status, "NVDA misses 45 of 390" in said) == (1, True)
    assert re.search(r"2020-11-23 +390 +780 +0 +0 +PASS +780", said)


def test_no_key_says_what_to_do(monkeypatch, postgres_url):
    monkeypatch.setenv("TIMESCALEDB_URL", postgres_url)
    monkeypatch.setenv("ALPHA_VANTAGE_API_KEY", "")
    status, said = intraday("run", "2020-11-23")
    assert (status, "ALPHA_VANTAGE_API_KEY" in said) == (1, True)


def test_an_unreachable_database_is_one_sentence(monkeypatch):
    monkeypatch.setenv("TIMESCALEDB_URL", "postgresql://me:hunter2@127.0.0.1:1/nowhere")
    status, said = intraday("run", "2020-11-23")
    assert (status, "cannot be reached" in said, "A retry may help." in said) == (2, True, True)
    assert "hunter2" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_ends_when_told(how):
    process = started("simulate", "alpha-vantage")
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGTERM)
    assert "Traceback" not in errors


def test_ctrl_c_in_a_run_is_one_sentence_and_a_killed_run_is_ended_by_the_next(monkeypatch, postgres_url, tmp_path):
    monkeypatch.setenv("TIMESCALEDB_URL", postgres_url)
    with AlphaVantageSimulator() as simulator:
        monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", simulator.url)
        for how in (signal.SIGINT, signal.SIGKILL):
            process = started("run", "2020-11-02", "2020-12-31")
            wait_for_rows(postgres_url, process)
            process.send_signal(how)
            _, said = process.communicate(timeout=60)
            if how is signal.SIGINT:
                assert (process.returncode, said.count("\n")) == (130, 1)
                assert said.startswith("Interrupted.")
            with psycopg.connect(postgres_url) as connection:
                connection.execute("TRUNCATE market_data")
        assert intraday("run", "2020-11-02")[0] == 0
    dagster = embedded_server(tmp_path / "home" / "postgres", "dagster")
    with dagster.connect() as connection:
        statuses = connection.execute("SELECT status FROM runs ORDER BY id").fetchall()
    stop_embedded(tmp_path / "home" / "postgres")
    assert statuses == [("CANCELED",), ("FAILURE",), ("SUCCESS",)] or statuses == [
        ("FAILURE",),
        ("FAILURE",),
        ("SUCCESS",),
    ]


def test_a_home_that_cannot_be_used_is_one_sentence(monkeypatch):
    monkeypatch.setenv("INTRADAY_HOME", "/etc/passwd")
    status, said = intraday("run", "2020-11-23")
    assert (status, "/etc/passwd" in said, "Traceback" in said) == (2, True, False)
    monkeypatch.setenv("INTRADAY_HOME", "/tmp/with space")
    status, said = intraday("run", "2020-11-23")
    assert (status, "path with spaces" in said, "Traceback" in said) == (2, True, False)


def test_dev_refuses_a_taken_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, said = intraday("dev", "--port", str(taken.getsockname()[1]))
    assert (status, "name another one with --port" in said) == (2, True)


def test_a_loader_that_refuses_is_shown(monkeypatch, postgres_url):
    """Not only what the gate says: bars of another length pass it and cannot be stored."""
    monkeypatch.setenv("TIMESCALEDB_URL", postgres_url)
    with AlphaVantageSimulator() as simulator:
        monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", simulator.url)
        assert intraday("run", "2020-11-27")[0] == 0
        monkeypatch.setenv("INTRADAY_BAR_SIZE", "5min")
        status, said = intraday("run", "2020-11-27")
    assert (status, "holds 1min bars" in said) == (2, True)  # no session would fare better
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT minutes_expected FROM eod_summaries").fetchall() == [(210,), (210,)]


def test_sqlalchemy_urls():
    socket = sqlalchemy_url("postgresql://postgres:@/dagster?host=/tmp/a b")
    assert socket == "postgresql+psycopg2://postgres:@/dagster?host=/tmp/a%20b"
    assert sqlalchemy_url("postgresql://u:p@db:5432/x") == "postgresql+psycopg2://u:p@db:5432/x"
    assert libpq_url("postgresql+psycopg2://u:p@db:5432/x?host=/a+b") == "postgresql://u:p@db:5432/x?host=/a+b"
    assert libpq_url("postgresql://u:p@db/x") == "postgresql://u:p@db/x"
