"""What can be wrong with the TWS stand-in, and what the client libraries make of it."""

import socket
from typing import Any

import pytest

from simulators.tws import TwsSimulator
from simulators.tws.faults import FORMS, QUIRKS, Cut, Half, Hang, Lost, Mute, Pieces, Quirk, parse_fault
from simulators.tws.framing import encode, frame
from simulators.tws.requests import Kind
from tests.support.ib_library import IS_IB_ASYNC, NVDA, buy, connected, filled, ib, limit, settle, until


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("lost:1", Lost(1)),
        ("cut:2@place_order", Cut(2, Kind.PLACE_ORDER)),
        ("hang:1@current_time", Hang(1, Kind.CURRENT_TIME)),
        ("mute:1@executions", Mute(1, Kind.EXECUTIONS)),
        ("half:12", Half(12)),
        ("pieces:40", Pieces(40)),
        ("reject:3", Quirk("reject", 3)),
    ],
)
def test_the_text_of_a_fault_gives_it_back(spec: str, fault: Any) -> None:
    assert parse_fault(spec) == fault
    assert str(fault) == spec
    assert fault.describe().endswith(".")


@pytest.mark.parametrize(
    ("spec", "general"), [("lost_submit:1", "lost:1@place_order"), ("ambiguous_submit:2", "cut:2@place_order")]
)
def test_the_faults_of_a_submit_have_names_of_their_own(spec: str, general: str) -> None:
    assert str(parse_fault(spec)) == general


@pytest.mark.parametrize("spec", [form.replace("N[@REQUEST]", "1").rpartition(":")[0] + ":1" for form in FORMS])
def test_every_form_is_described(spec: str) -> None:
    assert len(parse_fault(spec).describe()) > 20


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("explode:1", "there is no fault 'explode'"),
        ("cut:0", "the number must be at least 1"),
        ("cut:1@lunch", "there is no request 'lunch'"),
        ("reject", "it does not have the form reject:N"),
        ("reject:1@place_order", "it does not have the form reject:N"),
    ],
)
def test_a_bad_fault_is_named_with_the_allowed_forms(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"bad fault '{spec}': {said}.*Allowed forms: .*cut:N"):
        TwsSimulator([spec])


# Connections.


def test_an_ambiguous_submit_was_carried_out() -> None:
    """The connection is cut before any answer: the client knows nothing, the broker has the order."""
    with TwsSimulator(["ambiguous_submit:1"]) as tws:
        with connected(tws) as client:
            trade = client.placeOrder(NVDA, buy(10, "a"))
            until(client, lambda: not client.isConnected())
            assert (trade.orderStatus.status, trade.order.permId) == ("PendingSubmit", 0)
        assert tws.position("NVDA") == 10
        with connected(tws) as client:
            assert [fill.execution.orderRef for fill in client.fills()] == ["a"]


def test_a_lost_submit_was_never_seen() -> None:
    with TwsSimulator(["lost_submit:1"]) as tws:
        with connected(tws) as client:
            client.placeOrder(NVDA, buy(10, "a"))
            until(client, lambda: not client.isConnected())
        assert tws.orders == ()
        assert Kind.PLACE_ORDER not in [request.kind for request in tws.requests]
        with connected(tws) as client:
            assert client.fills() == []
            filled(client, NVDA, buy(10, "a"))


@pytest.mark.parametrize(("fault", "orders"), [("hang:1@place_order", 0), ("mute:1@place_order", 1)])
def test_an_open_connection_without_an_answer(fault: str, orders: int) -> None:
    with TwsSimulator([fault]) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, buy(10, "a"))
        tws.wait_for(Kind.PLACE_ORDER)
        settle(client)
        assert (trade.orderStatus.status, len(tws.orders)) == ("PendingSubmit", orders)
        assert client.isConnected()


def test_an_open_port_is_not_health() -> None:
    """The socket is there, the round trip is not."""
    with TwsSimulator() as tws, connected(tws) as client:
        client.RequestTimeout = 0.2
        tws.silence()
        with pytest.raises(TimeoutError):
            client.reqCurrentTime()
        assert client.isConnected()
        tws.silence(False)
        settle(client)


