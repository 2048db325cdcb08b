"""Health says the truth under each fault, and on a Sunday that there is nothing to do: rows and parts are real."""

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import graphql
import psycopg
import pytest
from dagster_graphql.schema import create_schema

from market.sessions import session
from monitoring.dashboard import dashboard
from monitoring.health import health
from monitoring.metrics import exposition, metrics
from monitoring.probes import DAEMONS as DAEMONS_ASKED
from monitoring.probes import Usage
from monitoring.reading import Reader
from resources.database.connections import CONNECTIONS
from resources.database.eod_store import EodStore
from resources.database.feed_event_store import FeedEventStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import DatabaseBusy, Throttled
from resources.feeds.opening import Feeds
from resources.landing import LandingZone
from schemas.end_of_day import EodReport
from schemas.monitoring import Level
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.tws import TwsSimulator
from tests.support.live_process import Death, SharedClock, run
from tests.support.monitored import FRIDAY, GIGABYTE, HALF_DAY, HOLIDAY, SUNDAY, Monitored, new_york
from tests.support.served_page import served


def statuses(desk: Monitored) -> dict[str, str]:
    return {name: part.status for name, part in desk.health().components.each().items()}


ALL_WELL = {
    "database": "healthy",
    "feeds": "alpha_online",
    "data_freshness": "healthy",
    "quality": "healthy",
    "broker": "healthy",
    "disk": "healthy",
    "dagster": "healthy",
    "live": "healthy",
}


def test_a_desk_that_streams_is_healthy_in_the_words_that_were_agreed(streaming):
    found = json.loads(streaming.health().model_dump_json())
    assert found["status"] == "healthy"
    assert found["timestamp"] == "2026-11-20T11:00:00-05:00"
    parts = found["components"]
    assert {name: part["status"] for name, part in parts.items()} == ALL_WELL
    assert parts["feeds"] == {"status": "alpha_online", "nvda": "streaming", "msft": "streaming"}
    latest = {"count": 89, "latest": "2026-11-20T15:58:00Z"}
    assert parts["data_freshness"] == {"status": "healthy", "recent_bars": {"NVDA": latest, "MSFT": latest}}
    assert parts["database"]["read_at"] == found["timestamp"]
    assert 1 <= parts["database"]["connections"] < parts["database"]["max_connections"] == 97
    assert parts["quality"]["session"] == "2026-11-19"


# When bars should be there.


@pytest.mark.parametrize(
    ("clock", "day", "word"),
    [
        ("09:29:59", FRIDAY, "closed"),
        ("09:31:59", FRIDAY, "waiting"),
        ("09:32:00", FRIDAY, "stale"),
        ("12:59:59", FRIDAY, "stale"),
        ("15:59:59", FRIDAY, "stale"),
        ("16:00:00", FRIDAY, "closed"),
        ("12:00:00", SUNDAY, "missing"),  # Friday is over for long, and nothing of it came
        ("12:00:00", "2026-11-21", "missing"),
    ],
)
def test_a_session_of_which_nothing_comes(monitored, clock, day, word):
    """Thursday is stored; the live process is alive and has nothing to tell."""
    monitored.now = new_york(clock, day)
    monitored.session("2026-11-19")
    monitored.live("sleeping")
    found = monitored.part("feeds").details
    assert found == {"nvda": word, "msft": word}
    level = {"stale": Level.UNHEALTHY, "missing": Level.DEGRADED}.get(word, Level.HEALTHY)
    assert monitored.part("data_freshness").level is level


@pytest.mark.parametrize(
    ("clock", "day", "word"),
    [
        ("12:00", SUNDAY, "closed"),
        ("12:00", HOLIDAY, "closed"),
        ("12:59:59", HALF_DAY, "stale"),
        ("13:00", HALF_DAY, "closed"),
        ("18:59:59", HALF_DAY, "closed"),
        ("19:00", HALF_DAY, "missing"),  # six hours after the early close
    ],
)
def test_days_on_which_the_exchange_does_not_do_as_usual(monitored, clock, day, word):
    """What was last to be stored is stored; of the half day nothing is."""
    monitored.now = new_york(clock, day)
    monitored.session(FRIDAY)
    monitored.session("2026-11-25")
    monitored.live("sleeping")
    assert monitored.part("feeds").details == {"nvda": word, "msft": word}


