"""Positions as a pure fold over the ledger: what fills, commissions and adoptions amount to. Decimal, nothing rounded.

What belongs here: which line counts, their order, lots, realized profit and loss, closed trades. What does not: prices
of the market (a reader adds `last_price`), orders (`oms.lifecycle`), storing.

- Of an execution the highest revision counts, whichever came first; one of 0 shares undoes it, its commission too.
- Lines are matched by `executed_at`, then by execution: brokers stamp whole seconds, and the id is the one thing that
  tells two fills of a second apart the same way every time. The order of arrival means nothing.
- A commission belongs to the execution: that of the highest revision for which one is known, the last one that came. It
  counts as soon as it and the fill are known, also where the shares are still held. It is in the currency of the price.
- An adoption is booked as shares that changed hands at its price, without commission: what it takes away closes the
  oldest lots and is realized. So no money appears or vanishes, and who wants nothing realized adopts at the lots' cost.
- A split is not known here: the broker's quantity drifts and is adopted, new shares of a split at the price 0, which
  leaves the cost basis what it was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from oms.lots import FifoLots, Parcel
from schemas.portfolio import ClosedTrade
from schemas.trading import Adoption, Commission, Fill, Lot, Position, execution_of

LedgerLine = Fill | Commission | Adoption
GRAIN: Final = Decimal("1e-9")
"""Dollars to which part of a commission is reckoned; the last part is what is left, so that the parts are the whole."""


class Ledger:
    """The lines known so far, and what they come to.

    Adding a line costs what it changes: one that sorts last is matched by itself, any other matches its symbol's lines
    anew when it is next asked for. Both are the same fold.
    """

    def __init__(self, lines: Iterable[LedgerLine] = ()) -> None:
        self._fills: dict[str, Fill] = {}
        self._commissions: dict[str, tuple[int, Decimal]] = {}
        self._books: dict[tuple[str, str], _Book] = {}
        for line in lines:
            self.add(line)

    def add(self, line: LedgerLine) -> None:
        """Take one more line, in any order; a line that is known changes nothing."""
        match line:
            case Fill():
                self._add_fill(line)
            case Commission():
                execution, revision = execution_of(line.exec_id)
                if self._commissions.get(execution, (revision,))[0] <= revision:
                    self._commissions[execution] = revision, line.amount
            case Adoption():
                parcel = Parcel(f"adoption {line.adoption_id}", line.quantity, line.price, line.adopted_at)
                self._book(line).put(parcel)

    def fills(self) -> Iterator[Fill]:
        """Those that count: the newest revision of each execution that was not undone."""
        return (fill for fill in self._fills.values() if fill.quantity)

    def position(self, account: str, symbol: str) -> Position:
        """What the account holds of the symbol, without a price of the market."""
        book = self._books.get((account, symbol), _Book())
        lots = book.matched()
        quantity = sum((lot.quantity for lot in lots.open), Decimal(0))
        cost = sum((lot.quantity * lot.price for lot in lots.open), Decimal(0))
        commissions = sum(map(self._commission, book.parcels), Decimal(0))
        return Position(
            account,
            symbol,
            quantity,
            cost / quantity if quantity else Decimal(0),
            cost,
            lots.gross - commissions,
            commissions,
            tuple(Lot(lot.quantity, lot.price, lot.at) for lot in lots.open),
        )

    def positions(self) -> tuple[Position, ...]:
        """Of every account and symbol that has a line, also where nothing is held any more; by account and symbol."""
        return tuple(self.position(*key) for key in sorted(self._books))

    def trades(self) -> tuple[ClosedTrade, ...]:
        """All closed trades, by when they were closed, with their parts of the commissions known."""
        found = [trade for key, book in sorted(self._books.items()) for trade in self._trades(*key, book)]
        return tuple(sorted(found, key=lambda trade: trade.closed_at))

    def _add_fill(self, fill: Fill) -> None:
        known = self._fills.get(fill.execution)
        if known is not None:
            if fill.revision <= known.revision:
                return
            self._book(known).drop(known.execution)
        self._fills[fill.execution] = fill
        if fill.quantity:
            parcel = Parcel(fill.execution, fill.side.sign * fill.quantity, fill.price, fill.executed_at)
            self._book(fill).put(parcel)

    def _book(self, line: Fill | Adoption) -> "_Book":
        return self._books.setdefault((line.account, line.symbol), _Book())

    def _commission(self, execution: str) -> Decimal:
        return self._commissions[execution][1] if execution in self._commissions else Decimal(0)

    def _trades(self, account: str, symbol: str, book: "_Book") -> Iterator[ClosedTrade]:
        lots = book.matched()
        left = {line: (abs(one.quantity), self._commission(line)) for line, one in book.parcels.items()}
        for match in lots.matches:
            opened, closed = match.opened, match.closed
            parts = [_part(left, line, abs(match.quantity)) for line in (opened.line, closed.line)]
            yield ClosedTrade(
                account,
                symbol,
                match.quantity,
                opened.at,
                closed.at,
                opened.price,
                closed.price,
                sum(parts, Decimal(0)),
            )


def _part(left: dict[str, tuple[Decimal, Decimal]], line: str, shares: Decimal) -> Decimal:
    """Take the shares' part of a line's commission out of what is left of it."""
    quantity, commission = left[line]
    part = commission if shares == quantity else (commission * shares / quantity).quantize(GRAIN)
    left[line] = quantity - shares, commission - part
    return part


@dataclass
class _Book:
    """One symbol of one account."""

    parcels: dict[str, Parcel] = field(default_factory=dict)
    lots: FifoLots = field(default_factory=FifoLots)
    waiting: list[Parcel] = field(default_factory=list)
    last: tuple[datetime, str] | None = None
    """Of the parcels put, the one that sorts last."""
    anew: bool = False

    def put(self, parcel: Parcel) -> None:
        if parcel.line in self.parcels:
            return
        place = _place(parcel)
        if self.last is not None and place < self.last:
            self.anew = True
        else:
            self.last = place
        self.parcels[parcel.line] = parcel
        self.waiting.append(parcel)

    def drop(self, line: str) -> None:
        self.anew = self.parcels.pop(line, None) is not None or self.anew

    def matched(self) -> FifoLots:
        """All parcels, matched in their order."""
        if self.anew:
            self.lots, self.waiting, self.anew = FifoLots(), sorted(self.parcels.values(), key=_place), False
        for parcel in self.waiting:
            self.lots.take(parcel)
        self.waiting.clear()
        return self.lots


def _place(parcel: Parcel) -> tuple[datetime, str]:
    return parcel.at, parcel.line
