"""What a key may ask of the Alpha Vantage stand-in: quotes, entitlements, limits, labels and replayed time."""

import csv
import gzip
import json
from decimal import Decimal

import pandas as pd
import pytest

from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.clock import ReplayClock
from tests.support.alpha_vantage import KEY, ask
from tests.support.yahoo import FOLDER

DELAYED = " - DATA DELAYED BY 15 MINUTES"
Row = list[str]


def recorded(prefix: str) -> list[Row]:
    """The recorded rows of NVDA, newest first."""
    path = FOLDER / "alphavantage_1min_ext_NVDA_2020-10-26_2021-01-08.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return [row for row in csv.reader(file) if row[0].startswith(prefix)]


def body_of(body_id: str) -> dict[str, str]:
    lines = (FOLDER / "alphavantage_error_bodies.jsonl").read_text().splitlines()
    return next(record["body"] for record in map(json.loads, lines) if record["id"] == body_id)


def stamps_of(simulator: AlphaVantageSimulator, **changes: str | None) -> list[str]:
    return [row[0] for row in list(csv.reader(ask(simulator, **changes).text.splitlines()))[1:]]


def regular(day: str) -> list[Row]:
    return [row for row in recorded(day) if "09:31:00" <= row[0][11:] <= "16:00:00"]


def expected_quote() -> list[str]:
    day, before = regular("2021-01-08"), regular("2021-01-07")
    price, previous = Decimal(day[0][4]), Decimal(before[0][4])
    change = price - previous
    return [
        "NVDA",
        day[-1][1],
        str(max(Decimal(row[2]) for row in day)),
        str(min(Decimal(row[3]) for row in day)),
        str(price),
        str(sum(int(row[5]) for row in day)),
        "2021-01-08",
        str(previous),
        f"{change:.4f}",
        f"{change / previous * 100:.4f}%",
    ]


def same(got: list[str], expected: list[str]) -> bool:
    """Prices may have more digits than needed."""

    def plain(text: str) -> object:
        return Decimal(text) if text.replace(".", "").replace("-", "").isdigit() and "-" not in text[1:] else text

    return [plain(text) for text in got] == [plain(text) for text in expected]


def test_a_quote_as_json() -> None:
    with AlphaVantageSimulator() as simulator:
        response = ask(simulator, function="GLOBAL_QUOTE", datatype=None)
        assert simulator.requests[0].outcome == "quote"
    (key,) = response.json()
    quote = response.json()[key]
    assert key == "Global Quote"
    assert list(quote) == [
        "01. symbol",
        "02. open",
        "03. high",
        "04. low",
        "05. price",
        "06. volume",
        "07. latest trading day",
        "08. previous close",
        "09. change",
        "10. change percent",
    ]
    assert same(list(quote.values()), expected_quote())


def test_a_quote_as_csv() -> None:
    with AlphaVantageSimulator() as simulator:
        response = ask(simulator, function="GLOBAL_QUOTE")
    header, row = csv.reader(response.text.splitlines())
    assert ",".join(header) == "symbol,open,high,low,price,volume,latestDay,previousClose,change,changePercent"
    assert same(row, expected_quote())
    assert response.content.count(b"\r\n") == 2


def test_quotes_refused() -> None:
    with AlphaVantageSimulator(entitled=False) as simulator:
        assert ask(simulator, function="GLOBAL_QUOTE", symbol="NOSUCH").json() == body_of("global_quote_empty")
        assert ask(simulator, function="GLOBAL_QUOTE", apikey=None).json() == body_of("invalid_key")
        delayed = ask(simulator, function="GLOBAL_QUOTE", entitlement="delayed")
        assert delayed.json() == body_of("not_entitled_delayed")
        assert ask(simulator, function="GLOBAL_QUOTE", datatype="xml").json() == body_of("invalid_call_intraday")


def test_there_is_no_quote_before_the_first_open() -> None:
    start = pd.Timestamp("2020-10-26 09:30:30", tz="America/New_York")
    with AlphaVantageSimulator(clock=ReplayClock(start, 0)) as simulator:
        early = stamps_of(simulator, month="2020-10")
        assert ask(simulator, function="GLOBAL_QUOTE").json() == body_of("global_quote_empty")
    assert early == [row[0] for row in recorded("2020-10-26") if row[0] <= "2020-10-26 09:30:30"]
    assert early


def test_the_first_day_has_its_open_for_a_previous_close() -> None:
    rows = [["2024-03-05 09:31:00", "10", "11", "9", "10.5", "7"]]
    bars = pd.DataFrame(rows, columns=["timestamp", "open", "high", "low", "close", "volume"])
    with AlphaVantageSimulator(bars={"ABC": bars}) as simulator:
        text = ask(simulator, function="GLOBAL_QUOTE", symbol="ABC").text
    assert text.splitlines()[1] == "ABC,10.0000,11.0000,9.0000,10.5000,7,2024-03-05,10.0000,0.5000,5.0000%"


