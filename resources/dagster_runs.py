"""Launches runs as Dagster does by default, and lets its daemon see that the process of one is gone.

A run is a child of the code server that launched it. Dagster notices when it dies alone; when the server dies too, as
when the machine loses power, nobody would end the run. `deploy/dagster.yaml` names this module.
"""

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value


class WatchedRunLauncher(DefaultRunLauncher):
    """Asks the code server that launched a run whether it still has it."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """So that the daemon asks."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run has a process. One that no code server launched is the command's that started it."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            asked = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server cannot be asked just now")
        if deserialize_value(asked, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process that ran it is gone; run it again to go on")
