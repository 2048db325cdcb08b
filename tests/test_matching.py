"""How the simulated broker fills an order: each rule beside bars whose answer is plain by hand, then what always holds.

With no slippage and all of a bar's volume to be had, a fill is what the bar alone says.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.matching import FillModel, matched
from schemas.simulated import Charged, MarketBar, RestingOrder
from schemas.trading import TICK, Order, OrderState, OrderType, Side, TimeInForce

QUICK = settings(max_examples=300, derandomize=True, deadline=None, database=None)
PLACED = datetime(2020, 12, 1, 15, tzinfo=UTC)
CLOSE = datetime(2020, 12, 1, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXACT = FillModel(0, slippage_bps=D(0), participation=D(1), commission_per_share=D(0), commission_minimum=D(0))
USUAL = FillModel(
    7, slippage_bps=D(5), participation=D("0.1"), commission_per_share=D("0.005"), commission_minimum=D(1)
)


def bar(prices: str, minute: int = 0, volume: int = 100_000) -> MarketBar:
    """A bar from its open, high, low and close, as in `100 101 99 100.50`, so many minutes after the order."""
    start = PLACED + minute * MINUTE
    return MarketBar(start, start + MINUTE, *map(D, prices.split()), volume)


def resting(
    side: str,
    kind: str = "MARKET",
    limit: str | None = None,
    stop: str | None = None,
    quantity: int = 100,
    tif: str = "DAY",
) -> RestingOrder:
    prices = (None if limit is None else D(limit), None if stop is None else D(stop))
    order = Order("o-1", "SIMULATED", "NVDA", Side(side), OrderType(kind), D(quantity), *prices, TimeInForce(tif))
    return RestingOrder(order, PLACED, PLACED)


def met(order: RestingOrder, *bars: MarketBar, now: datetime | None = None, model: FillModel = EXACT) -> RestingOrder:
    return matched(order, bars, CLOSE, now or (bars[-1].end if bars else PLACED), model)[0]


def fills(order: RestingOrder, *bars: MarketBar, model: FillModel = EXACT) -> list[Charged]:
    return matched(order, bars, CLOSE, bars[-1].end, model)[1]


def prices(order: RestingOrder, *bars: MarketBar) -> list[D]:
    """At what each of the order's fills was, with no slippage."""
    return [one.fill.price for one in fills(order, *bars)]


# At the market


def test_a_market_order_is_filled_at_the_open_of_the_next_bar_once_that_is_over():
    order, next_bar = resting("BUY"), bar("100.10 101 99 100.50")
    early = met(order, next_bar, now=next_bar.end - timedelta(microseconds=1))
    assert early == order  # nobody knows its volume yet
    (charged,) = fills(order, next_bar)
    assert (charged.fill.price, charged.fill.quantity, charged.fill.executed_at) == (D("100.10"), 100, next_bar.end)
    assert met(order, next_bar).state is OrderState.FILLED


def test_the_bar_in_which_it_was_placed_is_not_for_the_order():
    placed = replace(resting("BUY"), placed_at=PLACED + MINUTE / 2, reached=PLACED + MINUTE / 2)
    assert prices(placed, bar("100 101 99 100"), bar("102 103 101 102", minute=1)) == [D(102)]


@pytest.mark.parametrize(("side", "worst"), [("BUY", "100.05"), ("SELL", "99.95")])
def test_slippage_is_against_the_order_in_whole_ticks_and_within_its_bound(side, worst):
    """Five basis points of 100 are five cents."""
    taken = {
        fills(resting(side), bar("100 101 99 100", minute), model=replace(USUAL, seed=seed))[0].fill.price
        for seed in range(40)
        for minute in range(3)
    }
    assert len(taken) > 3  # by lot
    assert all(price % TICK == 0 for price in taken)
    assert min(taken) >= min(D(100), D(worst))
    assert max(taken) <= max(D(100), D(worst))


def test_an_open_between_two_ticks_is_rounded_to_the_side_that_is_worse():
    assert prices(resting("BUY"), bar("100.003 101 99 100")) == [D("100.01")]
    assert prices(resting("SELL"), bar("100.003 101 99 100")) == [D("100.00")]


# Limits


