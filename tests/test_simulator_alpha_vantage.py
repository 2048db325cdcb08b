"""The Alpha Vantage stand-in against the files it replays, which are read here without its code."""

import csv
import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pandas as pd
import pytest
import requests

from simulators import recordings
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.alpha_vantage import KEY, ask

FOLDER = Path(__file__).parents[1] / "simulators" / "recordings"
COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
Row = dict[str, str]


def recorded(symbol: str) -> list[Row]:
    """The recorded rows, newest first."""
    path = FOLDER / f"alphavantage_1min_ext_{symbol}_2020-10-26_2021-01-08.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def body_of(body_id: str) -> dict[str, str]:
    lines = (FOLDER / "alphavantage_error_bodies.jsonl").read_text().splitlines()
    return next(record["body"] for record in map(json.loads, lines) if record["id"] == body_id)


def rows_of(response: requests.Response) -> list[Row]:
    return list(csv.DictReader(response.text.splitlines()))


def as_csv(rows: list[Row]) -> str:
    return "".join(",".join(values) + "\r\n" for values in [COLUMNS, *([row[c] for c in COLUMNS] for row in rows)])


@pytest.fixture(scope="module")
def simulator() -> Iterator[AlphaVantageSimulator]:
    with AlphaVantageSimulator() as running:
        yield running


