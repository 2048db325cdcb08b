"""Which side of a bar its stamp marks: the start or the end.

Alpha Vantage changed its convention over the years and says so nowhere, so the side is read from the stamps of each
session. Moving the stamps is `market.normalise`'s work.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import pandas as pd

from market.sessions import NEW_YORK, BarSize, Session
from schemas.errors import LabelSideUnclear

NEAR_THE_OPEN = pd.Timedelta(minutes=5)
"""How far around the open its bar is looked for; two bars, where that is more."""
OPENING_BAR_IS_LARGE = 3.0
"""The opening bar carries the auction: it is at least three times any bar of the minutes before it."""


class LabelSide(StrEnum):
    """What a stamp marks."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class LabelEvidence:
    """What the stamps of one symbol's session say, as sentences by side."""

    start: tuple[str, ...]
    end: tuple[str, ...]
    neither: tuple[str, ...] = ()
    """What fits no side: the clock of the stamps is wrong."""
    sure: bool = True
    """False where all rests on the opening volume at 09:31 while 09:30 is absent: start labels look like that, too,
    when their opening bar is missing. The month's other sessions have to agree."""

    @property
    def contradictory(self) -> bool:
        """Whether no side can be right."""
        return bool(self.neither or (self.start and self.end))

    @property
    def side(self) -> LabelSide | None:
        """The side that the evidence agrees on; None when there is none.

        Raises:
            LabelSideUnclear: the evidence is contradictory.

        """
        if self.contradictory:
            said = {"start of bar": self.start, "end of bar": self.end, "neither": self.neither}
            reasons = "; ".join(f"{side} because {', '.join(why)}" for side, why in said.items() if why)
            raise LabelSideUnclear(f"The stamps contradict each other: {reasons}.")
        if self.start:
            return LabelSide.START
        return LabelSide.END if self.end else None


def label_evidence(stamps: pd.DatetimeIndex, volumes: pd.Series, session: Session, bar_size: BarSize) -> LabelEvidence:
    """Read the side from one symbol's stamps of one day.

    Args:
        stamps: the vendor's stamps, New York time zone, any order.
        volumes: shares per stamp, same order.
        session: the session of that day.
        bar_size: the length of the bars.

    """
    volume = pd.Series(volumes.to_numpy(), index=stamps).groupby(level=0).first()
    opening, closing = session.open.tz_convert(NEW_YORK), session.close.tz_convert(NEW_YORK)
    start: list[str] = []
    end: list[str] = []
    neither: list[str] = []
    _extended_bounds(volume.index, session, start, end)
    since = (pd.DatetimeIndex(volume.index) - opening).to_numpy()
    place = opening_bar(since, volume.to_numpy("float64"), bar_size)
    loudest = None if place is None else volume.index[place]
    if loudest is not None:
        sides = {opening: start, opening + bar_size.delta: end}
        sides.get(loudest, neither).append(f"the opening volume stands at {loudest:%H:%M}")
    outside = (volume.index < opening) | (volume.index > closing)
    if len(volume) and not outside.any():
        # A day that begins later has no 09:30 either, and 16:00 may be the closing auction of start labels.
        if opening not in volume.index and opening + bar_size.delta in volume.index and closing in volume.index:
            end.append(f"{closing:%H:%M} is there and {opening:%H:%M} is not")
        if opening in volume.index and closing not in volume.index:
            start.append(f"{opening:%H:%M} is there and {closing:%H:%M} is not")
    only_the_opening = loudest == opening + bar_size.delta and opening not in volume.index and len(end) == 1
    return LabelEvidence(tuple(start), tuple(end), tuple(neither), sure=bool(start) or not only_the_opening)


def opening_bar(since: np.ndarray, volumes: np.ndarray, bar_size: BarSize) -> int | None:
    """The place of the bar that carries the opening auction: the largest near the open, if it stands out.

    Args:
        since: how long after the open each of one symbol's stamps is, timedelta64.
        volumes: shares per stamp, same order, float64; NaN where nothing is known.
        bar_size: the length of the bars.

    Returns:
        None when no bar is at least `OPENING_BAR_IS_LARGE` times any of those near the open that come before it.

    """
    reach = max(NEAR_THE_OPEN, 2 * bar_size.delta).to_timedelta64()
    near = np.flatnonzero((np.abs(since) <= reach) & ~np.isnan(volumes))
    if not len(near):
        return None
    loudest = int(near[volumes[near].argmax()])
    before = volumes[near][since[near] < since[loudest]]
    stands_out = not len(before) or volumes[loudest] >= OPENING_BAR_IS_LARGE * before.max()
    return loudest if stands_out else None


def _extended_bounds(stamps: pd.Index, session: Session, start: list[str], end: list[str]) -> None:
    """Extended hours run from 04:00 to 20:00: only end labels reach the last, only start labels the first."""
    first, last = session.extended_hours
    if first in stamps:
        start.append(f"{first:%H:%M} is there")
    if last in stamps:
        end.append(f"{last:%H:%M} is there")


def prevailing_side(
    days: Mapping[date, pd.DataFrame], sessions: Sequence[Session], bar_size: BarSize
) -> LabelSide | None:
    """The side of most sessions of one vendor answer, to which each of its sessions is held.

    Args:
        days: one symbol's rows by day, each with `stamp` (New York zone) and `volume`.
        sessions: the sessions that the answer covers.
        bar_size: the length of the bars.

    Returns:
        None when no side has more than half of the sessions that have evidence; a contradictory one has no say.

    """
    sides: Counter[LabelSide] = Counter()
    for session in sessions:
        if session.day in days:
            day = days[session.day]
            evidence = label_evidence(pd.DatetimeIndex(day["stamp"]), day["volume"], session, bar_size)
            if not evidence.contradictory and evidence.side is not None:
                sides[evidence.side] += 1
    most = sides.most_common(1)
    return most[0][0] if most and 2 * most[0][1] > sides.total() else None
