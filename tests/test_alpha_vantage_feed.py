"""The Alpha Vantage client against the stand-in over a socket, and its reading of every recorded refusal."""

import gzip
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from market.labels import LabelSide
from market.normalise import NormalisedBars
from market.sessions import BarSize, Session, session, sessions_between
from resources import errors
from resources.feeds.alpha_vantage_answers import parse_answer, raise_refusal
from resources.http import retry_after
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support import recorded
from tests.support.feeds import KEY, LATER, alpha_vantage_client, alpha_vantage_feed


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


# The vendor's meaning of each recorded body, as the notes on the feed have it; throttles before the daily limit.
MEANING = {
    "daily_quota_key_echo": errors.DailyLimitSpent,
    "daily_quota_generic": errors.DailyLimitSpent,
    "burst_free_1rps": errors.Throttled,
    "burst_premium": errors.Throttled,
    "minute_quota_premium": errors.Throttled,
    "volume_contact_premium_mail": errors.Throttled,
    "premium_endpoint": errors.PlanRefused,
    "premium_outputsize_full": errors.PlanRefused,
    "note_5pm_500pd": errors.Throttled,
    "info_call_volume_2018": errors.Throttled,
    "info_frequency_2017": errors.Throttled,
    "invalid_call_intraday": errors.RequestRefused,
    "invalid_key": errors.KeyRefused,
    "demo_key": errors.KeyRefused,
    "intraday_outage_2017": errors.Outage,
    "extended_merged_2023": errors.MalformedPayload,
    "not_entitled_delayed": errors.PlanRefused,
    "empty_object": errors.MalformedPayload,
    "global_quote_empty": errors.MalformedPayload,
}
RETRY_HELPS = {errors.Throttled, errors.Outage, errors.MalformedPayload}


def bodies() -> dict[str, object]:
    lines = (recorded.FOLDER / "alphavantage_error_bodies.jsonl").read_text().splitlines()
    return {record["id"]: record["body"] for record in map(json.loads, lines)}


def kept(part: NormalisedBars) -> int:
    return int((part.bars["mark"] == "").sum())


@pytest.mark.parametrize("body_id", sorted(bodies()))
def test_every_recorded_refusal_is_understood(body_id):
    with pytest.raises(errors.FeedError) as caught:
        raise_refusal(json.dumps(bodies()[body_id]), "NVDA 2020-11")
    assert type(caught.value) is MEANING[body_id]
    assert caught.value.retry_helps == (type(caught.value) in RETRY_HELPS)
    assert "NVDA 2020-11" in str(caught.value)


def test_html_is_malformed():
    with pytest.raises(errors.MalformedPayload):
        raise_refusal("<html>Bad gateway</html>", "NVDA 2020-11")


def test_a_month_is_asked_for_once_and_landed(tmp_path):
    with AlphaVantageSimulator() as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path)
        for key in ("2020-11-23", "2020-11-24", "2020-11-27"):
            assert kept(feed.session_bars("NVDA", session(key))) == recorded.counts("NVDA")[key]
        again = alpha_vantage_feed(simulator.url, tmp_path)
        assert kept(again.session_bars("NVDA", session("2020-11-30"))) == 390
        (request,) = simulator.requests
    assert (request.symbol, request.month, request.adjusted) == ("NVDA", "2020-11", "false")
    assert len(list(tmp_path.rglob("*.gz"))) == 1


def test_refresh_asks_again_and_keeps_both_answers(tmp_path):
    with AlphaVantageSimulator() as simulator:
        alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
        alpha_vantage_feed(simulator.url, tmp_path, now=LATER + pd.Timedelta(days=1), refresh=True).session_bars(
            "NVDA", session("2020-11-23")
        )
        assert len(simulator.requests) == 2
    assert len(list(tmp_path.rglob("*.gz"))) == 2


