"""Are the bars possible? Price relations, volumes, repeated stamps, bars where the exchange has no minute."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.rule import Rule, SymbolRule, above, at_times
from schemas.quality import Finding
from schemas.tables import (
    DUPLICATE_CONFLICTING,
    DUPLICATE_EQUAL,
    OFF_GRID,
    OUTSIDE_SESSION,
    PRICE_COLUMNS,
)

HIGHEST_PRICE = 1e9
MOST_SHARES = 1e12
"""Far beyond what was ever traded: what is larger is no price and no count, and would break the sums of a day."""


class OhlcRelations(SymbolRule):
    """Bars whose low is not the lowest or high not the highest price, or with a price that is no positive number."""

    name: ClassVar[str] = "ohlc_relations"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is 0 < low <= open, close <= high in every bar?"

    fail: int = Field(default=0, ge=0, description="violations tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the bars."""
        bars = evidence.kept(symbol)
        prices = bars[list(PRICE_COLUMNS)]
        numbers = (prices.gt(0) & prices.lt(HIGHEST_PRICE)).all(axis="columns")
        ordered = (bars["low"] <= prices.min(axis="columns")) & (bars["high"] >= prices.max(axis="columns"))
        yield counted(
            self, symbol, bars.loc[~(numbers & ordered), "timestamp"], self.fail, "break 0 < low <= open, close <= high"
        )


class VolumeCounts(SymbolRule):
    """Bars whose volume is no count of shares: negative, not whole, or no number."""

    name: ClassVar[str] = "volume_counts"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Is every volume a whole number, 0 or more, and possible?"

    fail: int = Field(default=0, ge=0, le=0, description="none can be stored, so none is tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the bars."""
        bars = evidence.kept(symbol)
        volume = bars["volume"]
        counts = np.isfinite(volume) & (volume >= 0) & (volume < MOST_SHARES) & (volume % 1 == 0)
        yield counted(
            self, symbol, bars.loc[~counts, "timestamp"], self.fail, "have a volume that is no count of shares"
        )


class Duplicates(SymbolRule):
    """Stamps that came more than once: equal repeats, and repeats that contradict each other."""

    name: ClassVar[str] = "duplicates"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Does every minute occur once?"

    fail_equal: int = Field(default=10, ge=0, description="equal repeats tolerated")
    fail_conflicting: int = Field(default=0, ge=0, description="contradictory rows tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """Two findings: equal and conflicting repeats."""
        equal = evidence.marked(symbol, [DUPLICATE_EQUAL])["timestamp"]
        conflicting = evidence.marked(symbol, [DUPLICATE_CONFLICTING])["timestamp"]
        yield counted(self, symbol, equal, self.fail_equal, "repeat an earlier one")
        yield counted(self, symbol, conflicting, self.fail_conflicting, "contradict another of the same minute")


class OutsideSession(SymbolRule):
    """Bars at night, or between two of the exchange's minutes.

    Trading before the open and after the close (of a half day: its afternoon) is no bar of the session: normalisation
    sets it aside and counts it, so it never reaches the rules. What a feed hands over unmarked is held to this too.
    """

    name: ClassVar[str] = "outside_session"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Is every bar on one of the exchange's minutes?"

    fail: int = Field(default=0, ge=0, description="bars tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the bars."""
        marked = evidence.marked(symbol, [OUTSIDE_SESSION, OFF_GRID])["timestamp"]
        kept = evidence.kept(symbol)["timestamp"]
        outside = pd.concat([marked, kept[~kept.isin(evidence.expected)]]).sort_values()
        yield counted(self, symbol, outside, self.fail, "lie outside the exchange's minutes")


def counted(rule: Rule, symbol: str, stamps: pd.Series, tolerated: int, fault: str) -> Finding:
    """A finding that counts bars at fault against how many are tolerated."""
    found = list(stamps)
    message = f"{len(found)} {symbol} bars {fault} (at most {tolerated}){at_times(found)}"
    verdict = above(len(found), 0, tolerated)
    limits = {"warn": 0.0, "fail": float(tolerated)}
    return rule.finding(symbol, verdict, float(len(found)), message, **limits, held_against=found)
