"""Which side of a bar its stamp marks: the start or the end.

Alpha Vantage changed its convention over the years and says so nowhere, so the side is read from the stamps of each
session. Moving the stamps is `market.normalise`'s work.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import pandas as pd

from market.sessions import BarSize, Session
from schemas.errors import LabelSideUnclear

MINUTE = 60_000_000
"""In microseconds."""
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
    since = since_open(stamps.to_numpy("datetime64[us]"), session)
    order = np.argsort(since, kind="stable")
    return evidence_in_order(since[order], volumes.to_numpy("float64")[order], session, bar_size)


def since_open(instants: np.ndarray, session: Session) -> np.ndarray:
    """Microseconds after the session's open, int64, negative before it; `instants` are datetime64[us] in UTC."""
    return instants.view("int64") - session.open.value // 1000


def evidence_in_order(since: np.ndarray, volumes: np.ndarray, session: Session, bar_size: BarSize) -> LabelEvidence:
    """The same of stamps that are known as `since_open`, ascending, and their volumes, float64.

    Of a stamp that comes twice the first volume counts.
    """
    since, volumes = _once(since, volumes)
    start: list[str] = []
    end: list[str] = []
    neither: list[str] = []
    for bound, said in zip(session.extended_hours, (start, end), strict=True):
        # Extended hours run from 04:00 to 20:00: only end labels reach the last, only start labels the first.
        if _holds(since, _microseconds(bound - session.open)):
            said.append(f"{bound:%H:%M} is there")
    length, closing = _microseconds(bar_size.delta), _microseconds(session.close - session.open)
    place = opening_bar(since.view("timedelta64[us]"), volumes, bar_size)
    loudest = None if place is None else int(since[place])
    if loudest is not None:
        sides = {0: start, length: end}
        sides.get(loudest, neither).append(f"the opening volume stands at {_clock(session, loudest)}")
    opens, closes = _holds(since, 0), _holds(since, closing)
    if len(since) and since[0] >= 0 and since[-1] <= closing:
        # A day that begins later has no 09:30 either, and 16:00 may be the closing auction of start labels.
        if not opens and _holds(since, length) and closes:
            end.append(f"{_clock(session, closing)} is there and {_clock(session, 0)} is not")
        if opens and not closes:
            start.append(f"{_clock(session, 0)} is there and {_clock(session, closing)} is not")
    only_the_opening = loudest == length and not opens and len(end) == 1
    return LabelEvidence(tuple(start), tuple(end), tuple(neither), sure=bool(start) or not only_the_opening)


def _once(since: np.ndarray, volumes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each stamp once, with the first of its volumes that is known."""
    if (since[1:] != since[:-1]).all():
        return since, volumes
    stamps = np.unique(since)
    known = ~np.isnan(volumes)
    heard, first = np.unique(since[known], return_index=True)
    told = np.full(len(stamps), np.nan)
    told[np.searchsorted(stamps, heard)] = volumes[known][first]
    return stamps, told


def _holds(ascending: np.ndarray, value: int) -> bool:
    place = int(np.searchsorted(ascending, value))
    return place < len(ascending) and bool(ascending[place] == value)


def _microseconds(length: pd.Timedelta) -> int:
    return int(length.value // 1000)


def _clock(session: Session, since: int) -> str:
    """What New York's clocks show so many microseconds after the open, on the same day."""
    hour, minute = divmod(session.opening_minute + since // MINUTE, 60)
    return f"{hour:02}:{minute:02}"


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
    there = [(days[session.day], session) for session in sessions if session.day in days]
    return agreed_side(
        label_evidence(pd.DatetimeIndex(day["stamp"]), day["volume"], session, bar_size) for day, session in there
    )


def agreed_side(found: Iterable[LabelEvidence]) -> LabelSide | None:
    """The side of more than half of the evidence that has one; a contradictory one has no say."""
    sides = Counter(one.side for one in found if not one.contradictory)
    del sides[None]
    most = sides.most_common(1)
    return most[0][0] if most and 2 * most[0][1] > sides.total() else None