def test_a_month_is_asked_for_again_until_the_vendor_has_settled_the_session(tmp_path):
    """Four hours after the close; a session that a run has just fetched is not fetched twice by it."""
    close = session("2020-11-24").close
    with AlphaVantageSimulator() as simulator:
        for minutes, requests in ((1, 1), (30, 2), (239, 3), (241, 4), (600, 4)):
            feed = alpha_vantage_feed(simulator.url, tmp_path, now=close + pd.Timedelta(minutes=minutes))
            for _ in range(2):
                feed.session_bars("NVDA", session("2020-11-24"))
            assert len(simulator.requests) == requests
        alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-25"))
        assert len(simulator.requests) == 5


def test_a_vendor_that_is_late_is_worth_a_retry(tmp_path):
    """Nothing of the day yet, an hour after its close: not "no bars"."""
    with AlphaVantageSimulator(faults=["drop:NVDA:2020-11-24:04:00-19:59"]) as simulator:
        soon = alpha_vantage_feed(simulator.url, tmp_path, now=session("2020-11-24").close + pd.Timedelta(hours=1))
        with pytest.raises(errors.TooEarly, match="no NVDA bars of 2020-11-24 yet"):
            soon.session_bars("NVDA", session("2020-11-24"))
        with pytest.raises(errors.NoBars):
            alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-24"))


def test_a_run_through_many_months_remembers_two(tmp_path):
    with AlphaVantageSimulator() as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path)
        for key in ("2020-10-26", "2020-11-23", "2020-12-01", "2021-01-04"):
            feed.session_bars("NVDA", session(key))
            feed.session_bars("MSFT", session(key))
        kept_months = sorted((symbol, shelf.rsplit("/", 1)[1]) for symbol, shelf in feed._periods._known)
        assert kept_months == [(symbol, month) for symbol in ("MSFT", "NVDA") for month in ("2020-12", "2021-01")]
        assert len(simulator.requests) == 8


@pytest.mark.parametrize("faults", [["answer:burst_free_1rps:2"], ["status:503:2"], ["garbage:1", "empty:1"]])
def test_what_a_retry_helps_is_tried_again(tmp_path, faults):
    with AlphaVantageSimulator(faults=faults) as simulator:
        assert kept(alpha_vantage_feed(simulator.url, tmp_path).session_bars("MSFT", session("2020-11-23"))) == 390
        assert len(simulator.requests) == 3


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("invalid_key", errors.KeyRefused), ("premium_endpoint", errors.PlanRefused),
        ("daily_quota_generic", errors.DailyLimitSpent), ("invalid_call_intraday", errors.RequestRefused),
    ],
)  # fmt: skip
def test_what_a_retry_does_not_help_is_asked_once(tmp_path, body, kind):
    with AlphaVantageSimulator(faults=[f"answer:{body}:1"]) as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path)
        for _ in range(2):
            with pytest.raises(kind):
                feed.session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 1
    assert list(tmp_path.rglob("*.gz")) == []


def test_a_status_that_the_vendor_never_gives_is_no_refusal_of_the_request(tmp_path):
    """A proxy's 403, say: another feed may serve."""
    with AlphaVantageSimulator(faults=["status:403:9"]) as simulator:
        with pytest.raises(errors.MalformedPayload, match="status 403"):
            alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 3


def test_attempts_are_bounded(tmp_path):
    with AlphaVantageSimulator(faults=["status:500:9"]) as simulator:
        with pytest.raises(errors.Outage, match="status 500"):
            alpha_vantage_feed(simulator.url, tmp_path, attempts=2).session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 2


def test_no_key_is_refused_without_a_request(tmp_path):
    with AlphaVantageSimulator() as simulator:
        with pytest.raises(errors.KeyRefused, match="ALPHA_VANTAGE_API_KEY"):
            alpha_vantage_feed(simulator.url, tmp_path, key="").session_bars("NVDA", session("2020-11-23"))
        assert simulator.requests == ()


