"""The gate's rules, on bars written by hand around each threshold."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rule import Rule, Told
from market.quality.rules import (
    RULES,
    CrossFeedAgreement,
    Duplicates,
    FrameFollowsBars,
    LongestGap,
    MissingRatio,
    OffGrid,
    OhlcRelations,
    OutsideSession,
    PriceValues,
    TimestampOverlap,
    VolumeCounts,
)
from market.quality.stack import Stack
from market.sessions import BarSize, session
from market.synthetic import synthetic_bars
from resources.errors import ConfigError
from resources.gate_settings import load_gate
from resources.paths import CONFIG
from schemas.quality import Action, Finding, QualityReport, Verdict
from schemas.tables import BAR_VALUES, FEATURES
from tests.support.tables import UNMARKED

DAY = session("2024-01-03")
MINUTES = DAY.minutes(BarSize.ONE_MINUTE)
PAIR = ("NVDA", "MSFT")


def bars_of(**minutes: Iterable[int]) -> pd.DataFrame:
    """Flawless bars of each symbol at these minutes of the session."""
    parts = [pd.DataFrame({"timestamp": MINUTES[list(at)], "symbol": symbol}) for symbol, at in minutes.items()]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(open=10.0, high=11.0, low=9.0, close=10.5, volume=100.0, **UNMARKED)


def framed(bars: pd.DataFrame) -> pd.DataFrame:
    """A frame of these bars whose indicators say nothing."""
    others = dict.fromkeys((name for name in FEATURES if name not in bars), float("nan"))
    return bars[["timestamp", "symbol", *BAR_VALUES]].assign(**others, missing=False)


def report_of(*verdicts: str, **fields: object) -> QualityReport:
    """A report of findings with these verdicts."""
    finding = {"rule": "missing_ratio", "family": "completeness", "symbol": "NVDA", "message": "Said."}
    said = {"session": DAY.key, "environment": "staging", "bar_size": "1min", "symbols": ["NVDA"], "bars_in": {}}
    findings = [{**finding, "verdict": verdict} for verdict in verdicts]
    return QualityReport.model_validate({**said, "missing": {}, "findings": findings, "fingerprints": {}, **fields})


def judge(rule: Rule, bars: pd.DataFrame, symbols: tuple[str, ...] = PAIR) -> tuple[Finding, ...]:
    return Gate("test", [rule]).judge(Evidence(DAY, BarSize.ONE_MINUTE, symbols, bars)).findings


@pytest.mark.parametrize(
    ("environment", "missing", "verdict"),
    [  # 390 bars: 5 % is 19.5, 2 % is 7.8, 1 % is 3.9
        ("ci", 19, "WARN"), ("ci", 20, "FAIL"), ("ci", 7, "PASS"), ("ci", 8, "WARN"),
        ("staging", 7, "WARN"), ("staging", 8, "FAIL"), ("staging", 3, "PASS"),
        ("prod", 3, "WARN"), ("prod", 4, "FAIL"), ("prod", 1, "PASS"),
    ],
)  # fmt: skip
def test_missing_ratio_by_environment(environment, missing, verdict):
    absent = range(1, 2 * missing, 2)
    bars = bars_of(NVDA=[minute for minute in range(390) if minute not in absent], MSFT=range(390))
    gate = load_gate(environment)
    report = gate.judge(Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars))
    of_nvda = [finding for finding in report.findings if finding.rule == "missing_ratio" and finding.symbol == "NVDA"]
    assert [finding.verdict for finding in of_nvda] == [Verdict(verdict)]
    assert of_nvda[0].measured == pytest.approx(missing / 390)
    assert of_nvda[0].held_against == tuple(stamp.isoformat() for stamp in MINUTES[list(absent)])
    assert report.missing == {"NVDA": missing, "MSFT": 0}


def test_no_bars_at_all_fail():
    bars = bars_of(NVDA=range(390), MSFT=[])
    assert [f.verdict for f in judge(MissingRatio(), bars)] == [Verdict.PASS, Verdict.FAIL]
    assert judge(TimestampOverlap(), bars)[0].measured == 0


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({}, "PASS"),
        ({"high": 10.5, "low": 10.0}, "PASS"),  # touching is no violation
        ({"high": 10.4}, "FAIL"),
        ({"low": 10.1}, "FAIL"),
        ({"open": 11.2}, "FAIL"),
        ({"close": 8.9}, "FAIL"),
        ({"close": float("nan")}, "PASS"),  # no number: that is asked by another rule
        ({"high": 9.0, "low": 11.0}, "FAIL"),
    ],
)
def test_ohlc_relations(values, verdict):
    bars = bars_of(NVDA=range(10))
    for name, value in values.items():
        bars.loc[4, name] = value
    (finding,) = judge(OhlcRelations(), bars, ("NVDA",))
    assert finding.verdict is Verdict(verdict)
    assert finding.held_against == (("2024-01-03T14:34:00+00:00",) if verdict == "FAIL" else ())


@pytest.mark.parametrize("values", [{"close": float("nan")}, {"high": float("inf")}, {"low": 0.0}, {"low": -1.0}])
def test_prices_are_positive_numbers(values):
    bars = bars_of(NVDA=range(10))
    assert [finding.verdict for finding in judge(PriceValues(), bars, ("NVDA",))] == [Verdict.PASS]
    for name, value in values.items():
        bars.loc[4, name] = value
    (finding,) = judge(PriceValues(), bars, ("NVDA",))
    assert (finding.verdict, finding.held_against, finding.final) == (
        Verdict.FAIL,
        ("2024-01-03T14:34:00+00:00",),
        True,
    )


@pytest.mark.parametrize(
    ("absent", "seconds", "verdict", "span"),
    [
        ([], 0, "PASS", None),
        ([5, 6, 7], 180, "PASS", ("14:35", "14:37")),
        ([5, 6, 7, 8], 240, "WARN", ("14:35", "14:38")),
        ([5, 6, 7, 8, 9], 300, "WARN", ("14:35", "14:39")),
        ([3, 5, 6, 7, 8, 9, 10, 12, 13], 360, "FAIL", ("14:35", "14:40")),
    ],
)
def test_longest_gap(absent, seconds, verdict, span):
    bars = bars_of(NVDA=[minute for minute in range(390) if minute not in absent])
    (finding,) = judge(LongestGap(), bars, ("NVDA",))
    assert (finding.measured, finding.verdict) == (seconds, Verdict(verdict))
    assert [(found.first[11:16], found.last[11:16]) for found in finding.spans] == ([span] if span else [])


@pytest.mark.parametrize(
    ("volume", "verdict"),
    [(0.0, "PASS"), (-1.0, "FAIL"), (1.5, "FAIL"), (float("nan"), "FAIL"), (float("inf"), "FAIL")],
)
def test_volumes_are_counts(volume, verdict):
    bars = bars_of(NVDA=range(10))
    bars.loc[4, "volume"] = volume
    (finding,) = judge(VolumeCounts(), bars, ("NVDA",))
    assert finding.verdict is Verdict(verdict)


def test_an_unmarked_bar_outside_the_session_is_found():
    bars = bars_of(NVDA=range(390))
    bars.loc[389, "timestamp"] = DAY.close + pd.Timedelta(minutes=30)
    (finding,) = judge(OutsideSession(), bars, ("NVDA",))
    assert (finding.verdict, finding.held_against) == (Verdict.FAIL, ("2024-01-03T21:30:00+00:00",))


@pytest.mark.parametrize(
    ("nvda", "msft", "measured", "verdict"),
    [
        (range(80), range(100), 0.8, "PASS"),
        (range(79), range(100), 0.79, "FAIL"),
        (range(50), range(50, 100), 0.0, "FAIL"),
    ],
)
def test_timestamp_overlap(nvda, msft, measured, verdict):
    (finding,) = judge(TimestampOverlap(), bars_of(NVDA=nvda, MSFT=msft))
    assert (finding.verdict, finding.symbol) == (Verdict(verdict), None)
    assert finding.measured == pytest.approx(measured)


@pytest.mark.parametrize(
    ("mark", "rule", "verdict"),
    [
        ("duplicate_equal", Duplicates(), "WARN"),
        ("duplicate_equal", Duplicates(fail_equal=0), "FAIL"),
        ("duplicate_conflicting", Duplicates(), "FAIL"),
        ("outside_session", OutsideSession(), "FAIL"),
        ("off_grid", OffGrid(), "FAIL"),
        ("off_grid", OutsideSession(), "PASS"),
        ("extended_hours", OutsideSession(), "PASS"),
        ("off_grid", Duplicates(), "PASS"),
        ("duplicate_equal", OutsideSession(), "PASS"),
    ],
)
def test_marked_bars(mark, rule, verdict):
    bars = bars_of(NVDA=range(10))
    bars.loc[3, "mark"] = mark
    found = judge(rule, bars, ("NVDA",))
    assert Verdict.worst([finding.verdict for finding in found]) is Verdict(verdict)
    held = {stamp for finding in found for stamp in finding.held_against}
    assert held == (set() if verdict == "PASS" else {"2024-01-03T14:33:00+00:00"})


@pytest.mark.parametrize(
    ("change", "measured"),
    [
        (lambda frame: frame, 0),
        (lambda frame: frame.assign(high=frame["high"].mask(frame.index == 5, 11.5)), 1),
        (lambda frame: frame.assign(missing=frame["missing"] | (frame.index < 3)), 3),
        (lambda frame: frame.assign(missing=False), 10),
        (lambda frame: frame.assign(close=frame["close"].fillna(10.5)), 10),
        (lambda frame: frame.iloc[:-2], 2),
        (lambda frame: pd.concat([frame, frame.tail(1).assign(symbol="AMD")]), 1),
    ],
)
def test_a_frame_of_other_bars_is_found(change, measured):
    """Bars for all but the last ten minutes; a frame that has been changed since."""
    bars = bars_of(NVDA=range(380))
    frame = framed(bars_of(NVDA=range(390))).assign(missing=[False] * 380 + [True] * 10)
    frame.loc[380:, ["open", "high", "low", "close", "volume"]] = float("nan")
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars, change(frame))
    (finding,) = Gate("test", [FrameFollowsBars()]).judge(evidence).findings
    assert (finding.measured, finding.verdict) == (measured, Verdict.FAIL if measured else Verdict.PASS)
    unbuilt = Gate("test", [FrameFollowsBars()]).judge(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars))
    assert (unbuilt.findings, unbuilt.not_asked) == ((), {"frame_follows_bars": "no frame was built"})


def test_a_rule_that_crashes_is_an_error_and_blocks():
    class Crashing(MissingRatio):
        name: ClassVar[str] = "crashing"

        def judge(self, stack: Stack) -> list[Told]:
            raise ZeroDivisionError("no minutes")

    gate = Gate("test", [Crashing(), OhlcRelations()])
    report = gate.judge(Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars_of(NVDA=range(390), MSFT=range(390))))
    assert (report.verdict, report.action) == (Verdict.ERROR, Action.BLOCK)
    assert report.reasons() == ["The rule crashing could not be computed: ZeroDivisionError: no minutes."]
    assert len(report.findings) == 3  # the other rule was asked all the same


def test_a_rule_that_crashes_in_one_of_several_sessions_is_an_error_of_that_one_alone():
    class Superstitious(MissingRatio):
        name: ClassVar[str] = "superstitious"

        def judge(self, stack: Stack) -> Iterable[Told]:
            if any(evidence.session.day.day == 5 for evidence in stack.evidences):
                raise ZeroDivisionError("a Friday")
            return super().judge(stack)

    days = [session(f"2024-01-0{day}") for day in (3, 4, 5, 8, 9)]
    bars = {day.key: synthetic_bars(day, BarSize.ONE_MINUTE, PAIR, 1) for day in days}
    reports = Gate("test", [Superstitious()]).judge_all(
        Evidence(day, BarSize.ONE_MINUTE, PAIR, bars[day.key]) for day in days
    )
    assert [report.session for report in reports] == [day.key for day in days]
    assert [report.verdict for report in reports] == ["PASS", "PASS", "ERROR", "PASS", "PASS"]
    assert reports[2].reasons() == ["The rule superstitious could not be computed: ZeroDivisionError: a Friday."]
    assert [len(report.findings) for report in reports] == [2, 2, 1, 2, 2]


def test_verdicts_and_actions():
    assert Verdict.worst([Verdict.WARN, Verdict.ERROR, Verdict.FAIL]) is Verdict.ERROR
    assert Verdict.worst([]) is Verdict.PASS
    for verdict, action in {"PASS": "CONTINUE", "WARN": "WARN", "FAIL": "BLOCK", "ERROR": "BLOCK"}.items():
        assert report_of(verdict).action == action


def test_a_report_survives_its_json_and_equal_inputs_give_equal_reports():
    bars = bars_of(NVDA=range(380), MSFT=range(390))
    gate = load_gate("staging")
    frame = framed(bars)
    report = gate.judge(Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars, frame=frame))
    assert QualityReport.model_validate_json(report.model_dump_json()) == report
    assert gate.judge(Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars.copy(), frame=frame.copy())) == report
    assert set(report.fingerprints) == {"bars/NVDA", "bars/MSFT", "frame/NVDA", "frame/MSFT"}


def test_every_rule_can_be_configured_and_says_what_it_asks():
    names = [rule.name for rule in RULES]
    configured = yaml.safe_load((CONFIG / "data_quality.yaml").read_text(encoding="utf-8"))["rules"]
    assert set(configured) == set(names)
    assert len(set(names)) == len(names)
    assert all(rule.question.endswith("?") and rule.model_fields for rule in RULES)


@pytest.mark.parametrize(
    ("missing", "role", "verdict"),
    [(39, "fallback", "WARN"), (40, "fallback", "FAIL"), (39, "primary", "FAIL"), (40, "repair", "FAIL")],
)  # fmt: skip
def test_the_fallback_feed_has_a_threshold_of_its_own(missing, role, verdict):
    """10 % of 390 is 39; the primary may miss 1 % in prod."""
    bars = bars_of(NVDA=range(390 - missing)).assign(role=role)
    (finding,) = judge(MissingRatio(warn=0.005, fail=0.01, fallback_quality_threshold=0.1), bars, ("NVDA",))
    assert finding.verdict is Verdict(verdict)
    assert ("fallback" in finding.message) == (role == "fallback")


def test_one_bar_of_the_primary_makes_it_the_primarys_session():
    bars = bars_of(NVDA=range(380)).assign(role="fallback")
    bars.loc[0, "role"] = "primary"
    (finding,) = judge(MissingRatio(fail=0.01, fallback_quality_threshold=0.1), bars, ("NVDA",))
    assert finding.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("environment", "verdict"), [("ci", Verdict.WARN), ("staging", Verdict.WARN), ("prod", Verdict.FAIL)]
)
def test_synthetic_bars_never_pass_in_production(environment, verdict):
    bars = synthetic_bars(DAY, BarSize.ONE_MINUTE, PAIR, seed=1)
    bars["source"] = bars["source"].mask(bars.index != bars.index[bars["symbol"] == "NVDA"][5], "alpha_vantage")
    report = load_gate(environment).judge(Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars))
    assert report.verdict is verdict
    assert report.reasons() == ["1 of 390 NVDA bars are synthetic."]


def test_production_cannot_be_told_to_accept_synthetic_bars(monkeypatch):
    monkeypatch.setenv("INTRADAY_QUALITY__SYNTHETIC_BARS__ALLOWED", "true")
    with pytest.raises(ConfigError, match=r"synthetic_bars must block in prod"):
        load_gate("prod")


def test_each_symbol_has_its_own_severity_and_is_told_apart_where_a_rule_cannot_be_asked():
    """Off for one symbol is off for that one alone, whichever of the two is the general case."""
    bars = bars_of(NVDA=range(300), MSFT=range(300))
    strict, off = MissingRatio(), MissingRatio(severity="off")
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars)
    for general, own, asked, unasked in ((strict, off, "MSFT", "NVDA"), (off, strict, "NVDA", "MSFT")):
        report = Gate("test", [general], {"NVDA": [own]}).judge(evidence)
        assert [(one.symbol, one.verdict) for one in report.findings] == [(asked, Verdict.FAIL)]
        assert report.not_asked == {"missing_ratio": f"{unasked}: the configuration switches it off"}
    soft = Gate("test", [strict], {"NVDA": [MissingRatio(severity="warn")]}).judge(evidence)
    assert [(one.symbol, one.verdict) for one in soft.findings] == [("NVDA", Verdict.WARN), ("MSFT", Verdict.FAIL)]


def test_a_rule_that_cannot_be_asked_of_one_symbol_is_asked_of_the_other():
    """The second feed has MSFT alone, all of it five percent off."""
    bars = bars_of(NVDA=range(390), MSFT=range(390))
    second = bars[bars["symbol"] == "MSFT"].assign(close=bars["close"] * 1.05)
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars, second=second)
    rule = CrossFeedAgreement()
    for own in ({}, {"NVDA": [CrossFeedAgreement(warn=0.97)]}, {"MSFT": [CrossFeedAgreement(warn=0.97)]}):
        report = Gate("test", [rule], own).judge(evidence)
        assert [(one.symbol, one.verdict) for one in report.findings][:1] == [("MSFT", Verdict.FAIL)]
    failed = Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars, second=second, second_failed=frozenset({"MSFT"}))
    assert Gate("test", [rule]).judge(failed).findings[0].verdict is Verdict.WARN  # no veto by a feed that failed


@pytest.mark.parametrize(
    ("rule", "thresholds"),
    [
        (Duplicates, {"warn_equal": 50}),
        (CrossFeedAgreement, {"warn_volume_factor": 99}),
        (LongestGap, {"fail": float("inf")}),
        (LongestGap, {"warn": 400}),
        (TimestampOverlap, {"warn": 0.7}),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(rule, thresholds):
    with pytest.raises(ValidationError, match=r"must not lie|finite"):
        rule(**thresholds)
