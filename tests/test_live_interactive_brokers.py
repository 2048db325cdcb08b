"""Interactive Brokers while a session goes on: the real client library at the stand-in for TWS, on one clock."""

from dataclasses import dataclass
from decimal import Decimal

import pandas as pd
import pytest

from market.sessions import BarSize, session
from resources import errors
from resources.feeds.breaker import FeedState
from resources.feeds.live.interactive_brokers import InteractiveBrokersLive
from resources.feeds.live.pieces import Pieces
from resources.ib.real_time import DataNotice, DataTrouble, FiveSecondBar, RealTimeBars
from simulators.clock import ReplayClock
from simulators.tws import TwsSimulator
from simulators.tws.bars import Bar
from simulators.tws.replaying import Replay
from simulators.tws.requests import Kind
from tests.support import recorded
from tests.support.feeds import Clock
from tests.support.ib import ib_settings
from tests.support.live_feeds import (
    clock_at,
    five_minutes,
    live_feed,
    new_york,
    recorded_values,
    replay,
    values_of,
)

DAY = session("2020-11-24")


@dataclass
class Market:
    """A stand-in, the feed at it, and the clock of both."""

    clock: Clock
    tws: TwsSimulator
    replay: Replay
    feed: InteractiveBrokersLive
    day: str

    def to(self, stamp):
        """The time goes on, and what is pushed meanwhile arrives."""
        self.clock.seconds = new_york(f"{self.day} {stamp}").timestamp()
        self.replay.catch_up()
        if self.feed._connected and self.tws.clients:
            self.feed._subscription.gateway.time()  # answers come in order

    def breaks(self):
        """The connection is seen to have broken."""
        while self.feed._connected:
            self.feed.wait(10)

    def so_far(self, since="09:30", symbol="NVDA"):
        return self.feed.so_far(symbol, session(self.day), new_york(f"{self.day} {since}"))

    def history(self):
        """The ends up to which history was asked for."""
        asked = [request.fields for request in self.tws.requests if request.kind is Kind.HISTORICAL_DATA]
        return [fields[14].split()[1] for fields in asked]


@pytest.fixture
def market(monkeypatch, tmp_path):
    """Makes a market that stands at a time."""
    made = []

    def make(stamp, day=DAY.key, *, lots=1, **settings):
        clock = clock_at(f"{day} {stamp}")
        bars = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
        vendor = replay(clock)
        tws = TwsSimulator(bars=bars, now=vendor.now, lots=lots).start()
        settings = {"IB__HOST": tws.host, "IB__PORT": str(tws.port), **settings}
        feed = live_feed(monkeypatch, tmp_path, clock, "interactive_brokers", **settings)
        made.append(Market(clock, tws, Replay(tws, vendor), feed, day))
        return made[-1]

    yield make
    for one in made:
        one.feed.close()
        one.tws.stop()


def subscribed(market, count=2):
    market.feed.wait(0)
    market.tws.wait_for(Kind.REAL_TIME_BARS, count)


def test_pieces_become_bars_the_moment_that_all_have_come(market):
    at = market("09:29:50")
    subscribed(at)
    for symbol in recorded.SYMBOLS:
        assert (values_of(at.so_far(symbol=symbol)), at.so_far().known_until) == ({}, at.clock.now())
    for minute in range(31, 35):
        at.to(f"09:{minute}:00")
        for symbol in recorded.SYMBOLS:
            answer = at.so_far(symbol=symbol)
            assert values_of(answer) == recorded_values(symbol, DAY.key, last=f"09:{minute}")
            assert answer.known_until == new_york(f"2020-11-24 09:{minute}")
    assert at.history() == []
    bars = answer.bars.table
    assert set(bars[["source", "basis", "role", "mark"]].itertuples(index=False, name=None)) == {
        ("interactive_brokers", "split_adjusted", "primary", "")
    }
    assert (at.feed.name, at.feed.basis) == ("interactive_brokers", "split_adjusted")


