"""Yahoo while a session goes on: the real yfinance against the stand-in, both on a clock that the test moves."""

from functools import partial

import pytest

from market.sessions import session
from resources import errors
from resources.feeds.breaker import FeedState
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.live_feeds import (
    clock_at,
    five_minutes,
    live_feed,
    new_york,
    recorded_values,
    replay,
    values_of,
)
from tests.support.yahoo import recorded_rows

DAY = session("2024-08-26")
HALF_DAY = session("2020-11-27")


@pytest.fixture
def live(monkeypatch, tmp_path):
    """Makes a feed at a stand-in's address."""
    return partial(live_feed, monkeypatch, tmp_path, name="yahoo")


def at(stamp, *faults):
    clock = clock_at(f"2024-08-26 {stamp}")
    return clock, YahooSimulator(faults, clock=replay(clock), reach_days=None)


def minutes(symbol, first, last):
    """The recorded minutes, whose prices went through single precision."""
    stamps = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
    rows = recorded_rows(symbol, f"2024-08-26 {first}", f"2024-08-26 {last}")
    found = [at for at in stamps if first <= at < last]
    return {at: pytest.approx(row[1:], rel=1e-7) for at, row in zip(found, rows, strict=True)}


def test_bars_come_as_they_become_complete_and_the_forming_one_does_not(live):
    clock, yahoo = at("09:29:30")
    with yahoo:
        feed = live(clock=clock, YAHOO__BASE_URL=yahoo.url)
        early = feed.so_far("NVDA", DAY, DAY.open)
        assert (values_of(early), early.known_until) == ({}, new_york("2024-08-26 09:29:25"))
        clock.seconds += 97
        for minute in range(31, 34):
            answer = feed.so_far("NVDA", DAY, DAY.open)
            assert values_of(answer) == minutes("NVDA", "09:30", f"09:{minute}")
            assert answer.known_until == new_york(f"2024-08-26 09:{minute}:02")
            clock.seconds += 60
        window = yahoo.requests[-1]
    assert int(window.period1) == DAY.open.timestamp()
    assert int(window.period2) == new_york("2024-08-26 09:34").timestamp()
    assert (feed.name, feed.basis) == ("yahoo", "split_adjusted")


def test_the_forming_row_is_in_the_answer_that_is_dropped(live):
    """It has the running quote, no volume, and the second of the request for a stamp."""
    clock, yahoo = at("10:03:27")
    with yahoo:
        bars = live(clock=clock, YAHOO__BASE_URL=yahoo.url).so_far("NVDA", DAY, new_york("2024-08-26 10:02"))
        served = yahoo.requests[-1]
    assert int(served.period2) > new_york("2024-08-26 10:03:27").timestamp()
    assert values_of(bars) == minutes("NVDA", "10:02", "10:03")
    assert bars.bars.table["mark"].tolist() == [""]


def test_a_bar_settles_first(live):
    clock, yahoo = at("10:03:04.9")
    since = new_york("2024-08-26 10:02")
    with yahoo:
        feed = live(clock=clock, YAHOO__BASE_URL=yahoo.url)
        assert values_of(feed.so_far("MSFT", DAY, since)) == {}
        clock.seconds += 0.1
        assert values_of(feed.so_far("MSFT", DAY, since)) == minutes("MSFT", "10:02", "10:03")


def test_a_minute_without_a_value_is_no_bar(live):
    clock, yahoo = at("10:05:30", "null:NVDA:2024-08-26:10:02-10:02")
    with yahoo:
        answer = live(clock=clock, YAHOO__BASE_URL=yahoo.url).so_far("NVDA", DAY, new_york("2024-08-26 10:01"))
    assert list(values_of(answer)) == ["10:01", "10:03", "10:04"]
    assert answer.known_until == new_york("2024-08-26 10:05:25")


def test_a_late_bar_and_a_revised_one(live):
    clock, yahoo = at("10:03:06", "late:NVDA:2024-08-26:10:02:30", "revise:NVDA:2024-08-26:10:01:1")
    final = minutes("NVDA", "10:01", "10:03")
    with yahoo:
        feed = live(clock=clock, YAHOO__BASE_URL=yahoo.url)
        early = values_of(feed.so_far("NVDA", DAY, new_york("2024-08-26 10:01")))
        assert list(early) == ["10:01"]
        assert early["10:01"] != final["10:01"]
        clock.seconds += 25
        assert values_of(feed.so_far("NVDA", DAY, new_york("2024-08-26 10:01"))) == final


def test_a_half_day_ends_at_its_close(live):
    bars = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
    clock = clock_at("2020-11-27 14:30")
    with YahooSimulator(bars=bars, clock=replay(clock), reach_days=None) as yahoo:
        answer = live(clock=clock, YAHOO__BASE_URL=yahoo.url).so_far("MSFT", HALF_DAY, HALF_DAY.open)
    wanted = recorded_values("MSFT", HALF_DAY.key)
    assert values_of(answer) == {at: pytest.approx(row, rel=1e-7) for at, row in wanted.items()}
    assert list(wanted)[-1] == "12:59"


def test_bars_of_five_minutes(live):
    clock, yahoo = at("09:40:05")
    rows = recorded_rows("NVDA", "2024-08-26 09:30", "2024-08-26 09:40")
    fives = [five_minutes({str(row[0]): row[1:] for row in rows[first : first + 5]}) for first in (0, 5)]
    with yahoo:
        answer = live(clock=clock, YAHOO__BASE_URL=yahoo.url, BAR_SIZE="5min").so_far("NVDA", DAY, DAY.open)
    assert values_of(answer) == {
        at: pytest.approx(row, rel=1e-7) for at, row in zip(("09:30", "09:35"), fives, strict=True)
    }


def test_before_the_first_bar_there_is_none_and_that_is_no_error(live):
    clock, yahoo = at("09:30:01", "answer:range_absent:2")
    with yahoo:
        feed = live(clock=clock, YAHOO__BASE_URL=yahoo.url)
        for _ in range(2):
            answer = feed.so_far("NVDA", DAY, DAY.open)
            assert (values_of(answer), answer.known_until) == ({}, new_york("2024-08-26 09:29:56"))
    assert feed.standing.state is FeedState.UP


def test_a_throttle_and_an_outage_are_told_apart_and_asked_about_once(live):
    clock, yahoo = at("10:00:10", "answer:429_edge:2", "status:502:4")
    with yahoo:
        feed = live(clock=clock, YAHOO__BASE_URL=yahoo.url)
        with pytest.raises(errors.Throttled):
            feed.so_far("NVDA", DAY, DAY.open)
        for _ in range(2):
            with pytest.raises(errors.Outage):
                feed.so_far("NVDA", DAY, DAY.open)
        assert feed.standing.state is FeedState.DOWN
        with pytest.raises(errors.FeedPaused):
            feed.so_far("NVDA", DAY, DAY.open)
        clock.seconds += 301
        assert [len(values_of(feed.so_far("NVDA", DAY, DAY.open))) for _ in range(2)] == [35, 35]
        assert feed.standing.state is FeedState.UP
    assert clock.waits == []
