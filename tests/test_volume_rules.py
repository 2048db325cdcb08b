"""Volumes against fixed thresholds and against earlier sessions, on sessions written by hand and on recorded ones."""

from dataclasses import replace
from datetime import date
from functools import cache
from itertools import islice

import numpy as np
import pandas as pd
import pytest

from market.labels import LabelSide
from market.normalise import Provenance, normalise
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid, bar_grid
from market.quality.rules import LowVolume, VolumeOutliers, VolumeRegime, ZeroVolume
from market.sessions import BarSize, Session, session, sessions_before
from market.splits import Split, SplitTable
from market.synthetic import synthetic_bars
from schemas.quality import Verdict
from schemas.tables import BAR_VALUES
from tests.support import recorded
from tests.support.quality import FIVE, ONE, calm_bars, grid_of, new_york, report_on

DAY, HALF_DAY = session("2024-01-03"), session("2023-11-24")
BUSY_DAYS = (1.0, 0.8, 1.25, 0.9, 1.1, 1.0, 0.85)
"""Earlier sessions by the volume of an ordinary one; the median is 1."""


def shape(day: Session, size: BarSize = ONE) -> np.ndarray:
    """Much at the open, less towards noon; at the close of the day, whenever it is, five times as much."""
    minutes = np.arange(len(day.minutes(size))) * (size.delta / pd.Timedelta(minutes=1))
    shares = 10_000 + 40_000 * np.exp(-minutes / 60)
    shares[-1] *= 5
    return shares


def ordinary(day: Session, size: BarSize = ONE, busy: float = 1.0) -> np.ndarray:
    """The session's volumes: some minutes have half more than usual, others a third less."""
    many = shape(day, size)
    return np.round(many * busy * np.resize([1.0, 1.5, 1.0, 0.67, 1.0], len(many)))


@cache
def history(
    day: Session, size: BarSize = ONE, busy: tuple[float, ...] = BUSY_DAYS, symbol: str = "NVDA"
) -> tuple[Grid, ...]:
    """That many sessions before, latest first."""
    days = islice(sessions_before(day), len(busy))
    return tuple(
        grid_of(
            calm_bars(each, symbol=symbol, size=size, volume=np.round(shape(each, size) * how)), each, size, (symbol,)
        )
        for each, how in zip(days, busy, strict=True)
    )


@pytest.mark.parametrize(
    ("size", "count", "verdict"),
    [
        (ONE, 0, "PASS"), (ONE, 1, "PASS"), (ONE, 2, "WARN"), (ONE, 3, "WARN"), (ONE, 4, "FAIL"),
        (FIVE, 1, "PASS"), (FIVE, 2, "FAIL"),
    ],
)  # fmt: skip
def test_bars_without_volume(size, count, verdict):
    """Of 390 bars 1 % are 3.9, of 78 they are less than one; one bar is tolerated."""
    bars = calm_bars(DAY, size=size)
    bars.loc[10 : 9 + count, "volume"] = 0.0
    (finding,) = report_on(ZeroVolume(), bars, DAY, size).findings
    assert (finding.measured, finding.verdict) == (pytest.approx(count / len(bars)), Verdict(verdict))
    assert len(finding.held_against) == count
    assert report_on(LowVolume(least_bar=50), bars, DAY, size).verdict is Verdict.PASS


def test_what_is_no_count_is_neither_zero_nor_little():
    bars = calm_bars(DAY)
    bars.loc[10:40, "volume"] = [np.nan, np.inf, -1.0, 0.5] * 7 + [np.nan] * 3
    for rule in (ZeroVolume(), LowVolume()):
        assert {finding.verdict for finding in report_on(rule, bars, DAY).findings} == {Verdict.PASS}


@pytest.mark.parametrize(("count", "verdict"), [(0, "PASS"), (1, "WARN"), (7, "WARN"), (8, "FAIL")])
def test_thin_bars(count, verdict):
    """2 % of 390 is 7.8; 50 shares are not less than 50."""
    bars = calm_bars(DAY)
    bars.loc[100, "volume"] = 50.0
    bars.loc[10 : 9 + count, "volume"] = 49.0
    of_bars, of_day = report_on(LowVolume(least_bar=50), bars, DAY).findings
    assert (of_bars.verdict, of_day.verdict) == (Verdict(verdict), Verdict.PASS)
    assert len(of_bars.held_against) == count