@pytest.mark.parametrize(
    ("last", "word"), [("10:57", "stale"), ("10:58", "streaming")]
)  # it ended at 10:58 and at 10:59; it is 11:00
def test_a_bar_may_come_two_minutes_after_the_one_before(monitored, last, word):
    monitored.live()
    monitored.bars(new_york("09:30"), new_york(last))
    assert monitored.part("feeds").details["nvda"] == word


def test_a_bar_from_before_the_open_is_none_of_the_session(monitored):
    monitored.bars(new_york("09:15"), new_york("09:15"))
    monitored.now = new_york("09:30:30")
    monitored.live()
    found = monitored.health().components
    assert (found.feeds.details["nvda"], found.feeds.level) == ("waiting", Level.HEALTHY)
    assert found.data_freshness.level is Level.HEALTHY
    monitored.now = new_york("09:31:30")
    monitored.bars(new_york("09:30"), new_york("09:30"))
    assert [one.stored for one in monitored.sampler().take().facts.bars] == [1, 1]


def test_a_vendor_that_is_fifteen_minutes_behind_is_not_stale(monitored, clean_environment):
    clean_environment.setenv("INTRADAY_ALPHA_VANTAGE__ENTITLEMENT", "delayed")
    monitored.live()
    monitored.bars(new_york("09:30"), new_york("10:43"))
    assert monitored.part("feeds").details["nvda"] == "streaming"
    monitored.now += timedelta(minutes=1)
    assert monitored.part("feeds").details["nvda"] == "stale"


def test_bars_of_five_minutes_may_come_six_minutes_after_the_one_before(monitored, clean_environment):
    clean_environment.setenv("INTRADAY_ENVIRONMENT", "ci")
    monitored.live()
    monitored.bars(new_york("10:50"), new_york("10:50"))
    monitored.now = new_york("11:00:59")
    assert monitored.part("feeds").details["nvda"] == "streaming"
    monitored.now = new_york("11:01")
    assert monitored.part("feeds").details["nvda"] == "stale"


def test_one_symbol_that_does_not_come_is_named_and_leaves_the_desk_working(streaming):
    streaming.execute("DELETE FROM market_data WHERE symbol = 'NVDA' AND \"timestamp\" > '2026-11-20 15:30Z'")
    found = streaming.health()
    assert found.status is Level.DEGRADED
    assert found.components.data_freshness.reason == "no bar of NVDA comes although the exchange trades"
    assert found.components.feeds.details == {"nvda": "stale", "msft": "streaming"}


@pytest.mark.parametrize(
    ("state", "why", "words", "level"),
    [
        (None, "", {"nvda": "stored", "msft": "stored"}, Level.HEALTHY),
        ("stopped", "interrupted", {"nvda": "stored", "msft": "stored"}, Level.HEALTHY),
        ("stopped", "as many sessions as were asked for", {"nvda": "stored", "msft": "stored"}, Level.HEALTHY),
        ("stopped", "the disk is full", {"nvda": "stale", "msft": "stale"}, Level.UNHEALTHY),
    ],
)
def test_a_desk_that_does_not_run_live_is_held_to_the_sessions_that_are_over(monitored, state, why, words, level):
    monitored.session("2026-11-19")
    if state is not None:
        monitored.live(state, why=why)
    found = monitored.health().components
    assert found.feeds.details == words
    assert found.data_freshness.level is level
    assert found.live.level is level


def test_a_session_is_due_six_hours_after_its_close(monitored):
    monitored.session("2026-11-19")
    monitored.now = new_york("21:59:59")
    assert monitored.part("data_freshness").level is Level.HEALTHY
    monitored.now = new_york("22:00")
    found = monitored.part("data_freshness")
    assert (found.level, found.reason) == (Level.DEGRADED, "2026-11-20 of NVDA, MSFT is not stored")
    monitored.session(FRIDAY, symbols=["NVDA"])
    assert monitored.part("data_freshness").reason == "2026-11-20 of MSFT is not stored"
    monitored.judged(FRIDAY, "ERROR", "BLOCK")  # no feed had any bars
    assert monitored.part("data_freshness").reason == "2026-11-20 of MSFT is not stored"
    monitored.judged(FRIDAY, "FAIL", "BLOCK", at=new_york("22:01"))
    found = monitored.health().components
    assert (found.data_freshness.level, found.quality.level) == (Level.HEALTHY, Level.DEGRADED)
    assert found.feeds.details == {"nvda": "stored", "msft": "blocked"}


# The faults, each beside the same on a Sunday.


