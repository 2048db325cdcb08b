"""Missing bars of one feed, taken from another, where both say the same of the bars that they share.

Nothing is invented: a bar that neither feed has stays missing. Which feeds those are is not this module's matter.
"""

from dataclasses import dataclass

import pandas as pd

from schemas.tables import KEPT, REPAIR

LEAST_SHARED = 30
"""Bars that both feeds need to have before they can be said to agree."""
LEAST_AGREEING = 0.99
"""Share of them whose closes lie within the tolerance."""
VOLUME_FACTOR = 2.0
"""By how much their volumes may differ, in the median: some feeds count one exchange's trades only."""


@dataclass(frozen=True)
class Repair:
    """What came of an attempt to fill one symbol's missing bars."""

    bars: pd.DataFrame
    """`schemas.tables.Bars`: those of the first feed, and what could be added."""
    added: tuple[pd.Timestamp, ...]
    said: str
    """What was compared and done, in a sentence."""


def repair(first: pd.DataFrame, second: pd.DataFrame, minutes: pd.DatetimeIndex, tolerance: float) -> Repair:
    """Add the second feed's bars for the minutes that the first feed does not have.

    Closes and volumes of both feeds are compared over the minutes that both have. Feeds whose prices are on different
    scales (one adjusted for a split, the other not) do not agree, so the added bars are on the first feed's basis.

    Args:
        first: one symbol's session, `schemas.tables.Bars`.
        second: the same session from another feed.
        minutes: the exchange's minutes.
        tolerance: by what part of the price two closes may differ.

    """
    ours, theirs = _by_minute(first, minutes), _by_minute(second, minutes)
    missing = minutes[~minutes.isin(ours.index)]
    there = missing[missing.isin(theirs.index[theirs["close"].notna()])]
    if there.empty:
        return Repair(first, (), f"{_source(second)} has none of the {len(missing)} missing bars.")
    agree, compared = _compared(ours, theirs, tolerance)
    if not agree:
        return Repair(first, (), f"{_source(second)} was not used for the {len(missing)} missing bars: {compared}.")
    added = theirs.loc[there].reset_index()[list(first.columns)]
    basis = first["basis"].iloc[0]
    why = f"{_source(first)} has no bar, closes agree"
    added = added.assign(role=REPAIR, why=why, basis=basis).astype(first.dtypes.to_dict())
    bars = pd.concat([first, added], ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
    said = f"{len(there)} of {len(missing)} missing bars are {_source(second)}'s: {compared}."
    return Repair(bars, tuple(there), said)


def _by_minute(bars: pd.DataFrame, minutes: pd.DatetimeIndex) -> pd.DataFrame:
    kept = bars[(bars["mark"] == KEPT) & bars["timestamp"].isin(minutes)]
    return kept.set_index("timestamp", drop=True)


def _compared(ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> tuple[bool, str]:
    """Whether two feeds say the same of the bars that both have, and what was compared."""
    columns = ["close", "volume"]
    both = ours[columns].merge(theirs[columns], how="inner", on="timestamp", suffixes=("", "_of_second"))
    both = both.dropna(subset=["close", "close_of_second"])
    near = int(((both["close"] - both["close_of_second"]).abs() <= tolerance * both["close"].abs()).sum())
    traded = both[(both["volume"] > 0) & (both["volume_of_second"] > 0)]
    ratio = float((traded["volume_of_second"] / traded["volume"]).median()) if len(traded) else 1.0
    enough = len(both) >= LEAST_SHARED and near >= LEAST_AGREEING * len(both)
    said = f"{near} of {len(both)} shared closes agree within {tolerance:.2%}, volumes are {ratio:.2f} times ours"
    return enough and 1 / VOLUME_FACTOR <= ratio <= VOLUME_FACTOR, said


def _source(bars: pd.DataFrame) -> str:
    return str(bars["source"].iloc[0])
