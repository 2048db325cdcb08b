"""What holds of every session and of every report, whatever is in them."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from market.quality.gate import Gate
from market.quality.merging import merge
from market.quality.rule import spans
from market.quality.rules import LongestGap, MissingRatio
from market.sessions import BarSize, session
from resources.gate_settings import load_gate
from schemas.quality import Acceptance, Attempt, Finding, QualityReport, Verdict
from tests.support.scenes import FULL_DAY, ONE, PAIR, Scene

QUICK = settings(max_examples=25, derandomize=True, deadline=None, database=None)
MINUTES = session(FULL_DAY).minutes(ONE)
some_minutes = st.sets(st.integers(0, 389), max_size=60)


@cache
def prod() -> Gate:
    return load_gate("prod")


def without(scene: Scene, symbol: str, minutes: set[int]) -> Scene:
    gone = (scene.bars["symbol"] == symbol) & scene.bars["timestamp"].isin(MINUTES[sorted(minutes)])
    scene.bars = scene.bars[~gone].reset_index(drop=True)
    return scene


def judged(gate: Gate, scene: Scene) -> QualityReport:
    return scene.judged(gate)


def content(finding: Finding) -> Finding:
    """The finding; the bars that it names are named in the order of the rows."""
    return finding.model_copy(update={"held_against": tuple(sorted(finding.held_against))})


# Bars


@QUICK
@given(minutes=some_minutes, seed=st.integers(0, 2**32 - 1), twice=some_minutes, broken=some_minutes)
def test_no_finding_depends_on_the_order_of_the_rows(minutes, seed, twice, broken):
    scene = without(Scene(FULL_DAY), "NVDA", minutes)
    again = scene.bars[scene.bars["timestamp"].isin(MINUTES[sorted(twice)])].assign(mark="duplicate_equal")
    bars = pd.concat([scene.bars, again], ignore_index=True)
    bars.loc[bars["timestamp"].isin(MINUTES[sorted(broken)]) & (bars["symbol"] == "MSFT"), "high"] = 1.0
    scene.bars = bars
    report = judged(prod(), scene)
    order = np.random.default_rng(seed).permutation(len(bars))
    shuffled = Scene(FULL_DAY)
    shuffled.bars = bars.iloc[order].reset_index(drop=True)
    shuffled.frame, shuffled.second, shuffled.stored = scene.frame, scene.second, scene.stored
    other = judged(prod(), shuffled)
    assert (other.verdict, other.action) == (report.verdict, report.action)
    assert list(map(content, other.findings)) == list(map(content, report.findings))
    assert (other.missing, other.bars_in, other.not_asked) == (report.missing, report.bars_in, report.not_asked)


@QUICK
@given(minutes=some_minutes, one_more=st.integers(0, 389), symbol=st.sampled_from(PAIR))
def test_one_more_missing_minute_never_makes_it_better(minutes, one_more, symbol):
    gate = Gate("prod", [MissingRatio(), LongestGap()])
    before, after = (
        {finding.rule: finding for finding in judged(gate, without(Scene(FULL_DAY), symbol, gone)).findings
         if finding.symbol == symbol}
        for gone in (minutes, minutes | {one_more})
    )  # fmt: skip
    for rule in ("missing_ratio", "longest_gap"):
        assert after[rule].measured >= before[rule].measured
        assert after[rule].verdict.rank >= before[rule].verdict.rank
    grew = one_more not in minutes
    assert (after["missing_ratio"].measured > before["missing_ratio"].measured) == grew


@QUICK
@given(minutes=some_minutes, size=st.sampled_from(BarSize))
def test_gaps_are_the_missing_minutes_each_once_and_never_touch(minutes, size):
    grid = session(FULL_DAY).minutes(size)
    missing = grid[sorted({minute % len(grid) for minute in minutes})]
    gaps = spans(missing[::-1], size.delta)
    covered: list[pd.Timestamp] = []
    for gap in gaps:
        covered += pd.date_range(gap.first, gap.last, freq=size.delta).tolist()
        assert len(pd.date_range(gap.first, gap.last, freq=size.delta)) == gap.bars
    assert covered == missing.tolist()
    ends = [(pd.Timestamp(left.last), pd.Timestamp(right.first)) for left, right in pairwise(gaps)]
    assert all(right - left > size.delta for left, right in ends)


# Reports


findings = st.lists(
    st.builds(
        Finding,
        rule=st.sampled_from(["missing_ratio", "duplicates"]),
        family=st.just("completeness"),
        symbol=st.sampled_from([None, "NVDA", "MSFT"]),
        verdict=st.sampled_from(Verdict),
        measured=st.sampled_from([None, 0.0, 1.0]),
        message=st.just("Said."),
        final=st.booleans(),
    ),
    max_size=3,
)
attempts = st.lists(
    st.builds(Attempt, symbol=st.sampled_from(PAIR), feed=st.just("yahoo"), said=st.just("Late.")), max_size=2
)
words = st.none() | st.builds(
    Acceptance,
    by=st.sampled_from(["one", "another"]),
    reason=st.just("seen"),
    at=st.just("now"),
    fingerprints=st.just({}),
)


@st.composite
def reports(draw: st.DrawFn) -> QualityReport:
    """Reports that can be merged: what they say of a symbol's tables is the same in each."""
    symbols = draw(st.lists(st.sampled_from(["NVDA", "MSFT", "AAPL"]), unique=True, max_size=3))
    return QualityReport(
        session=FULL_DAY,
        environment="prod",
        bar_size="1min",
        symbols=tuple(symbols),
        bars_in=dict.fromkeys(symbols, 390),
        missing=dict.fromkeys(symbols, 0),
        findings=tuple(draw(findings)),
        not_asked=draw(st.dictionaries(st.sampled_from(["revision_rate", "rsi_bounds"]), st.sampled_from(["a", "b"]))),
        attempts=tuple(draw(attempts)),
        accepted=draw(words),
        fingerprints={f"bars/{symbol}": f"of {symbol}" for symbol in symbols},
    )


def gravest(parts: Sequence[QualityReport]) -> int:
    return max(part.verdict.rank for part in parts)


@settings(QUICK, max_examples=150)
@given(first=reports(), second=reports(), third=reports())
def test_merging_is_associative_and_never_milder(first, second, third):
    merged = merge(merge(first, second), third)
    assert merged == merge(first, merge(second, third))
    assert merged.verdict.rank == gravest([first, second, third])
    assert merged.blocked or not any(part.blocked for part in (first, second, third))
    assert set(merged.symbols) == {*first.symbols, *second.symbols, *third.symbols}


@settings(QUICK, max_examples=50)
@given(report=reports())
def test_a_report_merged_with_itself_says_no_more(report):
    merged = merge(report, report)
    assert (merged.verdict, merged.action, merged.symbols) == (report.verdict, report.action, report.symbols)
    assert set(merged.findings) == set(report.findings)


def test_merged_reports_say_every_reason_for_which_a_rule_was_not_asked():
    first, second, third = (
        QualityReport.model_validate(
            {"session": "2020-12-15", "environment": "prod", "bar_size": "1min", "symbols": [symbol], "bars_in": {},
             "missing": {}, "findings": [], "fingerprints": {}, "not_asked": not_asked}
        )
        for symbol, not_asked in (("A", {"x": "no history"}), ("B", {"x": "off", "y": "no frame"}), ("C", {"x": "off"}))
    )  # fmt: skip
    assert merge(merge(first, second), third).not_asked == {"x": "no history; off", "y": "no frame"}
    assert merge(first, merge(second, third)).not_asked == {"x": "no history; off", "y": "no frame"}