def test_an_entitlement_decorates_the_keys() -> None:
    with AlphaVantageSimulator() as simulator:
        delayed = ask(simulator, datatype="json", entitlement="delayed").json()
        realtime = ask(simulator, datatype="json", entitlement="realtime").json()
        quote = ask(simulator, function="GLOBAL_QUOTE", datatype="json", entitlement="delayed").json()
        assert ask(simulator, entitlement="fast").json() == body_of("invalid_call_intraday")
        assert [record.entitlement for record in simulator.requests] == ["delayed", "realtime", "delayed", "fast"]
    assert list(delayed) == ["Meta Data", f"Time Series (1min){DELAYED}"]
    assert delayed["Meta Data"]["1. Information"].endswith(DELAYED)
    assert list(delayed[f"Time Series (1min){DELAYED}"]) == [row[0] for row in recorded("2020-12")]
    assert list(realtime) == ["Meta Data", "Time Series (1min)"]
    assert list(quote) == [f"Global Quote{DELAYED}"]


@pytest.mark.parametrize("entitlement", ["realtime", "delayed"])
def test_a_key_without_the_entitlement_is_refused(entitlement: str) -> None:
    with AlphaVantageSimulator(entitled=False) as simulator:
        assert ask(simulator, entitlement=entitlement).json() == body_of("not_entitled_delayed")
        assert len(stamps_of(simulator)) > 2000
        assert [record.outcome for record in simulator.requests] == ["not_entitled_delayed", "bars"]


@pytest.mark.parametrize(
    ("limit", "body_id"),
    [
        ((1, 1.0), "burst_free_1rps"),
        ((5, 60.0), "note_5pm_500pd"),
        ((75, 60.0), "minute_quota_premium"),
        ((25, 86_400.0), "daily_quota_key_echo"),
    ],
)
def test_limits_are_enforced(limit: tuple[int, float], body_id: str) -> None:
    allowed, seconds = limit
    now = [1000.0]
    question = {"function": "GLOBAL_QUOTE", "symbol": "NVDA", "apikey": KEY}
    simulator = AlphaVantageSimulator(limits=[limit], monotonic=lambda: now[0])

    def outcome() -> str:
        simulator.reply(question)
        return simulator.requests[-1].outcome

    assert [outcome() for _ in range(allowed)] == ["quote"] * allowed
    now[0] += seconds * 0.9
    assert outcome() == body_id
    # The refused request counts: what is free again are the places of the first requests, not its own.
    now[0] += seconds * 0.15
    assert [outcome() for _ in range(allowed)] == ["quote"] * (allowed - 1) + [body_id]
    now[0] += seconds
    assert [outcome() for _ in range(allowed)] == ["quote"] * allowed


def test_the_longest_limit_speaks_and_a_fault_waits() -> None:
    now = [1000.0]
    limits = [(1, 1.0), (2, 86_400.0)]
    with AlphaVantageSimulator(["status:500:1@MSFT"], limits=limits, monotonic=lambda: now[0]) as simulator:
        good = ask(simulator)
        burst = ask(simulator, symbol="MSFT")
        day = ask(simulator, symbol="MSFT")
        now[0] += 90_000
        fault = ask(simulator, symbol="MSFT")
    assert good.text.startswith("timestamp,")
    assert burst.json() == body_of("burst_free_1rps")
    assert day.json() == {"Information": body_of("daily_quota_key_echo")["Information"].replace("X" * 16, KEY)}
    assert fault.status_code == 500


@pytest.mark.parametrize("limit", [(0, 1.0), (1, 0.0), (1, 90_000.0)])
def test_bad_limits(limit: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match="is not one of a vendor"):
        AlphaVantageSimulator(limits=[limit])


def test_labels_on_the_start_of_the_bar() -> None:
    with AlphaVantageSimulator(labels="start") as simulator:
        minutes = stamps_of(simulator, extended_hours="false")
        fives = stamps_of(simulator, extended_hours="false", interval="5min")
        meta = ask(simulator, datatype="json").json()["Meta Data"]
    day = [stamp[11:16] for stamp in minutes if stamp.startswith("2020-12-02")]
    assert (day[-1], day[0], len(day)) == ("09:30", "15:59", 390)
    day = [stamp[11:16] for stamp in fives if stamp.startswith("2020-12-02")]
    assert (day[-1], day[0], len(day)) == ("09:30", "15:55", 78)
    assert meta["3. Last Refreshed"] == "2020-12-31 19:59:00"
    with pytest.raises(ValueError, match="labels must be 'start' or 'end'"):
        AlphaVantageSimulator(labels="middle")  # type: ignore[arg-type]


def test_live_only_complete_bars_are_served() -> None:
    readings = iter([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    start = pd.Timestamp("2020-12-02 10:03:27", tz="America/New_York")
    with AlphaVantageSimulator(clock=ReplayClock(start, 60, lambda: next(readings))) as simulator:
        newest = [
            stamps_of(simulator)[0],
            stamps_of(simulator, interval="5min")[0],
            stamps_of(simulator, entitlement="delayed")[0],
            stamps_of(simulator, month=None)[0],
        ]
        quote = ask(simulator, function="GLOBAL_QUOTE", datatype="json").json()["Global Quote"]
        later = stamps_of(simulator)[0]
    assert [stamp[:16] for stamp in newest] == [f"2020-12-02 {time}" for time in ("10:03", "10:00", "09:48", "10:03")]
    assert later == "2020-12-02 10:04:00"
    (row,) = recorded("2020-12-02 10:03")
    assert (quote["07. latest trading day"], Decimal(quote["05. price"])) == ("2020-12-02", Decimal(row[4]))
