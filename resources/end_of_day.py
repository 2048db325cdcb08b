"""Looks at how days ended: gathers the facts, has them judged, and keeps the reports.

Each look is bounded in time, and one that fails is a fact that nobody knows: it never keeps the others from being told.
What is of today and not of a session (disks, files, backups, positions) is looked at for the latest session only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from market.day_facts import DayFacts, Landed, Room, Today, Unknown
from market.end_of_day import judge
from market.sessions import Session, latest_closed_session
from resources.backup_files import backups_in
from resources.checksums import verified
from resources.database.day_facts import books, day_events, gate_history, stored_days
from resources.database.eod_store import EodStore
from resources.database.server import DatabaseServer
from resources.errors import DatabaseUnreachable
from resources.in_time import NoAnswer, in_time
from resources.market_time import utc_now
from resources.paths import free_bytes, nearest_existing
from resources.settings import Settings
from schemas.end_of_day import EodReport
from schemas.errors import sentence_of

LONGEST_LOOK_SECONDS: Final = 30.0
ADVICE: Final = "See what is wrong with `intraday doctor`, mend it, and look again: `intraday eod`."
READ_AT_MOST: Final = 500_000_000
"""Bytes of landed files whose checksums are looked at, the newest first: half a year of two symbols."""

Found = TypeVar("Found")


@dataclass
class DayEnds:
    """Looks at how days ended.

    Args:
        settings: the desk's.
        server: gives the database, or raises what keeps it from doing so.
        now: the machine's clock, UTC.
        free_bytes: free room on the disk of a folder that is there.
        seconds: how long a look may take.

    """

    settings: Settings
    server: Callable[[], DatabaseServer]
    now: Callable[[], pd.Timestamp] = utc_now
    free_bytes: Callable[[str], int] = free_bytes
    seconds: float = LONGEST_LOOK_SECONDS

    def keep(self, reports: Sequence[EodReport]) -> None:
        """Keep reports, newest last.

        Raises:
            DatabaseError: they are not kept.

        """
        late = DatabaseUnreachable(f"The database did not answer within {self.seconds:g} s: the report is not kept.")
        in_time(lambda: EodStore(self.server()).keep(reports), self.seconds, late)

    def reports(self, sessions: Sequence[Session]) -> list[EodReport]:
        """How the days of some sessions ended; ascending."""
        settings = self.settings
        return [judge(facts, settings.eod, settings.environment, settings.symbols) for facts in self._facts(sessions)]

    def _facts(self, sessions: Sequence[Session]) -> Iterator[DayFacts]:
        settings, now = self.settings, self.now()
        stored = self._asked(lambda server: stored_days(server, sessions, settings.symbols, settings.bar_size))
        history = self._asked(lambda server: gate_history(server, sessions, settings))
        events = self._asked(lambda server: day_events(server, sessions))
        latest = latest_closed_session(now)
        for one in sessions:
            yield DayFacts(
                session=one,
                bar_size=settings.bar_size,
                looked_at=now.floor("s").to_pydatetime(),
                symbols=stored if isinstance(stored, Unknown) else stored[one.key],
                history=history if isinstance(history, Unknown) else history[one.key],
                events=events if isinstance(events, Unknown) else events[one.key],
                today=self._today() if one == latest else _not_today(latest),
            )

    def _today(self) -> Today:
        settings = self.settings
        folder = settings.eod.backup_folder
        return Today(
            room=self._looked(self._room),
            landed=self._looked(self._landed),
            backups=Unknown("Not looked at: eod.backup_folder is not set.")
            if folder is None
            else self._looked(lambda: backups_in(settings.home / folder, self.now().to_pydatetime())),
            books=self._asked(lambda server: books(server, settings)),
        )

    def _room(self) -> tuple[Room, ...]:
        places = {"home": str(self.settings.home), "landing": self.settings.landing_url}
        return tuple(Room(name, folder, self._free(folder)) for name, folder in places.items())

    def _free(self, folder: str) -> int | Unknown:
        if "://" in folder:
            return Unknown(f"Not measured: {folder} is no disk of this machine.")
        return self._looked(lambda: self.free_bytes(str(nearest_existing(Path(folder)))))

    def _landed(self) -> Landed | Unknown:
        folder = self.settings.landing_url
        if "://" in folder:
            return Unknown(f"Not looked at: {folder} is no disk of this machine; its store keeps checksums itself.")
        return verified(Path(folder), READ_AT_MOST)

    def _asked(self, look: Callable[[DatabaseServer], Found]) -> Found | Unknown:
        """What the database answers; where it could not be reached at first, it is not waited for again."""
        reached = self._reached
        return reached if isinstance(reached, Unknown) else self._looked(lambda: look(reached))

    @cached_property
    def _reached(self) -> DatabaseServer | Unknown:
        return self._looked(self._reach)

    def _reach(self) -> DatabaseServer:
        server = self.server()
        with server.connect():
            return server

    def _looked(self, look: Callable[[], Found]) -> Found | Unknown:
        """What the look finds; that it failed, or took too long: it is then left to itself."""
        try:
            return in_time(look, self.seconds, NoAnswer(f"Nobody answered within {self.seconds:g} s."))
        except NoAnswer as error:
            return Unknown(str(error), ADVICE)
        except Exception as error:  # whatever it is, the other facts are told
            return Unknown(f"It could not be looked at: {sentence_of(error)}", ADVICE)


def _not_today(latest: Session) -> Today:
    unknown = Unknown(f"Not looked at: it is of today and no matter of this session; the latest one is {latest.key}.")
    return Today(unknown, unknown, unknown, unknown)
