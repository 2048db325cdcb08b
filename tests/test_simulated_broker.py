"""The simulated broker on a real database: what it is asked, what it tells, and that it lives through a restart.

How a bar fills an order is in test_matching.py. Here every bar is flat at 500.00, unless a test says otherwise.
"""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import psycopg
import pytest

from oms.simulated import SimulatedBroker
from resources.errors import BrokerRefused
from schemas.broker import (
    BrokerEvent,
    CancelRefused,
    HeldPosition,
    ModifyRefused,
    OrderReport,
)
from schemas.errors import UnknownSession
from schemas.trading import Commission, Fill, OrderState
from tests.support import recorded
from tests.support.order_desk import MODEL, OrderDesk, new_york
from tests.support.stored import put_bars


@pytest.fixture
def desk(order_desk) -> OrderDesk:
    return order_desk


def told(broker: SimulatedBroker) -> list[object]:
    """What it reports, in short: the state, a fill, a commission, or why nothing was cancelled."""

    def short(event: BrokerEvent) -> object:
        match event:
            case OrderReport():
                return event.state.value
            case Fill():
                return event.quantity, event.price
            case Commission():
                return event.amount
            case CancelRefused():
                return event.said
            case ModifyRefused():
                return str(event.terms), event.said
        raise AssertionError(event)

    return [short(event) for event in broker.events(0)]


def test_place(desk):
    desk.broker.place(desk.order("BUY", 100))
    assert told(desk.broker) == ["ACCEPTED"]
    desk.at("10:00:59")
    assert told(desk.broker) == []  # the bar is not over
    desk.at("10:01")
    assert told(desk.broker) == [(100, D("500.00")), D("1.00"), "FILLED"]
    assert told(desk.broker) == []


def test_an_id_is_taken_once(desk):
    desk.broker.place(desk.order("BUY", 100, name="mine"))
    with pytest.raises(BrokerRefused, match="There is an order mine already"):
        desk.broker.place(desk.order("BUY", 200, name="mine"))
    assert [one.filled for one in desk.broker.book().orders] == [0]


def test_placing_the_same_again_because_the_line_broke_after_it_was_kept_is_placing_it_once(desk, monkeypatch):
    """The database's answer to the commit may be what is lost."""
    commit, cuts = psycopg.Connection.commit, [True]

    def cut(connection: psycopg.Connection) -> None:
        commit(connection)
        if cuts and cuts.pop():
            raise psycopg.OperationalError("the line was cut")

    monkeypatch.setattr(psycopg.Connection, "commit", cut)
    desk.broker.place(desk.order("BUY", 100))
    assert not cuts
    desk.at("10:05")
    assert told(desk.broker) == ["ACCEPTED", (100, D("500.00")), D("1.00"), "FILLED"]


def test_nothing_is_placed_on_a_day_without_a_session(desk):
    desk.at("12:00", day="2020-12-05")
    with pytest.raises(UnknownSession, match="2020-12-05 is no XNYS session"):
        desk.broker.place(desk.order("BUY", 100))
    assert desk.broker.book().orders == ()


def test_cancel(desk):
    order = desk.order("BUY", 100, limit="499")
    desk.broker.place(order)
    desk.at("10:05")
    desk.broker.cancel(order.client_order_id)
    assert told(desk.broker) == ["ACCEPTED", "CANCELLED"]
    desk.bar("10:06", "490 490 490 490")
    desk.at("10:10")
    assert told(desk.broker) == []


def test_a_cancel_that_comes_after_the_fill_is_refused(desk):
    order = desk.order("BUY", 100)
    desk.broker.place(order)
    desk.at("10:05")  # the bars come first
    desk.broker.cancel(order.client_order_id)
    refused = "The order stands as it did: it is FILLED, with 100 shares filled."
    assert told(desk.broker) == ["ACCEPTED", (100, D("500.00")), D("1.00"), "FILLED", refused]


def test_an_order_that_nobody_placed_cannot_be_cancelled(desk):
    desk.broker.cancel("nobody-s")
    assert told(desk.broker) == ["The order stands as it did: it is not known."]


def test_modify(desk):
    order = desk.order("BUY", 100, limit="499")
    desk.broker.place(order)
    desk.at("10:05:30")
    desk.broker.modify(replace(order, quantity=D(150), limit_price=D("500.00")))
    desk.at("10:07")
    assert told(desk.broker) == ["ACCEPTED", "ACCEPTED", (150, D("500.00")), D("1.00"), "FILLED"]
    (fill,) = desk.broker.book().fills
    assert fill.executed_at == new_york("10:07")  # the bar in which it was changed is not for it


