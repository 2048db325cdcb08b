"""The code location that Dagster loads: the asset graph and its resources, made from the configuration on demand."""

import dagster as dg

from intraday_assets.graph import session_assets
from intraday_assets.partitions import session_partitions
from resources.dagster_resources import resources_from
from resources.settings import Settings, load_settings

MAIN_JOB = "sessions_job"


def definitions_from(settings: Settings) -> dg.Definitions:
    """The definitions of a configuration."""
    assets = session_assets(settings, session_partitions(settings.first_session))
    job = dg.define_asset_job(
        MAIN_JOB,
        selection=dg.AssetSelection.assets(assets),
        description="The main job: recorded or live vendor bars → gate → hypertables → end of day.",
    )
    return dg.Definitions(
        assets=[assets], jobs=[job], resources=resources_from(settings), executor=dg.in_process_executor
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this machine's configuration."""
    return definitions_from(load_settings())
