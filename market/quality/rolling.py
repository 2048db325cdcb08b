"""The gate over a stretch of a session that goes on: the rules that say something of any stretch, no threshold changed.

Rules about a whole day (its volume, its opening auction, its share of missing bars) are left to the session's report.
"""

from dataclasses import replace

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rule import Rule
from market.quality.rules.completeness import LongestGap, TimestampOverlap
from market.quality.rules.prices import OhlcRelations, PriceJumps, PriceRange, PriceValues, ReplayedBars, StalePrices
from market.quality.rules.provenance import SyntheticBars
from market.quality.rules.volumes import VolumeCounts, ZeroVolume
from market.running import RunningSession
from schemas.quality import QualityReport

ROLLING: tuple[type[Rule], ...] = (
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
    SyntheticBars,
)


def rolling(gate: Gate) -> Gate:
    """The same thresholds, of the rules that can be asked of a stretch."""
    kept = [place for place, rule in enumerate(gate.rules) if isinstance(rule, ROLLING)]
    own = {symbol: [rules[place] for place in kept] for symbol, rules in gate.by_symbol.items()}
    return replace(gate, rules=[gate.rules[place] for place in kept], by_symbol=own)


def judge_stretch(gate: Gate, running: RunningSession, until: int, bars: int) -> QualityReport:
    """What a rolling gate says of the last bars before a place.

    Args:
        gate: what `rolling` gave.
        running: the session so far.
        until: the place of the first bar that is not judged.
        bars: how many are, at most.

    """
    first = max(0, until - bars)
    stretch = replace(running.session, open=running.starts[first], close=running.ends(until - 1))
    cells = running.present.copy()
    cells[:first], cells[until:] = False, False
    return gate.judge(Evidence(stretch, running.bar_size, running.symbols, running.bars(cells)))
