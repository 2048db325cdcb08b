"""Is the frame the frame of these bars? An asset may be materialised alone, on top of what an earlier run left."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.grid import Grid
from market.quality.rule import AtMost, Needs, PairRule
from schemas.quality import Finding
from schemas.tables import BAR_VALUES


class FrameFollowsBars(PairRule, AtMost):
    """Minutes in which the frame says something else than the bars: another value, a bar too many or one too few."""

    name: ClassVar[str] = "frame_follows_bars"
    family: ClassVar[str] = "features"
    question: ClassVar[str] = "Was the frame built from these bars?"
    needs: ClassVar[tuple[Needs, ...]] = ("frame",)
    final: ClassVar[bool] = True

    warn: int = Field(default=0, ge=0, le=0)
    fail: int = Field(default=0, ge=0, le=0, description="a frame of other bars is never accepted")

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding for all symbols."""
        frame, bars = framed(evidence), evidence.grid
        there = bars.present & ~np.isnan(bars["close"])
        differs = (frame["missing"] == there) | ~frame.present
        for name in BAR_VALUES:
            same = (frame[name] == bars[name]) | (np.isnan(frame[name]) & (np.isnan(bars[name]) | ~there))
            differs |= ~same
        count = int(differs.sum()) + frame.strays
        found = evidence.starts(differs.any(axis=1))
        said = f"The frame and the bars differ in {count} places"
        yield self.finding(evidence, None, self.verdict(count), count, said, held_against=found)


def framed(evidence: Evidence) -> Grid:
    """The frame, for a rule that is asked only where there is one."""
    assert evidence.features is not None
    return evidence.features