def test_the_forming_bar_and_earlier_ones_are_not_given(market):
    at = market("09:29:50")
    subscribed(at)
    at.to("09:33:55")
    assert list(values_of(at.so_far("09:31"))) == ["09:31", "09:32"]


def test_a_bar_settles_as_long_as_it_is_told_to(market):
    at = market("09:29:50", LIVE__SETTLE_SECONDS='{"alpha_vantage": 1, "yahoo": 5, "interactive_brokers": 2}')
    subscribed(at)
    at.to("09:31:01")
    assert values_of(at.so_far()) == {}
    at.to("09:31:02")
    assert list(values_of(at.so_far())) == ["09:30"]
    assert at.so_far().known_until == new_york("2020-11-24 09:31")


def test_pieces_that_are_on_their_way_are_waited_for(market):
    at = market("09:29:50")
    subscribed(at)
    at.to("09:30:55")
    at.clock.seconds += 9
    answer = at.so_far()
    assert (values_of(answer), answer.known_until) == ({}, new_york("2020-11-24 09:30"))
    at.to("09:31:04")
    assert list(values_of(at.so_far())) == ["09:30"]
    assert at.history() == []


def test_who_comes_in_the_middle_has_the_rest_from_history(market):
    at = market("09:45:20")
    first = at.so_far()
    assert values_of(first) == recorded_values("NVDA", DAY.key, last="09:45")
    at.tws.wait_for(Kind.REAL_TIME_BARS, 2)
    at.to("09:46:02")
    second = at.so_far("09:44")
    assert (list(values_of(second)), second.known_until) == (["09:44"], new_york("2020-11-24 09:45"))
    at.to("09:46:05")
    third = at.so_far("09:44")
    assert values_of(third) == recorded_values("NVDA", DAY.key, "09:44", "09:46")
    for stamp in ("09:47", "09:49"):
        at.to(f"{stamp}:00")
        assert values_of(at.so_far()) == recorded_values("NVDA", DAY.key, last=stamp)
    assert at.history() == ["09:45:00", "09:46:00"]


@pytest.mark.parametrize("breaks", [lambda tws: tws.cut(), lambda tws: tws.restart()])
def test_a_connection_that_breaks_in_the_middle_of_a_minute(market, breaks):
    at = market("10:00:00")
    subscribed(at)
    at.to("10:02:30")
    assert list(values_of(at.so_far("10:00"))) == ["10:00", "10:01"]
    breaks(at.tws)
    at.breaks()
    at.to("10:02:45")
    subscribed(at, 4)
    at.to("10:03:05")
    assert values_of(at.so_far("10:00")) == recorded_values("NVDA", DAY.key, "10:00", "10:03")
    at.to("10:04:00")
    assert values_of(at.so_far("10:00")) == recorded_values("NVDA", DAY.key, "10:00", "10:04")
    assert at.history() == ["10:03:00"]
    assert at.feed.standing.state is FeedState.UP


def test_while_nobody_answers_it_is_down_and_comes_back(market):
    at = market("10:00:00")
    subscribed(at)
    at.to("10:02:30")
    at.tws.stop()
    at.breaks()

    def state_after(kind):
        with pytest.raises(kind):
            at.so_far("10:00")
        return at.feed.standing.state

    assert [state_after(errors.Outage) for _ in range(3)] == [FeedState.UP, FeedState.UP, FeedState.DOWN]
    at.clock.seconds += 200
    assert state_after(errors.FeedPaused) is FeedState.DOWN
    at.tws.start()
    at.to("10:08:05")
    assert values_of(at.so_far("10:00")) == recorded_values("NVDA", DAY.key, "10:00", "10:08")
    assert at.feed.standing.state is FeedState.PROBING
    at.so_far("10:00")
    assert at.feed.standing.state is FeedState.UP


