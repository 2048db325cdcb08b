"""What the TWS stand-in sends, read by IB's own decoder and held beside what a live TWS sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ibapi.comm
import pytest
import yaml
from ibapi.const import UNSET_DOUBLE, UNSET_INTEGER
from ibapi.decoder import Decoder

from simulators.recordings import FOLDER
from simulators.tws import messages
from simulators.tws.bars import Bar
from simulators.tws.framing import Reader, encode, fields_of
from simulators.tws.order_messages import completed_order, open_order
from simulators.tws.records import Execution, Instrument, Order, Position, Status, Ticket

VERSIONS = [170, 173, 176, 177, 178]
NVDA = Instrument("NVDA", 4815747, "NVIDIA CORP")
AT = datetime(2024, 8, 26, 14, 30, 7, tzinfo=UTC)
TICKET = Ticket(
    client_id=7,
    order_id=41,
    account="DU1234567",
    symbol="NVDA",
    action="SELL",
    quantity=Decimal("150"),
    order_type="STP LMT",
    limit_price=Decimal("485.50"),
    stop_price=Decimal("486.25"),
    tif="GTC",
    order_ref="intent-0001",
    outside_rth=True,
)
ORDER = Order(
    perm_id=1376327563,
    ticket=TICKET,
    status=Status.SUBMITTED,
    filled=Decimal("40"),
    avg_price=Decimal("485.625"),
    last_price=Decimal("485.75"),
    why_held="locate",
    warning="a warning",
    completed_at=AT,
    completed_status="Cancelled by Trader",
)
EXECUTION = Execution(
    exec_id="0000e0d5.67a1b2c3.01.02",
    perm_id=1376327563,
    ticket=TICKET,
    time=AT,
    shares=Decimal("40"),
    price=Decimal("485.75"),
    cum_qty=Decimal("60"),
    avg_price=Decimal("485.625"),
    commission=Decimal("1.05"),
    realized_pnl=Decimal("-12.34"),
)
HELD = Position(Decimal("-110"), Decimal("201.8829709"), Decimal("3.5"))
BARS = [Bar(1724679000, 129.6, 129.81, 129.28, 129.74, 14168305), Bar(1724679060, 129.74, 130.0, 129.7, 129.9, 99)]


class Told:
    """Takes the place of IB's EWrapper: keeps the calls that the decoder makes."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, arguments))


class Fields(list[bytes]):
    """A message's fields, which know whether all of them were read."""

    def __iter__(self) -> Iterator[bytes]:
        self.left = super().__iter__()
        return self.left


def told(message: bytes, version: int = 176) -> list[tuple[str, tuple[Any, ...]]]:
    """What IB's decoder makes of one message; every field has to be read."""
    size, payload, rest = ibapi.comm.read_msg(message)
    assert (size, rest) == (len(message) - 4, b"")
    number, *fields = ibapi.comm.read_fields(payload)
    wrapper, left = Told(), Fields(fields)
    Decoder(wrapper, version).interpret(left, int(number))
    assert not hasattr(left, "left") or list(left.left) == []
    return wrapper.calls


def stock(contract: Any) -> tuple[Any, ...]:
    return (
        contract.conId,
        contract.symbol,
        contract.secType,
        contract.exchange,
        contract.currency,
        contract.localSymbol,
    )


def test_short_messages() -> None:
    assert told(messages.managed_accounts(["DU1", "DU2"])) == [("managedAccounts", ("DU1,DU2",))]
    assert told(messages.next_valid_id(17)) == [("nextValidId", (17,))]
    assert told(messages.current_time(AT)) == [("currentTime", (1724682607,))]
    assert told(messages.error(41, 399, "Order Message:", '{"a":1}')) == [
        ("error", (41, 0, 399, "Order Message:", '{"a":1}'))
    ]
    assert told(messages.exec_details_end(5)) == [("execDetailsEnd", (5,))]
    assert told(messages.position_end()) == [("positionEnd", ())]
    assert told(messages.account_value("DU1", "NetLiquidation", "12.50", "USD")) == [
        ("updateAccountValue", ("NetLiquidation", "12.50", "USD", "DU1"))
    ]
    assert told(messages.account_time(AT)) == [("updateAccountTime", ("10:30",))]
    assert told(messages.account_end("DU1")) == [("accountDownloadEnd", ("DU1",))]
    assert told(messages.account_summary(9, "DU1", "BuyingPower", "4.00", "USD")) == [
        ("accountSummary", (9, "DU1", "BuyingPower", "4.00", "USD"))
    ]
    assert told(messages.account_summary_end(9)) == [("accountSummaryEnd", (9,))]
    assert told(messages.account_multi(8, "DU1", "BuyingPower", "4.00", "USD")) == [
        ("accountUpdateMulti", (8, "DU1", "", "BuyingPower", "4.00", "USD"))
    ]
    assert told(messages.account_multi_end(8)) == [("accountUpdateMultiEnd", (8,))]
    assert told(messages.open_order_end()) == [("openOrderEnd", ())]
    assert told(messages.completed_orders_end()) == [("completedOrdersEnd", ())]
    assert told(messages.contract_details_end(3)) == [("contractDetailsEnd", (3,))]