@pytest.fixture
def tiny_bars() -> pd.DataFrame:
    """Three made-up minutes, not in order."""
    rows = [
        ("2024-03-05 09:33:00", "10.5", "11", "10.00001", "10.25", "700"),
        ("2024-03-05 09:31:00", "10.0", "10.1234", "9.9", "10.1", "500"),
        ("2024-03-05 09:36:00", "10.2", "10.3", "10.1", "10.15", "60"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize("symbol", ["NVDA", "MSFT"])
@pytest.mark.parametrize("month", ["2020-10", "2020-11", "2020-12", "2021-01"])
def test_a_month_of_csv_is_the_recorded_text(simulator: AlphaVantageSimulator, symbol: str, month: str) -> None:
    expected = [row for row in recorded(symbol) if row["timestamp"].startswith(month)]
    response = ask(simulator, symbol=symbol, month=month)
    assert response.status_code == 200
    assert len(expected) > 2000
    assert response.content == as_csv(expected).encode()


def test_json_carries_the_same_bars_newest_first(simulator: AlphaVantageSimulator) -> None:
    expected = [row for row in recorded("MSFT") if row["timestamp"].startswith("2020-12")]
    series = ask(simulator, symbol="MSFT", datatype="json").json()["Time Series (1min)"]
    assert list(series) == [row["timestamp"] for row in expected]
    names = ["1. open", "2. high", "3. low", "4. close", "5. volume"]
    assert {tuple(point) for point in series.values()} == {tuple(names)}
    got = [[Decimal(value) for value in point.values()] for point in series.values()]
    assert got == [[Decimal(row[column]) for column in COLUMNS[1:]] for row in expected]


def test_json_prices_have_four_decimals_unless_digits_would_be_lost(simulator: AlphaVantageSimulator) -> None:
    series = ask(simulator, datatype="json").json()["Time Series (1min)"]
    # The recording has 520.51,520.51,520.27,520.3919999999998,6371.
    assert series["2020-12-24 11:05:00"] == {
        "1. open": "520.5100",
        "2. high": "520.5100",
        "3. low": "520.2700",
        "4. close": "520.3919999999998",
        "5. volume": "6371",
    }


def test_json_sends_odd_price_text_as_it_is(tiny_bars: pd.DataFrame) -> None:
    odd = tiny_bars.iloc[[0]].assign(open="nan", high="1e2", low="-0.5", close="")
    with AlphaVantageSimulator(bars={"ABC": odd}) as simulator:
        series = ask(simulator, symbol="ABC", month=None, datatype="json").json()["Time Series (1min)"]
    assert list(series["2024-03-05 09:33:00"].values()) == ["nan", "1e2", "-0.5000", "", "700"]


def test_json_text_is_laid_out_as_the_vendor_lays_it_out(tiny_bars: pd.DataFrame) -> None:
    with AlphaVantageSimulator(bars={"ABC": tiny_bars.iloc[[0]]}) as simulator:
        response = ask(simulator, symbol="abc", month=None, datatype="json", outputsize=None)
    assert response.text == (
        "{\n"
        '    "Meta Data": {\n'
        '        "1. Information": "Intraday (1min) open, high, low, close prices and volume",\n'
        '        "2. Symbol": "abc",\n'
        '        "3. Last Refreshed": "2024-03-05 09:33:00",\n'
        '        "4. Interval": "1min",\n'
        '        "5. Output Size": "Compact",\n'
        '        "6. Time Zone": "US/Eastern"\n'
        "    },\n"
        '    "Time Series (1min)": {\n'
        '        "2024-03-05 09:33:00": {\n'
        '            "1. open": "10.5000",\n'
        '            "2. high": "11.0000",\n'
        '            "3. low": "10.00001",\n'
        '            "4. close": "10.2500",\n'
        '            "5. volume": "700"\n'
        "        }\n"
        "    }\n"
        "}"
    )


def test_meta_data_names_what_was_asked(simulator: AlphaVantageSimulator) -> None:
    meta = ask(simulator, interval="15min", month="2020-11", datatype="json", symbol="MSFT").json()["Meta Data"]
    assert meta == {
        "1. Information": "Intraday (15min) open, high, low, close prices and volume",
        "2. Symbol": "MSFT",
        "3. Last Refreshed": "2020-11-30 20:00:00",
        "4. Interval": "15min",
        "5. Output Size": "Full size",
        "6. Time Zone": "US/Eastern",
    }


def test_json_is_the_default_datatype(simulator: AlphaVantageSimulator) -> None:
    assert "Time Series (1min)" in ask(simulator, datatype=None).json()


def test_regular_hours_are_a_plain_filter_on_the_label(simulator: AlphaVantageSimulator) -> None:
    got = rows_of(ask(simulator, symbol="MSFT", extended_hours="false"))
    month = [row for row in recorded("MSFT") if row["timestamp"].startswith("2020-12")]
    assert got == [row for row in month if "09:31:00" <= row["timestamp"][11:] <= "16:00:00"]
    one_day = [row["timestamp"] for row in got if row["timestamp"].startswith("2020-12-02")]
    assert (one_day[-1], one_day[0], len(one_day)) == ("2020-12-02 09:31:00", "2020-12-02 16:00:00", 390)


def test_a_half_day_keeps_its_afternoon_bars_in_regular_hours(simulator: AlphaVantageSimulator) -> None:
    got = rows_of(ask(simulator, month="2020-11", extended_hours="false"))
    half_day = [row for row in got if row["timestamp"].startswith("2020-11-27")]
    # The recording goes on with 16:13, which is outside the filter.
    assert [row["timestamp"][11:16] for row in half_day[:2]] == ["13:01", "13:00"]
    assert half_day[0]["volume"] == "155843"


@pytest.mark.parametrize("extended", [None, "true"])
def test_extended_hours_are_the_default(simulator: AlphaVantageSimulator, extended: str | None) -> None:
    assert rows_of(ask(simulator, extended_hours=extended))[-1]["timestamp"] == "2020-12-01 04:01:00"


@pytest.mark.parametrize("size", [None, "compact"])
def test_compact_is_the_last_hundred_points(simulator: AlphaVantageSimulator, size: str | None) -> None:
    assert rows_of(ask(simulator, month=None, outputsize=size)) == recorded("NVDA")[:100]


def test_compact_also_shortens_a_month(simulator: AlphaVantageSimulator) -> None:
    december = [row for row in recorded("NVDA") if row["timestamp"].startswith("2020-12")]
    assert rows_of(ask(simulator, outputsize="compact")) == december[:100]


def test_full_without_a_month_is_the_trailing_thirty_days(simulator: AlphaVantageSimulator) -> None:
    got = rows_of(ask(simulator, month=None))
    # 2020-12-10 to 2021-01-08 are thirty days.
    assert got == [row for row in recorded("NVDA") if row["timestamp"] >= "2020-12-10"]


def test_five_minutes_by_hand(simulator: AlphaVantageSimulator) -> None:
    bars = {row["timestamp"]: [row[c] for c in COLUMNS[1:]] for row in rows_of(ask(simulator, interval="5min"))}
    # 09:31 to 09:35: 127592 + 38685 + 73915 + 33037 + 26385 shares.
    assert bars["2020-12-02 09:35:00"] == ["533.8606", "534.4404", "530.3416", "531.9612", "299614"]
    # 09:36 to 09:40: 26264 + 20676 + 34763 + 21147 + 58322 shares.
    assert bars["2020-12-02 09:40:00"] == ["532.0111", "533.1908", "530.1817", "531.168", "161172"]


def test_a_bin_without_trades_is_absent(simulator: AlphaVantageSimulator) -> None:
    got = rows_of(ask(simulator, symbol="MSFT", interval="5min", month="2020-11"))
    afternoon = [row for row in got if "2020-11-27 13:00:00" < row["timestamp"] < "2020-11-27 16:20:00"]
    # After 13:01 the next minutes with trades are 16:15 and 16:17.
    assert [list(row.values()) for row in reversed(afternoon)] == [
        ["2020-11-27 13:05:00", "215.35", "215.35", "215.23", "215.23", "1480168"],
        ["2020-11-27 16:15:00", "215.12", "215.12", "215.12", "215.12", "500"],
    ]


def by_bin(rows: list[Row], minutes: int) -> list[list[str]]:
    """Rows newest first, aggregated by whole minutes since midnight."""

    def end(row: Row) -> tuple[str, int]:
        hour, minute = int(row["timestamp"][11:13]), int(row["timestamp"][14:16])
        return row["timestamp"][:10], -(-(hour * 60 + minute) // minutes) * minutes

    answer = []
    for (day, label), group in groupby(rows, key=end):
        newest_first = list(group)
        answer.append(
            [
                f"{day} {label // 60:02d}:{label % 60:02d}:00",
                newest_first[-1]["open"],
                max((row["high"] for row in newest_first), key=Decimal),
                min((row["low"] for row in newest_first), key=Decimal),
                newest_first[0]["close"],
                str(sum(int(row["volume"]) for row in newest_first)),
            ]
        )
    return answer


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize("hours", ["true", "false"])
def test_longer_intervals(simulator: AlphaVantageSimulator, minutes: int, hours: str) -> None:
    rows = [row for row in recorded("NVDA") if row["timestamp"].startswith("2020-11")]
    if hours == "false":
        rows = [row for row in rows if "09:31:00" <= row["timestamp"][11:] <= "16:00:00"]
    got = rows_of(ask(simulator, interval=f"{minutes}min", month="2020-11", extended_hours=hours))
    assert [list(row.values()) for row in got] == by_bin(rows, minutes)


@pytest.mark.parametrize("datatype", ["csv", "json"])
@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_answer_is_the_recorded_refusal(
    simulator: AlphaVantageSimulator, key: str | None, datatype: str
) -> None:
    response = ask(simulator, apikey=key, symbol="NOSUCH", datatype=datatype)
    assert response.status_code == 200
    assert response.json() == body_of("invalid_key")


@pytest.mark.parametrize("datatype", ["csv", "json"])
@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "NOSUCH"},
        {"symbol": None},
        {"month": "2019-05"},
        {"month": "2020-13"},
        {"month": "2020"},
        {"interval": "2min"},
        {"interval": None},
        {"extended_hours": "False"},
        {"adjusted": "no"},
        {"outputsize": "huge"},
        {"function": "TIME_SERIES_DAILY"},
    ],
)
def test_a_bad_request_gets_the_recorded_body_as_json(
    simulator: AlphaVantageSimulator, changes: dict[str, str | None], datatype: str
) -> None:
    response = ask(simulator, **{"datatype": datatype} | changes)
    assert response.status_code == 200
    assert response.json() == body_of("invalid_call_intraday")


