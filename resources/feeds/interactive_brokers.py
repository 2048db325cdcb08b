"""Interactive Brokers: the bars of a session, extended hours included, from TWS or IB Gateway.

How TWS is connected to is `resources.ib`'s matter, what it answers `interactive_brokers_answers`'s.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd

from market.labels import LabelSide
from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import NEW_YORK, BarSize, Session
from resources.errors import BrokerError, BrokerRefused, FeedRefused, Outage, TooEarly
from resources.feeds.interactive_brokers_answers import INTERVALS, answer_text, parse_bars, refusal
from resources.feeds.line import Line
from resources.feeds.periods import Period, Periods, Question
from resources.feeds.rate_limit import RateLimit, Window
from resources.ib.connection import Client
from resources.ib.gateway import Gateway, Role
from resources.ib.library import stock
from resources.ib.questions import AnsweredWithError
from resources.ib.wire import Kind, plain
from resources.landing import LandingZone, RawAnswer
from resources.paths import machine_state
from resources.settings import IBSettings
from schemas.tables import SPLIT_ADJUSTED

SOURCE: Final = "interactive_brokers"
SETTLED: Final = pd.Timedelta(minutes=30)
"""How long after the close trades may still be added to the last bars."""
COMPLETE: Final = pd.Timedelta(minutes=2)
"""How long after its end a bar is complete."""
LONGEST_WAIT_SECONDS: Final = 20.0
ALL: Final = Window(60, 600.0)
OF_SYMBOL: Final = Window(5, 2.0)
ALIKE: Final = Window(1, 15.0)
"""The limits on history: of all requests, of those about one contract, of those that are the same."""


class InteractiveBrokersFeed:
    """Bars of Interactive Brokers, its answers landed. One connection a request, of a client id of its own.

    Args:
        settings: where TWS is, as whom, the unit of volumes.
        line: carries the requests.
        landing: where answers are kept.
        bar_size: the interval asked for.
        now: the clock.
        refresh: ask again for sessions that are on the shelf.
        sleep: waits that many seconds.

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
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._gateway = Gateway(settings, Role.HISTORY)
        self._line = line
        self._landing = landing
        self._bar_size = bar_size
        self._now = now
        self._sleep = sleep
        self._periods = Periods(landing, SETTLED, now, refresh=refresh)

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
        now, what = self._now(), f"{symbol} of {session.key}"
        with self._landing.alone(f"{SOURCE}/{self._gateway.address}"):
            self._wait_for_turn(symbol, session)
            try:
                self._gateway.open()
                text = self._history(symbol, session)
            except AnsweredWithError as error:
                raise refusal(error.code, error.said, what) from None
            except BrokerRefused as error:
                raise FeedRefused(f"Interactive Brokers was not asked for {what}: {error}") from None
            except BrokerError as error:
                raise Outage(f"Interactive Brokers did not answer {what}: {error}") from None
            finally:
                self._gateway.close()
        parse_bars(text, symbol, self._settings.volume_unit)
        return RawAnswer(now, text)

    def _history(self, symbol: str, session: Session) -> str:
        """The New York day up to the end of extended trading; times as seconds, which need no zone."""
        end = f"{session.extended_hours[1].tz_convert(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"
        interval = INTERVALS[self._bar_size]

        def send(client: Client, number: int) -> None:
            contract = stock(symbol, self._settings.primary_exchanges)
            client.reqHistoricalData(number, contract, end, "1 D", interval, "TRADES", 0, 2, False, [])

        return answer_text(plain(self._gateway.request(frozenset(), Kind.HISTORY, send))[-1])

    def _read(self, answer: RawAnswer, symbol: str, session: Session) -> Period:
        rows = parse_bars(answer.text, symbol, self._settings.volume_unit)
        provenance = Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START)
        return Period(answer.fetched_at, NormalisedSessions(rows, [session], self._bar_size, provenance))

    def _wait_for_turn(self, symbol: str, session: Session) -> None:
        """Keep to the limits on history, which all processes share; a turn that is far away is not waited for."""
        alike = f"{symbol} {session.key} {self._bar_size}"
        for key, window in ((alike, ALIKE), (symbol, OF_SYMBOL), ("", ALL)):
            RateLimit(
                machine_state() / "requests.sqlite3",
                str(self._gateway.address),
                key,
                [window],
                clock=lambda: self._now().timestamp(),
                sleep=self._sleep,
                longest_wait=LONGEST_WAIT_SECONDS,
            ).wait_for_turn()