def on_sunday(desk: Monitored) -> Monitored:
    """Two days later; Friday has been stored in the meantime."""
    desk.execute("DELETE FROM market_data")
    desk.session(FRIDAY)
    desk.now = new_york("12:00", SUNDAY)
    return desk


def test_a_live_process_that_is_dead_is_a_fault_while_the_exchange_trades(streaming):
    streaming.live(seen=streaming.now - timedelta(minutes=3, seconds=1))
    found = streaming.health()
    assert found.status is Level.UNHEALTHY
    assert found.components.live.reason == "the live process has said nothing since 2026-11-20 15:56:59 UTC"
    assert found.components.live.details["state"] == "silent"
    streaming.live(seen=streaming.now - timedelta(minutes=3))
    assert streaming.health().status is Level.HEALTHY
    found = on_sunday(streaming).health()
    assert (found.status, found.components.live.details["state"]) == (Level.HEALTHY, "silent")


def test_a_live_process_that_is_killed(monitored, clean_environment):
    """A real one, in the middle of a recorded half day; its bars stop with it."""
    friday = session("2020-11-27")
    clock = SharedClock(friday.open - timedelta(minutes=2))
    clean_environment.setenv("INTRADAY_ALPHA_VANTAGE__ENTITLEMENT", "realtime")
    with AlphaVantageSimulator(clock=clock.replay()) as vendor:
        clean_environment.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", vendor.url)
        died = Death(friday.open + timedelta(minutes=5), "waiting")
        assert run(os.environ, monitored.url, clock, died) == -signal.SIGKILL
    monitored.now = clock.now().to_pydatetime()
    found = monitored.health()
    assert (found.components.live.level, found.components.live.details["state"]) == (Level.HEALTHY, "streaming")
    assert found.components.feeds.details == {"nvda": "streaming", "msft": "streaming"}
    monitored.now += timedelta(minutes=4)
    found = monitored.health()
    assert (found.components.live.level, found.components.live.details["state"]) == (Level.UNHEALTHY, "silent")
    assert found.components.feeds.details == {"nvda": "stale", "msft": "stale"}
    monitored.now = new_york("12:00", "2020-11-29")
    assert monitored.health().status is Level.HEALTHY


def test_a_live_process_that_says_it_is_degraded_is_believed(streaming):
    streaming.live("degraded", why="no feed answers")
    found = streaming.part("live")
    assert (found.level, found.reason) == (Level.DEGRADED, "no feed answers")


def test_a_feed_that_throttles_is_seen_in_what_it_went_through(streaming, clean_environment):
    """The vendor is asked until its breaker opens, which is kept by the machine's clock."""
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
    with AlphaVantageSimulator(faults=["status:429:99"]) as vendor:
        clean_environment.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", vendor.url)
        settings = streaming.settings
        feeds = Feeds(settings, LandingZone(settings.landing_url), FeedEventStore(DatabaseServer(streaming.url)))
        feed = feeds.feed("alpha_vantage")
        for day in ("2020-11-23", "2020-12-01", "2021-01-04"):
            with pytest.raises(Throttled):
                feed.session_bars("NVDA", session(day))
    streaming.execute("UPDATE feed_events SET until = %s", [new_york("11:05")])
    found = streaming.part("feeds")
    assert (found.level, found.status) == (Level.DEGRADED, "yahoo_fallback")
    assert found.reason is not None
    assert found.reason.startswith("alpha_vantage is left alone until 2026-11-20 16:05:00 UTC: ")
    assert "answered 429: too many requests" in found.reason
    assert found.details == {"nvda": "streaming", "msft": "streaming"}
    assert on_sunday(streaming).part("feeds").status == "yahoo_fallback"


@pytest.mark.parametrize(
    ("events", "fallback", "status", "level"),
    [
        ([("alpha_vantage", "down", 5)], "none", "offline", Level.UNHEALTHY),
        ([("alpha_vantage", "down", 5), ("yahoo", "down", 5)], "yahoo", "offline", Level.UNHEALTHY),
        ([("alpha_vantage", "down", -5)], "yahoo", "yahoo_fallback", Level.DEGRADED),
        ([("alpha_vantage", "probing", None)], "yahoo", "yahoo_fallback", Level.DEGRADED),
        ([("alpha_vantage", "down", 5), ("alpha_vantage", "up", None)], "yahoo", "alpha_online", Level.HEALTHY),
        ([("yahoo", "down", 5)], "yahoo", "alpha_online", Level.HEALTHY),
    ],
)
def test_the_feed_in_use_follows_from_what_both_went_through(
    streaming, clean_environment, events, fallback, status, level
):
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", fallback)
    for feed, event, minutes in events:
        until = None if minutes is None else streaming.now + timedelta(minutes=minutes)
        streaming.feed_event(feed, event, "it answered 503", until)
    found = streaming.part("feeds")
    assert (found.status, found.level) == (status, level)
    assert (found.reason is None) == (level is Level.HEALTHY)
    sunday = on_sunday(streaming).part("feeds")
    assert sunday.level is not Level.UNHEALTHY


