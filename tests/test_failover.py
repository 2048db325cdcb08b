"""Failover between two real clients at two stand-ins, under the gate of production, for every fault there is."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pytest

from market.labels import LabelSide
from market.normalise import NormalisedBars, Provenance, normalise
from market.quality.columns import Columns
from market.sessions import BarSize, Session, session, sessions_between
from resources import errors
from resources.database.feed_event_store import FeedEvent
from resources.feeds.failover import Failover, SessionAnswer
from resources.feeds.feed import Feed
from resources.gate_settings import load_gate
from resources.settings_sections import RepairSettings
from schemas.errors import IntradayError
from schemas.tables import Bars, checked
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.feeds import KEY, LATER, alpha_vantage_feed, yahoo_feed

DAY = session("2020-11-24")
WEEK = sessions_between(DAY.day.replace(day=23), DAY.day.replace(day=27))
VENDOR_BARS = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
ONE = BarSize.ONE_MINUTE


@dataclass
class Pair:
    """A failover, and what it said had happened."""

    failover: Failover
    events: list[FeedEvent] = field(default_factory=list)

    def ask(self, symbol: str, day: Session = DAY) -> SessionAnswer:
        answer = self.failover.session_bars(symbol, day)
        self.events.extend(answer.events)
        return answer


def pair_of(primary: Feed, fallback: Feed | None, *, repair: float | None = None, environment: str = "prod") -> Pair:
    events: list[FeedEvent] = []
    repairs = RepairSettings(enabled=repair is not None, tolerance=repair or 0.001)
    gate = load_gate(environment)
    return Pair(Failover(primary, fallback, gate, ONE, repairs, lambda: LATER), events)


@pytest.fixture
def pair_at(clean_environment, tmp_path) -> Callable[..., Pair]:
    """Both real clients, at the addresses of two stand-ins."""

    def make(primary_url: str, fallback_url: str, folder: Path = tmp_path, patience: float = 10) -> Pair:
        primary = alpha_vantage_feed(primary_url, folder, timeout_seconds=patience, attempts=2)
        fallback = yahoo_feed(fallback_url, folder, timeout_seconds=5, attempts=2)
        return pair_of(primary, fallback)

    return make


def kept(answer: SessionAnswer) -> pd.DataFrame:
    return answer.part.bars[answer.part.bars["mark"] == ""]


def recorded_closes(symbol: str, day: Session) -> dict[str, float]:
    return {at: float(row["close"]) for at, row in recorded.session_rows(symbol)[day.key].items()}


def closes(answer: SessionAnswer) -> dict[str, float]:
    bars = kept(answer)
    stamps = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert stamps.is_unique
    return dict(zip(stamps, bars["close"], strict=True))


THE_WHOLE_DAY = "04:00-19:59"


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        (["answer:burst_free_1rps:99"], "Throttled"), (["answer:minute_quota_premium:99"], "Throttled"),
        (["answer:daily_quota_key_echo:99"], "DailyLimitSpent"), (["status:429:99"], "Throttled"),
        (["status:500:99"], "Outage"), (["garbage:99"], "MalformedPayload"), (["empty:99"], "MalformedPayload"),
        (["hang:99:30"], "Outage"), (["drip:99:30"], "Outage"), (["cut:99"], "Outage"),
        (["truncate:99"], "MalformedPayload"),
        (["label:NVDA:2020-11-24"], "LabelSideUnclear"), (["shift:NVDA:2020-11-24:2"], "LabelSideUnclear"),
        (["conflict:NVDA:2020-11-24:11:00"], "BarsFailedGate"), (["ohlc:NVDA:2020-11-24:11:00"], "BarsFailedGate"),
        (["drop:NVDA:2020-11-24:10:00-10:44"], "BarsFailedGate"), ([f"drop:NVDA:2020-11-24:{THE_WHOLE_DAY}"], "NoBars"),
    ],
)  # fmt: skip
def test_whatever_the_primary_does_the_session_is_whole(pair_at, faults, why):
    with AlphaVantageSimulator(faults=faults) as primary, YahooSimulator(bars=VENDOR_BARS, reach_days=None) as fallback:
        # Short only where the stand-in never gets done: a busy machine must not make an outage of something else.
        patience = 0.5 if faults[0].startswith(("hang", "drip")) else 10
        pair = pair_at(primary.url, fallback.url, patience=patience)
        answer = pair.ask("NVDA")
    assert closes(answer) == recorded_closes("NVDA", DAY)
    bars = checked(answer.part.bars, Bars)
    assert set(zip(bars["source"], bars["role"], bars["basis"], bars["why"], strict=True)) == {
        ("yahoo", "fallback", "split_adjusted", f"alpha_vantage: {why}")
    }
    assert [attempt.feed for attempt in answer.attempts] == ["alpha_vantage", "yahoo"]
    assert [(event.feed, event.event, event.symbol, event.session) for event in pair.events] == [
        ("alpha_vantage", "failover", "NVDA", DAY.day)
    ]
    assert KEY not in str(pair.events) + str(answer.attempts)


def test_a_range_ends_whole_and_the_primary_keeps_what_it_has(pair_at):
    """One session's labels are wrong: that one is the fallback's, the others stay the primary's."""
    with (
        AlphaVantageSimulator(faults=["label:NVDA:2020-11-24"]) as primary,
        YahooSimulator(bars=VENDOR_BARS, reach_days=None) as fallback,
    ):
        pair = pair_at(primary.url, fallback.url)
        answers = {(symbol, day.key): pair.ask(symbol, day) for day in WEEK for symbol in recorded.SYMBOLS}
        assert len(primary.requests) == 2
        assert sum(request.period1 is not None for request in fallback.requests) == 1
    for (symbol, key), answer in answers.items():
        assert closes(answer) == recorded_closes(symbol, session(key))
        expected = "yahoo" if (symbol, key) == ("NVDA", "2020-11-24") else "alpha_vantage"
        assert set(answer.part.bars["source"]) == {expected}


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (["answer:invalid_key:9"], errors.KeyRefused), (["answer:premium_endpoint:9"], errors.PlanRefused),
        (["answer:invalid_call_intraday:9"], errors.RequestRefused),
    ],
)  # fmt: skip
def test_what_a_person_has_to_mend_is_not_hidden_by_the_fallback(pair_at, faults, kind):
    with AlphaVantageSimulator(faults=faults) as primary, YahooSimulator(bars=VENDOR_BARS, reach_days=None) as fallback:
        pair = pair_at(primary.url, fallback.url)
        with pytest.raises(kind):
            pair.ask("NVDA")
        assert fallback.requests == ()
    assert pair.events == []


