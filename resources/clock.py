"""The machine's clock, for whoever is handed no other."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)