def test_an_order_cannot_be_made_smaller_than_what_is_filled_of_it(desk):
    desk.bar("10:00", "500 500 500 500", volume=500)
    order = desk.order("BUY", 100)
    desk.broker.place(order)
    desk.at("10:01")
    (filled,) = desk.broker.book().fills
    desk.broker.modify(replace(order, quantity=filled.quantity))
    stands = f"The order stands as it did: it is ACCEPTED, with {filled.quantity} shares filled."
    assert told(desk.broker)[-1] == (f"{filled.quantity} shares", stands)


def test_what_has_ended_or_nobody_placed_is_not_modified(desk):
    order = desk.order("BUY", 100)
    desk.broker.modify(order)
    assert told(desk.broker) == [("100 shares", "The order stands as it did: it is not known.")]
    desk.broker.place(order)
    desk.at("10:05")  # the bars come first
    desk.broker.modify(replace(order, quantity=D(150)))
    refused = ("150 shares", "The order stands as it did: it is FILLED, with 100 shares filled.")
    assert told(desk.broker) == ["ACCEPTED", (100, D("500.00")), D("1.00"), "FILLED", refused]
    assert [one.terms for one in desk.broker.book().orders] == [order.terms]


def test_expire(desk):
    desk.broker.place(desk.order("BUY", 100, limit="499"))
    desk.broker.place(desk.order("BUY", 100, limit="498", tif="GTC"))
    desk.at("15:59:59.999999")
    assert told(desk.broker) == ["ACCEPTED", "ACCEPTED"]
    desk.at("16:00")
    assert told(desk.broker) == ["EXPIRED"]
    assert [one.state for one in desk.broker.book().orders] == [OrderState.EXPIRED, OrderState.ACCEPTED]


def test_partial_fill_goes_on_bar_by_bar(desk):
    """A bar of 1,000 gives 50 to 100 shares."""
    for minute in range(10):
        desk.bar(f"10:{minute:02}", "500 500 500 500", volume=1000)
    desk.broker.place(desk.order("BUY", 200))
    desk.at("10:01")
    (report,) = desk.broker.book().orders
    assert 50 <= report.filled <= 100
    assert report.state is OrderState.ACCEPTED
    desk.at("10:10")
    book = desk.broker.book()
    assert 2 < len(book.fills) + 1 <= 5
    assert sum(fill.quantity for fill in book.fills) == 200
    assert sum(one.amount for one in book.commissions) == D("1.00")  # a dollar an order, not a fill


def test_the_book_says_all_that_is_known(desk):
    desk.broker.place(desk.order("BUY", 100, name="bought"))
    desk.broker.place(desk.order("SELL", 50, "MSFT", name="short"))
    desk.broker.place(desk.order("BUY", 10, limit="499", name="waits"))
    desk.at("10:02")
    book = desk.broker.book()
    assert (book.account, book.asked_at) == ("SIMULATED", new_york("10:02"))
    assert {one.client_order_id: (one.state.value, one.filled) for one in book.orders} == {
        "bought": ("FILLED", 100),
        "short": ("FILLED", 50),
        "waits": ("ACCEPTED", 0),
    }
    assert {(one.symbol, one.quantity) for one in book.fills} == {("NVDA", D(100)), ("MSFT", D(50))}
    # With commission, as a broker reckons it: a dollar over 100 shares, and one over 50 sold.
    assert set(book.positions) == {
        HeldPosition("NVDA", D(100), D("500.01")),
        HeldPosition("MSFT", D(-50), D("199.98")),
    }


def test_orders_that_ended_are_told_of_for_a_week(desk):
    desk.broker.place(desk.order("BUY", 100, name="done"))
    desk.at("10:02")
    assert len(desk.broker.book().orders) == 1
    desk.clock.stands = new_york("10:00") + timedelta(days=7)
    assert len(desk.broker.book().orders) == 1
    desk.clock.stands += timedelta(seconds=1)
    book = desk.broker.book()
    assert (len(book.orders), len(book.fills)) == (0, 1)  # what changed hands is told of for ever


def test_account_values(desk):
    assert desk.broker.account_values().net_liquidation == 1_000_000
    desk.broker.place(desk.order("BUY", 100))
    desk.broker.place(desk.order("SELL", 50, "MSFT"))
    desk.at("10:01")
    desk.broker.events(0)
    desk.bar("10:01", "510 510 510 510")
    desk.at("10:02")
    values = desk.broker.account_values()
    assert values.available_funds == values.buying_power == 1_000_000 - 100 * 500 + 50 * 200 - 2
    assert values.net_liquidation == 1_000_000 - 2 + 100 * 10
    assert (values.account, values.currency) == ("SIMULATED", "USD")