def frames(tws: TwsSimulator) -> bytes:
    """All that the server sends to a client that says hello, gives its id and reads to the end."""
    with socket.create_connection((tws.host, tws.port), timeout=10) as sock:
        sock.sendall(b"API\0" + frame(b"v157..178") + encode(71, 2, 7, ""))
        return b"".join(iter(lambda: sock.recv(4096), b""))


def test_half_a_message() -> None:
    with TwsSimulator(["half:3"]) as tws:
        sent = frames(tws)
    hello, accounts, next_id = encode(176, "x" * 21), encode(15, 1, "DU1234567"), encode(9, 1, 1)
    assert len(sent) == len(hello) + len(accounts) + len(next_id) // 2
    assert sent.endswith(accounts + next_id[: len(next_id) // 2])


def test_a_busy_client_id_is_free_the_next_time() -> None:
    with TwsSimulator(["busy_client_id:1"]) as tws:
        with pytest.raises(TimeoutError), connected(tws, timeout=0.2):
            pass
        with connected(tws) as client:
            assert client.isConnected()


def test_the_connection_of_one_client_is_cut() -> None:
    with TwsSimulator() as tws, connected(tws, 7) as first, connected(tws, 8) as second:
        tws.cut(7)
        until(first, lambda: not first.isConnected())
        settle(second)
        assert tws.clients == (8,)


def test_news_about_connectivity() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        news: list[tuple[int, int, str]] = []
        client.errorEvent += lambda number, code, text, _: news.append((number, code, text))
        for code in (1100, 1102, 2103, 2104, 10197):
            tws.notice(code)
        settle(client)
        assert [(number, code) for number, code, _ in news] == [(-1, each) for each in (1100, 1102, 2103, 2104, 10197)]
        assert news[0][2] == "Connectivity between IBKR and Trader Workstation has been lost."


def test_order_ids_that_are_rewound_come_again() -> None:
    with TwsSimulator() as tws:
        for ref in ("before", "after"):
            with connected(tws) as client:
                filled(client, NVDA, ib.MarketOrder("BUY", 10, orderRef=ref, orderId=1))
            tws.rewind_order_ids()
        assert [order.ticket.order_id for order in tws.orders] == [1, 1]
        with connected(tws) as client:
            assert len(client.fills()) == 2


# Orders and executions, and what the libraries make of them.


def resting(client: Any, ref: str = "a") -> Any:
    """An order far from the market, once the answer to it is in."""
    trade = client.placeOrder(NVDA, limit("BUY", 10, 400, ref))
    settle(client)
    return trade


def test_new_terms_are_refused_and_the_order_works_on() -> None:
    with TwsSimulator(["refuse_modify:2"], prices={}) as tws, connected(tws) as client:
        errors: list[tuple[int, int, str]] = []
        client.errorEvent += lambda number, code, text, *_: errors.append((number, code, text))
        trade = client.placeOrder(NVDA, limit("BUY", 10, 480, "a"))
        until(client, lambda: trade.orderStatus.status == "Submitted")
        trade.order.lmtPrice = 485
        client.placeOrder(NVDA, trade.order)
        until(client, lambda: bool(errors))
        settle(client)
        assert errors == [(trade.order.orderId, 201, "Order rejected - reason:stand-in")]
        (order,) = tws.orders
        assert (order.ticket.limit_price, order.status) == (480, "Submitted")
        tws.fill("a", price=485)
        client.client.placeOrder(trade.order.orderId, NVDA, trade.order)
        until(client, lambda: len(errors) == 2)
        assert errors[1][1] == 104  # there is nothing to refuse of an order that is filled


def test_warning_399_leaves_the_order_live_though_ib_async_says_otherwise() -> None:
    with TwsSimulator(["warning_399:1"]) as tws, connected(tws) as client:
        trade = resting(client)
        assert trade.orderStatus.status == ("ValidationError" if IS_IB_ASYNC else "Submitted")
        assert tws.order("a").status == "Submitted"
        tws.price("NVDA", 400)
        until(client, lambda: trade.orderStatus.status == "Filled")


def test_a_preset_of_the_time_in_force_leaves_the_order_live_though_both_libraries_cancel_it() -> None:
    with TwsSimulator(["tif_preset:1"]) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, ib.LimitOrder("BUY", 10, 400, orderRef="a", tif="GTC"))
        settle(client)
        assert (trade.orderStatus.status, trade.isActive()) == ("Cancelled", False)
        assert (tws.order("a").status, tws.order("a").ticket.tif) == ("Submitted", "DAY")
        tws.price("NVDA", 400)
        until(client, lambda: trade.orderStatus.status == "Filled")


def test_a_rejected_order_has_an_error_and_no_fill() -> None:
    with TwsSimulator(["reject:1"]) as tws, connected(tws) as client:
        errors: list[int] = []
        client.errorEvent += lambda _, code, *__: errors.append(code)
        trade = client.placeOrder(NVDA, buy(10, "a"))
        settle(client)
        assert (errors, trade.orderStatus.status, tws.executions) == ([201], "Inactive", ())
        filled(client, NVDA, buy(10, "b"))


def test_new_terms_do_not_meet_the_faults_of_new_orders() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        trade = resting(client)
        tws.add_fault("reject:1")
        trade.order.lmtPrice = 401
        client.placeOrder(NVDA, trade.order)
        settle(client)
        assert (tws.order("a").status, tws.order("a").ticket.limit_price) == ("Submitted", 401)


def test_a_correction_counts_twice_in_both_libraries() -> None:
    with TwsSimulator(prices={}) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, buy(100, "a"))
        tws.wait_for(Kind.PLACE_ORDER)
        tws.fill("a", 40, "10")
        tws.fill("a", 60, "10")
        tws.correct(tws.executions[0].exec_id, price="10.01")
        settle(client)
        assert trade.filled() == 140
        assert [fill.execution.execId[-2:] for fill in trade.fills] == ["01", "01", "02"]
        assert [fill.execution.price for fill in trade.fills] == [10, 10, 10.01]
        assert tws.position("NVDA") == 100
        assert [fill.execution.execId[-2:] for fill in client.reqExecutions()] == ["02", "01"]


