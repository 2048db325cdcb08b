"""A range of time as a person asks for it: New York days, or instants with their offset from UTC.

Which bars there are, and which days are sessions, does not matter here.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from market.sessions import NEW_YORK
from schemas.errors import RangeNotUnderstood

Bound = str | date | datetime
"""A day (`2024-01-02`, `date`), which is New York's, or an instant (`2024-01-02T14:30:00Z`, an aware `datetime`)."""

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ALLOWED = "allowed are days, as 2024-01-02, and times with their offset from UTC, as 2024-01-02T14:30:00+00:00"


class TimeRange(NamedTuple):
    """From one instant, inclusive, to another, exclusive; both UTC, to the microsecond."""

    first: datetime
    end: datetime


def time_range(start: Bound, end: Bound) -> TimeRange:
    """Read the two bounds of a range.

    Args:
        start: inclusive. A day begins at its midnight in New York.
        end: exclusive if it is an instant. A day is meant whole: the range ends at the next midnight in New York.

    Raises:
        RangeNotUnderstood: a bound is neither, has no time zone, or the range is empty.

    """
    first, last = _read("start", start), _read("end", end)
    try:
        found = TimeRange(_instant(first), _instant(last + timedelta(days=1) if _is_day(last) else last))
    except (OverflowError, ValueError):
        raise RangeNotUnderstood(f"{start} to {end}: these times cannot be computed with.") from None
    if found.first >= found.end:
        raise RangeNotUnderstood(f"There is no time from {start} to {end}: the end lies before the start, or on it.")
    return found


def _read(name: str, value: object) -> date | datetime:
    if isinstance(value, str):
        value = _parsed(name, value)
    if value is pd.NaT or not isinstance(value, date):
        raise RangeNotUnderstood(f"{name} is {value!r}; {ALLOWED}.")
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise RangeNotUnderstood(
            f"{name} is {value.isoformat()}, without a time zone, and could be New York's time or UTC; {ALLOWED}."
        )
    return value


def _parsed(name: str, text: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        raise RangeNotUnderstood(f"{name} is {text!r}; {ALLOWED}.") from None


def _is_day(value: date) -> bool:
    return not isinstance(value, datetime)


def _instant(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), ZoneInfo(NEW_YORK)).astimezone(UTC)
    if isinstance(value, pd.Timestamp):  # PostgreSQL has no nanoseconds: the next microsecond has the same bars
        value = value.ceil("us").to_pydatetime()
    return value.astimezone(UTC)
