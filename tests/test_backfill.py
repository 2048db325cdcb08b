"""`intraday backfill`: ranges as one run a month, what is stored, recorded and said of them."""

import io
import re
import signal

import dagster as dg
import pytest
from rich.console import Console

from cli.backfill import TAG, backfill
from cli.instance import open_instance
from cli.instance_home import sqlalchemy_url
from cli.run import run
from resources.settings import load_settings
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.commands import intraday, started, wait_for_rows
from tests.support.desk import TestDesk

FIRST, LAST = "2020-11-27", "2020-12-02"
DAYS = ["2020-11-27", "2020-11-30", "2020-12-01", "2020-12-02"]
GAP = "drop:NVDA:2020-12-01:10:00-10:44"


@pytest.fixture
def command(desk: TestDesk):
    """The command in this process, on a desk whose feed has these faults; its exit status and what it printed."""
    desk.configure(INTRADAY_DAGSTER_URL=sqlalchemy_url(desk.url), DAGSTER_HOME=str(desk.home / "dagster"))

    def ask(first: str, last: str, *faults: str, what=backfill, refresh: bool = False) -> tuple[int, str]:
        console = Console(file=io.StringIO(), width=200)
        with AlphaVantageSimulator(faults=faults) as simulator:
            desk.configure(INTRADAY_ALPHA_VANTAGE__BASE_URL=simulator.url)
            status = what(first, last, console, refresh=refresh)
        desk.requests = simulator.requests
        return status, console.file.getvalue()

    return ask


def test_a_range_is_a_run_a_month_and_a_bad_session_blocks_only_itself(desk, command):
    status, said = command(FIRST, LAST, GAP)

    assert status == 1
    months = {line.split()[0]: line.split()[1:] for line in said.splitlines() if re.match(r" ?2020-\d\d ", line)}
    assert months == {  # sessions, passed, with a warning, did not pass, bars missing, rows stored and changed
        "2020-11": ["2", "2", "0", "0", "0", "1,200", "2,400"],
        "2020-12": ["2", "1", "0", "1", "45", "780", "1,560"],
    }
    assert re.search(r"2020-12-01 The gate blocks it\. .*NVDA misses 45 of 390 bars", said)
    assert "3,960 rows of market_data and dual_ticker_bars added" in said
    stored = desk.rows(
        "SELECT (\"timestamp\" AT TIME ZONE 'America/New_York')::date::text, count(*) FROM market_data GROUP BY 1 "
        "ORDER BY 1"
    )
    assert stored == [("2020-11-27", 420), ("2020-11-30", 780), ("2020-12-02", 780)]

    instance = open_instance(load_settings())
    runs = sorted(instance.get_runs(), key=lambda one: one.tags["dagster/asset_partition_range_start"])
    assert [(one.tags["dagster/asset_partition_range_start"], one.tags["dagster/asset_partition_range_end"])
            for one in runs] == [("2020-11-27", "2020-11-30"), ("2020-12-01", "2020-12-02")]  # fmt: skip
    assert [one.status for one in runs] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    assert len({one.tags[TAG] for one in runs}) == 1
    assert f"2 runs with the tag {TAG} = {runs[0].tags[TAG]}." in said
    assert runs[1].tags["intraday/did_not_pass"] == "2020-12-01"
    assert instance.get_materialized_partitions(dg.AssetKey("market_data")) == set(DAYS) - {"2020-12-01"}
    assert instance.get_materialized_partitions(dg.AssetKey("quality_reports")) == set(DAYS)
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("quality_reports"), "accepted"), limit=10
    )
    assert {str(one.partition): one.status.value for one in history} == {
        day: "FAILED" if day == "2020-12-01" else "SUCCEEDED" for day in DAYS
    }
    pictured = [
        record.partition_key
        for record in instance.fetch_materializations(dg.AssetKey("quality_reports"), limit=10).records
        if "verdict calendar" in record.asset_materialization.metadata
    ]
    assert pictured == [LAST]  # the pictures of many sessions are the last one's
    instance.dispose()


def test_a_backfill_stores_what_one_run_stores_and_the_same_again_changes_nothing(
    desk, command, new_desk, timescale_url
):
    assert command(FIRST, LAST, GAP)[0] == 1
    stored = desk.contents()
    stamps = desk.rows("SELECT min(created_at), max(created_at) FROM market_data")
    status, said = command(FIRST, LAST, GAP)
    assert (status, "Nothing changed: every row of the sessions that passed" in said) == (1, True)
    assert desk.requests == ()
    assert desk.contents() == stored
    assert desk.rows("SELECT min(created_at), max(created_at) FROM market_data") == stamps
    assert command(FIRST, LAST, refresh=True)[0] == 0  # the vendor has mended the gap
    assert desk.rows("SELECT count(*) FROM bar_revisions") == [(0,)]
    other = new_desk(timescale_url)
    assert command(FIRST, LAST, what=run)[0] == 0
    assert other.contents() == desk.contents()
    assert len(desk.contents()["dual_ticker_bars"]) == 420 + 3 * 780


def test_one_session_and_one_month_are_told_session_by_session(command):
    status, said = command("2020-11-24", "2020-11-25", "drop:NVDA:2020-11-24:10:00-10:44")
    assert status == 1
    assert re.search(r"2020-11-24 +390 +735 +45 +0 +FAIL, blocked +0", said)
    assert re.search(r"2020-11-25 +390 +780 +0 +0 +PASS +780", said)


def test_what_passed_with_a_warning_or_from_another_feed_is_named(command):
    faults = ["drop:NVDA:2020-11-30:10:00-10:02", "drop:NVDA:2020-11-30:12:00-12:02"]
    status, said = command("2020-11-30", "2020-12-01", *faults)
    assert status == 0
    assert "1 session passed with a warning: 2020-11-30." in said
    assert re.search(r"2020-11 +1 +1 +1 +0 +6 +774", said)


def test_a_database_that_goes_away_ends_it_with_one_sentence(desk, command):
    desk.configure(TIMESCALEDB_URL="postgresql://me:hunter2@127.0.0.1:1/nowhere")
    status, said = command(FIRST, LAST)
    assert (status, "127.0.0.1:1/nowhere cannot be reached" in said, "hunter2" in said) == (2, True, False)
    assert "It ended after 0 sessions." in said


@pytest.mark.usefixtures("clean_environment")
def test_ctrl_c_is_one_sentence_and_the_next_one_goes_on(monkeypatch, postgres_url):
    monkeypatch.setenv("TIMESCALEDB_URL", postgres_url)
    monkeypatch.setenv("INTRADAY_DAGSTER_URL", sqlalchemy_url(postgres_url))
    with AlphaVantageSimulator() as simulator:
        monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", simulator.url)
        process = started("backfill", "--from", "2020-11-02", "--to", "2020-12-31")
        wait_for_rows(postgres_url, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said.count("\n")) == (130, 1)
        assert said.startswith("Interrupted.")
        status, said = intraday("backfill", "--session", "2020-11-02")
    assert (status, re.search(r"2020-11-02 +390 +780 +0 +0 +PASS +780", said) is not None) == (0, True)