@pytest.mark.parametrize(
    ("side", "bar_prices", "had"),
    [
        ("BUY", "100 101 99.01 100", []),  # not reached
        ("BUY", "100 101 99 100", []),  # touched: others were before us in the queue
        ("BUY", "100 101 98.99 100", ["99"]),  # gone through
        ("BUY", "98.50 99 98 98.60", ["98.50"]),  # it opened better
        ("BUY", "99 99.50 98 99", ["99"]),  # it opened there
        ("SELL", "100 100.99 99 100", []),
        ("SELL", "100 101 99 100", []),
        ("SELL", "100 101.01 99 100", ["101"]),
        ("SELL", "101.50 102 101 101.60", ["101.50"]),
        ("SELL", "101 102 100 101", ["101"]),
    ],
)
def test_limit(side, bar_prices, had):
    order = resting(side, "LIMIT", limit="99" if side == "BUY" else "101")
    assert prices(order, bar(bar_prices)) == [D(price) for price in had]


def test_slippage_never_carries_a_limit_order_beyond_its_limit():
    buy, sell = resting("BUY", "LIMIT", limit="100.01"), resting("SELL", "LIMIT", limit="99.99")
    rough = replace(USUAL, slippage_bps=D(1000))
    for minute in range(20):
        assert fills(buy, bar("100 101 99 100", minute), model=rough)[0].fill.price <= D("100.01")
        assert fills(sell, bar("100 101 99 100", minute), model=rough)[0].fill.price >= D("99.99")


def test_a_limit_order_waits_through_the_bars_that_do_not_reach_it():
    quiet, through = bar("100 101 99.50 100"), bar("100 101 98 100", minute=1)
    waiting = met(resting("BUY", "LIMIT", limit="99"), quiet)
    assert (waiting.state, waiting.reached, waiting.filled) == (OrderState.ACCEPTED, quiet.end, 0)
    assert met(waiting, quiet, through).state is OrderState.FILLED


# Stops


@pytest.mark.parametrize(
    ("side", "bar_prices", "had"),
    [
        ("BUY", "100 100.99 99 100", []),
        ("BUY", "100 101 99 100", ["101"]),  # a touch is enough to be triggered
        ("BUY", "102 103 101 102", ["102"]),  # it opened beyond: the stop's own price was never there
        ("SELL", "100 101 99.01 100", []),
        ("SELL", "100 101 99 100", ["99"]),
        ("SELL", "98 99 97 98", ["98"]),
    ],
)
def test_stop(side, bar_prices, had):
    order = resting(side, "STOP", stop="101" if side == "BUY" else "99")
    assert prices(order, bar(bar_prices)) == [D(price) for price in had]


def test_what_a_triggered_stop_order_did_not_get_is_had_at_the_market_whatever_it_does():
    first, second = bar("100 101 98 100", volume=60), bar("104 105 103 104", minute=1)
    assert prices(resting("SELL", "STOP", stop="99", quantity=100), first, second) == [D(99), D(104)]


def test_a_stop_limit_order_is_not_filled_in_the_bar_that_triggers_it():
    """Of what was first in the bar, the stop or the limit, it says nothing."""
    order = resting("BUY", "STOP_LIMIT", limit="100.50", stop="101")
    trigger, above = bar("100 101 99 100"), bar("100.60 102 100.50 101", minute=1)
    back = bar("100.40 102 100 101", minute=2)
    triggered = met(order, trigger)
    assert (triggered.triggered, triggered.filled) == (True, 0)
    assert prices(order, trigger, above) == []  # it touches the limit only
    assert prices(order, trigger, above, back) == [D("100.40")]
    assert prices(order, bar("100 100.99 90 100"), replace(back, high=D("100.50"))) == []  # never triggered


# Parts


def test_a_bar_gives_between_half_and_all_of_its_share_in_whole_shares():
    """A tenth of 1,000 is 100."""
    order = resting("BUY", quantity=10_000)
    got = {fills(order, bar("100 101 99 100", minute, 1000), model=USUAL)[0].fill.quantity for minute in range(60)}
    assert len(got) > 10
    assert min(got) >= 50
    assert max(got) <= 100
    assert all(shares == int(shares) for shares in got)


