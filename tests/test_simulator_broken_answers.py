"""Faults of requests that both stand-ins share, as a client meets them on the socket."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import requests

from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.request_faults import FaultQueue, Status
from simulators.server import Loopback
from simulators.yahoo import YahooSimulator
from tests.support.alpha_vantage import ask
from tests.support.yahoo import FOLDER, ask_chart, recorded_rows, rows_of

Ask = Callable[..., requests.Response]
BOTH = pytest.mark.parametrize(("vendor", "question"), [(AlphaVantageSimulator, ask), (YahooSimulator, ask_chart)])


@BOTH
def test_a_cut_connection_announces_more_than_it_sends(vendor: Callable[..., Any], question: Ask) -> None:
    with vendor(["cut:1"]) as simulator:
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            question(simulator)
        assert question(simulator).status_code == 200
        assert [record.outcome for record in simulator.requests] == ["cut:1", "bars"]


def test_a_truncated_chart_is_a_complete_answer_and_no_json() -> None:
    with YahooSimulator(["truncate:1"]) as simulator:
        response, good = ask_chart(simulator), ask_chart(simulator)
    assert response.status_code == 200
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert good.text.startswith(response.text)
    assert 0.4 < len(response.content) / len(good.content) < 0.6
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_truncated_csv_ends_in_a_row_that_lacks_a_value() -> None:
    with AlphaVantageSimulator(["truncate:1"]) as simulator:
        short, good = ask(simulator), ask(simulator)
    assert good.text.startswith(short.text)
    *rows, last = csv.reader(short.text.splitlines())
    assert {len(row) for row in rows} == {6}
    assert len(last) < 6
    assert len(rows) > 1000


def test_a_truncated_csv_never_ends_with_a_row() -> None:
    # The header and the one row are equally long, so that the middle of the text is the end of a line.
    row = ["2020-12-01 09:31:00", "5", "5", "5", "5", "10000000"]
    bars = {"NVDA": pd.DataFrame([row], columns=["timestamp", "open", "high", "low", "close", "volume"])}
    with AlphaVantageSimulator(["truncate:1"], bars=bars) as simulator:
        short, good = ask(simulator), ask(simulator)
    assert good.content[: len(good.content) // 2].endswith(b"volume\r\n")
    assert short.text == "timestamp,open,high,low,close"


@BOTH
def test_a_slow_body_comes_in_pieces_and_ends_with_the_server(vendor: Callable[..., Any], question: Ask) -> None:
    with vendor(["drip:1:300"]) as simulator:
        path = "query" if vendor is AlphaVantageSimulator else "v8/finance/chart/NVDA"
        parameters = {"function": "GLOBAL_QUOTE", "symbol": "NVDA", "apikey": "any", "interval": "1m", "range": "1d"}
        with requests.get(f"{simulator.url}/{path}", params=parameters, stream=True, timeout=10) as response:
            announced = int(response.headers["Content-Length"])
            assert len(response.raw.read1(1)) == 1
            # Others are not held up.
            assert question(simulator).status_code == 200
            simulator.stop()
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                _ = response.content
    assert announced > 100


def test_a_slow_body_is_whole_in_the_end() -> None:
    with YahooSimulator(["drip:1:0.05"]) as simulator:
        assert rows_of(ask_chart(simulator)) == recorded_rows("NVDA", "2024-08-26", "2024-08-27")
        assert simulator.requests[0].outcome == "drip:1:0.05"


def test_yahoo_has_the_same_faults_of_requests() -> None:
    with YahooSimulator(["status:500:1", "garbage:1", "empty:1"]) as simulator:
        broken, garbage, empty, good = [ask_chart(simulator) for _ in range(4)]
        requests.get(f"{simulator.url}/v1/test/getcrumb", timeout=10)
    assert (broken.status_code, broken.text.startswith("<!DOCTYPE html>")) == (500, True)
    assert (garbage.status_code, garbage.text.startswith("<!DOCTYPE html>")) == (200, True)
    assert (empty.status_code, empty.text) == (200, "{}")
    assert good.status_code == 200


def test_a_hanging_chart_is_released_by_stop() -> None:
    with YahooSimulator(["hang:1:300"]) as simulator:
        with pytest.raises(requests.Timeout):
            requests.get(f"{simulator.url}/v8/finance/chart/NVDA", timeout=0.2)
        assert [record.outcome for record in simulator.requests] == ["hang:1:300"]
        assert ask_chart(simulator).status_code == 200


def test_every_recorded_body_of_yahoo_can_be_served() -> None:
    records = [json.loads(line) for line in (FOLDER / "yahoo_error_bodies.jsonl").read_text().splitlines()]
    whole = json.loads((FOLDER / "yahoo_1m_AAPL_weekend_empty_2025-02-01.http.json").read_text())
    with YahooSimulator([f"answer:{record['id']}:1" for record in records]) as simulator:
        for record in records:
            response = ask_chart(simulator)
            assert response.status_code == record["http_status"]
            if record["id"] == "empty_window":
                assert response.json() == whole["response"]["bodyJson"]
            elif "body" in record:
                assert response.json() == record["body"]
            else:
                assert response.text == record["body_text"]
                assert "json" not in response.headers["Content-Type"]
    assert len(records) == 11


def test_a_body_of_another_vendor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bad fault 'answer:429_edge:1': .* another vendor's"):
        AlphaVantageSimulator(["answer:429_edge:1"])
    with pytest.raises(ValueError, match="another vendor's"):
        YahooSimulator(["answer:daily_quota_generic:1"])


@BOTH
def test_a_fault_of_requests_for_one_stock(vendor: Callable[..., Any], question: Ask) -> None:
    with vendor(["status:503:1@nvda", "garbage:1"]) as simulator:
        for symbol in ("MSFT", "MSFT", "NVDA", "NVDA"):
            question(simulator, symbol=symbol)
        outcomes = [(record.symbol, record.outcome) for record in simulator.requests]
    assert outcomes == [("MSFT", "garbage:1"), ("MSFT", "bars"), ("NVDA", "status:503:1@NVDA"), ("NVDA", "bars")]


def test_a_request_without_a_stock_meets_the_faults_of_all() -> None:
    queue = FaultQueue([Status(1, 500, symbol="NVDA"), Status(1, 501)])
    assert [queue.take(None), queue.take(None), queue.take("nvda")] == [
        Status(1, 501),
        None,
        Status(1, 500, symbol="NVDA"),
    ]


def test_only_the_machine_itself_is_served() -> None:
    simulators: list[Loopback] = [AlphaVantageSimulator(), YahooSimulator()]
    for simulator in simulators:
        with simulator:
            assert simulator._server is not None
            assert simulator._server.server_address[0] == "127.0.0.1"