def test_live_that_takes_bars_from_the_fallback_is_degraded(streaming, clean_environment):
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
    streaming.live(feed="yahoo")
    found = streaming.part("feeds")
    assert (found.status, found.level) == ("yahoo_fallback", Level.DEGRADED)
    assert found.reason == "live takes bars from yahoo: alpha_vantage does not give them in time"
    assert on_sunday(streaming).part("feeds").status == "alpha_online"


def test_a_session_that_is_all_the_fallbacks_is_degraded(monitored, clean_environment):
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
    monitored.now = new_york("20:00")
    monitored.bars(new_york("09:30"), new_york("15:59"), ["NVDA"], "yahoo")
    monitored.bars(new_york("09:30"), new_york("15:57"), ["MSFT"])
    monitored.bars(new_york("15:58"), new_york("15:59"), ["MSFT"], "yahoo")  # repaired
    found = monitored.part("feeds")
    assert (found.status, found.reason) == ("yahoo_fallback", "the bars of NVDA of 2026-11-20 are from yahoo")


def test_a_session_that_the_gate_blocks(streaming):
    streaming.judged("2026-11-19", "FAIL", "BLOCK", at=new_york("17:00", "2026-11-19"))
    found = streaming.part("quality")
    assert (found.level, found.reason) == (Level.DEGRADED, "the gate blocks 2026-11-19: FAIL")
    assert found.details["blocked_sessions"] == ["2026-11-19"]
    assert on_sunday(streaming).part("quality").level is Level.DEGRADED
    streaming.judged(FRIDAY)
    assert streaming.part("quality").level is Level.HEALTHY


def test_judgements_of_other_desks_are_not_this_ones(streaming):
    """They are of other symbols, environments or bars, and newer."""
    streaming.judged(FRIDAY, "FAIL", "BLOCK", symbols=["AMD", "INTC"])
    for day, column, value in [("2026-11-18", "environment", "prod"), ("2026-11-17", "bar_size", "5min")]:
        streaming.judged(day, "FAIL", "BLOCK", at=new_york("17:00"))
        streaming.execute(f"UPDATE data_quality_reports SET {column} = %s WHERE session = %s", [value, day])  # noqa: S608
    found = streaming.part("quality")
    assert (found.level, str(found.details["session"])) == (Level.HEALTHY, "2026-11-19")
    assert found.details["blocked_sessions"] == []


def test_an_end_of_day_that_failed(streaming):
    check = {
        "name": "completeness", "of": "NVDA", "verdict": "FAIL", "value": 0.5, "unit": "ratio", "bound": "at least",
        "threshold": 0.95, "said": "NVDA has 195 of 390 bars", "recommendation": "ask again",
    }  # fmt: skip
    checks = [check, check | {"of": "MSFT"}, check | {"name": "backups", "of": None}]
    checks.append(check | {"name": "reconciliation", "verdict": "WARN"})
    report = {
        "session": "2026-11-19", "environment": "staging", "bar_size": "1min", "symbols": ["NVDA", "MSFT"],
        "made_at": "2026-11-19T22:00:00Z", "checks": checks,
    }  # fmt: skip
    EodStore(DatabaseServer(streaming.url)).keep([EodReport.model_validate(report)])
    found = streaming.part("quality")
    assert (found.level, found.reason) == (Level.DEGRADED, "end of day 2026-11-19: FAIL of completeness (2), backups")


def test_a_report_that_nobody_can_read_blinds_nobody(streaming):
    statement = "INSERT INTO eod_reports (session, environment, bar_size, verdict, report) VALUES (%s, %s, %s, %s, %s)"
    streaming.execute(statement, [FRIDAY, "staging", "1min", "FAIL", '{"symbols": ["NVDA", "MSFT"], "version": 9}'])
    found = streaming.health()
    assert (found.status, found.components.quality.reason) == (
        Level.DEGRADED,
        "end of day 2026-11-20: the report is not of this version and cannot be read; its verdict is FAIL",
    )
    assert found.components.live.level is Level.HEALTHY
    sample = streaming.sampler().take()
    page = dashboard(sample, found, streaming.now)
    assert "20 November: the report is not of this version" in page
    assert "intraday_eod" not in exposition(metrics(sample, streaming.now))