def test_with_both_down_both_reasons_are_named(pair_at):
    with AlphaVantageSimulator(faults=["status:500:99"]) as primary, YahooSimulator(faults=["garbage:99"]) as fallback:
        pair = pair_at(primary.url, fallback.url)
        with pytest.raises(errors.NoFeedAnswered, match=r"alpha_vantage: .*status 500.* yahoo: .*no chart") as caught:
            pair.ask("NVDA")
    assert caught.value.retry_helps
    assert pair.events == []


def test_a_retry_does_not_help_where_it_helps_neither(pair_at):
    with (
        AlphaVantageSimulator(faults=[f"drop:NVDA:2020-11-24:{THE_WHOLE_DAY}"]) as primary,
        YahooSimulator(bars=VENDOR_BARS, faults=[f"drop:NVDA:2020-11-24:{THE_WHOLE_DAY}"], reach_days=None) as fallback,
    ):
        pair = pair_at(primary.url, fallback.url)
        with pytest.raises(errors.NoFeedAnswered) as caught:
            pair.ask("NVDA")
    assert not caught.value.retry_helps


def test_the_fallback_has_a_threshold_of_its_own(pair_at):
    """The primary misses 45 of 390; the fallback misses 30, which is too much for a primary and not for a fallback."""
    with (
        AlphaVantageSimulator(faults=["drop:NVDA:2020-11-24:10:00-10:44"]) as primary,
        YahooSimulator(
            bars=VENDOR_BARS,
            faults=[f"drop:NVDA:2020-11-24:12:{at:02}-12:{at:02}" for at in range(0, 60, 2)],
            reach_days=None,
        ) as fallback,
    ):
        answer = pair_at(primary.url, fallback.url).ask("NVDA")
    assert set(answer.part.bars["source"]) == {"yahoo"}
    assert len(kept(answer)) == 360


