"""What the calls for consumers (`market_bars`, `observations`, `follow`) read their arguments with.

Each may be left out, and is then what the configuration says. What is read from the database is theirs.
"""

from collections.abc import Iterable, Sequence

from dotenv import load_dotenv

from resources.database.server import DatabaseServer, checked_url, find_server
from resources.errors import RequestNotUnderstood
from resources.paths import FILES
from resources.settings import Settings, load_settings


def configured() -> Settings:
    """The settings that `intraday` uses, from the files, the environment and `.env`."""
    load_dotenv(FILES / ".env")
    return load_settings()


def given_server(database: DatabaseServer | str | None) -> DatabaseServer:
    """The database that a consumer names; the configured one where it names none.

    Raises:
        ConfigError: the address, or what is configured, cannot be read.
        RequestNotUnderstood: it is no address.

    """
    if isinstance(database, DatabaseServer):
        return database
    if isinstance(database, str):
        return DatabaseServer(checked_url(database, "database"))
    if database is not None:
        raise RequestNotUnderstood(f"database is a {type(database).__name__}; it is an address, postgresql://….")
    return find_server(configured().home)


def as_stored(symbols: str | Sequence[str]) -> tuple[str, ...]:
    """The symbols as they are stored; what is none is left as it is, for others to refuse."""
    given = symbols if isinstance(symbols, Iterable) and not isinstance(symbols, str) else [symbols]
    return tuple(one.strip().upper() if isinstance(one, str) else one for one in given)
