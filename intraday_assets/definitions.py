"""The code location that Dagster loads: assets, jobs, schedules, sensors and resources, from the configuration."""

import dagster as dg

from intraday_assets.graph import session_assets
from intraday_assets.jobs import MAIN_JOB, readiness_job, verification_job
from intraday_assets.partitions import session_partitions
from intraday_assets.schedules import schedules
from intraday_assets.sensors import sensors
from resources.dagster_resources import resources_from
from resources.settings import Settings, load_settings


def definitions_from(settings: Settings) -> dg.Definitions:
    """The definitions of a configuration."""
    assets = session_assets(settings, session_partitions(settings.first_session))
    main_job = dg.define_asset_job(
        MAIN_JOB,
        selection=dg.AssetSelection.assets(assets),
        description="The main job: recorded or live vendor bars → gate → hypertables → end of day.",
    )
    return dg.Definitions(
        assets=[assets],
        jobs=[main_job, readiness_job(settings), verification_job(settings)],
        schedules=schedules(settings),
        sensors=sensors(settings),
        resources=resources_from(settings),
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this machine's configuration."""
    return definitions_from(load_settings())
