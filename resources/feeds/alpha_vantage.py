"""Alpha Vantage `TIME_SERIES_INTRADAY`: one request per symbol-month, whatever number of its sessions is asked for.

Which months are asked for, landed and remembered belongs here; how the vendor is asked is `alpha_vantage_client`'s
matter, what an answer says `alpha_vantage_answers`'s.
"""

from collections.abc import Callable
from typing import Final

import pandas as pd

from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import BarSize, Session, sessions_of_month
from resources.errors import TooEarly
from resources.feeds.alpha_vantage_answers import parse_answer
from resources.feeds.alpha_vantage_client import SOURCE, AlphaVantageClient
from resources.feeds.periods import Period, Periods, Question
from resources.landing import LandingZone, RawAnswer
from schemas.tables import AS_TRADED

SETTLED: Final = pd.Timedelta(hours=4)
"""How long after the close the vendor may still complete a session: a later run asks again for what it got before."""


class AlphaVantageFeed:
    """Bars of Alpha Vantage, its answers landed.

    Args:
        client: asks the vendor.
        landing: where answers are kept.
        bar_size: the interval asked for.
        now: the clock.
        refresh: ask again for months that are on the shelf.

    """

    name = SOURCE

    def __init__(
        self,
        client: AlphaVantageClient,
        landing: LandingZone,
        bar_size: BarSize,
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
    ) -> None:
        self._client = client
        self._bar_size = bar_size
        self._now = now
        self._periods = Periods(landing, SETTLED, now, refresh=refresh)

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session.

        Raises:
            FeedError: the month could not be had, or it has no bars of the session.
            LabelSideUnclear: the stamps contradict each other.

        """
        now = self._now()
        if now <= session.close:
            raise TooEarly(f"{session.key} closes at {session.close:%Y-%m-%d %H:%M} UTC: ask again after that.")
        month = self._month(symbol, session).sessions
        if session not in month:
            raise self._periods.without("Alpha Vantage", symbol, session, now)
        return month.bars(session)

    def _month(self, symbol: str, session: Session) -> Period:
        """The vendor month that holds the session."""
        return self._periods.get(
            Question(
                symbol,
                session,
                shelf=f"{SOURCE}/{self._client.settings.host}/{self._bar_size}/{symbol}/{session.month}",
                ending=self._client.settings.datatype,
                ask=lambda: self._ask_month(symbol, session.month),
                read=lambda answer: self._read(answer, symbol, session.month),
            )
        )

    def _ask_month(self, symbol: str, month: str) -> RawAnswer:
        """One request; an answer that cannot be read is asked for again."""
        asked_at = self._now()

        def answer_of(text: str) -> RawAnswer:
            parse_answer(text, symbol)
            return RawAnswer(asked_at, text)

        extent = {"month": month, "outputsize": "full"}
        return self._client.bars(symbol, self._bar_size, extent, f"{symbol} {month}", answer_of)

    def _read(self, answer: RawAnswer, symbol: str, month: str) -> Period:
        rows, provenance = parse_answer(answer.text, symbol), Provenance(SOURCE, AS_TRADED)
        sessions = NormalisedSessions(rows, sessions_of_month(month), self._bar_size, provenance)
        return Period(answer.fetched_at, sessions)
