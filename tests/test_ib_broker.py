"""The paper account at Interactive Brokers: the real client library against the stand-in for TWS, over a socket.

What single messages mean is tested without one (test_ib_translate.py).
"""

import socket
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from resources.errors import BrokerRefused, BrokerUnreachable, ConfigError, NotPaper, SubmitUnclear
from resources.ib.broker import InteractiveBrokers
from schemas.broker import (
    AccountValues,
    BrokerNotice,
    CancelRefused,
    HeldPosition,
    Link,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.trading import (
    Commission,
    Fill,
    OrderState,
    OrderType,
    Side,
    Terms,
    TimeInForce,
)
from simulators.tws import TwsSimulator
from simulators.tws.requests import Kind
from tests.support.ib import ACCOUNT, ib_settings, nvda, paper_account, told


@pytest.fixture
def tws():
    with TwsSimulator() as simulator:
        yield simulator


@pytest.fixture
def broker(tws):
    with paper_account(tws) as connected:
        yield connected


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("tws-")] == []


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def states(events):
    return [event.state for event in of(events, OrderReport)]


def connecting(**changed):
    broker = InteractiveBrokers(ib_settings(**changed), environment={})
    with closing(broker):
        broker.connect()


# Connecting.


def test_connecting_finds_the_paper_account(broker):
    assert broker.account == ACCOUNT


def test_an_account_of_real_money_is_refused_before_anything_is_asked():
    with TwsSimulator(accounts=["U1234567"]) as tws:
        with pytest.raises(NotPaper, match=r"U1\*\*\*67"):
            connecting(port=tws.port)
        assert [request.kind for request in tws.requests] == [Kind.START_API]


def test_real_money_needs_the_setting_and_the_variable():
    with TwsSimulator(accounts=["U1234567"]) as tws:
        settings = ib_settings(port=tws.port, allow_live=True)
        with closing(InteractiveBrokers(settings, environment={"INTRADAY_ALLOW_LIVE_TRADING": "yes"})) as broker:
            broker.connect()
            assert broker.account == "U1234567"


@pytest.mark.parametrize("port", [7496, 4001])
def test_a_port_of_real_money_is_refused_before_it_is_touched(port):
    with pytest.raises(NotPaper, match=str(port)):
        connecting(port=port)


def test_no_host_is_said_by_name():
    with pytest.raises(ConfigError, match=r"ib\.host.*INTRADAY_IB__HOST"):
        InteractiveBrokers(ib_settings(host=None))


def test_a_client_id_that_is_in_use_is_said(tws, broker):
    with pytest.raises(BrokerRefused, match=r"id 1 \(326\): another process uses it.*ib\.client_id"):
        connecting(port=tws.port)
    assert told(broker) == []


def test_a_port_where_nobody_listens_is_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BrokerUnreachable, match=str(port)) as failure:
        connecting(port=port)
    assert failure.value.retry_helps


def test_a_port_that_says_nothing_is_unreachable_in_its_time():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(BrokerUnreachable, match=rf"{port} did not shake hands within 0.5 s"):
            connecting(port=port, timeout_seconds=0.5)


def test_a_port_that_hangs_up_is_unreachable_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with server.accept()[0]:
                pass

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(BrokerUnreachable, match="closed the connection"):
            connecting(port=server.getsockname()[1], timeout_seconds=60)
        thread.join()


@pytest.mark.parametrize("kind", [Kind.CURRENT_TIME, Kind.OPEN_ORDERS, Kind.EXECUTIONS])
def test_a_gateway_that_shakes_hands_and_does_not_answer_is_unreachable(tws, kind):
    tws.add_fault(f"hang:1@{kind.name.lower()}")
    with pytest.raises(BrokerUnreachable, match=r"did not answer within 0\.5 s"):
        connecting(port=tws.port, timeout_seconds=0.5)


def test_without_a_connection_nothing_is_sent():
    broker = InteractiveBrokers(ib_settings())
    broker.close()
    for ask in (
        broker.book,
        broker.account_values,
        lambda: broker.cancel("ours"),
        lambda: broker.place(nvda(account="")),
    ):
        with pytest.raises(BrokerUnreachable, match="connect first"):
            ask()
    assert broker.events(0) == ()


# Orders.


