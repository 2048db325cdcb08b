"""Dagster's instance on the storage of `deploy/dagster.yaml`: it answers as dagster-postgres' own does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.events import DagsterEventType
from psycopg import sql

from cli.instance import open_instance
from cli.instance_home import sqlalchemy_url
from intraday_assets.graph import CHECKS, SPECS
from resources.dagster_storage import TogetherEventLog
from resources.settings import load_settings
from tests.support.desk import TestDesk

ROOT = Path(__file__).parents[1]
WEEK = ("2020-11-23", "2020-11-27")
GAP = "drop:NVDA:2020-11-24:10:00-10:44"
STOCK = "storage:\n  postgres:\n    postgres_url:\n      env: INTRADAY_DAGSTER_URL\ntelemetry:\n  enabled: false\n"
Open = Callable[[str], dg.DagsterInstance]


@pytest.fixture
def new_database(embedded_url: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases on the embedded PostgreSQL; returns their addresses."""
    made: list[sql.Identifier] = []

    def database() -> str:
        name = f"dagster_{os.getpid()}_{len(made)}"
        with psycopg.connect(embedded_url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        made.append(sql.Identifier(name))
        return embedded_url.replace("/postgres?", f"/{name}?", 1)

    yield database
    with psycopg.connect(embedded_url, autocommit=True) as admin:
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def new_instance(
    new_database: Callable[[], str], tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Opens an instance with a `dagster.yaml` on a database of its own."""
    opened: list[dg.DagsterInstance] = []

    def open_with(config: str) -> dg.DagsterInstance:
        folder = tmp_path / f"dagster{len(opened)}"
        clean_environment.setenv("INTRADAY_DAGSTER_URL", sqlalchemy_url(new_database()))
        folder.mkdir()
        (folder / "dagster.yaml").write_text(config)
        opened.append(dg.DagsterInstance.from_config(str(folder)))
        return opened[-1]

    yield open_with
    for instance in opened:
        instance.dispose()


@pytest.fixture
def instance(new_instance: Open) -> dg.DagsterInstance:
    """One on our storage."""
    found = new_instance((ROOT / "deploy" / "dagster.yaml").read_text())
    assert isinstance(found.event_log_storage, TogetherEventLog)
    return found


def said_of(instance: dg.DagsterInstance) -> dict[str, object]:
    """What the instance answers about runs, assets and checks, without what is new in each run."""
    logs = {run.run_id: instance.all_logs(run.run_id) for run in instance.get_runs()}
    records = instance.get_asset_records([spec.key for spec in SPECS])
    found: dict[str, object] = {
        "runs": [(run.status, sorted(key for key in run.tags if key.startswith("intraday/"))) for run in
                 instance.get_runs()],
        "logs": [[(entry.dagster_event_type, entry.user_message.split(" in ")[0] if entry.dagster_event else "")
                  for entry in entries] for entries in logs.values()],
        "last": {record.asset_entry.asset_key.to_user_string():
                 (record.asset_entry.last_materialization.asset_materialization.partition
                  if record.asset_entry.last_materialization else None)
                 for record in records},
    }  # fmt: skip
    for spec in SPECS:
        asset = spec.key.to_user_string()
        found[f"{asset} made"] = set(instance.get_materialized_partitions(spec.key))
        events = instance.fetch_materializations(spec.key, limit=100).records
        found[f"{asset} events"] = [(record.partition_key, sorted(record.asset_materialization.metadata))
                                       for record in events]  # fmt: skip
    for check in CHECKS:
        history = instance.event_log_storage.get_asset_check_execution_history(check.key, limit=100)
        assert all(record.event and record.event.run_id == record.run_id for record in history)
        found[f"{check.asset_key.to_user_string()}:{check.name}"] = sorted(
            (str(record.partition), record.status.value, bool(record.event.dagster_event)) for record in history
        )
    return found


def test_an_instance_answers_as_dagsters_own_after_a_range_with_a_failed_session(new_desk, new_instance, new_database):
    """The same range twice: with the storage that dagster-postgres brings, and with ours."""
    said = []
    for config in (STOCK, (ROOT / "deploy" / "dagster.yaml").read_text()):
        desk: TestDesk = new_desk(new_database())
        desk.instance = new_instance(config)
        assert not desk.run(*WEEK, faults=[GAP]).success
        assert desk.run("2020-11-27").success
        said.append(said_of(desk.instance))
    theirs, ours = said
    for what, answer in theirs.items():
        assert (what, ours[what]) == (what, answer)
    assert ours["market_data made"] == {"2020-11-23", "2020-11-25", "2020-11-27"}
    assert ("2020-11-24", "FAILED", True) in ours["quality_reports:accepted"]  # type: ignore[operator]


def materialised(*keys: str) -> Iterator[dg.AssetMaterialization]:
    yield from (dg.AssetMaterialization("thing", partition=key) for key in keys)


def run_of(instance: dg.DagsterInstance, body: Callable[[dg.OpExecutionContext], object]) -> dg.ExecuteInProcessResult:
    """One step that does what `body` says."""

    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        body(context)

    @dg.job
    def job() -> None:
        step()

    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_whoever_reads_in_a_run_finds_what_it_said_before(instance):
    found = []

    def body(context: dg.OpExecutionContext) -> None:
        for event in materialised("a", "b"):
            context.log_event(event)
            found.append(set(context.instance.get_materialized_partitions(dg.AssetKey("thing"))))

    assert run_of(instance, body).success
    assert found == [{"a"}, {"a", "b"}]


def test_an_event_that_cannot_be_kept_takes_no_other_with_it(instance):
    """No text of PostgreSQL holds the character 0."""

    def body(context: dg.OpExecutionContext) -> None:
        for event in materialised("a", "\x00", "b"):
            context.log_event(event)

    assert not run_of(instance, body).success
    assert set(instance.get_materialized_partitions(dg.AssetKey("thing"))) == {"a", "b"}


def test_an_interruption_while_events_are_written_loses_none(instance, monkeypatch):
    storage, found = instance.event_log_storage, []
    write = storage._store_together

    def interrupted(_events: object) -> None:
        monkeypatch.setattr(storage, "_store_together", write)
        raise KeyboardInterrupt

    def body(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("thing", partition="a"))
        monkeypatch.setattr(storage, "_store_together", interrupted)
        with pytest.raises(KeyboardInterrupt):
            instance.get_materialized_partitions(dg.AssetKey("thing"))
        found.append(instance.get_materialized_partitions(dg.AssetKey("thing")))

    assert run_of(instance, body).success
    assert found == [{"a"}]


def test_many_events_do_not_wait_for_the_end(instance, embedded_url):
    """Another process sees most of them while the step goes on."""
    seen = []

    def body(context: dg.OpExecutionContext) -> None:
        for event in materialised(*map(str, range(250))):
            context.log_event(event)
        with psycopg.connect(os.environ["INTRADAY_DAGSTER_URL"].replace("+psycopg2", "")) as other:
            seen.append(other.execute("SELECT count(DISTINCT partition) FROM event_logs").fetchone())

    assert run_of(instance, body).success
    assert seen == [(200,)]
    assert len(instance.get_materialized_partitions(dg.AssetKey("thing"))) == 250


def test_a_check_of_no_partition_is_kept_once(instance):
    @dg.asset(check_specs=[dg.AssetCheckSpec("sound", asset="thing")])
    def thing() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    for _ in range(2):
        assert dg.materialize([thing], instance=instance).success
    key = dg.AssetCheckKey(dg.AssetKey("thing"), "sound")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert [(record.status.value, record.partition) for record in history] == [("FAILED", None)] * 2


KILLED = """
import os, signal
import dagster as dg
from cli.instance import open_instance, process_tag
from resources.settings import load_settings

@dg.op
def step(context):
    for key in ("a", "b"):
        context.log_event(dg.AssetMaterialization("thing", partition=key))
    context.log.info("a and b are done")
    context.log_event(dg.AssetMaterialization("thing", partition="c"))
    os.kill(os.getpid(), signal.SIGKILL)

@dg.job
def job():
    step()

job.execute_in_process(instance=open_instance(load_settings()), tags=process_tag())
"""


def test_a_killed_run_leaves_the_sessions_that_were_done_and_is_ended_by_the_next(instance):
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert set(instance.get_materialized_partitions(dg.AssetKey("thing"))) == {"a", "b"}
    later = open_instance(load_settings())
    assert [run.status for run in later.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    later.dispose()


def test_runs_of_several_processes_are_each_recorded_whole(instance):
    script = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "").replace('("a", "b")', "map(str, range(60))")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    for run in instance.get_runs():
        entries = [entry for entry in instance.all_logs(run.run_id) if entry.dagster_event_type is not None]
        made = [entry for entry in entries if entry.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION]
        assert [entry.get_dagster_event().partition for entry in made] == [*map(str, range(60)), "c"]
        assert run.status is dg.DagsterRunStatus.SUCCESS
    assert len(instance.get_runs()) == 3


def test_a_connection_that_the_server_closed_is_opened_again(instance, embedded_url):
    assert instance.get_runs() == []
    with psycopg.connect(embedded_url, autocommit=True) as admin:
        name = os.environ["INTRADAY_DAGSTER_URL"].partition("?")[0].rsplit("/", 1)[1]
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchone()
    assert ended is not None
    assert ended[0] >= 1
    assert instance.get_runs() == []
