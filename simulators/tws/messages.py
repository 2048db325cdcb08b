"""What TWS sends, one function per kind of message; openOrder and completedOrder are in `order_messages`.

What belongs here: the fields of a message in the order of server versions 170 to 178. What does not: when it is sent,
and to whom (`desk`). Every function gives the bytes of one message.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from simulators.tws.bars import Bar
from simulators.tws.framing import UNSET_DOUBLE, UNSET_INT, Field, encode
from simulators.tws.records import Execution, Instrument, Order, Position

EASTERN = ZoneInfo("US/Eastern")
SIDES = {"BUY": "BOT", "SELL": "SLD"}
HOURS = "20260105:0930-20260105:1600"
ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AON,AVGCOST,BASKET,BENCHPX,CASHQTY,COND,DAY,GTC,LMT,MKT,STP,STPLMT,WHATIF"
)
EXCHANGES = "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,ISLAND,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,PSX"
PENDING_PRICE_REVISION = 178


def stamp(time: datetime) -> str:
    """A time as TWS writes it since 10.17: the zone follows."""
    return f"{time.astimezone(EASTERN):%Y%m%d %H:%M:%S} US/Eastern"


def contract(instrument: Instrument, exchange: str, strike: str = "0.0", right: str = "") -> tuple[Field, ...]:
    """The eleven fields of a stock: no expiry, no strike, no right, no multiplier."""
    return (
        instrument.con_id, instrument.symbol, "STK", "", strike, right, "", exchange, instrument.currency,
        instrument.symbol, instrument.trading_class,
    )  # fmt: skip


def server_hello(version: int, now: datetime) -> bytes:
    """The end of the handshake, the only message without an id."""
    return encode(version, f"{now.astimezone(EASTERN):%Y%m%d %H:%M:%S} EST")


def managed_accounts(accounts: Sequence[str]) -> bytes:
    """The accounts, separated by commas."""
    return encode(15, 1, ",".join(accounts))


def next_valid_id(order_id: int) -> bytes:
    """The lowest order id that the client may use."""
    return encode(9, 1, order_id)


def current_time(now: datetime) -> bytes:
    """The server's clock in epoch seconds."""
    return encode(49, 1, int(now.timestamp()))


def error(request_id: int, code: int, said: str, reject_json: str = "") -> bytes:
    """An error, a warning or a piece of news; -1 stands for no request."""
    return encode(4, 2, request_id, code, said, reject_json)


def order_status(order: Order) -> bytes:
    """The state of an order."""
    ticket = order.ticket
    return encode(
        3, ticket.order_id, order.status, order.filled, order.remaining, order.avg_price, order.perm_id, 0,
        order.last_price, ticket.client_id, order.why_held, Decimal(0),
    )  # fmt: skip


def exec_details(request_id: int, execution: Execution, instrument: Instrument, version: int) -> bytes:
    """A fill; the request id is -1 for one that just happened. One of a person has no order id, which TWS sends so."""
    ticket = execution.ticket
    order_id: Field = ticket.order_id or UNSET_INT
    last: tuple[Field, ...] = (False,) if version >= PENDING_PRICE_REVISION else ()
    return encode(
        11, request_id, order_id, *contract(instrument, "ISLAND"), execution.exec_id, stamp(execution.time),
        ticket.account, "ISLAND", SIDES[ticket.action], execution.shares, execution.price, execution.perm_id,
        ticket.client_id, 0, execution.cum_qty, execution.avg_price, ticket.order_ref, "", "", "", 2, *last,
    )  # fmt: skip


def exec_details_end(request_id: int) -> bytes:
    """All fills that were asked for are out."""
    return encode(55, 1, request_id)


def commission_report(execution: Execution) -> bytes:
    """The commission of a fill, and what the fill realized."""
    realized: Field = UNSET_DOUBLE if execution.realized_pnl is None else execution.realized_pnl
    return encode(59, 1, execution.exec_id, execution.commission, "USD", realized, UNSET_DOUBLE, "")