@pytest.mark.parametrize(
    ("day", "size", "shares", "absent", "measured", "verdict"),
    [
        (DAY, ONE, 100, 0, 39_000, "PASS"),
        (DAY, ONE, 99, 0, 38_610, "WARN"),
        (DAY, ONE, 50, 0, 19_500, "FAIL"),
        (DAY, ONE, 100, 380, 39_000, "PASS"),  # most of the bars are missing: that is asked by another rule
        (DAY, FIVE, 500, 0, 39_000, "PASS"),
        (DAY, FIVE, 100, 0, 7_800, "FAIL"),
        (HALF_DAY, ONE, 100, 0, 39_000, "PASS"),
    ],
)
def test_the_volume_of_a_session(day, size, shares, absent, measured, verdict):
    bars = calm_bars(day, size=size).assign(volume=float(shares)).iloc[absent:]
    _, finding = report_on(LowVolume(least_day_warn=39_000, least_day_fail=20_000), bars, day, size).findings
    assert (finding.measured, finding.verdict) == (pytest.approx(measured), Verdict(verdict))
    assert (finding.warn, finding.fail) == (39_000, 20_000)


def test_bars_without_volume_do_not_make_a_session_thin():
    bars = calm_bars(DAY).assign(volume=100.0)
    bars.loc[:194, "volume"] = 0.0
    assert report_on(LowVolume(), bars, DAY).findings[1].measured == 39_000
    assert len(report_on(LowVolume(), bars.assign(volume=0.0), DAY).findings) == 1  # of the bars; there is no day


@pytest.mark.parametrize("size", [ONE, FIVE], ids=str)
@pytest.mark.parametrize(
    ("busy", "verdict"), [(1, "PASS"), (3.5, "PASS"), (5, "WARN"), (12, "FAIL"), (1 / 3.5, "PASS"), (1 / 12, "FAIL")]
)
def test_the_level_of_a_session(size, busy, verdict):
    bars = calm_bars(DAY, size=size, volume=ordinary(DAY, size, busy))
    level, flip = report_on(VolumeRegime(), bars, DAY, size, history=history(DAY, size)).findings
    assert (level.verdict, flip.verdict) == (Verdict(verdict), Verdict.PASS)
    assert level.measured == pytest.approx(max(busy, 1 / busy), rel=1e-3)
    outliers = report_on(VolumeOutliers(), bars, DAY, size, history=history(DAY, size))
    assert outliers.verdict is Verdict.PASS


def test_a_level_is_said_in_words():
    bars = calm_bars(DAY, volume=ordinary(DAY, busy=1 / 12.5))
    said = report_on(VolumeRegime(), bars, DAY, history=history(DAY)).reasons()
    assert said == ["NVDA trades 1/12.5 of the volume of earlier sessions (at most a factor 10)."]


@pytest.mark.parametrize("size", [ONE, FIVE], ids=str)
@pytest.mark.parametrize("at", ["10:05", "12:35", "15:25"])
@pytest.mark.parametrize("partial", ["before", "after"])
def test_a_feed_that_flips_in_the_session_is_found_at_the_minute(size, at, partial):
    """Between the consolidated volume and a thirtieth of it, which is about what one exchange has."""
    late = DAY.minutes(size) >= pd.Timestamp(f"2024-01-03 {at}", tz="America/New_York")
    many = np.where(late == (partial == "after"), ordinary(DAY, size) / 30, ordinary(DAY, size)).round()
    bars = calm_bars(DAY, size=size, volume=many)
    flip = report_on(VolumeRegime(), bars, DAY, size, history=history(DAY, size)).findings[1]
    assert (flip.verdict, new_york(flip)) == (Verdict.FAIL, [at])
    assert flip.measured == pytest.approx(30, rel=0.05)
    outliers = report_on(VolumeOutliers(), bars, DAY, size, history=history(DAY, size))
    assert outliers.verdict is Verdict.PASS
    assert report_on(LowVolume(), bars, DAY, size).verdict is Verdict.PASS


def test_a_burst_does_not_move_the_minute_of_a_flip():
    many = ordinary(DAY)
    many[185:] = np.round(many[185:] / 12)
    many[360:385] *= 1e4
    report = report_on(VolumeRegime(), calm_bars(DAY, volume=many), DAY, history=history(DAY))
    assert new_york(report.findings[1]) == ["12:35"]


@pytest.mark.parametrize(("more", "verdict"), [(4.5, "PASS"), (6, "WARN"), (12, "FAIL")])
def test_an_afternoon_may_be_busy(more, verdict):
    many = ordinary(DAY)
    many[270:] *= more
    flip = report_on(VolumeRegime(), calm_bars(DAY, volume=many), DAY, history=history(DAY)).findings[1]
    assert flip.verdict is Verdict(verdict)
    assert new_york(flip) == ([] if verdict == "PASS" else ["14:00"])


