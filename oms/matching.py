"""How the simulated broker fills an order from bars: the model, pure and deterministic.

A bar has its say when it is over, and only bars that begin after an order was placed: nothing is filled at a price that
was there before it. What is drawn by lot depends on the seed, the order and the bar, never on how often anybody asked.

What belongs here: one order against the bars that follow it. What does not: keeping orders, clocks (`oms.simulated`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from schemas.simulated import Charged, MarketBar, RestingOrder
from schemas.trading import TICK, Fill, Order, OrderState, OrderType, Side, TimeInForce

BASIS_POINT: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class FillModel:
    """What an order costs and how much of a bar it gets."""

    seed: int
    slippage_bps: Decimal
    """At most, against the order, where it takes the market's price."""
    participation: Decimal
    """Of a bar's volume, at most; between half and all of that, by lot."""
    commission_per_share: Decimal
    commission_minimum: Decimal
    """Per order."""

    def shares(self, order: Order, bar: MarketBar) -> Decimal:
        """How many shares of the bar the order can have; whole, at least one where any traded."""
        most = self.participation * bar.volume
        got = most * (1 + self._lot(order, bar, "shares")) / 2
        return max(got.to_integral_value(ROUND_FLOOR), Decimal(min(bar.volume, 1)))

    def taken_at(self, order: Order, bar: MarketBar, price: Decimal) -> Decimal:
        """The market's price with slippage, in whole ticks, on the side that is worse for the order."""
        slip = price * self.slippage_bps * BASIS_POINT * self._lot(order, bar, "price")
        rounding = ROUND_CEILING if order.side is Side.BUY else ROUND_FLOOR
        ticks = ((price + order.side.sign * slip) / TICK).to_integral_value(rounding)
        return max(ticks * TICK, TICK)

    def commission(self, before: Decimal, shares: Decimal) -> Decimal:
        """What these shares cost after `before` shares of the same order; in cents."""
        return self._commission_of(before + shares) - self._commission_of(before)

    def _commission_of(self, shares: Decimal) -> Decimal:
        """Of an order filled so far."""
        due = max(self.commission_per_share * shares, self.commission_minimum) if shares else Decimal(0)
        return due.quantize(TICK, ROUND_CEILING)

    def _lot(self, order: Order, bar: MarketBar, what: str) -> Decimal:
        """A number from 0 up to 1 that is the same whenever the same is asked."""
        asked = f"{self.seed}/{order.client_order_id}/{bar.start.isoformat()}/{what}"
        return Decimal(int.from_bytes(hashlib.sha256(asked.encode()).digest()[:4])) / 2**32


def matched(
    resting: RestingOrder, bars: Iterable[MarketBar], expires_at: datetime, now: datetime, model: FillModel
) -> tuple[RestingOrder, list[Charged]]:
    """Let the bars have their say, and time.

    Args:
        resting: the order, which works.
        bars: of its symbol, from `resting.reached` on, in order; one that is not over by `now` is left for later.
        expires_at: the close of the session in which it was placed, where that ends it.
        now: until when.
        model: what it costs.

    """
    done: list[Charged] = []
    for bar in bars:
        if resting.state.ended or bar.end > now or bar.start < resting.reached:
            continue
        if resting.order.time_in_force is not TimeInForce.GTC and bar.start >= expires_at:
            break
        resting, fill = _met(resting, bar, model)
        done += [fill] if fill else []
        if resting.order.time_in_force is TimeInForce.IOC and not resting.state.ended:
            resting = replace(resting, state=OrderState.CANCELLED, said="immediate or cancel: the rest")
    if not resting.state.ended and resting.order.time_in_force is not TimeInForce.GTC and now >= expires_at:
        resting = replace(resting, state=OrderState.EXPIRED, said="the session closed")
    return resting, done


def _met(resting: RestingOrder, bar: MarketBar, model: FillModel) -> tuple[RestingOrder, Charged | None]:
    """One order and one bar."""
    order, was_triggered = resting.order, resting.triggered
    hit = was_triggered or _hit(order, bar)
    resting = replace(resting, reached=bar.end, triggered=hit)
    price = _price(order, bar, model, hit, was_triggered)
    if price is None:
        return resting, None
    shares = min(model.shares(order, bar), resting.remaining)
    if not shares:
        return resting, None
    number = f"{bar.start:%Y%m%d%H%M}"
    fill = Fill(
        exec_id=f"sim.{order.client_order_id}.{number}.01",
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity=shares,
        price=price,
        executed_at=bar.end,
        client_order_id=order.client_order_id,
    )
    charged = Charged(fill, model.commission(resting.filled, shares))
    filled = resting.filled + shares
    state = OrderState.FILLED if filled == order.quantity else OrderState.ACCEPTED
    return replace(resting, filled=filled, state=state), charged


def _hit(order: Order, bar: MarketBar) -> bool:
    """Whether the bar reaches the order's stop."""
    if order.stop_price is None:
        return False
    return bar.high >= order.stop_price if order.side is Side.BUY else bar.low <= order.stop_price


def _price(order: Order, bar: MarketBar, model: FillModel, triggered: bool, was_triggered: bool) -> Decimal | None:
    """At what a share is had in the bar; None where it is not."""
    match order.order_type:
        case OrderType.MARKET:
            return model.taken_at(order, bar, bar.open)
        case OrderType.LIMIT:
            return _at_limit(order, bar, model)
        case OrderType.STOP if triggered:
            # The bar opened beyond the stop, or came to it: what is had is the worse of both.
            worse = max if order.side is Side.BUY else min
            met = bar.open if was_triggered else worse(bar.open, order.stop_price or bar.open)
            return model.taken_at(order, bar, met)
        case OrderType.STOP_LIMIT if was_triggered:
            # In the bar that reaches the stop nobody knows what came after it: the limit counts from the next one on.
            return _at_limit(order, bar, model)
    return None


def _at_limit(order: Order, bar: MarketBar, model: FillModel) -> Decimal | None:
    """The open where that is within the limit, else the limit where the bar went through it: a touch is not enough."""
    assert order.limit_price is not None
    limit, sign = order.limit_price, order.side.sign
    if (limit - bar.open) * sign >= 0:
        taken = model.taken_at(order, bar, bar.open)
        return taken if (limit - taken) * sign >= 0 else limit
    through = bar.low < limit if order.side is Side.BUY else bar.high > limit
    return limit if through else None
