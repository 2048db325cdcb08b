"""`make demo` as a newcomer runs it, with its data in a temporary folder."""

import io
import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from cli.demo import demo as run_demo
from resources.database.server import embedded_server
from tests.support.desk import stop_embedded

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
SESSIONS = [f"2020-11-{day}" for day in (16, 17, 18, 19, 20, 23, 24, 25, 27, 30)] + [
    f"2020-12-0{day}" for day in range(1, 5)
]
SPOILED = {"2020-11-24", "2020-12-02"}


def make_demo(home: Path, **variables: str) -> str:
    """Its output. A person's settings must not leak into it: not their landing zone, symbols or proxy."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TIMESCALEDB_", "INTRADAY_", "ALPHA_"))
    }
    environment |= {"INTRADAY_HOME": str(home), "COLUMNS": "120", **variables}
    done = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("demo")
    return home, make_demo(home)


def test_the_table_shows_every_session(demo):
    _, said = demo
    table = dict(re.findall(r"(20\d\d-\d\d-\d\d) +(\d+ +\d+ +\d+ +\d+ +[A-Z]+(?:, blocked)? +\d+)", said))
    rows = {key: cells.split() for key, cells in table.items()}
    good = ["390", "780", "0", "0", "PASS", "780"]
    expected = dict.fromkeys(SESSIONS, good) | {
        "2020-11-24": ["390", "735", "45", "0", "FAIL,", "blocked", "0"],
        "2020-11-27": ["210", "420", "0", "0", "PASS", "420"],
        "2020-12-02": ["390", "780", "0", "0", "FAIL,", "blocked", "0"],
    }
    assert rows == expected
    assert "NVDA misses 45 of 390 bars" in said
    assert "1 MSFT bars break low <= open, close <= high" in said
    assert "What next" in said
    assert "make dev" in said


def test_the_rows_are_in_the_embedded_database(demo):
    home, _ = demo
    with psycopg.connect(embedded_server(home / "demo" / "postgres", "intraday").url) as connection:
        days = connection.execute(
            "SELECT (\"timestamp\" AT TIME ZONE 'America/New_York')::date::text, count(*) FROM market_data GROUP BY 1"
        ).fetchall()
    stop_embedded(home / "demo" / "postgres")
    assert dict(days) == {day: 420 if day == "2020-11-27" else 780 for day in SESSIONS if day not in SPOILED}


@pytest.mark.usefixtures("clean_environment")
def test_a_demonstration_that_shows_something_else_fails(tmp_path):
    """Nothing is spoiled, so nothing is blocked: not what the demonstration is there to show."""
    said = io.StringIO()
    assert run_demo(Console(file=said, width=200), faults=()) == 2
    assert "This is not what the demonstration should show" in said.getvalue()
    stop_embedded(tmp_path / "home" / "demo" / "postgres")


def test_a_second_run_changes_nothing_and_says_so(demo):
    home, first = demo
    assert "18,000 rows of market_data and dual_ticker_bars added, revised or removed." in first
    real = home / "real"
    leaks = {"INTRADAY_STORAGE__LANDING": str(real), "INTRADAY_SYMBOLS": "AMD", "HTTP_PROXY": "http://127.0.0.1:1"}
    assert "Nothing changed: every row of the sessions that passed was already stored as it is." in make_demo(
        home, **leaks
    )
    assert not real.exists()
