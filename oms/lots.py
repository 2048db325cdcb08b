"""First in, first out: which shares close which. Pure, and of one symbol of one account.

What belongs here: quantities, prices and what they match. What does not: which fills count and in what order, and
commissions (`oms.ledger`).
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Parcel:
    """Shares that came or went in one go."""

    line: str
    """The line of the ledger that they are of."""
    quantity: Decimal
    """Negative: sold."""
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """Shares of an opening parcel that a later one closed; the quantity is that of the opening, negative if short."""

    opened: Parcel
    closed: Parcel
    quantity: Decimal


class FifoLots:
    """Parcels in their order, and what they closed.

    A parcel against the position closes the oldest lots; what is left of it when none is left opens a new one.
    """

    def __init__(self) -> None:
        self.open: deque[Parcel] = deque()
        """What is held or owed, oldest first: all of one sign."""
        self.matches: list[Match] = []
        self.gross = Decimal(0)
        """What all matches earned, before commission."""

    def take(self, parcel: Parcel) -> None:
        """Book one more; it has to come after all others."""
        left = parcel.quantity
        while left and self.open and (self.open[0].quantity > 0) != (left > 0):
            lot = self.open[0]
            closing = lot.quantity if abs(lot.quantity) <= abs(left) else -left
            self.matches.append(Match(lot, parcel, closing))
            self.gross += closing * (parcel.price - lot.price)
            left += closing
            if closing == lot.quantity:
                self.open.popleft()
            else:
                self.open[0] = replace(lot, quantity=lot.quantity - closing)
        if left:
            self.open.append(replace(parcel, quantity=left))