@pytest.mark.parametrize(
    ("rows", "factor", "verdict", "named"),
    [
        ([90], 1000, "WARN", ["11:00"]),
        ([90, 91, 300], 0.001, "WARN", ["11:00", "11:01", "14:30"]),
        ([90], 40, "PASS", []),  # a block, news
        ([389], 1000, "WARN", ["15:59"]),
        (range(100, 119), 1000, "WARN", None),  # of 390 bars 5 % are 19.5
        (range(100, 120), 1000, "FAIL", None),
    ],
)
def test_outliers_of_volume(rows, factor, verdict, named):
    many = ordinary(DAY)
    many[list(rows)] = np.round(many[list(rows)] * factor)
    bars = calm_bars(DAY, volume=many)
    (finding,) = report_on(VolumeOutliers(), bars, DAY, history=history(DAY)).findings
    assert finding.verdict is Verdict(verdict)
    assert new_york(finding) == named if named is not None else len(finding.held_against) == len(rows)
    assert report_on(VolumeRegime(), bars, DAY, history=history(DAY)).verdict is Verdict.PASS


def test_outliers_leave_to_other_rules_what_is_theirs():
    many = ordinary(DAY)
    many[[10, 20, 30, 40]] = [0, 9, np.nan, 1e15]  # nothing, next to nothing, no number, no count
    report = report_on(VolumeOutliers(least_bar=10), calm_bars(DAY, volume=many), DAY, history=history(DAY))
    assert report.verdict is Verdict.PASS


@pytest.mark.parametrize("rule", [VolumeOutliers(), VolumeRegime()], ids=lambda rule: rule.name)
def test_without_enough_earlier_sessions_nothing_is_asked(rule):
    bars = calm_bars(DAY, volume=ordinary(DAY, busy=100))
    of_half = grid_of(calm_bars(session("2023-11-01")).head(150), session("2023-11-01"))
    other_size = history(DAY, FIVE)
    for earlier, why in [
        (None, "no earlier sessions were looked at"),
        ((), "0 earlier sessions can be compared with, it takes 5"),
        (history(DAY)[:4], "4 earlier sessions can be compared with, it takes 5"),
        ((*history(DAY)[:4], of_half), "4 earlier sessions can be compared with, it takes 5"),
        (other_size, "0 earlier sessions can be compared with, it takes 5"),
    ]:
        report = report_on(rule, bars, DAY, history=earlier)
        assert (report.findings, report.not_asked) == ((), {rule.name: why})
    assert report_on(rule, bars, DAY, history=history(DAY)[:5]).not_asked == {}
    few = report_on(rule, bars.head(59), DAY, history=history(DAY))
    assert few.not_asked == {rule.name: "too few of its minutes can be compared with earlier sessions"}


def test_a_symbol_without_earlier_sessions_does_not_excuse_the_other():
    bars = pd.concat([calm_bars(DAY, volume=ordinary(DAY, busy=20)), calm_bars(DAY, symbol="MSFT")], ignore_index=True)
    for symbols in (("NVDA", "MSFT"), ("MSFT", "NVDA")):
        findings = report_on(VolumeRegime(), bars, DAY, symbols=symbols, history=history(DAY)).findings
        assert [(finding.symbol, finding.verdict.value) for finding in findings] == [("NVDA", "FAIL"), ("NVDA", "PASS")]


def test_each_symbol_is_judged_by_its_own_thresholds_once():
    table = calm_bars(DAY, volume=ordinary(DAY, busy=20))
    bars = pd.concat([table, table.assign(symbol="MSFT")], ignore_index=True)
    earlier = tuple(
        replace(
            grid,
            symbols=("NVDA", "MSFT"),
            values={name: both(grid[name]) for name in BAR_VALUES},
            present=both(grid.present),
        )
        for grid in history(DAY)
    )
    gate = Gate("test", [VolumeRegime()], by_symbol={"MSFT": [VolumeRegime(fail=30)]})
    findings = gate.judge(Evidence(DAY, ONE, ("NVDA", "MSFT"), bars, history=earlier)).findings
    said = [(finding.symbol, finding.verdict.value) for finding in findings]
    assert said == [("NVDA", "FAIL"), ("NVDA", "PASS"), ("MSFT", "WARN"), ("MSFT", "PASS")]


def both(column: np.ndarray) -> np.ndarray:
    return np.repeat(column, 2, axis=1)


