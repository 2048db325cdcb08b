"""The console command: its help, bad input, and how it ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.desk import sqlalchemy_url
from simulators.alpha_vantage import AlphaVantageSimulator

ROOT = Path(__file__).parents[1]
INTRADAY = str(Path(sys.executable).with_name("intraday"))

pytestmark = pytest.mark.usefixtures("clean_environment")


def intraday(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([INTRADAY, *arguments], env=environment, text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["demo", "--help"], ["dev", "--help"], ["simulate", "--help"]]
)
def test_help(arguments):
    status, said = intraday(*arguments)
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
    process = subprocess.Popen(
        [INTRADAY, "simulate", "alpha-vantage"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGTERM)
    assert "Traceback" not in errors


def test_sqlalchemy_urls():
    socket = sqlalchemy_url("postgresql://postgres:@/dagster?host=/tmp/a b")
    assert socket == "postgresql+psycopg2://postgres:@/dagster?host=/tmp/a%20b"
    assert sqlalchemy_url("postgresql://u:p@db:5432/x") == "postgresql+psycopg2://u:p@db:5432/x"
