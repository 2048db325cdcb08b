"""Is the frame the frame of these bars? An asset may be materialised alone, on top of what an earlier run left."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from pydantic import Field

from market.quality.rule import AtMost, Needs, PairRule, Told
from market.quality.stack import Stack
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

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a session, for all symbols."""
        frame, bars = stack.frame, stack.bars
        there = bars.present & ~np.isnan(bars["close"])
        differs = (frame["missing"] == there) | ~frame.present
        for name in BAR_VALUES:
            same = frame[name] == bars[name]
            if not same.all():
                same |= np.isnan(frame[name]) & (np.isnan(bars[name]) | ~there)
            differs |= ~same
        minutes = stack.by_session(differs)
        counts = np.count_nonzero(minutes, axis=(0, 2)).tolist()
        for place, evidence in enumerate(stack.evidences):
            count = counts[place] + stack.frame_strays[place]
            said = f"The frame and the bars differ in {count} places"
            at = evidence.starts(np.asarray(minutes[:, place].any(axis=1))) if count else ()
            yield self.told(evidence, None, self.verdict(count), count, said, held_against=at)