@pytest.mark.parametrize(
    ("free", "level"), [(5 * GIGABYTE, "healthy"), (5 * GIGABYTE - 1, "degraded"), (GIGABYTE - 1, "unhealthy")]
)
def test_room_on_the_disks(streaming, free, level):
    streaming.free = free
    assert streaming.part("disk").status == level
    assert on_sunday(streaming).part("disk").status == level  # a full disk is one on Sundays too


def test_a_disk_that_cannot_be_measured_is_named(streaming):
    def usage(folder: str) -> Usage:
        raise OSError(5, "Input/output error")

    streaming.usage = usage
    found = streaming.part("disk")
    assert found.level is Level.DEGRADED
    assert str(streaming.settings.home) in str(found.reason)
    assert "Input/output error" in str(found.reason)


def test_a_broker_that_is_gone(streaming, clean_environment):
    with TwsSimulator() as tws:
        clean_environment.setenv("INTRADAY_IB__HOST", "127.0.0.1")
        clean_environment.setenv("INTRADAY_IB__PORT", str(tws.port))
        assert streaming.part("broker").level is Level.HEALTHY
    found = streaming.part("broker")
    assert (found.level, found.reason) == (
        Level.DEGRADED,
        f"127.0.0.1:{tws.port} cannot be reached: Connection refused",
    )
    assert on_sunday(streaming).part("broker").level is Level.DEGRADED


def test_what_keeps_an_account_from_trading_is_said_without_its_number(streaming):
    streaming.execute("INSERT INTO current_positions (account, symbol) VALUES ('DU1234567', 'NVDA')")
    streaming.execute(
        "INSERT INTO reconciliations (account, symbol, asked_at, ours, theirs) "
        "VALUES ('DU1234567', 'NVDA', now(), 100, 90), ('DU1234567', 'MSFT', now(), 5, 5)"
    )
    halted = "INSERT INTO trading_halts (account, symbol, halted, who, why, at) VALUES (%s, NULL, %s, 'ada', %s, %s)"
    streaming.execute(halted, ["DU1234567", True, "DU1234567 has drifted", new_york("10:30")])
    found = streaming.part("broker")
    assert found.level is Level.DEGRADED
    assert found.reason == (
        "DU***67: all trading is halted since 2026-11-20 15:30:00 UTC by ada (DU***67 has drifted); "
        "DU***67: 100 shares of NVDA here, 90 at the broker"
    )
    assert "1234567" not in streaming.health().model_dump_json()
    page = dashboard(streaming.sampler().take(), streaming.health(), streaming.now)
    assert ("by ada: DU***67 has drifted" in page, "1234567" in page) == (True, False)
    streaming.execute(halted, ["DU1234567", False, "mended", new_york("10:31")])
    streaming.execute("UPDATE reconciliations SET theirs = ours")
    assert streaming.part("broker").level is Level.HEALTHY


DAEMONS = (
    '{"data": {"instance": {"daemonHealth": {"allDaemonStatuses": ['
    '{"daemonType": "SENSOR", "required": true, "healthy": %s}, '
    '{"daemonType": "BACKFILL", "required": false, "healthy": null}]}}}}'
)


def test_dagster_understands_the_question():
    assert graphql.validate(create_schema().graphql_schema, graphql.parse(DAEMONS_ASKED)) == []


def test_dagster_that_is_gone_or_ill(streaming, clean_environment):
    with served(DAEMONS % "true") as webserver:
        clean_environment.setenv("INTRADAY_MONITORING__DAGSTER_URL", webserver.url.rstrip("/"))
        assert streaming.part("dagster").details == {"watched": True, "daemons": {"SENSOR": True}}
        webserver.html = DAEMONS % "false"
        found = streaming.part("dagster")
        assert (found.level, found.reason) == (Level.DEGRADED, "the daemon SENSOR does not run")
        webserver.html = "<html>another server</html>"
        assert streaming.part("dagster").level is Level.DEGRADED
    found = streaming.part("dagster")
    assert found.level is Level.DEGRADED
    assert "does not say how its daemons are" in str(found.reason)
    assert on_sunday(streaming).part("dagster").level is Level.DEGRADED


# The database.