def test_an_order_is_sent_as_it_is_and_accepted(tws, broker):
    broker.place(nvda(limit="400.10", tif=TimeInForce.GTC))
    ticket = tws.order("ours").ticket
    assert (ticket.account, ticket.symbol, ticket.action, ticket.quantity) == (ACCOUNT, "NVDA", "BUY", 100)
    assert (ticket.order_type, str(ticket.limit_price), ticket.tif) == ("LMT", "400.10", "GTC")
    assert (ticket.order_ref, ticket.outside_rth) == ("ours", False)
    (sent,) = [request.fields for request in tws.requests if request.kind is Kind.PLACE_ORDER]
    assert sent[2:4] + sent[8:11] == ("NVDA", "STK", "SMART", "NASDAQ", "USD")
    assert states(told(broker)) == [OrderState.ACCEPTED]


def test_a_market_order_is_filled_and_costs_what_ib_says(tws, broker):
    broker.place(nvda(limit=None))
    events = told(broker)
    assert states(events)[-1] is OrderState.FILLED
    (fill,) = of(events, Fill)
    assert (fill.client_order_id, fill.symbol, fill.side, fill.quantity) == ("ours", "NVDA", Side.BUY, 100)
    assert (fill.price, fill.account, fill.perm_id) == (Decimal(485), ACCOUNT, tws.order("ours").perm_id)
    assert of(events, Commission) == [Commission(fill.exec_id, Decimal(1), "USD")]


def test_partial_fills_come_one_by_one(tws, broker):
    broker.place(nvda())
    tws.fill("ours", 30, "399.99")
    tws.fill("ours", 70, "399.98")
    events = told(broker)
    assert [(fill.quantity, str(fill.price)) for fill in of(events, Fill)] == [(30, "399.99"), (70, "399.98")]
    assert [report.filled for report in of(events, OrderReport)][-2:] == [30, 100]


def test_a_modification_replaces_quantity_and_price_under_the_same_id(tws, broker):
    broker.place(nvda())
    broker.modify(nvda(quantity=150, limit="401.00"))
    assert len(tws.orders) == 1
    ticket = tws.order("ours").ticket
    assert (ticket.quantity, ticket.limit_price) == (150, Decimal("401.00"))
    reports = of(told(broker), OrderReport)
    assert {report.state for report in reports} == {OrderState.ACCEPTED}
    assert (reports[0].terms, reports[-1].terms) == (nvda().terms, Terms(Decimal(150), Decimal("401.00")))
    assert [str(value) for value in (reports[-1].terms.quantity, reports[-1].terms.limit_price)] == ["150", "401.00"]
    assert [report.terms for report in broker.book().orders] == [reports[-1].terms]


@pytest.mark.parametrize(
    ("kind", "prices"),
    [
        (OrderType.MARKET, (None, None)),
        (OrderType.LIMIT, ("400.5", None)),
        (OrderType.STOP, (None, "600")),
        (OrderType.STOP_LIMIT, ("600.10", "600")),
    ],
)
def test_the_terms_of_every_type_come_back_as_they_were_sent(tws, broker, kind, prices):
    tws.price("NVDA", None)
    limit, stop = (None if price is None else Decimal(price) for price in prices)
    order = replace(nvda(limit=None), order_type=kind, limit_price=limit, stop_price=stop)
    broker.place(order)
    assert {report.terms for report in of(told(broker), OrderReport)} == {order.terms}


def test_a_modification_that_is_rejected_leaves_the_order_live(tws, broker):
    broker.place(nvda())
    tws.fill("ours", 60, "400.00")
    broker.modify(nvda(quantity=50))
    events = told(broker)
    refused = Terms(Decimal(50), Decimal("400.00"))
    assert [(one.client_order_id, one.terms) for one in of(events, ModifyRefused)] == [("ours", refused)]
    assert set(states(events)) == {OrderState.ACCEPTED}
    tws.fill("ours", 40, "400.00")
    assert states(told(broker))[-1] is OrderState.FILLED


def test_a_modification_that_ib_refuses_is_told_with_its_words(tws, broker):
    broker.place(nvda())
    tws.add_fault("refuse_modify:1")
    broker.modify(nvda(quantity=150))
    (refusal,) = of(told(broker), ModifyRefused)
    assert refusal.said == "201: Order rejected - reason:stand-in"
    assert tws.order("ours").ticket.quantity == 100
    broker.modify(nvda(quantity=150))
    assert of(told(broker), OrderReport)[-1].terms == nvda(quantity=150).terms


