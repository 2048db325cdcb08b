"""One partition per XNYS session: none on weekends, holidays and extraordinary closures."""

from datetime import date, datetime, time
from typing import Final

import dagster as dg

from market.sessions import days_without_session, exchange_calendar

SATURDAYS, SUNDAYS = "0 0 * * 6", "0 0 * * 0"
ENDS_BEFORE_THE_CLOSE: Final = "Etc/GMT-7"
"""Seven hours *east* of Greenwich, where a day ends at 17:00 UTC: in New York 12:00 in winter, 13:00 in summer.

Dagster has a partition when the day of its time zone has ended. New York's ends eight hours after the close; this one
ends before the exchange's earliest, 13:00 on a half day, on the day itself and at no other. (Nor would New York's with
`end_offset=1` do: it has Monday's partition from Saturday on.)
"""


def session_partitions(first_session: date) -> dg.DailyPartitionsDefinition:
    """The sessions from `first_session` on; today's appears at 17:00 UTC, never after its close.

    Until the session is over the assets refuse it. Keys are New York dates. Holidays are excluded as naive midnights:
    Dagster ignores aware ones without a word.
    """
    last_known = exchange_calendar().last_session.date()
    closed = [datetime.combine(day, time()) for day in days_without_session(first_session, last_known)]
    return dg.DailyPartitionsDefinition(
        start_date=first_session.isoformat(), timezone=ENDS_BEFORE_THE_CLOSE, exclusions=[SATURDAYS, SUNDAYS, *closed]
    )
