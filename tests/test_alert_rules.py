"""The alerts of deploy/prometheus: Prometheus takes them, each fires in a test and is quiet in its healthy twin."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.debian_programs import Command
from tests.support.promql import metrics_in
from tests.support.understood import understood

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = ("session", "data", "machine", "trading")
DAYS = ("days_of_rest", "half_day")
ALERTS_PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")


@cache
def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@cache
def promtool_tests(name: str = "*") -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "tests").glob(f"{name}.yml"))
    return [test for path in files for test in yaml.safe_load(path.read_text())["tests"]]


def read_by(alert: str) -> set[str]:
    """The metrics that it is made of, those behind recorded ones too."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    found: set[str] = set()
    open_ends = [alerts()[alert]["expr"]]
    while open_ends:
        names = metrics_in(open_ends.pop()) - found
        found |= names
        open_ends += [recorded[name] for name in names & recorded.keys()]
    return found - recorded.keys()


def given(test: dict[str, Any]) -> set[str]:
    return {series["series"].partition("{")[0] for series in test["input_series"]}


def run(command: Command, *arguments: str | Path) -> None:
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration_and_rules(promtool: Command) -> None:
    run(promtool, "check", "config", "--lint-fatal", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("name", [*RULES, *DAYS, "long_memory"])
def test_promtools_tests_hold(promtool: Command, name: str) -> None:
    run(promtool, "test", "rules", PROMETHEUS / "tests" / f"{name}.yml")


def test_each_file_of_rules_and_of_tests_is_run_here() -> None:
    assert {path.stem for path in (PROMETHEUS / "rules").iterdir()} == {*RULES}
    assert {path.stem for path in (PROMETHEUS / "tests").iterdir()} == {*RULES, *DAYS, "long_memory"}


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_fires_and_is_quiet_in_its_healthy_twin(alert: str) -> None:
    checks = [
        (test, [c for c in test.get("alert_rule_test", []) if c["alertname"] == alert]) for test in promtool_tests()
    ]
    checked = [(test, asked) for test, asked in checks if asked]
    assert any(check["exp_alerts"] for _, asked in checked for check in asked), "no test in which it fires"
    # A twin that lacks a metric would be quiet for that.
    healthy = [
        test for test, asked in checked if not any(c["exp_alerts"] for c in asked) and read_by(alert) <= given(test)
    ]
    assert healthy, f"no test in which it stays quiet with {', '.join(sorted(read_by(alert)))}"


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_is_quiet_on_whole_healthy_days(alert: str) -> None:
    days = [day for name in DAYS for day in promtool_tests(name)]
    assert [day["name"].partition(",")[0] for day in days] == ["a Sunday", "a holiday on a weekday", "a half day"]
    for day in days:
        assert read_by(alert) <= given(day)
        question = {"expr": 'count_over_time(ALERTS{alertstate="firing"}[1d])', "eval_time": "1d", "exp_samples": []}
        assert question in day["promql_expr_test"]


@pytest.mark.parametrize(("alert", "rule"), alerts().items())
def test_each_alert_says_how_grave_it_is_and_what_to_do(alert: str, rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/alerts.md#{alert.lower()}"
    section = re.search(rf"^### {alert}\n\n(.*?)(?=^##|\Z)", ALERTS_PAGE, re.MULTILINE | re.DOTALL)
    assert section, "docs/alerts.md has no section of it"
    assert section[1].startswith(f"{rule['labels']['severity']}. ")
    assert "\nLook at " in section[1]
    assert "\nDo: " in section[1]


def test_the_page_has_no_other_alerts() -> None:
    assert sorted(re.findall(r"^### (.+)$", ALERTS_PAGE, re.MULTILINE)) == sorted(alerts())
    for anchor in re.findall(r"\]\(#(.*?)\)", ALERTS_PAGE):
        assert anchor in {alert.lower() for alert in alerts()}


def test_recorded_rules_are_used_more_than_once() -> None:
    dashboards = "".join(path.read_text() for path in (ROOT / "deploy" / "grafana").rglob("*.json"))
    for rule in rules():
        if name := rule.get("record"):
            uses = [other for other in rules() if name in metrics_in(other["expr"])]
            assert len(uses) + (name in dashboards) > 1, name


def test_alertmanager_takes_its_configuration(amtool: Command) -> None:
    run(amtool, "check-config", ALERTMANAGER)


@pytest.mark.parametrize(("severity", "receiver"), [("page", "pager"), ("ticket", "tickets")])
def test_who_is_told(amtool: Command, severity: str, receiver: str) -> None:
    where = ("--config.file", str(ALERTMANAGER), f"--verify.receivers={receiver}")
    run(amtool, "config", "routes", "test", *where, f"severity={severity}")


def test_what_silences_what_are_alerts_that_there_are() -> None:
    for inhibition in yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]:
        for matcher in inhibition["source_matchers"] + inhibition["target_matchers"]:
            name, names = re.fullmatch(r'(\w+) (?:!?=|[!=]~) "?([\w|]+)"?', matcher).groups()
            assert name == "alertname"
            assert set(names.split("|")) <= alerts().keys()


def test_secrets_are_files_and_stand_nowhere() -> None:
    text = ALERTMANAGER.read_text()
    assert re.findall(r"^\s*(?:- )?(smtp_auth_password\w*|(?:api_)?url\w*):", text, re.MULTILINE) == [
        "smtp_auth_password_file",
        "api_url_file",
    ]


def commands() -> set[str]:
    said = [ALERTS_PAGE, *(rule["annotations"]["description"] for rule in alerts().values())]
    return {" ".join(command.split()) for text in said for command in re.findall(r"`(intraday [^`]+)`", text)}


@pytest.mark.parametrize("command", sorted(commands()))
def test_each_command_that_is_named_is_one(command: str) -> None:
    for word in ("DAY", "FIRST", "LAST"):
        command = re.sub(rf"\b{word}\b", "2024-08-28", command)
    assert understood(
        shlex.split(command.replace("{{ $labels.symbol }}", "NVDA").replace("{{ $labels.feed }}", "yahoo"))
    )
