"""What clients send, taken apart.

What belongs here: the ids of the requests that the stand-in knows, and where the fields of a request are. What does
not: what is answered (`desk`).
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum

from simulators.tws.framing import UNSET_DOUBLE
from simulators.tws.records import Ticket


class Kind(IntEnum):
    """The id that a request begins with."""

    MARKET_DATA = 1
    CANCEL_MARKET_DATA = 2
    PLACE_ORDER = 3
    CANCEL_ORDER = 4
    OPEN_ORDERS = 5
    ACCOUNT_UPDATES = 6
    EXECUTIONS = 7
    IDS = 8
    CONTRACT_DETAILS = 9
    AUTO_OPEN_ORDERS = 15
    ALL_OPEN_ORDERS = 16
    MANAGED_ACCOUNTS = 17
    HISTORICAL_DATA = 20
    CANCEL_HISTORICAL_DATA = 25
    CURRENT_TIME = 49
    REAL_TIME_BARS = 50
    CANCEL_REAL_TIME_BARS = 51
    GLOBAL_CANCEL = 58
    MARKET_DATA_TYPE = 59
    POSITIONS = 61
    ACCOUNT_SUMMARY = 62
    CANCEL_ACCOUNT_SUMMARY = 63
    CANCEL_POSITIONS = 64
    START_API = 71
    ACCOUNT_UPDATES_MULTI = 76
    CANCEL_ACCOUNT_UPDATES_MULTI = 77
    COMPLETED_ORDERS = 99


KINDS = frozenset(Kind)


@dataclass(frozen=True)
class Request:
    """One message of a client, word for word; `fields` begin behind the id."""

    client_id: int
    kind: Kind
    fields: tuple[str, ...]


class Unsupported(ValueError):
    """The stand-in does not do what the request asks for."""


FA_PROFILE_GONE = 177
_CONTRACT = (
    "conId", "symbol", "secType", "expiry", "strike", "right", "multiplier", "exchange", "primaryExchange", "currency",
    "localSymbol", "tradingClass",
)  # fmt: skip
_UP_TO_WHAT_IF = (
    "orderId", *_CONTRACT, "secIdType", "secId", "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif",
    "ocaGroup", "account", "openClose", "origin", "orderRef", "transmit", "parentId", "blockOrder", "sweepToFill",
    "displaySize", "triggerMethod", "outsideRth", "hidden", "sharesAllocation", "discretionaryAmt", "goodAfterTime",
    "goodTillDate", "faGroup", "faMethod", "faPercentage", "faProfile", "modelCode", "shortSaleSlot",
    "designatedLocation", "exemptCode", "ocaType", "rule80A", "settlingFirm", "allOrNone", "minQty", "percentOffset",
    "eTradeOnly", "firmQuoteOnly", "nbboPriceCap", "auctionStrategy", "startingPrice", "stockRefPrice", "delta",
    "stockRangeLower", "stockRangeUpper", "overridePercentageConstraints", "volatility", "volatilityType",
    "deltaNeutralOrderType", "deltaNeutralAuxPrice", "continuousUpdate", "referencePriceType", "trailStopPrice",
    "trailingPercent", "scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement", "scaleTable",
    "activeStartTime", "activeStopTime", "hedgeType", "optOutSmartRouting", "clearingAccount", "clearingIntent",
    "notHeld", "deltaNeutralContract", "algoStrategy", "algoId", "whatIf",
)  # fmt: skip
# Where one of these has a value, others follow that the list above does not have.
_NOT_PLAIN = ("deltaNeutralOrderType", "scalePriceIncrement", "hedgeType", "algoStrategy")


def named_contract(fields: tuple[str, ...]) -> tuple[int, str]:
    """Number and symbol of the contract that begins with the first of these fields; 0 and empty where not given."""
    return int(fields[0] or 0), fields[1]


def ticket(client_id: int, fields: tuple[str, ...], version: int, symbol: str, account: str) -> Ticket:
    """The order that a placeOrder of `version` carries, on the stock `symbol`; `account` where it names none.

    Raises Unsupported for what is no plain order of a stock: combinations, algorithms, scales, hedges, what-ifs.
    """
    names = [name for name in _UP_TO_WHAT_IF if name != "faProfile" or version < FA_PROFILE_GONE]
    sent = dict(zip(names, fields, strict=False))
    if sent["secType"] != "STK" or any(sent.get(name) for name in _NOT_PLAIN) or sent.get("whatIf") == "1":
        raise Unsupported("the stand-in takes plain orders of stocks, to be sent and not to be tried")
    kind = sent["orderType"]
    return Ticket(
        client_id=client_id,
        order_id=int(sent["orderId"]),
        account=sent["account"] or account,
        symbol=symbol,
        action=sent["action"],
        quantity=_number(sent["totalQuantity"]) or Decimal(0),
        order_type=kind,
        limit_price=_number(sent["lmtPrice"]) if kind.endswith("LMT") else None,
        stop_price=_number(sent["auxPrice"]) if kind.startswith("STP") else None,
        tif=sent["tif"] or "DAY",
        order_ref=sent["orderRef"],
        outside_rth=sent["outsideRth"] == "1",
    )


def _number(said: str) -> Decimal | None:
    if said in ("", UNSET_DOUBLE):
        return None
    try:
        return Decimal(said)
    except InvalidOperation:
        raise Unsupported(f"{said!r} is not a number") from None
