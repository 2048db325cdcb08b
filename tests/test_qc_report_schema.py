"""The published JSON Schema of a report, held against real reports by an independent validator."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from typer.testing import CliRunner

from cli.main import app
from market.quality.evidence import Evidence
from market.quality.gate import failed_before_the_gate
from market.sessions import BarSize, session
from market.synthetic import synthetic_bars
from resources.gate_settings import load_gate
from schemas.quality import Acceptance, Attempt, QualityReport, Verdict, report_schema

PUBLISHED = json.loads((Path(__file__).parents[1] / "docs" / "qc_report.schema.json").read_text())
DAY = session("2024-08-28")

pytestmark = pytest.mark.usefixtures("clean_environment")


def judged(lacking: int = 0) -> QualityReport:
    """Made-up minutes, of which prod says that nobody traded them; the first are left out."""
    bars = synthetic_bars(DAY, BarSize.ONE_MINUTE, ("NVDA",), 1).iloc[lacking:]
    return load_gate("staging").judge(Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), bars))


def failed_early() -> QualityReport:
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, ("NVDA",), synthetic_bars(DAY, BarSize.ONE_MINUTE, ("NVDA",), 1))
    return load_gate("staging").report(evidence, [failed_before_the_gate("bars", "No feed answered.")])


def accepted_after_two_feeds() -> QualityReport:
    inner = judged(40)
    word = Acceptance(
        by="the desk",
        reason="trading was halted",
        at="2024-08-28T21:00:00Z",
        fingerprints={"bars/NVDA": "1"},
        findings=tuple(one.message for one in inner.findings),
    )
    attempts = (Attempt(symbol="NVDA", feed="alpha_vantage", said="Its bars fail the gate.", report=inner),)
    return inner.model_copy(update={"accepted": word, "attempts": attempts})


def test_the_published_schema_is_the_models():
    assert report_schema() == PUBLISHED, "write it anew: .venv/bin/intraday gate schema > docs/qc_report.schema.json"
    assert json.loads(CliRunner().invoke(app, ["gate", "schema"]).stdout) == PUBLISHED


def test_the_schema_is_one():
    Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["title"] == "Quality report, version 2"
    assert "$id" not in PUBLISHED


@pytest.mark.parametrize(
    ("report", "verdict", "action"),
    [
        (judged, Verdict.WARN, "WARN"),
        (lambda: judged(40), Verdict.FAIL, "BLOCK"),
        (failed_early, Verdict.ERROR, "BLOCK"),
        (accepted_after_two_feeds, Verdict.FAIL, "WARN"),
    ],
    ids=["warn", "fail", "error", "accepted"],
)
def test_real_reports_satisfy_it_and_are_read_back(report, verdict, action):
    made = report()
    text = made.model_dump_json()
    Draft202012Validator(PUBLISHED).validate(json.loads(text))
    assert (json.loads(text)["verdict"], json.loads(text)["action"]) == (verdict, action)
    assert QualityReport.model_validate_json(text) == made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.pop("verdict"),
        lambda report: report.update(verdict="FINE"),
        lambda report: report.update(version=3),
        lambda report: report.update(note="by hand"),
        lambda report: report["findings"][0].pop("message"),
        lambda report: report["findings"][0]["spans"].append({"first": "a", "last": "b", "bars": 0}),
    ],
    ids=["no verdict", "unknown verdict", "another version", "another key", "no message", "an empty span"],
)
def test_it_refuses_what_is_no_report(spoil):
    report = json.loads(judged().model_dump_json())
    spoil(report)
    with pytest.raises(ValidationError):
        Draft202012Validator(PUBLISHED).validate(report)


def test_reports_of_version_1_are_read():
    """As they were written: the verdict followed from the findings, and there were no spans, attempts, acceptance."""
    finding = {
        "rule": "missing_ratio",
        "family": "completeness",
        "symbol": "NVDA",
        "verdict": "FAIL",
        "measured": 0.115,
        "warn": 0.01,
        "fail": 0.02,
        "message": "NVDA misses 45 of 390 bars.",
        "held_against": ["2024-08-28T14:00:00+00:00"],
    }
    old = {
        "version": 1,
        "session": "2024-08-28",
        "environment": "staging",
        "bar_size": "1min",
        "symbols": ["NVDA", "MSFT"],
        "bars_in": {"NVDA": 345, "MSFT": 390},
        "missing": {"NVDA": 45, "MSFT": 0},
        "findings": [finding],
        "fingerprints": {"bars": "0" * 64},
    }
    report = QualityReport.model_validate_json(json.dumps(old))
    assert (report.version, report.verdict, report.blocked) == (2, Verdict.FAIL, True)
    assert (report.findings[0].spans, report.attempts, report.accepted) == ((), (), None)
    Draft202012Validator(PUBLISHED).validate(json.loads(report.model_dump_json()))
