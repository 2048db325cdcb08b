"""What is looked at beside the database: disks, backups, a broker's port, Dagster.

A probe that fails is an answer like any other. What it means is `monitoring.health`'s matter.
"""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import AliasPath, BaseModel, Field, ValidationError

from monitoring.facts import BackupFolder, Broker, Dagster, Disk
from resources.backup_files import backups_in
from resources.errors import FeedError
from resources.http import get_text
from resources.in_time import Bounded, NoAnswer
from resources.paths import nearest_existing
from resources.settings import Settings

DAEMONS: Final = "{instance{daemonHealth{allDaemonStatuses{daemonType required healthy}}}}"
"""What Dagster's webserver is asked, in GraphQL."""

log = logging.getLogger("intraday.monitoring")

Result = TypeVar("Result")
Seen = TypeVar("Seen", BackupFolder, Broker, Dagster, Disk)


class Usage(NamedTuple):
    """Bytes of a disk, as `shutil.disk_usage` has them."""

    total: int
    used: int
    free: int


@dataclass
class Watch(Generic[Seen]):
    """Looks at one thing beside the database; that it could not be seen is what was seen of it."""

    unseen: Seen
    probe: Bounded[Seen]

    def seen(self, seconds: float) -> Seen:
        """What there is to be seen within that time."""
        try:
            return self.probe.answer(seconds)
        except NoAnswer as error:
            failure = str(error)
        except Exception as error:  # a fault of ours in one probe leaves the others alone
            log.exception("%s could not be looked at", self.probe.name)
            failure = f"{self.probe.name} could not be looked at: {type(error).__name__}"
        return replace(self.unseen, failure=failure)


def watched_disks(settings: Settings, usage: Callable[[str], Usage]) -> tuple[Watch[Disk], ...]:
    """The disks that the desk writes on; a landing zone elsewhere is none."""
    folders = {"home": str(settings.home), "landing": settings.landing_url}
    disks = [Disk(name, folder) for name, folder in folders.items() if "://" not in folder]
    return tuple(Watch(disk, Bounded(disk.folder, partial(measured, disk, usage))) for disk in disks)


def watched_broker(settings: Settings) -> Watch[Broker] | None:
    """Interactive Brokers, where it is configured."""
    if settings.ib.host is None:
        return None
    broker = Broker("ib", f"{settings.ib.host}:{settings.ib.port}")
    return Watch(broker, Bounded(broker.address, partial(tried, broker, settings.monitoring.probe_seconds)))


def watched_dagster(settings: Settings) -> Watch[Dagster] | None:
    """Dagster's webserver, where it is configured."""
    url, seconds = settings.monitoring.dagster_url, settings.monitoring.probe_seconds
    if url is None:
        return None
    dagster = Dagster(urlsplit(url).netloc.rpartition("@")[2])
    return Watch(dagster, Bounded(dagster.url, partial(asked_for_daemons, url, dagster, seconds)))


def watched_backups(settings: Settings, now: Callable[[], datetime]) -> Watch[BackupFolder] | None:
    """The folder of backups, where one is configured."""
    if settings.eod.backup_folder is None:
        return None
    kept = BackupFolder(str(settings.home / settings.eod.backup_folder))
    return Watch(kept, Bounded(kept.folder, partial(looked_through, kept, now)))


def looked_through(kept: BackupFolder, now: Callable[[], datetime]) -> BackupFolder:
    """The newest backup, or why nobody can tell."""
    try:
        newest = backups_in(Path(kept.folder), now()).newest
    except OSError as error:
        return replace(kept, failure=f"{kept.folder} cannot be looked through: {error.strerror or error}")
    return kept if newest is None else replace(kept, newest=newest.made_at)


def measured(disk: Disk, usage: Callable[[str], Usage]) -> Disk:
    """The room on it, or why that cannot be told."""
    try:
        found = usage(str(nearest_existing(Path(disk.folder))))
    except OSError as error:
        return replace(disk, failure=f"{disk.folder} cannot be measured: {error.strerror or error}")
    return replace(disk, size=found.total, free=found.free)


def tried(broker: Broker, seconds: float) -> Broker:
    """Whether its port takes a connection; nothing is said over it, so it costs no client id."""
    host, _, port = broker.address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds):
            return broker
    except OSError as error:
        return replace(broker, failure=f"{broker.address} cannot be reached: {error.strerror or error}")


class _Daemon(BaseModel):
    """What the webserver says of one."""

    kind: str = Field(alias="daemonType")
    required: bool
    healthy: bool | None


class _Daemons(BaseModel):
    """The answer."""

    daemons: list[_Daemon] = Field(validation_alias=AliasPath("data", "instance", "daemonHealth", "allDaemonStatuses"))


def asked_for_daemons(url: str, dagster: Dagster, seconds: float) -> Dagster:
    """How the daemons are, or why nobody knows."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between a desk and its own webserver
        try:
            answer = get_text(session, f"{url.rstrip('/')}/graphql", {"query": DAEMONS}, seconds)
            daemons = _Daemons.model_validate_json(answer).daemons
        except (FeedError, ValidationError):
            return replace(dagster, failure=f"the webserver at {dagster.url} does not say how its daemons are")
    return replace(dagster, daemons={one.kind: bool(one.healthy) for one in daemons if one.required})
