"""Limits that every order meets before a broker hears of it: what they measure, against which bound, in which order.

Pure: what is held, on order and known of the market is handed in. Where it comes from is `oms.service`'s matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from resources.errors import OrderRefused
from resources.settings_sections import RiskLimits
from schemas.risk import Halt, LastPrice, WorkingOrder
from schemas.trading import Order, Side


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when an order is made."""

    now: datetime
    symbols: tuple[str, ...]
    """Those that are traded here."""
    session_open: bool
    prices: Mapping[str, LastPrice]
    """Of each symbol that is held or ordered, where a bar of it is stored."""
    positions: Mapping[str, Decimal]
    working: Sequence[WorkingOrder]
    """Orders that may still be filled; the one that is modified is not among them."""
    halts: Sequence[Halt]
    orders_in_a_minute: int
    """Made in the last sixty seconds."""
    alike: str | None = None
    """An order that asked for the same within `repeat_seconds`."""

    def most(self, symbol: str, side: Side, more: Decimal = Decimal(0)) -> Decimal:
        """The position if everything on order on one side is filled, and so many shares more; negative is short."""
        on_order = sum((one.remaining for one in self.working if (one.symbol, one.side) == (symbol, side)), Decimal(0))
        return self.positions.get(symbol, Decimal(0)) + side.sign * (on_order + more)


Rule = Callable[[Order, Situation, RiskLimits], str | None]


def hold_limits(order: Order, situation: Situation, limits: RiskLimits) -> None:
    """Refuse an order that goes beyond a limit.

    Raises:
        OrderRefused: naming the limit, the value and the bound.

    """
    for rule in RULES:
        refusal = rule(order, situation, limits)
        if refusal is not None:
            raise OrderRefused(f"{order.side} {order.quantity} {order.symbol} is refused: {refusal}.")


def _symbol(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    if order.symbol in situation.symbols:
        return None
    return f"{order.symbol} is not traded here; allowed: {', '.join(situation.symbols)} (symbols)"


def _halted(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    for halt in situation.halts:
        if halt.symbol in (None, order.symbol):
            what = halt.symbol or "all trading"
            return f"{what} has been halted since {halt.at:%Y-%m-%d %H:%M:%S} UTC by {halt.who} ({halt.why})"
    return None


def _session(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    return None if situation.session_open else f"the exchange is closed at {situation.now:%Y-%m-%d %H:%M:%S} UTC"


def _stale(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    price = situation.prices.get(order.symbol)
    if price is None:
        return f"no bar of {order.symbol} is stored, so there is no price to hold it against"
    age = ceil((situation.now - price.known_at).total_seconds())
    if age <= limits.data_age_seconds:
        return None
    return f"the last bar of {order.symbol} ended {age} s ago, more than {limits.data_age_seconds} (data_age_seconds)"


def _rate(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    if situation.orders_in_a_minute < limits.orders_per_minute:
        return None
    made = situation.orders_in_a_minute
    return f"{made} orders were made in the last minute, and {limits.orders_per_minute} are allowed (orders_per_minute)"


def _repeated(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    if situation.alike is None:
        return None
    return f"{situation.alike} asked for the same less than {limits.repeat_seconds} s ago (repeat_seconds)"


def _collar(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    last = situation.prices[order.symbol].price
    for name, price in (("limit", order.limit_price), ("stop", order.stop_price)):
        if price is not None and abs(price - last) > limits.price_collar * last:
            away = abs(price - last) / last
            return (
                f"its {name} price {price} is {away:.1%} from the last close {last}, "
                f"more than {limits.price_collar:.1%} (price_collar)"
            )
    return None


def _position(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    after = situation.most(order.symbol, order.side, order.quantity)
    if after * order.side.sign <= limits.position_shares:
        return None
    return f"it could make {after} shares of {order.symbol}, and {limits.position_shares} are allowed (position_shares)"


def _symbol_notional(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    after = situation.most(order.symbol, order.side, order.quantity)
    notional = after * order.side.sign * _dearest(order, situation)
    if notional <= limits.symbol_notional:
        return None
    return (
        f"it could make {notional:,.2f} USD of {order.symbol}, "
        f"and {limits.symbol_notional:,} are allowed (symbol_notional)"
    )


def _total_notional(order: Order, situation: Situation, limits: RiskLimits) -> str | None:
    others = {*situation.positions, *(one.symbol for one in situation.working)} - {order.symbol}
    after = situation.most(order.symbol, order.side, order.quantity)
    if after * order.side.sign <= 0:
        return None  # it only makes a position smaller
    total = max(abs(after), abs(situation.most(order.symbol, _other(order.side)))) * _dearest(order, situation)
    for symbol in sorted(others):
        most = max(abs(situation.most(symbol, side)) for side in Side)
        if most and symbol not in situation.prices:
            return f"{symbol} is held, and no bar of it is stored: the total cannot be told"
        total += most * situation.prices[symbol].price if most else 0
    if total <= limits.total_notional:
        return None
    return f"it could make {total:,.2f} USD in all, and {limits.total_notional:,} are allowed (total_notional)"


def _dearest(order: Order, situation: Situation) -> Decimal:
    """What a share may cost: the last close, or the order's own price where that is more."""
    prices = (situation.prices[order.symbol].price, order.limit_price, order.stop_price)
    return max(price for price in prices if price is not None)


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


RULES: tuple[Rule, ...] = (
    _symbol,
    _halted,
    _session,
    _stale,
    _rate,
    _repeated,
    _collar,
    _position,
    _symbol_notional,
    _total_notional,
)
"""In the order in which they are asked: those that need a price come after the one that says whether there is one."""
