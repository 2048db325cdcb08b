"""Where Dagster's instance of a desk lives, and what its processes find in their environment. Needs no Dagster."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from resources.database.server import DatabaseServer
from resources.settings import Settings

BATCH = "1000"
"""How many of the events that plan a run, one for each asset and session, Dagster hands to its storage at once."""


def instance_folder(settings: Settings) -> Path:
    """DAGSTER_HOME of a desk."""
    return settings.home / "dagster"


def instance_environment(settings: Settings, embedded: Callable[[], DatabaseServer]) -> dict[str, str]:
    """What Dagster's processes need to know.

    Args:
        settings: of the desk.
        embedded: gives the embedded server with Dagster's database, used where INTRADAY_DAGSTER_URL is not set.

    """
    return {
        "DAGSTER_HOME": str(instance_folder(settings)),
        "INTRADAY_DAGSTER_URL": os.environ.get("INTRADAY_DAGSTER_URL") or sqlalchemy_url(embedded().url),
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", BATCH),
    }


def sqlalchemy_url(url: str) -> str:
    """A libpq URL for SQLAlchemy with psycopg2, as dagster-postgres needs: `postgresql://` alone means psycopg 3."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0]
    query = f"?host={quote(host, safe='/')}" if host else ""
    return f"postgresql+psycopg2://{parts.netloc}{parts.path}{query}"
