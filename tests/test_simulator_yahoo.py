"""The Yahoo stand-in over its socket, against the files it replays, which are read here without its code."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pandas as pd
import pytest
import requests

from simulators import recordings
from simulators.clock import ReplayClock
from simulators.yahoo import YahooSimulator
from tests.support.yahoo import FOLDER, ask_chart, epoch, error_body, recorded_rows, result_of, rows_of

COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[YahooSimulator]:
    with YahooSimulator() as running:
        yield running


def table(*rows: str) -> dict[str, pd.DataFrame]:
    """Made-up bars of ABC, one CSV row each."""
    return {"ABC": pd.DataFrame([row.split(",") for row in rows], columns=COLUMNS)}


def at(time: str, step: float = 0.0) -> ReplayClock:
    """A clock that stands at a New York time; every reading moves it by `step` seconds."""
    readings = iter(step * number for number in range(1000))
    return ReplayClock(pd.Timestamp(time, tz="America/New_York"), 1.0, lambda: next(readings))


@pytest.mark.parametrize("symbol", ["NVDA", "MSFT"])
def test_a_week_of_minutes_is_the_recorded_rows(simulator: YahooSimulator, symbol: str) -> None:
    expected = recorded_rows(symbol, "2024-08-23", "2024-08-31")
    assert len(expected) > 5000
    assert rows_of(ask_chart(simulator, symbol, "2024-08-23", "2024-08-31")) == expected


def test_the_second_period_is_excluded(simulator: YahooSimulator) -> None:
    got = rows_of(ask_chart(simulator, first="2024-08-26 09:30", last="2024-08-26 09:33"))
    assert [row[0] for row in got] == [epoch(f"2024-08-26 09:3{minute}") for minute in range(3)]


@pytest.mark.parametrize("asked", ["false", "False", None])
def test_regular_hours_are_the_default(simulator: YahooSimulator, asked: str | None) -> None:
    got = rows_of(ask_chart(simulator, includePrePost=asked))
    assert got == recorded_rows("NVDA", "2024-08-26 09:30", "2024-08-26 16:00")
    assert len(got) == 390


@pytest.mark.parametrize("symbol", ["NVDA", "MSFT"])
def test_five_minutes_are_what_the_vendor_recorded(simulator: YahooSimulator, symbol: str) -> None:
    got = rows_of(ask_chart(simulator, symbol, "2024-08-23", "2024-08-31", interval="5m"))
    recorded = recorded_rows(symbol, "2024-08-23", "2024-08-31", "5m")
    # Of the stamp that comes twice the second counts. One close and some volumes differ, as PROVENANCE.md says.
    expected = {row[0]: row for row in recorded}
    odd = epoch("2024-08-23 19:55") if symbol == "NVDA" else 0
    assert [row[0] for row in got] == sorted(expected)
    assert [row[:4] for row in got] == [expected[row[0]][:4] for row in got]
    assert [row[0] for row in got if row[4] != expected[row[0]][4]] == ([odd] if odd else [])
    assert sum(row[5] != expected[row[0]][5] for row in got) == (30 if odd else 18)


def test_an_hour_begins_with_the_regular_hours(simulator: YahooSimulator) -> None:
    minutes = recorded_rows("NVDA", "2024-08-26 09:30", "2024-08-26 10:30")
    first, *others = rows_of(ask_chart(simulator, interval="60m", includePrePost="false"))
    assert first == (
        epoch("2024-08-26 09:30"),
        minutes[0][1],
        max(row[2] or 0 for row in minutes),
        min(row[3] or 0 for row in minutes),
        minutes[-1][4],
        sum(row[5] or 0 for row in minutes),
    )
    assert [row[0] for row in others] == [epoch(f"2024-08-26 {hour}:30") for hour in range(10, 16)]


def test_before_the_open_an_hour_ends_early(simulator: YahooSimulator) -> None:
    got = [row[0] for row in rows_of(ask_chart(simulator, interval="1h"))]
    expected = ["04:00", "05:00", "06:00", "07:00", "08:00", "09:00", "09:30", "10:30"]
    assert got[:8] == [epoch(f"2024-08-26 {time}") for time in expected]
    assert epoch("2024-08-26 15:30") in got
    assert epoch("2024-08-26 16:00") in got


def test_the_look_up_of_the_time_zone(simulator: YahooSimulator) -> None:
    response = ask_chart(simulator, period1=None, period2=None, range="1d", interval="1d", includePrePost=None)
    result = result_of(response)
    minutes = recorded_rows("NVDA", "2024-08-30 09:30", "2024-08-30 16:00")
    assert result["meta"]["exchangeTimezoneName"] == "America/New_York"
    assert result["meta"]["range"] == "1d"
    (row,) = rows_of(response)
    assert (row[0], row[1], row[4]) == (epoch("2024-08-30 09:30"), minutes[0][1], minutes[-1][4])


def test_a_range_counts_days_with_bars(simulator: YahooSimulator) -> None:
    got = rows_of(ask_chart(simulator, period1=None, period2=None, range="5d", interval="5m", includePrePost="false"))
    assert (got[0][0], len(got)) == (epoch("2024-08-26 09:30"), 5 * 78)


def test_meta_data_has_the_recorded_fields(simulator: YahooSimulator) -> None:
    recorded = json.loads((FOLDER / "yahoo_1m_AAPL_weekend_empty_2025-02-01.http.json").read_text())
    theirs = recorded["response"]["bodyJson"]["chart"]["result"][0]["meta"]
    ours = result_of(ask_chart(simulator, first="2024-08-27", last="2024-08-28"))["meta"]
    unknown = {name for name in theirs if name.startswith(("fiftyTwo", "regularMarketDay", "firstTrade"))}
    assert set(theirs) - set(ours) == unknown | {"longName", "shortName", "regularMarketVolume"}
    same = ["currency", "exchangeName", "fullExchangeName", "instrumentType", "exchangeTimezoneName", "validRanges"]
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert (ours["symbol"], ours["dataGranularity"], ours["gmtoffset"], ours["timezone"]) == (
        "NVDA",
        "1m",
        -14400,
        "EDT",
    )
    assert ours["currentTradingPeriod"]["regular"] == {
        "timezone": "EDT",
        "start": epoch("2024-08-30 09:30"),
        "end": epoch("2024-08-30 16:00"),
        "gmtoffset": -14400,
    }
    # The last regular close of 2024-08-26.
    assert ours["chartPreviousClose"] == recorded_rows("NVDA", "2024-08-26 15:59", "2024-08-26 16:00")[0][4]


def test_trading_periods(simulator: YahooSimulator) -> None:
    regular = result_of(ask_chart(simulator, last="2024-08-28", includePrePost="false"))["meta"]["tradingPeriods"]
    assert [[period["start"] for period in day] for day in regular] == [
        [epoch("2024-08-26 09:30")],
        [epoch("2024-08-27 09:30")],
    ]
    every = result_of(ask_chart(simulator))["meta"]["tradingPeriods"]
    spans = {name: [(day[0]["start"], day[0]["end"]) for day in days] for name, days in every.items()}
    assert spans == {
        "pre": [(epoch("2024-08-26 04:00"), epoch("2024-08-26 09:30"))],
        "regular": [(epoch("2024-08-26 09:30"), epoch("2024-08-26 16:00"))],
        "post": [(epoch("2024-08-26 16:00"), epoch("2024-08-26 20:00"))],
    }


def test_a_weekend_is_the_recorded_empty_form(simulator: YahooSimulator) -> None:
    result = result_of(ask_chart(simulator, first="2024-08-24", last="2024-08-26"))
    assert "timestamp" not in result
    assert "tradingPeriods" not in result["meta"]
    assert result["indicators"] == {"quote": [{}]}
    assert simulator.requests[-1].outcome == "empty_window"


def test_a_minute_without_values_is_null() -> None:
    bars = table("2024-03-05 09:30:00,5,6,4,5.5,7", "2024-03-05 09:31:00,,,,,", "2024-03-05 09:32:00,5,5,5,5,0")
    with YahooSimulator(bars=bars) as simulator:
        minutes = rows_of(ask_chart(simulator, "abc", "2024-03-05", "2024-03-06"))
        bins = rows_of(ask_chart(simulator, "ABC", "2024-03-05", "2024-03-06", interval="2m"))
        assert ask_chart(simulator).status_code == 404
    start = epoch("2024-03-05 09:30")
    assert minutes == [
        (start, 5.0, 6.0, 4.0, 5.5, 7),
        (start + 60, None, None, None, None, None),
        (start + 120, 5.0, 5.0, 5.0, 5.0, 0),
    ]
    assert bins == [(start, 5.0, 6.0, 4.0, 5.5, 7), (start + 120, 5.0, 5.0, 5.0, 5.0, 0)]


def test_clocks_that_change_are_told_in_utc() -> None:
    bars = table("2024-03-08 09:30:00,5,5,5,5,1", "2024-03-11 09:30:00,5,5,5,5,1")
    with YahooSimulator(bars=bars) as simulator:
        got = rows_of(ask_chart(simulator, "ABC", "2024-03-08", "2024-03-12"))
    # 14:30 and, from 2024-03-10 on, 13:30 UTC.
    assert [row[0] for row in got] == [1709908200, 1710163800]


def test_an_unknown_symbol_is_not_found(simulator: YahooSimulator) -> None:
    response = ask_chart(simulator, "NOSUCH")
    assert (response.status_code, response.json()) == (404, error_body("not_found")["body"])


def test_more_than_eight_days_are_refused_with_the_recorded_text(simulator: YahooSimulator) -> None:
    first, last = epoch("2024-08-22"), epoch("2024-08-30")
    assert ask_chart(simulator, period1=first, period2=last).status_code == 200
    response = ask_chart(simulator, period1=first, period2=last + 1)
    recorded = error_body("1m_too_wide")["body"]["chart"]["error"]["description"]
    said = recorded.replace("1734843600", str(first)).replace("1737435600", str(last + 1))
    assert response.status_code == 422
    error = {"code": "Unprocessable Entity", "description": said}
    assert response.json() == {"chart": {"result": None, "error": error}}
    assert ask_chart(simulator, period1=first, period2=last + 1, interval="5m").status_code == 200
    wide = ask_chart(simulator, period1=None, period2=None, range="1mo")
    assert (wide.status_code, simulator.requests[-1].outcome) == (422, "1m_too_wide")


def test_minutes_reach_thirty_days_back() -> None:
    now = pd.Timestamp("2024-09-25 12:00", tz="America/New_York")
    window = {"period1": epoch("2024-08-26 12:00"), "period2": epoch("2024-08-27")}
    older = window | {"period1": window["period1"] - 1}
    with YahooSimulator(now=lambda: now) as simulator:
        assert ask_chart(simulator, **window).status_code == 200
        response = ask_chart(simulator, **older)
        assert ask_chart(simulator, **older, interval="5m").status_code == 200
    recorded = error_body("1m_too_old")["body"]["chart"]["error"]["description"]
    said = recorded.replace("1700000000", str(older["period1"])).replace("1700604800", str(older["period2"]))
    assert (response.status_code, response.json()["chart"]["error"]["description"]) == (422, said)
    with YahooSimulator(now=lambda: now, reach_days=None) as simulator:
        assert ask_chart(simulator, **older).status_code == 200
    with YahooSimulator(now=lambda: now, reach_days=7) as simulator:
        assert "within the last 7 days" in ask_chart(simulator, **older).text


@pytest.mark.parametrize(
    ("changes", "status", "outcome"),
    [
        ({"interval": "7m"}, 400, "bad_interval"),
        ({"interval": "1wk"}, 400, "bad_interval"),
        ({"period2": None}, 400, "range_absent"),
        ({"period1": "yesterday"}, 400, "range_absent"),
        ({"period1": epoch("2024-08-28")}, 400, "range_absent"),
        ({"period1": None, "period2": None, "range": "3d"}, 400, "range_absent"),
    ],
)
def test_bad_requests(simulator: YahooSimulator, changes: dict[str, object], status: int, outcome: str) -> None:
    response = ask_chart(simulator, **changes)
    assert (response.status_code, simulator.requests[-1].outcome) == (status, outcome)
    assert response.json()["chart"]["error"]["code"] == "Bad Request"
    if "interval" in changes:
        assert f"interval={changes['interval']} is not supported" in response.text


def test_a_symbol_may_need_quoting_in_the_path() -> None:
    bars = {"^ABC": table("2024-03-05 09:30:00,5,5,5,5,0")["ABC"]}
    with YahooSimulator(bars=bars) as simulator:
        response = ask_chart(simulator, "%5EABC", "2024-03-05", "2024-03-06")
        assert (result_of(response)["meta"]["symbol"], simulator.requests[0].symbol) == ("^ABC", "^ABC")


def test_a_form_is_read_before_it_is_answered(simulator: YahooSimulator) -> None:
    # Closing with unread bytes resets the connection, and the client may lose the answer.
    address = urlsplit(simulator.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=0.2) as client:
        client.sendall(b"POST /v2/collectConsent HTTP/1.0\r\nContent-Length: 5\r\n\r\nagre")
        with pytest.raises(TimeoutError):
            client.recv(100)
        client.settimeout(10)
        client.sendall(b"e")
        assert b"200 OK" in client.recv(100)


def test_only_charts_are_recorded_and_the_rest_is_counted() -> None:
    with YahooSimulator() as simulator:
        assert (simulator.requests, simulator.side_requests) == ((), 0)
        cookie = requests.get(f"{simulator.url}/", timeout=10)
        crumb = requests.get(f"{simulator.url}/v1/test/getcrumb", timeout=10)
        consent = requests.get(f"{simulator.url}/consent", timeout=10)
        requests.post(f"{simulator.url}/v2/collectConsent", data={"csrfToken": "stand-in"}, timeout=10)
        requests.get(f"{simulator.url}/copyConsent", data={"agree": "agree"}, timeout=10)
        assert (simulator.requests, simulator.side_requests) == ((), 5)
        ask_chart(simulator, "nvda", period1=1, period2=2, crumb="x")
        (record,) = simulator.requests
        assert requests.get(f"{simulator.url}/v10/finance/quoteSummary/NVDA", timeout=10).status_code == 404
        assert (len(simulator.requests), simulator.side_requests) == (1, 5)
    assert cookie.cookies.keys() == ["A3"]
    assert crumb.text
    assert "<html>" not in crumb.text
    assert 'name="csrfToken"' in consent.text
    assert (record.symbol, record.interval, record.period1, record.period2) == ("nvda", "1m", "1", "2")
    assert (record.range, record.include_prepost, record.outcome) == (None, "true", "1m_too_old")


def test_another_host_in_the_header_is_no_matter(simulator: YahooSimulator) -> None:
    address = f"{simulator.url}/v8/finance/chart/NVDA?range=1d&interval=1d"
    response = requests.get(address, headers={"Host": "query2.finance.yahoo.com"}, timeout=10)
    assert result_of(response)["meta"]["symbol"] == "NVDA"


def test_clients_are_served_side_by_side(simulator: YahooSimulator) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda symbol: rows_of(ask_chart(simulator, symbol)), ["NVDA", "MSFT"] * 4))
    assert answers[::2] == [recorded_rows("NVDA", "2024-08-26", "2024-08-27")] * 4
    assert answers[1::2] == [recorded_rows("MSFT", "2024-08-26", "2024-08-27")] * 4


def test_live_only_complete_minutes_are_served_and_the_forming_one_off_the_grid() -> None:
    with YahooSimulator(clock=at("2024-08-26 10:03:27")) as simulator:
        got = rows_of(ask_chart(simulator))
        meta = result_of(ask_chart(simulator))["meta"]
    complete = recorded_rows("NVDA", "2024-08-26", "2024-08-26 10:03")
    (opened,) = {row[1] for row in recorded_rows("NVDA", "2024-08-26 10:03", "2024-08-26 10:04")}
    assert got[:-1] == complete
    assert got[-1] == (epoch("2024-08-26 10:03:27"), opened, opened, opened, opened, 0)
    assert meta["regularMarketPrice"] == complete[-1][4]
    assert meta["currentTradingPeriod"]["regular"]["start"] == epoch("2024-08-26 09:30")


def test_live_on_the_full_minute_nothing_is_forming() -> None:
    with YahooSimulator(clock=at("2024-08-26 10:03")) as simulator:
        assert rows_of(ask_chart(simulator)) == recorded_rows("NVDA", "2024-08-26", "2024-08-26 10:03")


def test_live_longer_bars_grow() -> None:
    with YahooSimulator(clock=at("2024-08-26 10:02:01")) as simulator:
        *_, forming, live = rows_of(ask_chart(simulator, interval="5m"))
        day = rows_of(ask_chart(simulator, interval="1d"))
    first, second = recorded_rows("NVDA", "2024-08-26 10:00", "2024-08-26 10:02")
    assert forming[0] == epoch("2024-08-26 10:00")
    assert (forming[1], forming[4], forming[5]) == (first[1], second[4], (first[5] or 0) + (second[5] or 0))
    assert live[0] == epoch("2024-08-26 10:02:01")
    assert [row[0] for row in day] == [epoch("2024-08-26 09:30")]


def test_live_before_the_open_regular_hours_have_nothing() -> None:
    with YahooSimulator(clock=at("2024-08-26 09:29:30")) as simulator:
        assert "timestamp" not in result_of(ask_chart(simulator, includePrePost="false"))
        last = rows_of(ask_chart(simulator))[-1]
    assert last[0] == epoch("2024-08-26 09:29:30")


def test_live_a_past_window_has_no_forming_row() -> None:
    with YahooSimulator(clock=at("2024-08-27 10:03:27")) as simulator:
        assert rows_of(ask_chart(simulator)) == recorded_rows("NVDA", "2024-08-26", "2024-08-27")


def test_a_clock_runs_at_its_speed() -> None:
    readings = iter([100.0, 100.5, 101.0])
    clock = ReplayClock(pd.Timestamp("2024-08-26T13:30Z"), 60, lambda: next(readings))
    assert clock.now().isoformat() == "2024-08-26T09:30:30-04:00"
    assert clock.now().isoformat() == "2024-08-26T09:31:00-04:00"


def test_bad_clocks() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ReplayClock(pd.Timestamp("2024-08-26"))
    with pytest.raises(ValueError, match="speed -1 "):
        ReplayClock(pd.Timestamp("2024-08-26T13:30Z"), -1)
    with pytest.raises(ValueError, match="not from both"):
        YahooSimulator(now=lambda: pd.Timestamp("2024-08-26T13:30Z"), clock=at("2024-08-26"))


def test_recordings_are_text_and_a_caller_cannot_change_them() -> None:
    assert recordings.yahoo_symbols() == ("MSFT", "NVDA")
    bars = recordings.load_yahoo_bars("NVDA")
    assert list(bars.columns) == COLUMNS
    assert bars["close"].iloc[0] == "125.32"
    bars.loc[:, "close"] = "0"
    assert recordings.load_yahoo_bars("NVDA")["close"].iloc[0] == "125.32"
    with pytest.raises(KeyError, match="there are recordings of MSFT, NVDA"):
        recordings.load_yahoo_bars("AAPL")


def test_a_clock_is_the_same_in_another_process() -> None:
    """Who knows when it began by the machine's second has the same clock, whenever he makes it."""
    first = ReplayClock(pd.Timestamp("2024-08-26T13:30Z"), 60, lambda: 100.0)
    other = ReplayClock(first.start, first.speed, lambda: 101.5, began=first.began)
    assert other.now().isoformat() == "2024-08-26T09:31:30-04:00"
