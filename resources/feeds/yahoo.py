"""Yahoo through `yfinance`: the last month of one-minute bars, a week a request.

What `Ticker.history` makes of an outage is an empty frame or a stale one, so the answer itself is caught on its way,
told apart by `yahoo_answers`, landed and read. `yfinance` keeps what it is good at: cookies, crumb, the right request.
"""

import logging
import threading
import warnings
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pandas as pd
import yfinance
from curl_cffi import requests as curl
from yfinance.data import YfData

from market.labels import LabelSide
from market.normalise import NormalisedBars, Provenance, normalise
from market.sessions import BarSize, Session, sessions_between
from resources.errors import NoBars, Outage, OutOfReach, TooEarly
from resources.feeds.line import Line
from resources.feeds.periods import Period, Periods, Question
from resources.feeds.yahoo_answers import INTERVALS, parse_chart, raise_refusal
from resources.landing import LandingZone, RawAnswer
from resources.paths import machine_state
from resources.settings import YahooSettings
from schemas.tables import SPLIT_ADJUSTED

SOURCE: Final = "yahoo"
SETTLED: Final = pd.Timedelta(minutes=45)
"""How long after the close the last bars may still be forming or be merged with the running quote."""
COMPLETE: Final = pd.Timedelta(minutes=2)
"""How long after its end a bar is complete."""
ONE_AT_A_TIME: Final = threading.Lock()
CHART: Final = "/v8/finance/chart/"


class Transport(curl.Session):  # type: ignore[type-arg]
    """The session that `yfinance` is handed: our address and time limit, and the answers that came last."""

    def __init__(self, base_url: str, timeout: float) -> None:
        super().__init__(impersonate="chrome")
        self._base = urlsplit(base_url)
        self._timeout = timeout
        self.bars: tuple[int, str] | None = None
        self.time_zone: tuple[int, str] | None = None
        """Before the first request for bars of a symbol, `yfinance` asks for its time zone."""

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """As `yfinance` asks, but from the configured address and within the configured time."""
        parts = urlsplit(url)
        if self._base.hostname not in (None, "query2.finance.yahoo.com"):
            url = parts._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()
        answer = super().request(method, url, *args, **{**options, "timeout": self._timeout})
        if parts.path.startswith(CHART):
            kind = "bars" if "period1" in (options.get("params") or {}) else "time_zone"
            setattr(self, kind, (answer.status_code, answer.text))
        return answer


