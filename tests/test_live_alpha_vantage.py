"""Alpha Vantage while a session goes on: the real client against the stand-in, both on a clock that the test moves."""

from functools import partial

import pandas as pd
import pytest

from market.sessions import session
from resources import errors
from resources.feeds.breaker import FeedState
from schemas.errors import LabelSideUnclear
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support import recorded
from tests.support.live_feeds import (
    Remembered,
    clock_at,
    five_minutes,
    live_feed,
    new_york,
    recorded_values,
    replay,
    values_of,
)

DAY = session("2020-11-24")
HALF_DAY = session("2020-11-27")


@pytest.fixture
def live(monkeypatch, tmp_path):
    """Makes a feed at a stand-in's address."""
    return partial(live_feed, monkeypatch, tmp_path, name="alpha_vantage")


def at(stamp, *faults, **options):
    clock = clock_at(f"2020-11-24 {stamp}")
    return clock, AlphaVantageSimulator(faults, clock=replay(clock), **options)


def asked(vendor):
    return [(request.symbol, request.outputsize, request.month) for request in vendor.requests]


@pytest.mark.parametrize("labels", ["start", "end"])
@pytest.mark.parametrize(("datatype", "entitlement"), [("csv", "realtime"), ("json", "realtime"), ("json", "delayed")])
def test_bars_come_as_they_become_complete_whatever_side_is_labelled(live, labels, datatype, entitlement):
    behind = pd.Timedelta(minutes=15 if entitlement == "delayed" else 0)
    clock, vendor = at("09:29:30", labels=labels)
    clock.seconds += behind.total_seconds()
    with vendor:
        feed = live(
            clock=clock,
            ALPHA_VANTAGE__BASE_URL=vendor.url,
            ALPHA_VANTAGE__DATATYPE=datatype,
            ALPHA_VANTAGE__ENTITLEMENT=entitlement,
        )
        early = feed.so_far("NVDA", DAY, DAY.open)
        assert (values_of(early), early.known_until) == ({}, new_york("2020-11-24 09:29:29"))
        for minute in range(31, 36):
            clock.seconds += 60 if minute > 31 else 92
            answer = feed.so_far("NVDA", DAY, DAY.open)
            assert values_of(answer) == recorded_values("NVDA", DAY.key, last=f"09:{minute}")
            assert answer.known_until == new_york(f"2020-11-24 09:{minute}:01")
        assert asked(vendor) == [("NVDA", "full", None)] + [("NVDA", "compact", None)] * 5
        assert {request.entitlement for request in vendor.requests} == {entitlement}


def test_a_bar_settles_first(live):
    clock, vendor = at("09:31:00.9")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        assert values_of(feed.so_far("NVDA", DAY, DAY.open)) == {}
        clock.seconds += 0.1
        assert list(values_of(feed.so_far("NVDA", DAY, DAY.open))) == ["09:30"]


def test_bars_carry_whose_they_are(live):
    clock, vendor = at("09:40:02")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        bars = feed.so_far("MSFT", DAY, DAY.open - pd.Timedelta(minutes=10)).bars.table
    assert set(bars[["symbol", "source", "basis", "role", "mark"]].itertuples(index=False, name=None)) == {
        ("MSFT", "alpha_vantage", "as_traded", "primary", "")
    }
    assert (feed.name, feed.basis) == ("alpha_vantage", "as_traded")


def test_what_a_compact_answer_does_not_reach_is_asked_for_in_full(live):
    clock, vendor = at("11:30:02")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        feed.so_far("NVDA", DAY, DAY.open)
        later = feed.so_far("NVDA", DAY, new_york("2020-11-24 11:00"))
        again = feed.so_far("NVDA", DAY, DAY.open)
    assert values_of(later) == recorded_values("NVDA", DAY.key, "11:00", "11:30")
    assert values_of(again) == recorded_values("NVDA", DAY.key, last="11:30")
    assert [size for _, size, _ in asked(vendor)] == ["full", "compact", "full"]