def test_an_unknown_datatype_is_a_bad_request(simulator: AlphaVantageSimulator) -> None:
    assert ask(simulator, datatype="xml").json() == body_of("invalid_call_intraday")


def test_adjusted_is_accepted_and_changes_nothing(simulator: AlphaVantageSimulator) -> None:
    answers = {ask(simulator, adjusted=adjusted).content for adjusted in ("true", "false", None)}
    assert len(answers) == 1
    assert len(answers.pop()) > 100_000


def test_elsewhere_there_is_nothing(simulator: AlphaVantageSimulator) -> None:
    before = simulator.requests
    assert requests.get(f"{simulator.url}/", timeout=10).status_code == 404
    assert simulator.requests == before


def test_requests_are_recorded_without_the_key(capfd: pytest.CaptureFixture[str]) -> None:
    with AlphaVantageSimulator() as simulator:
        assert list(simulator.requests) == []
        ask(simulator, adjusted="false", extended_hours="false")
        ask(simulator, symbol="NOSUCH", month=None)
        ask(simulator, apikey=None, symbol="msft", outputsize=None, datatype=None)
    first, second, third = simulator.requests
    assert (first.function, first.symbol, first.month) == ("TIME_SERIES_INTRADAY", "NVDA", "2020-12")
    assert (first.interval, first.datatype, first.outputsize) == ("1min", "csv", "full")
    assert (first.adjusted, first.extended_hours, first.outcome) == ("false", "false", "bars")
    assert (second.symbol, second.month, second.outcome) == ("NOSUCH", None, "invalid_call_intraday")
    assert (third.symbol, third.outputsize, third.datatype) == ("msft", None, None)
    assert third.outcome == "invalid_key"
    printed = capfd.readouterr()
    assert KEY not in repr(vars(simulator)) + printed.out + printed.err


