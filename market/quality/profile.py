"""What a session trades by the minute of the day, against what earlier sessions traded in that minute.

Volume has the same shape every day: much at the open and at the close, little at noon. What is left when that shape is
taken away is a level, which a feed that hands over part of the trades changes, and the news of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.quality.grid import Grid, median
from market.sessions import BarSize

SHORT_END = pd.Timedelta(minutes=10)
"""The last minutes of a half day have the volume of a close, in minutes that on other days are ordinary ones."""
LEAST_SIDE = pd.Timedelta(minutes=30)
"""A level is the median of at least as many bars as this has."""
LEAST_SEEN = 3
"""In as many earlier sessions a minute must have been traded in to be compared with."""
REACH = 3.0
"""A bar this far from the session's level (a factor of 20) says no more about where the level changes."""
GAUSSIAN = 1.4826
"""The standard deviation of normally distributed numbers by their median absolute deviation."""


class Level(NamedTuple):
    """One symbol's session: natural logarithms of its volume by that of earlier sessions, in medians."""

    whole: float
    """Of all minutes."""
    before: float
    """Of the minutes before the change."""
    after: float
    """Of the change and what follows."""
    change: int
    """The row of the first minute of the new level, where before and after fit best; there always is one."""
    spread: float
    """The robust standard deviation of single minutes about the level of their side."""


@dataclass(frozen=True)
class VolumeProfile:
    """A session's volumes by those of earlier sessions in the same minute of the day."""

    sessions: np.ndarray
    """By symbol, how many earlier sessions there are that have most of the minutes."""
    ratio: np.ndarray
    """Natural logarithm, (minutes, symbols): volume by the median of earlier ones; NaN where one is not there."""
    levels: tuple[Level | None, ...]
    """By symbol; None where too few minutes can be compared."""


def volume_profile(grid: Grid, earlier: Sequence[Grid], splits: Sequence[Sequence[float]]) -> VolumeProfile:
    """Compare a session with earlier ones.

    Args:
        grid: the session.
        earlier: sessions with the same symbols and bar size.
        splits: by earlier session and symbol, how many of the session's shares one of its shares is.

    """
    minutes, symbols = grid.present.shape
    past = np.full((len(earlier), symbols, minutes), np.nan)
    rows = [min(len(each.minutes) - _cut(each), minutes) for each in earlier]
    for one, each, count in zip(past, earlier, rows, strict=True):
        one[:, :count] = each.log_volume.T[:, :count]
    most = 2 * np.count_nonzero(past == past, axis=2) >= np.reshape(rows, (-1, 1))
    past += np.log(np.reshape(np.array(splits, dtype=float), (len(earlier), symbols, 1)))
    ratio = grid.log_volume - _medians(past).T
    ratio[len(ratio) - _cut(grid) :] = np.nan
    least = bars_in(LEAST_SIDE, grid.bar_size)
    return VolumeProfile(most.sum(axis=0), ratio, tuple(_level(column, least) for column in ratio.T))


def bars_in(length: pd.Timedelta, bar_size: BarSize) -> int:
    """How many bars last that long."""
    return int(length / bar_size.delta)


def _cut(grid: Grid) -> int:
    """How many of a session's last bars are not like those of other days in the same minutes."""
    return bars_in(SHORT_END, grid.bar_size) if grid.session.is_half_day else 0


def _medians(past: np.ndarray) -> np.ndarray:
    """Along the first axis, of the numbers that are there; NaN where fewer than `LEAST_SEEN` are."""
    if len(past) < LEAST_SEEN:
        return np.full(past.shape[1:], np.nan)
    ordered = np.sort(past.reshape(len(past), -1), axis=0)  # NaN last
    count = np.count_nonzero(ordered == ordered, axis=0)
    if len(count) and count.min() == len(past):  # nothing is missing
        return np.asarray((ordered[(len(past) - 1) // 2] + ordered[len(past) // 2]) / 2).reshape(past.shape[1:])
    each = np.arange(len(count))
    middle = (ordered[(count - 1) // 2, each] + ordered[count // 2, each]) / 2
    return np.where(count >= LEAST_SEEN, middle, np.nan).reshape(past.shape[1:])


def _level(ratio: np.ndarray, least: int) -> Level | None:
    """One symbol's level, and the change that leaves its two sides the most different from each other."""
    rows = np.flatnonzero(ratio == ratio)
    if len(rows) < 2 * least:
        return None
    known = ratio[rows]
    whole = median(known)
    sums = np.cumsum(np.clip(known - whole, -REACH, REACH))
    before = np.arange(least, len(known) - least + 1)  # how many bars lie before the change
    share = before / len(known)
    change = before[np.argmax((sums[before - 1] - share * sums[-1]) ** 2 / (share * (1 - share)))]
    first, second = known[:change], known[change:]
    left, right = median(first), median(second)
    spread = GAUSSIAN * median(np.abs(np.concatenate([first - left, second - right])))
    return Level(whole, left, right, int(rows[change]), spread)
