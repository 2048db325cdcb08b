"""What runs when, through the exchange's year 2025, by Dagster's own evaluation of every tick of a cron line."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd
import psycopg
import pytest
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.test_utils import create_run_for_test
from dagster._utils.schedules import schedule_execution_time_iterator

from cli.desk import demonstration
from intraday_assets import definitions, schedules
from intraday_assets.schedules import ATTEMPTS, END_OF_DAY_TAG
from market.sessions import Session, sessions_between
from resources.database.outstanding import Progress, closed_sessions, progress_of, stretches
from resources.database.server import DatabaseServer
from resources.settings import load_settings
from schemas.quality import Verdict
from tests.support import nyse_2025
from tests.support.nyse_2025 import new_york
from tests.support.stored import bar, put_bars

START, END = new_york(date(2025, 1, 1), 0), new_york(date(2026, 1, 1), 0)


LOOKED_AT = frozenset({"13:15", "16:00", "16:15"})
"""Of the 44 ticks of a day those after the close of a half day, at that of a whole one, and after it."""


class World:
    """What is stored, and the runs there were; a run that is launched succeeds at once unless it is told to fail."""

    def __init__(self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance, self.now = instance, START
        self.done: set[str] = set()
        monkeypatch.setattr(schedules, "progress_of", self._progress)
        monkeypatch.setattr(definitions, "schedules", lambda settings: schedules.schedules(settings, self._clock))
        settings = load_settings()
        found = definitions.definitions_from(settings)
        self.repository = found.get_repository_def()
        self.resources = {"database": found.resources["database"]}

    def _clock(self) -> pd.Timestamp:
        return pd.Timestamp(self.now).tz_convert("UTC")

    def _progress(self, _server: object, _settings: object, sessions: Sequence[Session]) -> list[Progress]:
        return [
            Progress(one, stored=True, verdict=Verdict.PASS, blocked=False, summed_up=True)
            if one.key in self.done
            else Progress(one, stored=False, verdict=None, blocked=False, summed_up=False)
            for one in sessions
        ]

    def tick(self, name: str, at: datetime, now: datetime | None = None) -> list[dg.RunRequest]:
        """What a schedule asks for at a tick, which is looked at in time unless `now` says otherwise."""
        self.now = now or at
        schedule = self.repository.get_schedule_def(name)
        with dg.build_schedule_context(
            self.instance, scheduled_execution_time=at, resources=self.resources, repository_def=self.repository
        ) as context:
            context._instance = self.instance  # else it would be opened anew for each tick
            answer = schedule.evaluate_tick(context)
        assert bool(answer.run_requests) != bool(answer.skip_message)
        return list(answer.run_requests or [])

    def ticks(self, name: str, start: datetime = START, end: datetime = END) -> Iterator[datetime]:
        """When Dagster looks at it."""
        schedule = self.repository.get_schedule_def(name)
        where = schedule.execution_timezone
        for at in schedule_execution_time_iterator(start.timestamp(), schedule.cron_schedule, where, ascending=True):
            if at >= end:
                return
            yield at


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """One that a schedule can open; emptied by `world`."""
    with dg.instance_for_test() as opened:
        yield opened


@pytest.fixture
def world(desk, monkeypatch, instance) -> Iterator[World]:
    desk.configure(INTRADAY_FEEDS__PRIMARY="interactive_brokers")  # it has the last minute at once
    yield World(instance, monkeypatch)
    instance.wipe()


def local(at: datetime) -> tuple[date, str]:
    there = at.astimezone(nyse_2025.NEW_YORK)
    return there.date(), f"{there:%H:%M}"


def test_every_session_of_the_year_is_run_once_a_quarter_of_an_hour_after_its_close(world):
    """None on a holiday or a weekend, early on the three half days, the same across both changes of the clocks."""
    world.done = {session.key for session in sessions_between(date(2024, 12, 1), date(2024, 12, 31))}
    run: dict[str, tuple[date, str]] = {}
    for at in world.ticks("end_of_day"):
        if local(at)[1] not in LOOKED_AT:
            continue
        for request in world.tick("end_of_day", at):
            assert request.partition_key not in run
            run[request.partition_key] = local(at)
            world.done.add(request.partition_key)
    assert run == {
        day.isoformat(): (day, "13:15" if day in nyse_2025.HALF_DAYS else "16:15") for day in nyse_2025.SESSIONS
    }


@pytest.mark.parametrize(
    ("entitlement", "day", "first"),
    [
        ("realtime", date(2025, 6, 2), "16:15"),
        ("delayed", date(2025, 6, 2), "16:30"),
        ("none", date(2025, 6, 2), "20:15"),
        ("none", date(2025, 11, 28), "17:15"),
    ],
)
def test_it_is_not_begun_before_the_vendor_has_all_of_the_session(desk, monkeypatch, instance, entitlement, day, first):
    """Else the part of it that is there would be judged, and blocked."""
    desk.configure(INTRADAY_ALPHA_VANTAGE__ENTITLEMENT=entitlement)
    world = World(instance, monkeypatch)
    world.done = {one.isoformat() for one in nyse_2025.SESSIONS} - {day.isoformat()}
    asked = (at for at in world.ticks("end_of_day", new_york(day, 9)) if world.tick("end_of_day", at))
    assert local(next(asked)) == (day, first)


def test_three_days_off_are_made_up_for_the_oldest_first(world):
    """Back on a Friday morning Dagster looks at the last ticks that it missed; then the day goes on as any other."""
    world.done = {session.key for session in sessions_between(date(2025, 2, 1), date(2025, 3, 10))}
    missed = list(world.ticks("end_of_day", new_york(date(2025, 3, 11), 0), new_york(date(2025, 3, 14), 10)))[-5:]
    asked = [[request.partition_key for request in world.tick("end_of_day", at)] for at in missed[:1]]
    assert asked == [["2025-03-11", "2025-03-12", "2025-03-13"]]
    world.done |= set(asked[0])
    later = [request.partition_key for at in missed[1:] for request in world.tick("end_of_day", at)]
    assert later == []
    asked_at = {}
    for at in world.ticks("end_of_day", new_york(date(2025, 3, 14), 10), new_york(date(2025, 3, 15), 0)):
        for request in world.tick("end_of_day", at):
            asked_at[request.partition_key] = local(at)[1]
            world.done.add(str(request.partition_key))
    assert asked_at == {"2025-03-14": "16:15"}


def test_many_missed_days_do_not_begin_at_once(world):
    world.done = set()
    at, begun = new_york(date(2025, 6, 2), 17), []
    for _ in range(5):
        begun.append([str(request.partition_key) for request in world.tick("end_of_day", at)])
        world.done.update(begun[-1])
        at += timedelta(minutes=15)
    wanted = [day.isoformat() for day in nyse_2025.SESSIONS if date(2025, 5, 19) <= day <= date(2025, 6, 2)]
    assert [key for keys in begun for key in keys] == wanted
    assert [len(keys) for keys in begun] == [3, 3, 3, 1, 0]


def made(world: World, key: str, status: dg.DagsterRunStatus, at: datetime) -> None:
    """A run for a session's end of day, which was over then."""
    run = create_run_for_test(world.instance, "sessions_job", status=status, tags={END_OF_DAY_TAG: key})
    with world.instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        ended = RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(end_time=at.timestamp())
        connection.execute(ended)


