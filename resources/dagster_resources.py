"""The Dagster resources: what the asset graph is handed of the outside world.

The UI shows their fields, so no secret is one.
"""

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import dagster as dg

from market.quality.gate import Gate
from resources.database.feed_event_store import FeedEventStore
from resources.database.opening import open_server
from resources.database.server import DatabaseServer
from resources.feeds.opening import Feeds
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.settings import Settings


class LandingResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where vendor answers and the tables between two assets are kept."""

    url: str

    def zone(self) -> LandingZone:
        """The landing zone."""
        return LandingZone(self.url)


class FeedsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The feeds, as `resources.settings.Settings` has them. Keys come from the environment when a request is made."""

    settings: dict[str, Any]

    def feeds(self, landing: LandingZone, server: DatabaseServer) -> Feeds:
        """The feeds, landing what they fetch and keeping what happens to them."""
        return Feeds(Settings.model_validate(self.settings), landing, FeedEventStore(server))


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The database that the environment names, or the embedded PostgreSQL under `home`."""

    home: str

    def server(self) -> DatabaseServer:
        """The server, its schema brought up to date once a process."""
        with _OPENING:
            return _open_once(Path(self.home))


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
        "feeds": FeedsResource(settings=settings.model_dump(mode="json")),
        "database": DatabaseResource(home=str(settings.home)),
        "gate": GateResource(environment=settings.environment),
    }


_open_once = cache(open_server)
_OPENING = Lock()
"""Sensors and schedules are threads of one process, and `cache` lets two of them open at once."""
