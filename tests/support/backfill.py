"""A backfill as the UI asks for it, through the loop of Dagster's daemon, its runs in this process.

Dagster has no public way to do that; what is imported from its inside is imported here alone.
"""

import logging
import sys
import time
from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration

HERE = {
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
}


def backfilled(sessions: Sequence[str], assets: Sequence[str]) -> list[tuple[dg.DagsterRunStatus, str]]:
    """Backfill assets of sessions with what the environment configures; returns how its runs ended, and their logs."""
    code = LoadableTargetOrigin(executable_path=sys.executable, module_name="intraday_assets.definitions")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(code, location_name="intraday_assets"))
    with dg.instance_for_test(overrides=HERE) as instance, WorkspaceProcessContext(instance, target) as workspace:
        graph = workspace.create_request_context().asset_graph
        wanted = {AssetKeyPartitionKey(dg.AssetKey(asset), session) for asset in assets for session in sessions}
        backfill = PartitionBackfill.from_asset_graph_subset(
            backfill_id="backfill",
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, graph),
            title=None,
            description=None,
            run_config=None,
        )
        instance.add_backfill(backfill)
        list(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
        for queued in instance.get_runs():
            instance.launch_run(queued.run_id, workspace.create_request_context())
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": "backfill"}))
        return [(run.status, str(instance.all_logs(run.run_id))) for run in runs]
