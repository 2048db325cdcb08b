"""The 13 features of a symbol's minute: five of the bar, four indicators, four of the clock.

Definitions are TA-Lib's: RSI is Wilder's, seeded with the mean of the first 14 changes; an EMA is seeded with the mean
of its first closes. Indicators run over the bars that exist: a missing minute neither moves them nor shows a value.
Every value depends on its own and earlier minutes of its own symbol only.

Many sessions of many symbols are computed at once, a column each, and what a column holds never depends on the columns
beside it: every step is one operation on single numbers, and sums are added up in the order of time. (NumPy's own `sum`
adds pairwise, in an order that depends on how the numbers lie in memory.)
"""

from itertools import pairwise

import numpy as np

from schemas.tables import FEATURES

RSI_CLOSES = 14
EMA_SHORT_CLOSES = 12
EMA_LONG_CLOSES = 26
COLUMNS_AT_ONCE = 256
"""So many that their sums stay in a processor's cache, and that an operation is more work than to call it."""

ROWS_AT_ONCE = 64
"""Minutes of so many columns, likewise."""

_BARS, _INDICATORS, _VWAP, _HANDS = slice(0, 5), slice(5, 8), 8, slice(9, 13)
_CLOSE = FEATURES.index("close")
"""Where they are in a table of features."""

_DECAYS = (1 - 1 / RSI_CLOSES, 1 - 1 / RSI_CLOSES, 1 - 2 / (EMA_SHORT_CLOSES + 1), 1 - 2 / (EMA_LONG_CLOSES + 1))
"""What is left of each running sum a bar later: see `_without_gaps`."""