def test_while_ib_has_lost_its_way_nothing_is_said_and_what_was_missed_is_fetched(market):
    at = market("10:00:00")
    subscribed(at)
    at.to("10:00:30")
    at.tws.notice(1100)
    at.feed._subscription.gateway.time()
    with pytest.raises(errors.Outage, match="lost the way"):
        at.so_far("10:00")
    at.tws.notice(1101)  # the subscriptions are gone
    at.tws.wait_for(Kind.REAL_TIME_BARS, 4)
    at.to("10:02:00")
    assert list(values_of(at.so_far("10:00"))) == ["10:00", "10:01"]
    assert at.history() == []
    at.tws.notice(1101)
    at.to("10:02:30")
    at.tws.wait_for(Kind.REAL_TIME_BARS, 6)
    at.to("10:03:05")
    assert values_of(at.so_far("10:00")) == recorded_values("NVDA", DAY.key, "10:00", "10:03")


def test_a_minute_without_trades_is_history_s_to_say_and_asked_about_again_later(market):
    """NVDA's recording has no bar of 13:34."""
    at = market("13:33:00", "2020-12-29")
    subscribed(at)
    at.to("13:35:04")
    assert at.so_far("13:33").known_until == new_york("2020-12-29 13:34")
    at.to("13:35:05")
    answer = at.so_far("13:33")
    assert (list(values_of(answer)), answer.known_until) == (["13:33"], at.clock.now())
    for stamp in ("13:35:06", "13:35:30", "13:36:04"):
        at.to(stamp)
        at.so_far("13:33")
    assert at.history() == ["13:35:00"]
    at.to("13:36:05")
    assert list(values_of(at.so_far("13:33"))) == ["13:33", "13:35"]
    assert at.history() == ["13:35:00", "13:35:00"]


def test_history_that_has_none_is_no_failure(market):
    at = market("09:45:20")
    at.tws.add_fault("no_data:1")
    answer = at.so_far("09:44")
    assert (values_of(answer), answer.known_until) == ({}, at.clock.now())
    assert at.feed.standing.state is FeedState.UP


def test_history_that_fails_is_the_feeds_failure_and_asked_again_once_it_may(market):
    at = market("09:45:20")
    at.tws.add_fault("pacing:1")
    with pytest.raises(errors.Throttled, match="NVDA up to 14:45 UTC"):
        at.so_far("09:44")
    with pytest.raises(errors.NotAsked):
        at.so_far("09:44")
    at.to("09:45:36")
    assert list(values_of(at.so_far("09:44"))) == ["09:44"]


def test_history_that_fails_holds_back_what_it_would_say_and_nothing_else(market):
    at = market("10:00:00")
    subscribed(at)
    at.to("10:01:30")
    at.tws.cut()
    at.breaks()
    at.to("10:01:45")
    subscribed(at, 4)
    at.to("10:02:05")
    at.tws.add_fault("pacing:1")
    answer = at.so_far("10:00")
    assert (list(values_of(answer)), answer.known_until) == (["10:00"], new_york("2020-11-24 10:01"))


@pytest.mark.parametrize(
    ("unit", "lots", "factor"), [("detect", 100, 1), ("lots", 100, 1), ("shares", 100, 0.01), ("detect", 1, 1)]
)
def test_the_unit_of_volumes(market, unit, lots, factor):
    at = market("09:29:50", lots=lots, IB__VOLUME_UNIT=unit)
    subscribed(at)
    at.to("09:32:00")
    wanted = {minute: row[4] * factor for minute, row in recorded_values("NVDA", DAY.key, last="09:32").items()}
    assert {minute: row[4] for minute, row in values_of(at.so_far()).items()} == pytest.approx(wanted)


def test_bars_of_five_minutes(market):
    at = market("09:29:50", BAR_SIZE="5min")
    subscribed(at)
    at.to("09:39:55")
    first = five_minutes(recorded_values("NVDA", DAY.key, last="09:35"))
    assert values_of(at.so_far()) == {"09:30": first}
    at.to("09:40:00")
    second = five_minutes(recorded_values("NVDA", DAY.key, "09:35", "09:40"))
    assert values_of(at.so_far()) == {"09:30": first, "09:35": second}
    at.tws.cut()
    at.breaks()
    at.to("09:45:05")
    third = five_minutes(recorded_values("NVDA", DAY.key, "09:40", "09:45"))
    assert values_of(at.so_far("09:40")) == {"09:40": third}
    assert at.history() == ["09:45:00"]