@pytest.mark.parametrize("size", [ONE, FIVE], ids=str)
@pytest.mark.parametrize("rule", [VolumeOutliers(sigmas=3), VolumeRegime(warn=1.3)], ids=lambda rule: rule.name)
def test_half_days_are_compared_until_shortly_before_their_close(rule, size):
    """Their closing minutes are of a close, those of the full days then of a noon, and the other way round."""
    bars = calm_bars(HALF_DAY, size=size, volume=ordinary(HALF_DAY, size))
    assert report_on(rule, bars, HALF_DAY, size, history=history(HALF_DAY, size)).verdict is Verdict.PASS
    after = session("2023-11-27")
    full = calm_bars(after, size=size, volume=ordinary(after, size))
    only_half = history(session("2023-11-27"), size, (1.0,)) * 5
    assert only_half[0].session == HALF_DAY
    assert report_on(rule, full, after, size, history=only_half).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("basis", "price", "verdict"),
    [
        ("as_traded", 10.0, "PASS"),
        ("split_adjusted", 10.0, "FAIL"),
        ("unknown", 10.0, "PASS"),
        ("unknown", 100.0, "FAIL"),
    ],
)
def test_a_split_makes_more_shares_of_the_same(basis, price, verdict):
    """Ten times the volume on the day of a ten for one: right where the prices show the split, otherwise not."""
    bars = calm_bars(DAY, price, volume=ordinary(DAY, busy=10.5)).assign(basis=basis)
    splits = SplitTable((Split("NVDA", date(2024, 1, 3), 10.0),))
    earlier = tuple(replace(grid, basis={"NVDA": basis}) for grid in history(DAY))
    level = report_on(VolumeRegime(), bars, DAY, history=earlier, splits=splits).findings[0]
    assert (level.verdict, level.measured) == (
        Verdict(verdict),
        pytest.approx(1.05 if verdict == "PASS" else 10.5, rel=1e-3),
    )


@cache
def recorded_bars(key: str, symbol: str) -> pd.DataFrame:
    """A recorded session of Alpha Vantage."""
    provenance = Provenance("alpha_vantage", "as_traded", LabelSide.END)
    return normalise(recorded.vendor_rows(symbol), session(key), ONE, provenance).bars


def recorded_history(key: str, symbol: str) -> tuple[Grid, ...]:
    days = islice(sessions_before(session(key)), 5)
    return tuple(grid_of(recorded_bars(day.key, symbol), day, symbols=(symbol,)) for day in days)


@pytest.mark.parametrize(
    ("key", "symbol"),
    [
        ("2020-11-19", "NVDA"),  # the day after its earnings
        ("2020-11-27", "MSFT"),  # a half day
        ("2020-12-16", "MSFT"),  # the central bank speaks at 14:00
        ("2020-12-18", "NVDA"),  # options expire
        ("2021-01-04", "NVDA"),  # the first busy day after Christmas
    ],
)
def test_recorded_sessions_are_ordinary_and_their_partial_halves_are_not(key, symbol):
    day, bars, earlier = session(key), recorded_bars(key, symbol), recorded_history(key, symbol)
    for rule in (VolumeRegime(), VolumeOutliers(), LowVolume(), ZeroVolume()):
        assert report_on(rule, bars, day, symbols=(symbol,), history=earlier).verdict is Verdict.PASS
    late = bars["timestamp"] >= pd.Timestamp(f"{key} 11:17", tz="America/New_York")
    for partial in (late, ~late):
        changed = bars.assign(volume=bars["volume"].mask(partial, (bars["volume"] * 0.03).round()))
        flip = report_on(VolumeRegime(), changed, day, symbols=(symbol,), history=earlier).findings[1]
        assert (flip.verdict, new_york(flip)) == (Verdict.FAIL, ["11:17"])
        outliers = report_on(VolumeOutliers(), changed, day, symbols=(symbol,), history=earlier)
        assert outliers.verdict is Verdict.PASS


def test_a_symbol_without_earlier_sessions_is_told_so_under_its_own_thresholds_too():
    days = [session(f"2024-01-{day:02}") for day in (3, 4, 5, 8, 9, 10)]
    history = tuple(bar_grid(synthetic_bars(day, ONE, ("NVDA",), 1), day, ONE, ("NVDA",)) for day in days[-2::-1])
    gate = Gate("test", [VolumeRegime()], {"MSFT": [VolumeRegime(warn=5)]})
    report = gate.judge(
        Evidence(days[-1], ONE, ("NVDA", "MSFT"), synthetic_bars(days[-1], ONE, ("NVDA", "MSFT"), 1), history=history)
    )
    assert {finding.symbol for finding in report.findings} == {"NVDA"}
    assert report.not_asked == {"volume_regime": "MSFT: 0 earlier sessions can be compared with, it takes 5"}