def complete(table: np.ndarray, earlier: np.ndarray, hands: np.ndarray) -> None:
    """Compute, in place, the features of sessions of the same length.

    Args:
        table: shape (13, sessions, minutes, symbols), in the order of `schemas.tables.FEATURES`, of which the first
            five, the values of the bars, are there; NaN: no bar.
        earlier: shape (closes, sessions, symbols), what was closed at before each session, NaN before the first.
        hands: shape (4, minutes), the `clock` of all of them.

    """
    _, sessions, minutes, symbols = table.shape
    at_once = max(1, COLUMNS_AT_ONCE // symbols)
    hands = np.repeat(hands, symbols, axis=1).reshape(-1, 1, minutes, symbols)
    for start in range(0, sessions, at_once):
        some = table[:, start : start + at_once]
        closes = np.empty((len(earlier) + minutes, some.shape[1], symbols))
        closes[: len(earlier)] = earlier[:, start : start + at_once]
        _turn(some[_CLOSE], closes[len(earlier) :])
        found = indicators(closes.reshape(len(closes), -1), len(earlier))
        _turn(found.reshape(-1, minutes, *closes.shape[1:]), some[_INDICATORS])
        session_vwap(some[_BARS], some[_VWAP])
        some[_HANDS] = hands


def indicators(closes: np.ndarray, shown: int = 0) -> np.ndarray:
    """RSI, short and long EMA of each column.

    An indicator is NaN where a close is missing, and before enough of them were seen. An RSI is 0 to 100; a stretch
    without any change has no strength either way and counts as 0, as in TA-Lib.

    Args:
        closes: shape (minutes, columns), ascending in time; NaN where one is missing.
        shown: the first minute that is wanted.

    Returns:
        Shape (3, minutes - shown, columns).

    """
    missing = np.isnan(closes)
    gaps = np.flatnonzero(missing.any(axis=0))
    if len(gaps):  # the closes of these columns move together, and their indicators back to where the closes were
        closes, there = closes.copy(), ~missing[:, gaps]
        closes[:, gaps] = np.take_along_axis(closes[:, gaps], np.argsort(~there, axis=0, kind="stable"), axis=0)
        found = _without_gaps(closes, 0)
        rows = np.maximum(np.cumsum(there, axis=0) - 1, 0)
        found[:, :, gaps] = np.where(there, np.take_along_axis(found[:, :, gaps], rows[np.newaxis], axis=1), np.nan)
        return found[:, shown:]
    return _without_gaps(closes, shown)


def session_vwap(bars: np.ndarray, found: np.ndarray) -> None:
    """Volume-weighted typical price (high + low + close) / 3 since the session's open; NaN until a share has traded.

    Args:
        bars: shape (5, sessions, minutes, symbols), in the order of `schemas.tables.BAR_VALUES`; NaN: no bar.
        found: where it goes, shape (sessions, minutes, symbols).

    """
    _, high, low, close, volume = bars
    with np.errstate(all="ignore"):
        np.add(high, low, out=found)
        np.add(found, close, out=found)
        np.divide(found, 3.0, out=found)
        np.multiply(found, volume, out=found)
        spent, traded = _running_sum(found), _running_sum(volume)
        np.divide(spent, traded, out=found)
    np.copyto(found, np.nan, where=~(traded > 0.0))


def clock(opened: int, minutes: int, length: int) -> np.ndarray:
    """New York's hour of the day and minute of the hour, as points on the unit circle.

    Args:
        opened: when the session opens, minutes after New York's midnight; no session lies across a change of its time.
        minutes: how many bars it has.
        length: of a bar, in minutes.

    Returns:
        Shape (4, minutes): sine and cosine of the hour, sine and cosine of the minute.

    """
    hour, minute = np.divmod(opened + length * np.arange(minutes), 60)
    return np.concatenate([_circle(24)[:, hour], _circle(60)[:, minute]])


def _turn(values: np.ndarray, found: np.ndarray) -> None:
    """Copy (…, sessions, minutes, symbols) to (…, minutes, sessions, symbols), or back.

    The symbols of a minute are moved in one piece, which takes a third of the time of numbers two by two.
    """
    piece = np.dtype((np.void, values.itemsize * values.shape[-1]))
    found.view(piece)[:] = values.view(piece).swapaxes(-3, -2)


def _circle(parts: int) -> np.ndarray:
    """Sine and cosine of every part of a turn, shape (2, parts)."""
    angles = 2.0 * np.pi * np.arange(parts) / parts
    return np.array([np.sin(angles), np.cos(angles)])


def _without_gaps(closes: np.ndarray, shown: int) -> np.ndarray:
    """The same of columns without gaps: NaN only after the last close.

    What runs along a column are four sums that forget: of the changes, of their sizes, and twice of how far the closes
    are above the first one. An average is such a sum times its weight, and what has risen is half of size and change
    together. Counted from the first close, a sum is exactly 0 where the price does not move.
    """
    rows, columns = closes.shape
    found = np.empty((3, rows - shown, columns))
    sums = np.zeros((ROWS_AT_ONCE + 1, len(_DECAYS), columns))
    decays, kept = np.repeat(_DECAYS, columns), np.empty(len(_DECAYS) * columns)
    with np.errstate(all="ignore"):  # absurd prices are the gate's matter
        for start in range(1, rows, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, rows)
            some = sums[: end - start + 1]
            _enter(closes[start - 1 : end], closes[:1], some[1:])
            seeds = _seeds(some) if start == 1 else {}
            for row, (before, here) in enumerate(pairwise(some.reshape(len(some), -1)), start):
                np.multiply(before, decays, kept)  # naming `out` takes longer
                np.add(here, kept, here)
                for which, seed in seeds.get(row, ()):  # what stood there until now was the sum of what came first
                    some[row, which] = seed
            first = max(start, shown)
            if first < end:
                _show(some[first - start + 1 :], closes[:1], found[:, first - shown : end - shown])
            sums[0] = some[-1]
    for place, row in enumerate((RSI_CLOSES, EMA_SHORT_CLOSES - 1, EMA_LONG_CLOSES - 1)):
        found[place, : max(0, row - shown)] = np.nan
    return found


def _enter(closes: np.ndarray, first: np.ndarray, sums: np.ndarray) -> None:
    """What each close but the one before them adds to each sum."""
    change, size = sums[:, 0], sums[:, 1]
    np.subtract(closes[1:], closes[:-1], out=change)
    np.abs(change, out=size)
    np.subtract(closes[1:, np.newaxis], first, out=sums[:, 2:])


def _seeds(sums: np.ndarray) -> dict[int, list[tuple[int, np.ndarray]]]:
    """TA-Lib's: by row, which sums begin there, and with what; the plain mean of what was seen, by the weight.

    Wilder's weight is one part of the changes that are averaged; that of an EMA is nearly two.
    """
    found: dict[int, list[tuple[int, np.ndarray]]] = {}
    for which, last, share in (
        (0, RSI_CLOSES, 1.0),  # so many changes need a close more
        (1, RSI_CLOSES, 1.0),
        (2, EMA_SHORT_CLOSES - 1, (EMA_SHORT_CLOSES + 1) / 2 / EMA_SHORT_CLOSES),
        (3, EMA_LONG_CLOSES - 1, (EMA_LONG_CLOSES + 1) / 2 / EMA_LONG_CLOSES),
    ):
        if last < len(sums):
            total = np.add.accumulate(sums[: last + 1, which], axis=0)[-1]
            found.setdefault(last, []).append((which, total * share))
    return found


def _show(sums: np.ndarray, first: np.ndarray, found: np.ndarray) -> None:
    """The indicators that the sums stand for."""
    change, size, short, long = sums.swapaxes(0, 1)
    rsi, ema_short, ema_long = found
    np.divide(change, size, out=rsi)
    np.multiply(rsi, 50.0, out=rsi)
    np.add(rsi, 50.0, out=rsi)
    np.copyto(rsi, 0.0, where=size == 0.0)
    np.multiply(short, 2.0 / (EMA_SHORT_CLOSES + 1), out=ema_short)
    np.multiply(long, 2.0 / (EMA_LONG_CLOSES + 1), out=ema_long)
    np.add(found[1:], first, out=found[1:])


def _running_sum(values: np.ndarray) -> np.ndarray:
    """Along the minutes of (sessions, minutes, symbols), starting anew in each session; NaN stays and adds nothing."""
    total = np.add.accumulate(values, axis=1)
    if np.isnan(total[:, -1]).any():
        missing = np.isnan(values)
        total = np.add.accumulate(np.where(missing, 0.0, values), axis=1)
        total[missing] = np.nan
    return np.asarray(total)