@pytest.mark.parametrize(("ending", "code"), [("fill", 104), ("cancel", 103)])
def test_a_modification_of_an_order_that_ended_meanwhile_is_refused_and_is_no_new_order(tws, broker, ending, code):
    broker.place(nvda())
    tws.silence()  # its end is on the way
    getattr(tws, ending)("ours")
    tws.silence(False)
    broker.modify(nvda(quantity=150))
    assert [refusal.said.partition(":")[0] for refusal in of(told(broker), ModifyRefused)] == [str(code)]
    assert len(tws.orders) == 1


def test_an_order_whose_end_was_heard_is_not_sent_again_for_its_id_may_be_free(tws, broker):
    broker.place(nvda(tif=TimeInForce.GTC))
    tws.cancel("ours")
    assert states(told(broker))[-1] is OrderState.CANCELLED
    tws.rewind_order_ids()
    broker.modify(nvda(quantity=150))
    assert [refusal.client_order_id for refusal in of(told(broker), ModifyRefused)] == ["ours"]
    assert len(tws.orders) == 1


def test_a_modification_of_an_order_that_it_did_not_place_is_refused(tws, broker):
    broker.modify(nvda())
    (refusal,) = of(told(broker), ModifyRefused)
    assert (refusal.client_order_id, refusal.terms, tws.orders) == ("ours", nvda().terms, ())


@pytest.mark.parametrize(("fault", "quantity"), [("cut:1@place_order", 150), ("lost:1@place_order", 100)])
def test_after_a_modification_whose_connection_broke_the_book_says_what_the_order_stands_with(
    tws, broker, fault, quantity
):
    broker.place(nvda())
    tws.add_fault(fault)
    with pytest.raises(SubmitUnclear, match="ours was sent; whether it arrived is not known"):
        broker.modify(nvda(quantity=150))
    broker.connect()
    assert [(report.state, report.terms.quantity) for report in broker.book().orders] == [
        (OrderState.ACCEPTED, quantity)
    ]


def test_a_cancel_is_asked_for_and_told(broker):
    broker.place(nvda())
    broker.cancel("ours")
    assert states(told(broker))[-1] is OrderState.CANCELLED


def test_an_order_that_ends_with_its_session_expires_but_not_where_it_was_to_be_cancelled(tws):
    evening = datetime(2026, 1, 2, 21, 0, 5, tzinfo=UTC)
    with paper_account(tws, now=lambda: evening) as broker:
        broker.place(nvda("left"))
        broker.place(nvda("taken"))
        broker.cancel("taken")
        tws.expire()
        last = {report.client_order_id: report.state for report in of(told(broker), OrderReport)}
    assert last == {"left": OrderState.EXPIRED, "taken": OrderState.CANCELLED}


def test_a_cancel_of_what_is_filled_or_unknown_is_refused(broker):
    broker.place(nvda(limit=None))
    broker.cancel("ours")
    broker.cancel("nobody")
    said = {refusal.client_order_id: refusal.said for refusal in of(told(broker), CancelRefused)}
    assert set(said) == {"ours", "nobody"}
    assert said["ours"].startswith("10148")


@pytest.mark.parametrize(("quirk", "code"), [("warning_399", 399), ("tif_preset", 10349)])
def test_the_warnings_that_the_libraries_take_for_the_end_leave_the_order_live(tws, broker, quirk, code):
    tws.add_fault(f"{quirk}:1")
    broker.place(nvda())
    events = told(broker)
    assert [(notice.code, notice.client_order_id) for notice in of(events, BrokerNotice)] == [(code, "ours")]
    assert set(states(events)) == {OrderState.ACCEPTED}
    tws.fill("ours", price="400.00")
    assert states(told(broker))[-1] is OrderState.FILLED


def test_a_rejection_has_ibs_words(tws, broker):
    tws.add_fault("reject:1")
    broker.place(nvda())
    reports = of(told(broker), OrderReport)
    assert reports[-1].state is OrderState.REJECTED
    assert "201: Order rejected - reason:" in reports[-1].said


def test_a_correction_comes_as_the_next_revision(tws, broker):
    broker.place(nvda())
    tws.fill("ours", 100, "400.00")
    tws.correct(tws.executions[0].exec_id, 40)
    first, second = of(told(broker), Fill)
    assert (first.execution, first.quantity) == (second.execution, 100)
    assert (second.revision, second.quantity) == (first.revision + 1, 40)