def position(account: str, instrument: Instrument, held: Position) -> bytes:
    """Shares of one stock in an account."""
    cost = held.avg_cost.quantize(Decimal("1e-7"))
    return encode(61, 3, account, *contract(instrument, instrument.primary_exchange), held.quantity, cost)


def position_end() -> bytes:
    """All positions are out; changes follow."""
    return encode(62, 1)


def portfolio(account: str, instrument: Instrument, held: Position, mark: Decimal) -> bytes:
    """A position and its value at `mark`."""
    value = held.quantity * mark
    unrealized = value - held.quantity * held.avg_cost
    return encode(
        7, 8, *contract(instrument, instrument.primary_exchange), held.quantity, mark, cents(value),
        held.avg_cost.quantize(Decimal("1e-7")), cents(unrealized), cents(held.realized_pnl), account,
    )  # fmt: skip


def account_value(account: str, tag: str, value: str, currency: str) -> bytes:
    """One value of an account."""
    return encode(6, 2, tag, value, currency, account)


def account_time(now: datetime) -> bytes:
    """When the account's values were made."""
    return encode(8, 1, f"{now.astimezone(EASTERN):%H:%M}")


def account_end(account: str) -> bytes:
    """All values and positions of the account are out."""
    return encode(54, 1, account)


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> bytes:
    """One value of a summary."""
    return encode(63, 1, request_id, account, tag, value, currency)


def account_summary_end(request_id: int) -> bytes:
    """The summary is whole."""
    return encode(64, 1, request_id)


def account_multi(request_id: int, account: str, tag: str, value: str, currency: str) -> bytes:
    """One value of an account, for reqAccountUpdatesMulti."""
    return encode(73, 1, request_id, account, "", tag, value, currency)


def account_multi_end(request_id: int) -> bytes:
    """The account's values are out."""
    return encode(74, 1, request_id)


def open_order_end() -> bytes:
    """All open orders are out."""
    return encode(53, 1)


def completed_orders_end() -> bytes:
    """All completed orders are out."""
    return encode(102)


def contract_details(request_id: int, instrument: Instrument) -> bytes:
    """What IB knows of a stock."""
    return encode(
        10, request_id, instrument.symbol, "STK", "", "0", "", "SMART", instrument.currency, instrument.symbol,
        instrument.trading_class, instrument.trading_class, instrument.con_id, "0.01", "", ORDER_TYPES, EXCHANGES, 1, 0,
        instrument.name, instrument.primary_exchange, "", "Technology", "Computers", "", "US/Eastern", HOURS, HOURS, "",
        "", 0, 1, "", "", "26", "", "COMMON", "0.0001", "0.0001", "100",
    )  # fmt: skip


def contract_details_end(request_id: int) -> bytes:
    """There is no other contract like it."""
    return encode(52, 1, request_id)


def cents(value: Decimal) -> str:
    """An amount of money with two decimals."""
    return str(value.quantize(Decimal("0.01")) + 0)


def historical_data(request_id: int, bars: Sequence[Bar], *, epoch: bool, lots: int) -> bytes:
    """All bars of an answer in one message; volumes in lots of so many shares."""
    fields: list[Field] = []
    for bar in bars:
        said = str(bar.start) if epoch else _stamp_of(bar)
        fields += [said, *_prices(bar), bar.volume // lots, str(bar.average), bar.count]
    return encode(17, request_id, _stamp_of(bars[0]), _stamp_of(bars[-1]), len(bars), *fields)


def real_time_bar(request_id: int, bar: Bar, lots: int = 1) -> bytes:
    """A bar of five seconds; its volume in lots of so many shares, with their fractions."""
    volume = Decimal(bar.volume) / lots
    return encode(50, 3, request_id, bar.start, *_prices(bar), volume, str(bar.average), bar.count)


def _stamp_of(bar: Bar) -> str:
    return stamp(datetime.fromtimestamp(bar.start, EASTERN))


def _prices(bar: Bar) -> tuple[str, ...]:
    return str(bar.open), str(bar.high), str(bar.low), str(bar.close)
