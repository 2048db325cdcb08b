"""Faults on demand: their command-line forms, and what a client sees of them over the socket."""

import csv
import gzip
import json
from datetime import date
from datetime import time as minute
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import requests

from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.bar_faults import Conflict, Drop, Duplicate, Label, Late, Ohlc, Shift
from simulators.faults import Fault, parse_fault
from simulators.request_faults import Answer, Cut, Drip, Empty, Garbage, Hang, Status, Truncate
from simulators.value_faults import Disagree, Null, Quiet, Revise
from tests.support.alpha_vantage import KEY, ask

FOLDER = Path(__file__).parents[1] / "simulators" / "recordings"
Row = list[str]

SPECS: list[tuple[str, Fault, str]] = [
    (
        "drop:NVDA:2020-11-24:10:00-10:44",
        Drop("NVDA", date(2020, 11, 24), minute(10), minute(10, 44)),
        "NVDA has no bars on 2020-11-24 for the minutes from 10:00 to 10:44 New York time.",
    ),
    (
        "late:NVDA:2020-11-24:10:00:37.5",
        Late("NVDA", date(2020, 11, 24), minute(10), 37.5),
        "NVDA's bar of 10:00 New York time on 2020-11-24 comes 37.5 s after its end.",
    ),
    (
        "ohlc:MSFT:2020-12-02:11:15",
        Ohlc("MSFT", date(2020, 12, 2), minute(11, 15)),
        "MSFT's bar of 11:15 New York time on 2020-12-02 has its high below its low.",
    ),
    (
        "duplicate:NVDA:2020-12-01:12:00",
        Duplicate("NVDA", date(2020, 12, 1), minute(12)),
        "NVDA's bar of 12:00 New York time on 2020-12-01 comes twice, the second equal to the first.",
    ),
    (
        "conflict:BRK.B:2020-12-01:12:00",
        Conflict("BRK.B", date(2020, 12, 1), minute(12)),
        "BRK.B's bar of 12:00 New York time on 2020-12-01 comes twice, with two different closes.",
    ),
    (
        "shift:NVDA:2020-12-01:60",
        Shift("NVDA", date(2020, 12, 1), 60),
        "All stamps of NVDA on 2020-12-01 are 60 minutes late.",
    ),
    (
        "shift:NVDA:2020-12-01:-1",
        Shift("NVDA", date(2020, 12, 1), -1),
        "All stamps of NVDA on 2020-12-01 are 1 minute early.",
    ),
    (
        "answer:daily_quota_key_echo:1",
        Answer(1, "daily_quota_key_echo"),
        "The next request is answered with the recorded body daily_quota_key_echo.",
    ),
    (
        "status:503:2",
        Status(2, 503),
        "The next 2 requests are answered with HTTP status 503 and an HTML page.",
    ),
    ("hang:1:2.5", Hang(1, 2.5), "The next request is answered only after 2.5 s."),
    ("garbage:1", Garbage(1), "The next request is answered with an HTML page and HTTP status 200."),
    ("empty:3", Empty(3), "The next 3 requests are answered with an empty JSON object."),
    (
        "label:NVDA:2020-12-01",
        Label("NVDA", date(2020, 12, 1)),
        "The stamps of NVDA on 2020-12-01 mark the other end of the bar than on other days.",
    ),
    (
        "revise:NVDA:2020-12-01:12:00:2",
        Revise("NVDA", date(2020, 12, 1), minute(12), 2),
        "NVDA's bar of 12:00 New York time on 2020-12-01 has another close and volume in the first 2 answers, and is "
        "revised after that.",
    ),
    (
        "disagree:MSFT:2020-12-01:-1.5",
        Disagree("MSFT", date(2020, 12, 1), Decimal("-1.5")),
        "All prices of MSFT on 2020-12-01 are 1.5 % lower.",
    ),
    (
        "null:NVDA:2020-12-01:10:00-10:04",
        Null("NVDA", date(2020, 12, 1), minute(10), minute(10, 4)),
        "NVDA has no values on 2020-12-01 for the minutes from 10:00 to 10:04 New York time.",
    ),
    (
        "quiet:NVDA:2020-12-01:10:00-10:04",
        Quiet("NVDA", date(2020, 12, 1), minute(10), minute(10, 4)),
        "NVDA has volume 0 on 2020-12-01 for the minutes from 10:00 to 10:04 New York time.",
    ),
    ("drip:1:0.5", Drip(1, 0.5), "The next request is answered slowly, the body in small pieces over 0.5 s."),
    ("cut:1", Cut(1), "The next request is cut off in the middle of the body."),
    ("truncate:2", Truncate(2), "The next 2 requests are answered with a text that stops in the middle."),
    (
        "status:500:1@NVDA",
        Status(1, 500, symbol="NVDA"),
        "The next request for NVDA is answered with HTTP status 500 and an HTML page.",
    ),
]


