"""One partition per XNYS session: none on weekends, holidays and extraordinary closures."""

from datetime import date, datetime, time

import dagster as dg

from market.sessions import NEW_YORK, days_without_session, exchange_calendar

SATURDAYS, SUNDAYS = "0 0 * * 6", "0 0 * * 0"


def session_partitions(first_session: date) -> dg.DailyPartitionsDefinition:
    """The sessions from `first_session` on; today's appears at New York midnight.

    Holidays are excluded as naive midnights: Dagster ignores aware ones without a word.
    """
    last_known = exchange_calendar().last_session.date()
    closed = [datetime.combine(day, time()) for day in days_without_session(first_session, last_known)]
    return dg.DailyPartitionsDefinition(
        start_date=first_session.isoformat(), timezone=NEW_YORK, exclusions=[SATURDAYS, SUNDAYS, *closed]
    )
