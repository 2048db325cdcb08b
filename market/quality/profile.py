"""What a session trades by the minute of the day, against what earlier sessions traded in that minute.

Volume has the same shape every day: much at the open and at the close, little at noon. What is left when that shape is
taken away is a level, which a feed that hands over part of the trades changes, and the news of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.quality.cells import medians
from market.quality.history import History
from market.sessions import BarSize, Session

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


@dataclass(frozen=True)
class Levels:
    """By column, natural logarithms of a session's volume by that of earlier sessions, in medians.

    NaN where too few minutes can be compared.
    """

    whole: np.ndarray
    """Of all minutes."""
    before: np.ndarray
    """Of the minutes before the change."""
    after: np.ndarray
    """Of the change and what follows."""
    spread: np.ndarray
    """The robust standard deviation of single minutes about the level of their side."""
    change: np.ndarray
    """int: the row of the first minute of the new level, where before and after fit best; there always is one."""


@dataclass(frozen=True)
class VolumeProfile:
    """Sessions' volumes by those of earlier sessions in the same minute of the day."""

    sessions: np.ndarray
    """int, by column, how many earlier sessions there are that have most of the minutes."""
    ratio: np.ndarray
    """Natural logarithm, (minutes, columns): volume by the median of earlier ones; NaN where one is not there."""
    levels: Levels

    def columns(self, chosen: Sequence[int]) -> "VolumeProfile":
        """That of some of the columns."""
        at = list(chosen)
        levels = {name: values[at] for name, values in vars(self.levels).items()}
        return VolumeProfile(self.sessions[at], self.ratio[:, at], Levels(**levels))


def volume_profile(own: np.ndarray, session: Session, bar_size: BarSize, history: History) -> VolumeProfile:
    """Compare sessions with earlier ones.

    Args:
        own: `Cells.log_volume` of the sessions, a column a symbol.
        session: one of them; the others are as long.
        bar_size: how long their bars are.
        history: theirs.

    """
    minutes = len(own)
    rows = [min(len(grid.minutes) - _cut(grid.session, bar_size), minutes) for grid in history.grids]
    past = history.of_each(lambda grid: grid.log_volume, minutes, np.nan)
    for one, count in zip(past, rows, strict=False):
        one[:, count:] = np.nan
    most = 2 * np.count_nonzero(past == past, axis=2) >= np.reshape([*rows, np.inf], (-1, 1))
    compared = past[history.places]  # (earlier sessions, sessions, symbols, minutes)
    if (history.splits != 1.0).any():
        compared = compared + np.log(history.splits)[..., np.newaxis]
    ratio = own - _medians(compared.reshape(-1, *own.T.shape)).T
    ratio[minutes - _cut(session, bar_size) :] = np.nan
    return VolumeProfile(most[history.places].sum(axis=0).ravel(), ratio, _levels(ratio, bars_in(LEAST_SIDE, bar_size)))


def bars_in(length: pd.Timedelta, bar_size: BarSize) -> int:
    """How many bars last that long."""
    return int(length / bar_size.delta)


def _cut(session: Session, bar_size: BarSize) -> int:
    """How many of a session's last bars are not like those of other days in the same minutes."""
    return bars_in(SHORT_END, bar_size) if session.is_half_day else 0


def _medians(past: np.ndarray) -> np.ndarray:
    """Along the first axis, of the numbers that are there; NaN where fewer than `LEAST_SEEN` are."""
    if len(past) < LEAST_SEEN:
        return np.full(past.shape[1:], np.nan)
    ordered = np.sort(past.reshape(len(past), -1), axis=0)  # NaN last
    if not np.isnan(ordered[-1]).any():  # nothing is missing
        return np.asarray((ordered[(len(past) - 1) // 2] + ordered[len(past) // 2]) / 2).reshape(past.shape[1:])
    count = np.count_nonzero(ordered == ordered, axis=0)
    each = np.arange(len(count))
    middle = (ordered[(count - 1) // 2, each] + ordered[count // 2, each]) / 2
    return np.where(count >= LEAST_SEEN, middle, np.nan).reshape(past.shape[1:])


def _levels(ratio: np.ndarray, least: int) -> Levels:
    """Each column's level, and the change that leaves its two sides the most different from each other."""
    known = ratio == ratio
    place = np.cumsum(known, axis=0)  # how many bars there are up to each minute
    whole, count = medians(ratio), place[-1]
    sums = np.cumsum(np.where(known, np.clip(ratio - whole, -REACH, REACH), 0.0), axis=0)
    possible = known & (place >= least) & (place <= count - least)
    share = np.where(possible, place / np.maximum(count, 1), 0.5)
    split = np.where(possible, (sums - share * sums[-1]) ** 2 / (share * (1 - share)), -1.0)
    last = split.argmax(axis=0)  # the last minute before the change
    first = np.arange(len(ratio))[:, np.newaxis] <= last
    before, after = medians(np.where(first, ratio, np.nan)), medians(np.where(first, np.nan, ratio))
    spread = GAUSSIAN * medians(np.abs(ratio - np.where(first, before, after)))
    change = (place > np.take_along_axis(place, last[np.newaxis], axis=0)).argmax(axis=0)
    enough = np.where(count >= 2 * least, 0.0, np.nan)
    return Levels(whole + enough, before + enough, after + enough, spread + enough, change)