def test_a_correction_at_once() -> None:
    with TwsSimulator(["correction:1"]) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, buy(10, "a"))
        until(client, lambda: len(trade.fills) == 2)
        settle(client)
        assert [fill.execution.price for fill in trade.fills] == [485, 485.01]
        assert [fill.commissionReport.commission for fill in trade.fills] == [1, 1]


def test_a_correction_is_not_corrected() -> None:
    with TwsSimulator(["correction:2"]) as tws, connected(tws) as client:
        for ref in ("a", "b", "c"):
            filled(client, NVDA, buy(10, ref))
        assert [execution.exec_id[-2:] for execution in tws.executions] == ["02", "02", "01"]


def test_an_execution_that_is_taken_back() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        trade = filled(client, NVDA, buy(10, "a"))
        tws.correct(tws.executions[0].exec_id, shares=0)
        settle(client)
        assert [fill.execution.shares for fill in trade.fills] == [10, 0]
        assert client.positions() == []
        assert tws.executions[0].commission == 0


def test_late_commissions() -> None:
    with TwsSimulator(["late_commission:1"]) as tws, connected(tws) as client:
        trade = filled(client, NVDA, buy(10, "a"))
        settle(client)
        client.reqExecutions()
        assert [fill.commissionReport.commission for fill in trade.fills] == [0]
        tws.release_commissions()
        settle(client)
        assert [fill.commissionReport.commission for fill in trade.fills] == [1]
        tws.hold_commissions()
        second = filled(client, NVDA, buy(10, "b"))
        settle(client)
        assert [fill.commissionReport.execId for fill in second.fills] == [""]


def test_a_late_commission_is_that_of_the_newest_revision() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        tws.hold_commissions()
        filled(client, NVDA, buy(1000, "a"))
        tws.correct(tws.executions[0].exec_id, shares=400)
        settle(client)
        before = client.client.connectionStats().numMsgRecv
        tws.release_commissions()
        settle(client)
        # The report and the answer to the question that `settle` asks.
        assert client.client.connectionStats().numMsgRecv - before == 2
        assert [fill.commissionReport.commission for fill in client.fills()] == [0, 2]


@pytest.mark.parametrize("fault", ["duplicate_executions:1", "duplicate_status:9"])
def test_duplicates_on_the_wire(fault: str) -> None:
    """Neither library shows them, so they are counted as messages."""
    counts = []
    for faults in ([], [fault]):
        with TwsSimulator(faults) as tws, connected(tws) as client:
            trade = filled(client, NVDA, buy(10, "a"))
            settle(client)
            counts.append(client.client.connectionStats().numMsgRecv)
            assert trade.filled() == 10
    assert counts[1] - counts[0] == (1 if fault.startswith("duplicate_executions") else 2)


