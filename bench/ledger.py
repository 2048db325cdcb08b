"""Ten thousand fills folded into a position: beside an absolute time, beancount, and a bare loop of Decimals.

`python -m bench.ledger`. One busy symbol, bought and sold at random, each fill with its commission. beancount has its
journal parsed already and only books it; it balances a transaction for each fill, which is more than lots. The floor
adds up shares and money, which is less. One fill more is added to a ledger that is in memory; what it takes with the
database is in `bench.positions`.
"""

import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import process_time

from beancount.parser import booking, parser

from bench.measure import Row, Side, heading, show, side_by_side, timed
from oms.ledger import Ledger, LedgerLine
from schemas.trading import Commission, Fill, Position
from schemas.trading import Side as Way
from tests.support.beancount_fifo import journal

FILLS = 10_000
FOLD_AT_MOST, ONE_AT_MOST = 1.0, 0.010
"""Seconds."""
PEER_AT_MOST = 0.5
ACCOUNT, SYMBOL = "DU1234567", "NVDA"
COST = Decimal("1.01")


def main() -> None:
    """Measure and print."""
    fills = busy(FILLS + 1)
    all_but_one = with_commissions(fills[:-1])
    one_more = with_commissions(fills[-1:])
    heading(f"{FILLS} fills of one symbol and their commissions, one core")
    fold = Side("ledger", lambda: position_of(Ledger(all_but_one)))
    floor = Side("adding up Decimals", lambda: added_up(fills[:-1]))
    peer = Side("beancount, booking alone", beancount(fills[:-1]))
    rows = side_by_side("folding all", fold, [(peer, PEER_AT_MOST), (floor, None)], clock=process_time)
    ledger = Ledger(all_but_one)
    position_of(ledger)
    one = timed(Side("ledger", lambda: added(ledger, one_more)), process_time)
    trades = timed(Side("ledger", lambda: Ledger(all_but_one).trades()), process_time)
    rows.append(absolute("folding all", rows[0].ours, FOLD_AT_MOST))
    rows.append(absolute("all closed trades", trades, FOLD_AT_MOST))
    rows.append(absolute("one fill more", one, ONE_AT_MOST))
    show(rows)


def busy(count: int) -> list[Fill]:
    """Fills as they might be, the same every time."""
    chance, start = random.Random(7), datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    return [
        Fill(
            f"0000e0d5.{number:08x}.01.01",
            ACCOUNT,
            SYMBOL,
            chance.choice(list(Way)),
            Decimal(chance.randint(1, 300)),
            Decimal(chance.randint(48_000, 49_000)) / 100,
            start + timedelta(seconds=number),
        )
        for number in range(count)
    ]


def with_commissions(fills: Sequence[Fill]) -> list[LedgerLine]:
    """Each fill and what it cost."""
    return [line for fill in fills for line in (fill, Commission(fill.exec_id, COST))]


def position_of(ledger: Ledger) -> Position:
    """What the lines come to."""
    return ledger.position(ACCOUNT, SYMBOL)


def added(ledger: Ledger, lines: Sequence[LedgerLine]) -> Position:
    """What they come to with some more."""
    for line in lines:
        ledger.add(line)
    return position_of(ledger)


def added_up(fills: Sequence[Fill]) -> tuple[Decimal, Decimal]:
    """Shares and money: no lots, no order, nothing realized."""
    shares = money = Decimal(0)
    for fill in fills:
        traded = fill.side.sign * fill.quantity
        shares += traded
        money -= traded * fill.price + COST
    return shares, money


def beancount(fills: Sequence[Fill]) -> Callable[[], object]:
    """Booking the same fills by FIFO."""
    entries, errors, options = parser.parse_string(journal(fills, [COST] * len(fills)))
    if errors:
        raise ValueError(errors[0])
    return lambda: booking.book(entries, options)


def absolute(what: str, seconds: float, limit: float) -> Row:
    """What was measured beside the time that it may take; the peer's column says which."""
    return Row(what, seconds, f"{limit:g} s", limit, 1.0)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