@pytest.mark.parametrize(("volume", "shares"), [(0, 0), (1, 1), (9, 1)])
def test_a_bar_of_few_shares_gives_one_and_an_empty_one_gives_none(volume, shares):
    assert met(resting("BUY"), bar("100 101 99 100", volume=volume), model=USUAL).filled == shares


def test_partial_fill():
    first, second = (bar("100 101 99 100", minute, volume=800) for minute in range(2))
    order = resting("BUY", quantity=100)
    some = met(order, first, model=USUAL)
    assert (some.state, 40 <= some.filled <= 80) == (OrderState.ACCEPTED, True)
    assert some.remaining == 100 - some.filled
    done = met(order, first, second, model=USUAL)
    assert (done.state, done.filled, done.remaining) == (OrderState.FILLED, 100, 0)


def test_each_fill_has_an_execution_of_its_own():
    found = fills(resting("BUY", quantity=10_000), *(bar("100 101 99 100", n, 1000) for n in range(5)), model=USUAL)
    assert len({one.fill.execution for one in found}) == 5
    assert {(one.fill.revision, one.fill.client_order_id) for one in found} == {(1, "o-1")}


# How long it stands


def test_a_day_order_expires_at_the_close():
    order = resting("BUY", "LIMIT", limit="99")
    assert met(order, now=CLOSE - timedelta(microseconds=1)).state is OrderState.ACCEPTED
    expired = met(order, now=CLOSE)
    assert (expired.state, expired.said) == (OrderState.EXPIRED, "the session closed")
    tomorrow = bar("98 98 98 98", minute=24 * 60)
    assert fills(order, tomorrow) == []
    assert met(order, tomorrow).state is OrderState.EXPIRED


def test_the_last_bar_of_the_session_still_fills_although_it_is_over_when_the_order_expires():
    final = bar("98 98 98 98", minute=359)
    assert final.end == CLOSE
    assert met(resting("BUY", "LIMIT", limit="99"), final, now=CLOSE).state is OrderState.FILLED
    assert fills(resting("BUY", "LIMIT", limit="99"), bar("98 98 98 98", minute=360)) == []


def test_a_partly_filled_day_order_keeps_its_shares_when_it_expires():
    some = met(resting("BUY", quantity=100), bar("100 101 99 100", volume=60), now=CLOSE)
    assert some.state is OrderState.EXPIRED
    assert 0 < some.filled < 100


def test_an_order_good_till_cancelled_stands_over_sessions():
    order = resting("BUY", "LIMIT", limit="99", tif="GTC")
    assert met(order, now=CLOSE + timedelta(days=30)).state is OrderState.ACCEPTED
    assert prices(order, bar("100 101 99.50 100"), bar("98 98 98 98", minute=24 * 60)) == [D(98)]


def test_immediate_or_cancel_has_the_next_bar_and_no_other():
    some = met(resting("BUY", tif="IOC"), bar("100 101 99 100", volume=60), bar("100 101 99 100", minute=1))
    assert (some.state, some.said) == (OrderState.CANCELLED, "immediate or cancel: the rest")
    assert 0 < some.filled <= 60
    none = resting("BUY", "LIMIT", limit="99", tif="IOC")
    assert met(none, bar("100 101 99.50 100"), bar("98 98 98 98", minute=1)).filled == 0
    assert met(resting("BUY", tif="IOC"), bar("100 101 99 100")).state is OrderState.FILLED


def test_an_order_that_ended_meets_no_bar():
    for state in (OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED):
        ended = replace(resting("BUY"), state=state)
        assert met(ended, bar("100 101 99 100"), now=CLOSE) == ended


# What it costs


@pytest.mark.parametrize(("shares", "cost"), [(1, "1.00"), (200, "1.00"), (201, "1.01"), (300, "1.50"), (1000, "5.00")])
def test_commission_of_an_order_filled_at_once(shares, cost):
    """Half a cent a share, at least a dollar, in whole cents."""
    assert USUAL.commission(D(0), D(shares)) == D(cost)


