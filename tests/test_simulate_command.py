"""`intraday simulate …`: what it serves, what it says, and what it refuses."""

import csv
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from rich.console import Console

from cli.simulate import Options, alpha_vantage, yahoo
from cli.simulate_tws import tws
from resources.errors import ConfigError
from tests.support.commands import intraday
from tests.support.ib_library import NVDA, ib, until
from tests.support.yahoo import epoch

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "simulate"]

pytestmark = pytest.mark.usefixtures("clean_environment")


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, list[str]]]:
    """The address of a running stand-in and all lines it printed."""
    with subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Use it:"):
                break
        try:
            yield lines[0].partition(" at ")[2].partition(",")[0], lines
        finally:
            process.kill()


def test_yahoo_as_if_live_with_a_plan_and_faults(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("alpha_vantage:\n  - garbage:1\nyahoo:\n  - status:503:1\n")
    faults = ["--plan", str(plan), "--fault", "answer:429_edge:1"]
    window = {"period1": epoch("2024-08-26"), "period2": epoch("2024-08-27"), "interval": "1m"}
    with serving("yahoo", "--from", "2024-08-26T10:03:27", "--speed", "0", *faults) as (url, lines):
        answers = [requests.get(f"{url}/v8/finance/chart/NVDA", params=window, timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 429, 200]
    stamps = answers[2].json()["chart"]["result"][0]["timestamp"]
    assert stamps[-2:] == [epoch("2024-08-26 10:02"), epoch("2024-08-26 10:03:27")]
    assert lines[:3] == [
        f"Yahoo stand-in at {url}, replaying recorded sessions as if they were live. Ctrl-C ends it.",
        "  The next request is answered with HTTP status 503 and an HTML page.",
        "  The next request is answered with the recorded body 429_edge.",
    ]


def test_alpha_vantage_as_if_live_with_labels_on_the_start() -> None:
    arguments = ["--from", "2020-12-02 10:03:27", "--speed", "0", "--labels", "start", "--fault", "garbage:1@MSFT"]
    with serving("alpha-vantage", *arguments) as (url, lines):
        question = {"function": "TIME_SERIES_INTRADAY", "symbol": "NVDA", "interval": "1min", "datatype": "csv"}
        text = requests.get(f"{url}/query", params=question | {"apikey": "any"}, timeout=10).text
    assert list(csv.reader(text.splitlines()))[1][0] == "2020-12-02 10:02:00"
    assert lines[0].startswith(f"Alpha Vantage stand-in at {url}, ")


@pytest.mark.parametrize(
    ("vendor", "session", "source"),
    [
        (["alpha-vantage"], "2020-11-23", "alpha_vantage"), (["yahoo"], "2024-08-27", "yahoo"),
        (["yahoo", "--same-bars"], "2020-11-23", "yahoo"),
    ],
)  # fmt: skip
def test_what_it_says_to_type_works(
    clean_environment: pytest.MonkeyPatch, postgres_url: str, vendor: list[str], session: str, source: str
) -> None:
    with serving(*vendor) as (_, lines):
        *variables, command, run, _ = shlex.split(lines[-1].removeprefix("Use it: "))
        assert (command, run) == ("intraday", "run")
        for variable in (*variables, f"TIMESCALEDB_URL={postgres_url}"):
            clean_environment.setenv(*variable.split("=", 1))
        status, said = intraday("run", session)
    assert status == 0, said
    with psycopg.connect(postgres_url) as connection:
        stored = connection.execute("SELECT source, count(*) FROM market_data GROUP BY 1").fetchall()
    assert stored == [(source, 778 if session == "2024-08-27" else 780)]


@contextmanager
def client_of(address: str, client_id: int = 7) -> Iterator[Any]:
    """A client of Interactive Brokers' API at `host:port`."""
    host, _, port = address.rpartition(":")
    client = ib.IB()
    client.connect(host, int(port), clientId=client_id, timeout=10)
    try:
        yield client
    finally:
        client.disconnect()


def test_tws_with_a_fault_and_an_account() -> None:
    arguments = ["tws", "--fault", "reject:1", "--account", "DU7654321"]
    with serving(*arguments) as (address, lines), client_of(address) as client:
        assert client.managedAccounts() == ["DU7654321"]
        trades = [client.placeOrder(NVDA, ib.MarketOrder("BUY", 10)) for _ in range(2)]
        until(client, lambda: trades[1].orderStatus.status == "Filled")
        assert trades[0].orderStatus.status == "Inactive"
    port = address.rpartition(":")[2]
    assert lines == [
        f"TWS stand-in at 127.0.0.1:{port}, replaying recorded sessions. Ctrl-C ends it.",
        "  Once, a new order is rejected.",
        f"Use it: INTRADAY_OMS__BROKER=ib INTRADAY_IB__HOST=127.0.0.1 INTRADAY_IB__PORT={port} "
        "intraday positions reconcile",
    ]


def test_tws_as_if_live_pushes_bars_and_moves_prices() -> None:
    with serving("tws", "--from", "2024-08-26T10:00", "--speed", "60") as (address, _), client_of(address) as client:
        bars = client.reqRealTimeBars(NVDA, 5, "TRADES", False)
        until(client, lambda: len(bars) >= 12)
        first = bars[0]
        trade = client.placeOrder(NVDA, ib.MarketOrder("BUY", 10))
        until(client, lambda: trade.orderStatus.status == "Filled")
    assert first.time.second % 5 == 0
    assert 126 < first.open_ < 130
    assert 126 < trade.orderStatus.avgFillPrice < 130


OPTIONS = Options(port=0, faults=[], plan=None, start=None, speed=None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            replace(OPTIONS, start="tomorrow-ish"),
            "--from 'tomorrow-ish' is not a New York time",
        ),
        (replace(OPTIONS, speed=-1), "the speed -1 is not between 0 and 1000000"),
        (replace(OPTIONS, plan=Path("nowhere.yaml")), "the fault plan nowhere.yaml cannot be read"),
        (replace(OPTIONS, faults=["drop:NVDA:2030-11-24:10:00-10:44"]), "NVDA has no bar there"),
    ],
)
def test_bad_input_is_an_error_of_configuration(options: Options, said: str) -> None:
    for command in (
        lambda: yahoo(Console(), options, same_bars=False),
        lambda: alpha_vantage(Console(), options, "end"),
    ):
        with pytest.raises(ConfigError) as caught:
            command()
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (replace(OPTIONS, faults=["status:500:1"]), "bad fault 'status:500:1': there is no fault 'status'"),
        (replace(OPTIONS, start="tomorrow-ish"), "--from 'tomorrow-ish' is not a New York time"),
    ],
)
def test_bad_input_for_tws_is_an_error_of_configuration(options: Options, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tws(Console(), options, ["DU1234567"])
    assert said in str(caught.value)


def test_labels_are_start_or_end() -> None:
    with pytest.raises(ConfigError, match="--labels 'middle' is neither start nor end"):
        alpha_vantage(Console(), OPTIONS, "middle")


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"Port {port} on 127\.0\.0\.1 cannot be had \(Address already in use\)"):
            yahoo(Console(), replace(OPTIONS, port=port), same_bars=False)
