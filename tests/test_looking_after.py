"""The jobs that look after a desk: they fail visibly, and name what is wrong."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intraday_assets.definitions import definitions_from
from resources.landing import LandingZone
from resources.settings import load_settings
from tests.support.desk import TestDesk, failure

DAYS = ("2020-11-23", "2020-11-24")
SHELF = "staging/1min/NVDA-MSFT"


def run_job(desk: TestDesk, name: str) -> dg.ExecuteInProcessResult:
    job = definitions_from(load_settings()).resolve_job_def(name)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(instance=desk.instance, raise_on_error=False, run_config=quiet)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Of the op's output, or of its failure."""
    for event in result.get_step_failure_events():
        return {name: one.value for name, one in event.step_failure_data.user_failure_data.metadata.items()}
    (event,) = result.filter_events(lambda one: one.event_type_value == "STEP_OUTPUT")
    return {name: one.value for name, one in event.event_specific_data.metadata.items()}


@pytest.fixture
def stored(desk) -> TestDesk:
    """Two sessions are stored as they were landed and judged."""
    assert desk.run(*DAYS).success
    return desk


def test_what_is_stored_as_it_was_judged_is_verified(stored):
    result = run_job(stored, "verification_job")
    assert (result.success, metadata(result)) == (True, {"sessions compared": 2})


def test_every_difference_is_named(stored):
    """A row that changed behind everybody's back, one that is gone, landed bars that are others, a missing backup."""
    stored.configure(INTRADAY_EOD__BACKUP_FOLDER=str(stored.home))
    stored.execute(
        "UPDATE market_data SET close = close + 1 WHERE symbol = 'NVDA' AND \"timestamp\" = '2020-11-23 15:00Z'"
    )
    stored.execute("DELETE FROM market_data WHERE symbol = 'MSFT' AND \"timestamp\"::text ~ '2020-11-23 20:5[89]'")
    zone = LandingZone(str(stored.home / "landing"))
    bars = zone.read_table("bars", SHELF, DAYS[1])
    bars.loc[bars["symbol"] == "NVDA", "volume"] += 100
    zone.write_table("bars", SHELF, DAYS[1], bars)
    result = run_job(stored, "verification_job")
    said = failure(result)
    assert said.startswith("5 differences. "), said
    for one in (
        "2020-11-23: NVDA is stored otherwise than it is landed in 1 minute, the first at 15:00 UTC.",
        "2020-11-23: MSFT is stored otherwise than it is landed in 2 minutes, the first at 20:58 UTC.",
        "2020-11-24: the landed bars/NVDA are not those that the gate judged.",
        "2020-11-24: NVDA is stored otherwise than it is landed in 390 minutes, the first at 14:30 UTC.",
        f"There is no backup in {stored.home}: `intraday db backup {stored.home}/` writes one.",
    ):
        assert one in said
    assert str(metadata(result)["differences"]).count("\n") == 4


def test_sessions_of_which_nothing_is_landed_are_left_out(stored):
    for file in (stored.home / "landing" / "bars").rglob("*"):
        if file.is_file() and DAYS[0] in str(file):
            file.unlink()
    result = run_job(stored, "verification_job")
    assert (result.success, metadata(result)) == (True, {"sessions compared": 1})


def test_a_desk_that_is_ready_says_so(stored):
    stored.configure(INTRADAY_HOME=str(stored.home))
    result = run_job(stored, "readiness_job")
    assert result.success, failure(result)
    assert {record.data["what"] for record in metadata(result)["findings"].records} >= {"database", "alpha_vantage"}


def test_a_desk_that_is_not_ready_fails_and_says_what_to_do(stored, tmp_path: Path):
    stored.configure(INTRADAY_FEEDS__PRIMARY="interactive_brokers")
    result = run_job(stored, "readiness_job")
    assert not result.success
    assert "ib: not used: ib.host is not set → set INTRADAY_IB__HOST to use it." in failure(result)
    failed = [record.data for record in metadata(result)["findings"].records if record.data["outcome"] == "fail"]
    assert [one["what"] for one in failed] == ["ib"]