def test_a_commission_may_come_much_later(tws, broker):
    tws.hold_commissions()
    broker.place(nvda(limit=None))
    assert of(told(broker), Commission) == []
    tws.release_commissions()
    assert [one.amount for one in of(told(broker), Commission)] == [Decimal(1)]


def test_trades_by_hand_come_without_a_reference(tws, broker):
    tws.trade_manually("NVDA", "SELL", 7, "480.25")
    (fill,) = of(broker.book().fills, Fill)
    assert (fill.client_order_id, fill.side, fill.quantity, fill.price) == (None, Side.SELL, 7, Decimal("480.25"))


def test_an_order_for_another_account_is_not_sent(tws, broker):
    with pytest.raises(BrokerRefused, match=r"DU\*\*\*21"):
        broker.place(nvda(account="DU7654321"))
    assert tws.orders == ()


# What breaks.


def test_an_order_whose_connection_breaks_before_its_answer_is_unclear(tws, broker):
    tws.add_fault("ambiguous_submit:1")
    with pytest.raises(SubmitUnclear, match=r"ours.*closed the connection"):
        broker.place(nvda())
    assert tws.order("ours").ticket.quantity == 100
    broker.connect()
    assert [report.client_order_id for report in broker.book().orders] == ["ours"]


def test_an_order_that_was_lost_on_its_way_is_unclear_and_not_in_the_book(tws, broker):
    tws.add_fault("lost_submit:1")
    with pytest.raises(SubmitUnclear, match="ours"):
        broker.place(nvda())
    broker.connect()
    assert broker.book().orders == ()


def test_an_order_that_nobody_acknowledges_is_unclear_in_its_time(tws):
    with paper_account(tws, timeout_seconds=0.5) as broker:
        tws.silence()
        with pytest.raises(SubmitUnclear, match="did not answer"):
            broker.place(nvda())


def test_an_order_after_the_connection_broke_is_not_sent(tws, broker):
    tws.cut()
    with pytest.raises(BrokerUnreachable, match="closed the connection"):
        broker.events(10)
    with pytest.raises(BrokerUnreachable):
        broker.place(nvda())
    assert tws.orders == ()


def test_what_a_person_has_to_mend_is_told_as_that(broker):
    broker._broke(BrokerRefused("the time does not say its zone"))
    with pytest.raises(BrokerRefused, match="zone"):
        broker.events(0)


def test_nothing_is_sent_while_ib_itself_is_out_of_reach(tws, broker):
    tws.notice(1100)
    assert [event.link for event in of(broker.events(10), LinkChanged)] == [Link.LOST]
    for ask in (broker.book, lambda: broker.place(nvda())):
        with pytest.raises(BrokerUnreachable, match="1100"):
            ask()
    tws.notice(1102)
    assert [event.link for event in of(broker.events(10), LinkChanged)] == [Link.RESTORED]
    broker.place(nvda())
    assert len(tws.orders) == 1


@pytest.mark.parametrize(
    "kind", [Kind.ALL_OPEN_ORDERS, Kind.COMPLETED_ORDERS, Kind.EXECUTIONS, Kind.POSITIONS, Kind.CURRENT_TIME]
)
@pytest.mark.parametrize(
    ("fault", "patience", "said"),
    [("hang", 0.5, r"did not answer within 0\.5 s"), ("cut", 60, "closed the connection")],
)
def test_a_book_is_whole_or_not_at_all(tws, kind, fault, patience, said):
    with paper_account(tws, timeout_seconds=patience) as broker:
        tws.add_fault(f"{fault}:1@{kind.name.lower()}")
        with pytest.raises(BrokerUnreachable, match=said):
            broker.book()


def test_a_message_cut_in_the_middle_breaks_the_connection(tws):
    tws.add_fault("half:3")
    with pytest.raises(BrokerUnreachable, match="closed the connection"):
        connecting(port=tws.port)


# The book.


