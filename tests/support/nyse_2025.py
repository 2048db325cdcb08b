"""The exchange's year 2025 as NYSE published it, by hand: answers that no code of ours or of a library produced."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NEW_YORK: Final = ZoneInfo("America/New_York")
HOLIDAYS: Final = frozenset(
    date(2025, month, day)
    for month, day in (
        (1, 1), (1, 9), (1, 20), (2, 17), (4, 18), (5, 26), (6, 19), (7, 4), (9, 1), (11, 27), (12, 25),
    )
)  # fmt: skip
"""9 January: the day of mourning for President Carter."""
HALF_DAYS: Final = frozenset({date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24)})
CLOCKS_CHANGE: Final = (date(2025, 3, 9), date(2025, 11, 2))
DAYS: Final = tuple(date(2025, 1, 1) + timedelta(days=number) for number in range(365))
SESSIONS: Final = tuple(day for day in DAYS if day.weekday() < 5 and day not in HOLIDAYS)


def new_york(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time of day in New York."""
    return datetime.combine(day, time(hour, minute, second), NEW_YORK)


def close(day: date) -> datetime:
    """When the exchange closes on a session's day."""
    return new_york(day, 13 if day in HALF_DAYS else 16)
