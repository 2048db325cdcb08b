"""Orders, fills and other lines of the ledger, for tests that write them by hand."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from schemas.trading import Adoption, Commission, Fill, Order, OrderType, Side

ACCOUNT, SYMBOL = "DU1234567", "NVDA"
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
"""When the first fill of a scene happens; the others a minute apart."""


def order(quantity: int = 100, name: str = "nvda-1", limit: str = "485.50", side: Side = Side.BUY) -> Order:
    """A limit order to buy, unless it says otherwise."""
    return Order(name, ACCOUNT, SYMBOL, side, OrderType.LIMIT, D(quantity), D(limit))


def fill(number: int, words: str, revision: int = 1, minute: int | None = None, name: str | None = None) -> Fill:
    """The scene's execution of that number, from words such as `B100@12.5`."""
    side, quantity, price = re.fullmatch(r"([BS])(\d+)@([\d.]+)", words).groups()
    return Fill(
        f"0000e0d5.{number:08x}.01.{revision:02}",
        ACCOUNT,
        SYMBOL,
        Side.BUY if side == "B" else Side.SELL,
        D(quantity),
        D(price),
        OPEN + timedelta(minutes=number if minute is None else minute),
        name,
    )


def commission(of: Fill, amount: str) -> Commission:
    """What the fill cost."""
    return Commission(of.exec_id, D(amount))


def adoption(number: int, words: str, minute: int) -> Adoption:
    """A person's adoption, from words such as `-30@19`."""
    quantity, price = words.split("@")
    at = OPEN + timedelta(minutes=minute)
    return Adoption(number, ACCOUNT, SYMBOL, D(quantity), D(price), at, "Ada", "traded by hand in TWS")


def lines(words: str) -> list[Fill | Commission]:
    """Fills, each followed by its commission where it has one: `B100@10c1 S100@12c1`."""
    found: list[Fill | Commission] = []
    for number, word in enumerate(words.split(), 1):
        traded, _, cost = word.partition("c")
        found.append(fill(number, traded))
        found += [commission(found[-1], cost)] if cost else []
    return found