class YahooFeed:
    """Bars of Yahoo, its answers landed.

    Args:
        settings: address, time limit, how far back it has bars.
        line: carries the requests.
        landing: where answers are kept.
        bar_size: the interval asked for.
        now: the clock.
        refresh: ask again for weeks that are on the shelf.

    """

    name = SOURCE

    def __init__(
        self,
        settings: YahooSettings,
        line: Line,
        landing: LandingZone,
        bar_size: BarSize,
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
    ) -> None:
        self._settings = settings
        self._line = line
        self._bar_size = bar_size
        self._now = now
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # it says "possibly delisted" of every outage
        self._periods = Periods(landing, SETTLED, now, refresh=refresh)

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session.

        Raises:
            FeedError: the week could not be had, it has no bars of the session, or the session is out of reach.

        """
        now = self._now()
        if now <= session.close + COMPLETE:
            raise TooEarly(f"{session.key} is complete at {session.close + COMPLETE:%Y-%m-%d %H:%M} UTC: ask then.")
        days = self._week(symbol, session).days
        if session.day not in days:
            self._refuse_out_of_reach(session)
            none = f"Yahoo has no {symbol} bars of {session.key}"
            raise NoBars(f"{none}.") if now > session.close + SETTLED else TooEarly(f"{none} yet.")
        provenance = Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START)
        return normalise(days[session.day], session, self._bar_size, provenance)

    def _week(self, symbol: str, session: Session) -> Period:
        """The vendor's week that holds the session."""
        host = urlsplit(self._settings.base_url).hostname
        monday, _ = week_of(session)
        return self._periods.get(
            Question(
                symbol,
                session,
                shelf=f"{SOURCE}/{host}/{self._bar_size}/{symbol}/{monday:%Y-%m-%d}",
                ending="json",
                ask=lambda: self._ask_week(symbol, session),
                read=lambda answer: _read(answer, symbol),
                in_reach=self._in_reach(session),
            )
        )

    def _ask_week(self, symbol: str, session: Session) -> RawAnswer:
        """One request through `yfinance`; an answer that cannot be read is asked for again."""
        self._refuse_out_of_reach(session)
        now = self._now()
        first, last = self._window(session, now)
        what = f"{symbol} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"

        def attempt() -> RawAnswer:
            answer = RawAnswer(now, self._chart(symbol, first, last, what))
            _read(answer, symbol)
            return answer

        return self._line.ask(attempt)

    def _chart(self, symbol: str, first: pd.Timestamp, last: pd.Timestamp, what: str) -> str:
        """The text of a chart; one thread at a time, because `yfinance` keeps its session and settings globally."""
        with ONE_AT_A_TIME:
            return self._asked_through_yfinance(symbol, first, last, what)

    def _asked_through_yfinance(self, symbol: str, first: pd.Timestamp, last: pd.Timestamp, what: str) -> str:
        yfinance.set_tz_cache_location(str(machine_state("yfinance")))
        yfinance.config.debug.hide_exceptions = False
        cast("Any", YfData.cache_get).cache_clear()  # one failure would be answered from there for ever
        transport = Transport(self._settings.base_url, self._settings.timeout_seconds)
        broke: Exception | None = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # yfinance 1.7 on pandas 3.1; nothing of ours
                yfinance.Ticker(symbol, session=transport).history(
                    start=first, end=last, interval=INTERVALS[self._bar_size], prepost=True, actions=False,
                    auto_adjust=False, keepna=True, timeout=self._settings.timeout_seconds,
                )  # fmt: skip
        except Exception as error:  # whatever it makes of the answer, the answer itself says more
            broke = error
        finally:
            transport.close()
        answer = transport.bars or transport.time_zone
        if answer is not None:
            try:
                raise_refusal(*answer, what)
            except NoBars:
                if transport.bars is None or transport.bars[0] != HTTPStatus.OK:
                    raise  # else an empty week is an answer, and is landed
        if transport.bars is None:
            reason = type(broke).__name__ if broke else "no request for bars went out"
            raise Outage(f"Yahoo did not answer {what}: {reason}.")
        return transport.bars[1]

    def _window(self, session: Session, now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        """What is asked for: the week, without the sessions of it that are out of reach, or only half in it."""
        monday, next_monday = week_of(session)
        edge = (now - self._reach).ceil("min")
        whole = next(one for one in sessions_between(monday.date(), session.day) if one.open >= edge)
        return max(whole.midnights[0], edge), min(now, next_monday)

    @property
    def _reach(self) -> pd.Timedelta:
        return pd.Timedelta(days=self._settings.days_back[self._bar_size])

    def _in_reach(self, session: Session) -> bool:
        return session.open >= self._now() - self._reach

    def _refuse_out_of_reach(self, session: Session) -> None:
        if not self._in_reach(session):
            days = self._settings.days_back[self._bar_size]
            raise OutOfReach(f"Yahoo has {self._bar_size} bars of the last {days} days only, and not of {session.key}.")


def week_of(session: Session) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The New York week of a session: its Monday's midnight, inclusive, and the next one's, exclusive."""
    midnight, _ = session.midnights
    monday = midnight - pd.DateOffset(days=session.day.weekday())
    return monday, monday + pd.DateOffset(days=7)


def _read(answer: RawAnswer, symbol: str) -> Period:
    rows = parse_chart(answer.text, symbol)
    return Period(answer.fetched_at, dict(iter(rows.groupby(rows["stamp"].dt.date))))
