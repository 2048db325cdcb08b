"""From a vendor's rows to the project's bars: UTC, start of bar, every row kept and marked where it is odd.

Nothing is dropped or repaired here. Judging the marks is the quality gate's work; parsing a vendor's format is the
feed's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from market.labels import LabelEvidence, LabelSide, label_evidence
from market.sessions import BarSize, Session
from schemas.errors import LabelSideUnclear
from schemas.tables import (
    BAD_PRINT,
    BAR_VALUES,
    DUPLICATE_CONFLICTING,
    DUPLICATE_EQUAL,
    EXTENDED_HOURS,
    KEPT,
    NO_VALUE,
    OFF_GRID,
    OUTSIDE_SESSION,
    PRICE_COLUMNS,
    PRIMARY,
    REMARKS,
    ZERO_VOLUME,
    Bars,
)

BAD_PRINT_REACH = 0.10
"""A high or low that lies further than this from both the open and the close of its own bar."""
TWO_SCALES = 1.4
"""An open and a close of one bar this far apart are prices from before and after a split; the smallest is 3 for 2."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a vendor's rows before they are looked at."""

    source: str
    """The feed that answered."""
    basis: str
    """The adjustment basis of the prices, one of `schemas.tables.BASES`."""
    side: LabelSide | None = None
    """What its stamps mark, where the feed leaves no doubt; None: it is read from the stamps."""


@dataclass(frozen=True)
class NormalisedBars:
    """One symbol's session, and what was seen on the way."""

    bars: pd.DataFrame
    """`schemas.tables.Bars`."""
    side: LabelSide
    evidence: LabelEvidence
    origin: str = ""
    """Where they were read: a file's name; empty for a vendor's answer."""

    @property
    def extended_rows(self) -> int:
        """Rows of pre-market and after-hours trading, which are no part of a session."""
        return int((self.bars["mark"] == EXTENDED_HOURS).sum())


def normalise(
    rows: pd.DataFrame,
    session: Session,
    bar_size: BarSize,
    provenance: Provenance,
    prevailing: LabelSide | None = None,
) -> NormalisedBars:
    """Turn one symbol's vendor rows into bars of one session.

    Args:
        rows: `stamp` (New York zone), `symbol`, open, high, low, close, volume; any order, any days.
        session: the day wanted.
        bar_size: the length of the bars.
        provenance: the feed that answered, the basis of its prices, what its stamps mark if that is certain.
        prevailing: the label side of most sessions of the same answer; a session without evidence takes it.

    Raises:
        LabelSideUnclear: the evidence is contradictory or against the prevailing side, or there is nothing to go by.

    """
    midnight, next_midnight = session.midnights
    day = rows[(rows["stamp"] >= midnight) & (rows["stamp"] < next_midnight)]
    evidence = label_evidence(pd.DatetimeIndex(day["stamp"]), day["volume"], session, bar_size)
    side = provenance.side or _side(evidence, prevailing, session, len(day))
    starts = day["stamp"] - bar_size.delta if side is LabelSide.END else day["stamp"]
    bars = day.assign(timestamp=starts.dt.tz_convert("UTC").dt.as_unit("us"))
    bars = bars.sort_values("timestamp", kind="stable", ignore_index=True)
    odd = _oddities(bars, session, bar_size)
    mark = _marks(bars, odd, session)
    remark = [" ".join(name for name in REMARKS if odd[name][row] and name != mark[row]) for row in range(len(bars))]
    texts = {"source": provenance.source, "basis": provenance.basis, "role": PRIMARY, "why": ""}
    bars = bars.assign(**texts, mark=mark, remark=remark).astype(dict.fromkeys((*texts, "mark", "remark"), "str"))
    return NormalisedBars(bars[list(Bars.to_schema().columns)], side, evidence)


def empty_bars() -> pd.DataFrame:
    """A table of no bars with the columns and types of `schemas.tables.Bars`."""
    floats = {name: pd.Series(dtype="float64") for name in BAR_VALUES}
    texts = {name: pd.Series(dtype="str") for name in Bars.to_schema().columns if name not in (*floats, "timestamp")}
    table = pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC").as_unit("us"), **floats, **texts})
    return table[list(Bars.to_schema().columns)]


def _side(evidence: LabelEvidence, prevailing: LabelSide | None, session: Session, stamps: int) -> LabelSide:
    side = evidence.side or prevailing
    if side is None:
        raise LabelSideUnclear(f"Nothing in the {stamps} stamps of {session.key} says which side of the bar they mark.")
    if prevailing is None and not evidence.sure:
        raise LabelSideUnclear(
            f"{session.key} begins at the first end label with the opening volume: its stamps mark the end of the bar, "
            "or the start and its first bar is missing."
        )
    if prevailing is not None and side is not prevailing:
        raise LabelSideUnclear(
            f"The stamps of {session.key} mark the {side} of the bar ({', '.join(evidence.start + evidence.end)}), "
            f"those of the month's other sessions the {prevailing}."
        )
    return side


def _oddities(bars: pd.DataFrame, session: Session, bar_size: BarSize) -> dict[str, np.ndarray]:
    """What is odd about each bar, by the name of the oddity; bars are in the order of their stamps."""
    starts = bars["timestamp"]
    distinct = bars.drop_duplicates(["timestamp", *BAR_VALUES])
    conflicting = starts.isin(distinct.loc[distinct.duplicated("timestamp"), "timestamp"])
    body = bars[["open", "close"]]
    wild = (bars["low"] < (1 - BAD_PRINT_REACH) * body.min(axis="columns")) | (
        bars["high"] > (1 + BAD_PRINT_REACH) * body.max(axis="columns")
    )
    mixed = body.max(axis="columns") > TWO_SCALES * body.min(axis="columns")
    found = {
        OFF_GRID: (starts - session.open) / bar_size.delta % 1 != 0,
        DUPLICATE_EQUAL: bars.duplicated("timestamp", keep="first") & ~conflicting,
        DUPLICATE_CONFLICTING: conflicting,
        NO_VALUE: bars[list(PRICE_COLUMNS)].isna().all(axis="columns"),
        ZERO_VOLUME: bars["volume"] == 0,
        BAD_PRINT: wild | mixed,
    }
    return {name: rows.to_numpy(bool) for name, rows in found.items()}


def _marks(bars: pd.DataFrame, odd: dict[str, np.ndarray], session: Session) -> np.ndarray:
    """Why a bar stays out of the frame, if it does: one mark a row, the first that applies."""
    starts = bars["timestamp"]
    first, last = session.extended_hours
    outside = (starts < session.open) | (starts >= session.close)
    extended = outside & (starts >= first) & (starts < last)
    within = (NO_VALUE, OFF_GRID, DUPLICATE_CONFLICTING, DUPLICATE_EQUAL)
    applies = [extended.to_numpy(), outside.to_numpy(), *(odd[name] for name in within)]
    names: list[Any] = [EXTENDED_HOURS, OUTSIDE_SESSION, *within]
    return np.select(applies, names, default=KEPT)
