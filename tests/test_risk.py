"""What an order meets before a broker hears of it: each limit, passed at its bound and refused just beyond it.

A refusal names the limit, what was measured and the bound; the sentences are written out here.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.risk import RULES, Situation, hold_limits
from resources.errors import OrderRefused
from resources.settings_sections import RiskLimits
from schemas.risk import Halt, LastPrice, WorkingOrder
from schemas.trading import Order, OrderType, Side

QUICK = settings(max_examples=200, derandomize=True, deadline=None, database=None)
NOW = datetime(2020, 12, 1, 15, tzinfo=UTC)
LIMITS = RiskLimits(
    position_shares=D(1000),
    symbol_notional=D(250_000),
    total_notional=D(400_000),
    price_collar=D("0.05"),
    orders_per_minute=30,
    data_age_seconds=180,
    repeat_seconds=10,
)
WIDE = LIMITS.model_copy(update={"symbol_notional": D(10**9), "total_notional": D(10**9)})
"""Nothing but shares is limited."""


def last(symbol: str, price: str, seconds_ago: float = 0) -> LastPrice:
    return LastPrice(symbol, D(price), NOW - timedelta(seconds=seconds_ago))


QUIET = Situation(
    now=NOW,
    symbols=("NVDA", "MSFT"),
    session_open=True,
    prices={"NVDA": last("NVDA", "100"), "MSFT": last("MSFT", "200")},
    positions={},
    working=(),
    halts=(),
    orders_in_a_minute=0,
)
"""Nothing held, nothing on order; a share of NVDA costs 100 and one of MSFT 200."""


def market(side: str, quantity: int, symbol: str = "NVDA") -> Order:
    return Order("an-order", "SIMULATED", symbol, Side(side), OrderType.MARKET, D(quantity))


def limit(side: str, quantity: int, price: str, symbol: str = "NVDA") -> Order:
    return Order("an-order", "SIMULATED", symbol, Side(side), OrderType.LIMIT, D(quantity), D(price))


def stop(side: str, quantity: int, price: str) -> Order:
    return Order("an-order", "SIMULATED", "NVDA", Side(side), OrderType.STOP, D(quantity), stop_price=D(price))


def on_order(side: str, remaining: int, symbol: str = "NVDA") -> WorkingOrder:
    return WorkingOrder(symbol, Side(side), D(remaining))


def said(order: Order, situation: Situation = QUIET, limits: RiskLimits = LIMITS) -> str:
    """Why the order is refused; empty where it passes."""
    try:
        hold_limits(order, situation, limits)
    except OrderRefused as refused:
        return str(refused)
    return ""


def test_an_order_within_all_limits_passes():
    assert said(market("BUY", 100)) == said(limit("SELL", 100, "101")) == ""


# Whether anything is traded at all


def test_only_the_configured_symbols_are_traded():
    assert said(market("BUY", 1, "TSLA")) == (
        "BUY 1 TSLA is refused: TSLA is not traded here; allowed: NVDA, MSFT (symbols)."
    )


def test_the_kill_switch_stops_every_order_also_one_that_makes_a_position_smaller():
    halted = replace(QUIET, halts=[Halt(None, NOW, "ada", "it smells")], positions={"NVDA": D(100)})
    refusal = "all trading has been halted since 2020-12-01 15:00:00 UTC by ada (it smells)."
    assert said(market("BUY", 1), halted) == f"BUY 1 NVDA is refused: {refusal}"
    assert said(market("SELL", 1), halted) == f"SELL 1 NVDA is refused: {refusal}"


def test_the_halt_of_a_symbol_stops_its_orders_and_no_others():
    halted = replace(QUIET, halts=[Halt("NVDA", NOW, "oms", "drift of 5")])
    assert "NVDA has been halted since 2020-12-01 15:00:00 UTC by oms (drift of 5)" in said(market("BUY", 1), halted)
    assert said(market("BUY", 1, "MSFT"), halted) == ""


def test_nothing_is_ordered_while_the_exchange_is_closed():
    assert said(market("BUY", 1), replace(QUIET, session_open=False)) == (
        "BUY 1 NVDA is refused: the exchange is closed at 2020-12-01 15:00:00 UTC."
    )


@pytest.mark.parametrize(("age", "shown"), [(0, None), (180, None), (180.5, 181), (181, 181), (86_400, 86_400)])
def test_stale_data(age, shown):
    found = said(market("BUY", 1), replace(QUIET, prices={"NVDA": last("NVDA", "100", age)}))
    wanted = f"the last bar of NVDA ended {shown} s ago, more than 180 (data_age_seconds)"
    assert found == (f"BUY 1 NVDA is refused: {wanted}." if shown else "")


def test_without_a_stored_bar_there_is_nothing_to_hold_a_price_against():
    found = said(market("BUY", 1), replace(QUIET, prices={"MSFT": last("MSFT", "200")}))
    assert found == "BUY 1 NVDA is refused: no bar of NVDA is stored, so there is no price to hold it against."


def test_order_rate():
    assert said(market("BUY", 1), replace(QUIET, orders_in_a_minute=29)) == ""  # it is the 30th
    assert said(market("BUY", 1), replace(QUIET, orders_in_a_minute=30)) == (
        "BUY 1 NVDA is refused: 30 orders were made in the last minute, and 30 are allowed (orders_per_minute)."
    )


def test_a_duplicate_intent_names_the_order_that_it_repeats():
    assert said(market("BUY", 1), replace(QUIET, alike="the-first")) == (
        "BUY 1 NVDA is refused: the-first asked for the same less than 10 s ago (repeat_seconds)."
    )


# Price collar


@pytest.mark.parametrize("price", ["95", "100", "105"])
def test_a_price_at_the_collar_passes(price):
    for side in Side:
        assert said(limit(side, 1, price)) == said(stop(side, 1, price)) == ""


@pytest.mark.parametrize("price", ["94.99", "105.01"])
def test_a_price_beyond_the_collar_is_refused_on_either_side(price):
    bound = f"price {price} is 5.0% from the last close 100, more than 5.0% (price_collar)"
    for side in Side:
        assert said(limit(side, 1, price)) == f"{side} 1 NVDA is refused: its limit {bound}."
        assert said(stop(side, 1, price)) == f"{side} 1 NVDA is refused: its stop {bound}."


def test_both_prices_of_a_stop_limit_order_are_held_to_the_collar():
    order = replace(limit("BUY", 1, "104"), order_type=OrderType.STOP_LIMIT, stop_price=D("112"))
    assert "its stop price 112 is 12.0% from the last close 100" in said(order)


# Position


@pytest.mark.parametrize(("side", "sign"), [("BUY", 1), ("SELL", -1)])
def test_maximum_position_long_and_short(side, sign):
    assert said(market(side, 1000), limits=WIDE) == ""
    bound = f"it could make {sign * 1001} shares of NVDA, and 1000 are allowed (position_shares)"
    assert said(market(side, 1001), limits=WIDE) == f"{side} 1001 NVDA is refused: {bound}."


@pytest.mark.parametrize(("side", "sign"), [("BUY", 1), ("SELL", -1)])
def test_what_is_held_and_what_is_on_order_on_the_same_side_count(side, sign):
    busy = replace(QUIET, positions={"NVDA": D(sign * 600)}, working=[on_order(side, 250), on_order(side, 50)])
    assert said(market(side, 100), busy, WIDE) == ""
    assert f"it could make {sign * 1001} shares" in said(market(side, 101), busy, WIDE)


def test_what_is_on_order_on_the_other_side_makes_no_room():
    """It may never be filled."""
    busy = replace(QUIET, positions={"NVDA": D(900)}, working=[on_order("SELL", 900)])
    assert "it could make 1001 shares" in said(market("BUY", 101), busy, WIDE)


def test_an_order_that_makes_a_position_smaller_passes_while_it_is_over_every_limit():
    """Otherwise nobody could get out of it."""
    long = replace(QUIET, positions={"NVDA": D(5000)})
    short = replace(QUIET, positions={"NVDA": D(-5000)})
    assert said(market("SELL", 5000), long) == said(market("BUY", 5000), short) == ""
    assert "it could make 500,000.00 USD in all" in said(market("SELL", 5001), long)  # it would open a short one
    assert "it could make 5001 shares" in said(market("BUY", 1), long)
    assert "it could make -5001 shares" in said(market("SELL", 1), short)


def test_a_flip_through_zero_is_held_to_the_limit_on_the_other_side():
    long = replace(QUIET, positions={"NVDA": D(600)})
    assert said(market("SELL", 1600), long, WIDE) == ""
    assert "it could make -1001 shares" in said(market("SELL", 1601), long, WIDE)


# Notional


def test_notional_of_a_symbol():
    limits = LIMITS.model_copy(update={"symbol_notional": D(50_000)})
    assert said(market("BUY", 500), limits=limits) == said(market("SELL", 500), limits=limits) == ""
    bound = "it could make 50,100.00 USD of NVDA, and 50,000 are allowed (symbol_notional)"
    assert said(market("BUY", 501), limits=limits) == f"BUY 501 NVDA is refused: {bound}."
    assert said(market("SELL", 501), limits=limits) == f"SELL 501 NVDA is refused: {bound}."


def test_notional_is_measured_at_the_orders_own_price_where_that_is_higher():
    limits = LIMITS.model_copy(update={"symbol_notional": D(50_000)})
    assert said(limit("BUY", 500, "99"), limits=limits) == ""
    assert "it could make 50,500.00 USD of NVDA" in said(limit("BUY", 500, "101"), limits=limits)
    assert "it could make 52,500.00 USD of NVDA" in said(stop("BUY", 500, "105"), limits=limits)


def test_total_notional_adds_up_long_and_short_of_all_symbols():
    limits = LIMITS.model_copy(update={"total_notional": D(100_000)})
    held = replace(QUIET, positions={"MSFT": D(-300)})  # 60,000
    assert said(market("BUY", 400), held, limits) == said(market("SELL", 400), held, limits) == ""
    assert said(market("BUY", 401), held, limits) == (
        "BUY 401 NVDA is refused: it could make 100,100.00 USD in all, and 100,000 are allowed (total_notional)."
    )


def test_total_notional_counts_what_other_symbols_have_on_order_on_the_worse_side():
    limits = LIMITS.model_copy(update={"total_notional": D(100_000)})
    working = [on_order("BUY", 200, "MSFT"), on_order("SELL", 350, "MSFT")]
    busy = replace(QUIET, positions={"MSFT": D(100)}, working=working)  # 300 long, or 250 short
    assert said(market("BUY", 400), busy, limits) == ""
    assert "it could make 100,100.00 USD in all" in said(market("BUY", 401), busy, limits)


def test_total_notional_cannot_be_told_while_something_held_has_no_price():
    held = replace(QUIET, positions={"AAPL": D(1)})
    refusal = "AAPL is held, and no bar of it is stored: the total cannot be told"
    assert said(market("BUY", 1), held) == f"BUY 1 NVDA is refused: {refusal}."
    flat = replace(QUIET, positions={"AAPL": D(0)})
    assert said(market("BUY", 1), flat) == ""


def test_a_position_can_be_made_smaller_while_the_total_is_over_its_limit():
    held = replace(QUIET, positions={"NVDA": D(500), "MSFT": D(5000)})
    assert said(market("SELL", 500), held) == ""
    assert "USD in all" in said(market("BUY", 1), held)


# All together


def test_the_first_limit_in_the_order_of_the_rules_is_the_one_that_is_named():
    """Each is mended in turn, and the next one speaks."""
    everything = Situation(
        now=NOW,
        symbols=("MSFT",),
        session_open=False,
        prices={},
        positions={"MSFT": D(100)},
        working=(),
        halts=[Halt(None, NOW, "ada", "why")],
        orders_in_a_minute=99,
        alike="the-first",
    )
    mended = {
        "(symbols)": {"symbols": ("NVDA",)},
        "halted": {"halts": ()},
        "closed": {"session_open": True},
        "no bar of NVDA": {"prices": {"NVDA": last("NVDA", "10")}},
        "(orders_per_minute)": {"orders_in_a_minute": 0},
        "(repeat_seconds)": {"alike": None},
        "(price_collar)": {"prices": {"NVDA": last("NVDA", "1000")}},
        "(position_shares)": {"positions": {"NVDA": D(-1000), "MSFT": D(100)}},
        "(symbol_notional)": {"positions": {"NVDA": D(-1800), "MSFT": D(100)}},
        "MSFT is held": {"positions": {"NVDA": D(-1800)}},
    }
    situation, order = everything, limit("BUY", 2000, "1000")
    for named, mend in mended.items():
        assert named in said(order, situation), named
        situation = replace(situation, **mend)
    assert len(mended) == len(RULES)


SHARES = st.integers(1, 3000)
HELD = st.integers(-3000, 3000)
WORKING = st.lists(st.builds(on_order, st.sampled_from(["BUY", "SELL"]), SHARES), max_size=4)


@QUICK
@given(st.sampled_from(["BUY", "SELL"]), SHARES, HELD, WORKING)
def test_what_passes_can_be_filled_in_any_part_beside_any_of_what_works_within_the_limit(side, quantity, held, working):
    """Unless it only makes a position smaller, whatever is filled of the order's side leaves it within the bound."""
    situation = replace(QUIET, positions={"NVDA": D(held)}, working=working)
    sign = 1 if side == "BUY" else -1
    same_side = sum(int(one.remaining) for one in working if one.side == side)
    worst = held + sign * (same_side + quantity)
    assert (said(market(side, quantity), situation, WIDE) == "") == (sign * worst <= 1000)


@QUICK
@given(st.sampled_from(["BUY", "SELL"]), SHARES, HELD, WORKING, SHARES)
def test_a_smaller_order_passes_wherever_a_larger_one_does(side, quantity, held, working, less):
    situation = replace(QUIET, positions={"NVDA": D(held)}, working=working)
    if said(market(side, quantity), situation) == "":
        assert said(market(side, min(less, quantity)), situation) == ""
