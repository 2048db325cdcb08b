"""The bars that a stand-in has, damaged as its faults say.

What belongs here: the form every table of bars is brought to, which stocks there are, and how often a bar was sent
before its revision. What does not: what a fault does (`bar_faults`), which bars a request gets (the vendors' modules).
"""

import re
from collections.abc import Callable, Collection, Mapping

import pandas as pd

from simulators.bar_faults import BarFault, Label, Late, apply_bar_faults, relabel
from simulators.fault_rows import Side
from simulators.recordings import BAR_COLUMNS
from simulators.value_faults import Revise

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)


def split_adjusted(bars: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """As-traded bars as a vendor shows them that adjusts prices and volumes for later splits.

    `ratio` is how many shares one share of then is today.
    """
    prices = {name: pd.to_numeric(bars[name]) / ratio for name in ("open", "high", "low", "close")}
    volume = (pd.to_numeric(bars["volume"]) * ratio).astype("int64")
    return bars.assign(**prices, volume=volume)


def as_history(bars: pd.DataFrame) -> pd.DataFrame:
    """Any table of bars as a vendor's history: text columns, oldest first.

    Raises ValueError if columns are absent or stamps have another form.
    """
    missing = [column for column in BAR_COLUMNS if column not in bars.columns]
    if missing:
        raise ValueError(f"bars lack the columns {', '.join(missing)}")
    history = bars[list(BAR_COLUMNS)].astype("str")
    for stamp in history["timestamp"]:
        if not _STAMP.fullmatch(stamp):
            raise ValueError(f"bars have the stamp {stamp!r}; it must be naive US/Eastern, YYYY-MM-DD HH:MM:SS")
    return history.sort_values("timestamp", kind="stable", ignore_index=True)


class Histories:
    """1-minute bars per stock: naive US/Eastern text stamps that mark `side` of the minute, oldest first, all text.

    `bars` replaces the recordings, which are otherwise read by `load`, a function per stock. Raises ValueError for bars
    of another shape and for a fault of a bar that is not there. Not safe for several threads at once.
    """

    def __init__(
        self,
        load: Mapping[str, Callable[[], pd.DataFrame]],
        bars: Mapping[str, pd.DataFrame] | None,
        faults: Collection[BarFault],
        side: Side,
    ) -> None:
        self.side = side
        self._load = load
        self._whole = {symbol.upper(): as_history(table) for symbol, table in (bars or {}).items()}
        self.symbols = tuple(self._load if bars is None else self._whole)
        self._faults = tuple(faults)
        self._unrevised = {fault: fault.times for fault in self._faults if isinstance(fault, Revise)}
        self._damaged: dict[tuple[str, frozenset[Revise | Late]], pd.DataFrame] = {}
        for fault in self._faults:
            if fault.symbol not in self.symbols:
                known = ", ".join(self.symbols)
                raise ValueError(f"fault {str(fault)!r} names a symbol without bars; there are {known}")
            self.bars(fault.symbol)

    def whole(self, symbol: str) -> pd.DataFrame:
        """The undamaged bars; raises KeyError for a stock without any."""
        if symbol not in self.symbols:
            raise KeyError(symbol)
        if symbol not in self._whole:
            self._whole[symbol] = as_history(self._load[symbol]())
        return self._whole[symbol]

    def unrevised(self, symbol: str) -> frozenset[Revise]:
        """The revisions of that stock that have not come yet."""
        return frozenset(fault for fault, left in self._unrevised.items() if left and fault.symbol == symbol)

    def bars(self, symbol: str, now: pd.Timestamp | None = None) -> pd.DataFrame:
        """The bars with all faults but labels, past revisions, and bars that were late and have come by `now`.

        Without a time they all have come. Raises KeyError for a stock without bars.
        """
        late = (fault for fault in self._faults if isinstance(fault, Late) and fault.symbol == symbol)
        awaited = self.unrevised(symbol) | {fault for fault in late if now is not None and now < fault.comes()}
        key = (symbol, awaited)
        if key not in self._damaged:
            active = [fault for fault in self._faults if not isinstance(fault, Revise | Late) or fault in awaited]
            self._damaged[key] = apply_bar_faults(self.whole(symbol), symbol, active, self.side)
        return self._damaged[key]

    def shown(self, symbol: str, bars: pd.DataFrame, minutes: int) -> frozenset[Revise]:
        """Which early values are in these bars of `minutes` minutes, labelled on this history's side."""
        return frozenset(fault for fault in self.unrevised(symbol) if fault.shown(bars, self.side, minutes))

    def sent(self, faults: frozenset[Revise]) -> None:
        """Counts one answer that carried these early values."""
        for fault in faults:
            self._unrevised[fault] -= 1

    def relabelled(self, symbol: str, bars: pd.DataFrame, minutes: int, wanted: Side) -> pd.DataFrame:
        """Bars of `minutes` minutes with the stamps that the answer carries."""
        labels = [fault for fault in self._faults if isinstance(fault, Label) and fault.symbol == symbol]
        return relabel(bars, labels, minutes, self.side, wanted)
