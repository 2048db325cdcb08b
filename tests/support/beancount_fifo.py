"""The same fills booked by beancount, an independent double-entry ledger with FIFO lots.

beancount closes lots or opens them in one posting, never both: a fill through zero becomes two transactions here. It
knows days, not times, so each fill has a day of its own; and it rounds a gain that it finds to the digits that are
written, so amounts are written in cents.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal as D

from beancount import loader
from beancount.core.data import Transaction
from beancount.core.inventory import Inventory

from schemas.trading import Fill

HEAD = """
option "booking_method" "FIFO"
2000-01-01 open Assets:Stock
2000-01-01 open Assets:Cash
2000-01-01 open Income:Gains
2000-01-01 open Expenses:Commissions
"""


def journal(fills: Sequence[Fill], commissions: Sequence[D]) -> str:
    """What an accountant would write: beancount finds the lots and the gains by itself."""
    entries, held = [HEAD], D(0)
    for number, (fill, commission) in enumerate(zip(fills, commissions, strict=True)):
        day, traded = date(2000, 1, 2) + timedelta(days=number), fill.side.sign * fill.quantity
        closing = D(0) if held * traded >= 0 else max(-abs(held), -abs(traded)) * (1 if held > 0 else -1)
        if closing:
            cash = -closing * fill.price
            entries.append(
                f'{day} * "{number}"\n  Assets:Stock {closing} NVDA {{}} @ {fill.price:.2f} USD\n'
                f"  Assets:Cash {cash:.2f} USD\n  Income:Gains\n"
            )
        if opening := traded - closing:
            entries.append(
                f'{day} * "{number}"\n  Assets:Stock {opening} NVDA {{{fill.price:.2f} USD}}\n  Assets:Cash\n'
            )
        entries.append(
            f'{day} * "{number}"\n  Expenses:Commissions {commission:.2f} USD\n  Assets:Cash {-commission:.2f} USD\n'
        )
        held += traded
    return "\n".join(entries)


def booked(text: str) -> Iterator[tuple[list[tuple[D, D]], D]]:
    """After each fill: the lots held as quantity and price, oldest first, and what is realized after commissions."""
    entries, errors, _ = loader.load_string(text)
    assert not errors, errors
    stock, realized, number = Inventory(), D(0), "0"
    for entry in entries:
        if not isinstance(entry, Transaction):
            continue
        if entry.narration != number:
            yield lots(stock), realized
            number = entry.narration
        for posting in entry.postings:
            if posting.account == "Assets:Stock":
                stock.add_amount(posting.units, posting.cost)
            elif posting.account != "Assets:Cash":
                realized -= posting.units.number
    yield lots(stock), realized


def lots(stock: Inventory) -> list[tuple[D, D]]:
    """What beancount holds, oldest first."""
    held = sorted(stock, key=lambda position: position.cost.date)
    return [(position.units.number, position.cost.number) for position in held]