def test_given_bars_replace_the_recordings(tiny_bars: pd.DataFrame) -> None:
    with AlphaVantageSimulator(bars={"NVDA": tiny_bars}) as simulator:
        month = ask(simulator, month="2024-03")
        five = ask(simulator, month=None, interval="5min")
        other = ask(simulator, symbol="MSFT")
    assert month.content == (
        b"timestamp,open,high,low,close,volume\r\n"
        b"2024-03-05 09:36:00,10.2,10.3,10.1,10.15,60\r\n"
        b"2024-03-05 09:33:00,10.5,11,10.00001,10.25,700\r\n"
        b"2024-03-05 09:31:00,10.0,10.1234,9.9,10.1,500\r\n"
    )
    assert five.content == (
        b"timestamp,open,high,low,close,volume\r\n"
        b"2024-03-05 09:40:00,10.2,10.3,10.1,10.15,60\r\n"
        b"2024-03-05 09:35:00,10.0,11,9.9,10.25,1200\r\n"
    )
    assert other.json() == body_of("invalid_call_intraday")


def test_a_history_without_bars_is_a_bad_request(tiny_bars: pd.DataFrame) -> None:
    with AlphaVantageSimulator(bars={"NVDA": tiny_bars.iloc[:0]}) as simulator:
        assert ask(simulator, month=None).json() == body_of("invalid_call_intraday")
        assert ask(simulator, month=None, interval="5min").json() == body_of("invalid_call_intraday")


def test_bars_of_another_shape_are_refused(tiny_bars: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="lack the columns close, volume"):
        AlphaVantageSimulator(bars={"NVDA": tiny_bars.drop(columns=["close", "volume"])})
    tiny_bars.loc[1, "timestamp"] = "2024-03-05T09:31:00Z"
    with pytest.raises(ValueError, match="2024-03-05T09:31:00Z"):
        AlphaVantageSimulator(bars={"NVDA": tiny_bars})


def test_recordings_are_text_and_a_caller_cannot_change_them() -> None:
    assert recordings.symbols() == ("MSFT", "NVDA")
    bars = recordings.load_bars("NVDA")
    assert [dict(zip(COLUMNS, row, strict=True)) for row in bars.itertuples(index=False)] == recorded("NVDA")
    bars.loc[:, "close"] = "0"
    assert recordings.load_bars("NVDA")["close"].iloc[0] == "531.18"
    with pytest.raises(KeyError, match="there are recordings of MSFT, NVDA"):
        recordings.load_bars("AAPL")


def test_start_and_stop(tiny_bars: pd.DataFrame) -> None:
    simulator = AlphaVantageSimulator(bars={"NVDA": tiny_bars})
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulator.url
    simulator.stop()
    address = simulator.start().url
    with pytest.raises(RuntimeError, match="running already"):
        simulator.start()
    session = requests.Session()
    assert session.get(f"{address}/query", timeout=10).status_code == 200
    simulator.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(f"{address}/query", timeout=10)
    session.close()
    with simulator:
        assert ask(simulator, month=None).status_code == 200


def test_a_port_can_be_chosen_and_a_taken_one_is_an_error(tiny_bars: pd.DataFrame) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with AlphaVantageSimulator(port=port, bars={"NVDA": tiny_bars}) as simulator:
        assert simulator.url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use"):
            AlphaVantageSimulator(port=port, bars={"NVDA": tiny_bars}).start()


def test_clients_are_served_side_by_side() -> None:
    with AlphaVantageSimulator() as simulator, ThreadPoolExecutor(8) as pool:
        symbols = ["NVDA", "MSFT"] * 8
        answers = list(pool.map(lambda symbol: ask(simulator, symbol=symbol).content, symbols))
    assert set(answers[::2]) == {answers[0]}
    assert set(answers[1::2]) == {answers[1]}
    assert answers[0] != answers[1]
    assert sorted(record.symbol or "" for record in simulator.requests) == sorted(symbols)


def test_a_month_is_rendered_once() -> None:
    simulator = AlphaVantageSimulator()
    question = {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": "NVDA",
        "interval": "1min",
        "month": "2020-12",
        "apikey": KEY,
    }
    first, second = simulator.reply(question), simulator.reply(question)
    assert first is not None
    assert second is not None
    assert first.body is second.body