def test_a_failed_one_is_tried_again_ever_later_and_not_for_ever(world):
    """And while one goes on there is no other."""
    world.done = {day.isoformat() for day in nyse_2025.SESSIONS} - {"2025-06-02"}
    tried, keys = list[datetime](), set[str | None]()
    for at in world.ticks("end_of_day", new_york(date(2025, 6, 2), 16), new_york(date(2025, 6, 5), 0)):
        for request in world.tick("end_of_day", at):
            assert request.partition_key == "2025-06-02"
            keys.add(request.run_key)
            assert request.tags[END_OF_DAY_TAG] == "2025-06-02"
            tried.append(at)
            made(world, "2025-06-02", dg.DagsterRunStatus.FAILURE, at)
    assert len(tried) == len(keys) == ATTEMPTS
    assert [local(at)[1] for at in tried[:4]] == ["16:15", "16:30", "17:00", "18:00"]
    assert local(tried[-1])[0] == date(2025, 6, 4)


def test_a_run_that_was_deleted_does_not_keep_the_next_attempt_from_being_one(world):
    """Dagster passes over a run key that it knows, and says nothing."""
    world.done = {day.isoformat() for day in nyse_2025.SESSIONS} - {"2025-06-02"}
    (first,) = world.tick("end_of_day", new_york(date(2025, 6, 2), 17))
    made(world, "2025-06-02", dg.DagsterRunStatus.FAILURE, new_york(date(2025, 6, 2), 17))
    world.instance.delete_run(world.instance.get_runs()[0].run_id)
    (second,) = world.tick("end_of_day", new_york(date(2025, 6, 2), 18))
    assert second.run_key != first.run_key