def recorded(symbol: str, prefix: str) -> list[Row]:
    """The recorded rows whose stamp begins with `prefix`, newest first."""
    path = FOLDER / f"alphavantage_1min_ext_{symbol}_2020-10-26_2021-01-08.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return [row for row in csv.reader(file) if row[0].startswith(prefix)]


def rows_with(*faults: str | Fault, bars: dict[str, pd.DataFrame] | None = None, **changes: str) -> list[Row]:
    """The data rows that a client gets while these faults are on."""
    with AlphaVantageSimulator(faults, bars=bars) as simulator:
        return list(csv.reader(ask(simulator, **changes).text.splitlines()))[1:]


def tiny(*rows: str) -> dict[str, pd.DataFrame]:
    columns = ["timestamp", "open", "high", "low", "close", "volume"]
    return {"NVDA": pd.DataFrame([row.split(",") for row in rows], columns=columns)}


@pytest.mark.parametrize(("spec", "fault", "sentence"), SPECS)
def test_a_spec_is_parsed_described_and_given_back(spec: str, fault: Fault, sentence: str) -> None:
    assert parse_fault(spec) == fault
    assert str(fault) == spec
    assert fault.describe() == sentence


def test_a_symbol_may_be_lower_case() -> None:
    assert parse_fault("shift:nvda:2020-12-01:+60") == Shift("NVDA", date(2020, 12, 1), 60)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("explode:NVDA", "there is no fault 'explode'"),
        ("", "there is no fault ''"),
        ("drop:NVDA:2020-11-24", "does not have the form drop:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM"),
        ("drop:NVDA:2020-11-24:10:44-10:00", "the last minute is before the first"),
        ("drop:NVDA:2020-11-24:10:00-24:00", "hour must be in 0..23"),
        ("ohlc:MSFT:2020-13-02:11:15", "month must be in 1..12"),
        ("ohlc:MSFT:2020-12-02:11:15:00", "does not have the form ohlc:SYMBOL:YYYY-MM-DD:HH:MM"),
        ("duplicate::2020-12-01:12:00", "does not have the form duplicate:SYMBOL:YYYY-MM-DD:HH:MM"),
        ("conflict:NVDA:20201201:12:00", "does not have the form conflict:SYMBOL:YYYY-MM-DD:HH:MM"),
        ("shift:NVDA:2020-12-01:0", "the shift must be at least one minute"),
        ("shift:NVDA:2020-12-01:1440", "less than a day"),
        ("shift:NVDA:2020-12-01:1h", "does not have the form shift:SYMBOL:YYYY-MM-DD:MINUTES"),
        ("answer:no_such_body:1", "there is no recorded body 'no_such_body'; there are daily_quota_key_echo, "),
        ("answer:daily_quota_key_echo", "does not have the form answer:BODY_ID:N"),
        ("status:200:1", "the status must be an HTTP error, 400 to 599"),
        ("status:503:0", "the number of requests must be at least 1"),
        ("garbage:-1", "does not have the form garbage:N"),
        ("empty:", "does not have the form empty:N"),
        ("hang:1", "does not have the form hang:N:SECONDS"),
    ],
)
def test_a_bad_spec_says_what_is_wrong_and_what_is_allowed(spec: str, reason: str) -> None:
    with pytest.raises(ValueError, match="bad fault") as caught:
        AlphaVantageSimulator([spec])
    message = str(caught.value)
    assert repr(spec) in message
    assert reason in message
    assert message.endswith(
        "Allowed forms: drop:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM, late:SYMBOL:YYYY-MM-DD:HH:MM:SECONDS, "
        "ohlc:SYMBOL:YYYY-MM-DD:HH:MM, "
        "duplicate:SYMBOL:YYYY-MM-DD:HH:MM, conflict:SYMBOL:YYYY-MM-DD:HH:MM, shift:SYMBOL:YYYY-MM-DD:MINUTES, "
        "label:SYMBOL:YYYY-MM-DD, revise:SYMBOL:YYYY-MM-DD:HH:MM:N, disagree:SYMBOL:YYYY-MM-DD:PERCENT, "
        "null:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM, quiet:SYMBOL:YYYY-MM-DD:HH:MM-HH:MM, answer:BODY_ID:N[@SYMBOL], "
        "status:CODE:N[@SYMBOL], hang:N:SECONDS[@SYMBOL], drip:N:SECONDS[@SYMBOL], cut:N[@SYMBOL], "
        "truncate:N[@SYMBOL], garbage:N[@SYMBOL], empty:N[@SYMBOL]"
    )


