"""Which side of a bar its stamp marks: the start or the end.

Alpha Vantage changed its convention over the years and says so nowhere, so the side is read from the stamps of each
session. Moving the stamps is `market.normalise`'s work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pandas as pd

from market.sessions import NEW_YORK, BarSize, Session
from schemas.errors import LabelSideUnclear

OPENING_BAR_IS_LARGE = 3.0
"""The opening bar carries the auction: before it lies a thin premarket minute, less than a third of it."""


class LabelSide(StrEnum):
    """What a stamp marks."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class LabelEvidence:
    """What the stamps of one symbol's session say, as sentences by side."""

    start: tuple[str, ...]
    end: tuple[str, ...]

    @property
    def side(self) -> LabelSide | None:
        """The side that the evidence agrees on; None when there is none."""
        if self.start and self.end:
            raise LabelSideUnclear(
                f"The stamps contradict each other: start of bar because {', '.join(self.start)}; "
                f"end of bar because {', '.join(self.end)}."
            )
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
    _extended_bounds(volume.index, session, start, end)
    first, second = volume.get(opening), volume.get(opening + bar_size.delta)
    if first is not None and second is not None:
        if second >= OPENING_BAR_IS_LARGE * first:
            end.append(f"the opening volume stands at {opening + bar_size.delta:%H:%M}")
        elif second < 2 * first:
            start.append(f"the opening volume stands at {opening:%H:%M}")
    outside = (volume.index < opening) | (volume.index > closing)
    if len(volume) and not outside.any():
        if first is None and closing in volume.index:
            end.append(f"{closing:%H:%M} is there and {opening:%H:%M} is not")
        if first is not None and closing not in volume.index:
            start.append(f"{opening:%H:%M} is there and {closing:%H:%M} is not")
    return LabelEvidence(tuple(start), tuple(end))


def _extended_bounds(stamps: pd.Index, session: Session, start: list[str], end: list[str]) -> None:
    """Extended hours run from 04:00 to 20:00: only end labels reach the last, only start labels the first."""
    midnight = pd.Timestamp(session.day, tz=NEW_YORK)
    if midnight + pd.Timedelta(hours=4) in stamps:
        start.append("04:00 is there")
    if midnight + pd.Timedelta(hours=20) in stamps:
        end.append("20:00 is there")


def prevailing_side(
    days: Mapping[date, pd.DataFrame], sessions: Sequence[Session], bar_size: BarSize
) -> LabelSide | None:
    """The side on which all sessions of one vendor answer agree, for those that have no evidence of their own.

    Args:
        days: one symbol's rows by day, each with `stamp` (New York zone) and `volume`.
        sessions: the sessions that the answer covers.
        bar_size: the length of the bars.

    Returns:
        None when no session has evidence or when they differ; a contradictory session has no say.

    """
    sides: set[LabelSide] = set()
    for session in sessions:
        if session.day in days:
            day = days[session.day]
            evidence = label_evidence(pd.DatetimeIndex(day["stamp"]), day["volume"], session, bar_size)
            if not (evidence.start and evidence.end) and evidence.side:
                sides.add(evidence.side)
    return sides.pop() if len(sides) == 1 else None
