"""Yahoo: the last month of one-minute bars, a week a request.

How a chart is asked for is `yahoo_charts`'s matter, what an answer says `yahoo_answers`'s.
"""

from collections.abc import Callable
from typing import Final

import pandas as pd

from market.labels import LabelSide
from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import Session, sessions_between
from resources.errors import OutOfReach, TooEarly
from resources.feeds.periods import Period, Periods, Question
from resources.feeds.yahoo_answers import parse_chart
from resources.feeds.yahoo_charts import SOURCE, YahooCharts
from resources.landing import LandingZone, RawAnswer
from schemas.tables import SPLIT_ADJUSTED

SETTLED: Final = pd.Timedelta(minutes=45)
"""How long after the close the last bars may still be forming or be merged with the running quote."""
COMPLETE: Final = pd.Timedelta(minutes=2)
"""How long after its end a bar is complete."""


class YahooFeed:
    """Bars of Yahoo, its answers landed.

    Args:
        charts: asks the vendor.
        landing: where answers are kept.
        now: the clock.
        refresh: ask again for weeks that are on the shelf.

    """

    name = SOURCE

    def __init__(
        self,
        charts: YahooCharts,
        landing: LandingZone,
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
    ) -> None:
        self._charts = charts
        self._bar_size = charts.bar_size
        self._now = now
        self._periods = Periods(landing, SETTLED, now, refresh=refresh)

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session.

        Raises:
            FeedError: the week could not be had, it has no bars of the session, or the session is out of reach.

        """
        now = self._now()
        if now <= session.close + COMPLETE:
            raise TooEarly(f"{session.key} is complete at {session.close + COMPLETE:%Y-%m-%d %H:%M} UTC: ask then.")
        week = self._week(symbol, session).sessions
        if session not in week:
            self._refuse_out_of_reach(session)
            raise self._periods.without("Yahoo", symbol, session, now)
        return week.bars(session)

    def _week(self, symbol: str, session: Session) -> Period:
        """The vendor's week that holds the session."""
        monday, _ = week_of(session)
        return self._periods.get(
            Question(
                symbol,
                session,
                shelf=f"{SOURCE}/{self._charts.settings.host}/{self._bar_size}/{symbol}/{monday:%Y-%m-%d}",
                ending="json",
                ask=lambda: self._ask_week(symbol, session),
                read=lambda answer: self._read(answer, symbol, session),
                in_reach=self._in_reach(session),
            )
        )

    def _ask_week(self, symbol: str, session: Session) -> RawAnswer:
        """One request through `yfinance`; an answer that cannot be read is asked for again."""
        self._refuse_out_of_reach(session)
        now = self._now()
        first, last = self._window(session, now)

        def answer_of(text: str) -> RawAnswer:
            parse_chart(text, symbol)
            return RawAnswer(now, text)

        return self._charts.ask(symbol, first, last, answer_of)

    def _read(self, answer: RawAnswer, symbol: str, session: Session) -> Period:
        rows, provenance = parse_chart(answer.text, symbol), Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START)
        monday, next_monday = week_of(session)
        sessions = sessions_between(monday.date(), (next_monday - pd.DateOffset(days=1)).date())
        return Period(answer.fetched_at, NormalisedSessions(rows, sessions, self._bar_size, provenance))

    def _window(self, session: Session, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """What is asked for: the week, without the sessions of it that are out of reach, or only half in it."""
        monday, next_monday = week_of(session)
        edge = (now - self._reach).ceil("min")
        whole = next(one for one in sessions_between(monday.date(), session.day) if one.open >= edge)
        return max(whole.midnights[0], edge), min(now, next_monday)

    @property
    def _reach(self) -> pd.Timedelta:
        return pd.Timedelta(days=self._charts.settings.days_back[self._bar_size])

    def _in_reach(self, session: Session) -> bool:
        return session.open >= self._now() - self._reach

    def _refuse_out_of_reach(self, session: Session) -> None:
        if not self._in_reach(session):
            days = self._charts.settings.days_back[self._bar_size]
            raise OutOfReach(f"Yahoo has {self._bar_size} bars of the last {days} days only, and not of {session.key}.")


def week_of(session: Session) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The New York week of a session: its Monday's midnight, inclusive, and the next one's, exclusive."""
    midnight, _ = session.midnights
    monday = midnight - pd.DateOffset(days=session.day.weekday())
    return monday, monday + pd.DateOffset(days=7)
