"""Where the project's own files are: configuration and SQL, in a checkout or in an installed wheel."""

from pathlib import Path

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