def test_the_book_has_all_orders_fills_commissions_and_positions(tws, broker):
    broker.place(nvda("filled", limit=None))
    broker.place(nvda("open"))
    broker.place(nvda("cancelled"))
    broker.cancel("cancelled")
    broker.place(nvda("expired", limit="399.00"))
    broker.place(nvda("kept", limit="398.00", tif=TimeInForce.GTC))
    broker.place(nvda("partly"))
    tws.fill("partly", 40, "400.00")
    book = broker.book()
    assert {report.client_order_id: (report.state, report.filled) for report in book.orders} == {
        "filled": (OrderState.FILLED, 100),
        "open": (OrderState.ACCEPTED, 0),
        "cancelled": (OrderState.CANCELLED, 0),
        "expired": (OrderState.ACCEPTED, 0),
        "kept": (OrderState.ACCEPTED, 0),
        "partly": (OrderState.ACCEPTED, 40),
    }
    assert [(fill.client_order_id, fill.quantity) for fill in book.fills] == [("filled", 100), ("partly", 40)]
    assert {one.exec_id for one in book.commissions} == {fill.exec_id for fill in book.fills}
    assert [(held.symbol, held.quantity) for held in book.positions] == [("NVDA", Decimal(140))]
    assert book.account == ACCOUNT
    tws.expire()
    ended = {report.client_order_id: report.state for report in broker.book().orders}
    assert (ended["expired"], ended["kept"]) == (OrderState.EXPIRED, OrderState.ACCEPTED)


def test_an_empty_book_is_empty(broker):
    book = broker.book()
    assert (book.orders, book.fills, book.commissions, book.positions) == ((), (), (), ())


def test_positions_are_what_ib_says_with_its_average_cost(tws, broker):
    tws.trade_manually("MSFT", "SELL", 10, "415.00")
    assert broker.book().positions == (HeldPosition("MSFT", Decimal(-10), broker.book().positions[0].average_cost),)


def test_another_account_of_the_login_is_not_mixed_in():
    other = "DU7654321"
    with TwsSimulator(accounts=[ACCOUNT, other]) as tws, paper_account(tws, account=other) as broker:
        tws.trade_manually("MSFT", "BUY", 10, "415.00")  # the first account's
        broker.place(nvda(account=other))
        tws.fill("ours", 100, "400.00")
        book = broker.book()
        assert (book.account, [held.symbol for held in book.positions]) == (other, ["NVDA"])
        assert [fill.client_order_id for fill in book.fills] == ["ours"]
        assert [report.client_order_id for report in book.orders] == ["ours"]
        with paper_account(tws, account=ACCOUNT, client_id=30) as first:
            worth = [account.account_values() for account in (broker, first)]
        assert [one.account for one in worth] == [other, ACCOUNT]
        assert worth[0].available_funds != worth[1].available_funds


def test_the_account_is_worth_what_ib_says(broker):
    assert broker.account_values() == AccountValues(
        ACCOUNT, Decimal("1000000.00"), Decimal("4000000.00"), Decimal("1000000.00"), "USD"
    )


# Over restarts.


def test_fills_missed_while_away_are_in_the_book(tws, broker):
    broker.place(nvda())
    tws.cut()
    tws.fill("ours", 100, "400.00")
    broker.connect()
    book = broker.book()
    assert [(fill.client_order_id, fill.quantity) for fill in book.fills] == [("ours", 100)]
    assert [(report.client_order_id, report.state) for report in book.orders] == [("ours", OrderState.FILLED)]


def test_the_nightly_restart_is_survived_on_one_object(tws, broker):
    broker.place(nvda("before"))
    for night in range(3):
        tws.restart()
        broker.connect()
        broker.place(nvda(f"after-{night}"))
    assert {order.ticket.order_ref for order in tws.orders} == {"before", "after-0", "after-1", "after-2"}
    broker.cancel("before")
    assert OrderState.CANCELLED in states(told(broker))


def test_a_new_process_may_modify_and_cancel_the_orders_of_the_one_before(tws):
    with paper_account(tws) as earlier:
        earlier.place(nvda())
    with paper_account(tws) as later:
        later.modify(nvda(quantity=50))
        assert (len(tws.orders), tws.order("ours").ticket.quantity) == (1, 50)
        later.cancel("ours")
        assert states(told(later))[-1] is OrderState.CANCELLED


def test_an_order_of_another_client_is_in_the_book_and_cannot_be_cancelled(tws, broker):
    with paper_account(tws, client_id=30) as other:
        other.place(nvda("theirs"))
    assert [report.client_order_id for report in broker.book().orders] == ["theirs"]
    broker.cancel("theirs")
    assert [refusal.client_order_id for refusal in of(told(broker), CancelRefused)] == ["theirs"]


