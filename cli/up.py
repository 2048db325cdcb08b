"""`intraday up`: everything that a person needs on one machine, kept running until Ctrl-C. `intraday dev` stands on it.

Which processes these are: `up_children`. How they are kept running: `resources.supervision`.
"""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil
from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape

from cli.desk import demonstration
from cli.up_children import LOOPBACK, SERVICES, Wanted, children, service_environment
from resources.errors import ConfigError
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.landing import replace_durably
from resources.paths import FILES
from resources.settings import Settings, load_settings
from resources.settings_sections import LIVE_FEEDS
from resources.supervision.child import UP
from resources.supervision.log import Log
from resources.supervision.processes import Starter, Wakes
from resources.supervision.supervisor import Supervisor
from resources.supervision.watchdog import Watchdog

DEMONSTRATION: Final = "demo"
"""The folder of the desk that is used where there is no key."""
LOOK_SECONDS: Final = 0.5
"""How often the children are looked at; a death wakes the supervisor."""
ONLY_ADDED: Final = frozenset({"orders"})
"""Of the services, those that run only where they are asked for."""
OURS: Final = "intraday"
"""Who speaks in the log where no child does."""


def up(console: Console, port: int, monitor_port: int | None, added: list[str], without: list[str]) -> int:
    """The command: 0 when it was ended by Ctrl-C or SIGTERM.

    Args:
        console: where the log is shown.
        port: of the Dagster UI.
        monitor_port: of the monitor; None: as it is configured.
        added: services that run in any case.
        without: services that do not run.

    Raises:
        ConfigError: no such service, a port is taken, or somebody else keeps them running already.

    """
    for name in (*added, *without):
        if name not in SERVICES:
            raise ConfigError(f"There is no service {name!r}; allowed: {', '.join(SERVICES)}.")
    return serve(console, port, monitor_port, added, without)


def serve(
    console: Console,
    port: int,
    monitor_port: int | None,
    added: Sequence[str],
    without: Sequence[str],
    *,
    reloading: bool = False,
) -> int:
    """Keep Dagster and services running on this desk, or on the demonstration's where there is no key; as of `up`."""
    demonstrated = lacks_key()
    if demonstrated:
        console.print(f"No {KEY_VARIABLE}: this is the demonstration's desk, with recorded bars from a stand-in.")
    with demonstration(folder=DEMONSTRATION) if demonstrated else nullcontext():
        settings = load_settings()
        no_live = _no_live(settings, demonstrated=demonstrated) if "live" not in (*added, *without) else ""
        if no_live:
            console.print(f"live is left out: {no_live}.", highlight=False)
        left_out = {*without, *(ONLY_ADDED - {*added}), *(("live",) if no_live else ())}
        services = tuple(name for name in SERVICES if name not in left_out)
        wanted = Wanted(port, monitor_port or settings.monitoring.port, services, reloading)
        with _alone(settings):
            refuse_taken(wanted.port, "--port")
            if "monitor" in services:
                refuse_taken(wanted.monitor_port, "--monitor-port")
            _keep_running(settings, wanted, console)
    return 0


def _no_live(settings: Settings, *, demonstrated: bool) -> str:
    """Why live cannot take in bars on this desk, where that is plain; empty where it is not."""
    if demonstrated:
        return "the demonstration's bars are of 2020"
    if settings.feeds.primary not in LIVE_FEEDS:
        return f"feeds.primary is {settings.feeds.primary}, which has no bars of a session that goes on"
    if settings.feeds.primary == "alpha_vantage" and settings.alpha_vantage.entitlement == "none":
        return "alpha_vantage.entitlement is none, so the vendor has the running day only after the close"
    return ""


def lacks_key() -> bool:
    """Whether the primary feed wants a key that is not there."""
    return not os.environ.get(KEY_VARIABLE) and load_settings().feeds.primary == "alpha_vantage"


def status(console: Console) -> int:
    """The command: 0 when all that is to run does, 1 when not."""
    home = load_settings().home
    desk = home / DEMONSTRATION if lacks_key() else home
    told = _told(desk)
    if told is None:
        console.print(f"Nothing runs on {desk}: start it with `intraday up`.", highlight=False)
        return 1
    console.print(f"Process {told['pid']} on {desk}, its log is {told['log']}", highlight=False)
    for child in told["children"]:
        ended = f"  {escape(child['why'])}, {child['deaths']} in a row" if child["deaths"] else ""
        pid = child["pid"] or ""
        console.print(
            f"  {child['name']:10} {child['state']:9} {pid:<8} since {child['since']}{ended}", highlight=False
        )
    return int(any(child["state"] not in UP for child in told["children"]))


def refuse_taken(port: int, option: str) -> None:
    """Refuse a port that somebody listens on: the service would die again and again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ConfigError(
                f"Port {port} cannot be used ({error.strerror}): name another one with {option}."
            ) from None


def _keep_running(settings: Settings, wanted: Wanted, console: Console) -> None:
    path = settings.home / "logs" / "up.log"
    with closing(Log(path, lambda line: console.out(line, highlight=False))) as log, Wakes() as wakes:
        with closing(Watchdog()) as watchdog:
            start = Starter(service_environment(settings, wanted), FILES, log.say, watchdog)
            supervisor = Supervisor(children(settings, wanted), start, lambda line: log.say(OURS, line))
            log.say(OURS, f"{settings.home}, environment {settings.environment}; this log is {path}.")
            said = False
            try:
                while not wakes.stops:
                    supervisor.step()
                    _tell(settings.home, path, supervisor)
                    if supervisor.all_up and not said:
                        log.say(OURS, "All of it runs. Ctrl-C ends it.")
                        said = True
                    wakes.wait(LOOK_SECONDS)
            finally:
                log.say(OURS, "Stopping; once more hurries it.")
                supervisor.stop(hurried=lambda: wakes.stops > 1, pause=lambda: wakes.wait(LOOK_SECONDS))
        log.say(OURS, "Stopped.")
    _standing_file(settings.home).unlink(missing_ok=True)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One of these a home: two daemons would launch each run twice."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        other = _told(settings.home)
        named = f" (process {other['pid']})" if other else ""
        raise ConfigError(
            f"`intraday up` or `intraday dev` runs on {settings.home} already{named}: "
            "end it first, or set INTRADAY_HOME."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _standing_file(home: Path) -> Path:
    return home / "up.json"


def _tell(home: Path, log: Path, supervisor: Supervisor) -> None:
    """Write how the children stand, where that changed."""
    here = psutil.Process()
    standings = [asdict(one) for one in supervisor.standings]
    told = {"pid": here.pid, "began": here.create_time(), "log": log, "children": standings}
    text = json.dumps(told, default=str, indent=2).encode()
    path = _standing_file(home)
    with suppress(OSError):  # a full disk ends no service
        if not path.exists() or path.read_bytes() != text:
            replace_durably(path, text)


def _told(home: Path) -> dict[str, Any] | None:
    """What the one that runs on a home wrote last; None where none runs."""
    try:
        told: dict[str, Any] = json.loads(_standing_file(home).read_bytes())
        return told if psutil.Process(told["pid"]).create_time() == told["began"] else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
