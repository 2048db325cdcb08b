"""Positions, cash and commissions: what executions add up to in an account.

What belongs here: pure sums over executions. What does not: orders (`book`), messages.

Commission is IB's fixed price: 0.005 USD a share, at least 1.00 USD an order; the cap of 1 % of the trade is left out.
It is charged per execution: what the order owes with it, less what it owed before. Positions are kept at average cost
with commissions in it, and what a closing execution realizes is net of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from simulators.tws.records import ZERO, Execution, Position

PER_SHARE, AT_LEAST = Decimal("0.005"), Decimal("1.00")


def commission(before: Decimal, shares: Decimal) -> Decimal:
    """What an execution of `shares` costs after `before` shares of the same order."""
    return _owed(before + shares) - _owed(before)


def _owed(shares: Decimal) -> Decimal:
    return max(AT_LEAST, shares * PER_SHARE) if shares else ZERO


def add(position: Position, execution: Execution) -> tuple[Position, Decimal | None]:
    """The position after an execution, and what it realized; None where it closed nothing."""
    signed, held = execution.signed, position.quantity
    if not signed:
        return position, None
    per_share = execution.commission / execution.shares
    closed = min(abs(signed), abs(held)) if signed * held < 0 else ZERO
    opened = abs(signed) - closed
    side = 1 if signed > 0 else -1
    realized = None
    if closed:
        realized = -side * closed * (execution.price - position.avg_cost) - closed * per_share
    quantity = held + signed
    cost = position.avg_cost
    if opened:
        before = ZERO if closed else abs(held) * cost
        cost = (before + opened * (execution.price + side * per_share)) / abs(quantity)
    elif not quantity:
        cost = ZERO
    return Position(quantity, cost, position.realized_pnl + (realized or ZERO)), realized


def refold(executions: Iterable[Execution]) -> tuple[Position, list[Execution]]:
    """The position that these executions of one stock add up to, and the executions with what each realized."""
    position, settled = Position(), []
    for execution in executions:
        position, realized = add(position, execution)
        settled.append(replace(execution, realized_pnl=realized))
    return position, settled


def average(executions: Sequence[Execution]) -> Decimal:
    """The average price of these executions; zero of none."""
    shares = sum((each.shares for each in executions), ZERO)
    return sum((each.shares * each.price for each in executions), ZERO) / shares if shares else ZERO


def cash(start: Decimal, executions: Iterable[Execution]) -> Decimal:
    """What is left of the money after these executions and their commissions."""
    return start - sum((each.signed * each.price + each.commission for each in executions), ZERO)
