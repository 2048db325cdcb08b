"""What Dagster watches by itself, and whom it tells: a feed that is down, a run that failed, sessions that are missing.

What stands is kept in the database and told from there (`resources.alerting`); a sensor says what it sees. One that
looks regularly leaves a heartbeat, for nobody tells when a sensor itself hangs.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import pandas as pd

from intraday_assets.failures import said_of
from intraday_assets.jobs import MAIN_JOB
from intraday_assets.schedules import ATTEMPTS, END_OF_DAY_TAG, had_after, range_tags
from market.sessions import session, sessions_between
from resources.alerting.telling import Alerting, open_alerting, tell_at_once
from resources.clock import utc_now
from resources.dagster_resources import DatabaseResource
from resources.database.feed_event_store import FeedEventStore, Outage
from resources.database.outstanding import Progress, closed_sessions, progress_of, stretches
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError
from resources.settings import Settings
from schemas.alerts import Alert, AlertKind
from schemas.words import counted, first_of

LOOK_SECONDS: Final = 30
MISSING_SECONDS: Final = 300
OUTAGE_TAG: Final = "intraday/outage"
"""Of a run: the feed whose outage it was launched for."""
CHANCE: Final = timedelta(days=1)
"""From a desk's first look: what end_of_day has not tried yet is not told in it as missing."""
TRIED: Final = timedelta(hours=1)
"""A first attempt has so long before its session counts as missing."""
PAUSE: Final = timedelta(hours=1)
"""Between runs for outages of a feed: one that comes and goes must not spend the fallback's requests."""
UNFINISHED: Final = dg.RunsFilter(
    job_name=MAIN_JOB,
    statuses=[
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
LONGEST: Final = 600
"""Letters of what a run said that a message repeats."""


def sensors(settings: Settings, now: Callable[[], datetime] = utc_now) -> list[dg.SensorDefinition]:
    """All of them, running or not as the settings say."""
    status = dg.DefaultSensorStatus.RUNNING if settings.automation.running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job_name=MAIN_JOB,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=status,
        description="The primary feed is down: people are told, and what is missing is asked of the fallback, once an "
        "outage.",
    )
    def feed_failure(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
        with _looking("feed_failure", settings, database.server(), now) as alerting:
            return _outages(context, settings, alerting, now())

    @dg.sensor(
        minimum_interval_seconds=MISSING_SECONDS,
        default_status=status,
        description="A standing list of the sessions that are over and not stored. What failed runs left undone and "
        "was made since is over.",
    )
    def missing_sessions(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SensorResult:
        with _looking("missing_sessions", settings, database.server(), now) as alerting:
            _end_what_was_made(settings, alerting, context.instance)
            begun = context.cursor or now().isoformat()
            chance = now() < datetime.fromisoformat(begun) + CHANCE
            missing = [one for one in _late(settings, alerting, now()) if not chance or _tried(context.instance, one)]
            return dg.SensorResult(skip_reason=dg.SkipReason(_missing(missing, alerting, now())), cursor=begun)

    @dg.run_failure_sensor(
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=status,
        description="A run failed: that is kept, and told by those that look regularly.",
    )
    def run_failure(context: dg.RunFailureSensorContext, database: DatabaseResource) -> None:
        alert = _failed(context)
        try:
            open_alerting(settings.alerts, database.server(), os.environ, now).stands(alert)
        except DatabaseError:  # perhaps the reason why the run failed: nobody may go untold for that
            tell_at_once(alert, settings.alerts, os.environ)

    return [feed_failure, missing_sessions, run_failure]


@contextmanager
def _looking(
    sensor: str, settings: Settings, server: DatabaseServer, now: Callable[[], datetime]
) -> Iterator[Alerting]:
    """A sensor's look: then what is to be told is told, and that it looked is kept."""
    with server.connect():
        pass  # where nobody is, the tick fails at once and the next one looks again
    alerting = open_alerting(settings.alerts, server, os.environ, now)
    yield alerting
    alerting.tell()
    alerting.store.beat(sensor, now())


def _outages(
    context: dg.SensorEvaluationContext, settings: Settings, alerting: Alerting, now: datetime
) -> dg.SensorResult:
    """Tell of outages that began since the cursor, the last that was handled; ask the fallback in one that goes on."""
    feed, server, cursor = settings.feeds.primary, alerting.store.server, context.cursor
    handled = 0 if cursor is None else int(cursor)
    known = FeedEventStore(server).outages(feed, after=handled - 1)  # the one that was handled, too: it may be over now
    newest = max((outage.id for outage in known), default=handled)
    if cursor is None:
        known = [outage for outage in known if outage.ended is None]  # an old desk is not told its history
    key, requests, said = f"{AlertKind.FEED_DOWN}:{feed}", list[dg.RunRequest](), f"{feed} is not down."
    for outage in known:
        if outage.id > handled:
            requests, said = _fallback_runs(context.instance, feed, outage, settings, server, now)
            alerting.stands(_outage(key, feed, outage, said))
        elif outage.ended is None:
            said = f"The outage of {feed} that began {outage.at:%Y-%m-%d %H:%M} UTC goes on."
        if outage.ended is not None:
            alerting.over(key, outage.ended)
    skipped = None if requests else dg.SkipReason(said)
    return dg.SensorResult(run_requests=requests, skip_reason=skipped, cursor=str(newest))


def _fallback_runs(
    instance: dg.DagsterInstance, feed: str, outage: Outage, settings: Settings, server: DatabaseServer, now: datetime
) -> tuple[list[dg.RunRequest], str]:
    """The runs that make what is missing, and what is said of them. Their feeds are chosen as those of every run."""
    if outage.ended is not None:
        return [], "It was soon up again, so no run was launched."
    if settings.feeds.second is None:
        return [], "There is no fallback feed, so no run was launched."
    under_way = [_sessions_of(run) for run in instance.get_runs(UNFINISHED)]
    missing = [
        one
        for one in _missing_now(settings, server, now)
        if not any(run and run[0] <= one.session.key <= run[-1] for run in under_way)
    ]
    if not missing:
        return [], "Nothing is left to ask for, so no run was launched."
    lately = dg.RunsFilter(tags={OUTAGE_TAG: feed}, created_after=now - PAUSE)
    if instance.get_runs_count(lately):
        return [], "A run was launched for another outage within the hour, so none was now."
    requests = [
        dg.RunRequest(run_key=f"{feed}/{outage.id}/{first.key}", tags={**range_tags(first, last), OUTAGE_TAG: feed})
        for first, last in stretches([one.session for one in missing])
    ]
    return requests, f"{settings.feeds.second} is asked for {_listed(missing)}."


def _outage(key: str, feed: str, outage: Outage, said: str) -> Alert:
    return Alert(
        key,
        AlertKind.FEED_DOWN,
        outage.at,
        f"The primary feed {feed} is down: {outage.why} {said}",
        f"`intraday feeds` shows its state; `intraday feeds --reset {feed}` trusts it again at once; else it is tried "
        "again after its pause.",
    )


def _late(settings: Settings, alerting: Alerting, now: datetime) -> list[Progress]:
    """What is missing although it had the time to come."""
    time = max(timedelta(hours=settings.alerts.stale_after_hours), had_after(settings) + TRIED)
    return _missing_now(settings, alerting.store.server, now - time)


def _tried(instance: dg.DagsterInstance, one: Progress) -> bool:
    """Whether an attempt at its end of day is over."""
    return any(run.is_finished for run in instance.get_runs(dg.RunsFilter(tags={END_OF_DAY_TAG: one.session.key})))


def _missing(missing: Sequence[Progress], alerting: Alerting, now: datetime) -> str:
    """Bring the standing list up to date; returns what is said of it."""
    key = str(AlertKind.SESSIONS_MISSING)
    if not missing:
        alerting.over(key)
        return "No session is missing."
    said = f"{counted(len(missing), 'session')} missing: " + "; ".join(
        f"{one.session.key}: {one.why_missing()}" for one in missing
    )
    first, last = missing[0].session.key, missing[-1].session.key
    alerting.stands(
        Alert(
            key,
            AlertKind.SESSIONS_MISSING,
            now,
            f"{said}.",
            f"`intraday run {first} {last}` makes them, or says why it cannot.",
            tuple(one.session.key for one in missing),
        )
    )
    return said


def _missing_now(settings: Settings, server: DatabaseServer, closed_by: datetime) -> list[Progress]:
    """Of the last sessions that were over then, those of which there is nothing."""
    closed = closed_sessions(settings, pd.Timestamp(closed_by), settings.alerts.stale_sessions)
    return [one for one in progress_of(server, settings, closed) if one.missing]


def _end_what_was_made(settings: Settings, alerting: Alerting, instance: dg.DagsterInstance) -> None:
    """A failed run is over when its sessions are stored, by whomever; one without any, when its job succeeded later."""
    for alert in alerting.store.standing():
        if alert.kind != AlertKind.RUN_FAILED:
            continue
        if alert.sessions:
            sessions = sessions_between(session(alert.sessions[0]).day, session(alert.sessions[-1]).day)
            if all(one.ended and not one.blocked for one in progress_of(alerting.store.server, settings, sessions)):
                alerting.over(alert.key)
            continue
        succeeded = dg.RunsFilter(job_name=alert.key.split(":")[1], statuses=[dg.DagsterRunStatus.SUCCESS])
        for record in instance.get_run_records(succeeded, limit=1):
            if record.end_time is not None and record.end_time > alert.since.timestamp():
                alerting.over(alert.key, datetime.fromtimestamp(record.end_time, UTC))


def _failed(context: dg.RunFailureSensorContext) -> Alert:
    run = context.dagster_run
    sessions = _sessions_of(run)
    words = " to ".join(sessions)
    about = f"{run.job_name} of {words}" if words else run.job_name
    said, retry_helps = said_of(context)
    hint = {True: "A retry may help.", False: "A retry would not help.", None: ""}[retry_helps]
    if END_OF_DAY_TAG in run.tags:
        hint = f"Unless the gate blocks it, it is tried again by itself, {ATTEMPTS} times in all."
    shortened = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
    advice = f"Run {run.run_id[:8]} in the Dagster UI shows all of it. {hint}".strip()
    key = f"{AlertKind.RUN_FAILED}:{run.job_name}:{'..'.join(sessions) or run.run_id}"
    return Alert(key, AlertKind.RUN_FAILED, _ended_at(context), f"{about} failed: {shortened}", advice, sessions)


def _ended_at(context: dg.RunFailureSensorContext) -> datetime:
    record = context.instance.get_run_record_by_id(context.dagster_run.run_id)
    if record is None or record.end_time is None:
        return utc_now()  # the run was deleted meanwhile
    return datetime.fromtimestamp(record.end_time, UTC)


def _sessions_of(run: dg.DagsterRun) -> tuple[str, ...]:
    """Those that its tags name: first and last, one, or none."""
    one = run.tags.get("dagster/partition")
    first = run.tags.get("dagster/asset_partition_range_start", one)
    last = run.tags.get("dagster/asset_partition_range_end", one)
    return () if first is None or last is None else (first,) if first == last else (first, last)


def _listed(missing: Sequence[Progress]) -> str:
    return first_of([one.session.key for one in missing], "session")
