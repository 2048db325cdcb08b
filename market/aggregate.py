"""Longer bars from shorter ones, both start-labelled. Pure; how long a file's bars are is the feed's to tell."""

import pandas as pd

from market.sessions import BarSize, Session
from schemas.tables import BAD_PRINT, KEPT, SYNTHETIC, ZERO_VOLUME, Bars

HOW = {"open": "first", "high": "max", "low": "min", "close": "last"}


def aggregate(bars: pd.DataFrame, session: Session, bar_size: BarSize) -> pd.DataFrame:
    """One session's bars as longer ones, counted from the open.

    Marked bars do not enter. A longer bar has what there is of its minutes: the first open, the highest high, the
    lowest low, the last close, all shares. One of which there is nothing is absent. Prices of a longer bar of which a
    minute's are no numbers or out of order are no numbers, and so are shares: it must not look sound to the gate.

    Args:
        bars: `schemas.tables.Bars` whose length divides `bar_size`, any number of symbols, any order.
        session: the session.
        bar_size: the length wanted.

    Returns:
        `schemas.tables.Bars`, all unmarked, by time, then symbol. A bar of which a part was remarked as a bad print is
        remarked so, and one without shares as of zero volume.

    """
    kept = bars[bars["mark"] == KEPT].sort_values("timestamp", kind="stable")
    bins = session.open + (kept["timestamp"] - session.open) // bar_size.delta * bar_size.delta
    groups = kept.assign(timestamp=bins.astype(bars["timestamp"].dtype)).groupby(["timestamp", "symbol"], sort=True)
    values = groups[list(HOW)].agg(HOW).assign(volume=groups["volume"].sum(min_count=1))
    prices = kept[list(HOW)]
    ordered = (kept["low"] <= prices.min(axis="columns")) & (kept["high"] >= prices.max(axis="columns"))
    sound = prices.gt(0).all(axis="columns") & ordered
    values[list(HOW)] = values[list(HOW)].where(_whole(sound, bins, kept), axis="index")
    values["volume"] = values["volume"].where(_whole(kept["volume"].ge(0), bins, kept))
    texts = groups[["source", "basis", "role", "why", "mark"]].first()
    made_up = (kept["source"] == SYNTHETIC).groupby([bins, kept["symbol"]]).any()  # one is enough
    texts = texts.assign(source=texts["source"].mask(made_up.to_numpy(), SYNTHETIC))
    bad = groups["remark"].agg(lambda remarks: any(BAD_PRINT in remark.split() for remark in remarks)).astype(bool)
    found = {ZERO_VOLUME: values["volume"] == 0, BAD_PRINT: bad}
    remark = [" ".join(name for name, rows in found.items() if rows.iloc[at]) for at in range(len(values))]
    table = values.join(texts).assign(remark=remark).reset_index()
    return table[list(Bars.to_schema().columns)].astype(bars.dtypes.to_dict())


def _whole(good: pd.Series, bins: pd.Series, kept: pd.DataFrame) -> pd.Series:
    """By longer bar, whether all of its minutes are good."""
    return good.groupby([bins, kept["symbol"]]).all().rename_axis(["timestamp", "symbol"])
