"""Sessions written by hand for the gate's rules: prices that move by cents, and what a rule makes of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from market.normalise import Provenance, normalise
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid, bar_grid
from market.quality.rule import Rule
from market.sessions import NEW_YORK, BarSize, Session
from market.splits import SplitTable
from resources.feeds.file_formats import FileRows
from schemas.quality import Finding, QualityReport
from tests.support.tables import UNMARKED

ONE, FIVE = BarSize.ONE_MINUTE, BarSize.FIVE_MINUTES


def calm_bars(
    day: Session, price: float = 100.0, symbol: str = "NVDA", size: BarSize = ONE, volume: Sequence[float] | None = None
) -> pd.DataFrame:
    """Every bar of a session: open and close are `price`, high and low two cents away, no volume is the one before."""
    minutes = day.minutes(size)
    shares = 100_000.0 + np.arange(len(minutes)) if volume is None else np.asarray(volume, dtype=float)
    values = {"open": price, "high": price + 0.02, "low": price - 0.02, "close": price, "volume": shares}
    return pd.DataFrame({"timestamp": minutes, "symbol": symbol, **values}).assign(**UNMARKED)


def grid_of(bars: pd.DataFrame, day: Session, size: BarSize = ONE, symbols: tuple[str, ...] = ("NVDA",)) -> Grid:
    """The bars as history."""
    return bar_grid(bars, day, size, symbols)


def report_on(
    rule: Rule,
    bars: pd.DataFrame,
    day: Session,
    size: BarSize = ONE,
    symbols: tuple[str, ...] = ("NVDA",),
    history: tuple[Grid, ...] | None = None,
    splits: SplitTable | None = None,
) -> QualityReport:
    """What a gate of one rule says."""
    gate = Gate("test", [rule], splits=splits or SplitTable())
    return gate.judge(Evidence(day, size, symbols, bars, history=history))


def new_york(finding: Finding) -> list[str]:
    """The bars held against, `HH:MM` in New York."""
    return [f"{pd.Timestamp(stamp).tz_convert(NEW_YORK):%H:%M}" for stamp in finding.held_against]


def recorded_bars(found: FileRows, day: Session, size: BarSize = ONE) -> pd.DataFrame:
    """One session of a recorded file."""
    side = found.provenance.side
    return normalise(found.rows, day, size, Provenance(found.provenance.source, found.provenance.basis, side)).bars