def test_a_half_day_ends_at_its_close(market):
    at = market("12:57:00", "2020-11-27")
    subscribed(at)
    at.to("13:30:00")
    assert values_of(at.so_far("12:57")) == recorded_values("NVDA", "2020-11-27", "12:57")
    assert list(values_of(at.so_far("12:57"))) == ["12:57", "12:58", "12:59"]


def test_the_next_day_begins_with_nothing_of_the_day_before(market):
    at = market("15:58:00", "2020-11-24")
    subscribed(at)
    at.to("16:00:00")
    assert list(values_of(at.so_far("15:58"))) == ["15:58", "15:59"]
    at.day = "2020-11-25"
    at.to("09:31:00")
    assert values_of(at.so_far()) == recorded_values("NVDA", "2020-11-25", last="09:31")
    assert at.history() == ["15:59:00"]  # of the day before, after its close


def revised(at):
    """Of 15:57 a piece was pushed that says less than history does."""
    subscribed(at)
    at.to("15:58:00")
    said = recorded_values("NVDA", DAY.key, "15:57", "15:58")["15:57"]
    at.tws.push_bar("NVDA", Bar(int(new_york("2020-11-24 15:57:20").timestamp()), *said[:4], 0))
    at.to("15:59:00")
    assert values_of(at.so_far("15:57"))["15:57"][4] < said[4]


def test_after_the_close_the_whole_day_is_taken_from_history_once_for_what_was_revised(market):
    at = market("15:57:00")
    revised(at)
    at.to("16:00:00")
    assert values_of(at.so_far()) == recorded_values("NVDA", DAY.key)
    at.to("16:00:04")
    assert values_of(at.so_far("15:55")) == recorded_values("NVDA", DAY.key, "15:55")
    assert at.history() == ["15:59:00"]
    at.to("16:00:05")
    for _ in range(2):
        assert values_of(at.so_far("15:55")) == recorded_values("NVDA", DAY.key, "15:55")
    assert at.history() == ["15:59:00", "16:00:00"]


def test_what_history_had_before_the_close_is_not_what_it_has_after(market):
    at = market("15:58:30")
    subscribed(at)
    at.to("15:59:05")
    assert list(values_of(at.so_far("15:58"))) == ["15:58"]
    at.to("16:00:00")
    at.so_far("15:58")
    assert at.history() == ["15:59:00", "15:59:00"]


def test_a_history_that_fails_after_the_close_holds_nothing_back(market):
    at = market("15:57:00")
    revised(at)
    at.to("16:00:00")
    at.tws.add_fault("pacing:1")
    answer = at.so_far("15:57")
    assert (list(values_of(answer)), answer.known_until) == (["15:57", "15:58", "15:59"], at.clock.now())
    at.to("16:00:16")
    assert values_of(at.so_far("15:57")) == recorded_values("NVDA", DAY.key, "15:57")


def test_a_symbol_that_ib_does_not_know_is_refused_and_the_other_comes(market):
    at = market("09:29:50", SYMBOLS="ZZZZ,NVDA")
    subscribed(at)
    at.to("09:31:00")
    with pytest.raises(errors.RequestRefused, match=r"ZZZZ.*200"):
        at.so_far(symbol="ZZZZ")
    assert list(values_of(at.so_far())) == ["09:30"]
    assert at.feed.standing.state is FeedState.UP


@pytest.mark.parametrize(
    ("trouble", "kind", "asked"),
    [
        (DataTrouble.PACED, errors.Throttled, 4),
        (DataTrouble.COMPETING, errors.Outage, 4),
        (DataTrouble.NOT_PERMITTED, errors.PlanRefused, 2),
        (DataTrouble.BUST, None, 2),
    ],
)
def test_what_keeps_pieces_from_coming(market, trouble, kind, asked):
    at = market("10:00:00")
    subscribed(at)
    at.feed._take(DataNotice("NVDA", trouble, at.clock.now(), "words"))
    for wanted in (kind, None if asked > 2 else kind):
        if wanted is None:
            at.so_far("10:00")
        else:
            with pytest.raises(wanted, match=r"NVDA.*words"):
                at.so_far("10:00")
    at.tws.wait_for(Kind.REAL_TIME_BARS, asked)
    assert [request.kind for request in at.tws.requests].count(Kind.REAL_TIME_BARS) == asked


