"""A portfolio in a few numbers: exposure, profit and loss, turnover, statistics of the closed trades. Pure.

What belongs here: sums over positions that carry their last price. What does not: how positions come about
(`oms.ledger`), where prices are from, how a summary is shown.

What cannot be said is None, and never a silent zero: without the price of one position there is no exposure of all.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from market.sessions import NEW_YORK
from schemas.portfolio import ClosedTrade, Exposure, PortfolioSummary, ProfitAndLoss, Statistics, Turnover
from schemas.trading import Fill, Position

ZERO: Final = Decimal(0)


def summarise(positions: Sequence[Position], trades: Sequence[ClosedTrade], fills: Iterable[Fill]) -> PortfolioSummary:
    """Sum up.

    Args:
        positions: with their last prices, of one or more accounts, those without shares too: they have earned.
        trades: by when they were closed.
        fills: those that count, in any order.

    """
    held = [position for position in positions if position.quantity]
    return PortfolioSummary(
        open_positions=len(held),
        exposure=_exposure(held),
        profit_and_loss=_profit_and_loss(positions),
        turnover=_turnover(fills),
        statistics=_statistics(trades),
    )


def _exposure(held: Sequence[Position]) -> Exposure:
    values = [position.market_value for position in held]
    symbols = sorted({position.symbol for position in held})
    return Exposure(
        gross=_sum([value if value is None else abs(value) for value in values]),
        net=_sum(values),
        by_symbol={name: _sum([one.market_value for one in held if one.symbol == name]) for name in symbols},
        unpriced=tuple(sorted({position.symbol for position in held if position.market_value is None})),
    )


def _profit_and_loss(positions: Sequence[Position]) -> ProfitAndLoss:
    realized = sum((position.realized_pnl for position in positions), ZERO)
    unrealized = _sum([position.unrealized_pnl for position in positions])
    return ProfitAndLoss(
        realized=realized,
        unrealized=unrealized,
        total=None if unrealized is None else realized + unrealized,
        commissions=sum((position.commissions for position in positions), ZERO),
    )


def _turnover(fills: Iterable[Fill]) -> Turnover:
    by_day: dict[date, Decimal] = {}
    for fill in fills:
        day = fill.executed_at.astimezone(ZoneInfo(NEW_YORK)).date()
        by_day[day] = by_day.get(day, ZERO) + fill.quantity * fill.price
    return Turnover(total=sum(by_day.values(), ZERO), by_day=dict(sorted(by_day.items())))


def _statistics(trades: Sequence[ClosedTrade]) -> Statistics:
    earned = [trade.net for trade in trades]
    wins = [net for net in earned if net > 0]
    losses = [net for net in earned if net < 0]
    return Statistics(
        trades=len(trades),
        wins=len(wins),
        losses=len(losses),
        win_rate=Decimal(len(wins)) / len(trades) if trades else None,
        average_win=_mean(wins),
        average_loss=_mean(losses),
        largest_win=max(wins, default=None),
        largest_loss=min(losses, default=None),
        profit_factor=sum(wins, ZERO) / -sum(losses, ZERO) if losses else None,
        average_holding=sum((trade.held for trade in trades), timedelta()) / len(trades) if trades else None,
        maximum_drawdown=_drawdown(earned),
    )


def _drawdown(earned: Sequence[Decimal]) -> Decimal:
    """How far the running sum ever was below the highest that it had reached."""
    sums = list(accumulate(earned, initial=ZERO))
    return max(highest - now for highest, now in zip(accumulate(sums, max), sums, strict=True))


def _sum(values: Collection[Decimal | None]) -> Decimal | None:
    """The sum; None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, ZERO) / len(values) if values else None
