"""The Yahoo feed: the real yfinance client against the stand-in over a socket, and every recorded refusal."""

import csv
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache

import pandas as pd
import pytest

from market.normalise import NormalisedBars
from market.sessions import BarSize, session
from resources import errors
from resources.feeds.yahoo_answers import parse_chart, raise_refusal
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.feeds import yahoo_feed

NOW = pd.Timestamp("2024-08-31 12:00", tz="UTC")
DAY = session("2024-08-27")

# What each recorded answer means, as the notes on the feed have it.
MEANING = {
    "429_edge": errors.Throttled,
    "429_crumb": errors.Throttled,
    "1m_too_old": errors.OutOfReach,
    "1m_too_wide": errors.RequestRefused,
    "not_found": errors.RequestRefused,
    "range_absent": errors.NoBars,
    "bad_interval": errors.RequestRefused,
    "invalid_crumb": errors.Outage,
    "no_access": errors.PlanRefused,
    "maintenance": errors.Outage,
    "empty_window": errors.NoBars,
}


def bodies() -> dict[str, tuple[int, str]]:
    lines = (recorded.FOLDER / "yahoo_error_bodies.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {
        record["id"]: (record["http_status"], record.get("body_text") or json.dumps(record["body"]))
        for record in records
    }


@cache
def recorded_rows(symbol: str) -> list[dict[str, str]]:
    with gzip.open(recorded.FOLDER / f"yahoo_1m_prepost_{symbol}_2024-08-23_2024-08-30.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def regular(symbol: str, day: str) -> dict[str, list[float]]:
    """The recorded values of regular hours by `HH:MM`, prices to four decimals: the rest is single precision's."""
    rows = [row for row in recorded_rows(symbol) if row["Datetime"].startswith(day)]
    named = {datetime.fromisoformat(row["Datetime"]).strftime("%H:%M"): row for row in rows}
    return {
        at: [round(float(row[name]), 4) for name in ("Open", "High", "Low", "Close", "Volume")]
        for at, row in named.items()
        if "09:30" <= at < "16:00"
    }


def kept(part: NormalisedBars) -> pd.DataFrame:
    return part.bars[part.bars["mark"] == ""]


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("body_id", sorted(bodies()))
def test_every_recorded_refusal_is_understood(body_id):
    with pytest.raises(errors.FeedError) as caught:
        raise_refusal(*bodies()[body_id], "NVDA of that week")
    assert type(caught.value) is MEANING[body_id]
    assert "NVDA of that week" in str(caught.value)


def test_the_digits_of_a_time_are_no_rate_limit():
    """The recorded text names endTime=1737435600; this one has 429 in it."""
    status, text = bodies()["1m_too_wide"]
    with pytest.raises(errors.RequestRefused):
        raise_refusal(status, text.replace("1737435600", "1737429600"), "NVDA")


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_a_session_is_the_recorded_one(tmp_path, symbol):
    with YahooSimulator() as simulator:
        bars = kept(yahoo_feed(simulator.url, tmp_path, now=NOW).session_bars(symbol, DAY))
    wanted = regular(symbol, "2024-08-27")
    assert len(wanted) == 389  # one minute is missing in the recording
    stamps = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert stamps.tolist() == sorted(wanted)
    assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [wanted[at] for at in sorted(wanted)]
    assert set(bars["source"]) == {"yahoo"}
    assert set(bars["basis"]) == {"split_adjusted"}


def test_a_week_is_asked_for_once_landed_and_read_again_without_the_vendor(tmp_path):
    with YahooSimulator() as simulator:
        feed = yahoo_feed(simulator.url, tmp_path, now=NOW)
        asked = {
            key: kept(feed.session_bars("NVDA", session(key))) for key in ("2024-08-26", "2024-08-28", "2024-08-30")
        }
        of_bars = [request for request in simulator.requests if request.period1]
        address = simulator.url
    (request,) = of_bars
    assert (int(request.period2) - int(request.period1)) / 86_400 <= 8
    again = yahoo_feed(address, tmp_path, now=NOW)
    for key, bars in asked.items():
        pd.testing.assert_frame_equal(kept(again.session_bars("NVDA", session(key))), bars)


def test_the_landed_answer_is_what_the_vendor_sent(tmp_path):
    with YahooSimulator() as simulator:
        yahoo_feed(simulator.url, tmp_path, now=NOW).session_bars("NVDA", DAY)
    (landed,) = tmp_path.rglob("*.json.gz")
    chart = json.loads(gzip.decompress(landed.read_bytes()))["chart"]["result"][0]
    assert chart["meta"]["symbol"] == "NVDA"
    of_the_week = [row for row in recorded_rows("NVDA") if row["Datetime"] >= "2024-08-26"]
    assert len(chart["timestamp"]) == len(of_the_week)


def test_five_minute_bars(tmp_path):
    with YahooSimulator() as simulator:
        bars = kept(
            yahoo_feed(simulator.url, tmp_path, now=NOW, bar_size=BarSize.FIVE_MINUTES).session_bars("MSFT", DAY)
        )
    assert len(bars) == 78
    first = list(regular("MSFT", "2024-08-27").values())[:5]
    assert bars.iloc[0][["open", "high", "low", "close", "volume"]].tolist() == [
        first[0][0],
        max(row[1] for row in first),
        min(row[2] for row in first),
        first[4][3],
        sum(row[4] for row in first),
    ]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (["answer:429_edge:99"], errors.Throttled), (["status:500:99"], errors.Outage),
        (["garbage:99"], errors.MalformedPayload), (["truncate:99"], errors.MalformedPayload),
        (["empty:99"], errors.MalformedPayload),
        (["cut:99"], errors.Outage), (["hang:99:30"], errors.Outage), (["drip:99:30"], errors.Outage),
        (["answer:maintenance:99"], errors.Outage), (["answer:not_found:99"], errors.RequestRefused),
    ],
)  # fmt: skip
def test_an_outage_is_never_an_empty_success(tmp_path, faults, kind):
    patience = 0.3 if faults[0].startswith(("hang", "drip")) else 10
    with YahooSimulator(faults=faults) as simulator, pytest.raises(kind) as caught:
        yahoo_feed(simulator.url, tmp_path, now=NOW, timeout_seconds=patience).session_bars("NVDA", DAY)
    assert type(caught.value) is kind
    assert list(tmp_path.rglob("*.gz")) == []