def test_what_is_held_and_has_no_bar_any_more_cannot_be_valued(desk):
    desk.broker.place(desk.order("BUY", 100))
    desk.at("10:01")
    desk.broker.events(0)
    desk.execute("DELETE FROM market_data WHERE symbol = 'NVDA'")
    with pytest.raises(BrokerRefused, match="No bar of NVDA is stored"):
        desk.broker.account_values()


# Restarts


def test_another_object_on_the_same_books_knows_everything(desk):
    order = desk.order("BUY", 100, name="one")
    desk.broker.place(order)
    desk.broker.place(desk.order("BUY", 10, limit="499", tif="GTC", name="two"))
    desk.at("10:02")
    before = desk.broker.book()
    desk.restart()
    assert desk.broker.book() == before
    desk.broker.cancel("two")
    assert told(desk.broker) == ["CANCELLED"]


def test_what_happened_while_nobody_asked_is_told_at_the_next_question(desk):
    desk.broker.place(desk.order("BUY", 100))
    desk.restart()
    desk.at("16:30")
    assert told(desk.broker) == [(100, D("500.00")), D("1.00"), "FILLED"]
    desk.restart()
    assert told(desk.broker) == []  # events are told once, the book has them for ever
    assert len(desk.broker.book().fills) == 1


def test_what_could_not_be_kept_is_not_told(desk, monkeypatch):
    """The commit fails: neither the books nor the queue have it, and the next question brings the same."""
    desk.broker.place(desk.order("BUY", 100))
    told(desk.broker)
    desk.at("10:05")

    def broken(connection: psycopg.Connection) -> None:
        raise psycopg.errors.DiskFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "commit", broken)
        with pytest.raises(Exception, match="no space left"):
            desk.broker.cancel("order-1")
    assert told(desk.broker) == [(100, D("500.00")), D("1.00"), "FILLED"]


def test_however_often_it_is_asked_it_does_the_same(desk):
    """Recorded bars, small parts, the usual slippage: asked every minute, and asked once at the end by another."""
    desk.model = replace(MODEL, seed=3, slippage_bps=D(5), participation=D("0.001"))
    put_recorded(desk, "NVDA")
    desk.restart()
    limit = recorded.session_rows("NVDA")["2020-12-01"]["10:00"]["open"]
    order = desk.order("BUY", 900, limit=f"{round(D(limit), 2)}")
    desk.broker.place(order)
    for minute in range(1, 60):
        desk.at(f"10:{minute:02}")
        desk.broker.events(0)
    often = desk.broker.book()
    assert len(often.fills) > 3
    desk.execute("DELETE FROM simulated_orders")
    desk.execute("DELETE FROM simulated_fills")
    desk.at("10:00")
    desk.broker.place(order)
    desk.at("10:59")
    assert desk.broker.book() == often
    for fill in often.fills:
        start = fill.executed_at - timedelta(minutes=1, hours=5)  # in New York, in winter
        bar = recorded.session_rows("NVDA")["2020-12-01"][f"{start:%H:%M}"]
        assert D(bar["low"]) <= fill.price <= D(limit)
        assert fill.quantity <= max(D(bar["volume"]) * D("0.001"), 1)


def put_recorded(desk: OrderDesk, symbol: str) -> None:
    """Let the day's bars be those that were recorded."""
    desk.execute("DELETE FROM market_data WHERE symbol = %s", symbol)
    rows = recorded.session_rows(symbol)["2020-12-01"].items()
    names = ("open", "high", "low", "close")
    put_bars(desk.url, [(new_york(at), symbol, *(row[name] for name in names), int(row["volume"])) for at, row in rows])


def test_it_waits_for_bars_where_there_is_nothing_to_tell(desk):
    """Once, as long as it is given, and not where there is something."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        desk.at("10:01")

    desk.broker.sleep = sleep
    desk.broker.place(desk.order("BUY", 100))
    assert len(desk.broker.events(0.2)) == 1
    assert waited == []
    assert len(desk.broker.events(0.2)) == 3  # the bar that came meanwhile
    assert waited == [0.2]
    assert desk.broker.events(0) == []
    assert waited == [0.2]


def test_two_processes_that_ask_at_once_fill_an_order_once(desk):
    desk.broker.place(desk.order("BUY", 100))
    desk.at("10:05")
    brokers = [replace(desk.broker) for _ in range(4)]
    found: list[list[object]] = []
    threads = [threading.Thread(target=lambda one=one: found.append(told(one))) for one in brokers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(len, found)) == [0, 0, 0, 3]
    assert len(desk.broker.book().fills) == 1