@QUICK
@given(st.lists(st.integers(1, 500), min_size=1, max_size=12))
def test_commission_of_an_order_is_the_same_however_it_was_split(parts):
    before = [sum(parts[:n]) for n in range(len(parts))]
    charged = [USUAL.commission(D(done), D(part)) for done, part in zip(before, parts, strict=True)]
    half_cents = max(sum(parts), 200)  # half a cent a share, at least a dollar
    assert sum(charged) == D((half_cents + 1) // 2) / 100
    assert all(one >= 0 for one in charged)


# What always holds


@st.composite
def markets(draw) -> list[MarketBar]:
    """A few bars, some missing, with any prices that a bar can have."""
    minutes = sorted(draw(st.sets(st.integers(0, 400), min_size=1, max_size=8)))
    made = []
    for minute in minutes:
        low, *inside, high = sorted(draw(st.lists(st.integers(9_800, 10_200), min_size=4, max_size=4)))
        opened, closed = draw(st.permutations(inside))
        cents = (D(one) / 100 for one in (opened, high, low, closed))
        made.append(
            MarketBar(PLACED + minute * MINUTE, PLACED + (minute + 1) * MINUTE, *cents, draw(st.integers(0, 999)))
        )
    return made


@st.composite
def orders(draw) -> RestingOrder:
    kind = draw(st.sampled_from(OrderType))
    price = st.integers(9_800, 10_200).map(lambda cents: str(D(cents) / 100))
    return resting(
        draw(st.sampled_from(Side)),
        kind,
        draw(price) if kind.has_limit else None,
        draw(price) if kind.has_stop else None,
        draw(st.integers(1, 200)),
        draw(st.sampled_from(TimeInForce)),
    )


MODELS = st.builds(
    replace,
    st.just(USUAL),
    seed=st.integers(0, 5),
    slippage_bps=st.sampled_from([D(0), D(5), D(100)]),
    participation=st.sampled_from([D("0.01"), D("0.3"), D(1)]),
)


@QUICK
@given(orders(), markets(), MODELS, st.data())
def test_however_often_anybody_asks_the_fills_are_the_same(order, bars, model, data):
    end = bars[-1].end
    whole = matched(order, bars, CLOSE, end, model)
    asked = data.draw(st.lists(st.integers(0, 420).map(lambda half: PLACED + half * MINUTE / 2), max_size=6))
    now, found = order, []
    for moment in [*sorted(one for one in asked if one < end), end]:
        there = [one for one in bars if now.reached <= one.start < moment]
        now, more = matched(now, there, CLOSE, moment, model)
        found += more
    assert (now, found) == whole


@QUICK
@given(orders(), markets(), MODELS)
def test_never_more_than_ordered_and_never_better_than_the_market_was(order, bars, model):
    after, found = matched(order, bars, CLOSE, bars[-1].end, model)
    wanted, sign = order.order, order.order.side.sign
    assert sum(one.fill.quantity for one in found) == after.filled <= wanted.quantity
    assert (after.state is OrderState.FILLED) == (after.filled == wanted.quantity)
    by_end = {one.end: one for one in bars}
    for one in found:
        there, fill = by_end[one.fill.executed_at], one.fill
        assert 0 < fill.quantity <= max(model.participation * there.volume, 1)
        best = there.low if sign > 0 else there.high
        assert (fill.price - best) * sign >= 0
        if wanted.limit_price is not None:
            assert (wanted.limit_price - fill.price) * sign >= 0
    assert all(first.fill.executed_at < second.fill.executed_at for first, second in pairwise(found))


@QUICK
@given(orders(), markets(), MODELS)
def test_a_stop_is_never_filled_before_the_market_came_to_it(order, bars, model):
    wanted = order.order
    _, found = matched(order, bars, CLOSE, bars[-1].end, model)
    for one in found if wanted.stop_price is not None else ():
        before = [there for there in bars if there.end <= one.fill.executed_at]
        came = max(there.high for there in before) if wanted.side is Side.BUY else -min(there.low for there in before)
        assert came >= wanted.stop_price * wanted.side.sign


def test_another_seed_is_another_market_and_the_same_seed_the_same():
    bars = [bar("100 101 99 100", minute, 1000) for minute in range(10)]
    order = resting("BUY", quantity=10_000)
    one, again, other = (fills(order, *bars, model=replace(USUAL, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert [fill.fill.quantity for fill in one] != [fill.fill.quantity for fill in other]
