"""What the sensors see in a real database, whom they tell, and which runs they ask for."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from intraday_assets import definitions, sensors
from intraday_assets.failures import failure
from intraday_assets.schedules import END_OF_DAY_TAG
from market.sessions import Session
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.database.outstanding import Progress
from resources.database.server import DatabaseServer
from resources.settings import load_settings
from schemas.quality import Verdict
from tests.support.people import Hook, hook
from tests.support.stored import bar, put_bars

NOW = datetime(2025, 6, 6, 22, 30, tzinfo=UTC)
"""A Friday, two and a half hours after the close: the list of missing sessions does not count it yet."""
FAILED = dg.DagsterRunStatus.FAILURE
WEEK = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06")


class Watch:
    """A desk of one week whose sensors are looked at by hand, with people at the other end."""

    def __init__(self, desk, people: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk, self.people, self.now = desk, people, NOW
        desk.configure(
            ALERT_WEBHOOK_URL=people.url,
            INTRADAY_FIRST_SESSION=WEEK[0],
            INTRADAY_FEEDS__FALLBACK="yahoo",
            INTRADAY_ALPHA_VANTAGE__ENTITLEMENT="realtime",
            INTRADAY_DAGSTER_URL="",
        )
        monkeypatch.setattr(definitions, "sensors", lambda settings: sensors.sensors(settings, lambda: self.now))
        self.events = FeedEventStore(DatabaseServer(desk.url))
        self.cursor: str | None = None
        self.first_look: str | None = "2025-06-01T12:00:00+00:00"

    def look(self, name: str) -> tuple[list[dg.RunRequest], str]:
        """A tick of a sensor: the runs that it asks for, and what it says where it asks for none."""
        found = definitions.definitions_from(load_settings())
        sensor = found.get_repository_def().get_sensor_def(name)
        cursor = self.cursor if name == "feed_failure" else self.first_look
        with dg.build_sensor_context(
            self.desk.instance, cursor=cursor, resources={"database": found.resources["database"]}
        ) as context:
            answer = sensor.evaluate_tick(context)
        if name == "feed_failure":
            self.cursor = answer.cursor
        else:
            self.first_look = answer.cursor
        return list(answer.run_requests or []), str(answer.skip_message)

    def happens(self, event: str, why: str = "status 500", feed: str = "alpha_vantage") -> None:
        """To a feed, a second after what happened before."""
        self.events.keep(FeedEvent(feed, event, why))
        self.desk.execute("UPDATE feed_events SET at = '2025-06-06 22:29+00'::timestamptz + id * INTERVAL '1 second'")

    def stored(self, *keys: str) -> None:
        """Sessions of which there are bars."""
        put_bars(self.desk.url, [bar(f"{key} 14:00+00") for key in keys])

    @property
    def titles(self) -> list[str]:
        """What people were told."""
        return [str(one["title"]).removeprefix("intraday: ") for one in self.people.told]


@pytest.fixture
def watch(desk, monkeypatch) -> Iterator[Watch]:
    with hook() as people:
        yield Watch(desk, people, monkeypatch)


def asked(requests: list[dg.RunRequest]) -> list[tuple[str, str]]:
    """First and last session of each run."""
    return [
        (one.tags["dagster/asset_partition_range_start"], one.tags["dagster/asset_partition_range_end"])
        for one in requests
    ]


def test_an_outage_is_told_and_what_is_missing_is_asked_for_once(watch):
    """Two stretches are missing, so that is two runs; while the outage goes on there are no more."""
    watch.look("feed_failure")
    watch.stored("2025-06-03", "2025-06-04")
    watch.happens("down")
    requests, _ = watch.look("feed_failure")
    assert asked(requests) == [("2025-06-02", "2025-06-02"), ("2025-06-05", "2025-06-06")]
    assert [one.run_key for one in requests] == ["alpha_vantage/1/2025-06-02", "alpha_vantage/1/2025-06-05"]
    for event in ("probing", "down", "probing", "down"):
        watch.happens(event)
        requests, said = watch.look("feed_failure")
        assert (requests, said) == ([], "The outage of alpha_vantage that began 2025-06-06 22:29 UTC goes on.")
    assert watch.titles == [
        "The primary feed alpha_vantage is down: status 500 yahoo is asked for 2025-06-02, 2025-06-05, 2025-06-06."
    ]
    watch.happens("up", "3 answers in a row")
    assert watch.look("feed_failure") == ([], "alpha_vantage is not down.")
    assert len(watch.titles) == 2
    assert watch.titles[1].startswith("over: The primary feed alpha_vantage is down")
    watch.happens("down", "no answer")
    requests, _ = watch.look("feed_failure")
    assert [one.run_key.split("/")[1] for one in requests] == ["7", "7"]
    assert watch.titles[2].startswith("The primary feed alpha_vantage is down: no answer")


def test_an_outage_that_was_seen_before_a_restart_is_not_told_again_and_asks_for_the_same_runs(watch):
    """The cursor was lost: Dagster knows the run keys, and people were told."""
    watch.look("feed_failure")
    watch.happens("down")
    first, _ = watch.look("feed_failure")
    watch.cursor = None
    second, _ = watch.look("feed_failure")
    assert [one.run_key for one in first] == [one.run_key for one in second] == ["alpha_vantage/1/2025-06-02"]
    assert len(watch.titles) == 1


def test_a_feed_that_comes_and_goes_launches_runs_once_an_hour(watch):
    watch.look("feed_failure")
    begun, launched = datetime.now(UTC), []
    for minutes in (0, 1, 59, 61):  # Dagster's own clock says when a run was made
        watch.now = begun + timedelta(minutes=minutes)
        watch.happens("down")
        requests, _ = watch.look("feed_failure")
        for one in requests:
            create_run_for_test(watch.desk.instance, "sessions_job", status=FAILED, tags=dict(one.tags))
        launched.append(len(requests) > 0)
        watch.happens("up")
        watch.look("feed_failure")
    assert launched == [True, False, False, True]


def test_what_a_run_is_making_is_not_asked_of_the_fallback(watch):
    watch.look("feed_failure")
    for tags in (
        {"dagster/partition": WEEK[1]},
        {"dagster/asset_partition_range_start": WEEK[3], "dagster/asset_partition_range_end": WEEK[4]},
    ):
        create_run_for_test(watch.desk.instance, "sessions_job", status=dg.DagsterRunStatus.STARTED, tags=tags)
    watch.happens("down")
    requests, _ = watch.look("feed_failure")
    assert asked(requests) == [(WEEK[0], WEEK[0]), (WEEK[2], WEEK[2])]


def test_with_nothing_missing_nothing_is_launched_and_it_says_so(watch):
    watch.stored(*WEEK)
    watch.happens("down")
    assert watch.look("feed_failure") == ([], "Nothing is left to ask for, so no run was launched.")
    assert watch.titles[0].endswith("status 500 Nothing is left to ask for, so no run was launched.")


def test_without_a_fallback_nothing_is_launched_and_it_says_so(watch):
    watch.desk.configure(INTRADAY_FEEDS__FALLBACK="none")
    watch.happens("down")
    assert watch.look("feed_failure") == ([], "There is no fallback feed, so no run was launched.")


def test_an_outage_between_two_looks_is_told_as_over(watch):
    watch.look("feed_failure")
    watch.happens("down")
    watch.happens("up")
    assert watch.look("feed_failure") == ([], "It was soon up again, so no run was launched.")
    assert len(watch.titles) == 1
    assert watch.titles[0].startswith("over: ")


def test_the_history_of_an_old_desk_and_the_fallbacks_outages_are_nobodys_news(watch):
    for event in ("down", "up", "down", "up"):
        watch.happens(event)
    watch.happens("down", feed="yahoo")
    for _ in range(2):
        assert watch.look("feed_failure") == ([], "alpha_vantage is not down.")
    assert watch.titles == []


def test_the_list_of_missing_sessions_is_one_alert_that_is_kept_up_to_date(watch):
    watch.stored("2025-06-03", "2025-06-04")
    assert watch.look("missing_sessions") == (
        [], "2 sessions missing: 2025-06-02: neither bars nor a judgement; 2025-06-05: neither bars nor a judgement",
    )  # fmt: skip
    watch.stored("2025-06-02")
    watch.look("missing_sessions")
    assert len(watch.titles) == 1
    watch.now += timedelta(hours=2)  # today's counts from four hours after its close on
    watch.look("missing_sessions")
    assert [one["alerts"][0]["sessions"] for one in watch.people.told] == [
        ["2025-06-02", "2025-06-05"], ["2025-06-05", "2025-06-06"],
    ]  # fmt: skip
    assert "`intraday run 2025-06-05 2025-06-06` makes them" in watch.people.texts[1]
    watch.stored("2025-06-05", "2025-06-06")
    assert watch.look("missing_sessions") == ([], "No session is missing.")
    assert watch.look("missing_sessions") == ([], "No session is missing.")
    assert len(watch.titles) == 3
    assert watch.titles[2].startswith("over: 2 sessions missing: 2025-06-05")


def test_on_a_new_desk_what_was_not_tried_yet_is_not_told_as_missing_for_a_day(watch):
    watch.first_look = None
    assert watch.look("missing_sessions") == ([], "No session is missing.")
    create_run_for_test(watch.desk.instance, "sessions_job", status=FAILED, tags={END_OF_DAY_TAG: WEEK[0]})
    create_run_for_test(
        watch.desk.instance, "sessions_job", status=dg.DagsterRunStatus.STARTED, tags={END_OF_DAY_TAG: WEEK[1]}
    )
    watch.look("missing_sessions")
    watch.now += timedelta(hours=24)
    watch.look("missing_sessions")
    assert [one["alerts"][0]["sessions"] for one in watch.people.told] == [[WEEK[0]], [*WEEK]]


def test_a_session_is_not_missing_before_its_first_attempt(watch):
    """Without entitlement the vendor has it four hours after the close, and end_of_day begins then."""
    watch.stored(*WEEK[:-1])
    watch.desk.configure(INTRADAY_ALPHA_VANTAGE__ENTITLEMENT="none")
    for minutes, said in ((5 * 60 + 9, "No session is missing."), (5 * 60 + 11, "1 session missing: 2025-06-06: ")):
        watch.now = datetime(2025, 6, 6, 20, tzinfo=UTC) + timedelta(minutes=minutes)
        assert watch.look("missing_sessions")[1].startswith(said)


def test_those_that_look_leave_a_heartbeat_also_when_nobody_can_be_told(watch):
    watch.people.status = 500
    watch.happens("down")
    for name in ("feed_failure", "missing_sessions"):
        watch.look(name)
    assert watch.desk.rows("SELECT sensor, at FROM sensor_heartbeats ORDER BY 1") == [
        ("feed_failure", NOW), ("missing_sessions", NOW),
    ]  # fmt: skip


def test_a_sensor_that_cannot_reach_the_database_fails_at_once(watch):
    watch.desk.configure(TIMESCALEDB_URL="postgresql://x@127.0.0.1:1/x", INTRADAY_HOME=str(watch.desk.home / "other"))
    with pytest.raises(Exception, match="cannot be reached") as caught:
        watch.look("feed_failure")
    assert "tried" not in str(caught.value.__cause__)


def run_of(watch: Watch, error: Exception | None, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    """A run of a job that fails with the error, or does not."""

    @dg.op
    def step() -> None:
        if error is not None:
            raise error

    @dg.job
    def sessions_job() -> None:
        step()

    return sessions_job.execute_in_process(instance=watch.desk.instance, raise_on_error=False, tags=tags)


def told_of(watch: Watch, result: dg.ExecuteInProcessResult) -> None:
    """The run's failure reaches the sensor that keeps it, and is told with the next look of another."""
    kept(watch, result)
    watch.look("feed_failure")


