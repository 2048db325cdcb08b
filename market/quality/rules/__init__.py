"""The rules, by what they look at. `RULES` is the registry: a rule that is not named here does not exist."""

from market.quality.rule import Rule
from market.quality.rules.clocks import ClockDrift
from market.quality.rules.comparison import CrossFeedAgreement, RevisionRate
from market.quality.rules.completeness import LongestGap, MissingRatio, TimestampOverlap
from market.quality.rules.features import FrameFollowsBars
from market.quality.rules.indicators import EmaRange, RsiBounds, RsiExtremes, TimeFeatures, VwapRange
from market.quality.rules.prices import (
    OhlcRelations,
    PriceJumps,
    PriceRange,
    PriceValues,
    ReplayedBars,
    StalePrices,
)
from market.quality.rules.provenance import SyntheticBars
from market.quality.rules.timestamps import Duplicates, OffGrid, OutsideSession, StartLabels
from market.quality.rules.volumes import LowVolume, VolumeCounts, VolumeOutliers, VolumeRegime, ZeroVolume

RULES: tuple[type[Rule], ...] = (
    MissingRatio,
    LongestGap,
    TimestampOverlap,
    PriceValues,
    OhlcRelations,
    PriceJumps,
    PriceRange,
    StalePrices,
    ReplayedBars,
    VolumeCounts,
    ZeroVolume,
    LowVolume,
    VolumeOutliers,
    VolumeRegime,
    Duplicates,
    OffGrid,
    OutsideSession,
    StartLabels,
    ClockDrift,
    FrameFollowsBars,
    RsiBounds,
    RsiExtremes,
    EmaRange,
    VwapRange,
    TimeFeatures,
    CrossFeedAgreement,
    RevisionRate,
    SyntheticBars,
)

FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(rule.family for rule in RULES))
