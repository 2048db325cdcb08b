"""Alpha Vantage `TIME_SERIES_INTRADAY`: one request per symbol-month, whatever number of its sessions is asked for.

Request, parse and classify are three things here; the parsing is pure. Failures come as HTTP 200 and are told apart by
their text.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

import pandas as pd
import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from market.labels import LabelSide, prevailing_side
from market.normalise import NormalisedBars, normalise
from market.sessions import NEW_YORK, BarSize, Session, sessions_of_month
from resources.errors import (
    DailyLimitSpent,
    FeedError,
    KeyRefused,
    Malformed,
    NoBars,
    Outage,
    PlanRefused,
    RequestRefused,
    Throttled,
    TooEarly,
)
from resources.http import get_text
from resources.landing import LandingZone, RawAnswer
from resources.settings import AlphaVantageSettings
from schemas.errors import IntradayError
from schemas.tables import BAR_VALUES

SOURCE: Final = "alpha_vantage"
KEY_VARIABLE: Final = "ALPHA_VANTAGE_API_KEY"

SETTLED: Final = pd.Timedelta(hours=4)
"""How long after the close the vendor may still complete a session: a later run asks again for what it got before."""
MONTHS_REMEMBERED: Final = 2

COLUMNS: Final = ("open", "high", "low", "close", "volume")
REFUSALS: Final[tuple[tuple[str, type[FeedError], str], ...]] = (
    ("apikey is invalid or missing", KeyRefused, f"Put a valid key into {KEY_VARIABLE}."),
    ("demo** API key", KeyRefused, f"Put a key of your own into {KEY_VARIABLE}."),
    ("internal or external error", Outage, "The vendor reports a fault of its own."),
    ("Invalid API call", RequestRefused, "Check the symbol, the month and the bar size."),
    ("Burst pattern", Throttled, ""),
    ("1 request per second", Throttled, ""),
    ("Minute-level rate limit", Throttled, ""),
    ("calls per minute", Throttled, ""),
    ("API call frequency", Throttled, ""),
    ("API call volume", Throttled, ""),
    ("not yet entitled", PlanRefused, "The key's plan lacks the entitlement that was asked for."),
    ("premium endpoint", PlanRefused, "Intraday history by month needs a premium plan."),
    ("premium feature", PlanRefused, "The request needs a premium plan."),
    ("requests per day", DailyLimitSpent, "Go on tomorrow, use another feed, or a premium plan."),
)
"""What a body says, in the order in which it is tested: the burst message also speaks of premium endpoints and of the
daily limit."""


@dataclass(frozen=True)
class VendorMonth:
    """One symbol's month as the vendor has it, split into days."""

    fetched_at: pd.Timestamp
    days: Mapping[date, pd.DataFrame]
    side: LabelSide | None
    """The label side on which its sessions agree."""


class AlphaVantageFeed:
    """Bars of Alpha Vantage, landed before they are read.

    Args:
        settings: address, time limit, attempts.
        key: the API key; empty is refused at the first request.
        landing: where answers are kept.
        bar_size: the interval asked for.
        now: the clock.
        refresh: ask again for months that are on the shelf.

    """

    def __init__(
        self,
        settings: AlphaVantageSettings,
        key: str,
        landing: LandingZone,
        bar_size: BarSize,
        now: Callable[[], pd.Timestamp],
        *,
        refresh: bool = False,
    ) -> None:
        self._settings = settings
        self._key = key
        self._landing = landing
        self._bar_size = bar_size
        self._now = now
        self._refresh = refresh
        self._client = requests.Session()
        self._months: dict[tuple[str, str], VendorMonth | FeedError] = {}

    def session_bars(self, symbol: str, session: Session) -> NormalisedBars:
        """One symbol's bars of one session.

        Raises:
            FeedError: the month could not be had, or it has no bars of the session.
            LabelSideUnclear: the stamps contradict each other.

        """
        now = self._now()
        if now <= session.close:
            raise TooEarly(f"{session.key} closes at {session.close:%Y-%m-%d %H:%M} UTC: ask again after that.")
        month = self._month(symbol, session)
        if session.day not in month.days:
            none = f"Alpha Vantage has no {symbol} bars of {session.key}"
            raise NoBars(f"{none}.") if now > session.close + SETTLED else TooEarly(f"{none} yet.")
        return normalise(month.days[session.day], session, self._bar_size, SOURCE, month.side)

    def _month(self, symbol: str, session: Session) -> "VendorMonth":
        """The vendor month that holds the session, asked for at most once; a failure is remembered as well."""
        key = (symbol, session.month)
        known = self._months.get(key)
        if known is None or (isinstance(known, VendorMonth) and known.fetched_at <= session.close):
            try:
                known = self._landed(symbol, session) or self._fetched(symbol, session)
            except FeedError as error:
                known = error
            self._remember(key, known)
        if isinstance(known, FeedError):
            raise known
        return known

    def _remember(self, key: tuple[str, str], month: "VendorMonth | FeedError") -> None:
        """Keep a symbol's newest months only: a run goes through years, and reaches back by days."""
        self._months[key] = month
        of_symbol = [other for other in self._months if other[0] == key[0]]
        for old in of_symbol[:-MONTHS_REMEMBERED]:
            del self._months[old]

    def _landed(self, symbol: str, session: Session) -> "VendorMonth | None":
        """The month as it lies on the shelf, if it was fetched when the vendor had settled the session."""
        answer = None if self._refresh else self._landing.latest_answer(self._shelf(symbol, session.month))
        if answer is None or answer.fetched_at <= session.close + SETTLED:
            return None
        return self._read(answer, symbol, session.month)

    def _fetched(self, symbol: str, session: Session) -> "VendorMonth":
        """The month from the vendor; it is landed once it could be read."""
        asked_at = self._now()
        answer = RawAnswer(asked_at, self._ask(symbol, session.month))
        month = self._read(answer, symbol, session.month)
        self._landing.land_answer(self._shelf(symbol, session.month), "csv", answer)
        return month

    def _read(self, answer: RawAnswer, symbol: str, month: str) -> "VendorMonth":
        rows = parse_csv(answer.text, symbol)
        days = dict(iter(rows.groupby(rows["stamp"].dt.date)))
        return VendorMonth(answer.fetched_at, days, prevailing_side(days, sessions_of_month(month), self._bar_size))

    def _shelf(self, symbol: str, month: str) -> str:
        host = urlsplit(self._settings.base_url).hostname
        return f"{SOURCE}/{host}/{self._bar_size}/{symbol}/{month}"

    def _ask(self, symbol: str, month: str) -> str:
        if not self._key:
            raise KeyRefused(f"There is no Alpha Vantage key: put one into {KEY_VARIABLE}.")
        params = {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": symbol,
            "interval": self._bar_size.value,
            "month": month,
            "outputsize": "full",
            "adjusted": "false",
            "extended_hours": str(self._settings.extended_hours).lower(),
            "datatype": "csv",
            "apikey": self._key,
        }

        def attempt() -> str:
            url = f"{self._settings.base_url}/query"
            text = get_text(self._client, url, params, self._settings.timeout_seconds, self._key)
            raise_refusal(text, f"{symbol} {month}")
            return text

        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, IntradayError) and error.retry_helps),
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_exponential_jitter(multiplier=self._settings.wait_seconds, jitter=self._settings.wait_seconds),
            reraise=True,
        )
        return retrying(attempt)


def raise_refusal(text: str, what: str) -> None:
    """Raise what a body says, unless it is a CSV table.

    Raises:
        FeedError: one of its kinds, by the text of the body.

    """
    if text.lstrip().lower().startswith(("timestamp,", "time,")):
        return
    try:
        body = json.loads(text)
    except ValueError:
        raise Malformed(f"Alpha Vantage answered {what} with something that is neither CSV nor JSON.") from None
    said = " ".join(str(value) for value in body.values()) if isinstance(body, dict) else ""
    for phrase, kind, advice in REFUSALS:
        if phrase in said:
            raise kind(f"Alpha Vantage refused {what}: {said} {advice}".strip())
    raise Malformed(f"Alpha Vantage answered {what} without bars: {said[:200] or 'an empty object'}.")


def parse_csv(text: str, symbol: str) -> pd.DataFrame:
    """Vendor rows of a CSV answer: `stamp` (New York zone), symbol, open, high, low, close, volume; order as it came.

    A cell that is no number becomes NaN, which the gate holds against its bar: it must not cost the other sessions.

    Raises:
        Malformed: a column is missing or a stamp cannot be read.

    """
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    table = table.rename(columns={"time": "timestamp"})
    absent = [name for name in ("timestamp", *COLUMNS) if name not in table.columns]
    if absent:
        raise Malformed(f"The {symbol} table has no column {', '.join(absent)}; it has {', '.join(table.columns)}.")
    try:
        stamps = pd.to_datetime(table["timestamp"], format="%Y-%m-%d %H:%M:%S").dt.as_unit("us")
        rows = pd.DataFrame({"stamp": stamps.dt.tz_localize(NEW_YORK), "symbol": pd.Series(symbol, table.index, "str")})
    except ValueError as error:
        raise Malformed(f"The {symbol} table has a stamp that cannot be read: {error}.") from None
    return rows.assign(**{name: pd.to_numeric(table[name], errors="coerce").astype("float64") for name in BAR_VALUES})