def kept(watch: Watch, result: dg.ExecuteInProcessResult) -> None:
    found = definitions.definitions_from(load_settings())
    sensor = found.get_repository_def().get_sensor_def("run_failure")
    context = dg.build_run_status_sensor_context(
        "run_failure", result.get_run_failure_event(), watch.desk.instance, result.dagster_run,
        resources={"database": found.resources["database"]},
    )  # fmt: skip
    sensor(context.for_run_failure())


STOPPED_RUN = "It was stopped before its end, as when `intraday up` or its service is."
RANGE = {"dagster/asset_partition_range_start": WEEK[0], "dagster/asset_partition_range_end": WEEK[2]}


@pytest.mark.parametrize(
    ("error", "tags", "title", "said"),
    [
        (
            failure("1 of 3 sessions did not pass. NVDA misses 45.", {}, retry_helps=False), RANGE,
            "sessions_job of 2025-06-02 to 2025-06-04 failed: 1 of 3 sessions did not pass. NVDA misses 45.",
            "A retry would not help.",
        ),
        (
            failure("Nobody answered.", {}, retry_helps=True), {"dagster/partition": WEEK[1]},
            "sessions_job of 2025-06-03 failed: Nobody answered.", "A retry may help.",
        ),
        (
            dg.DagsterExecutionInterruptedError(), {"dagster/partition": WEEK[1]},
            f"sessions_job of 2025-06-03 failed: {STOPPED_RUN}",
            "A retry may help.",
        ),
        (ValueError("odd PLANTED0KEY00042"), {}, "sessions_job failed: ValueError: odd ***", "in the Dagster UI"),
    ],
)  # fmt: skip
def test_a_run_that_failed_is_told_with_its_sessions_its_reason_and_whether_a_retry_helps(
    watch, error, tags, title, said
):
    told_of(watch, run_of(watch, error, tags))
    assert watch.titles == [title]
    assert title in watch.people.texts[0]
    assert said in watch.people.texts[0]


