"""One session as it happens: each bar, once it is complete or will not come, stored and told in the order of time.

What the feeds have is `live.sources`'s matter, what follows from the bars `market.running`'s, how it is stored
`resources.database.live_store`'s.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from live.sources import Round, Sources
from live.standing import Reporter
from market.quality.columns import Columns
from market.quality.gate import Gate
from market.quality.rolling import judge_stretch, rolling
from market.running import RunningSession
from resources.database.live_store import LiveStore, Told
from resources.errors import DatabaseError, DatabaseFull, NotAlone, SessionFinal
from resources.market_time import MarketTime
from resources.settings_sections import LiveSettings
from schemas.tables import FEATURES

LINGER: Final = pd.Timedelta(minutes=10)
"""After the close: so long what is missing is still taken in. Later it is the batch run's."""
LONGEST_REST: Final = 10.0
"""Seconds without a sign of life."""


@dataclass
class SessionStream:
    """Takes in the bars of one session, from the first one that was not told to the last.

    Args:
        running: the session, with what is stored of it.
        store: where bars go and consumers are told.
        sources: the feeds.
        gate: the desk's.
        settings: how long a bar is waited for, what the rolling gate judges.
        clock: the time, and waiting.
        reporter: told how it goes.
        claim: whether this is the one live process of the database, still.

    """

    running: RunningSession
    store: LiveStore
    sources: Sources
    gate: Gate
    settings: LiveSettings
    clock: MarketTime
    reporter: Reporter
    claim: Callable[[], bool]
    _shown: np.ndarray = field(init=False)
    """Which bars consumers were shown the frame of, shape (places,)."""
    _told: int = field(default=0, init=False)
    """The place of the next bar."""
    _pending: np.ndarray = field(init=False)
    """Bars that are known and not stored, shape (places, symbols)."""
    _written: np.ndarray = field(init=False)
    """The frame's numbers as they are stored, shape (13, rows of the frame); infinite where nobody knows."""
    _late: np.ndarray = field(init=False)
    _revised: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        shape = self.running.present.shape
        self._pending = np.zeros(shape, dtype=bool)
        self._late, self._revised = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self._written = np.full((len(FEATURES), self._pending.size), np.inf)
        self._rolling = rolling(self.gate)
        told = self.store.told(self.running.session)
        events = [told.get(start) for start in self.running.starts]
        self._shown = np.array([event == "published" for event in events])
        self._told = max((place + 1 for place, event in enumerate(events) if event), default=0)

    def run(self) -> None:
        """Go on to the session's last bar.

        Raises:
            SessionFinal: the gate judged the session meanwhile: the rest is the batch run's.
            FeedRefused: a person has to mend something before any bar comes.

        """
        self.sources.wait(0)  # what is pushed is subscribed to before the open
        self._rest_until(self.running.session.open)
        while self._told < len(self.running.starts):
            self._bar(self._told)

    def _bar(self, place: int) -> None:
        """Wait for a bar, store it and tell of it."""
        running, due = self.running, self.running.ends(place)
        self._rest_until(due + pd.Timedelta(seconds=self.settings.settle_seconds[self.sources.primary.name]))
        lacking = running.lacking(place)
        if not lacking and running.present[place + 1 :].any():
            self._tell(place, ())  # a process that begins late has its bars all at once
            return
        missing_from = due + pd.Timedelta(seconds=self._patience(place, lacking))
        while True:
            asked_at = self.clock.now()
            found = self._ask(place)
            lacking = running.lacking(place)
            overdue = asked_at >= missing_from
            if not lacking or (overdue and self._are_missing(place, lacking, found)):
                break
            if overdue:
                self._hold_on(found)
            self.sources.wait(self.settings.poll_seconds)
        self._tell(place, tuple(lacking))

    def _patience(self, place: int, lacking: Sequence[str]) -> float:
        """How many seconds a bar is waited for; a stock that is halted holds up the others no longer than it must."""
        again = place > 0 and set(lacking) == set(self.running.lacking(place - 1))
        return self.settings.fallback_after_seconds if again else self.settings.missing_after_seconds

    def _are_missing(self, place: int, lacking: Sequence[str], found: Round) -> bool:
        """Whether bars will not come: who should have them does not, and the market has gone on.

        Without the second, it is a market that is halted, feeds that stand still, or a clock that is wrong.
        """
        return found.known_lacking.issuperset(lacking) and bool(self.running.present[place:].any())

    def _hold_on(self, found: Round) -> None:
        """Go on waiting for a bar that is overdue, unless the session has become the batch run's.

        Raises:
            SessionFinal: it has.

        """
        session = self.running.session
        if found.failures:
            self.reporter.nobody_answers(found.failures)
        if self.clock.now() >= session.close + LINGER:
            raise SessionFinal(f"{session.key} closed a while ago: what is lacking of it is the batch run's.")
        final = False
        with suppress(DatabaseError):  # the next look may say
            final = self.store.is_final(session)
        if final:
            raise SessionFinal(f"{session.key} has been judged: what is lacking of it is the batch run's.")

    def _ask(self, place: int) -> Round:
        before = self.running.present
        found = self.sources.ask(self.running, place)
        self._pending |= found.changed
        was_told = np.arange(len(before))[:, np.newaxis] < self._told
        self._late |= found.changed & was_told & ~before
        self._revised |= found.changed & was_told & before
        return found

    def _tell(self, place: int, missing: tuple[str, ...]) -> None:
        """Store what is new up to a place, and tell of the bar there."""
        report = judge_stretch(self._rolling, self.running, place + 1, self.settings.gate_bars)
        withheld = report.failed and not self.settings.publish_degraded
        why = " ".join(report.reasons()) if report.failed else ""
        self._shown[place] = not withheld
        cells = self._pending.copy()
        cells[place + 1 :] = False
        frame = self.running.frame()
        numbers = np.stack([frame.numbers(name) for name in FEATURES])
        rows = self._rows_to_write(numbers, shown=not withheld)
        told = Told(
            "withheld" if withheld else "published", self.running.starts[place], missing, why if withheld else ""
        )
        self._commit(self.running.bars(cells), frame.rows(rows), told)
        self._pending &= ~cells
        self._written[:, rows] = numbers[:, rows]
        self._told = place + 1
        self.sources.told(self.running, place)
        self.reporter.told(
            self.running,
            place,
            why,
            self.sources.used,
            late=int(self._late.sum()),
            revised=int(self._revised.sum()),
        )

    def _rows_to_write(self, numbers: np.ndarray, *, shown: bool) -> np.ndarray:
        """Which rows of the frame are other ones than are stored, of bars that are shown; shape (rows,)."""
        if not shown:
            return np.zeros(numbers.shape[1], dtype=bool)  # nor what else they change
        same = (numbers == self._written) | (np.isnan(numbers) & np.isnan(self._written))
        return np.asarray(~same.all(axis=0) & self._shown.repeat(len(self.running.symbols)))

    def _commit(self, bars: Columns, frame: Columns, told: Told) -> None:
        """Store and tell, however long the database is away: nothing is lost, and nothing told before it is stored."""
        while True:
            try:
                if not self.claim():
                    raise NotAlone("Another live process has begun to take in bars here; this one ends.")
                self.store.commit(self.running.session, bars, frame, told)
                return
            except DatabaseError as error:
                if not may_pass(error):
                    raise
                self.reporter.database_fails(error)
                self.clock.sleep(self.settings.poll_seconds)

    def _rest_until(self, instant: pd.Timestamp) -> None:
        while self.clock.until(instant) > 0:
            self.reporter.alive()
            self.clock.sleep(min(self.clock.until(instant), LONGEST_REST))


def may_pass(error: DatabaseError) -> bool:
    """Whether what the database lacks may be mended while the process waits: a line, a lock, room on its disk."""
    return error.retry_helps or isinstance(error, DatabaseFull)
