"""From a vendor's rows to the project's bars: UTC, start of bar, every row kept and marked where it is odd.

Nothing is dropped or repaired here but trades outside regular hours, which are counted. Judging the marks is the
quality gate's work; parsing a vendor's format is the feed's.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.labels import LabelEvidence, LabelSide, label_evidence
from market.sessions import BarSize, Session
from schemas.errors import LabelSideUnclear
from schemas.tables import (
    BAR_VALUES,
    DUPLICATE_CONFLICTING,
    DUPLICATE_EQUAL,
    KEPT,
    OFF_GRID,
    OUTSIDE_SESSION,
    Bars,
)


@dataclass(frozen=True)
class NormalisedBars:
    """One symbol's session, and what was seen on the way."""

    bars: pd.DataFrame
    side: LabelSide
    evidence: LabelEvidence
    extended_rows: int
    """Rows of pre-market and after-hours trading, which are not part of a session and were set aside."""


def normalise(
    rows: pd.DataFrame,
    session: Session,
    bar_size: BarSize,
    source: str,
    prevailing: LabelSide | None = None,
) -> NormalisedBars:
    """Turn one symbol's vendor rows into bars of one session.

    Args:
        rows: `stamp` (New York zone), `symbol`, open, high, low, close, volume; any order, any days.
        session: the day wanted.
        bar_size: the length of the bars.
        source: the feed that answered.
        prevailing: the label side of most sessions of the same answer; a session without evidence takes it.

    Raises:
        LabelSideUnclear: the evidence is contradictory or against the prevailing side, or there is nothing to go by.

    """
    midnight, next_midnight = session.midnights
    day = rows[(rows["stamp"] >= midnight) & (rows["stamp"] < next_midnight)]
    evidence = label_evidence(pd.DatetimeIndex(day["stamp"]), day["volume"], session, bar_size)
    side = evidence.side or prevailing
    if side is None:
        raise LabelSideUnclear(
            f"Nothing in the {len(day)} stamps of {session.key} says which side of the bar they mark."
        )
    if prevailing is not None and side is not prevailing:
        raise LabelSideUnclear(
            f"The stamps of {session.key} mark the {side} of the bar ({', '.join(evidence.start + evidence.end)}), "
            f"those of the month's other sessions the {prevailing}."
        )
    starts = day["stamp"] - bar_size.delta if side is LabelSide.END else day["stamp"]
    bars = day.assign(timestamp=starts.dt.tz_convert("UTC").dt.as_unit("us"), source=source)
    extended = _is_extended(bars["timestamp"], session, bar_size)
    bars = bars[~extended].sort_values("timestamp", kind="stable", ignore_index=True)
    bars = bars.assign(mark=_marks(bars, session, bar_size))
    return NormalisedBars(bars[list(Bars.to_schema().columns)], side, evidence, int(extended.sum()))


def empty_bars() -> pd.DataFrame:
    """A table of no bars with the columns and types of `schemas.tables.Bars`."""
    floats = {name: pd.Series(dtype="float64") for name in BAR_VALUES}
    texts = {name: pd.Series(dtype="str") for name in ("symbol", "source", "mark")}
    table = pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC").as_unit("us"), **floats, **texts})
    return table[list(Bars.to_schema().columns)]


def _is_extended(starts: pd.Series, session: Session, bar_size: BarSize) -> pd.Series:
    """Whether each bar is trading before the open or after the close, within the hours the vendor has."""
    first, last = session.extended_hours
    regular = (starts >= session.open) & (starts < session.close)
    return (starts >= first) & (starts < last) & ~regular & ~_off_grid(starts, session, bar_size)


def _off_grid(starts: pd.Series, session: Session, bar_size: BarSize) -> "pd.Series[bool]":
    """Whether each bar starts between two of the exchange's minutes."""
    since_open = (starts - session.open) / bar_size.delta
    return since_open % 1 != 0


def _marks(bars: pd.DataFrame, session: Session, bar_size: BarSize) -> np.ndarray:
    """Why a bar stays out of the frame, if it does: one mark a row, the first that applies."""
    starts = bars["timestamp"]
    outside = (starts < session.open) | (starts >= session.close)
    distinct = bars.drop_duplicates(["timestamp", *BAR_VALUES])
    conflicting = starts.isin(distinct.loc[distinct.duplicated("timestamp"), "timestamp"])
    repeated = bars.duplicated("timestamp", keep="first")
    return np.select(
        [_off_grid(starts, session, bar_size), outside, conflicting, repeated],
        [OFF_GRID, OUTSIDE_SESSION, DUPLICATE_CONFLICTING, DUPLICATE_EQUAL],
        default=KEPT,
    )