def test_a_database_that_stops_and_comes_back(own_server, own_url, clean_environment):
    """What was read last stays, as of then; nothing is made up of what happened meanwhile."""
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "30")
    desk = Monitored(own_url)
    migrate(DatabaseServer(own_url))
    desk.session("2026-11-19")
    desk.bars(new_york("09:30"), new_york("10:58"))
    desk.live()
    sampler = desk.sampler()
    assert health(sampler.take(), desk.now).status is Level.HEALTHY
    own_server.kill()
    try:
        desk.now += timedelta(minutes=10)
        found = health(sampler.take(), desk.now)
        again = health(sampler.take(), desk.now)
    finally:
        own_server.start_again()
    for one in (found, again):
        assert one.status is Level.UNHEALTHY
        assert one.components.database.level is Level.UNHEALTHY
        assert one.components.database.details["read_at"] == new_york("11:00")
        assert one.components.live.level is Level.HEALTHY
        assert one.components.data_freshness.level is Level.HEALTHY
    assert "127.0.0.1" in str(again.components.database.reason)
    back = health(sampler.take(), desk.now)
    assert back.components.database.level is Level.HEALTHY
    assert back.components.data_freshness.level is Level.UNHEALTHY  # by now nothing came for ten minutes


def test_a_password_is_in_no_reason(monitored):
    monitored.url = "postgresql://me:hunter2secret@127.0.0.1:1/x"
    found = monitored.health()
    assert found.status is Level.UNHEALTHY
    assert found.components.database.reason == (
        "postgresql://127.0.0.1:1/x cannot be reached: connection failed: connection to server at "
        '"127.0.0.1", port 1 failed: Connection refused.'
    )
    assert "hunter2secret" not in found.model_dump_json()
    assert {part.status for name, part in found.components.each().items() if part.status == "unknown"} == {"unknown"}


def test_a_schema_that_lacks_something_says_what_to_run(clean_environment, postgres_url):
    found = Monitored(postgres_url).part("database")
    assert found.level is Level.UNHEALTHY
    assert "lacks 0001_bars, " in str(found.reason)
    assert str(found.reason).endswith("run `intraday db migrate`.")


@contextmanager
def mute() -> Iterator[str]:
    """The address of a database that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgresql://me@127.0.0.1:{listener.getsockname()[1]}/x"


def test_a_database_that_never_answers_is_asked_once_and_delays_nobody(monitored, clean_environment):
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "0.05")
    with mute() as monitored.url:
        sampler = monitored.sampler()
        found = [health(sampler.take(), monitored.now) for _ in range(3)]
        asking = [
            thread for thread in threading.enumerate() if thread.name.startswith(monitored.url.replace("me@", ""))
        ]
    assert {one.components.database.level for one in found} == {Level.UNHEALTHY}
    assert "does not answer in time" in str(found[-1].components.database.reason)
    assert {one.components.disk.level for one in found} == {Level.HEALTHY}
    assert len(asking) == 2  # for its state, and to count


def test_a_statement_that_takes_too_long_is_ended_by_the_server(streaming, clean_environment):
    """Somebody holds a table: nobody's question goes on waiting for it behind the back of a monitor that gave up."""
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "0.2")
    reader = Reader(streaming.settings, lambda: DatabaseServer(streaming.url), lambda: streaming.now)
    with psycopg.connect(streaming.url) as holder:
        holder.execute("LOCK TABLE live_state")
        with pytest.raises(DatabaseBusy, match="statement timeout"):
            reader.facts()


def test_nobody_looking_any_more_is_unhealthy(streaming):
    sample = streaming.sampler().take()
    assert health(sample, streaming.now + timedelta(seconds=45)).status is Level.HEALTHY
    found = health(sample, streaming.now + timedelta(seconds=46))
    assert found.components.database.level is Level.UNHEALTHY
    assert "restart the monitor" in str(found.components.database.reason)


def test_connections_that_run_out_are_worth_a_look(streaming, embedded_url):
    """They are the server's: those of other databases count, and the reserved ones are not to be had."""
    assert streaming.part("database").level is Level.HEALTHY
    with psycopg.connect(embedded_url) as first, ExitStack() as others:
        ((taken,),) = first.execute("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL").fetchall()
        for _ in range(88 - taken):
            others.enter_context(psycopg.connect(embedded_url))
        found = streaming.part("database")
    assert found.level is Level.DEGRADED
    assert re.fullmatch(r"(88|89|9\d) of 97 connections are taken", str(found.reason))


@pytest.fixture(autouse=True)
def no_connection_left():
    yield
    CONNECTIONS.close()
