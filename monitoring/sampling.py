"""Looks at a desk again and again, so that answers are made of what was seen last and wait for nobody.

A database that is away, or that accepts and never answers, a disk that hangs, a webserver that drips: each is asked in
a thread of its own that is given up on after `monitoring.probe_seconds` and not started twice.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from monitoring.facts import Counts, Facts, Sample
from monitoring.probes import Usage, Watch, watched_backups, watched_broker, watched_dagster, watched_disks
from monitoring.reading import Reader
from resources.clock import utc_now
from resources.database.server import DatabaseServer
from resources.in_time import Bounded, NoAnswer
from resources.settings import Settings
from schemas.errors import IntradayError

SELDOM: Final = timedelta(minutes=1)
"""What costs more is looked at so often: counts over the whole history, backups."""
NOTHING_YET: Final = "nothing has been read yet"
log = logging.getLogger("intraday.monitoring")


class Sampler:
    """Keeps the newest sample of a desk.

    Args:
        settings: the desk's.
        server: finds its database, which is only read, and neither started nor migrated.
        address: of the database, as it may be shown.
        usage: how a disk is measured.
        now: the clock, UTC.

    """

    def __init__(
        self,
        settings: Settings,
        server: Callable[[], DatabaseServer],
        address: str,
        usage: Callable[[str], Usage] = lambda folder: Usage(*shutil.disk_usage(folder)),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings, self._now = settings, now
        self._seconds = settings.monitoring.probe_seconds
        reader = Reader(settings, server, now)
        self._facts = Bounded(address, reader.facts)
        self._counts = Bounded(f"{address}, counting,", reader.counts)
        self._disks = watched_disks(settings, usage)
        self._broker, self._dagster = watched_broker(settings), watched_dagster(settings)
        self._backups = watched_backups(settings, now)
        self._often = _probes(self._facts, *self._disks, self._broker, self._dagster)
        self._seldom = _probes(self._counts, self._backups)
        self._seldom_at = datetime.min.replace(tzinfo=UTC)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="sampler", daemon=True)
        self.sample = Sample(settings, now(), address, database_failure=NOTHING_YET)
        """The newest."""

    def take(self) -> Sample:
        """Look once, at everything side by side, and keep what was seen."""
        taken_at, before, end = self._now(), self.sample, time.monotonic() + self._seconds
        seldom = taken_at - self._seldom_at >= SELDOM
        if seldom:
            self._seldom_at = taken_at
        for probe in (*self._often, *(self._seldom if seldom else ())):
            probe.begin()

        def left() -> float:
            return end - time.monotonic()

        facts, failure = self._read(left())
        self.sample = replace(
            before,
            taken_at=taken_at,
            facts=facts or before.facts,
            database_failure=failure,
            disks=tuple(disk.seen(left()) for disk in self._disks),
            broker=None if self._broker is None else self._broker.seen(left()),
            dagster=None if self._dagster is None else self._dagster.seen(left()),
            backups=None if self._backups is None else self._backups.seen(left()),
            counts=self._counted(left() if before.counts is None else 0) or before.counts,
        )
        return self.sample

    def _read(self, seconds: float) -> tuple[Facts | None, str]:
        """The facts, or why there are none; a driver's own words may hold an address, so only ours are shown."""
        try:
            return self._facts.answer(seconds), ""
        except IntradayError as error:
            return None, str(error)
        except Exception as error:
            log.exception("The stored state could not be read")
            return None, f"the stored state could not be read: {type(error).__name__}"

    def _counted(self, seconds: float) -> Counts | None:
        """What was counted, where that is done; it may take longer than everything else, and is not waited for then."""
        try:
            return self._counts.answer(seconds)
        except NoAnswer:
            return None
        except Exception as error:
            log.info("The whole history could not be counted: %s: %s", type(error).__name__, error)
            return None

    def start(self) -> None:
        """Look every `monitoring.refresh_seconds` from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. What still hangs is left behind; it ends with the process."""
        self._ended.set()
        self._thread.join(self._seconds)

    def _go_on(self) -> None:
        while not self._ended.is_set():
            try:
                self.take()
            except Exception:  # the next one may fare better; until then the sample's age tells
                log.exception("The desk could not be looked at")
            self._ended.wait(self._settings.monitoring.refresh_seconds)


def _probes(*asked: Bounded[Any] | Watch[Any] | None) -> list[Bounded[Any]]:
    """Those of what is looked at here."""
    return [one.probe if isinstance(one, Watch) else one for one in asked if one is not None]
