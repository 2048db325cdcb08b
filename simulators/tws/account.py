"""What an account is worth.

What belongs here: the values that TWS reports of an account, from the book. What does not: their messages
(`messages`).

AvailableFunds is NetLiquidation less half of GrossPositionValue, the initial margin of Regulation T; BuyingPower is
four times that, as a day trader has it.
"""

from decimal import Decimal

from simulators.tws.book import Book
from simulators.tws.messages import cents
from simulators.tws.records import ZERO

INITIAL_MARGIN, LEVERAGE = Decimal("0.5"), 4


def account_values(book: Book, account: str) -> dict[str, str]:
    """Tag to value in USD with two decimals, in the order of the alphabet, as TWS sends them."""
    worth = {symbol: held.quantity * book.mark(symbol) for symbol, held in book.held(account).items()}
    cash = book.cash(account)
    gross = sum((abs(each) for each in worth.values()), ZERO)
    net = cash + sum(worth.values(), ZERO)
    available = net - gross * INITIAL_MARGIN
    values = {
        "AvailableFunds": available,
        "BuyingPower": max(ZERO, available * LEVERAGE),
        "GrossPositionValue": gross,
        "NetLiquidation": net,
        "TotalCashValue": cash,
    }
    return {tag: cents(value) for tag, value in values.items()}
