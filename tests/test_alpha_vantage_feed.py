"""The Alpha Vantage client against the stand-in over a socket, and its reading of every recorded refusal."""

import json

import pandas as pd
import pytest

from market.sessions import BarSize, session
from resources import errors
from resources.feeds.alpha_vantage import AlphaVantageFeed, parse_csv, raise_refusal
from resources.landing import LandingZone
from resources.settings import AlphaVantageSettings
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support import recorded

KEY = "PLANTED0KEY00007"
LATER = pd.Timestamp("2021-02-01", tz="UTC")

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
    "extended_merged_2023": errors.Malformed,
    "not_entitled_delayed": errors.PlanRefused,
    "empty_object": errors.Malformed,
    "global_quote_empty": errors.Malformed,
}
RETRY_HELPS = {errors.Throttled, errors.Outage, errors.Malformed}


def bodies() -> dict[str, object]:
    lines = (recorded.FOLDER / "alphavantage_error_bodies.jsonl").read_text().splitlines()
    return {record["id"]: record["body"] for record in map(json.loads, lines)}


def feed_at(
    url: str, folder: object, *, now: pd.Timestamp = LATER, key: str = KEY, attempts: int = 3, **options: bool
) -> AlphaVantageFeed:
    settings = AlphaVantageSettings(
        base_url=url, timeout_seconds=5, attempts=attempts, wait_seconds=0, extended_hours=True
    )
    return AlphaVantageFeed(settings, key, LandingZone(str(folder)), BarSize.ONE_MINUTE, lambda: now, **options)


@pytest.mark.parametrize("body_id", sorted(bodies()))
def test_every_recorded_refusal_is_understood(body_id):
    with pytest.raises(errors.FeedError) as caught:
        raise_refusal(json.dumps(bodies()[body_id]), "NVDA 2020-11")
    assert type(caught.value) is MEANING[body_id]
    assert caught.value.retry_helps == (type(caught.value) in RETRY_HELPS)
    assert "NVDA 2020-11" in str(caught.value)


def test_html_is_malformed():
    with pytest.raises(errors.Malformed):
        raise_refusal("<html>Bad gateway</html>", "NVDA 2020-11")


def test_a_month_is_asked_for_once_and_landed(tmp_path):
    with AlphaVantageSimulator() as simulator:
        feed = feed_at(simulator.url, tmp_path)
        for key in ("2020-11-23", "2020-11-24", "2020-11-27"):
            assert len(feed.session_bars("NVDA", session(key)).bars) == recorded.counts("NVDA")[key]
        again = feed_at(simulator.url, tmp_path)
        assert len(again.session_bars("NVDA", session("2020-11-30")).bars) == 390
        (request,) = simulator.requests
    assert (request.symbol, request.month, request.adjusted) == ("NVDA", "2020-11", "false")
    assert len(list(tmp_path.rglob("*.gz"))) == 1


def test_refresh_asks_again_and_keeps_both_answers(tmp_path):
    with AlphaVantageSimulator() as simulator:
        feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
        feed_at(simulator.url, tmp_path, now=LATER + pd.Timedelta(days=1), refresh=True).session_bars(
            "NVDA", session("2020-11-23")
        )
        assert len(simulator.requests) == 2
    assert len(list(tmp_path.rglob("*.gz"))) == 2


def test_a_month_is_asked_for_again_until_the_vendor_has_settled_the_session(tmp_path):
    """Four hours after the close; a session that a run has just fetched is not fetched twice by it."""
    close = session("2020-11-24").close
    with AlphaVantageSimulator() as simulator:
        for minutes, requests in ((1, 1), (30, 2), (239, 3), (241, 4), (600, 4)):
            feed = feed_at(simulator.url, tmp_path, now=close + pd.Timedelta(minutes=minutes))
            for _ in range(2):
                feed.session_bars("NVDA", session("2020-11-24"))
            assert len(simulator.requests) == requests
        feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-25"))
        assert len(simulator.requests) == 5


