"""What TWS says, as events: wire lines by hand, as the protocol has them, and what each amounts to.

That a connection carries them is tested with the stand-in (test_ib_broker.py).
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from resources.errors import BrokerRefused
from resources.ib.known_orders import KnownOrders
from resources.ib.translate import Translator, held_position
from resources.ib.wire import Kind, ListedOrder
from schemas.broker import (
    BrokerNotice,
    CancelRefused,
    Link,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.trading import (
    Commission,
    Fill,
    Order,
    OrderState,
    OrderType,
    Side,
    Terms,
    TimeInForce,
)

ACCOUNT = "DU1234567"
NOON = datetime(2026, 1, 2, 17, 0, tzinfo=UTC)
"""Noon in New York on a session."""
EVENING = datetime(2026, 1, 2, 21, 0, 5, tzinfo=UTC)
"""Five seconds after its close."""
RECORDINGS = Path(__file__).parents[1] / "simulators" / "recordings"
UNSET = "1.7976931348623157E308"


class Desk:
    """A translator that has heard that we sent `ours` under the id 7."""

    def __init__(self, tif=TimeInForce.DAY):
        self.orders = KnownOrders()
        self.translator = Translator(1, self.orders)
        self.translator.account = ACCOUNT
        order = Order("ours", ACCOUNT, "NVDA", Side.BUY, OrderType.LIMIT, Decimal(100), Decimal("485.5"), None, tif)
        self.orders.placing(order, 7, 1)

    def hear(self, *messages, at=NOON):
        return [event for message in messages for event in self.translator.read(message, at)]

    def states(self, *messages, at=NOON):
        return [event.state for event in self.hear(*messages, at=at) if isinstance(event, OrderReport)]


def status(word, filled="0", *, order_id=7, client_id=1, perm_id=900, why=""):
    return ("3", str(order_id), word, filled, "100", "0.0", str(perm_id), "0", "0.0", str(client_id), why, "0.0")


def error(code, text="words", *, about=7):
    return ("4", "2", str(about), str(code), text, "")


def execution(exec_id="0000e0d5.67a1b2c3.01.01", **changed):
    fields = {
        "reqId": "-1", "orderId": "7", "conId": "4815747", "symbol": "NVDA", "secType": "STK", "expiry": "",
        "strike": "0.0", "right": "", "multiplier": "", "exchange": "ISLAND", "currency": "USD", "localSymbol": "NVDA",
        "tradingClass": "NMS", "execId": exec_id, "time": "20260102 12:00:00 US/Eastern", "acct": ACCOUNT,
        "exch": "ISLAND", "side": "BOT", "shares": "40", "px": "485.47", "permId": "900", "clientId": "1", "liq": "0",
        "cumQty": "40", "avgPx": "485.47", "orderRef": "ours", "evRule": "", "evMult": "", "model": "", "lastLiq": "2",
    }  # fmt: skip
    return ("11", *(fields | changed).values())


def listed(**changed):
    known = {
        "order_id": 7, "client_id": 1, "perm_id": 900, "account": ACCOUNT, "reference": "ours", "time_in_force": "DAY",
        "status": "Submitted",
    }  # fmt: skip
    return ListedOrder(**(known | changed))


def completed(**changed):
    return listed(**({"order_id": 0, "client_id": 0, "completed": True, "filled": "0.0"} | changed))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("ApiPending", OrderState.SUBMITTED),
        ("PendingSubmit", OrderState.SUBMITTED),
        ("PreSubmitted", OrderState.ACCEPTED),
        ("Submitted", OrderState.ACCEPTED),
        ("PendingCancel", OrderState.PENDING_CANCEL),
        ("Cancelled", OrderState.CANCELLED),
        ("ApiCancelled", OrderState.CANCELLED),
        ("Filled", OrderState.FILLED),
        ("Inactive", OrderState.REJECTED),
    ],
)
def test_a_status_says_how_the_order_stands(word, state):
    assert Desk().hear(status(word)) == [OrderReport("ours", state, NOON, Decimal(0), 900, word)]


def test_a_status_counts_what_is_filled_and_says_why_an_order_is_held():
    (report,) = Desk().hear(status("PreSubmitted", "40", why="locate"))
    assert (report.filled, report.said) == (Decimal(40), "PreSubmitted, held: locate")


def test_inactive_after_fills_is_a_cancel_and_no_rejection():
    assert Desk().states(status("Inactive", "40")) == [OrderState.CANCELLED]


def test_a_status_word_that_nobody_knows_changes_nothing():
    (notice,) = Desk().hear(status("Dreaming"))
    assert isinstance(notice, BrokerNotice)
    assert (notice.client_order_id, "Dreaming" in notice.said) == ("ours", True)


def test_a_status_of_somebody_elses_order_carries_no_reference():
    (report,) = Desk().hear(status("Submitted", order_id=3, client_id=8, perm_id=901))
    assert (report.client_order_id, report.perm_id) == (None, 901)


@pytest.mark.parametrize("code", [399, 10349, 404, 2109, 10167, 10089, 77777])
@pytest.mark.parametrize("works", [True, False])
def test_an_error_that_is_none_leaves_the_order_live(code, works):
    desk = Desk()
    desk.hear(*[status("Submitted")] * works)
    assert desk.hear(error(code, "Order TIF was set to DAY based on order preset.")) == [
        BrokerNotice(NOON, code, f"{code}: Order TIF was set to DAY based on order preset.", "ours")
    ]
    assert desk.states(status("Submitted"), status("Filled", "100")) == [OrderState.ACCEPTED, OrderState.FILLED]


@pytest.mark.parametrize("code", [201, 103, 110, 200, 203, 321, 434, 10268])
def test_an_error_that_comes_instead_of_a_status_rejects_a_new_order_in_ibs_words(code):
    assert Desk().hear(error(code, "Order rejected - reason:No margin")) == [
        OrderReport("ours", OrderState.REJECTED, NOON, Decimal(0), None, f"{code}: Order rejected - reason:No margin")
    ]


@pytest.mark.parametrize("code", [103, 104, 110, 321])
def test_the_same_error_about_an_order_that_works_refuses_a_modification_only(code):
    desk = Desk()
    assert desk.hear(status("Submitted"), error(code))[1:] == [BrokerNotice(NOON, code, f"{code}: words", "ours")]


@pytest.mark.parametrize("word", ["Inactive", "Cancelled"])
def test_a_working_order_that_is_rejected_ends_with_the_status_that_follows(word):
    desk = Desk()
    working, notice, ended = desk.hear(status("PreSubmitted"), error(201, "Order rejected - reason:No"), status(word))
    assert working.state is OrderState.ACCEPTED
    assert notice == BrokerNotice(NOON, 201, "201: Order rejected - reason:No", "ours")
    assert (ended.state, ended.said) == (OrderState.REJECTED, f"{word}, 201: Order rejected - reason:No")


def test_a_working_order_lives_on_where_only_its_modification_is_rejected():
    desk = Desk()
    desk.hear(status("Submitted"), error(201), status("Submitted"))
    assert desk.states(status("Cancelled")) == [OrderState.CANCELLED]
    desk = Desk()
    assert desk.states(status("Submitted"), error(201), status("Filled", "100"))[-1] is OrderState.FILLED


@pytest.mark.parametrize("word", ["Cancelled", "Inactive"])
def test_the_status_after_a_rejection_is_the_rejection(word):
    assert Desk().states(error(201), status(word)) == [OrderState.REJECTED, OrderState.REJECTED]


def test_a_rejection_after_fills_cancels_the_rest():
    reported = Desk().hear(status("Submitted", "40"), error(201), status("Inactive", "40"))
    assert reported[-1].state is OrderState.CANCELLED


def test_202_cancels():
    (report,) = Desk().hear(error(202, "Order Canceled - reason:"))
    assert (report.state, report.said) == (OrderState.CANCELLED, "202: Order Canceled - reason:")


@pytest.mark.parametrize("code", [161, 10147, 10148])
def test_a_cancel_that_does_not_happen_leaves_the_order_as_it_is(code):
    desk = Desk()
    said = "OrderId 7 that needs to be cancelled cannot be cancelled, state: Filled."
    assert desk.hear(error(code, said)) == [CancelRefused("ours", NOON, f"{code}: {said}")]


WANTED = Terms(Decimal(150), Decimal("486.00"))


def modifying():
    """The order works, and was sent again with other terms."""
    desk = Desk()
    desk.hear(listed(**TERMS), status("Submitted"))
    desk.orders.of_client("ours", 1).modifying = WANTED
    return desk


TERMS = {"order_type": "LMT", "quantity": "100.0", "limit_price": "485.5", "stop_price": "0.0"}


def test_a_status_says_the_terms_that_were_listed_last():
    desk = modifying()
    assert [report.terms for report in desk.hear(status("Submitted"))] == [Terms(Decimal(100), Decimal("485.50"))]
    changed = listed(**(TERMS | {"quantity": "150.0", "limit_price": "486.0"}))
    (report,) = desk.hear(changed, status("Submitted"))
    assert (report.terms, str(report.terms)) == (WANTED, "150 shares, limit 486.00")
    assert [one.terms for one in desk.hear(status("Filled", "150"))] == [None]


@pytest.mark.parametrize("said", [{"order_type": "MIDPRICE"}, {"quantity": "0.0"}, {"quantity": ""}])
def test_an_order_of_a_kind_that_we_do_not_make_says_no_terms(said):
    assert [one.terms for one in Desk().hear(listed(**(TERMS | said)), status("Submitted"))] == [None]


def test_an_order_at_the_market_has_no_prices_whatever_ib_writes_for_none():
    for none in (UNSET, "0.0", ""):
        terms = {"order_type": "MKT", "limit_price": none, "stop_price": none}
        (report,) = Desk().hear(listed(**(TERMS | terms)), status("Submitted"))
        assert report.terms == Terms(Decimal(100))


@pytest.mark.parametrize("code", [103, 104, 105, 110, 161, 201, 329, 10147, 10148])
def test_an_error_about_a_modification_refuses_it_and_leaves_the_order(code):
    desk = modifying()
    assert desk.hear(error(code)) == [ModifyRefused("ours", NOON, f"{code}: words", WANTED)]
    assert desk.states(status("Submitted")) == [OrderState.ACCEPTED]
    (later,) = desk.hear(error(code))  # about what is not known: no modification is on its way
    assert not isinstance(later, ModifyRefused)


def test_a_modification_that_was_listed_is_not_refused_any_more():
    desk = modifying()
    desk.hear(listed(**(TERMS | {"quantity": "150.0", "limit_price": "486.0"})))
    assert isinstance(desk.hear(error(201))[0], BrokerNotice)


def test_a_modification_that_ends_the_order():
    """IB may cancel an order whose new terms it rejects."""
    refusal, report = modifying().hear(error(201, "margin"), status("Cancelled"))
    assert isinstance(refusal, ModifyRefused)
    assert (report.state, report.said) == (OrderState.REJECTED, "Cancelled, 201: margin")


def test_a_cancel_that_does_not_happen_is_no_answer_to_a_modification():
    desk = modifying()
    desk.orders.of_client("ours", 1).cancelling = True
    assert [type(event) for event in desk.hear(error(10148))] == [CancelRefused]


def test_errors_about_requests_and_the_account_are_notices_without_the_account():
    (notice,) = Desk().hear(error(10275, f"Positions info for {ACCOUNT} is not available", about=-1))
    assert notice == BrokerNotice(NOON, 10275, "10275: Positions info for DU***67 is not available")


@pytest.mark.parametrize(
    ("code", "link"),
    [
        (1100, Link.LOST),
        (2110, Link.LOST),
        (1300, Link.LOST),
        (1101, Link.RESTORED_EMPTY),
        (1102, Link.RESTORED),
    ],
)
def test_codes_of_connectivity_are_told_as_the_link(code, link):
    assert Desk().hear(error(code, about=-1)) == [LinkChanged(link, NOON, f"{code}: words")]


def recorded_messages():
    path = RECORDINGS / "tws_messages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("said", recorded_messages(), ids=lambda said: f"{said['code']}-{said['text'][-12:]}")
def test_no_recorded_text_about_no_order_changes_an_order(said):
    (event,) = Desk().hear(error(said["code"], said["text"], about=-1))
    assert isinstance(event, LinkChanged if said["code"] in (1100, 1102) else BrokerNotice)
    assert said["text"] in event.said


def test_a_day_order_that_nobody_cancelled_expires_at_the_close():
    assert Desk().states(status("Cancelled"), at=EVENING) == [OrderState.EXPIRED]
    assert Desk().states(error(202, "Order Canceled - reason:"), status("Cancelled"), at=EVENING) == [
        OrderState.EXPIRED,
        OrderState.EXPIRED,
    ]


def test_it_does_not_expire_before_the_close_nor_where_it_has_a_reason_nor_where_we_asked():
    assert Desk().states(status("Cancelled"), at=NOON) == [OrderState.CANCELLED]
    assert Desk(TimeInForce.GTC).states(status("Cancelled"), at=EVENING) == [OrderState.CANCELLED]
    assert Desk().states(error(202, "Order Canceled - reason:Margin"), at=EVENING) == [OrderState.CANCELLED]
    desk = Desk()
    desk.orders.of_client("ours", 1).cancelling = True
    assert desk.states(status("Cancelled"), at=EVENING) == [OrderState.CANCELLED]


def test_a_half_day_closes_at_one():
    after = datetime(2026, 11, 27, 18, 0, 1, tzinfo=UTC)
    assert Desk().states(status("Cancelled"), at=after) == [OrderState.EXPIRED]
    assert Desk().states(status("Cancelled"), at=after.replace(hour=17)) == [OrderState.CANCELLED]


def test_an_execution_is_a_fill_with_its_reference_and_its_instant():
    assert Desk().hear(execution()) == [
        Fill("0000e0d5.67a1b2c3.01.01", ACCOUNT, "NVDA", Side.BUY, Decimal(40), Decimal("485.47"), NOON, "ours", 900)
    ]


def test_tickers_are_everybodys_and_not_ibs():
    (fill,) = Desk().hear(execution(symbol="BRK B"))
    assert fill.symbol == "BRK.B"
    (stock, _) = recorded_positions()
    assert held_position((*stock[:4], "BRK B", *stock[5:])).symbol == "BRK.B"


def test_a_correction_is_a_fill_of_the_same_execution_with_the_next_revision():
    first, second = Desk().hear(execution(), execution("0000e0d5.67a1b2c3.01.02", shares="30"))
    assert (first.execution, first.revision) == (second.execution, 1)
    assert (second.revision, second.quantity) == (2, Decimal(30))


def test_executions_by_hand_and_of_other_clients_come_too_but_not_other_accounts():
    (by_hand,) = Desk().hear(execution(orderId="0", clientId="0", orderRef="", side="SLD", permId="0"))
    assert (by_hand.side, by_hand.client_order_id, by_hand.perm_id) == (Side.SELL, None, None)
    assert Desk().hear(execution(acct="DU7654321")) == []


@pytest.mark.parametrize("changed", [{"secType": "OPT"}, {"currency": "EUR"}])
def test_an_execution_of_something_else_than_a_us_stock_is_no_fill_and_is_said(changed):
    (notice,) = Desk().hear(execution(**changed))
    assert isinstance(notice, BrokerNotice)
    assert "0000e0d5.67a1b2c3.01.01" in notice.said


@pytest.mark.parametrize("changed", [{"shares": ""}, {"px": UNSET}, {"side": "HELD"}])
def test_an_execution_that_cannot_be_read_is_not_passed_over(changed):
    with pytest.raises((ValueError, KeyError)):
        Desk().hear(execution(**changed))


def test_an_execution_whose_time_could_be_two_is_refused():
    with pytest.raises(BrokerRefused, match="time zone"):
        Desk().hear(execution(time="20260102  12:00:00"))


def test_a_commission_comes_by_execution_and_not_while_it_is_unknown():
    report = ("59", "1", "0000e0d5.67a1b2c3.01.01", "1.0035", "USD", UNSET, UNSET, "")
    assert Desk().hear(report) == [Commission("0000e0d5.67a1b2c3.01.01", Decimal("1.0035"), "USD")]
    assert Desk().hear((*report[:3], UNSET, *report[4:])) == []


def test_an_open_order_of_an_earlier_process_gives_its_statuses_their_reference():
    desk = Desk()
    earlier = listed(order_id=5, perm_id=850, reference="earlier")
    assert desk.hear(earlier) == []
    (report,) = desk.hear(status("Submitted", order_id=5, perm_id=850))
    assert report.client_order_id == "earlier"
    assert desk.orders.of_client("earlier", 1).order_id == 5


def test_an_order_that_is_listed_as_working_works():
    desk = Desk()
    desk.hear(listed(order_id=5, perm_id=850, reference="earlier"))
    (notice,) = desk.hear(error(110, about=5))  # only a modification of it is refused
    assert isinstance(notice, BrokerNotice)
    desk.hear(listed(order_id=6, perm_id=851, reference="pending", status="PendingSubmit"))
    (report,) = desk.hear(error(110, about=6))
    assert report.state is OrderState.REJECTED


def test_a_reference_that_comes_after_the_status_is_learned():
    desk = Desk()
    desk.hear(status("Submitted", order_id=5, perm_id=850), listed(order_id=5, perm_id=850, reference="late"))
    assert desk.hear(status("Filled", "100", order_id=5, perm_id=850))[0].client_order_id == "late"


@pytest.mark.parametrize(
    ("changed", "state", "filled"),
    [
        ({"status": "Filled", "completed_status": "Filled Size: 100", "filled": "100.0"}, OrderState.FILLED, 100),
        ({"status": "Cancelled", "completed_status": "Cancelled by Trader"}, OrderState.CANCELLED, 0),
        ({"status": "Cancelled", "completed_status": "Order Expired"}, OrderState.EXPIRED, 0),
        ({"status": "Inactive", "completed_status": "Rejected"}, OrderState.REJECTED, 0),
        ({"status": "Cancelled", "filled": "1.7976931348623157e+308"}, OrderState.CANCELLED, 0),
        ({"status": "Cancelled", "completed_time": "20260102 16:00:03 US/Eastern"}, OrderState.EXPIRED, 0),
        ({"status": "Cancelled", "completed_time": "20260102 11:00:03 US/Eastern"}, OrderState.CANCELLED, 0),
    ],
)
def test_a_completed_order_is_found_by_its_permanent_number(changed, state, filled):
    desk = Desk()
    desk.hear(status("Submitted"))
    (report,) = desk.hear(completed(**changed))
    assert (report.client_order_id, report.perm_id, report.state) == ("ours", 900, state)
    assert report.filled == filled


def test_a_completed_order_of_before_the_restart_has_its_reference_of_itself():
    desk = Desk()
    (report,) = desk.hear(completed(perm_id=77, reference="yesterday", status="Filled", filled="10.0"))
    assert (report.client_order_id, report.perm_id) == ("yesterday", 77)


def test_other_accounts_orders_are_not_told():
    desk = Desk()
    other = {"account": "DU7654321", "order_id": 4, "perm_id": 870, "reference": "theirs"}
    assert desk.hear(listed(**other), status("Submitted", order_id=4, perm_id=870)) == []
    assert desk.hear(completed(**other | {"order_id": 0})) == []


def test_ids_that_were_seen_are_known():
    desk = Desk()
    assert desk.orders.highest_id == 7
    desk.hear(execution(orderId="31"))
    assert desk.orders.highest_id == 31
    desk.hear(listed(order_id=44, client_id=9, perm_id=1))
    assert desk.orders.highest_id == 44
    desk.hear(status("Submitted", order_id=2, perm_id=3))
    assert desk.orders.highest_id == 44


def recorded_positions():
    """The raw messages of a real TWS, server version 173."""
    path = RECORDINGS / "tws_interactions_serverversion173_2025-07-15.yaml"
    lines = [line for line in path.read_text().splitlines() if line.startswith('  - raw: "61\\03')]
    return [line.partition('"')[2].rstrip('"').split("\\0")[:-1] for line in lines]


def test_a_recorded_position_of_a_stock_is_held_and_one_of_a_future_is_left_out():
    stock, future = (held_position(tuple(fields)) for fields in recorded_positions())
    assert (stock.symbol, stock.quantity, stock.average_cost) == ("AAPL", Decimal(-110), Decimal("201.8829709"))
    assert future is None


def test_messages_of_other_kinds_say_nothing():
    assert Desk().hear(("8", "1", "12:00"), (str(int(Kind.TIME)), "1", "1767373200")) == []
