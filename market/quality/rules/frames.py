"""Is the frame the frame of these bars? An asset may be materialised alone, on top of what an earlier run left."""

from typing import ClassVar

import pandas as pd
from pydantic import Field

from market.quality.evidence import Evidence
from market.quality.rule import Rule, above, at_times
from schemas.quality import Finding
from schemas.tables import BAR_VALUES

KEY = ["timestamp", "symbol"]


class FrameFollowsBars(Rule):
    """Minutes in which the frame says something else than the bars: another value, a bar too many or one too few."""

    name: ClassVar[str] = "frame_follows_bars"
    family: ClassVar[str] = "features"
    question: ClassVar[str] = "Was the frame built from these bars?"

    fail: int = Field(default=0, ge=0, le=0, description="a frame of other bars is never accepted")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """One finding for all symbols; none where there is no frame."""
        if evidence.frame is None:
            return []
        framed = evidence.frame.loc[~evidence.frame["missing"], [*KEY, *BAR_VALUES]]
        kept = pd.concat([evidence.kept(symbol) for symbol in evidence.symbols])
        there = kept.loc[kept["timestamp"].isin(evidence.expected) & kept["close"].notna(), [*KEY, *BAR_VALUES]]
        both = framed.merge(there, how="outer", on=KEY, suffixes=("", "_of_bars"), indicator=True)
        differs = both["_merge"] != "both"
        for name in BAR_VALUES:
            same = (both[name] == both[f"{name}_of_bars"]) | (both[name].isna() & both[f"{name}_of_bars"].isna())
            differs |= ~same
        found = list(both.loc[differs, "timestamp"])
        message = f"The frame and the bars differ in {len(found)} places{at_times(found)}"
        verdict = above(len(found), 0, self.fail)
        return [self.finding(None, verdict, float(len(found)), message, fail=float(self.fail), held_against=found)]
