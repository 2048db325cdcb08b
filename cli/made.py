"""That there is a desk to look at, for the commands that only look. It makes none."""

from pathlib import Path

from resources.database.server import is_made
from resources.doctor.findings import NO_DATABASE
from resources.errors import ConfigError


def hold_made(home: Path) -> None:
    """Refuse to look at a desk that nobody has made.

    Raises:
        ConfigError: no database is named, and there is none in that home.

    """
    if not is_made(home):
        raise ConfigError(f"There is no database in {home} to look at: {NO_DATABASE}.")
