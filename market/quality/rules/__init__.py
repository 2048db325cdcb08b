"""The rules, one family a module. `RULES` is the registry: a rule that is not named here does not exist."""

from market.quality.rule import Rule
from market.quality.rules.completeness import MissingRatio, TimestampOverlap
from market.quality.rules.frames import FrameFollowsBars
from market.quality.rules.integrity import Duplicates, OhlcRelations, OutsideSession, VolumeCounts
from market.quality.rules.provenance import SyntheticBars

RULES: tuple[type[Rule], ...] = (
    MissingRatio,
    TimestampOverlap,
    OhlcRelations,
    VolumeCounts,
    Duplicates,
    OutsideSession,
    FrameFollowsBars,
    SyntheticBars,
)

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(rule.family for rule in RULES))