def test_faults_made_in_code_are_checked_too() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Garbage(0)
    with pytest.raises(ValueError, match="no recorded body"):
        Answer(1, "nonsense")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("drop:NVDA:2020-11-26:09:30-15:59", "NVDA has no bar there"),
        ("ohlc:NVDA:2020-12-29:13:34", "NVDA has no bar there"),
        ("shift:NVDA:2020-11-28:60", "NVDA has no bar there"),
        ("drop:AAPL:2020-11-24:09:30-15:59", "names a symbol without bars; there are MSFT, NVDA"),
    ],
)
def test_a_fault_that_would_touch_nothing_is_an_error(spec: str, reason: str) -> None:
    # Thanksgiving, the one regular minute that the recording lacks, a Saturday, a stock that is not recorded.
    with pytest.raises(ValueError, match=reason) as caught:
        AlphaVantageSimulator([spec])
    assert repr(spec) in str(caught.value)


def test_dropped_minutes_are_named_by_their_start() -> None:
    month = recorded("NVDA", "2020-11")
    gone = {f"2020-11-24 10:{label:02d}:00" for label in range(1, 46)}
    got = rows_with("drop:NVDA:2020-11-24:10:00-10:44", month="2020-11")
    assert got == [row for row in month if row[0] not in gone]
    assert len(got) == len(month) - 45


def test_dropped_minutes_are_missing_from_longer_bars() -> None:
    got = rows_with("drop:NVDA:2020-12-02:09:30-09:32", interval="5min")
    # What is left of 09:31 to 09:35: the bars of 09:34 and 09:35, 33037 + 26385 shares.
    assert ["2020-12-02 09:35:00", "531.0114", "533.0608", "530.5516", "531.9612", "59422"] in got


def test_faults_leave_other_stocks_alone() -> None:
    specs = ["drop:NVDA:2020-12-01:10:00-10:44", "shift:NVDA:2020-12-02:60", "ohlc:NVDA:2020-12-03:11:15"]
    assert rows_with(*specs, symbol="MSFT") == recorded("MSFT", "2020-12")


