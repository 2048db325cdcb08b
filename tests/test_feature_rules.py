"""The bounds of the features, on frames whose values are known without computing them, and on honest spoiled ones."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from market.frames import build_frame
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid, bar_grid
from market.quality.rule import Rule
from market.quality.rules.indicators import EmaRange, RsiBounds, RsiExtremes, TimeFeatures, VwapRange
from market.sessions import BarSize, Session, session
from schemas.quality import Finding, QualityReport, Verdict
from tests.support.tables import UNMARKED

DAY, BEFORE = session("2024-01-03"), session("2024-01-02")  # both open at 09:30 in New York, 14:30 UTC
ONE = BarSize.ONE_MINUTE
SQRT_HALF = 0.7071067811865476
HALF_SQRT_3 = 0.8660254037844386
EVERY = (RsiBounds(), RsiExtremes(), EmaRange(), VwapRange(), TimeFeatures())


def bars_of(closes: Sequence[float], of: Session = DAY) -> pd.DataFrame:
    """NVDA bars from the open; NaN: no bar."""
    close = np.array(closes, dtype=float)
    table = pd.DataFrame({"timestamp": of.minutes(ONE)[: len(close)], "symbol": "NVDA", "close": close})
    table = table.assign(open=close, high=close + 1, low=close - 1, volume=100.0, **UNMARKED)
    return table[~np.isnan(close)].reset_index(drop=True)


def grid_of(closes: Sequence[float]) -> Grid:
    return bar_grid(bars_of(closes, BEFORE), BEFORE, ONE, ("NVDA",))


def evidence_of(bars: pd.DataFrame, history: tuple[Grid, ...] | None = None, **features: Sequence[float]) -> Evidence:
    """Bars with an honest frame, some of whose features are these from the open on."""
    frame = build_frame(bars, [], DAY, ONE, ("NVDA",))
    for name, values in features.items():
        frame.loc[: len(values) - 1, name] = list(values)
    return Evidence(DAY, ONE, ("NVDA",), bars, frame=frame, history=history)


def asked(rule: Rule, evidence: Evidence) -> Finding:
    (finding,) = Gate("test", [rule]).judge(evidence).findings
    return finding


def at(finding: Finding) -> list[int]:
    """The minutes at fault, counted from the open."""
    return [int((pd.Timestamp(stamp) - DAY.open) / timedelta(minutes=1)) for stamp in finding.held_against]


def every(evidence: Evidence) -> QualityReport:
    return Gate("test", EVERY).judge(evidence)


NAN = float("nan")
TWENTY = [100.0 + (-1) ** minute for minute in range(20)]  # 101, 99, 101 ...


@pytest.mark.parametrize(
    ("rsi", "history", "faults"),
    [
        ([NAN] * 14 + [50.0] * 6, (), []),  # 15 closes make 14 changes
        ([NAN] * 15 + [50.0] * 5, (), [14]),
        ([NAN] * 14 + [50.0] * 6, None, []),
        ([50.0] * 20, None, []),  # an earlier session may have warmed it
        ([50.0] * 20, (14,), []),
        ([NAN] + [50.0] * 19, (14,), [0]),
        ([NAN] + [50.0] * 19, (13,), []),
        ([50.0] * 18 + [100.0, 0.0], (20,), []),
        ([50.0] * 17 + [100.1, -0.1, float("inf")], (20,), [17, 18, 19]),
        ([50.0] * 21, (20,), [20]),  # the 21st minute has no bar
    ],
)
def test_rsi_bounds(rsi, history, faults):
    grids = history and tuple(grid_of([100.0] * closes) for closes in history)
    finding = asked(RsiBounds(), evidence_of(bars_of(TWENTY), grids, rsi=rsi))
    assert (at(finding), finding.measured) == (faults, len(faults))
    assert finding.verdict is (Verdict.FAIL if faults else Verdict.PASS)


@pytest.mark.parametrize(
    ("extremes", "verdict"),
    [(0, "PASS"), (3, "PASS"), (4, "WARN"), (5, "WARN"), (6, "FAIL")],  # of 100: 3 % warns no more, 5 % fails not yet
)
@pytest.mark.parametrize("value", [95.1, 4.9])
def test_rsi_extremes(extremes, verdict, value):
    rsi = [99.0] * 49 + [value] * extremes + [95.0, 5.0] * 50  # 49 of warm-up, and what is just not extreme
    bars = bars_of([100.0 + (-1) ** minute for minute in range(149)])
    finding = asked(RsiExtremes(), evidence_of(bars, None, rsi=rsi[:149]))
    assert finding.measured == pytest.approx(extremes / 100)
    assert (finding.verdict, at(finding)) == (Verdict(verdict), list(range(49, 49 + extremes)))
    assert "49 of warm-up and 0 after a jump are not counted" in finding.message


def test_closes_of_earlier_sessions_warm_the_rsi():
    evidence = evidence_of(bars_of(TWENTY), (grid_of([100.0, 101.0] * 25),), rsi=[50.0] * 20)
    assert "0 of warm-up" in asked(RsiExtremes(), evidence).message
    cold = every(evidence_of(bars_of(TWENTY), (), rsi=[NAN] * 14 + [50.0] * 6))
    assert list(cold.not_asked) == ["rsi_extremes"]


def test_minutes_after_a_jump_are_not_counted():
    """A split that the history does not know: 399 to 99, and the usual change is 2.

    After k more closes the jump weighs 300 * (13/14)**k: above 14 * 2 while k < ln(300/28) / ln(14/13) = 32.003.
    """
    rsi = [1.0] * 33 + [50.0] * 67
    closes = [101.0 if minute % 2 else 99.0 for minute in range(100)]
    finding = asked(RsiExtremes(), evidence_of(bars_of(closes), (grid_of([399.0, 399.0] * 50),), rsi=rsi))
    assert finding.measured == 0
    assert "33 after a jump" in finding.message


@pytest.mark.parametrize(
    ("short", "history", "faults"),
    [
        ([NAN] * 11 + [100.0] * 9, (), []),
        ([NAN] * 12 + [100.0] * 8, (), [11]),
        ([NAN] * 11 + [101.0, 99.0, 101.0 + 1e-8, 99.0 - 1e-8] + [100.0] * 5, (), []),  # what rounding adds
        ([NAN] * 11 + [101.1, 98.9] + [100.0] * 7, (), [11, 12]),
        (
            [103.0, 102.0] + [100.0] * 18,
            None,
            [],
        ),  # it rests on closes that nobody looked at: the first stands for them
        ([103.0, 104.0] + [100.0] * 18, None, [1]),
        ([103.0, 98.0] + [100.0] * 18, ([104.0] * 30 + [97.0],), []),
        ([104.1, 96.0] + [100.0] * 18, ([104.0] * 99 + [97.0],), [0, 1]),
        ([100.0] * 21, ([104.0] * 98 + [97.0],), [20]),  # the 21st minute has no bar
    ],
)
def test_ema_range(short, history, faults):
    grids = history and tuple(grid_of(closes) for closes in history)
    long = [100.5] * 20 if history else [NAN] * 20
    finding = asked(EmaRange(), evidence_of(bars_of(TWENTY), grids, ema_short=short, ema_long=long))
    assert (at(finding), finding.verdict) == (faults, Verdict.FAIL if faults else Verdict.PASS)


def test_a_session_that_is_left_out_of_the_history_may_have_warmed_the_averages():
    """Yesterday closed at 100, of which the database has only the week before, at 112; today is at 105 to 106."""
    older, today = session("2023-12-22"), bars_of([105.0, 106.0])
    frame = build_frame(today, [bars_of([100.0] * 390, BEFORE)], DAY, ONE, ("NVDA",))
    history = (bar_grid(bars_of([112.0] * 210, older), older, ONE, ("NVDA",)),)
    assert asked(EmaRange(), Evidence(DAY, ONE, ("NVDA",), today, frame, history)).measured == 0


def test_both_averages_are_held_against_their_closes():
    long = [NAN] * 25 + [100.0, 101.5]
    bars = bars_of([100.0 + (-1) ** minute for minute in range(27)])
    assert at(asked(EmaRange(), evidence_of(bars, (), ema_long=long))) == [26]


@pytest.mark.parametrize(
    ("closes", "vwap", "faults"),
    [
        ([10.0, 20.0, 15.0], [9.0, 21.0, 9.0], []),  # the bars reach from one below the close to one above
        ([10.0, 20.0, 15.0], [8.9, 21.1, 15.0], [0, 1]),
        ([10.0, 20.0, 15.0], [12.0, 15.0, 15.0], [0]),  # the second bar's prices come later
        ([10.0, 20.0, 15.0], [10.0, NAN, 15.0], [1]),
        ([10.0, NAN, 15.0], [10.0, 10.0, 15.0], [1]),
        ([10.0, NAN, 15.0], [10.0, NAN, 15.0], []),
    ],
)
def test_vwap_range(closes, vwap, faults):
    finding = asked(VwapRange(), evidence_of(bars_of(closes), vwap=vwap))
    assert (at(finding), finding.verdict) == (faults, Verdict.FAIL if faults else Verdict.PASS)


def test_bars_without_volume_do_not_widen_the_vwaps_range():
    bars = bars_of([10.0, 20.0, 15.0]).assign(volume=[0.0, 50.0, 0.0])
    assert at(asked(VwapRange(), evidence_of(bars, vwap=[NAN, 20.0, 18.0]))) == [2]


def test_time_features_are_those_of_new_york():
    """At 09:30 the hands stand at 9/24 and 1/2 of the circle, 135 and 180 degrees; 12:15: 180, 90; 15:10: 225, 60."""
    evidence = evidence_of(bars_of([100.0] * 390))
    assert evidence.frame is not None
    by_hand = {
        0: (SQRT_HALF, -SQRT_HALF, 0.0, -1.0),
        165: (0.0, -1.0, 1.0, 0.0),
        340: (-SQRT_HALF, -SQRT_HALF, HALF_SQRT_3, 0.5),
    }
    names = ["hour_sin", "hour_cos", "minute_sin", "minute_cos"]
    for minute, values in by_hand.items():
        evidence.frame.loc[minute, names] = values
    assert at(asked(TimeFeatures(), evidence)) == []


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"minute_sin": [0.0, 0.5]}, [1]),  # off the circle
        ({"minute_sin": [1.0], "minute_cos": [0.0]}, [0]),  # on it, at 09:15
        ({"hour_sin": [-0.5], "hour_cos": [-HALF_SQRT_3]}, [0]),  # UTC's hour, 14
        ({"hour_cos": [NAN, NAN]}, [0, 1]),
        ({"hour_sin": [SQRT_HALF + 1e-8]}, [0]),
    ],
)
def test_time_features_of_another_clock(changed, faults):
    finding = asked(TimeFeatures(), evidence_of(bars_of([100.0] * 390), **changed))
    assert (at(finding), finding.verdict) == (faults, Verdict.FAIL)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"close": 250.0, "high": 250.0},
        {"close": 1.0, "low": 1.0},
        {"close": NAN, "open": NAN, "high": NAN, "low": NAN},
        {"high": NAN},
        {"close": float("inf")},
        {"volume": -5000.0},
        {"volume": NAN},
        {"volume": 0.0},
        {"high": 90.0, "low": 110.0},
        {"close": -5.0},
    ],
    ids=str,
)
def test_a_frame_built_honestly_from_a_spoiled_bar_is_not_the_features_fault(spoiled):
    walk = 100.0 + np.cumsum(np.random.default_rng(7).choice([-0.1, 0.1], 390))
    bars = bars_of(walk)
    for minute in (2, 200):
        bars.loc[minute, list(spoiled)] = list(spoiled.values())
    for history in (None, ()):
        assert every(evidence_of(bars, history)).verdict is Verdict.PASS


@pytest.mark.parametrize("close", [float("inf"), -float("inf")])
def test_a_session_that_begins_with_an_infinite_close_can_be_judged(close):
    report = every(evidence_of(bars_of([close] + [100.0, 101.0] * 30)))
    assert {finding.verdict for finding in report.findings} == {Verdict.PASS}


def test_a_stock_that_only_rises_has_an_extreme_rsi():
    finding = asked(RsiExtremes(), evidence_of(bars_of(100.0 + np.arange(390) / 10), ()))
    assert (finding.measured, finding.verdict) == (1.0, Verdict.FAIL)


def test_a_frame_without_its_bars_minutes_is_held_against_no_bound():
    """That rows are absent is another rule's matter."""
    evidence = evidence_of(bars_of(TWENTY))
    assert evidence.frame is not None
    shorter = Evidence(DAY, ONE, ("NVDA",), evidence.bars, frame=evidence.frame.iloc[:10])
    assert [finding.verdict for finding in every(shorter).findings] == [Verdict.PASS] * 4
    unbuilt = every(Evidence(DAY, ONE, ("NVDA",), evidence.bars))
    assert set(unbuilt.not_asked.values()) == {"no frame was built"}