def test_each_session_begins_with_a_full_answer(live):
    clock, vendor = at("15:59:30")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        feed.so_far("NVDA", DAY, new_york("2020-11-24 15:50"))
        clock.seconds = new_york("2020-11-25 09:31:30").timestamp()
        answer = feed.so_far("NVDA", session("2020-11-25"), new_york("2020-11-25 09:30"))
    assert values_of(answer) == recorded_values("NVDA", "2020-11-25", last="09:31")
    assert [size for _, size, _ in asked(vendor)] == ["full", "full"]


def test_the_first_session_of_a_month_has_the_side_of_the_month_before(live):
    clock, vendor = at("09:31:02", labels="start")
    clock.seconds = new_york("2020-12-01 09:31:02").timestamp()
    first = session("2020-12-01")
    with vendor:
        answer = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url).so_far("NVDA", first, first.open)
    assert values_of(answer) == recorded_values("NVDA", first.key, last="09:31")


def test_without_extended_hours_the_first_minute_has_a_side_too(live):
    clock, vendor = at("09:31:02")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url, ALPHA_VANTAGE__EXTENDED_HOURS="false")
        answer = feed.so_far("NVDA", DAY, DAY.open)
    assert values_of(answer) == recorded_values("NVDA", DAY.key, last="09:31")


def test_a_session_with_the_other_label_than_the_month_is_refused_from_its_first_bar_on(live):
    clock, vendor = at("09:29:30", f"label:NVDA:{DAY.key}")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        assert values_of(feed.so_far("NVDA", DAY, DAY.open)) == {}
        for stamp in ("09:31:02", "09:33:02", "10:33:02"):
            clock.seconds = new_york(f"{DAY.key} {stamp}").timestamp()
            with pytest.raises(LabelSideUnclear, match=r"start of the bar|mark the start"):
                feed.so_far("NVDA", DAY, DAY.open)
        assert list(values_of(feed.so_far("MSFT", DAY, DAY.open)))[-1] == "10:32"
    assert feed.standing.state is FeedState.UP


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_a_half_day_ends_at_its_close(live, symbol):
    clock = clock_at("2020-11-27 14:30")
    with AlphaVantageSimulator(clock=replay(clock)) as vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        answer = feed.so_far(symbol, HALF_DAY, HALF_DAY.open)
    assert values_of(answer) == recorded_values(symbol, HALF_DAY.key)
    assert list(values_of(answer))[-1] == "12:59"


def test_a_late_bar_is_not_there_and_then_is(live):
    clock, vendor = at("10:01:02", "late:NVDA:2020-11-24:10:00:90")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        since = new_york("2020-11-24 10:00")
        lacking = feed.so_far("NVDA", DAY, since)
        assert (values_of(lacking), lacking.known_until) == ({}, new_york("2020-11-24 10:01:01"))
        clock.seconds += 60
        assert list(values_of(feed.so_far("NVDA", DAY, since))) == ["10:01"]
        clock.seconds += 28
        assert values_of(feed.so_far("NVDA", DAY, since)) == recorded_values("NVDA", DAY.key, "10:00", "10:02")


def test_a_bar_is_given_anew_once_it_is_revised(live):
    clock, vendor = at("10:01:02", "revise:NVDA:2020-11-24:10:00:2")
    final = recorded_values("NVDA", DAY.key, "10:00", "10:01")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        seen = [values_of(feed.so_far("NVDA", DAY, new_york("2020-11-24 10:00"))) for _ in range(3)]
    opened, high, low, _, volume = final["10:00"]
    assert seen[0] == seen[1]
    assert [seen[0]["10:00"][place] for place in (0, 1, 2, 4)] == [opened, high, low, volume // 2]
    assert seen[0] != final
    assert seen[2] == final


def test_what_is_odd_within_the_session_is_marked_and_given(live):
    clock, vendor = at("10:05:02", "conflict:NVDA:2020-11-24:10:00", "drop:NVDA:2020-11-24:10:02-10:02")
    with vendor:
        bars = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url).so_far("NVDA", DAY, new_york("2020-11-24 10:00"))
    minutes = bars.bars.table["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M").tolist()
    marks = bars.bars.table["mark"].tolist()
    assert minutes == ["10:00", "10:00", "10:01", "10:03", "10:04"]
    assert marks == ["duplicate_conflicting"] * 2 + [""] * 3


