"""How the live process is doing: kept for whoever watches, said to whoever started it, reported to Dagster.

None of these may stop it: what cannot be kept or reported is said, and made up for the next time.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isnan

import pandas as pd

from market.running import RunningSession
from market.sessions import NEW_YORK, Session
from market.telling import new_york
from resources.database.live_store import LiveState, LiveStore
from resources.errors import DatabaseError
from resources.market_time import MarketTime
from schemas.errors import IntradayError

Observe = Callable[[Session, Mapping[str, object]], None]
NO_FEED = "no feed answers"
NO_DATABASE = "the database does not take bars"
log = logging.getLogger("intraday.live")


@dataclass
class Reporter:
    """Tells of the process's state.

    Args:
        store: where it is kept.
        clock: the time.
        say: takes a line for people.
        observe: reports to Dagster what is stored of a session.
        every: after so many bars.

    """

    store: LiveStore
    clock: MarketTime
    say: Callable[[str], None]
    observe: Observe
    every: int
    _state: LiveState = field(init=False)
    _bars: int = field(default=0, init=False)
    """Told since Dagster was."""
    _before: tuple[int, int] = field(default=(0, 0), init=False)
    """How many bars of the session came late, and again, before this process began."""

    def __post_init__(self) -> None:
        now = self.clock.now()
        self._state = LiveState("sleeping", since=now, seen_at=now)

    def sleeping(self, session: Session) -> None:
        """The exchange is shut until a session opens."""
        self._become(replace(self._state, state="sleeping", why=f"{session.key} opens at {_clock(session.open)}"))

    def begins(self, running: RunningSession, feed: str) -> None:
        """A session is taken in; what an earlier process counted of it stays counted."""
        now, day, kept = self.clock.now(), running.session.day, None
        with suppress(DatabaseError):
            kept = self.store.state()
        self._before = (kept.late, kept.revised) if kept is not None and kept.session == day else (0, 0)
        self._bars = 0
        self._become(LiveState("streaming", now, now, session=day, feed=feed))

    def told(self, running: RunningSession, place: int, against: str, feed: str, *, late: int, revised: int) -> None:
        """Consumers were told of a bar.

        Args:
            running: its session.
            place: its place.
            against: what the rolling gate holds against the last bars; empty where nothing.
            feed: the one that is used.
            late: how many bars of the session came late since this process began.
            revised: how many came again with other values.

        """
        self._become(
            replace(
                self._state,
                state="degraded" if against else "streaming",
                why=against,
                last_bar=running.starts[place],
                feed=feed,
                missing=int((~running.present[: place + 1]).sum()),
                late=self._before[0] + late,
                revised=self._before[1] + revised,
            )
        )
        self.say(_line(running, place, feed))
        self._bars += 1
        if self._bars >= self.every or place == len(running.starts) - 1:
            self._bars = 0
            self._report(running)

    def nobody_answers(self, failures: Sequence[IntradayError]) -> None:
        """A bar is overdue, and no feed says what it has."""
        said = "; ".join(str(error) for error in failures)
        self._become(replace(self._state, state="degraded", why=f"{NO_FEED}: {said}" if said else NO_FEED))

    def database_fails(self, error: DatabaseError) -> None:
        """A bar could not be stored."""
        self.say(f"{NO_DATABASE[0].upper()}{NO_DATABASE[1:]}, and is asked again: {error}")

    def switched(self, feed: str, why: str) -> None:
        """Another feed is used."""
        self.say(f"{_clock(self.clock.now())} bars come from {feed} from now on: {why}")

    def alive(self) -> None:
        """Nothing has changed."""
        self._become(self._state)

    def stopped(self, why: str) -> None:
        """The process ends."""
        self._become(replace(self._state, state="stopped", why=why))

    def _become(self, state: LiveState) -> None:
        now = self.clock.now()
        before, self._state = self._state, replace(state, seen_at=now)
        if before.state != state.state:
            self._state = replace(self._state, since=now)
            self.say(f"{_clock(now)} {state.state}{f': {state.why}' if state.why else ''}")
        try:
            self.store.keep_state(self._state)
        except DatabaseError as error:
            log.warning("The state could not be kept: %s", error)

    def _report(self, running: RunningSession) -> None:
        state, session = self._state, running.session
        about = {
            "bars stored": int(running.present.sum()),
            "state": state.state,
            "last bar": f"{state.last_bar}",
            "feed": state.feed,
            "bars missing": state.missing,
            "bars late": state.late,
            "bars revised": state.revised,
        }
        try:
            self.observe(session, about)
        except Exception as error:  # whatever Dagster's storage does, bars go on
            self.say(f"Dagster was not told of {session.key}: {type(error).__name__}: {error}")


def _line(running: RunningSession, place: int, feed: str) -> str:
    """A bar: New York's time at its start, each symbol's close, the feed."""
    closes = zip(running.symbols, running.closes(place), strict=True)
    shown = "  ".join(f"{symbol} {'missing' if isnan(close) else f'{close:,.2f}'}" for symbol, close in closes)
    return f"{new_york(running.starts[place])}  {shown}  {feed}"


def _clock(instant: pd.Timestamp) -> str:
    return f"{instant.tz_convert(NEW_YORK):%Y-%m-%d %H:%M:%S} New York"
