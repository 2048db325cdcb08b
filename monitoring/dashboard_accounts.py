"""The part of the dashboard that is about accounts: what each holds, what it made, and what its orders are doing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitoring.dashboard_parts import Line, Sign
from monitoring.facts import Account, Facts
from monitoring.telling import dollars, moment, shares, together
from schemas.trading import Position


@dataclass(frozen=True)
class Holding:
    """A row of an account's positions; amounts in USD."""

    symbol: str
    shares: str
    average: str
    last: str
    value: str
    unrealized: str
    realized: str


@dataclass(frozen=True)
class AccountView:
    """An account."""

    name: str
    """Its number, masked."""
    sign: Sign | None
    holdings: tuple[Holding, ...]
    lines: tuple[Line, ...]


def accounts(facts: Facts | None, now: datetime) -> tuple[AccountView, ...]:
    """Each account that ever had an order or a fill."""
    return tuple(_account(one, now) for one in (facts.accounts if facts else ()))


def _account(account: Account, now: datetime) -> AccountView:
    positions = [one for one in account.positions if one.quantity or one.realized_pnl]
    holdings = [_holding(one) for one in positions]
    if len(positions) > 1:
        holdings.append(_together(positions))
    sign = Sign("fail", "trading is halted") if account.halts else None
    return AccountView(account.shown, sign, tuple(holdings), tuple(_lines(account, now)))


def _holding(one: Position) -> Holding:
    return Holding(
        one.symbol,
        shares(one.quantity),
        dollars(one.average_price) if one.quantity else dollars(None),
        dollars(one.last_price),
        dollars(one.market_value),
        dollars(one.unrealized_pnl, signed=True),
        dollars(one.realized_pnl, signed=True),
    )


def _together(positions: Sequence[Position]) -> Holding:
    """Their sum; a value that is not known of one is not known of all."""
    values = [one.market_value for one in positions]
    open_profits = [one.unrealized_pnl for one in positions]
    realized = sum((one.realized_pnl for one in positions), Decimal(0))
    return Holding(
        "Together",
        "",
        "",
        "",
        dollars(together(values)),
        dollars(together(open_profits), signed=True),
        dollars(realized, signed=True),
    )


def _lines(account: Account, now: datetime) -> Iterator[Line]:
    for halt in account.halts:
        what = halt.symbol or "All symbols"
        yield Line("Halted", f"{what} since {moment(halt.at, now)} by {halt.who}: {halt.why}", Sign("fail", "halted"))
    orders = ", ".join(
        f"{count:,} {state.lower().replace('_', ' ')}" for state, count in account.orders.items() if count
    )
    yield Line("Orders", orders or "none was ever made")
    if not account.reconciled:
        yield Line("Broker's books", "were never compared with ours", Sign("idle", "not compared"))
        return
    drifted = [one for one in account.reconciled if one.drift]
    asked = moment(max(one.asked_at for one in account.reconciled), now)
    said = "; ".join(str(one) for one in drifted) or "they are the same as ours"
    yield Line(
        "Broker's books", f"{said}, compared {asked}", Sign("fail", "differ") if drifted else Sign("pass", "agree")
    )