def test_a_vendor_that_is_late_is_worth_a_retry(tmp_path):
    """Nothing of the day yet, an hour after its close: not "no bars"."""
    with AlphaVantageSimulator(faults=["drop:NVDA:2020-11-24:04:00-19:59"]) as simulator:
        soon = feed_at(simulator.url, tmp_path, now=session("2020-11-24").close + pd.Timedelta(hours=1))
        with pytest.raises(errors.TooEarly, match="no NVDA bars of 2020-11-24 yet"):
            soon.session_bars("NVDA", session("2020-11-24"))
        with pytest.raises(errors.NoBars):
            feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-24"))


def test_a_run_through_many_months_remembers_two(tmp_path):
    with AlphaVantageSimulator() as simulator:
        feed = feed_at(simulator.url, tmp_path)
        for key in ("2020-10-26", "2020-11-23", "2020-12-01", "2021-01-04"):
            feed.session_bars("NVDA", session(key))
            feed.session_bars("MSFT", session(key))
        assert sorted(feed._months) == [(s, m) for s in ("MSFT", "NVDA") for m in ("2020-12", "2021-01")]
        assert len(simulator.requests) == 8


@pytest.mark.parametrize("faults", [["answer:burst_free_1rps:2"], ["status:503:2"], ["garbage:1", "empty:1"]])
def test_what_a_retry_helps_is_tried_again(tmp_path, faults):
    with AlphaVantageSimulator(faults=faults) as simulator:
        assert len(feed_at(simulator.url, tmp_path).session_bars("MSFT", session("2020-11-23")).bars) == 390
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
        feed = feed_at(simulator.url, tmp_path)
        for _ in range(2):
            with pytest.raises(kind):
                feed.session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 1
    assert list(tmp_path.rglob("*.gz")) == []


def test_a_client_error_is_not_tried_again(tmp_path):
    with AlphaVantageSimulator(faults=["status:404:9"]) as simulator:
        with pytest.raises(errors.RequestRefused, match="status 404"):
            feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 1


def test_attempts_are_bounded(tmp_path):
    with AlphaVantageSimulator(faults=["status:500:9"]) as simulator:
        with pytest.raises(errors.Outage, match="status 500"):
            feed_at(simulator.url, tmp_path, attempts=2).session_bars("NVDA", session("2020-11-23"))
        assert len(simulator.requests) == 2


def test_no_key_is_refused_without_a_request(tmp_path):
    with AlphaVantageSimulator() as simulator:
        with pytest.raises(errors.KeyRefused, match="ALPHA_VANTAGE_API_KEY"):
            feed_at(simulator.url, tmp_path, key="").session_bars("NVDA", session("2020-11-23"))
        assert simulator.requests == ()


def test_a_vendor_that_is_not_there_does_not_cost_the_key(tmp_path):
    with pytest.raises(errors.Outage) as caught:
        feed_at("http://127.0.0.1:1", tmp_path).session_bars("NVDA", session("2020-11-23"))
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_an_echoed_key_is_masked(tmp_path):
    with (
        AlphaVantageSimulator(faults=["answer:daily_quota_key_echo:1"]) as simulator,
        pytest.raises(errors.DailyLimitSpent, match=r"key as \*\*\*") as caught,
    ):
        feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-11-23"))
    assert KEY not in str(caught.value)


def test_a_session_the_month_lacks_is_no_success(tmp_path):
    with AlphaVantageSimulator() as simulator, pytest.raises(errors.NoBars, match="2020-10-23"):
        feed_at(simulator.url, tmp_path).session_bars("NVDA", session("2020-10-23"))


def test_a_session_that_is_not_over_is_refused(tmp_path):
    with AlphaVantageSimulator() as simulator:
        with pytest.raises(errors.TooEarly) as caught:
            feed_at(simulator.url, tmp_path, now=session("2020-11-27").close).session_bars(
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
    with pytest.raises(errors.Malformed, match=said):
        parse_csv(text, "NVDA")


def test_a_cell_that_is_no_number_costs_only_its_bar():
    rows = parse_csv(
        "timestamp,open,high,low,close,volume\n2020-11-23 09:31:00,1,2,N/A,1,3\n2020-11-23 09:32:00,1,2,1,1,\n", "X"
    )
    assert rows["low"].isna().tolist() == [True, False]
    assert rows["volume"].isna().tolist() == [False, True]
