"""Interactive Brokers: the bars of a session, extended hours included, from TWS or IB Gateway.

How TWS is asked is `interactive_brokers_history`'s matter, what it answers `interactive_brokers_answers`'s.
"""

from functools import partial
from typing import Final

import pandas as pd

from market.labels import LabelSide
from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import BarSize, Session
from resources.errors import TooEarly
from resources.feeds.interactive_brokers_answers import parse_bars
from resources.feeds.interactive_brokers_history import SOURCE, History, understanding
from resources.feeds.line import Line
from resources.feeds.periods import Period, Periods, Question
from resources.ib.gateway import Gateway, Role
from resources.landing import LandingZone, RawAnswer
from resources.market_time import MarketTime
from resources.settings_sections import IBSettings
from schemas.tables import SPLIT_ADJUSTED

SETTLED: Final = pd.Timedelta(minutes=30)
"""How long after the close trades may still be added to the last bars."""
COMPLETE: Final = pd.Timedelta(minutes=2)
"""How long after its end a bar is complete."""
LONGEST_WAIT_SECONDS: Final = 20.0


class InteractiveBrokersFeed:
    """Bars of Interactive Brokers, its answers landed. One connection a request, of a client id of its own.

    Args:
        settings: where TWS is, as whom, the unit of volumes.
        line: carries the requests.
        landing: where answers are kept.
        bar_size: the interval asked for.
        time: the market's.
        refresh: ask again for sessions that are on the shelf.

    Raises:
        ConfigError: no host is configured.

    """

    name = SOURCE

    def __init__(
        self,
        settings: IBSettings,
        line: Line,
        landing: LandingZone,
        bar_size: BarSize,
        time: MarketTime,
        *,
        refresh: bool = False,
    ) -> None:
        self._settings = settings
        self._gateway = Gateway(settings, Role.HISTORY)
        self._history = History(self._gateway, settings, bar_size, time, LONGEST_WAIT_SECONDS)
        self._line = line
        self._landing = landing
        self._bar_size = bar_size
        self._now = time.now
        self._periods = Periods(landing, SETTLED, time.now, refresh=refresh)

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session.

        Raises:
            FeedError: they could not be had, or there are none.

        """
        now = self._now()
        if now <= session.close + COMPLETE:
            raise TooEarly(f"{session.key} is complete at {session.close + COMPLETE:%Y-%m-%d %H:%M} UTC: ask then.")
        found = self._periods.get(
            Question(
                symbol,
                session,
                shelf=f"{SOURCE}/{self._gateway.address.host}/{self._bar_size}/{symbol}/{session.key}",
                ending="json",
                ask=lambda: self._line.ask(partial(self._ask, symbol, session)),
                read=lambda answer: self._read(answer, symbol, session),
            )
        ).sessions
        if session not in found:
            raise self._periods.without("Interactive Brokers", symbol, session, now)
        return found.bars(session)

    def _ask(self, symbol: str, session: Session) -> RawAnswer:
        """One request; one process of this machine at a time, for they share the client id."""
        now, (_, end) = self._now(), session.extended_hours
        with self._landing.alone(f"{SOURCE}/{self._gateway.address}"):
            self._history.wait_for_turn(symbol, end)
            with understanding(f"{symbol} of {session.key}"):
                try:
                    self._gateway.open()
                    return RawAnswer(now, self._history.ask(symbol, end))
                finally:
                    self._gateway.close()

    def _read(self, answer: RawAnswer, symbol: str, session: Session) -> Period:
        rows = parse_bars(answer.text, symbol, self._settings.volume_unit)
        provenance = Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START)
        return Period(answer.fetched_at, NormalisedSessions(rows, [session], self._bar_size, provenance))