ONE = {"dagster/partition": WEEK[1]}


def test_a_failure_of_the_same_sessions_is_told_again_when_its_reason_is_another(watch):
    for said in ("Nobody answered.", "Nobody answered.", "The disk is full."):
        told_of(watch, run_of(watch, failure(said, {}, retry_helps=True), ONE))
    assert watch.titles == [
        "sessions_job of 2025-06-03 failed: Nobody answered.",
        "still: sessions_job of 2025-06-03 failed: The disk is full.",
    ]  # fmt: skip


def test_each_failure_of_a_job_without_sessions_is_told_until_the_job_succeeds(watch):
    for said in ("1 difference.", "2 differences."):
        told_of(watch, run_of(watch, failure(said, {}, retry_helps=False), {}))
    assert watch.titles == ["sessions_job failed: 1 difference.", "sessions_job failed: 2 differences."]
    run_of(watch, None, {})
    watch.look("missing_sessions")
    overs = [one for one in watch.titles if one.startswith("over: ")]
    assert overs == ["over: sessions_job failed: 1 difference.", "over: sessions_job failed: 2 differences."]


def test_a_failure_that_is_seen_after_the_next_success_is_over(watch):
    failed = run_of(watch, failure("odd.", {}, retry_helps=True), {})
    run_of(watch, None, {})
    kept(watch, failed)
    watch.look("missing_sessions")
    assert watch.desk.rows("SELECT resolved_at IS NULL FROM alerts WHERE kind = 'run_failed'") == [(False,)]


