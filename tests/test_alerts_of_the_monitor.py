"""The alerts on what the monitor really tells: quiet where all is well, loud where all is red, no metric made up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from monitoring.facts import BackupFolder, Broker, Counts, Dagster, Delays, Sample
from tests.support import watched
from tests.support.debian_programs import Command
from tests.support.monitor import Served, monitor
from tests.support.promql import metrics_in

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES = DEPLOY / "prometheus" / "rules"
MINUTES = 20
"""How long the desk has been as it is."""
WELL = replace(
    watched.quiet(),
    sessions=tuple(one for one in watched.quiet().sessions if not one.blocked),
    judgement=watched.quiet().sessions[-2].judgement,
    heartbeats={"feed_failure": watched.NOW},
)


@dataclass
class Held:
    sample: Sample


def well() -> Sample:
    """Of all parts, all is well."""
    counts = Counts(
        watched.NOW,
        ingested={("NVDA", "alpha_vantage"): 120},
        reconnects={"yahoo": 1},
        delays=Delays(((5.0, 117), (15.0, 120), (float("inf"), 120)), 240.0),
    )
    return watched.sample(
        WELL,
        counts=counts,
        broker=Broker("ib", "127.0.0.1:7497"),
        dagster=Dagster("http://127.0.0.1:3000", {"SENSOR": True, "SCHEDULER": True}),
        backups=BackupFolder("/backups", watched.NOW - timedelta(hours=13)),
    )


@pytest.fixture
def held(clean_environment: pytest.MonkeyPatch) -> Held:
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
    return Held(well())


@pytest.fixture
def served(held: Held) -> Iterator[Served]:
    with monitor(held, lambda: watched.NOW) as found:
        found.ask("/monitoring/live")  # one answer is measured
        yield found


def series(text: str) -> list[dict[str, str]]:
    """What Prometheus would have stored in these minutes, were the desk as it is all the time; it is at their end."""
    moved = MINUTES * 60 - watched.NOW.timestamp()
    found = [{"series": 'up{instance="m", job="intraday"}', "values": f"1x{2 * MINUTES}"}]
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            given = ", ".join(f"{key}={json.dumps(one)}" for key, one in {**labels, "instance": "m"}.items())
            shown = value + moved if name.endswith("_timestamp_seconds") else value
            found.append({"series": f'{name}{{{given}, job="intraday"}}', "values": f"{shown:f}x{2 * MINUTES}"})
    return found


def fire(promtool: Command, folder: Path, text: str, expected: dict[str, int]) -> None:
    """Hold the alerts that fire to what is expected: how many of which."""
    samples = [{"labels": f'{{alertname="{name}"}}', "value": number} for name, number in expected.items()]
    asked = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES}m"}
    test = {"interval": "30s", "input_series": series(text), "promql_expr_test": [{**asked, "exp_samples": samples}]}
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [f"{RULES}/*.yml"], "evaluation_interval": "30s", "tests": [test]}))
    done = subprocess.run([*promtool, "test", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_fires_where_all_is_well(promtool: Command, served: Served, tmp_path: Path) -> None:
    fire(promtool, tmp_path, served.ask("/monitoring/metrics").text, {})


def test_what_is_wrong_fires(promtool: Command, served: Served, held: Held, tmp_path: Path) -> None:
    held.sample = watched.red_sample()
    expected = {
        "BreakerOpen": 1,
        "BrokerDown": 1,
        "DagsterDaemonDown": 1,
        "DataIncomplete": 2,
        "DataStale": 2,
        "DatabaseDown": 1,
        "DiskLow": 1,
        "EndOfDayFailed": 2,
        "FactsOld": 1,
        "FeedDown": 2,
        "GateBlocked": 1,
        "LiveDegraded": 1,
        "LiveGone": 1,
        "NoFeed": 1,
        "PositionDrift": 1,
        "TradingHalted": 1,
    }
    fire(promtool, tmp_path, served.ask("/monitoring/metrics").text, expected)


def queries() -> Iterator[str]:
    """Of the rules, and of the dashboards."""
    for file in RULES.iterdir():
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])
    for file in (DEPLOY / "grafana" / "dashboards").iterdir():
        for panel in json.loads(file.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def test_rules_and_dashboards_read_what_the_monitor_tells(served: Served) -> None:
    families = text_string_to_metric_families(served.ask("/monitoring/metrics").text)
    told = {sample.name for family in families for sample in family.samples}
    read = {name for query in queries() for name in metrics_in(query)}
    recorded = {name for name in read if ":" in name}  # promtool's tests hold these
    assert read - told - recorded == {"up", "ALERTS"}