@pytest.mark.parametrize("same_process", [True, False])
def test_rewound_order_ids_are_not_used_again(tws, same_process):
    with paper_account(tws) as earlier:
        earlier.place(nvda("filled", limit=None))
        earlier.place(nvda("open"))
        tws.rewind_order_ids()
        if same_process:
            earlier.connect()
            earlier.place(nvda("next"))
    if not same_process:
        with paper_account(tws) as later:
            later.place(nvda("next"))
    used = [order.ticket.order_id for order in tws.orders]
    assert len(set(used)) == 3
    assert tws.order("open").ticket.quantity == 100


def test_duplicates_are_told_as_they_come(tws, broker):
    for fault in ("duplicate_status:9", "duplicate_executions:9"):
        tws.add_fault(fault)
    broker.place(nvda(limit=None))
    fills = of(told(broker), Fill)
    assert len(fills) == 2
    assert len(set(fills)) == 1
    assert len(broker.book().fills) == 1


@pytest.mark.parametrize("version", range(170, 179))
def test_every_version_of_the_protocol_is_understood(version):
    with TwsSimulator(server_version=version) as tws, paper_account(tws) as broker:
        broker.place(nvda("filled", limit=None))
        broker.place(nvda("open"))
        assert [report.state for report in broker.book().orders] == [OrderState.ACCEPTED, OrderState.FILLED]
        assert [fill.quantity for fill in of(told(broker), Fill)] == [100]


# The connection itself.


def speaking(*messages):
    """A server that shakes hands and then says these messages to whoever comes first, and hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def frame(*fields):
        text = "".join(f"{field}\0" for field in fields).encode()
        return len(text).to_bytes(4, "big") + text

    def serve():
        with server, server.accept()[0] as client:
            client.recv(64)
            client.sendall(frame("176", "20260102 12:00:00 US/Eastern"))
            client.recv(64)
            client.sendall(b"".join(frame(*fields) for fields in messages))
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread


def test_the_words_of_a_gateway_that_hangs_up_are_told():
    words = "Paper trading disclaimer must first be accepted for API connection."
    port, thread = speaking(("4", "2", "-1", "10141", words, ""))
    with pytest.raises(BrokerUnreachable, match=f"closed the connection: 10141: {words}"):
        connecting(port=port)
    thread.join()


READY = (("15", "1", ACCOUNT), ("9", "1", "1"))


@pytest.mark.parametrize(
    "unreadable",
    [
        ("3", "7", "Submitted", "many", "0", "0", "900", "0", "0", "1", "", "0"),
        ("5", "7", "too", "short"),
        ("nonsense",),
        ("",),
    ],
)
def test_a_message_that_cannot_be_read_ends_the_connection_for_it_may_be_a_fill(unreadable):
    port, thread = speaking(
        *READY, ("4", "2", "-1", "2104", "before", ""), unreadable, ("4", "2", "-1", "2104", "after", "")
    )
    broker = InteractiveBrokers(ib_settings(port=port))
    with closing(broker), pytest.raises(BrokerUnreachable, match="not understood"):
        broker.connect()
    thread.join()
    assert [notice.said for notice in of(broker.events(0), BrokerNotice)] == ["2104: before"]


def test_an_execution_whose_time_could_be_two_is_for_a_person_to_mend():
    fields = [
        "11", "-1", "7", "1", "NVDA", "STK", "", "0.0", "", "", "ISLAND", "USD", "NVDA", "NMS", "e.01.01",
        "20260102  12:00:00", ACCOUNT, "ISLAND", "BOT", "10", "485.5", "900", "1", "0", "10", "485.5", "ours", "", "",
        "", "2",
    ]  # fmt: skip
    port, thread = speaking(*READY, fields)
    broker = InteractiveBrokers(ib_settings(port=port))
    broker._translator.account = ACCOUNT
    with closing(broker), pytest.raises(BrokerRefused, match="time zone"):
        broker.connect()
    thread.join()


def test_an_interrupted_handshake_leaves_no_thread(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:

        def interrupted(future, timeout=None):
            raise KeyboardInterrupt

        monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            connecting(port=mute.getsockname()[1], timeout_seconds=60)


def test_many_connects_leave_nothing_behind(tws):
    with paper_account(tws) as broker:
        for _ in range(20):
            broker.connect()
        assert tws.clients == (1,)
        assert sum(thread.name.startswith("tws-1") for thread in threading.enumerate()) == 1