def test_one_failure_does_not_poison_the_next_request(tmp_path):
    """yfinance remembers the answer to a window that lies in the past, a 500 too."""
    with YahooSimulator(faults=["status:500:3"]) as simulator:
        with pytest.raises(errors.Outage):
            yahoo_feed(simulator.url, tmp_path, now=NOW, attempts=1).session_bars("NVDA", DAY)
        feed = yahoo_feed(simulator.url, tmp_path, now=NOW)
        assert len(kept(feed.session_bars("NVDA", DAY))) == 389


def test_nulls_stubs_and_first_bars_without_volume_are_marked(tmp_path):
    faults = ["null:NVDA:2024-08-27:10:00-10:04", "quiet:NVDA:2024-08-27:09:30-09:30"]
    with YahooSimulator(faults=faults) as simulator:
        bars = yahoo_feed(simulator.url, tmp_path, now=NOW).session_bars("NVDA", DAY).bars
    at = bars.set_index(bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M"))
    assert at.loc["10:00":"10:04", "mark"].tolist() == ["no_value"] * 5
    assert at.loc["09:30", ["mark", "remark"]].tolist() == ["", "zero_volume"]
    assert set(at.loc["16:00":, "mark"]) == {"extended_hours"}


def test_a_duplicate_that_yfinance_would_drop_is_marked(tmp_path):
    with YahooSimulator(faults=["duplicate:NVDA:2024-08-27:11:00"]) as simulator:
        bars = yahoo_feed(simulator.url, tmp_path, now=NOW).session_bars("NVDA", DAY).bars
    assert (bars["mark"] == "duplicate_equal").sum() == 1


def test_what_is_out_of_reach_is_not_asked_for(tmp_path):
    with YahooSimulator() as simulator:
        feed = yahoo_feed(simulator.url, tmp_path, now=NOW, days_back={"1min": 3, "5min": 59})
        assert len(kept(feed.session_bars("NVDA", session("2024-08-29")))) == 390
        before = len(simulator.requests)
        with pytest.raises(errors.OutOfReach, match="last 3 days only, and not of 2024-08-26"):
            feed.session_bars("NVDA", session("2024-08-26"))
        assert len(simulator.requests) == before


def test_reach_and_width_are_those_that_the_vendor_grants(tmp_path):
    """Twenty-nine days back works, thirty do not: the stand-in refuses as the vendor does."""
    now = session("2024-08-23").close + pd.Timedelta(days=29) - pd.Timedelta(hours=1)
    with YahooSimulator(now=lambda: now) as simulator:
        feed = yahoo_feed(simulator.url, tmp_path, now=now, days_back={"1min": 29, "5min": 59})
        assert len(kept(feed.session_bars("NVDA", session("2024-08-26")))) == 390
        with pytest.raises(errors.OutOfReach):
            feed.session_bars("NVDA", session("2024-08-23"))


def test_a_session_whose_last_minute_is_still_forming_is_too_early(tmp_path):
    with YahooSimulator() as simulator:
        soon = yahoo_feed(simulator.url, tmp_path, now=DAY.close + pd.Timedelta(seconds=90))
        with pytest.raises(errors.TooEarly):
            soon.session_bars("NVDA", DAY)
        assert simulator.requests == ()


def test_a_week_is_asked_for_again_until_the_session_is_settled(tmp_path):
    with YahooSimulator() as simulator:
        for minutes, weeks in ((10, 1), (30, 2), (50, 3), (600, 3)):
            feed = yahoo_feed(simulator.url, tmp_path, now=DAY.close + pd.Timedelta(minutes=minutes))
            feed.session_bars("NVDA", DAY)
            assert sum(request.period1 is not None for request in simulator.requests) == weeks


def test_no_vendor_at_all(tmp_path):
    with pytest.raises(errors.Outage, match="did not answer"):
        yahoo_feed("http://127.0.0.1:1", tmp_path, now=NOW, attempts=1).session_bars("NVDA", DAY)


@pytest.mark.parametrize(
    "text",
    [
        '{"chart": {"result": [{"meta": {"symbol": "MSFT"}, "timestamp": [], "indicators": {"quote": [{}]}}]}}',
        '{"chart": {"result": [{"meta": {"symbol": "NVDA"}, "timestamp": [1], "indicators": {"quote": [{}]}}]}}',
        '{"chart": {"result": [{"meta": {"symbol": "NVDA"}, "timestamp": [1.5], "indicators": {"quote": [{"open": [1], '
        '"high": [1], "low": [1], "close": [1], "volume": [1]}]}}]}}',
        '{"chart": {"result": []}}', "[]", "",
    ],
)  # fmt: skip
def test_a_chart_that_is_none_is_malformed(text):
    with pytest.raises(errors.MalformedPayload):
        parse_chart(text, "NVDA")


def test_single_precision_prices_are_read_as_they_were_quoted():
    """Recorded: Yahoo has 257.0799865722656 where the tape says 257.08."""
    quote = {name: [257.0799865722656, 418.84, 125.5] for name in ("open", "high", "low", "close")}
    chart = {
        "meta": {"symbol": "MSFT"},
        "timestamp": [1, 2, 3],
        "indicators": {"quote": [{**quote, "volume": [1, 2, 3]}]},
    }
    rows = parse_chart(json.dumps({"chart": {"result": [chart], "error": None}}), "MSFT")
    assert rows["close"].tolist() == [257.08, 418.84, 125.5]


def test_a_session_that_is_half_out_of_reach_spoils_no_other_and_is_not_halved(tmp_path):
    """At noon on the edge, Monday is out of reach: asking for Tuesday must not bring half of Monday."""
    now = session("2024-08-26").open + pd.Timedelta(hours=2, days=29)
    with YahooSimulator(reach_days=None) as simulator:
        feed = yahoo_feed(simulator.url, tmp_path, now=now, days_back={"1min": 29, "5min": 59})
        assert len(kept(feed.session_bars("NVDA", session("2024-08-28")))) == 390
        with pytest.raises(errors.OutOfReach):
            feed.session_bars("NVDA", session("2024-08-26"))


def test_a_week_without_bars_is_an_answer_and_is_landed(tmp_path):
    with YahooSimulator(reach_days=None) as simulator:
        for _ in range(2):
            with pytest.raises(errors.NoBars, match="2024-08-12"):
                yahoo_feed(simulator.url, tmp_path, now=NOW).session_bars("NVDA", session("2024-08-12"))
        assert sum(request.period1 is not None for request in simulator.requests) == 1


def test_threads_do_not_disturb_each_other(tmp_path):
    """yfinance keeps its session globally."""
    with YahooSimulator() as simulator:
        asked = [(symbol, number) for number in range(3) for symbol in recorded.SYMBOLS]

        def bars_of(one: tuple[str, int]) -> int:
            feed = yahoo_feed(simulator.url, tmp_path / f"{one[1]}", now=NOW)
            return len(kept(feed.session_bars(one[0], DAY)))

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(bars_of, asked)) == [389] * 6