def test_where_the_fallback_is_no_better_the_primary_is_what_the_gate_blocks(pair_at):
    with (
        AlphaVantageSimulator(faults=["drop:NVDA:2020-11-24:10:00-10:44"]) as primary,
        YahooSimulator(
            bars=VENDOR_BARS, faults=["drop:NVDA:2020-11-24:12:00-12:44"], reach_days=None
        ) as fallback,
    ):  # fmt: skip
        pair = pair_at(primary.url, fallback.url)
        answer = pair.ask("NVDA")
    assert set(answer.part.bars["source"]) == {"alpha_vantage"}
    assert [attempt.report.blocked for attempt in answer.attempts] == [True, True]
    assert pair.events == []


def test_a_session_that_is_not_over_is_asked_of_nobody(tmp_path):
    pair = pair_of(alpha_vantage_feed("http://127.0.0.1:1", tmp_path), None)
    with pytest.raises(errors.TooEarly):
        pair.ask("NVDA", session("2021-02-01"))


@dataclass(frozen=True)
class Given:
    """A feed that has one session of bars."""

    name: str
    part: NormalisedBars | IntradayError

    def session_bars(self, symbol: str, day: Session) -> NormalisedBars:
        if isinstance(self.part, IntradayError):
            raise self.part
        return self.part


def given(name: str, source: str | None = None, scale: float = 1.0, without: slice | None = None) -> Given:
    """A feed with the recorded session, on another scale, without some of its minutes."""
    rows = recorded.vendor_rows("NVDA")
    rows = rows[rows["stamp"].dt.date == DAY.day].iloc[::-1].reset_index(drop=True)
    prices = ["open", "high", "low", "close"]
    rows = rows.assign(**{column: rows[column] * scale for column in prices})
    if without is not None:
        first = rows.index[rows["stamp"] == pd.Timestamp("2020-11-24 09:31", tz="America/New_York")][0]
        rows = rows.drop(rows.index[first + without.start : first + without.stop])
    basis = "as_traded" if name == "alpha_vantage" else "split_adjusted"
    return Given(name, normalise(rows, DAY, ONE, Provenance(source or name, basis, LabelSide.END)))