def test_high_and_low_are_swapped() -> None:
    good = ["2020-12-02 11:16:00", "214.16", "214.17", "213.96", "214.0099", "49799"]
    bad = ["2020-12-02 11:16:00", "214.16", "213.96", "214.17", "214.0099", "49799"]
    month = recorded("MSFT", "2020-12")
    assert good in month
    got = rows_with("ohlc:MSFT:2020-12-02:11:15", symbol="MSFT")
    assert got == [bad if row == good else row for row in month]


def test_a_flat_bar_gets_its_high_a_cent_below_its_low() -> None:
    bars = tiny("2020-12-01 09:31:00,5.1,5.1,5.10,5.1,7")
    got = rows_with("ohlc:NVDA:2020-12-01:09:30", bars=bars)
    assert got == [["2020-12-01 09:31:00", "5.1", "5.09", "5.10", "5.1", "7"]]


def test_a_duplicate_is_the_same_row_again() -> None:
    month = recorded("NVDA", "2020-12")
    row = ["2020-12-01 12:01:00", "540.3487", "540.3487", "539.2090000000002", "539.6189", "37575"]
    place = month.index(row)
    assert rows_with("duplicate:NVDA:2020-12-01:12:00") == [*month[:place], row, *month[place:]]


def test_a_conflict_is_the_same_stamp_with_another_close() -> None:
    month = recorded("NVDA", "2020-12")
    row = ["2020-12-01 12:01:00", "540.3487", "540.3487", "539.2090000000002", "539.6189", "37575"]
    other = [*row[:4], "539.2090000000002", row[5]]
    place = month.index(row)
    assert rows_with("conflict:NVDA:2020-12-01:12:00") == [*month[:place], other, *month[place:]]


@pytest.mark.parametrize(
    ("bar", "other_close"),
    [("5.2,5.4,5.1,5.3", "5.1"), ("5.2,5.4,5.1,5.10", "5.4"), ("5.2,5.2,5.2,5.2", "5.21")],
)
def test_the_other_close_always_differs(bar: str, other_close: str) -> None:
    got = rows_with("conflict:NVDA:2020-12-01:09:30", bars=tiny(f"2020-12-01 09:31:00,{bar},7"))
    assert got == [[*got[1][:4], other_close, "7"], f"2020-12-01 09:31:00,{bar},7".split(",")]


def test_json_says_a_doubled_stamp_twice() -> None:
    with AlphaVantageSimulator(["conflict:NVDA:2020-12-01:12:00"]) as simulator:
        text = ask(simulator, datatype="json").text
    pairs = json.loads(text, object_pairs_hook=list)
    series = dict(pairs)["Time Series (1min)"]
    closes = [dict(point)["4. close"] for stamp, point in series if stamp == "2020-12-01 12:01:00"]
    assert closes == ["539.2090000000002", "539.6189"]


@pytest.mark.parametrize("minutes", [60, -60])
def test_a_clock_fault_moves_one_session(minutes: int) -> None:
    month = recorded("NVDA", "2020-12")
    got = rows_with(f"shift:NVDA:2020-12-01:{minutes}")

    def moved(row: Row) -> Row:
        if not row[0].startswith("2020-12-01"):
            return row
        hour = int(row[0][11:13]) + minutes // 60
        return [f"2020-12-01 {hour:02d}{row[0][13:]}", *row[1:]]

    assert got == [moved(row) for row in month]


def test_a_clock_fault_comes_before_the_hours_filter() -> None:
    got = rows_with("shift:NVDA:2020-12-01:60", extended_hours="false")
    session = [row[0][11:16] for row in got if row[0].startswith("2020-12-01")]
    before_the_open = [row for row in recorded("NVDA", "2020-12-01") if "08:31" <= row[0][11:16] <= "15:00"]
    assert (session[0], len(session)) == ("16:00", len(before_the_open))