def test_pieces_that_come_after_all_end_the_trouble(market):
    at = market("10:00:00")
    subscribed(at)
    at.feed._take(DataNotice("NVDA", DataTrouble.NOT_PERMITTED, at.clock.now(), "words"))
    at.to("10:01:00")
    assert list(values_of(at.so_far("10:00"))) == ["10:00"]


def piece(second, price, volume, trades):
    values = [Decimal(price)] * 4
    return FiveSecondBar("NVDA", DAY.open + pd.Timedelta(seconds=second), *values, Decimal(volume), values[0], trades)


def test_a_piece_in_which_nobody_traded_makes_no_price():
    pieces = Pieces(BarSize.ONE_MINUTE, "shares")
    for second in range(0, 60, 5):
        traded = 10 <= second < 50
        pieces.add(piece(second, "521.5" if traded else "400", 30 if traded else 0, 2 if traded else 0))
    (bar,) = pieces.bars("NVDA", DAY, DAY.minutes(BarSize.ONE_MINUTE)[:1]).itertuples()
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (521.5, 521.5, 521.5, 521.5, 240)


def test_a_minute_in_which_nobody_traded_is_not_whole_nor_is_one_that_is_forgotten():
    pieces, starts = Pieces(BarSize.ONE_MINUTE, "shares"), DAY.minutes(BarSize.ONE_MINUTE)[:2]
    for second in range(0, 120, 5):
        pieces.add(piece(second, "521.5", 0, 0 if second < 60 else 1))
    assert pieces.whole("NVDA", starts).tolist() == [False, True]
    pieces.forget_before(DAY.open + pd.Timedelta(seconds=65))
    assert pieces.whole("NVDA", starts).tolist() == [False, False]


def test_volumes_once_seen_to_be_lots_stay_so():
    pieces, starts = Pieces(BarSize.ONE_MINUTE, "detect"), DAY.minutes(BarSize.ONE_MINUTE)[:1]
    for second in range(0, 60, 5):
        pieces.add(piece(second, "521.5", "1.5", 2 if second == 20 else 1))
    assert pieces.bars("NVDA", DAY, starts)["volume"].tolist() == [1800]


def test_waiting_ends_with_a_piece(market):
    at = market("10:00:00")
    subscribed(at)
    at.clock.seconds += 5
    at.replay.catch_up()
    at.feed.wait(60)
    assert at.clock.waits == []


def test_without_a_connection_waiting_takes_its_time(market):
    at = market("10:00:00")
    at.tws.stop()
    at.feed.wait(3)
    assert at.clock.waits == [3]


def test_who_does_not_say_where_is_misconfigured(monkeypatch, tmp_path):
    with pytest.raises(errors.ConfigError, match=r"ib\.host"):
        live_feed(monkeypatch, tmp_path, clock_at("2020-11-24 10:00"), "interactive_brokers")


def test_a_clock_that_runs_is_followed(monkeypatch, tmp_path):
    """A minute of the recording, pushed while it passes a thousand times as fast."""
    clock = ReplayClock(new_york("2020-11-24 09:59:58"), 1000)
    bars = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
    with TwsSimulator(bars=bars, now=clock.now) as tws:
        subscription = RealTimeBars(ib_settings(port=tws.port), ("NVDA",), clock.now)
        subscription.connect()
        try:
            tws.wait_for(Kind.REAL_TIME_BARS)
            pieces = []
            with Replay(tws, clock).following():
                while not pieces or pieces[-1].start < new_york("2020-11-24 10:05"):
                    pieces += subscription.events(10)
        finally:
            subscription.close()
    starts = [piece.start.timestamp() for piece in pieces]
    assert starts == [starts[0] + 5 * place for place in range(len(starts))]