def test_order_status() -> None:
    ((name, arguments),) = told(messages.order_status(ORDER))
    assert name == "orderStatus"
    assert arguments == (
        41, "Submitted", Decimal(40), Decimal(110), 485.625, 1376327563, 0, 485.75, 7, "locate", 0.0
    )  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_open_order(version: int) -> None:
    ((name, (order_id, contract, order, state)),) = told(open_order(ORDER, NVDA, version), version)
    assert (name, order_id) == ("openOrder", 41)
    assert stock(contract) == (4815747, "NVDA", "STK", "SMART", "USD", "NVDA")
    assert (order.orderId, order.clientId, order.permId, order.account) == (41, 7, 1376327563, "DU1234567")
    assert (order.action, order.totalQuantity, order.orderType) == ("SELL", Decimal(150), "STP LMT")
    assert (order.lmtPrice, order.auxPrice, order.tif) == (485.5, 486.25, "GTC")
    assert (order.orderRef, order.outsideRth, order.whatIf) == ("intent-0001", True, False)
    assert (order.hedgeType, order.algoStrategy, order.clearingIntent) == ("", "", "IB")
    assert (state.status, state.warningText) == ("Submitted", "a warning")
    assert (state.initMarginAfter, state.commissionAndFees) == ("1.7976931348623157E308", UNSET_DOUBLE)


@pytest.mark.parametrize("version", VERSIONS)
def test_completed_order(version: int) -> None:
    """It names no order id, and its quantity is what was left."""
    ((name, (contract, order, state)),) = told(completed_order(ORDER, NVDA, version), version)
    assert name == "completedOrder"
    assert stock(contract) == (4815747, "NVDA", "STK", "SMART", "USD", "NVDA")
    assert (order.orderId, order.clientId, order.permId, order.account) == (0, 0, 1376327563, "DU1234567")
    assert (order.action, order.totalQuantity, order.filledQuantity) == ("SELL", Decimal(110), Decimal(40))
    assert (order.orderType, order.lmtPrice, order.auxPrice, order.tif) == ("STP LMT", 485.5, 486.25, "GTC")
    assert (order.orderRef, order.outsideRth, order.refFuturesConId) == ("intent-0001", True, UNSET_INTEGER)
    assert state.status == "Submitted"
    assert (state.completedTime, state.completedStatus) == ("20240826 10:30:07 US/Eastern", "Cancelled by Trader")


@pytest.mark.parametrize("version", VERSIONS)
def test_exec_details(version: int) -> None:
    ((name, (request_id, contract, fill)),) = told(messages.exec_details(-1, EXECUTION, NVDA, version), version)
    assert (name, request_id) == ("execDetails", -1)
    assert stock(contract) == (4815747, "NVDA", "STK", "ISLAND", "USD", "NVDA")
    assert (fill.execId, fill.orderId, fill.permId, fill.clientId) == ("0000e0d5.67a1b2c3.01.02", 41, 1376327563, 7)
    assert (fill.time, fill.acctNumber, fill.side) == ("20240826 10:30:07 US/Eastern", "DU1234567", "SLD")
    assert (fill.shares, fill.price, fill.cumQty, fill.avgPrice) == (Decimal(40), 485.75, Decimal(60), 485.625)
    assert (fill.orderRef, fill.lastLiquidity, fill.liquidation) == ("intent-0001", 2, 0)


def test_an_execution_of_a_person_has_an_order_id_that_is_not_set() -> None:
    by_hand = replace(EXECUTION, ticket=replace(TICKET, client_id=0, order_id=0, order_ref=""))
    ((_, (_, _, fill)),) = told(messages.exec_details(5, by_hand, NVDA, 176))
    assert (fill.orderId, fill.clientId, fill.orderRef) == (UNSET_INTEGER, 0, "")


def test_commission_report() -> None:
    ((name, (report,)),) = told(messages.commission_report(EXECUTION))
    assert name == "commissionAndFeesReport"
    assert (report.execId, report.commissionAndFees, report.currency) == ("0000e0d5.67a1b2c3.01.02", 1.05, "USD")
    assert (report.realizedPNL, report.yield_) == (-12.34, UNSET_DOUBLE)


