"""The nouns of trading: what an order may say, what names an execution, what a position is worth."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.trading import Order, OrderInvalid, OrderState, OrderType, Position, Side, execution_of
from tests.support.trading import ACCOUNT, SYMBOL, fill, order

QUICK = settings(max_examples=200, derandomize=True, deadline=None, database=None)


def made(kind: str, limit: str | None = None, stop: str | None = None, quantity: str = "1", name: str = "x") -> Order:
    prices = (None if limit is None else D(limit), None if stop is None else D(stop))
    return Order(name, ACCOUNT, SYMBOL, Side.BUY, OrderType(kind), D(quantity), *prices)


# Orders


@pytest.mark.parametrize(
    ("kind", "limit", "stop"),
    [("MARKET", None, None), ("LIMIT", "1", None), ("STOP", None, "1"), ("STOP_LIMIT", "1", "2")],
)
def test_each_type_has_its_prices_and_no_others(kind, limit, stop):
    assert (made(kind, limit, stop).limit_price, made(kind, limit, stop).stop_price) == (
        None if limit is None else D(limit),
        None if stop is None else D(stop),
    )
    for name, changed in (
        ("limit price", ("5" if limit is None else None, stop)),
        ("stop price", (limit, "5" if stop is None else None)),
    ):
        with pytest.raises(OrderInvalid, match=f"A {kind} order (needs a|has no) {name}"):
            made(kind, *changed)


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "0.9999999999999999999999999999999", "NaN", "sNaN", "Infinity"])
def test_shares_are_counted(quantity):
    with pytest.raises(OrderInvalid, match=r"is not allowed; give a whole number of shares above 0"):
        made("MARKET", quantity=quantity)


@pytest.mark.parametrize("quantity", ["1", "100.00", "1E+3", "9" * 40])
def test_a_whole_number_may_be_written_in_any_way(quantity):
    assert made("MARKET", quantity=quantity).quantity == D(quantity)


BAD_PRICES = [
    "0",
    "-1",
    "0.001",
    "485.505",
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "1E+30",
    "9" * 40,
    "1E-99999",
    "1E+99999",
]


@pytest.mark.parametrize("price", [*BAD_PRICES, "10000000", "1." + "0" * 40 + "1"])
def test_prices_are_in_cents(price):
    with pytest.raises(OrderInvalid, match=r"The limit price .* is not allowed; give a multiple of 0\.01"):
        made("LIMIT", limit=price)
    with pytest.raises(OrderInvalid, match=r"The stop price .* is not allowed"):
        made("STOP", stop=price)


@pytest.mark.parametrize("price", ["0.01", "485.5", "485.500", "9999999.99"])
def test_a_price_may_have_as_many_noughts_as_it_likes(price):
    assert made("LIMIT", limit=price).limit_price == D(price)


@QUICK
@given(st.decimals(allow_nan=True, allow_infinity=True), st.decimals(allow_nan=True, allow_infinity=True))
def test_whatever_the_numbers_an_order_is_sound_or_refused(quantity, price):
    try:
        sound = Order("x", ACCOUNT, SYMBOL, Side.SELL, OrderType.LIMIT, quantity, price)
    except OrderInvalid:
        return
    assert sound.quantity == int(sound.quantity) > 0
    assert (sound.limit_price * 100) == int(sound.limit_price * 100) > 0


@pytest.mark.parametrize("name", ["a", "0", "order-1", "A.b_c:d-9", "x" * 40])
def test_an_id_is_short_and_plain(name):
    assert made("MARKET", name=name).client_order_id == name


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", ".a", "a/b", "a'b", "[a]", "é", "a\n", "x" * 41])
def test_an_id_that_a_broker_might_not_give_back_is_refused(name):
    with pytest.raises(OrderInvalid, match=r"is not understood; allowed: up to 40 letters, digits and \.-_:"):
        made("MARKET", name=name)


def test_a_side_says_which_way_shares_go():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_four_states_are_the_end():
    assert [state.value for state in OrderState if state.ended] == ["FILLED", "CANCELLED", "REJECTED", "EXPIRED"]


# Executions and positions


@pytest.mark.parametrize(
    ("exec_id", "execution", "revision"),
    [
        ("0000e0d5.67a1b2c3.01.01", "0000e0d5.67a1b2c3.01", 1),
        ("0000e0d5.67a1b2c3.01.02", "0000e0d5.67a1b2c3.01", 2),
        ("sim.order-1.202012011500.01", "sim.order-1.202012011500", 1),
        ("no-number.x", "no-number.x", 0),
        ("plain", "plain", 0),
        (".01", ".01", 0),
    ],
)
def test_what_names_an_execution(exec_id, execution, revision):
    assert execution_of(exec_id) == (execution, revision)
    told = replace(fill(1, "B100@10"), exec_id=exec_id)
    assert (told.execution, told.revision) == (execution, revision)


def test_a_position_is_worth_its_shares_at_the_last_price():
    long = Position(ACCOUNT, SYMBOL, D(100), D(10), D(1000), last_price=D("12.5"))
    assert (long.market_value, long.unrealized_pnl) == (1250, 250)
    short = Position(ACCOUNT, SYMBOL, D(-100), D(10), D(-1000), last_price=D("12.5"))
    assert (short.market_value, short.unrealized_pnl) == (-1250, -250)


def test_without_a_price_only_nothing_has_a_value():
    assert (Position(ACCOUNT, SYMBOL).market_value, Position(ACCOUNT, SYMBOL).unrealized_pnl) == (0, 0)
    held = Position(ACCOUNT, SYMBOL, D(1), D(10), D(10))
    assert (held.market_value, held.unrealized_pnl) == (None, None)


def test_an_order_is_equal_to_one_that_says_the_same():
    assert order(100) == order(100)
    assert order(100) != order(101)
