"""The Dagster resources: what the asset graph is handed of the outside world.

The UI shows their fields, so no secret is one.
"""

import os
from functools import cache
from pathlib import Path

import dagster as dg
import pandas as pd

from market.quality.gate import Gate
from market.sessions import BarSize
from resources.database.migrations import migrate
from resources.database.server import DatabaseServer, find_server
from resources.feeds.alpha_vantage import KEY_VARIABLE, AlphaVantageFeed
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.settings import AlphaVantageSettings, Settings


class LandingResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where vendor answers and the tables between two assets are kept."""

    url: str

    def zone(self) -> LandingZone:
        """The landing zone."""
        return LandingZone(self.url)


class AlphaVantageResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The primary feed. Its key comes from `ALPHA_VANTAGE_API_KEY` when a request is made."""

    base_url: str
    timeout_seconds: float
    attempts: int
    wait_seconds: float
    extended_hours: bool

    def feed(self, landing: LandingZone, bar_size: BarSize, *, refresh: bool) -> AlphaVantageFeed:
        """The feed, landing what it fetches."""
        settings = AlphaVantageSettings.model_validate(
            {name: getattr(self, name) for name in AlphaVantageSettings.model_fields}
        )
        return AlphaVantageFeed(settings, os.environ.get(KEY_VARIABLE, ""), landing, bar_size, _now, refresh=refresh)


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The database that the environment names, or the embedded PostgreSQL under `home`."""

    home: str

    def server(self) -> DatabaseServer:
        """The server, its schema brought up to date once a process."""
        server = find_server(Path(self.home))
        _migrate_once(server)
        return server


class GateResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The quality gate with the thresholds of an environment."""

    environment: str

    def gate(self) -> Gate:
        """The gate, from `config/data_quality.yaml`."""
        return load_gate(self.environment)


def resources_from(settings: Settings) -> dict[str, dg.ConfigurableResource]:  # type: ignore[type-arg]
    """Every resource of the asset graph."""
    return {
        "landing": LandingResource(url=settings.landing_url),
        "alpha_vantage": AlphaVantageResource(**settings.alpha_vantage.model_dump()),
        "database": DatabaseResource(home=str(settings.home)),
        "gate": GateResource(environment=settings.environment),
    }


@cache
def _migrate_once(server: DatabaseServer) -> None:
    migrate(server)


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC")