def test_position_and_portfolio() -> None:
    ((name, (account, contract, quantity, cost)),) = told(messages.position("DU1", NVDA, HELD))
    assert (name, account, quantity, cost) == ("position", "DU1", Decimal(-110), 201.8829709)
    assert stock(contract) == (4815747, "NVDA", "STK", "NASDAQ", "USD", "NVDA")
    ((name, (contract, *values)),) = told(messages.portfolio("DU1", NVDA, HELD, Decimal("200.5")))
    # -110 x 200.5 = -22055; bought back at 200.5 what was sold at 201.8829709 gains 152.13.
    assert (name, values) == (
        "updatePortfolio", [Decimal(-110), 200.5, -22055.0, 201.8829709, 152.13, 3.5, "DU1"]
    )  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_contract_details(version: int) -> None:
    ((name, (request_id, details)),) = told(messages.contract_details(3, NVDA), version)
    assert (name, request_id, stock(details.contract)) == (
        "contractDetails", 3, (4815747, "NVDA", "STK", "SMART", "USD", "NVDA")
    )  # fmt: skip
    assert (details.longName, details.contract.primaryExchange, details.minTick) == ("NVIDIA CORP", "NASDAQ", 0.01)
    assert (details.timeZoneId, details.stockType, details.marketRuleIds) == ("US/Eastern", "COMMON", "26")


@pytest.mark.parametrize(("epoch", "stamp"), [(True, "1724679000"), (False, "20240826 09:30:00 US/Eastern")])
def test_historical_data(epoch: bool, stamp: str) -> None:
    first, second, end = told(messages.historical_data(5, BARS, epoch=epoch, lots=100))
    assert (first[0], second[0], end[0]) == ("historicalData", "historicalData", "historicalDataEnd")
    request_id, bar = first[1]
    assert (request_id, bar.date, bar.open, bar.high, bar.low, bar.close) == (5, stamp, 129.6, 129.81, 129.28, 129.74)
    # In lots of 100; (129.81 + 129.28 + 129.74) / 3 = 129.61; one trade for a hundred shares that were begun.
    assert (bar.volume, bar.wap, bar.barCount) == (Decimal(141683), Decimal("129.61"), 141684)
    assert second[1][1].volume == 0
    assert end[1] == (5, "20240826 09:30:00 US/Eastern", "20240826 09:31:00 US/Eastern")


def test_real_time_bar() -> None:
    assert told(messages.real_time_bar(6, BARS[0])) == [
        ("realtimeBar", (6, 1724679000, 129.6, 129.81, 129.28, 129.74, Decimal(14168305), Decimal("129.61"), 141684))
    ]


def recorded(name: str) -> list[bytes]:
    """The answers of a live TWS to one request."""
    text = (FOLDER / "tws_interactions_serverversion173_2025-07-15.yaml").read_text(encoding="utf-8")
    (interaction,) = [each for each in yaml.safe_load(text)["interactions"] if each["name"] == name]
    return [answer["raw"].encode() for answer in interaction["responses"]]


AAPL = Instrument("AAPL", 265598, "APPLE INC")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("server_time", [messages.current_time(datetime.fromtimestamp(1752606307, UTC))]),
        ("managed_accounts", [messages.managed_accounts(["ACCOUNT_ID"])]),
        (
            "account_summary",
            [
                messages.account_summary(9000, "ACCOUNT_ID", "GrossPositionValue", "23172.60", "USD"),
                messages.account_summary(9000, "ACCOUNT_ID", "NetLiquidation", "246447.83", "USD"),
                messages.account_summary(9000, "ACCOUNT_ID", "TotalCashValue", "269339.33", "USD"),
                messages.account_summary_end(9000),
            ],
        ),
    ],
)
def test_messages_are_those_that_a_live_tws_sent(name: str, sent: list[bytes]) -> None:
    assert [message[4:] for message in sent] == recorded(name)


def test_positions_are_those_that_a_live_tws_sent() -> None:
    """The recorded account has a future as well, which the stand-in does not have."""
    stocks = [answer for answer in recorded("positions") if b"\0FUT\0" not in answer]
    assert [messages.position("ACCOUNT_ID", AAPL, HELD)[4:], messages.position_end()[4:]] == stocks


def test_a_message_may_arrive_in_any_pieces() -> None:
    sent = b"API\0" + encode("v157..178") + encode(49, 1) + encode(61, 1)
    for size in range(1, len(sent) + 1):
        reader = Reader()
        pieces = [sent[begin : begin + size] for begin in range(0, len(sent), size)]
        whole = [fields_of(payload) for piece in pieces for payload in reader.feed(piece)]
        assert whole == [["v157..178"], ["49", "1"], ["61", "1"]]


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n", b"API\0\xff\xff\xff\xff"])
def test_what_is_not_the_protocol_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"did not begin with API|longer than TWS takes"):
        list(Reader().feed(sent))
