"""A fault plan: what may stand in the file, and what is said of what may not."""

from datetime import date, time
from pathlib import Path

import pytest

from simulators.bar_faults import Drop
from simulators.plan import read_plan
from simulators.request_faults import Answer, Status
from simulators.tws.faults import Cut
from simulators.tws.requests import Kind
from simulators.yahoo import YahooSimulator
from tests.support.yahoo import ask_chart

PLAN = """\
# A bad morning.
alpha_vantage:
  - answer:burst_free_1rps:2
  - drop:NVDA:2020-11-24:10:00-10:44
yahoo:
  - status:500:1
tws:
  - ambiguous_submit:1
"""


def plan_of(folder: Path, text: str) -> Path:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_names_faults_per_vendor(tmp_path: Path) -> None:
    plan = read_plan(plan_of(tmp_path, PLAN))
    assert plan == {
        "alpha_vantage": (
            Answer(2, "burst_free_1rps"),
            Drop("NVDA", date(2020, 11, 24), time(10), time(10, 44)),
        ),
        "yahoo": (Status(1, 500),),
        "tws": (Cut(1, Kind.PLACE_ORDER),),
    }
    with YahooSimulator(plan["yahoo"]) as simulator:
        assert [ask_chart(simulator).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize("text", ["", "# nothing\n", "yahoo:\n", "yahoo: []\n"])
def test_a_plan_may_be_empty(tmp_path: Path, text: str) -> None:
    assert read_plan(plan_of(tmp_path, text)) == {"alpha_vantage": (), "yahoo": (), "tws": ()}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("- status:500:1\n", ["must be a mapping", "allowed are alpha_vantage, yahoo and tws"]),
        ("ibkr:\n  - status:500:1\n", ["'ibkr'", "allowed are alpha_vantage, yahoo and tws"]),
        ("yahoo: status:500:1\n", ["must have a list of faults under yahoo"]),
        ("yahoo:\n  - status:500:1\n  - status: 500\n", ["yahoo, entry 2", "{'status': 500}", "such as status:500:1"]),
        ("yahoo:\n  - garbage:1\n  - explode:1\n", ["yahoo, entry 2", "'explode:1'", "Allowed forms: drop:SYMBOL"]),
        ("yahoo:\n  - answer:burst_premium:1\n", ["yahoo, entry 1", "'burst_premium' is another vendor's"]),
        ("alpha_vantage:\n  - answer:no_such:1\n", ["alpha_vantage, entry 1", "there is no recorded body 'no_such'"]),
        ("tws:\n  - status:500:1\n", ["tws, entry 1", "there is no fault 'status'", "Allowed forms: busy_client_id:N"]),
        ("yahoo: [\n", ["is not YAML"]),
    ],
)
def test_a_bad_plan_names_the_file_the_vendor_and_the_entry(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = plan_of(tmp_path, text)
    with pytest.raises(ValueError, match="the fault plan") as caught:
        read_plan(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.yaml cannot be read: No such file"):
        read_plan(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match=r"binary\.yaml is not YAML"):
        read_plan(tmp_path / "binary.yaml")