def test_a_vendor_that_is_not_there_does_not_cost_the_key(tmp_path):
    with pytest.raises(errors.Outage) as caught:
        alpha_vantage_feed("http://127.0.0.1:1", tmp_path).session_bars("NVDA", session("2020-11-23"))
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_an_echoed_key_is_masked(tmp_path):
    with (
        AlphaVantageSimulator(faults=["answer:daily_quota_key_echo:1"]) as simulator,
        pytest.raises(errors.DailyLimitSpent, match=r"key as \*\*\*") as caught,
    ):
        alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
    assert KEY not in str(caught.value)


def test_a_session_the_month_lacks_is_no_success(tmp_path):
    with AlphaVantageSimulator() as simulator, pytest.raises(errors.NoBars, match="2020-10-23"):
        alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-10-23"))


def test_a_session_that_is_not_over_is_refused(tmp_path):
    with AlphaVantageSimulator() as simulator:
        with pytest.raises(errors.TooEarly) as caught:
            alpha_vantage_feed(simulator.url, tmp_path, now=session("2020-11-27").close).session_bars(
                "NVDA", session("2020-11-27")
            )
        assert simulator.requests == ()
    assert caught.value.retry_helps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp,open,high,low,close\n", "no column volume"),
        ("timestamp,open,high,low,close,volume\nnoon,1,2,0.5,1,3\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read_is_malformed(text, said):
    with pytest.raises(errors.MalformedPayload, match=said):
        parse_answer(text, "NVDA")


def test_a_cell_that_is_no_number_costs_only_its_bar():
    rows = parse_answer(
        "timestamp,open,high,low,close,volume\n2020-11-23 09:31:00,1,2,N/A,1,3\n2020-11-23 09:32:00,1,2,1,1,\n", "X"
    )
    assert rows["low"].isna().tolist() == [True, False]
    assert rows["volume"].isna().tolist() == [False, True]


def test_a_year_of_two_symbols_costs_24_requests(tmp_path):
    """Synthetic minutes of every session of 2024: twelve months, two symbols, whatever number of sessions."""
    sessions = sessions_between(date(2024, 1, 1), date(2024, 12, 31))
    with AlphaVantageSimulator(bars={symbol: year_of_minutes(sessions) for symbol in recorded.SYMBOLS}) as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path, now=pd.Timestamp("2025-02-01", tz="UTC"))
        found = {
            (symbol, day.key): kept(feed.session_bars(symbol, day)) for day in sessions for symbol in recorded.SYMBOLS
        }
        assert len(simulator.requests) == 24
    assert len(found) == 2 * 252
    assert set(found.values()) == {390, 210}


def year_of_minutes(sessions: list[Session]) -> pd.DataFrame:
    """A bar for each of the exchange's minutes, the opening one loud, labelled at the end as the stand-in wants it."""
    minutes = [session.minutes(BarSize.ONE_MINUTE) for session in sessions]
    ends = pd.DatetimeIndex(pd.concat([pd.Series(part) for part in minutes])).tz_convert("America/New_York")
    stamps = (ends + pd.Timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S")
    loud = ends.isin([session.open for session in sessions])
    prices = dict.fromkeys(("open", "high", "low", "close"), "100.00")
    return pd.DataFrame({"timestamp": stamps, **prices, "volume": ["9000" if one else "100" for one in loud]})


def test_csv_and_json_with_and_without_entitlement_are_the_same_bars(tmp_path):
    answers = []
    with AlphaVantageSimulator() as simulator:
        for number, (datatype, entitlement) in enumerate(
            [("csv", "none"), ("json", "none"), ("json", "delayed"), ("json", "realtime")]
        ):
            options = {"datatype": datatype, "entitlement": entitlement}
            feed = alpha_vantage_feed(simulator.url, tmp_path / f"{number}", **options)
            answers.append(feed.session_bars("NVDA", session("2020-12-01")).bars)
        assert [request.entitlement for request in simulator.requests] == [None, None, "delayed", "realtime"]
    prices = ["open", "high", "low", "close", "volume"]
    for other in answers[1:]:
        pd.testing.assert_frame_equal(other.drop(columns=prices), answers[0].drop(columns=prices))
        assert (other[prices] - answers[0][prices]).abs().to_numpy().max() < 1e-9


def test_a_stamp_that_comes_twice_in_json_is_two_rows(tmp_path):
    with AlphaVantageSimulator(faults=["conflict:NVDA:2020-12-01:11:00"]) as simulator:
        bars = (
            alpha_vantage_feed(simulator.url, tmp_path, datatype="json")
            .session_bars("NVDA", session("2020-12-01"))
            .bars
        )
    assert (bars["mark"] == "duplicate_conflicting").sum() == 2


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_start_and_end_labels_are_the_same_bars(tmp_path, symbol):
    found = {}
    for labels in ("end", "start"):
        with AlphaVantageSimulator(labels=labels) as simulator:
            feed = alpha_vantage_feed(simulator.url, tmp_path / labels)
            found[labels] = [
                feed.session_bars(symbol, session(key)) for key in ("2020-11-23", "2020-11-27", "2020-12-24")
            ]
    assert [part.side for part in found["start"]] == [LabelSide.START] * 3
    assert [part.side for part in found["end"]] == [LabelSide.END] * 3
    for one, other in zip(found["start"], found["end"], strict=True):
        pd.testing.assert_frame_equal(one.bars, other.bars)


@pytest.mark.parametrize("datatype", ["csv", "json"])
def test_a_last_price(tmp_path, datatype):
    """The last recorded session: the close of its last minute, the volume of its minutes."""
    with AlphaVantageSimulator() as simulator:
        quote = alpha_vantage_client(simulator.url, datatype=datatype).quote("NVDA")
        (request,) = simulator.requests
    minutes = recorded.session_rows("NVDA")["2021-01-08"]
    assert request.function == "GLOBAL_QUOTE"
    assert (quote.symbol, quote.day, quote.price) == ("NVDA", date(2021, 1, 8), Decimal(minutes["15:59"]["close"]))
    assert quote.volume == sum(int(row["volume"]) for row in minutes.values())


def test_a_symbol_without_a_quote_is_malformed(tmp_path):
    with AlphaVantageSimulator() as simulator, pytest.raises(errors.MalformedPayload, match="Global Quote"):
        alpha_vantage_client(simulator.url).quote("NOPE")


def test_a_key_that_is_refused_is_not_tried_for_the_other_months(tmp_path):
    with AlphaVantageSimulator(faults=["answer:invalid_key:1"]) as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path)
        for key in ("2020-11-23", "2020-12-01", "2021-01-04"):
            with pytest.raises(errors.KeyRefused):
                feed.session_bars("MSFT", session(key))
        assert len(simulator.requests) == 1


def test_an_unknown_body_is_malformed_and_shown_without_the_key(tmp_path):
    said = "Nobody ever saw this text."
    with pytest.raises(errors.MalformedPayload, match=r"Nobody ever saw this text\."):
        raise_refusal(json.dumps({"Information": said}), "NVDA 2020-11")
    with pytest.raises(errors.MalformedPayload) as caught:
        raise_refusal("<html>" + "x" * 5000 + "\x00\ud800", "NVDA 2020-11")
    assert len(str(caught.value)) < 300


def test_two_runs_that_start_together_ask_for_a_month_once(tmp_path):
    """Both want the same month of an empty landing zone; the second finds what the first has landed."""
    with AlphaVantageSimulator(faults=["hang:1:0.3"]) as simulator:
        feeds = [alpha_vantage_feed(simulator.url, tmp_path) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda feed: feed.session_bars("NVDA", session("2020-12-01")), feeds))
        assert len(simulator.requests) == 1
    assert [kept(part) for part in parts] == [390] * 4


def test_an_answer_that_breaks_off_is_asked_for_again(tmp_path):
    with AlphaVantageSimulator(faults=["cut:1", "truncate:1"]) as simulator:
        assert kept(alpha_vantage_feed(simulator.url, tmp_path).session_bars("MSFT", session("2020-11-23"))) == 390
        assert len(simulator.requests) == 3
    assert len(list(tmp_path.rglob("*.gz"))) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0), ("0", 0.0), ("soon", None), (None, None), ("-3", None), ("1e9", None), ("²", None),
        ("9999999999", 86_400.0), ("9" * 400, None),
    ],
)  # fmt: skip
def test_the_wait_in_a_header(header, seconds):
    assert retry_after(header) == seconds


