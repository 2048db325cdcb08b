"""History of Interactive Brokers as a feed: the real client library against the stand-in for TWS, and every refusal.

What it keeps to as all feeds do is in test_feed_contract.py.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from market.sessions import BarSize, session
from resources import errors
from resources.feeds.interactive_brokers_answers import parse_bars, refusal
from resources.feeds.opening import Feeds
from resources.landing import LandingZone
from resources.settings import load_settings
from simulators.tws import TwsSimulator
from simulators.tws.requests import Kind
from tests.support import recorded
from tests.support.feeds import Clock
from tests.support.ib import ib_feed

DAY = session("2020-11-24")
RECORDINGS = Path(__file__).parents[1] / "simulators" / "recordings"


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tws(clock):
    with TwsSimulator(bars=recorded_bars(), now=clock.now) as simulator:
        yield simulator


def recorded_bars():
    return {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}


def asked(tws):
    return [request.fields for request in tws.requests if request.kind is Kind.HISTORICAL_DATA]


def message(*bars):
    """A history message: server version 176, as it is landed."""
    return json.dumps(["17", "3", "20201124  09:30:00", "20201124  20:00:00", str(len(bars)), *sum(bars, ())])


def test_one_request_asks_for_the_day_with_extended_hours_as_epoch_seconds(tws, clock, tmp_path):
    ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY)
    (fields,) = asked(tws)
    assert fields[2:4] == ("NVDA", "STK")
    assert (fields[8], fields[9], fields[10]) == ("SMART", "NASDAQ", "USD")
    assert fields[14:20] == ("20201124 20:00:00 US/Eastern", "1 min", "1 D", "0", "TRADES", "2")


def test_an_answer_is_landed_as_it_came_and_not_asked_for_again(tws, clock, tmp_path):
    first = ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY).bars
    again = ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY).bars
    pd.testing.assert_frame_equal(first, again)
    assert len(asked(tws)) == 1
    (landed,) = (tmp_path / "raw/interactive_brokers/127.0.0.1/1min/NVDA/2020-11-24").glob("*.gz")
    assert landed.name.endswith(".json.gz")
    ib_feed(tws.port, tmp_path, clock=clock, refresh=True).session_bars("NVDA", DAY)
    assert len(asked(tws)) == 2


def test_five_minutes_add_up_to_the_minutes(tws, clock, tmp_path):
    minutes = ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY).bars
    fives = ib_feed(tws.port, tmp_path, clock=clock, bar_size=BarSize.FIVE_MINUTES).session_bars("NVDA", DAY).bars
    regular = [table[table["mark"] == ""] for table in (minutes, fives)]
    assert [len(table) for table in regular] == [390, 78]
    assert regular[0]["volume"].sum() == regular[1]["volume"].sum()
    assert regular[1]["high"].iloc[0] == regular[0]["high"].iloc[:5].max()


def test_volumes_in_lots_are_told_by_bars_with_more_trades_than_volume(clock, tmp_path):
    with TwsSimulator(bars=recorded_bars(), now=clock.now, lots=100) as tws:
        bars = ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY).bars
    regular = bars[bars["mark"] == ""]["volume"]
    wanted = [float(row["volume"]) for _, row in sorted(recorded.session_rows("NVDA")[DAY.key].items())]
    assert max(abs(had - was) for had, was in zip(regular, wanted, strict=True)) < 100  # lots are whole


BAR = ("1606228200", "130.5", "131.25", "130.0", "131.0", "1200", "130.7", "900")


@pytest.mark.parametrize(
    ("unit", "bars", "volumes"),
    [
        ("detect", [BAR], [1200]),
        ("detect", [(*BAR[:7], "1200")], [1200]),
        ("detect", [BAR, (*BAR[:5], "12.5", "130.7", "13")], [120_000, 1250]),
        ("shares", [(*BAR[:7], "1201")], [1200]),
        ("lots", [BAR], [120_000]),
    ],
)
def test_the_unit_of_volumes(unit, bars, volumes):
    assert parse_bars(message(*bars), "NVDA", unit)["volume"].tolist() == volumes


def test_a_bar_is_read_field_by_field():
    (row,) = parse_bars(message(BAR), "NVDA", "shares").to_dict("records")
    assert row["stamp"] == pd.Timestamp("2020-11-24 09:30", tz="America/New_York")
    assert [row[name] for name in ("symbol", "open", "high", "low", "close")] == ["NVDA", 130.5, 131.25, 130.0, 131.0]


@pytest.mark.parametrize(
    "text",
    ["", "null", "{}", "[]", '["17","3","a","b","2"]', message(BAR)[:-1], message((*BAR[:4], "x", *BAR[5:])),
     message((*BAR[:4], "nan", *BAR[5:])), json.dumps([*json.loads(message(BAR)), "more"])],
)  # fmt: skip
def test_what_is_no_history_is_malformed(text):
    with pytest.raises(errors.MalformedPayload, match="NVDA"):
        parse_bars(text, "NVDA", "detect")


def said(code, words):
    lines = map(json.loads, (RECORDINGS / "tws_messages.jsonl").read_text().splitlines())
    return next(line["text"] for line in lines if line["code"] == code and words in line["text"])


@pytest.mark.parametrize(
    ("code", "words", "kind", "retry_helps"),
    [
        (162, "no data", errors.NoBars, False),
        (162, "pacing", errors.Throttled, True),
        (162, "cancelled", errors.Outage, True),
        (200, "", errors.RequestRefused, False),
        (354, "", errors.PlanRefused, False),
        (10197, "", errors.Outage, True),
    ],
)
def test_a_recorded_refusal_is_told_apart_by_code_and_words(code, words, kind, retry_helps):
    error = refusal(code, said(code, words), "NVDA of 2020-11-24")
    assert type(error) is kind
    assert error.retry_helps is retry_helps
    assert str(code) in str(error)
    assert "NVDA of 2020-11-24" in str(error)
    assert (error.pause_seconds is not None) == (kind is errors.Throttled)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("no_data:1", errors.NoBars), ("pacing:1", errors.Throttled), ("history_321:1", errors.RequestRefused)],
)
def test_a_refusal_ends_the_request_at_once(tws, clock, tmp_path, fault, kind):
    tws.add_fault(fault)  # ib_async waits out its time after 321, which would be an Outage here
    with pytest.raises(kind, match="2020-11-24"):
        ib_feed(tws.port, tmp_path, clock=clock, timeout_seconds=60).session_bars("NVDA", DAY)


def test_no_answer_is_an_outage(tws, clock, tmp_path):
    tws.add_fault("hang:1@historical_data")
    with pytest.raises(errors.Outage, match=r"did not answer within 0\.5 s"):
        ib_feed(tws.port, tmp_path, clock=clock, timeout_seconds=0.5).session_bars("NVDA", DAY)


def test_a_passing_fault_is_asked_about_again_once_it_may(tws, clock, tmp_path):
    tws.add_fault("cut:1@historical_data")
    ib_feed(tws.port, tmp_path, clock=clock, attempts=2).session_bars("NVDA", DAY)
    assert len(asked(tws)) == 2
    assert sum(clock.waits) == pytest.approx(15.1)  # the same again within 15 s would be a violation


def test_real_money_is_refused_here_too(clock, tmp_path):
    with (
        TwsSimulator(bars=recorded_bars(), now=clock.now, accounts=["U1234567"]) as tws,
        pytest.raises(errors.FeedRefused, match=r"U1\*\*\*67"),
    ):
        ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY)


def test_it_speaks_as_a_client_of_its_own(tws, clock, tmp_path):
    ib_feed(tws.port, tmp_path, clock=clock, client_id=20).session_bars("NVDA", DAY)
    assert {request.client_id for request in tws.requests} == {21}


def test_a_session_that_is_not_over_is_too_early(tws, tmp_path):
    clock = Clock(seconds=(DAY.close + pd.Timedelta(minutes=1)).timestamp())
    with pytest.raises(errors.TooEarly, match="21:02 UTC"):
        ib_feed(tws.port, tmp_path, clock=clock).session_bars("NVDA", DAY)
    assert asked(tws) == []


def test_the_limits_of_history_are_kept(tws, clock, tmp_path):
    """The stand-in counts as IB does, and refuses what is one too many."""
    days = ("2020-11-23", "2020-11-24", "2020-11-25", "2020-11-27", "2020-11-30", "2020-12-01", "2020-12-02")
    feed = ib_feed(tws.port, tmp_path, clock=clock)
    for day in days:
        feed.session_bars("NVDA", session(day))
    assert len(asked(tws)) == 7
    assert sum(clock.waits) == pytest.approx(2.1)  # before the sixth


def test_a_turn_that_is_minutes_away_is_not_waited_for(clock, tmp_path):
    with TwsSimulator(bars=recorded_bars(), now=clock.now) as tws:
        feed = ib_feed(tws.port, tmp_path, clock=clock, refresh=True)
        symbols_and_days = [
            (symbol, day) for day in list(recorded.session_rows("NVDA"))[:31] for symbol in recorded.SYMBOLS
        ]
        for symbol, day in symbols_and_days[:60]:
            feed.session_bars(symbol, session(day))
        with pytest.raises(errors.NotAsked, match="next turn") as early:
            feed.session_bars(symbols_and_days[60][0], session(symbols_and_days[60][1]))
        assert len(asked(tws)) == 60
        assert early.value.retry_helps
        assert 500 < early.value.pause_seconds <= 600.1


class NoEvents:
    """A desk whose feeds never went through anything."""

    def standings(self):
        return {}

    def keep(self, event):
        raise AssertionError(event)


def desk_feeds(clean_environment, folder, clock, **variables):
    # One attempt: before another the feed would wait, by a clock that stands still.
    always = {"INTRADAY_FEEDS__PRIMARY": "interactive_brokers", "INTRADAY_IB__ATTEMPTS": "1"}
    for name, value in {**always, **variables}.items():
        clean_environment.setenv(name, value)
    return Feeds(load_settings(), LandingZone(str(folder)), NoEvents(), clock.market_time)


def test_a_desk_is_configured_to_ask_it(tws, clock, tmp_path, clean_environment):
    feeds = desk_feeds(
        clean_environment, tmp_path, clock, INTRADAY_IB__HOST="127.0.0.1", INTRADAY_IB__PORT=str(tws.port)
    )
    bars = feeds.feed("interactive_brokers").session_bars("NVDA", DAY).bars
    assert set(bars["source"]) == {"interactive_brokers"}


def test_a_desk_that_asks_it_and_says_not_where_is_misconfigured(clock, tmp_path, clean_environment):
    with pytest.raises(errors.ConfigError, match=r"ib\.host"):
        desk_feeds(clean_environment, tmp_path, clock).feed("interactive_brokers")
