"""What Grafana is given when it starts: a data source, and dashboards whose queries Prometheus takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.debian_programs import Command

GRAFANA = Path(__file__).parents[1] / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").iterdir())
KINDS = {"stat", "timeseries", "state-timeline"}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{path.stem}-{panel['title']}") for path in DASHBOARDS for panel in read(path)["panels"]
    ]


def source() -> dict[str, str]:
    (found,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    return {"type": found["type"], "uid": found["uid"]}


def test_provisioning_names_prometheus_and_the_folder_of_the_dashboards() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
    assert sources["apiVersion"] == 1
    assert [(s["type"], s["access"], s["url"], s["isDefault"]) for s in sources["datasources"]] == [
        ("prometheus", "proxy", "http://prometheus:9090", True)
    ]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/intraday.yaml").read_text())["providers"]
    assert (provider["type"], provider["options"]) == ("file", {"path": "/var/lib/grafana/dashboards"})


def test_dashboards_have_fixed_names_and_nothing_of_one_instance() -> None:
    found = [read(path) for path in DASHBOARDS]
    assert [(d["title"], d["uid"]) for d in found] == [("Desk", "intraday-desk"), ("Trading", "intraday-trading")]
    for dashboard in found:
        assert 39 <= dashboard["schemaVersion"] <= 42  # of Grafana 12 and 13; older ones are brought up to it
        assert not dashboard.keys() & {"id", "__inputs", "__requires", "gnetId", "iteration"}
        assert {link["url"] for link in dashboard["links"]} <= {f"/d/{other['uid']}" for other in found}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side(path: Path) -> None:
    found = read(path)["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", panels())
def test_each_panel_says_what_it_shows_and_in_what(panel: dict[str, Any]) -> None:
    assert panel["type"] in KINDS
    assert panel["title"]
    assert panel["description"].endswith(".")
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    values = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert values[0] is None
    assert values[1:] == sorted(values[1:])
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == source()


def test_prometheus_takes_each_query(promtool: Command, tmp_path: Path) -> None:
    queries = [target["expr"] for panel in panels() for target in panel.values[0]["targets"]]
    queries += [a["expr"] for path in DASHBOARDS for a in read(path)["annotations"]["list"] if "expr" in a]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    command = [*promtool, "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout
