"""The exchange's own sessions and minutes (XNYS), from `exchange_calendars`.

Everything that asks "should there be a bar?" asks here. Nothing here knows what bars there were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

import exchange_calendars
import pandas as pd

from schemas.errors import UnknownSession

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

NEW_YORK = "America/New_York"
EXCHANGE = "XNYS"
FULL_DAY = pd.Timedelta(minutes=390)
EARLIEST = date(2000, 1, 1)
"""No feed has minutes of before."""


class BarSize(StrEnum):
    """How long a bar is."""

    ONE_MINUTE = "1min"
    FIVE_MINUTES = "5min"

    @property
    def delta(self) -> pd.Timedelta:
        """The length of the bar."""
        return _LENGTHS[self]


_LENGTHS = {size: pd.Timedelta(size.value) for size in BarSize}


@dataclass(frozen=True)
class Session:
    """One trading day: its New York date and the UTC instants at which it opens and closes."""

    day: date
    open: pd.Timestamp
    close: pd.Timestamp

    def __hash__(self) -> int:
        return hash(self.day)  # what is known by session is looked up often, and hashing a stamp takes long

    @property
    def key(self) -> str:
        """The partition key: `YYYY-MM-DD`, New York date."""
        return self.day.isoformat()

    @property
    def month(self) -> str:
        """The vendor month that holds the session: `YYYY-MM`."""
        return self.key[:7]

    @property
    def is_half_day(self) -> bool:
        """Whether the exchange closes early."""
        return self.close - self.open < FULL_DAY

    @cached_property
    def midnights(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """The New York day: its midnight, inclusive, and the next one, exclusive."""
        midnight = pd.Timestamp(self.day, tz=NEW_YORK)
        return midnight, midnight + pd.DateOffset(days=1)

    @cached_property
    def opening_minute(self) -> int:
        """When it opens, minutes after New York's midnight; no session lies across a change of its time."""
        opened = self.open.tz_convert(NEW_YORK)
        return opened.hour * 60 + opened.minute

    @cached_property
    def extended_hours(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """When the vendors' extended trading begins and ends: 04:00 and 20:00 in New York."""
        midnight, _ = self.midnights
        return midnight + pd.Timedelta(hours=4), midnight + pd.Timedelta(hours=20)

    def minutes(self, bar_size: BarSize) -> pd.DatetimeIndex:
        """The starts of the bars that the session should have, UTC, ascending: 390 or 210 one-minute bars."""
        return _minutes(self.open, self.close, bar_size)


@lru_cache(maxsize=4096)  # of stretches of sessions there is no end
def _minutes(first: pd.Timestamp, end: pd.Timestamp, bar_size: BarSize) -> pd.DatetimeIndex:
    return pd.date_range(first, end, freq=bar_size.delta, inclusive="left", unit="us", name="timestamp")


@cache
def exchange_calendar() -> "ExchangeCalendar":
    """The XNYS calendar; it ends about a year from today."""
    return exchange_calendars.get_calendar(EXCHANGE, start=EARLIEST)


@cache
def calendar_days() -> tuple[date, date]:
    """The first and the last day of which the calendar says whether the exchange trades; both included."""
    calendar = exchange_calendar()
    return calendar.first_session.date(), calendar.last_session.date()


@cache
def session(key: str) -> Session:
    """The session of a New York date.

    Raises:
        UnknownSession: if `key` is no date or the exchange does not trade that day.

    """
    calendar = exchange_calendar()
    try:
        day = date.fromisoformat(key)
    except ValueError:
        day = None
    if day is None or day.isoformat() != key:  # 20201204 and 2020-W49-5 are dates of other forms
        raise UnknownSession(f"{key!r} is not a date of the form YYYY-MM-DD.")
    label = pd.Timestamp(day)
    _refuse_unknown_day(day)
    if not calendar.is_session(label):
        near = calendar.date_to_session(label, direction="next")
        raise UnknownSession(f"{key} is no {EXCHANGE} session; the next one is {near:%Y-%m-%d}.")
    return Session(day, calendar.session_open(label).as_unit("us"), calendar.session_close(label).as_unit("us"))


def session_at(stamp: pd.Timestamp) -> Session:
    """The session of the New York day of an instant.

    Raises:
        UnknownSession: the exchange does not trade that day.

    """
    return session(f"{stamp.tz_convert(NEW_YORK):%Y-%m-%d}")


def sessions_between(first: date, last: date) -> list[Session]:
    """Every session from `first` to `last`, both included.

    Raises:
        UnknownSession: the calendar does not reach that far.

    """
    calendar = exchange_calendar()
    for day in (first, last):
        _refuse_unknown_day(day)
    return [session(f"{label:%Y-%m-%d}") for label in calendar.sessions_in_range(str(first), str(last))]


def latest_closed_session(now: pd.Timestamp) -> Session:
    """The newest session that is over.

    Args:
        now: any time zone.

    """
    today = now.tz_convert(NEW_YORK).date()
    label = exchange_calendar().date_to_session(str(today), direction="previous")
    latest = session(f"{label:%Y-%m-%d}")
    return latest if latest.close < now else next(sessions_before(latest))


def session_from(now: pd.Timestamp) -> Session:
    """The session that goes on, or the next one.

    Args:
        now: any time zone.

    Raises:
        UnknownSession: the calendar does not reach that far.

    """
    today = now.tz_convert(NEW_YORK).date()
    _refuse_unknown_day(today)
    label = exchange_calendar().date_to_session(str(today), direction="next")
    found = session(f"{label:%Y-%m-%d}")
    return found if now < found.close else session_after(found)


def session_after(earlier: Session) -> Session:
    """The next session.

    Raises:
        UnknownSession: the calendar does not reach that far.

    """
    _refuse_unknown_day(earlier.day + timedelta(days=1))
    label = exchange_calendar().date_to_session(str(earlier.day + timedelta(days=1)), direction="next")
    return session(f"{label:%Y-%m-%d}")


def sessions_of_month(month: str) -> list[Session]:
    """Every session of a month `YYYY-MM`."""
    first = date.fromisoformat(f"{month}-01")
    return sessions_between(first, (pd.Timestamp(first) + pd.offsets.MonthEnd()).date())


def sessions_before(later: Session) -> Iterator[Session]:
    """The sessions before `later`, latest first, as far back as the calendar goes."""
    earlier = _session_before(later.key)
    while earlier is not None:
        yield earlier
        earlier = _session_before(earlier.key)


@cache
def _session_before(key: str) -> Session | None:
    calendar, label = exchange_calendar(), pd.Timestamp(key)
    return session(f"{calendar.previous_session(label):%Y-%m-%d}") if label > calendar.first_session else None


def _refuse_unknown_day(day: date) -> None:
    first, last = calendar_days()
    if not first <= day <= last:
        raise UnknownSession(f"{day} is outside the calendar, which knows {first} to {last}.")


def days_without_session(first: date, last: date) -> list[date]:
    """Weekdays from `first` to `last` on which the exchange stays shut: holidays and extraordinary closures."""
    trading = {label.date() for label in exchange_calendar().sessions_in_range(str(first), str(last))}
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in trading]
