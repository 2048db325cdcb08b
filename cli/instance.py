"""Dagster's instance of a desk, on its own database, and the runs of processes that died.

Apart from the rest of a desk, because commands that do not need Dagster start in half the time without it.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cli.instance_home import instance_environment, instance_folder
from resources.database.server import DAGSTER, DatabaseServer, embedded_folder, embedded_server, libpq_url, pid_exists
from resources.landing import replace_durably
from resources.paths import DEPLOY
from resources.settings import Settings

PROCESS_TAG = "intraday/process"
LOCK = 0x64616773  # "dags": the advisory lock that lets one process create Dagster's tables at a time


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's instance under INTRADAY_HOME, its runs and events in PostgreSQL; also what `dagster dev` will use."""
    folder = instance_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    config = folder / "dagster.yaml"
    if not config.exists() or config.read_text(encoding="utf-8") != text:
        replace_durably(config, text.encode())  # a daemon that reads half of it would store its runs elsewhere
    os.environ.update(instance_environment(settings, lambda: embedded_server(embedded_folder(settings.home), DAGSTER)))
    with _tables_made_once(os.environ["INTRADAY_DAGSTER_URL"]):
        instance = dg.DagsterInstance.get()
    _end_runs_of_the_dead(instance)
    return instance


@contextmanager
def _tables_made_once(url: str) -> Iterator[None]:
    """One process at a time: Dagster creates its tables without a lock, and gives up when others do so for a second."""
    with DatabaseServer(libpq_url(url)).connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def process_tag() -> dict[str, str]:
    """Marks a run as that of this process, so that a later one can tell when it died."""
    return {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"}


def _end_runs_of_the_dead(instance: dg.DagsterInstance) -> None:
    """Record runs whose command was killed as failed; nobody else would, and they would seem to run for ever."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        host, _, pid = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == socket.gethostname() and not pid_exists(int(pid)):
            instance.report_run_failed(run, f"The process {pid} that ran it was ended. Run it again to go on.")
