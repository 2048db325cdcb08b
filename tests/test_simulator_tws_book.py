"""The book of the TWS stand-in: when orders trade, what fills cost, and what follows from a correction."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from simulators.tws.account import account_values
from simulators.tws.book import Book
from simulators.tws.records import (
    MSFT,
    NVDA,
    Charged,
    Event,
    Executed,
    Moved,
    Notice,
    Opened,
    Status,
    StatusChanged,
    Ticket,
)

AT = datetime(2024, 8, 26, 14, 30, tzinfo=UTC)
BUY = Ticket(7, 1, "DU1", "NVDA", "BUY", Decimal(100), "MKT", order_ref="a")


def book(price: str | None = "10") -> Book:
    return Book(["DU1"], [NVDA, MSFT], {} if price is None else {"NVDA": Decimal(price)}, Decimal(10_000), lambda: AT)


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def order(number: int, action: str, shares: int, kind: str = "MKT", **terms: str) -> Ticket:
    prices = {name: Decimal(value) for name, value in terms.items()}
    return replace(BUY, order_id=number, action=action, quantity=Decimal(shares), order_type=kind, **prices)


def trade(at: Book, number: int, action: str, shares: int, price: str) -> None:
    """A market order that fills whole at a price."""
    at.price("NVDA", Decimal(price))
    at.place(order(number, action, shares))


def test_a_market_order_fills_at_the_price() -> None:
    at = book("10")
    events = at.place(BUY)
    assert kinds(events) == ["Opened", "Executed", "Opened", "Charged", "Moved"]
    (execution,) = at.executions
    assert (execution.exec_id, execution.shares, execution.price) == ("0000e0d5.67a1b2c3.01.01", 100, 10)
    filled = at.orders[0]
    assert (filled.status, filled.filled, filled.remaining, filled.avg_price) == (Status.FILLED, 100, 0, 10)
    assert at.completed_orders == (filled,)
    assert at.open_orders == ()


@pytest.mark.parametrize(
    ("action", "limit", "price", "at"),
    [
        ("BUY", "10", "10.01", None), ("BUY", "10", "10", 10), ("BUY", "10", "9.5", Decimal("9.5")),
        ("SELL", "10", "9.99", None), ("SELL", "10", "10", 10), ("SELL", "10", "10.5", Decimal("10.5")),
    ],
)  # fmt: skip
def test_a_limit_order_fills_when_it_is_marketable(action: str, limit: str, price: str, at: Decimal | None) -> None:
    here = book(price)
    here.place(order(1, action, 100, "LMT", limit_price=limit))
    assert [each.price for each in here.executions] == ([] if at is None else [at])


@pytest.mark.parametrize(
    ("action", "quiet", "reached"), [("BUY", "11.99", "12"), ("SELL", "8.01", "8")]
)  # fmt: skip
def test_a_stop_waits_for_its_price_and_is_a_market_order_then(action: str, quiet: str, reached: str) -> None:
    at = book("10")
    at.place(order(1, action, 100, "STP", stop_price=reached))
    assert (at.orders[0].status, at.orders[0].why_held) == (Status.PRE_SUBMITTED, "trigger")
    assert at.price("NVDA", Decimal(quiet)) == []
    at.price("NVDA", Decimal(reached))
    assert [each.price for each in at.executions] == [Decimal(reached)]


def test_a_stop_limit_becomes_a_limit_order() -> None:
    at = book("10")
    at.place(order(1, "BUY", 100, "STP LMT", stop_price="12", limit_price="12.50"))
    events = at.price("NVDA", Decimal("13"))
    assert kinds(events) == ["StatusChanged"]
    assert (at.orders[0].status, at.orders[0].triggered, at.executions) == (Status.SUBMITTED, True, ())
    at.price("NVDA", Decimal("12.50"))
    assert at.orders[0].status is Status.FILLED


def test_without_a_price_orders_rest_until_they_are_filled_by_hand() -> None:
    at = book(None)
    at.place(BUY)
    assert kinds(at.fill(at.orders[0].perm_id, Decimal(40), Decimal("10"))) == [
        "Executed", "StatusChanged", "Charged", "Moved"
    ]  # fmt: skip
    at.fill(at.orders[0].perm_id, Decimal(60), Decimal("11"))
    assert [(each.cum_qty, each.avg_price) for each in at.executions] == [(40, 10), (100, Decimal("10.6"))]
    with pytest.raises(ValueError, match="0 remain, it is Filled"):
        at.fill(at.orders[0].perm_id, Decimal(1), Decimal("10"))


def test_a_waiting_order_that_is_filled_in_part_works() -> None:
    at = book("10")
    at.place(order(1, "BUY", 100, "STP", stop_price="12"))
    at.fill(at.orders[0].perm_id, Decimal(40), Decimal("11"))
    assert (at.orders[0].status, at.orders[0].why_held) == (Status.SUBMITTED, "")


def test_fills_come_in_pieces() -> None:
    at = book("10")
    at.pieces = Decimal(40)
    at.place(BUY)
    assert [each.shares for each in at.executions] == [40, 40, 20]


def test_commission_is_half_a_cent_a_share_and_a_dollar_an_order_at_least() -> None:
    """150 shares owe 1.00, 250 owe 1.25, 1000 owe 5.00; each execution pays what it adds."""
    at = book(None)
    at.place(order(1, "BUY", 1000))
    for shares in (150, 100, 750):
        at.fill(at.orders[0].perm_id, Decimal(shares), Decimal("10"))
    assert [each.commission for each in at.executions] == [Decimal("1.00"), Decimal("0.25"), Decimal("3.75")]


def test_the_position_holds_commissions_and_realizes_net_of_them() -> None:
    at = book()
    trade(at, 1, "BUY", 100, "10")
    assert (at.position("DU1", "NVDA").quantity, at.position("DU1", "NVDA").avg_cost) == (100, Decimal("10.01"))
    trade(at, 2, "SELL", 150, "11")
    # 100 sold at 11 cost 10.01 and two thirds of the commission of 1.00; 50 are short at 11 less their third of it.
    assert at.executions[1].realized_pnl == pytest.approx(Decimal(99) - Decimal(2) / 3)
    held = at.position("DU1", "NVDA")
    assert held.quantity == -50
    assert held.avg_cost == pytest.approx(Decimal(11) - Decimal(1) / 150)
    trade(at, 3, "BUY", 50, "12")
    assert at.held("DU1") == {}
    # 10000 - 1000 + 1650 - 600, less three commissions of 1.00.
    assert at.cash("DU1") == 10_047
    assert at.position("DU1", "NVDA").realized_pnl == pytest.approx(47)


def test_the_account_is_worth_its_money_and_its_shares() -> None:
    at = book()
    trade(at, 1, "BUY", 100, "10")
    at.price("NVDA", Decimal("12"))
    assert account_values(at, "DU1") == {
        "AvailableFunds": "9599.00",
        "BuyingPower": "38396.00",
        "GrossPositionValue": "1200.00",
        "NetLiquidation": "10199.00",
        "TotalCashValue": "8999.00",
    }


def test_a_correction_has_a_higher_revision_and_moves_all_that_rests_on_it() -> None:
    at = book()
    trade(at, 1, "BUY", 100, "10")
    trade(at, 2, "SELL", 100, "12")
    events = at.correct("0000e0d5.67a1b2c3.01", Decimal(60), Decimal("11"))
    assert kinds(events) == ["Executed", "Charged", "Moved"]
    first, second = at.executions
    assert (first.exec_id, first.shares, first.price) == ("0000e0d5.67a1b2c3.01.02", 60, 11)
    assert (first.cum_qty, first.avg_price, at.orders[0].filled, at.orders[0].avg_price) == (60, 11, 60, 11)
    # 60 bought at 11, 100 sold at 12: 40 short. 60 gain 1 each, less 1.00 and less 60 % of 1.00.
    assert at.position("DU1", "NVDA").quantity == -40
    assert second.realized_pnl == pytest.approx(Decimal("58.40"))
    at.correct("0000e0d5.67a1b2c3.01", Decimal(0), None)
    assert at.executions[0].exec_id == "0000e0d5.67a1b2c3.01.03"
    assert at.position("DU1", "NVDA").quantity == -100
    with pytest.raises(ValueError, match="101 shares"):
        at.correct("0000e0d5.67a1b2c3.01", Decimal(101), None)


def test_new_terms_for_an_open_order() -> None:
    at = book("10")
    at.place(order(1, "BUY", 100, "LMT", limit_price="9"))
    assert at.next_id(7) == 2
    events = at.place(order(1, "BUY", 80, "LMT", limit_price="10"))
    assert kinds(events)[0] == "Opened"
    assert len(at.orders) == 1
    assert (at.orders[0].filled, at.orders[0].status) == (80, Status.FILLED)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"order_type": "MKT"}, 329), ({"quantity": Decimal(30)}, 201), ({"quantity": Decimal(29)}, 201)],
)
def test_new_terms_that_cannot_be(changed: dict[str, Any], code: int) -> None:
    at = book("10")
    at.place(order(1, "BUY", 100, "LMT", limit_price="9"))
    at.fill(at.orders[0].perm_id, Decimal(30), Decimal("9"))
    before = at.orders
    (notice,) = at.place(replace(before[0].ticket, **changed))
    assert isinstance(notice, Notice)
    assert (notice.code, at.orders) == (code, before)


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        (order(1, "BUY", 200), 104),
        (replace(BUY, order_ref="another"), 103),
        (order(1, "SELL", 100), 103),
    ],
)
def test_the_id_of_an_order_that_is_done_is_refused(ticket: Ticket, code: int) -> None:
    at = book("10")
    at.place(BUY)
    (notice,) = at.place(ticket)
    assert isinstance(notice, Notice)
    assert (notice.client_id, notice.order_id, notice.code) == (7, 1, code)
    assert len(at.orders) == 1


def test_ids_come_again_after_a_rewind_but_for_open_orders() -> None:
    at = book("10")
    for number in (1, 2, 9):
        at.place(order(number, "BUY", 100, "LMT", limit_price="9" if number == 2 else "10"))
    at.rewind_ids()
    assert at.next_id(7) == 3
    at.place(order(9, "BUY", 100))
    assert [each.ticket.order_id for each in at.orders] == [1, 2, 9, 9]
    assert len({each.perm_id for each in at.orders}) == 4


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (5, 10147, "OrderId 5 that needs to be cancelled is not found."),
        (1, 10148, "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."),
    ],
)
def test_a_cancel_that_cannot_be(number: int, code: int, text: str) -> None:
    at = book("10")
    at.place(BUY)
    assert at.cancel(7, number) == [Notice(7, number, code, text)]
    at.refused_cancel_code = 161
    (notice,) = at.cancel(7, 1)
    assert isinstance(notice, Notice)
    assert notice.code == 161


def test_a_cancel_ends_the_order_and_a_fill_may_follow() -> None:
    at = book(None)
    at.place(BUY)
    cancelled, notice = at.cancel(7, 1)
    assert isinstance(cancelled, StatusChanged)
    assert cancelled.order.status is Status.CANCELLED
    assert notice == Notice(7, 1, 202, "Order Canceled - reason:")
    at.fill(at.orders[0].perm_id, Decimal(30), Decimal("10"))
    assert (at.orders[0].status, at.orders[0].filled) == (Status.CANCELLED, 30)
    at.fill(at.orders[0].perm_id, Decimal(70), Decimal("10"))
    assert at.orders[0].status is Status.FILLED


def test_a_cancel_may_wait_and_be_refused() -> None:
    at = book("10")
    at.hold_cancels = True
    at.place(order(1, "BUY", 100, "LMT", limit_price="9"))
    (pending,) = at.cancel(7, 1)
    assert isinstance(pending, StatusChanged)
    assert pending.order.status is Status.PENDING_CANCEL
    at.resume(pending.order.perm_id)
    assert at.orders[0].status is Status.SUBMITTED
    at.cancel(7, 1)
    at.price("NVDA", Decimal("9"))
    assert at.orders[0].status is Status.FILLED
    with pytest.raises(ValueError, match="it is Filled"):
        at.end(at.orders[0].perm_id)


def test_a_rejected_order_is_inactive() -> None:
    at = book(None)
    at.place(BUY)
    notice, opened = at.reject(at.orders[0].perm_id, 201, "Order rejected - reason:no")
    assert notice == Notice(7, 1, 201, "Order rejected - reason:no")
    assert isinstance(opened, Opened)
    assert opened.order.status is Status.INACTIVE
    with pytest.raises(ValueError, match="it is Inactive"):
        at.fill(at.orders[0].perm_id, Decimal(1), Decimal("10"))


def test_a_held_order_waits_at_any_price() -> None:
    at = book(None)
    at.place(order(1, "SELL", 100))
    at.hold(at.orders[0].perm_id, "locate")
    at.price("NVDA", Decimal("10"))
    assert (at.orders[0].status, at.orders[0].filled) == (Status.PRE_SUBMITTED, 0)
    at.hold(at.orders[0].perm_id, "")
    assert at.orders[0].status is Status.FILLED


def test_day_orders_expire_and_others_stay() -> None:
    at = book("10")
    at.place(order(1, "BUY", 100, "LMT", limit_price="9"))
    at.place(replace(order(2, "BUY", 100, "LMT", limit_price="9"), tif="GTC"))
    at.expire()
    assert [each.status for each in at.orders] == [Status.CANCELLED, Status.SUBMITTED]


def test_a_new_day_has_no_executions_yet() -> None:
    at = book("10")
    at.place(BUY)
    at.new_day()
    assert (at.executions, at.completed_orders) == ((), ())
    assert at.position("DU1", "NVDA").quantity == 100
    trade(at, 2, "BUY", 1, "10")
    assert [each.exec_id for each in at.executions] == ["0000e0d5.67a1b2c4.01.01"]


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        (replace(BUY, order_type="MOC"), 201), (replace(BUY, quantity=Decimal(0)), 201),
        (replace(BUY, action="SSHORT"), 201), (replace(BUY, account="DU2"), 321),
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(ticket: Ticket, code: int) -> None:
    at = book()
    (notice,) = at.place(ticket)
    assert isinstance(notice, Notice)
    assert (notice.code, at.orders) == (code, ())


def test_every_fill_says_whom_it_moved() -> None:
    at = book("10")
    events = at.place(BUY)
    assert events[-1] == Moved("DU1", "NVDA")
    assert [event.execution.exec_id for event in events if isinstance(event, Executed | Charged)] == [
        "0000e0d5.67a1b2c3.01.01"
    ] * 2  # fmt: skip
