"""A recorded session, spoiled in one way at a time: the rule that is meant fires, names the minutes, no other does."""

from dataclasses import replace

import pytest

from market.quality.rules import RULES
from resources.gate_settings import load_gate
from schemas.quality import QualityReport, Verdict
from tests.support.scenes import FULL_DAY, HALF_DAY, Case, Scene
from tests.support.spoiled import CORPUS

ASKED = {rule.name for rule in RULES}
GATES = {environment: load_gate(environment) for environment in ("ci", "prod")}


def fired(report: QualityReport) -> set[tuple[str, str | None, str, tuple[str, ...]]]:
    """Everything that did not pass: rule, symbol, verdict, bars at fault."""
    return {
        (finding.rule, finding.symbol, finding.verdict.value, tuple(sorted(finding.held_against)))
        for finding in report.findings
        if finding.verdict is not Verdict.PASS
    }


def judged(case: Case) -> tuple[Scene, QualityReport]:
    scene = Scene(case.day)
    case.spoil(scene)
    gate = GATES[case.environment]
    return scene, scene.judged(gate if scene.splits is None else replace(gate, splits=scene.splits))


@pytest.mark.parametrize("day", [FULL_DAY, HALF_DAY])
@pytest.mark.parametrize("environment", ["ci", "prod"])
def test_the_recorded_session_is_clean_and_every_rule_was_asked(day, environment):
    report = Scene(day).judged(GATES[environment])
    assert fired(report) == set()
    assert report.not_asked == {}
    assert {finding.rule for finding in report.findings} == ASKED


@pytest.mark.parametrize("case", CORPUS.cases, ids=lambda case: case.name)
def test_a_session_spoiled_in_one_way(case):
    scene, report = judged(case)
    expected = {
        (want.rule, want.symbol, want.verdict, tuple(stamp.isoformat() for stamp in scene.times(want.minutes)))
        for want in case.expected
    }
    assert fired(report) == expected


@pytest.mark.parametrize("environment", ["ci", "prod"])
def test_spoiled_and_clean_sessions_that_are_judged_together_have_the_reports_that_they_have_alone(environment):
    scenes = [Scene(day) for day in (FULL_DAY, HALF_DAY)]
    for case in CORPUS.cases:
        scene = Scene(case.day)
        case.spoil(scene)
        if case.environment == environment and scene.splits is None:
            scenes.append(scene)
    alone = [scene.judged(GATES[environment]) for scene in scenes]
    assert len({report.verdict for report in alone}) > 2
    assert GATES[environment].judge_all(scene.evidence for scene in scenes) == alone


def test_every_rule_is_meant_by_a_case():
    assert {want.rule for case in CORPUS.cases for want in case.expected} == ASKED


def test_the_corpus_is_large_and_has_each_way_once():
    names = [case.name for case in CORPUS.cases if case.expected]
    assert len(set(names)) == len(names) >= 60