def test_a_clock_fault_can_cross_midnight() -> None:
    bars = tiny("2020-12-01 19:59:00,5,5,5,5,1", "2020-12-02 00:30:00,6,6,6,6,2", "2020-12-02 04:01:00,7,7,7,7,3")
    got = rows_with("shift:NVDA:2020-12-01:300", bars=bars)
    assert [(row[0], row[1]) for row in got] == [
        ("2020-12-02 04:01:00", "7"),
        ("2020-12-02 00:59:00", "5"),
        ("2020-12-02 00:30:00", "6"),
    ]


def test_faults_name_true_minutes_whatever_their_order() -> None:
    shift, drop = "shift:NVDA:2020-12-01:60", "drop:NVDA:2020-12-01:12:00-12:00"
    got = rows_with(shift, drop)
    assert got == rows_with(drop, shift)
    stamps = {row[0] for row in got}
    assert "2020-12-01 13:01:00" not in stamps
    assert "2020-12-01 12:01:00" in stamps


@pytest.mark.parametrize("datatype", ["csv", "json"])
def test_the_daily_message_echoes_the_callers_key_and_is_used_up(datatype: str) -> None:
    with AlphaVantageSimulator(["answer:daily_quota_key_echo:2"]) as simulator:
        answers = [ask(simulator, datatype=datatype) for _ in range(3)]
    text = (
        f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. Please "
        "subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily "
        "rate limits."
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json() for answer in answers[:2]] == [{"Information": text}] * 2
    assert answers[2].headers["Content-Type"] != answers[1].headers["Content-Type"] or datatype == "json"
    assert "2020-12-01 12:01:00" in answers[2].text
    assert KEY not in repr(simulator.requests)


def test_an_echoed_key_cannot_break_the_json() -> None:
    with AlphaVantageSimulator(["answer:daily_quota_key_echo:1"]) as simulator:
        assert 'key as a"b\\ and' in ask(simulator, apikey='a"b\\').json()["Information"]


def test_every_recorded_body_can_be_served() -> None:
    records = [json.loads(line) for line in (FOLDER / "alphavantage_error_bodies.jsonl").read_text().splitlines()]
    with AlphaVantageSimulator([f"answer:{record['id']}:1" for record in records]) as simulator:
        for record in records:
            answer = ask(simulator, apikey="XXXXXXXXXXXXXXXX")
            assert (answer.status_code, answer.json()) == (record["http_status"], record["body"])


def test_bad_answers_come_in_the_order_given_whatever_is_asked() -> None:
    specs = ["status:503:1", "shift:NVDA:2020-12-01:60", "garbage:1", "empty:1", "status:522:1"]
    with AlphaVantageSimulator(specs) as simulator:
        unavailable, garbage, empty, unlisted, good = [ask(simulator, apikey=key) for key in ("", "", KEY, KEY, KEY)]
    assert (unavailable.status_code, unavailable.text.startswith("<!DOCTYPE html>")) == (503, True)
    assert (garbage.status_code, garbage.text.startswith("<!DOCTYPE html>")) == (200, True)
    assert (empty.status_code, empty.text) == (200, "{}")
    assert unlisted.status_code == 522
    assert good.text.startswith("timestamp,")
    outcomes = [record.outcome for record in simulator.requests]
    assert outcomes == ["status:503:1", "garbage:1", "empty:1", "status:522:1", "bars"]


def test_a_hanging_request_is_released_by_stop() -> None:
    with AlphaVantageSimulator(["hang:1:300"]) as simulator:
        with pytest.raises(requests.Timeout):
            requests.get(f"{simulator.url}/query", timeout=0.2)
        assert [record.outcome for record in simulator.requests] == ["hang:1:300"]
        assert ask(simulator).text.startswith("timestamp,")


def test_a_slow_answer_is_the_usual_one() -> None:
    simulator = AlphaVantageSimulator(["hang:1:0.05"])
    simulator.start().stop()
    # Having been stopped before must not cut the wait short.
    with simulator:
        rows = list(csv.reader(ask(simulator).text.splitlines()))[1:]
    assert rows == recorded("NVDA", "2020-12")
