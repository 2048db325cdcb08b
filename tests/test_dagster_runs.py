"""What Dagster's daemon is told of a run's process. That it then ends the run: tests/test_up.py."""

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import serialize_value

from resources.dagster_runs import WatchedRunLauncher

RUN = dg.DagsterRun(job_name="sessions_job", run_id="0" * 8)


class CodeServer:
    """The client of a code server that has these runs."""

    def __init__(self, *runs: str) -> None:
        self._runs = runs

    def can_cancel_execution(self, asked: CanCancelExecutionRequest) -> str:
        return serialize_value(CanCancelExecutionResult(can_cancel=asked.run_id in self._runs))


class Nobody:
    def can_cancel_execution(self, asked: CanCancelExecutionRequest) -> str:
        raise DagsterUserCodeUnreachableError("no connection")


@pytest.mark.parametrize(
    ("server", "status"),
    [
        (CodeServer(RUN.run_id, "another"), WorkerStatus.RUNNING),
        (CodeServer("another"), WorkerStatus.NOT_FOUND),
        (Nobody(), WorkerStatus.RUNNING),  # it is being started again, and is asked again
        (None, WorkerStatus.RUNNING),  # a command's own run
    ],
)
def test_a_run_without_a_process_is_told_from_one_nobody_can_be_asked_of(server, status):
    class Launcher(WatchedRunLauncher):
        def _get_grpc_client_for_termination(self, run_id):
            return server

    launcher = Launcher()
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(RUN).status is status
