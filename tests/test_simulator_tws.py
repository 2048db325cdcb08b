"""The TWS stand-in as the client library sees it: connecting, orders, executions, positions, the account."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulators.tws import TwsSimulator
from simulators.tws.records import Ticket
from simulators.tws.requests import Kind
from tests.support.ib_library import IS_IB_ASYNC, MSFT, NVDA, buy, connected, filled, ib, limit, settle, until

HIGHEST = 178 if IS_IB_ASYNC else 176


def done(trade: Any) -> bool:
    """`isDone` of ib_insync leaves out Inactive."""
    return trade.orderStatus.status in ("Filled", "Cancelled", "Inactive")


@pytest.mark.parametrize("version", [170, 173, 176, 177, 178])
def test_a_client_connects_and_trades_at_every_version(version: int) -> None:
    with TwsSimulator(server_version=version) as tws, connected(tws) as client:
        assert client.client.serverVersion() == min(version, HIGHEST)
        assert client.managedAccounts() == ["DU1234567"]
        trade = client.placeOrder(NVDA, buy(100, "a"))
        rest = client.placeOrder(MSFT, limit("SELL", 50, 500, "b"))
        until(client, lambda: done(trade) and rest.orderStatus.status == "Submitted" and bool(client.positions()))
        assert (trade.orderStatus.status, trade.orderStatus.avgFillPrice, trade.filled()) == ("Filled", 485, 100)
        assert [(fill.execution.side, fill.commissionReport.commission) for fill in trade.fills] == [("BOT", 1.0)]
        (position,) = client.positions()
        assert (position.contract.conId, position.position, position.avgCost) == (4815747, 100, 485.01)
        (open_order,) = client.reqAllOpenOrders()
        assert (open_order.order.orderRef, open_order.order.lmtPrice) == ("b", 500)
        (completed,) = client.reqCompletedOrders(False)
        assert (completed.order.orderRef, completed.order.filledQuantity) == ("a", 100)


@pytest.mark.parametrize("version", [170, 176, 177, 178])
def test_the_terms_of_an_order_arrive(version: int) -> None:
    order = ib.Order(
        action="SELL",
        totalQuantity=150,
        orderType="STP LMT",
        lmtPrice=480.25,
        auxPrice=481.5,
        tif="GTC",
        account="DU2",
        orderRef="terms",
        outsideRth=True,
        orderId=41,
    )
    with TwsSimulator(server_version=version, accounts=["DU1", "DU2"]) as tws, connected(tws) as client:
        client.placeOrder(NVDA, order)
        settle(client)
        assert tws.order("terms").ticket == Ticket(
            client_id=7,
            order_id=41,
            account="DU2",
            symbol="NVDA",
            action="SELL",
            quantity=Decimal(150),
            order_type="STP LMT",
            limit_price=Decimal("480.25"),
            stop_price=Decimal("481.5"),
            tif="GTC",
            order_ref="terms",
            outside_rth=True,
        )


def test_what_a_completed_order_lacks() -> None:
    """It has no order id and no filled shares, and its quantity is what was left: permId and orderRef are the key."""
    with TwsSimulator() as tws, connected(tws) as client:
        filled(client, NVDA, buy(100, "a"))
        (completed,) = client.reqCompletedOrders(False)
        assert (completed.order.orderId, completed.orderStatus.filled, completed.order.totalQuantity) == (0, 0, 0)
        assert completed.order.permId == tws.order("a").perm_id


def test_the_account_is_told_and_follows_fills() -> None:
    with TwsSimulator(money=Decimal(100_000)) as tws, connected(tws) as client:
        filled(client, NVDA, buy(100, "a"))
        settle(client)
        values = {value.tag: value.value for value in client.accountValues()}
        # 100,000 - 48,500 - 1 of money; half of the shares' worth is margin.
        assert values == {
            "TotalCashValue": "51499.00",
            "GrossPositionValue": "48500.00",
            "NetLiquidation": "99999.00",
            "AvailableFunds": "75749.00",
            "BuyingPower": "302996.00",
        }
        assert {value.tag: value.value for value in client.accountSummary()} == values
        (item,) = client.portfolio()
        assert (item.position, item.marketPrice, item.unrealizedPNL) == (100, 485, -1)


def test_partial_fills_carry_what_the_order_has_so_far() -> None:
    with TwsSimulator(prices={}) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, buy(100, "a"))
        tws.wait_for(Kind.PLACE_ORDER)
        tws.fill("a", 30, "10")
        tws.fill("a", 70, "11")
        until(client, lambda: done(trade))
        settle(client)
        executions = [fill.execution for fill in trade.fills]
        assert [(each.shares, each.cumQty, each.avgPrice) for each in executions] == [(30, 30, 10), (70, 100, 10.7)]
        assert [each.execId for each in executions] == ["0000e0d5.67a1b2c3.01.01", "0000e0d5.67a1b2c4.01.01"]
        assert [entry.status for entry in trade.log if entry.status != "Submitted"][-1] == "Filled"
        # An order owes at least a dollar, and the first execution has paid it.
        assert [fill.commissionReport.commission for fill in trade.fills] == [1.0, 0.0]


def test_the_market_moves_and_resting_orders_fill() -> None:
    with TwsSimulator(prices={"NVDA": "485"}) as tws, connected(tws) as client:
        lower = client.placeOrder(NVDA, limit("BUY", 10, 484, "limit"))
        stop = client.placeOrder(NVDA, ib.StopOrder("SELL", 10, 483, orderRef="stop"))
        until(client, lambda: stop.orderStatus.status == "PreSubmitted")
        assert stop.orderStatus.whyHeld == "trigger"
        tws.price("NVDA", "483.50")
        until(client, lambda: done(lower))
        assert not done(stop)
        tws.price("NVDA", "483")
        until(client, lambda: done(stop))
        assert [fill.execution.price for fill in client.fills()] == [483.5, 483]
        assert tws.position("NVDA") == 0


def test_cancel_reject_expire() -> None:
    with TwsSimulator(prices={}) as tws, connected(tws) as client:
        trades = [client.placeOrder(NVDA, buy(10, ref)) for ref in ("cancel", "system", "reject", "expire")]
        errors: list[tuple[int, int, str]] = []
        client.errorEvent += lambda number, code, text, _: errors.append((number, code, text))
        until(client, lambda: all(trade.orderStatus.status == "Submitted" for trade in trades))
        client.cancelOrder(trades[0].order)
        until(client, lambda: trades[0].orderStatus.status == "Cancelled")
        tws.cancel("system", "a reason")
        tws.reject("reject")
        tws.expire()
        until(client, lambda: trades[3].orderStatus.status == "Cancelled" and len(errors) == 4)
        assert errors == [
            (trades[0].order.orderId, 202, "Order Canceled - reason:"),
            (trades[1].order.orderId, 202, "Order Canceled - reason:a reason"),
            (trades[2].order.orderId, 201, "Order rejected - reason:stand-in"),
            (trades[3].order.orderId, 202, "Order Canceled - reason:"),
        ]
        assert [trade.orderStatus.status for trade in trades] == ["Cancelled", "Cancelled", "Inactive", "Cancelled"]


def test_modify_by_sending_the_same_order_id() -> None:
    with TwsSimulator(prices={"NVDA": "485"}) as tws, connected(tws) as client:
        trade = client.placeOrder(NVDA, limit("BUY", 10, 480, "a"))
        until(client, lambda: trade.orderStatus.status == "Submitted")
        trade.order.lmtPrice = 485
        client.placeOrder(NVDA, trade.order)
        until(client, lambda: done(trade))
        assert [order.ticket.limit_price for order in tws.orders] == [485]


def test_a_new_order_with_the_same_ref_is_another_order() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        trades = [client.placeOrder(NVDA, buy(10, "a")) for _ in range(2)]
        until(client, lambda: all(done(trade) for trade in trades))
        assert tws.position("NVDA") == 20


@pytest.mark.parametrize("order_id", [1, 99])
def test_a_cancel_that_cannot_be_is_refused(order_id: int) -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        errors: list[tuple[int, int]] = []
        client.errorEvent += lambda number, code, *_: errors.append((number, code))
        filled(client, NVDA, buy(10, "a", orderId=1))
        client.client.cancelOrder(order_id, "")
        until(client, lambda: bool(errors))
        assert errors == [(order_id, 10148 if order_id == 1 else 10147)]


def test_each_client_hears_of_its_own_orders_and_asks_for_all_executions() -> None:
    with TwsSimulator() as tws, connected(tws, 7) as first, connected(tws, 8) as second:
        filled(first, NVDA, buy(10, "first"))
        filled(second, MSFT, buy(20, "second"))
        tws.trade_manually("NVDA", "SELL", 5, "480")
        settle(first)
        assert [fill.execution.orderRef for fill in first.fills()] == ["first"]
        told = [
            (each.execution.clientId, each.execution.orderId, each.execution.orderRef) for each in first.reqExecutions()
        ]
        assert told[2] == (0, 0, "")
        assert [(client, ref) for client, _, ref in told] == [(7, "first"), (8, "second"), (0, "")]
        only = first.reqExecutions(ib.ExecutionFilter(clientId=8, symbol="MSFT"))
        assert [each.execution.orderRef for each in only] == ["second"]
        assert first.reqExecutions(ib.ExecutionFilter(symbol="AAPL")) == []
        assert len(first.reqExecutions(ib.ExecutionFilter(side="BUY"))) == 2
        assert [len(first.reqExecutions(ib.ExecutionFilter(acctCode=each))) for each in ("DU1234567", "DU2")] == [3, 0]
        assert [len(first.reqCompletedOrders(api_only)) for api_only in (False, True)] == [3, 2]
        assert {p.contract.symbol: p.position for p in first.positions()} == {"NVDA": 5, "MSFT": 20}


def test_executions_since_a_time() -> None:
    now = datetime(2024, 8, 26, 14, 30, tzinfo=UTC)
    with TwsSimulator(now=lambda: now) as tws, connected(tws) as client:
        filled(client, NVDA, buy(10, "a"))
        assert client.fills()[0].execution.time == now
        for since, count in ((now, 1), (now + timedelta(seconds=1), 0)):
            asked = ib.ExecutionFilter(time=f"{since:%Y%m%d-%H:%M:%S}")
            assert len(client.reqExecutions(asked)) == count


def test_what_one_client_cancels_is_no_news_for_another() -> None:
    with TwsSimulator(prices={}) as tws, connected(tws, 7) as first, connected(tws, 8) as second:
        errors: list[int] = []
        second.errorEvent += lambda _, code, *__: errors.append(code)
        trade = first.placeOrder(NVDA, buy(10, "a"))
        first.cancelOrder(trade.order)
        until(first, lambda: trade.orderStatus.status == "Cancelled")
        settle(second)
        assert errors == []
        assert second.client.connectionStats().numMsgRecv > 0


def test_who_asks_to_be_told_no_more_is_not() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        moved: list[str] = []
        client.positionEvent += lambda _: moved.append("position")
        client.updatePortfolioEvent += lambda _: moved.append("portfolio")
        filled(client, NVDA, buy(10, "a"))
        settle(client)
        assert moved == ["position", "portfolio"]
        client.client.cancelPositions()
        client.client.reqAccountUpdates(False, "DU1234567")
        filled(client, NVDA, buy(10, "b"))
        settle(client)
        assert moved == ["position", "portfolio"]


def test_a_summary_has_the_tags_that_were_asked_for() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        told: list[str] = []
        client.accountSummaryEvent += lambda value: told.append(value.tag)
        client.client.reqAccountSummary(999, "All", "TotalCashValue,NetLiquidation,Cushion")
        settle(client)
        assert told == ["NetLiquidation", "TotalCashValue"]


def test_the_master_client_hears_of_all_orders() -> None:
    with TwsSimulator(master_client_id=1) as tws, connected(tws, 1) as master, connected(tws, 7) as client:
        filled(client, NVDA, buy(10, "a"))
        until(master, lambda: bool(master.fills()))
        assert [fill.execution.clientId for fill in master.fills()] == [7]


def test_several_accounts() -> None:
    with TwsSimulator(accounts=["DU1", "DU2"]) as tws, connected(tws, account="DU2") as client:
        assert client.managedAccounts() == ["DU1", "DU2"]
        filled(client, NVDA, buy(10, "a", account="DU2"))
        assert (tws.position("NVDA"), tws.position("NVDA", "DU2")) == (0, 10)
        settle(client)
        assert [(p.account, p.position) for p in client.positions()] == [("DU2", 10)]


def test_what_the_stand_in_does_not_trade_is_refused() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        errors: list[tuple[int, str]] = []
        client.errorEvent += lambda _, code, text, *__: errors.append((code, text))
        client.placeOrder(ib.Stock("AAPL", "SMART", "USD"), buy(10, "a"))
        client.placeOrder(NVDA, buy(10, "b", whatIf=True))
        client.placeOrder(
            NVDA, buy(10, "c", algoStrategy="Adaptive", algoParams=[ib.TagValue("adaptivePriority", "Normal")])
        )
        until(client, lambda: len(errors) == 3)
        assert [code for code, _ in errors] == [200, 321, 321]
        assert tws.orders == ()


def test_a_request_that_the_stand_in_does_not_know() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        errors: list[tuple[int, str]] = []
        client.errorEvent += lambda _, code, text, *__: errors.append((code, text))
        client.client.reqFamilyCodes()
        settle(client)
        assert [code for code, _ in errors] == [321]
        assert "knows no request 80" in errors[0][1]


def test_contract_details() -> None:
    with TwsSimulator() as tws, connected(tws) as client:
        (details,) = client.reqContractDetails(MSFT)
        assert (details.contract.conId, details.longName) == (272093, "MICROSOFT CORP")
        assert client.qualifyContracts(ib.Stock("NVDA", "SMART", "USD"))[0].conId == 4815747
        assert client.reqContractDetails(ib.Stock("AAPL", "SMART", "USD")) == []