def test_bars_of_five_minutes(live):
    clock, vendor = at("09:40:00.5")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url, BAR_SIZE="5min")
        first = values_of(feed.so_far("NVDA", DAY, DAY.open))
        clock.seconds += 0.5
        both = values_of(feed.so_far("NVDA", DAY, DAY.open))
    assert first == {"09:30": five_minutes(recorded_values("NVDA", DAY.key, last="09:35"))}
    assert both == first | {"09:35": five_minutes(recorded_values("NVDA", DAY.key, "09:35", "09:40"))}


def test_without_an_entitlement_it_is_not_asked(live):
    clock, vendor = at("10:00")
    with vendor, pytest.raises(errors.ConfigError, match=r"alpha_vantage\.entitlement.*realtime or delayed"):
        live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url, ALPHA_VANTAGE__ENTITLEMENT="none")


def test_a_plan_without_the_entitlement_is_refused_at_once(live):
    clock, vendor = at("10:00", entitled=False)
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        with pytest.raises(errors.PlanRefused, match="entitlement"):
            feed.so_far("NVDA", DAY, DAY.open)
        assert len(vendor.requests) == 1
    assert feed.standing.state is FeedState.UP


def test_who_is_throttled_is_left_alone_for_as_long_as_it_wants(live):
    clock, vendor = at("10:00:02", "answer:minute_quota_premium:1")
    with vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url)
        with pytest.raises(errors.Throttled):
            feed.so_far("NVDA", DAY, DAY.open)
        clock.seconds += 30
        with pytest.raises(errors.NotAsked) as early:
            feed.so_far("NVDA", DAY, DAY.open)
        assert early.value.pause_seconds == pytest.approx(30)
        assert (len(vendor.requests), clock.waits) == (1, [])
        clock.seconds += 30
        assert len(values_of(feed.so_far("NVDA", DAY, DAY.open))) == 31
    assert feed.standing.state is FeedState.UP


def test_the_plans_limit_is_kept(live):
    clock = clock_at("2020-11-24 10:00:02")
    with AlphaVantageSimulator(clock=replay(clock), limits=[(1, 0.8)], monotonic=clock.time) as vendor:
        feed = live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url, ALPHA_VANTAGE__PLAN="premium_75")
        for symbol in recorded.SYMBOLS:
            feed.so_far(symbol, DAY, DAY.open)
    assert sum(clock.waits) == pytest.approx(0.8, abs=1e-3)


def test_an_outage_takes_it_down_and_answers_bring_it_back(live):
    clock, vendor = at("10:00:02", "status:503:3")
    events = Remembered()
    with vendor:
        feed = live(clock=clock, events=events, ALPHA_VANTAGE__BASE_URL=vendor.url)

        def state_after(kind=None):
            if kind is None:
                feed.so_far("NVDA", DAY, DAY.open)
            else:
                with pytest.raises(kind):
                    feed.so_far("NVDA", DAY, DAY.open)
            return feed.standing.state

        outage = [state_after(errors.Outage) for _ in range(3)]
        assert outage == [FeedState.UP, FeedState.UP, FeedState.DOWN]
        clock.seconds += 299
        assert state_after(errors.FeedPaused) is FeedState.DOWN
        assert len(vendor.requests) == 3
        clock.seconds += 2
        assert [state_after(), state_after()] == [FeedState.PROBING, FeedState.UP]
    assert [(event.feed, event.event) for event in events.events] == [
        ("alpha_vantage", state) for state in ("down", "probing", "up")
    ]


def test_waiting_is_its_clocks_matter(live):
    clock, vendor = at("10:00")
    with vendor:
        live(clock=clock, ALPHA_VANTAGE__BASE_URL=vendor.url).wait(1.5)
    assert clock.waits == [1.5]


def test_files_have_nothing_of_a_running_session(live):
    with pytest.raises(errors.ConfigError, match=r"files.*alpha_vantage, yahoo, interactive_brokers"):
        live(clock=clock_at("2020-11-24 10:00"), name="files")
