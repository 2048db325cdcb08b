"""Where the project's own files are: configuration and SQL, in a checkout or in an installed wheel."""

import shutil
from pathlib import Path

from platformdirs import user_state_path

from resources.errors import ConfigError

_CHECKOUT = Path(__file__).resolve().parent.parent
_INSTALLED = Path(__file__).resolve().parent / "_files"

FILES = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
CONFIG = FILES / "config"
SQL = FILES / "sql"
DEPLOY = FILES / "deploy"


def default_home() -> Path:
    """Where data are kept without `INTRADAY_HOME`: `.intraday` in the checkout, or in the current folder."""
    base = _CHECKOUT if FILES == _CHECKOUT else Path.cwd()
    return base / ".intraday"


def nearest_existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: on its disk the folder would be made."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def free_bytes(folder: str) -> int:
    """Free room on the disk of a folder that is there."""
    return shutil.disk_usage(folder).free


def machine_state(folder: str = "") -> Path:
    """A folder of what all desks of a user share on this machine, whatever their home: request limits, locks.

    Raises:
        ConfigError: it cannot be made.

    """
    path = user_state_path("intraday-assets") / folder
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be used ({error.strerror}): set XDG_STATE_HOME.") from None
    return path
