"""Bars of five seconds from the stand-in for TWS: as they come, and asked for anew where IB lets them go."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from resources.errors import BrokerUnreachable
from resources.ib.real_time import DataNotice, DataTrouble, FiveSecondBar, RealTimeBars
from schemas.broker import Link, LinkChanged
from simulators.tws import TwsSimulator
from simulators.tws.bars import Bar
from simulators.tws.requests import Kind
from tests.support.ib import ib_settings

NOW = datetime(2026, 1, 2, 17, 0, tzinfo=UTC)
START = 1767373200
"""NOW, in seconds since 1970."""


@pytest.fixture
def tws():
    with TwsSimulator() as simulator:
        yield simulator


@pytest.fixture
def bars(tws):
    subscription = RealTimeBars(ib_settings(port=tws.port), ("NVDA", "MSFT"), lambda: NOW)
    subscription.connect()
    yield subscription
    subscription.close()


def pushed(tws, symbol, after=0):
    tws.push_bar(symbol, Bar(START + after, 485.5, 485.75, 485.25, 485.5, 1200))


def asked(tws):
    return [
        (request.fields[3], request.fields[14:17]) for request in tws.requests if request.kind is Kind.REAL_TIME_BARS
    ]


def test_bars_come_as_they_were_traded(tws, bars):
    tws.wait_for(Kind.REAL_TIME_BARS, 2)
    assert asked(tws) == [(symbol, ("5", "TRADES", "0")) for symbol in ("NVDA", "MSFT")]
    pushed(tws, "MSFT")
    prices = [Decimal(price) for price in ("485.5", "485.75", "485.25", "485.5")]
    assert bars.events(10) == (FiveSecondBar("MSFT", NOW, *prices, Decimal(1200), Decimal("485.5"), 12),)


def test_they_are_asked_for_anew_once_ib_is_back_without_them(tws, bars):
    tws.wait_for(Kind.REAL_TIME_BARS, 2)
    tws.notice(1101)
    tws.wait_for(Kind.REAL_TIME_BARS, 4)
    assert [event.link for event in bars.events(10) if isinstance(event, LinkChanged)] == [Link.RESTORED_EMPTY]
    pushed(tws, "NVDA")
    (bar,) = bars.events(10)
    assert bar.symbol == "NVDA"


def test_data_that_were_kept_are_not_asked_for_again(tws, bars):
    tws.wait_for(Kind.REAL_TIME_BARS, 2)
    tws.notice(1100)
    tws.notice(1102)
    pushed(tws, "NVDA")
    told = []
    while not any(isinstance(event, FiveSecondBar) for event in told):
        told += bars.events(10)
    assert [event.link for event in told if isinstance(event, LinkChanged)] == [Link.LOST, Link.RESTORED]
    assert len(asked(tws)) == 2


def test_a_bust_is_said_and_the_bars_are_asked_for_anew(tws, bars):
    tws.wait_for(Kind.REAL_TIME_BARS, 2)
    tws.bust_bars("NVDA")
    tws.wait_for(Kind.REAL_TIME_BARS, 3)
    (notice,) = [event for event in bars.events(10) if isinstance(event, DataNotice)]
    assert (notice.symbol, notice.trouble, notice.reported_at) == ("NVDA", DataTrouble.BUST, NOW)
    pushed(tws, "NVDA")
    assert [event.symbol for event in bars.events(10)] == ["NVDA"]


def test_a_symbol_that_ib_does_not_know_is_refused_and_the_others_come(tws):
    subscription = RealTimeBars(ib_settings(port=tws.port), ("ZZZZ", "NVDA"), lambda: NOW)
    subscription.connect()
    try:
        tws.wait_for(Kind.REAL_TIME_BARS, 2)
        pushed(tws, "NVDA")
        told = []
        while not any(isinstance(event, FiveSecondBar) for event in told):
            told += subscription.events(10)
    finally:
        subscription.close()
    assert [(event.symbol, event.trouble, event.said[:3]) for event in told if isinstance(event, DataNotice)] == [
        ("ZZZZ", DataTrouble.REFUSED, "200")
    ]


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (420, DataTrouble.PACED),
        (10197, DataTrouble.COMPETING),
        (354, DataTrouble.NOT_PERMITTED),
        (10089, DataTrouble.NOT_PERMITTED),
    ],
)
def test_troubles_by_code(code, trouble):
    bars = RealTimeBars(ib_settings(), ("NVDA",), lambda: NOW)
    bars._asked[9] = "NVDA"
    bars._heard(("4", "2", "9", str(code), "words", ""))
    assert bars.events(0) == (DataNotice("NVDA", trouble, NOW, f"{code}: words"),)


def test_a_connection_that_breaks_is_said_and_can_be_made_anew(tws, bars):
    tws.wait_for(Kind.REAL_TIME_BARS, 2)
    tws.cut()
    with pytest.raises(BrokerUnreachable, match="closed the connection"):
        bars.events(10)
    bars.connect()
    assert bars.events(0) == ()
    tws.wait_for(Kind.REAL_TIME_BARS, 4)
    pushed(tws, "NVDA")
    assert [event.symbol for event in bars.events(10)] == ["NVDA"]
