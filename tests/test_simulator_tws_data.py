"""History and real-time bars of the TWS stand-in, beside the recorded minutes that they come from."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from simulators.recordings import FOLDER, load_yahoo_bars
from simulators.tws import TwsSimulator
from simulators.tws.bars import Bar, five_seconds
from simulators.tws.history import Invalid, Pacing, parse_time
from simulators.tws.notices import NO_DATA, PACING, QUERY_CANCELLED, TEXTS
from simulators.tws.requests import Kind
from tests.support.ib_library import MSFT, NVDA, connected, ib, settle, until

CLOSE = "20240826 16:00:00 US/Eastern"
MONDAY = ("2024-08-26 09:30:00", "2024-08-26 15:59:00")


def recorded(symbol: str, first: str, last: str) -> pd.DataFrame:
    bars = load_yahoo_bars(symbol)
    return bars[bars["timestamp"].between(first, last)]


def history(client: Any, contract: Any = NVDA, end: Any = CLOSE, **asked: Any) -> list[Any]:
    terms = {"durationStr": "1 D", "barSizeSetting": "1 min", "whatToShow": "TRADES", "useRTH": True, "formatDate": 2}
    return list(client.reqHistoricalData(contract, end, **{**terms, **asked}))


def utc(stamp: str) -> datetime:
    return pd.Timestamp(stamp, tz="America/New_York").tz_convert("UTC").to_pydatetime()


@pytest.mark.parametrize(("contract", "end"), [(NVDA, CLOSE), (MSFT, "20240826-20:00:00")])
def test_a_session_minute_by_minute(contract: Any, end: str) -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        bars = history(client, contract, end)
    wanted = recorded(contract.symbol, *MONDAY)
    assert len(bars) == 390
    assert [bar.date for bar in bars] == [utc(stamp) for stamp in wanted["timestamp"]]
    assert bars[0].date.tzinfo is UTC
    for column in ("open", "high", "low", "close", "volume"):
        assert [getattr(bar, column) for bar in bars] == [float(text) for text in wanted[column]]


def test_five_minutes_with_stamps_in_new_york_and_volumes_in_lots() -> None:
    with TwsSimulator(lots=100) as tws, connected(tws) as client:
        first, *_, last = history(client, barSizeSetting="5 mins", formatDate=1)
    minutes = recorded("NVDA", "2024-08-26 09:30:00", "2024-08-26 09:34:00")
    assert first.date.isoformat() == "2024-08-26T09:30:00-04:00"
    assert last.date.isoformat() == "2024-08-26T15:55:00-04:00"
    assert (first.open, first.close) == (float(minutes["open"].iloc[0]), float(minutes["close"].iloc[-1]))
    assert (first.high, first.low) == (minutes["high"].astype(float).max(), minutes["low"].astype(float).min())
    assert first.volume == minutes["volume"].astype(int).sum() // 100


@pytest.mark.parametrize(
    ("asked", "first", "last", "count"),
    [
        ({"useRTH": False}, "2024-08-26 04:00", "2024-08-26 15:59", 720),
        ({"durationStr": "3600 S"}, "2024-08-26 15:00", "2024-08-26 15:59", 60),
        ({"durationStr": "2 D"}, "2024-08-23 09:30", "2024-08-26 15:59", 780),
        ({"durationStr": "1 W"}, "2024-08-23 09:30", "2024-08-26 15:59", 780),
        ({"end": "20240826 11:00:00 US/Eastern"}, "2024-08-26 09:30", "2024-08-26 10:59", 90),
        ({"end": "20240826 11:00:00"}, "2024-08-26 09:30", "2024-08-26 10:59", 90),
        ({"end": "20240824 12:00:00 UTC"}, "2024-08-23 09:30", "2024-08-23 15:59", 390),
        ({"end": ""}, "2024-08-30 09:30", "2024-08-30 15:59", 390),
        ({"barSizeSetting": "1 hour"}, "2024-08-26 09:30", "2024-08-26 15:30", 7),
    ],
)
def test_what_a_request_covers(asked: dict[str, Any], first: str, last: str, count: int) -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        bars = history(client, **asked)
    assert (len(bars), bars[0].date, bars[-1].date) == (count, utc(first), utc(last))


def test_the_minute_that_is_forming_has_its_open_only() -> None:
    now = datetime(2024, 8, 26, 14, 3, 27, tzinfo=UTC)
    with TwsSimulator(now=lambda: now) as tws, connected(tws) as client:
        *_, before, forming = history(client, end="")
    whole = recorded("NVDA", "2024-08-26 10:02:00", "2024-08-26 10:03:00")
    assert (before.date, before.close) == (utc("2024-08-26 10:02"), float(whole["close"].iloc[0]))
    opened = float(whole["open"].iloc[1])
    assert (forming.date, forming.volume) == (utc("2024-08-26 10:03"), 0)
    assert [forming.open, forming.high, forming.low, forming.close] == [opened] * 4


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"end": "20200101 16:00:00 US/Eastern"}, 162, "HMDS query returned no data: NVDA@SMART Trades"),
        ({"whatToShow": "MIDPOINT"}, 162, "HMDS query returned no data: NVDA@SMART Midpoint"),
        ({"contract": ib.Stock("AAPL", "SMART", "USD")}, 200, "No security definition"),
    ],
)
def test_no_bars(asked: dict[str, Any], code: int, said: str) -> None:
    errors: list[tuple[int, str]] = []
    with TwsSimulator() as tws, connected(tws) as client:
        client.errorEvent += lambda _, number, text, *__: errors.append((number, text))
        assert history(client, **asked) == []
    assert [number for number, _ in errors] == [code]
    assert said in errors[0][1]


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"barSizeSetting": "7 mins"}, "Historical data bar size setting is invalid"),
        ({"durationStr": "1 day"}, "Historical data query duration"),
        ({"end": "2024-08-26"}, "The date, time, or time-zone entered is invalid."),
        ({"end": "20240826 16:00:00 Mars/Base"}, "The date, time, or time-zone entered is invalid."),
        ({"end": "", "keepUpToDate": True}, "does not keep historical data up to date"),
    ],
)
def test_a_request_that_makes_no_sense_is_error_321(asked: dict[str, Any], cause: str) -> None:
    errors: list[tuple[int, str]] = []
    with TwsSimulator() as tws, connected(tws) as client:
        client.errorEvent += lambda _, number, text, *__: errors.append((number, text))
        history(client, timeout=0.2, **asked)
    assert errors[0][0] == 321
    assert cause in errors[0][1]


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2024, 8, 26, 20, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def passes(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def test_the_same_request_within_15_seconds() -> None:
    clock = Clock()
    pacing = Pacing(clock)
    assert not pacing.broken(1, ("a",))
    clock.passes(14.9)
    assert pacing.broken(1, ("a",))
    assert not pacing.broken(1, ("b",))
    clock.passes(15)
    assert not pacing.broken(1, ("a",))


def test_six_requests_of_a_contract_within_2_seconds() -> None:
    clock = Clock()
    pacing = Pacing(clock)
    assert [pacing.broken(1, (str(number),)) for number in range(6)] == [False] * 5 + [True]
    assert not pacing.broken(2, ("6",))
    clock.passes(2)
    assert not pacing.broken(1, ("7",))


def test_sixty_requests_in_ten_minutes() -> None:
    clock = Clock()
    pacing = Pacing(clock)
    broken = []
    for number in range(61):
        broken.append(pacing.broken(number, (str(number),)))
        clock.passes(9)
    assert broken == [False] * 60 + [True]
    clock.passes(60)
    assert not pacing.broken(99, ("99",))


def test_a_broken_pace_is_error_162() -> None:
    clock = Clock()
    errors: list[tuple[int, str]] = []
    with TwsSimulator(now=clock) as tws, connected(tws) as client:
        client.errorEvent += lambda _, number, text, *__: errors.append((number, text))
        assert len(history(client)) == 390
        assert history(client) == []
        clock.passes(15)
        assert len(history(client)) == 390
    assert errors == [(162, PACING)]
    with TwsSimulator(now=clock, paced=False) as tws, connected(tws) as client:
        assert [len(history(client)) for _ in range(3)] == [390] * 3


def test_twelve_bars_of_five_seconds_add_up_to_the_minute() -> None:
    minute = Bar(1724679000, 129.6, 129.81, 129.28, 129.74, 14168305)
    pieces = list(five_seconds(minute))
    assert [piece.start for piece in pieces] == list(range(1724679000, 1724679060, 5))
    assert (pieces[0].open, pieces[-1].close) == (129.6, 129.74)
    assert (max(piece.high for piece in pieces), min(piece.low for piece in pieces)) == (129.81, 129.28)
    assert sum(piece.volume for piece in pieces) == 14168305
    assert all(after.open == before.close for before, after in pairwise(pieces))


def test_real_time_bars_of_a_recorded_minute() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        bars = client.reqRealTimeBars(NVDA, 5, "TRADES", False)
        other = client.reqRealTimeBars(MSFT, 5, "TRADES", False)
        tws.wait_for(Kind.REAL_TIME_BARS, 2)
        tws.replay("NVDA", utc("2024-08-26 10:00"), utc("2024-08-26 10:01"))
        tws.replay("NVDA", utc("2024-08-26 10:01"), utc("2024-08-26 10:01:30"))
        settle(client)
        (minute,) = recorded("NVDA", "2024-08-26 10:00:00", "2024-08-26 10:00:00").itertuples()
        assert [bar.time for bar in bars] == [utc("2024-08-26 10:00") + timedelta(seconds=5 * n) for n in range(18)]
        assert (bars[0].open_, bars[11].close) == (float(minute.open), float(minute.close))
        assert sum(bar.volume for bar in bars[:12]) == int(minute.volume)
        assert len(other) == 0
        client.cancelRealTimeBars(bars)
        settle(client)
        before = client.client.connectionStats().numMsgRecv
        tws.push_bar("NVDA", Bar(1724679000, 1, 2, 0.5, 1.5, 100))
        tws.push_bar("MSFT", Bar(1724679000, 1, 2, 0.5, 1.5, 100))
        settle(client)
        # One bar, and the answer to the question that `settle` asks.
        assert client.client.connectionStats().numMsgRecv - before == 2
        assert (len(bars), len(other)) == (18, 1)
        assert (other[0].open_, other[0].high, other[0].low, other[0].close, other[0].volume) == (1, 2, 0.5, 1.5, 100)


def test_the_price_follows_a_replay() -> None:
    close = float(recorded("NVDA", "2024-08-26 10:00:00", "2024-08-26 10:00:00")["close"].iloc[0])
    with TwsSimulator(prices={}) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, ib.MarketOrder("BUY", 10))
        tws.wait_for(Kind.PLACE_ORDER)
        tws.replay("NVDA", utc("2024-08-26 10:00:55"), utc("2024-08-26 10:01"))
        until(client, lambda: trade.orderStatus.status == "Filled")
        assert trade.orderStatus.avgFillPrice == close


@pytest.mark.parametrize(
    ("ends", "code"), [(lambda tws: tws.notice(1101), 1101), (lambda tws: tws.bust_bars("NVDA"), 10225)]
)
def test_what_ends_real_time_bars(ends: Callable[[TwsSimulator], None], code: int) -> None:
    """After 1101 nobody asks again by itself; after a bust both libraries do."""
    errors: list[int] = []
    with TwsSimulator() as tws, connected(tws) as client:
        client.errorEvent += lambda _, number, *__: errors.append(number)
        bars = client.reqRealTimeBars(NVDA, 5, "TRADES", False)
        settle(client)
        ends(tws)
        tws.push_bar("NVDA", Bar(1724679000, 1, 2, 0.5, 1.5, 100))
        settle(client)
        assert (errors, len(bars)) == ([code], 0)
        settle(client)
        tws.push_bar("NVDA", Bar(1724679005, 1, 2, 0.5, 1.5, 100))
        settle(client)
        assert len(bars) == (1 if code == 10225 else 0)


@pytest.mark.parametrize(("kind", "code"), [(1, 354), (3, 10167)])
def test_market_data_is_not_subscribed(kind: int, code: int) -> None:
    errors: list[int] = []
    with TwsSimulator() as tws, connected(tws) as client:
        client.errorEvent += lambda _, number, *__: errors.append(number)
        client.reqMarketDataType(kind)
        client.reqMktData(*client.qualifyContracts(ib.Stock("NVDA", "SMART", "USD")))
        settle(client)
    assert errors == [code]


def test_times_that_clients_write() -> None:
    assert parse_time("20240826 16:00:00 US/Eastern") == utc("2024-08-26 16:00")
    assert parse_time("20240826-20:00:00") == utc("2024-08-26 16:00")
    assert parse_time("20240826  16:00:00") == utc("2024-08-26 16:00")
    with pytest.raises(Invalid):
        parse_time("20241326 16:00:00")


def test_texts_are_those_that_were_recorded() -> None:
    lines = (FOLDER / "tws_messages.jsonl").read_text(encoding="utf-8").splitlines()
    said = {(record["code"], record["text"]) for record in map(json.loads, lines)}
    history_texts = {NO_DATA.format("AAPL", "Trades"), PACING, QUERY_CANCELLED.format(5)}
    assert {text for code, text in said if code == 162} == history_texts
    ours = {(code, TEXTS[code].format("")) for code, _ in said if code != 162}
    assert ours == {(code, text) for code, text in said if code != 162}
