"""Bars of five seconds gathered to longer ones: which of these have all their pieces, and what they add up to.

Where pieces come from, and what is done about a bar that lacks some, is not known here.
"""

from collections import defaultdict

import numpy as np
import pandas as pd

from market.aggregate import aggregate
from market.normalise import empty_bars
from market.sessions import BarSize, Session
from resources.feeds.interactive_brokers_answers import LOT, Unit, in_lots
from resources.feeds.interactive_brokers_history import SOURCE
from resources.ib.real_time import SECONDS, FiveSecondBar
from schemas.tables import PLAIN, SPLIT_ADJUSTED


class Pieces:
    """The pieces of a day that have come.

    Args:
        bar_size: the length of the bars that they make.
        unit: of their volumes. `detect`: lots of 100 from the first piece on that has more trades than volume; what
            was told in shares before is told anew.

    """

    def __init__(self, bar_size: BarSize, unit: Unit) -> None:
        self._bar_size = bar_size
        self._unit: Unit = unit
        self._in_lots = False
        self._pieces: defaultdict[str, dict[int, FiveSecondBar]] = defaultdict(dict)
        """By symbol, then by the second since 1970 at which it starts."""

    def add(self, piece: FiveSecondBar) -> None:
        """One that has come; of two that start at once the later holds."""
        self._pieces[piece.symbol][int(piece.start.timestamp())] = piece
        numbers = np.array([[float(piece.volume)], [piece.trades]])
        self._in_lots = self._in_lots or in_lots(self._unit, *numbers)

    def forget_before(self, instant: pd.Timestamp) -> None:
        """Those that start before an instant are of no use any more."""
        for symbol, pieces in self._pieces.items():
            self._pieces[symbol] = {at: piece for at, piece in pieces.items() if at >= instant.timestamp()}

    def whole(self, symbol: str, starts: pd.DatetimeIndex) -> np.ndarray:
        """Which bars have all their pieces and a trade in them, shape (starts,), bool.

        Whether there is a bar of a time without trades is history's to say.
        """
        pieces = self._pieces[symbol]
        found = [[pieces.get(at) for at in self._seconds(start)] for start in starts]
        return np.array([None not in of and any(one and one.trades for one in of) for of in found], dtype=bool)

    def bars(self, symbol: str, session: Session, starts: pd.DatetimeIndex) -> pd.DataFrame:
        """Whole bars as `schemas.tables.Bars`.

        A piece without trades repeats a price at which nobody traded in it, so that it makes no bar's open or close.
        """
        pieces = (self._pieces[symbol][at] for start in starts for at in self._seconds(start))
        traded = [piece for piece in pieces if piece.trades]
        if not traded:
            return empty_bars()
        prices = {name: [float(getattr(one, name)) for one in traded] for name in ("open", "high", "low", "close")}
        volumes = [float(one.volume) * (LOT if self._in_lots else 1) for one in traded]
        texts = {"source": SOURCE, "basis": SPLIT_ADJUSTED, **PLAIN}
        stamps = pd.DatetimeIndex([one.start for one in traded])
        table = pd.DataFrame({"timestamp": stamps, "symbol": symbol, **prices, "volume": volumes, **texts})
        return aggregate(table.astype(empty_bars().dtypes.to_dict()), session, self._bar_size)

    def _seconds(self, start: pd.Timestamp) -> range:
        first = int(start.timestamp())
        return range(first, first + int(self._bar_size.delta.total_seconds()), SECONDS)