def test_the_date_in_a_header_is_a_wait():
    later = pd.Timestamp.now(tz="UTC") + pd.Timedelta(hours=1)
    wait = retry_after(later.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    assert wait is not None
    assert 3500 < wait <= 3600


def test_a_failure_is_asked_about_again_after_a_while_and_answers_that_may_change_too(tmp_path):
    now = [session("2020-11-24").close + pd.Timedelta(minutes=5)]
    with AlphaVantageSimulator(faults=["status:500:1"]) as simulator:
        feed = alpha_vantage_feed(simulator.url, tmp_path, attempts=1, clock=lambda: now[0])
        for minutes, requests in ((0, 1), (4, 1), (6, 2), (9, 2), (12, 3), (300, 4), (600, 4)):
            now[0] = session("2020-11-24").close + pd.Timedelta(minutes=5 + minutes)
            with suppress(errors.Outage):
                feed.session_bars("NVDA", session("2020-11-24"))
            assert len(simulator.requests) == requests


def test_the_vendors_demo_key_is_refused_although_its_name_is_masked(tmp_path):
    with AlphaVantageSimulator(faults=["answer:demo_key:9"]) as simulator:
        with pytest.raises(errors.KeyRefused):
            alpha_vantage_feed(simulator.url, tmp_path, key="demo").session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 1


@pytest.mark.parametrize("change", [('"2. Symbol": "NVDA"', '"2. Symbol": "MSFT"'), ("US/Eastern", "UTC")])
def test_a_json_answer_about_something_else_is_malformed(change):
    meta = '{"Meta Data": {"2. Symbol": "NVDA", "6. Time Zone": "US/Eastern"}, "Time Series (1min)": {}}'
    assert parse_answer(meta, "nvda").empty
    with pytest.raises(errors.MalformedPayload, match="is about"):
        parse_answer(meta.replace(*change), "NVDA")


def test_what_was_landed_before_the_vendor_settled_serves_when_the_vendor_is_gone(tmp_path):
    """A session can be rebuilt from its raw answer with no vendor, also from one that might have changed later."""
    day = session("2020-11-24")
    with AlphaVantageSimulator() as simulator:
        first = alpha_vantage_feed(simulator.url, tmp_path, now=day.close + pd.Timedelta(hours=1))
        bars = first.session_bars("NVDA", day).bars
        url = simulator.url
    gone = alpha_vantage_feed(url, tmp_path, attempts=1)
    pd.testing.assert_frame_equal(gone.session_bars("NVDA", day).bars, bars)
    with pytest.raises(errors.Outage):
        gone.session_bars("NVDA", session("2020-11-25"))


def test_a_landed_answer_that_cannot_be_read_is_passed_over(tmp_path):
    with AlphaVantageSimulator() as simulator:
        alpha_vantage_feed(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-24"))
        (landed,) = tmp_path.rglob("*.csv.gz")
        landed.with_name("20990101T000000.000000Z.csv.gz").write_bytes(gzip.compress(b"what is this"))
        again = alpha_vantage_feed(simulator.url, tmp_path)
        assert kept(again.session_bars("NVDA", session("2020-11-24"))) == 390
        assert len(simulator.requests) == 1


def test_headers_that_drip_are_not_waited_for(tmp_path):
    """A line of headers now and then, for ever."""
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not done.wait(0.05):
                connection.sendall(b"X-Slow: yes\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        feed = alpha_vantage_feed(
            f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path, attempts=1, timeout_seconds=0.2
        )
        with pytest.raises(errors.Outage, match="still answering"):
            feed.session_bars("NVDA", session("2020-11-24"))
        done.set()
        dripping.join()