def test_an_execution_may_be_repeated() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        trade = filled(client, NVDA, buy(10, "a"))
        settle(client)
        before = client.client.connectionStats().numMsgRecv
        tws.repeat(tws.executions[0].exec_id)
        settle(client)
        assert (client.client.connectionStats().numMsgRecv - before, trade.filled()) == (2, 10)


def test_orders_fill_in_pieces() -> None:
    with TwsSimulator(["pieces:40"]) as tws, connected(tws) as client:
        trade = filled(client, NVDA, buy(100, "a"))
        assert [fill.execution.shares for fill in trade.fills] == [40, 40, 20]


def test_a_fill_after_the_cancel() -> None:
    with TwsSimulator(prices={}) as tws, connected(tws) as client:
        trade = resting(client)
        client.cancelOrder(trade.order)
        until(client, lambda: trade.orderStatus.status == "Cancelled")
        tws.fill("a", 4, "400")
        until(client, lambda: bool(trade.fills))
        settle(client)
        assert (trade.orderStatus.status, trade.orderStatus.filled, trade.filled()) == ("Cancelled", 4, 4)


def test_a_cancel_that_waits() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        tws.hold_cancels()
        trades = [resting(client, ref) for ref in ("done", "filled", "refused")]
        for trade in trades:
            client.cancelOrder(trade.order)
        settle(client)
        assert [tws.order(ref).status for ref in ("done", "filled", "refused")] == ["PendingCancel"] * 3
        tws.confirm_cancel("done")
        tws.fill("filled")
        tws.refuse_cancel("refused")
        settle(client)
        assert [trade.orderStatus.status for trade in trades] == ["Cancelled", "Filled", "Submitted"]


def test_an_order_is_held() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        trade = resting(client)
        tws.hold("a", "locate")
        settle(client)
        assert (trade.orderStatus.status, trade.orderStatus.whyHeld) == ("PreSubmitted", "locate")


def test_notices_about_an_order_reach_its_client_only() -> None:
    with TwsSimulator() as tws, connected(tws, 7) as first, connected(tws, 8) as second:
        errors: list[tuple[str, int, int]] = []
        first.errorEvent += lambda number, code, *_: errors.append(("first", number, code))
        second.errorEvent += lambda number, code, *_: errors.append(("second", number, code))
        trade = resting(first)
        tws.notice(202, "a", text="Order Canceled - reason:made up")
        settle(first)
        settle(second)
        assert errors == [("first", trade.order.orderId, 202)]


# History.


def asked(client: Any, timeout: float = 10) -> list[Any]:
    end = "20240826 16:00:00 US/Eastern"
    return list(client.reqHistoricalData(NVDA, end, "1 D", "5 mins", "TRADES", True, 2, timeout=timeout))


@pytest.mark.parametrize("fault", ["no_data", "pacing"])
def test_error_162_and_then_bars(fault: str) -> None:
    errors: list[int] = []
    with TwsSimulator([f"{fault}:1"], paced=False) as tws, connected(tws) as client:
        client.errorEvent += lambda _, code, *__: errors.append(code)
        assert [len(asked(client)) for _ in range(2)] == [0, 78]
    assert errors == [162]


def test_error_321_ends_a_request_in_ib_insync_and_hangs_in_ib_async() -> None:
    """Where the library waits for its timeout it then cancels the request."""
    with TwsSimulator(["history_321:1"]) as tws, connected(tws) as client:
        assert asked(client, timeout=0.2) == []
        settle(client)
        cancelled = [request.kind for request in tws.requests].count(Kind.CANCEL_HISTORICAL_DATA)
    assert cancelled == (1 if IS_IB_ASYNC else 0)


def test_faults_may_come_later_and_are_used_up() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        tws.add_fault("reject:1")
        trades = [client.placeOrder(NVDA, buy(10, ref)) for ref in ("a", "b")]
        until(client, lambda: trades[1].orderStatus.status == "Filled")
        assert [order.status for order in tws.orders] == ["Inactive", "Filled"]
    assert set(QUIRKS) <= {form.partition(":")[0] for form in FORMS}
