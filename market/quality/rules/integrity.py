"""Are the bars possible? Price relations, repeated stamps, bars where the exchange has no minute."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.rule import Rule, above, local_times
from schemas.quality import Finding
from schemas.tables import (
    DUPLICATE_CONFLICTING,
    DUPLICATE_EQUAL,
    OFF_GRID,
    OUTSIDE_SESSION,
    PRICE_COLUMNS,
)


class OhlcRelations(Rule):
    """Bars whose low is not the lowest or whose high is not the highest price; a price that is no number counts too."""

    name: ClassVar[str] = "ohlc_relations"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is low <= open, close <= high in every bar?"

    fail: int = Field(default=0, ge=0, description="violations tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the bars."""
        bars = evidence.kept(symbol)
        prices = bars[list(PRICE_COLUMNS)]
        holds = (bars["low"] <= prices.min(axis="columns", skipna=False)) & (
            bars["high"] >= prices.max(axis="columns", skipna=False)
        )
        yield counted(self, symbol, bars.loc[~holds, "timestamp"], self.fail, "break low <= open, close <= high")


class Duplicates(Rule):
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


class OutsideSession(Rule):
    """Bars where the exchange has no minute: on a half day's afternoon, at night, between two minutes.

    Trading before the open and after the close, in the vendor's extended hours, is set aside before and not counted.
    """

    name: ClassVar[str] = "outside_session"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Is every bar on one of the exchange's minutes?"

    fail: int = Field(default=0, ge=0, description="bars tolerated")

    def measure(self, evidence: Evidence, symbol: str) -> Iterable[Finding]:
        """One finding, which names the bars."""
        outside = evidence.marked(symbol, [OUTSIDE_SESSION, OFF_GRID])["timestamp"]
        yield counted(self, symbol, outside, self.fail, "lie outside the exchange's minutes")


def counted(rule: Rule, symbol: str, stamps: pd.Series, tolerated: int, fault: str) -> Finding:
    """A finding that counts bars at fault against how many are tolerated."""
    found = list(stamps)
    at = f": {local_times(found)}" if found else ""
    message = f"{len(found)} {symbol} bars {fault} (at most {tolerated}){at}."
    verdict = above(len(found), 0, tolerated)
    return rule.finding(symbol, verdict, float(len(found)), message, fail=float(tolerated), held_against=found)