def test_while_a_run_goes_on_no_other_is_begun(world):
    world.done = {day.isoformat() for day in nyse_2025.SESSIONS} - {"2025-06-02"}
    create_run_for_test(
        world.instance, "sessions_job", status=dg.DagsterRunStatus.STARTED, tags={END_OF_DAY_TAG: "2025-06-02"}
    )
    assert world.tick("end_of_day", new_york(date(2025, 6, 2), 18)) == []


def test_readiness_is_looked_at_before_every_open_and_on_no_other_day(world):
    looked = {request.run_key: local(at) for at in world.ticks("readiness") for request in world.tick("readiness", at)}
    assert looked == {day.isoformat(): (day, "08:30") for day in nyse_2025.SESSIONS}


def test_readiness_is_not_looked_at_after_the_open(world):
    at = new_york(date(2025, 6, 2), 8, 30)
    assert world.tick("readiness", at, now=new_york(date(2025, 6, 2), 9, 29))
    assert world.tick("readiness", at, now=new_york(date(2025, 6, 2), 9, 30)) == []


def test_the_last_sessions_are_asked_for_again_the_night_after_each(world):
    """Those that are blocked or not stored too: their bars may have come since."""
    world.done = {day.isoformat() for day in nyse_2025.SESSIONS} - {"2025-06-04"}
    nights: dict[date, list[tuple[str, str]]] = {}
    for at in world.ticks("refetch"):
        for request in world.tick("refetch", at):
            assert request.run_config == {"ops": {"sessions": {"config": {"refresh": True}}}}
            tags = request.tags
            asked = (tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"])
            nights.setdefault(at.astimezone(nyse_2025.NEW_YORK).date(), []).append(asked)
    within = [date(2024, 12, 31), *(day for day in nyse_2025.SESSIONS if day < date(2025, 12, 31))]
    assert sorted(nights) == [day + timedelta(days=1) for day in within]
    assert nights[date(2025, 11, 29)] == [("2025-11-25", "2025-11-28")]  # over Thanksgiving
    assert nights[date(2025, 6, 6)] == [("2025-06-03", "2025-06-05")]  # one is missing


def test_a_night_that_the_daemon_slept_through_is_left_to_the_next(world):
    world.done = {day.isoformat() for day in nyse_2025.SESSIONS}
    at = new_york(date(2025, 6, 3), 4)
    assert world.tick("refetch", at, now=at + timedelta(hours=5))
    assert world.tick("refetch", at, now=at + timedelta(hours=7)) == []


def test_everything_is_verified_every_saturday(world):
    asked = [local(at) for at in world.ticks("verification") for _ in world.tick("verification", at)]
    assert asked == [(day, "10:00") for day in nyse_2025.DAYS if day.weekday() == 5]


@pytest.mark.parametrize(("running", "status"), [("true", "RUNNING"), ("false", "STOPPED")])
def test_the_settings_switch_them_all_on_or_off(desk, running, status):
    desk.configure(INTRADAY_AUTOMATION__RUNNING=running)
    repository = definitions.definitions_from(load_settings()).get_repository_def()
    found = {one.name: one.default_status.value for one in [*repository.schedule_defs, *repository.sensor_defs]}
    names = "end_of_day readiness refetch verification feed_failure missing_sessions run_failure"
    assert found == dict.fromkeys(names.split(), status)


def test_on_the_demonstrations_desk_nothing_runs_by_itself(clean_environment):
    """Its feed has nothing of today: every session would be missing."""
    with demonstration():
        repository = definitions.definitions_from(load_settings()).get_repository_def()
    assert {one.default_status.value for one in [*repository.schedule_defs, *repository.sensor_defs]} == {"STOPPED"}


JUDGED = """
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report)
VALUES (%(day)s::date + '13:30'::time, %(day)s, 'staging', '1min', %(verdict)s, %(action)s,
        '{"symbols": ["NVDA", "MSFT"]}')
"""
SUMMED_UP = """
INSERT INTO eod_summaries (session, symbol, verdict, minutes_expected, bars_stored, bars_missing, volume)
VALUES (%s, 'MSFT', 'x', 390, 0, 390, 0)
"""


def test_how_far_sessions_have_come_is_read_from_what_is_stored(desk):
    """Nothing; bars alone; blocked; an ERROR; an ERROR that a later PASS took back; a PASS that was not stored."""
    settings, server = load_settings(), DatabaseServer(desk.url)
    sessions = closed_sessions(settings, pd.Timestamp("2025-06-10", tz="UTC"), 6)
    assert [one.key for one in sessions] == [f"2025-06-0{day}" for day in (2, 3, 4, 5, 6, 9)]
    put_bars(desk.url, [bar(f"2025-06-0{day} 14:00+00") for day in (3, 6)])
    with psycopg.connect(desk.url) as connection:
        connection.execute("SET TimeZone TO 'UTC'")
        for day, verdict in ((4, "FAIL"), (5, "ERROR"), (6, "ERROR"), (6, "PASS"), (9, "PASS")):
            action = "CONTINUE" if verdict == "PASS" else "BLOCK"
            connection.execute(JUDGED, {"day": date(2025, 6, day), "verdict": verdict, "action": action})
        for day in (4, 5, 6, 9):
            connection.execute(SUMMED_UP, [date(2025, 6, day)])
    found = progress_of(server, settings, sessions)
    assert [(one.stored, one.verdict, one.summed_up) for one in found] == [
        (False, None, False), (True, None, False), (False, "FAIL", True), (False, "ERROR", True), (True, "PASS", True),
        (False, "PASS", True),
    ]  # fmt: skip
    assert [one.missing for one in found] == [True, False, False, True, False, True]
    assert [one.ended for one in found] == [False, False, True, False, True, False]
    assert found[-1].why_missing() == "it passed and is not stored"


def test_of_a_desk_that_began_lately_only_its_sessions_count(desk):
    desk.configure(INTRADAY_FIRST_SESSION="2025-06-05")
    sessions = closed_sessions(load_settings(), pd.Timestamp("2025-06-07", tz="UTC"), 5)
    assert [one.key for one in sessions] == ["2025-06-05", "2025-06-06"]


def test_stretches_are_of_sessions_that_follow_each_other():
    year = sessions_between(date(2025, 11, 24), date(2025, 12, 2))
    chosen = [one for one in year if one.key != "2025-12-01"]
    assert [(first.key, last.key) for first, last in stretches(chosen)] == [
        ("2025-11-24", "2025-11-28"), ("2025-12-02", "2025-12-02"),
    ]  # fmt: skip