def test_a_failure_is_over_when_its_sessions_are_stored_whoever_made_them(watch, monkeypatch):
    """A night's range, of which each session came by itself."""
    told_of(watch, run_of(watch, failure("Nobody answered.", {}, retry_helps=True), RANGE))
    for made in ({*WEEK[:2]}, {*WEEK}):
        progress = partial(_progress, made)
        monkeypatch.setattr(sensors, "progress_of", progress)
        watch.look("missing_sessions")
        standing = watch.desk.rows("SELECT resolved_at IS NULL FROM alerts WHERE kind = 'run_failed'")
        assert standing == [(made != {*WEEK},)]


def _progress(made: set[str], _server: object, _settings: object, sessions: Sequence[Session]) -> list[Progress]:
    return [
        Progress(one, one.key in made, Verdict.PASS if one.key in made else None, False, one.key in made)
        for one in sessions
    ]


def test_a_run_that_failed_keeps_nobody_waiting_for_a_channel(watch):
    """Dagster ends a sensor that takes a minute; the failures of five runs may come in one tick."""
    kept(watch, run_of(watch, failure("odd.", {}, retry_helps=True), ONE))
    assert watch.titles == []
    watch.look("feed_failure")
    assert watch.titles == ["sessions_job of 2025-06-03 failed: odd."]


def test_of_an_end_of_day_it_says_that_it_is_tried_again(watch):
    tags = {**ONE, END_OF_DAY_TAG: WEEK[1]}
    told_of(watch, run_of(watch, failure("No bars.", {}, retry_helps=False), tags))
    assert "it is tried again by itself, 8 times in all." in watch.people.texts[0]
    assert "would not help" not in watch.people.texts[0]


def test_a_run_that_failed_for_the_databases_sake_is_told_all_the_same(watch):
    result = run_of(watch, failure("There is no database.", {}, retry_helps=True), {})
    watch.desk.configure(TIMESCALEDB_URL="postgresql://x@127.0.0.1:1/x", INTRADAY_HOME=str(watch.desk.home / "other"))
    kept(watch, result)
    assert watch.titles == ["sessions_job failed: There is no database."]
