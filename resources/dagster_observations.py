"""Tells Dagster of rows that came into being outside its runs, as observations of the assets that they belong to."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import dagster as dg

from market.sessions import Session
from resources.database.table_writer import DUAL_TICKER_BARS, MARKET_DATA


def observer(instance: dg.DagsterInstance) -> Callable[[Session, Mapping[str, object]], None]:
    """Reports what is stored of a session to Dagster's event log; raises what its storage raises."""

    def observe(session: Session, about: Mapping[str, object]) -> None:
        metadata = cast(Mapping[str, Any], about)
        for asset in (MARKET_DATA, DUAL_TICKER_BARS):
            instance.report_runless_asset_event(
                dg.AssetObservation(asset_key=asset, partition=session.key, metadata=metadata)
            )

    return observe
