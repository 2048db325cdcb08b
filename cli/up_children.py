"""The processes of `intraday up`: what each runs, which it waits for, how one sees that it works.

Not here: running them.
"""

import http.client
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any, Final

import yaml

from cli.instance_home import instance_environment, instance_folder
from resources.database.live_store import LiveStore
from resources.database.order_store import driven
from resources.database.server import DAGSTER, attached_server, embedded_folder, named_server, running_server
from resources.errors import ConfigError, DatabaseError
from resources.landing import replace_durably
from resources.paths import FILES
from resources.settings import Settings
from resources.supervision.child import Child

LOOPBACK: Final = "127.0.0.1"
SERVICES: Final = ("monitor", "live", "orders")
"""What beside Dagster can be left out or asked for, in the order in which it is started."""
PREPARED: Final = ("prepare",)
LIVES: Final = "/monitoring/live"
PYTHON: Final = (sys.executable, "-m")
PROBE_SECONDS: Final = 2.0
LONGEST_SOCKET: Final = 100
"""Bytes; the name of a Unix socket has room for 103 on macOS and for 107 on Linux."""
HEARTBEATS: Final = "{ instance { daemonHealth { allDaemonStatuses { required lastHeartbeatTime } } } }"


@dataclass(frozen=True)
class Wanted:
    """What is to run."""

    port: int
    """Of the Dagster UI, on loopback."""
    monitor_port: int
    services: tuple[str, ...]
    """Of `SERVICES`."""
    reloading: bool = False
    """Whether the UI can load the definitions anew. It takes a second process, of which nobody sees when it dies."""


def children(settings: Settings, wanted: Wanted) -> tuple[Child, ...]:
    """The processes, each after those that it needs.

    Raises:
        ConfigError: the home's path is too long for a socket in it.

    """
    page = f"http://{LOOPBACK}:{wanted.monitor_port}/monitoring/"
    services = (
        Child("monitor", _intraday("monitor"), PREPARED, lambda started: _answers(wanted.monitor_port, LIVES), page),
        Child("live", _intraday("live", "run"), PREPARED, lambda started: _live_since(settings, started)),
        Child("orders", _intraday("orders", "run"), PREPARED, lambda started: _drives(settings)),
    )
    asked_for = [child for child in services if child.name in wanted.services]
    return (*_databases(settings), *_dagster(settings, wanted), *asked_for)


def service_environment(settings: Settings, wanted: Wanted) -> dict[str, str]:
    """What all of them find in their environment."""
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",  # or a line would be seen when the next thousand are written
        "DAGSTER_GRPC_SHUTDOWN_GRACE_PERIOD": "5",
        "INTRADAY_MONITORING__HOST": LOOPBACK,
        "INTRADAY_MONITORING__PORT": str(wanted.monitor_port),
        "INTRADAY_MONITORING__DAGSTER_URL": f"http://{LOOPBACK}:{wanted.port}",
    }


def _databases(settings: Settings) -> tuple[Child, ...]:
    """The embedded PostgreSQL, where one of the two databases is on it, and the step that makes both ready."""
    embedded = named_server() is None or not os.environ.get("INTRADAY_DAGSTER_URL")
    database = Child(
        "database",
        _intraday("db", "hold"),
        ready=lambda started: _database_runs(settings),
        stop_seconds=90,  # it writes down what is in its memory
        hurried_seconds=10,
    )
    prepare = Child("prepare", _intraday("db", "prepare"), ("database",) if embedded else (), once=True)
    return (database, prepare) if embedded else (prepare,)


def _dagster(settings: Settings, wanted: Wanted) -> tuple[Child, ...]:
    """The code in one process that the webserver and the daemon share; runs are its children.

    `dagster code-server start` would be two processes, and answers for the second when that is dead.
    """
    folder = instance_folder(settings)
    code, workspace = folder / "code.sock", folder / "workspace.yaml"
    if len(os.fsencode(code)) > LONGEST_SOCKET:
        raise ConfigError(f"{code} is too long for a socket's name: set INTRADAY_HOME to a shorter path.")
    (location,) = yaml.safe_load((FILES / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    module, name = location["python_module"]["module_name"], location["python_module"]["location_name"]
    folder.mkdir(parents=True, exist_ok=True)
    server = {"grpc_server": {"socket": str(code), "location_name": name}}
    replace_durably(workspace, yaml.safe_dump({"load_from": [server]}).encode())
    serve = ("code-server", "start") if wanted.reloading else ("api", "grpc")
    environment = _dagster_environment(settings)
    return (
        Child(
            "code",
            (*PYTHON, "dagster", *serve, "-s", str(code), "-m", module, "-d", str(FILES), "--location-name", name),
            PREPARED,
            lambda started: _listens(code),
            environment=environment,
        ),
        Child(
            "webserver",
            (*PYTHON, "dagster_webserver", "-h", LOOPBACK, "-p", str(wanted.port), "-w", str(workspace)),
            ("code",),
            lambda started: _answers(wanted.port, "/server_info"),
            f"http://{LOOPBACK}:{wanted.port}",
            environment,
        ),
        Child(
            "daemon",
            (*PYTHON, "dagster._daemon", "run", "-w", str(workspace), "--log-level", "warning"),  # not each tick
            ("code",),
            lambda started: _daemon_since(wanted.port, started),
            environment=environment,
        ),
    )


def _intraday(*words: str) -> tuple[str, ...]:
    return (*PYTHON, "cli", *words)


def _dagster_environment(settings: Settings) -> Callable[[], Mapping[str, str]]:
    return lambda: instance_environment(settings, lambda: running_server(embedded_folder(settings.home), DAGSTER))


def _database_runs(settings: Settings) -> bool:
    with suppress(DatabaseError):
        with running_server(embedded_folder(settings.home), "postgres").connect() as connection:
            connection.execute("SELECT 1")
        return True
    return False


def _live_since(settings: Settings, started: datetime) -> bool:
    """Whether live said something of itself since then."""
    with suppress(DatabaseError):
        state = LiveStore(attached_server(settings.home), settings.bar_size, settings.symbols).state()
        return state is not None and state.state != "stopped" and state.seen_at >= started
    return False


def _drives(settings: Settings) -> bool:
    with suppress(DatabaseError):
        return driven(attached_server(settings.home))
    return False


def _daemon_since(port: int, started: datetime) -> bool:
    """Whether each part of Dagster's daemon that has to run was heard of since then."""
    with suppress(ValueError, KeyError, TypeError):
        answer: Any = json.loads(_asked(port, "POST", "/graphql", json.dumps({"query": HEARTBEATS})) or "{}")
        parts = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all((part["lastHeartbeatTime"] or 0) >= started.timestamp() for part in parts if part["required"])
    return False


def _answers(port: int, path: str) -> bool:
    return _asked(port, "GET", path) is not None


def _asked(port: int, method: str, path: str, body: str | None = None) -> bytes | None:
    """The answer of a service of this machine, past any proxy; None where there is none or a refusal."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.read() if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _listens(path: Path) -> bool:
    with socket(AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex(os.fspath(path)) == 0