def test_missing_bars_are_repaired_where_both_feeds_agree():
    pair = pair_of(given("alpha_vantage", without=slice(30, 33)), given("yahoo", scale=1.0005), repair=0.001)
    answer = pair.ask("NVDA")
    bars = kept(answer)
    repaired = bars[bars["role"] == "repair"]
    assert (len(bars), len(repaired)) == (390, 3)
    stamps = repaired["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert stamps.tolist() == ["10:00", "10:01", "10:02"]
    assert set(zip(repaired["source"], repaired["why"], strict=True)) == {
        ("yahoo", "alpha_vantage has no bar, closes agree")
    }
    assert set(bars["basis"]) == {"as_traded"}
    expected = recorded_closes("NVDA", DAY)
    assert repaired["close"].tolist() == pytest.approx([expected[at] * 1.0005 for at in stamps], rel=1e-12)
    assert [(event.event, event.symbol) for event in pair.events] == [("repair", "NVDA")]
    assert answer.repaired == (
        "3 of 3 missing bars are yahoo's: 387 of 387 shared closes agree within 0.10%, volumes are 1.00 times ours."
    )


@pytest.mark.parametrize(
    ("scale", "said"),
    [(1.002, "0 of 387 shared closes"), (0.25, "0 of 387 shared closes")],  # another price, another split basis
)
def test_feeds_that_disagree_repair_nothing(scale, said):
    pair = pair_of(given("alpha_vantage", without=slice(30, 33)), given("yahoo", scale=scale), repair=0.001)
    answer = pair.ask("NVDA")
    assert said in answer.repaired
    assert "repair" not in set(answer.part.bars["role"])
    assert all(event.event != "repair" for event in pair.events)


def test_repair_is_off_where_it_is_not_enabled():
    pair = pair_of(given("alpha_vantage", without=slice(30, 33)), given("yahoo"))
    assert len(kept(pair.ask("NVDA"))) == 387
    assert pair.events == []


def test_a_minute_that_neither_has_stays_missing():
    pair = pair_of(given("alpha_vantage", without=slice(30, 33)), given("yahoo", without=slice(32, 40)), repair=0.001)
    answer = pair.ask("NVDA")
    assert len(kept(answer)) == 389
    assert answer.repaired.startswith("2 of 3 missing bars are yahoo's")


def test_repair_goes_on_without_a_second_feed():
    second = Given("yahoo", errors.Outage("It is down."))
    answer = pair_of(given("alpha_vantage", without=slice(30, 33)), second, repair=0.001).ask("NVDA")
    assert len(kept(answer)) == 387
    assert answer.repaired == "yahoo could not fill the 3 missing bars: It is down."


@pytest.mark.parametrize(
    "primary", [given("alpha_vantage", without=slice(30, 75)), Given("alpha_vantage", errors.Outage("x"))]
)
def test_synthetic_bars_never_stand_in_for_real_ones(primary):
    pair = pair_of(primary, given("files", source="synthetic"), repair=0.001, environment="staging")
    try:
        answer = pair.ask("NVDA")
    except errors.NoFeedAnswered as error:
        assert "never stand in for real ones" in str(error)  # noqa: PT017
    else:
        assert set(answer.part.bars["source"]) == {"alpha_vantage"}
    assert pair.events == []


def test_a_feed_that_counts_other_volumes_repairs_nothing():
    """Partial against consolidated volume, twenty times apart: the closes agree, the bars are not the same thing."""
    second = given("yahoo")
    assert isinstance(second.part, NormalisedBars)
    bars = second.part.bars.assign(volume=second.part.bars["volume"] // 20)
    second = Given("yahoo", replace(second.part, columns=Columns(bars)))
    answer = pair_of(given("alpha_vantage", without=slice(30, 33)), second, repair=0.001).ask("NVDA")
    assert len(kept(answer)) == 387
    assert "387 of 387 shared closes agree within 0.10%, volumes are 0.05 times ours" in answer.repaired


def test_a_bar_without_a_close_is_not_a_missing_one():
    """It is the gate's matter: a second bar of the same minute would break the contract."""
    primary = given("alpha_vantage", without=slice(30, 33))
    assert isinstance(primary.part, NormalisedBars)
    bars = primary.part.bars.copy()
    bars.loc[bars.index[bars["mark"] == ""][5], "close"] = float("nan")
    first = Given("alpha_vantage", replace(primary.part, columns=Columns(bars)))
    pair = pair_of(first, given("yahoo"), repair=0.001, environment="staging")
    answer = pair.ask("NVDA")
    assert (answer.part.bars["role"] == "repair").sum() in (0, 3)
    assert not answer.part.bars[answer.part.bars["mark"] == ""]["timestamp"].duplicated().any()


def test_a_primary_that_misses_too_much_is_left_and_not_repaired():
    """330 of 390 minutes of the second feed are no repair: its own threshold and its own name are due."""
    pair = pair_of(given("alpha_vantage", without=slice(20, 350)), given("yahoo"), repair=0.001)
    answer = pair.ask("NVDA")
    bars = kept(answer)
    assert set(zip(bars["source"], bars["role"], bars["basis"], strict=True)) == {
        ("yahoo", "fallback", "split_adjusted")
    }
    assert [event.event for event in pair.events] == ["failover"]
