"""When jobs run by themselves. The exchange's calendar says for which sessions; a tick only says when to look.

So a half day has its end early, a holiday has none, and what was missed while the daemon was down is made up for.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import dagster as dg
import pandas as pd

from intraday_assets.jobs import MAIN_JOB, READINESS_JOB, VERIFICATION_JOB
from market.sessions import NEW_YORK, Session, latest_closed_session, session_from
from resources.dagster_resources import DatabaseResource
from resources.database.outstanding import closed_sessions, progress_of
from resources.feeds.alpha_vantage import SETTLED
from resources.feeds.live.alpha_vantage import BEHIND
from resources.market_time import utc_now
from resources.settings import Settings

END_OF_DAY_TAG: Final = "intraday/end_of_day"
"""Of a run: the session whose end of day it is an attempt at."""
LAST_MINUTE: Final = timedelta(minutes=10)
"""After the close: by then whoever is up with the market has the last minute."""
ATTEMPTS: Final = 8
FIRST_WAIT: Final = timedelta(minutes=15)
"""Before the second attempt; it doubles each time, a day and a half in all."""
PER_TICK: Final = 3
"""Sessions that one tick begins with, so that ten missed days do not run at once."""
LATE: Final = timedelta(hours=6)
"""A tick that the daemon slept through for so long is let go where only its hour gave it sense."""
Requests = list[dg.RunRequest] | dg.SkipReason


def range_tags(first: Session, last: Session) -> dict[str, str]:
    """The tags by which Dagster knows that one run makes several partitions."""
    return {"dagster/asset_partition_range_start": first.key, "dagster/asset_partition_range_end": last.key}


def had_after(settings: Settings) -> timedelta:
    """From a close until the primary feed has all of the session: sooner, a part of it would be judged."""
    if settings.feeds.primary != "alpha_vantage":
        return LAST_MINUTE
    return LAST_MINUTE + BEHIND.get(settings.alpha_vantage.entitlement, SETTLED)


def schedules(settings: Settings, now: Callable[[], pd.Timestamp] = utc_now) -> list[dg.ScheduleDefinition]:
    """All of them, running or not as the settings say. `now` is the clock by which a tick is late."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation.running else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        job_name=MAIN_JOB,
        cron_schedule="*/15 13-23 * * *",
        execution_timezone=NEW_YORK,
        default_status=status,
        description="Each session after its close: early on half days, missed ones too, the oldest first. What could "
        f"not be judged is tried again, {ATTEMPTS} times in all.",
    )
    def end_of_day(context: dg.ScheduleEvaluationContext, database: DatabaseResource) -> Requests:
        at = context.scheduled_execution_time.astimezone(UTC)
        closed = closed_sessions(
            settings, pd.Timestamp(at - had_after(settings)), settings.automation.catch_up_sessions
        )
        progress = progress_of(database.server(), settings, closed)
        attempts = (_attempt(context.instance, one.session, at) for one in progress if not one.ended)
        requests = list(islice(filter(None, attempts), PER_TICK))
        return requests or dg.SkipReason("Every session that is over has its end of day, or is at it.")

    @dg.schedule(
        job_name=READINESS_JOB,
        cron_schedule="30 8 * * 1-5",
        execution_timezone=NEW_YORK,
        default_status=status,
        description="An hour before each session's open: is everything there that it needs?",
    )
    def readiness(context: dg.ScheduleEvaluationContext) -> Requests:
        at = pd.Timestamp(context.scheduled_execution_time)
        coming = session_from(at)
        if coming.day != at.tz_convert(NEW_YORK).date():
            return dg.SkipReason(f"There is no session today; the next one is {coming.key}.")
        if now() >= coming.open:
            return dg.SkipReason(f"{coming.key} has opened: it is too late to look whether all is ready.")
        return [dg.RunRequest(run_key=coming.key)]

    @dg.schedule(
        job_name=MAIN_JOB,
        cron_schedule="0 4 * * 2-6",
        execution_timezone=NEW_YORK,
        default_status=status,
        description="The night after each session: the last ones are asked for again, for bars that were revised or "
        "came late.",
    )
    def refetch(context: dg.ScheduleEvaluationContext) -> Requests:
        at = pd.Timestamp(context.scheduled_execution_time)
        latest = latest_closed_session(at)
        if latest.day != (at.tz_convert(NEW_YORK) - pd.DateOffset(days=1)).date():
            return dg.SkipReason(f"There was no session yesterday; the last one was {latest.key}.")
        if now() >= at + LATE:
            return dg.SkipReason("The night is over; the next one asks for the same sessions.")
        asked = closed_sessions(settings, at, settings.automation.refetch_sessions)
        return _refetched(latest, asked) or dg.SkipReason("No session of the desk is over.")

    @dg.schedule(
        job_name=VERIFICATION_JOB,
        cron_schedule="0 10 * * 6",
        execution_timezone=NEW_YORK,
        default_status=status,
        description="On Saturdays: is what is stored what was landed and judged, and is the newest backup sound?",
    )
    def verification(context: dg.ScheduleEvaluationContext) -> Requests:
        return [dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")]

    return [end_of_day, readiness, refetch, verification]


def _attempt(instance: dg.DagsterInstance, session: Session, at: datetime) -> dg.RunRequest | None:
    """The next attempt at a session's end of day; None while one goes on, before its time, or after the last."""
    tags = {END_OF_DAY_TAG: session.key}
    before = instance.get_run_records(dg.RunsFilter(tags=tags), limit=ATTEMPTS)
    if len(before) == ATTEMPTS or any(not record.dagster_run.is_finished for record in before):
        return None
    if before:
        ended = max(record.end_time or record.update_timestamp.timestamp() for record in before)
        if at.timestamp() < ended + FIRST_WAIT.total_seconds() * 2 ** (len(before) - 1):
            return None
    key = f"{session.key}/{at:%Y-%m-%dT%H:%M}"  # not their number: that comes again when an old run is deleted
    return dg.RunRequest(run_key=key, partition_key=session.key, tags=tags)


def _refetched(latest: Session, sessions: Sequence[Session]) -> list[dg.RunRequest]:
    if not sessions:
        return []
    config = {"ops": {"sessions": {"config": {"refresh": True}}}}
    return [dg.RunRequest(run_key=latest.key, tags=range_tags(sessions[0], sessions[-1]), run_config=config)]
