"""Alpha Vantage `TIME_SERIES_INTRADAY`: one request per symbol-month, whatever number of its sessions is asked for.

What is asked for, landed and remembered belongs here; what an answer says is in `alpha_vantage_answers`.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

import pandas as pd
import requests

from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import BarSize, Session, sessions_of_month
from resources.errors import FeedError, KeyRefused, TooEarly
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE, Quote, parse_answer, parse_quote, raise_refusal
from resources.feeds.line import Line
from resources.feeds.periods import Period, Periods, Question
from resources.http import get_text, keep_keys_out_of_logs
from resources.landing import LandingZone, RawAnswer
from resources.settings import AlphaVantageSettings
from schemas.tables import AS_TRADED

Answer = TypeVar("Answer")
SOURCE: Final = "alpha_vantage"

SETTLED: Final = pd.Timedelta(hours=4)
"""How long after the close the vendor may still complete a session: a later run asks again for what it got before."""


class AlphaVantageFeed:
    """Bars of Alpha Vantage, its answers landed.

    Args:
        settings: address, time limit, what the plan includes.
        key: the API key; empty is refused at the first request.
        line: carries the requests.
        landing: where answers are kept.
        bar_size: the interval asked for.
        now: the clock.
        refresh: ask again for months that are on the shelf.

    """

    name = SOURCE

    def __init__(
        self,
        settings: AlphaVantageSettings,
        key: str,
        line: Line,
        landing: LandingZone,
        bar_size: BarSize,
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
    ) -> None:
        self._settings = settings
        self._key = key
        self._line = line
        self._bar_size = bar_size
        self._now = now
        self._periods = Periods(landing, SETTLED, now, refresh=refresh)
        keep_keys_out_of_logs()
        self._client = requests.Session()
        self._refused: FeedError | None = None

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

    def quote(self, symbol: str) -> Quote:
        """A symbol's last price, as recent as the plan's entitlement has it.

        Raises:
            FeedError: there is none to be had.

        """
        parameters = {"function": "GLOBAL_QUOTE", "symbol": symbol, "datatype": self._settings.datatype}
        return self._ask(parameters, f"the quote of {symbol}", lambda text: parse_quote(text, symbol))

    def _month(self, symbol: str, session: Session) -> Period:
        """The vendor month that holds the session."""
        host = urlsplit(self._settings.base_url).hostname
        return self._periods.get(
            Question(
                symbol,
                session,
                shelf=f"{SOURCE}/{host}/{self._bar_size}/{symbol}/{session.month}",
                ending=self._settings.datatype,
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

        return self._ask(self._parameters(symbol, month), f"{symbol} {month}", answer_of)

    def _read(self, answer: RawAnswer, symbol: str, month: str) -> Period:
        rows, provenance = parse_answer(answer.text, symbol), Provenance(SOURCE, AS_TRADED)
        sessions = NormalisedSessions(rows, sessions_of_month(month), self._bar_size, provenance)
        return Period(answer.fetched_at, sessions)

    def _parameters(self, symbol: str, month: str) -> dict[str, str]:
        return {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": symbol,
            "interval": self._bar_size.value,
            "month": month,
            "outputsize": "full",
            "adjusted": "false",
            "extended_hours": str(self._settings.extended_hours).lower(),
            "datatype": self._settings.datatype,
        }

    def _ask(self, parameters: Mapping[str, str], what: str, read: Callable[[str], Answer]) -> Answer:
        """What `read` makes of the answer; an answer that it cannot read is asked for again."""
        if self._refused is not None:
            raise self._refused
        if not self._key:
            raise KeyRefused(f"There is no Alpha Vantage key: put one into {KEY_VARIABLE}, or set feeds.primary.")
        entitled = {} if self._settings.entitlement == "none" else {"entitlement": self._settings.entitlement}
        sent = {**parameters, **entitled, "apikey": self._key}

        def attempt() -> Answer:
            url = f"{self._settings.base_url}/query"
            text = get_text(self._client, url, sent, self._settings.timeout_seconds, self._key)
            raise_refusal(text, what)
            return read(text)

        try:
            return self._line.ask(attempt)
        except KeyRefused as error:
            self._refused = error  # no other request of this key would fare better
            raise
