"""Live where something is wrong that is nobody's outage: one symbol, the clock, a value, the gate, another desk."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import pandas as pd
import psycopg
import pytest

from market.sessions import Session, session
from resources.database.live_store import Claim
from resources.errors import ConfigError, FeedError, MalformedPayload, NotAlone, RequestRefused
from resources.feeds.live.feed import SoFar
from tests.support.desk import TestDesk
from tests.support.live import Clock, SpokenFor, live_service, recorded_feed, stop_at
from tests.test_live import DAY, at, begun, minutes, run_until, told


@dataclass
class Choosy(SpokenFor):
    """A feed that may fail for one symbol alone, and that is behind the market."""

    failing_of: Callable[[pd.Timestamp, str], FeedError | None] = lambda at, symbol: None
    behind: pd.Timedelta = field(default_factory=lambda: pd.Timedelta(0))
    sessions: list[Session] = field(default_factory=list)

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        self.sessions.append(session)
        error = self.failing_of(self.clock.at, symbol)
        if error is not None:
            self.asked.append((self.clock.at, symbol, since))
            self.breaker.before_asking()
            self.breaker.failed(error)
            raise error
        answer = super().so_far(symbol, session, since)
        until = self.clock.at - self.behind
        ended = answer.bars.stamps("timestamp") + self.size.value // 1000 <= until.value // 1000
        return SoFar(answer.bars.rows(ended), until)


def choosy(clock: Clock, day: Session = DAY, **options: object) -> Choosy:
    plain = recorded_feed(clock, day)
    return Choosy(clock, plain.bars, **options)  # type: ignore[arg-type]


def test_one_symbol_that_cannot_be_read_does_not_stop_the_other(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    feed = choosy(clock, failing_of=lambda now, symbol: MalformedPayload("what?") if symbol == "MSFT" else None)
    service, _ = live_service(desk, clock, feed)
    run_until(service, clock, "10:00")
    assert told(desk)


def test_a_symbol_that_both_feeds_refuse_does_not_stop_the_other(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))

    def delisted(now: pd.Timestamp, symbol: str) -> FeedError | None:
        return RequestRefused("No data found, symbol may be delisted") if symbol == "MSFT" else None

    primary, fallback = choosy(clock, failing_of=delisted), choosy(clock, name="yahoo", failing_of=delisted)
    service, _ = live_service(desk, clock, primary, fallback)
    run_until(service, clock, "10:00")
    assert told(desk)


@pytest.mark.parametrize("why", ["has been judged", "closed a while ago"])
def test_a_session_that_is_the_batch_runs_is_let_go_though_its_last_bars_never_come(desk: TestDesk, why: str) -> None:
    clock, tomorrow = Clock(at("09:25")), session("2020-12-02")
    feed = choosy(
        clock,
        failing_of=lambda now, symbol: MalformedPayload("what?") if symbol == "MSFT" and now.day == 1 else None,
    )
    service, said = live_service(desk, clock, feed)
    happened = []

    def watch(now: pd.Timestamp) -> None:
        if now >= at("09:35") and not happened:
            happened.append(why)
            if why == "has been judged":
                assert desk.run("2020-12-01").success
            else:
                clock.at = at("16:11")
        if feed.closed == 2 and now < tomorrow.open - pd.Timedelta(minutes=5):  # once when all began
            clock.at = tomorrow.open - pd.Timedelta(minutes=5)
        if now >= at("09:40", tomorrow):
            raise KeyboardInterrupt

    clock.watch = watch
    with pytest.raises(KeyboardInterrupt):
        service.run()
    assert f"2020-12-01 {why}: what is lacking of it is the batch run's." in said
    assert feed.sessions[-1] == tomorrow


def test_a_process_that_was_suspended_over_sessions_takes_in_the_one_that_goes_on(desk: TestDesk) -> None:
    friday = session("2020-11-27")
    clock = Clock(at("16:30", friday))
    feed = choosy(clock)
    service, _ = live_service(desk, clock, feed)

    def watch(now: pd.Timestamp) -> None:
        if now < at("09:25"):
            clock.at = at("09:25")
        if now >= at("09:40"):
            raise KeyboardInterrupt

    clock.watch = watch
    with pytest.raises(KeyboardInterrupt):
        service.run()
    assert {one.key for one in feed.sessions} == {"2020-12-01"}


def test_what_is_configured_wrongly_is_said_at_the_start_and_not_after_the_weekend(desk: TestDesk) -> None:
    clock = Clock(at("16:30", session("2020-11-27")))
    service, _ = live_service(desk, clock, recorded_feed(clock, DAY))

    def refused() -> tuple[SpokenFor, None]:
        raise ConfigError("alpha_vantage.entitlement is none")

    service.feeds = refused
    with pytest.raises(ConfigError):
        service.run()
    assert clock.at < at("16:31", session("2020-11-27"))


def test_a_revision_that_makes_the_rolling_gate_fail_is_not_published(desk: TestDesk) -> None:
    desk.configure(INTRADAY_LIVE__PUBLISH_DEGRADED="false", INTRADAY_LIVE__GATE_BARS="10")
    clock, feed, service, _ = begun(desk)
    (low,) = feed.bars["NVDA"].table.loc[lambda table: table["timestamp"] == at("09:40"), "low"]

    def watch(now: pd.Timestamp) -> None:
        if now >= at("09:43"):
            feed.revise("NVDA", at("09:40"), high=low - 1.0)  # a high below the low
        if now >= at("09:46"):
            raise KeyboardInterrupt

    clock.watch = watch
    with pytest.raises(KeyboardInterrupt):
        service.run()
    events = told(desk)
    assert [row[0] for row in events if row[1] == "withheld"] == minutes("09:42", "09:44")
    impossible = desk.rows("SELECT symbol, high < low FROM dual_ticker_bars WHERE high < low")
    assert impossible == []
    assert [row for row in events if row[1] == "revised"] == []


def test_what_another_desk_let_pass_does_not_keep_blocked_bars(desk: TestDesk) -> None:
    clock, _, service, _ = begun(desk)
    run_until(service, clock, "10:00")
    desk.configure(INTRADAY_SYMBOLS="MSFT")
    assert desk.run("2020-12-01").success
    desk.configure(INTRADAY_SYMBOLS="NVDA,MSFT")
    desk.run("2020-12-01", faults=["drop:NVDA:2020-12-01:10:00-10:44"], refresh=True)
    assert desk.rows("SELECT count(*) FROM market_data WHERE symbol = 'NVDA'") == [(0,)]


def test_a_process_that_begins_late_does_not_ask_for_each_bar_that_it_has(desk: TestDesk) -> None:
    clock = Clock(at("14:00"))
    feed = recorded_feed(clock, DAY)
    service, _ = live_service(desk, clock, feed)
    run_until(service, clock, "14:00:30")
    assert len(told(desk)) == 270
    assert len(feed.asked) < 20


def test_a_halted_stock_does_not_make_the_other_one_the_fallbacks(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    primary, fallback = recorded_feed(clock, DAY), recorded_feed(clock, DAY, name="yahoo")
    for minute in minutes("09:30", "10:30"):
        primary.delays["NVDA", at(minute)] = pd.Timedelta(seconds=3)  # in time: the fallback is due after 15
        if "09:40" <= minute <= "09:50":
            for feed in (primary, fallback):
                feed.delays["MSFT", at(minute)] = pd.Timedelta(days=1)
    service, _ = live_service(desk, clock, primary, fallback)
    run_until(service, clock, "10:00")
    assert desk.rows("SELECT count(*) FROM bar_revisions WHERE symbol = 'NVDA'") == [(0,)]


@pytest.mark.parametrize(
    "values",
    [
        {"close": 0.0},
        {"open": 0.0, "high": 0.0, "low": 0.0, "close": 0.0},
        {"close": -1.0},
        {"close": 1e308, "high": 1.7e308},
        {"volume": -5.0},
        {"volume": float("nan")},
        {"volume": 0.5},
        {"volume": 2.0**53},
        {"volume": 9e18},
        {"close": float("nan")},
        {"close": 1e-300},
    ],
    ids=str,
)
def test_an_absurd_value_does_not_end_it(desk: TestDesk, values: dict[str, float]) -> None:
    clock, feed, service, _ = begun(desk)
    feed.revise("NVDA", at("09:33"), **values)
    run_until(service, clock, "09:40")
    assert len(told(desk)) >= 9


def test_counts_of_a_session_outlive_the_process(desk: TestDesk) -> None:
    clock, feed, service, _ = begun(desk)
    feed.delays["NVDA", at("09:33")] = pd.Timedelta(minutes=4)
    run_until(service, clock, "09:40")
    service, _ = live_service(desk, clock, feed)
    run_until(service, clock, "09:43")
    assert desk.rows("SELECT missing, late, revised FROM live_state") == [(0, 1, 0)]


def test_a_feed_with_delayed_bars_is_no_feed_that_does_not_answer(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    desk.configure(INTRADAY_LIVE__POLL_SECONDS="5")
    service, said = live_service(desk, clock, choosy(clock, behind=pd.Timedelta(minutes=15)))
    run_until(service, clock, "10:15")
    assert sum("degraded" in line for line in said) <= 1


def test_a_symbol_that_the_primary_refuses_does_not_make_it_ask_for_whole_sessions(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    primary = choosy(
        clock, failing_of=lambda now, symbol: RequestRefused("unknown symbol") if symbol == "MSFT" else None
    )
    service, _ = live_service(desk, clock, primary, recorded_feed(clock, DAY, name="yahoo"))
    run_until(service, clock, "10:30")
    assert [row[0] for row in told(desk)] == minutes("09:30", "10:28")
    whole = [one for one in primary.asked if one[1] == "NVDA" and one[2] == DAY.open and one[0] > at("09:40")]
    assert len(whole) < 3


def test_a_clock_that_jumps_ahead_for_a_moment_does_not_make_the_day_missing(desk: TestDesk) -> None:
    clock, feed, service, _ = begun(desk)
    jumped: list[pd.Timestamp] = []
    real = {"offset": pd.Timedelta(0)}
    so_far = feed.so_far

    def truthful(symbol: str, day: Session, since: pd.Timestamp) -> SoFar:
        shown = clock.at
        clock.at = shown - real["offset"]  # the vendor has what there really is
        answer = so_far(symbol, day, since)
        clock.at = shown
        return SoFar(answer.bars, shown)

    feed.so_far = truthful  # type: ignore[method-assign]

    def watch(now: pd.Timestamp) -> None:
        if now >= at("10:00") and not jumped:
            jumped.append(now)
            real["offset"] = pd.Timedelta(hours=2)
            clock.at = now + real["offset"]
        if now >= at("12:00:30"):
            raise KeyboardInterrupt

    clock.watch = watch
    with pytest.raises(KeyboardInterrupt):
        service.run()
    missing = [row for row in told(desk) if row[2]]
    assert missing == []


def cut_the_line(desk: TestDesk) -> None:
    """End the connection that holds the claim."""
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1818850917 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


def test_there_is_one_process_also_after_its_line_was_cut(desk: TestDesk) -> None:
    clock, _, service, _ = begun(desk)
    with closing(Claim(service.desk.server)) as mine, closing(Claim(service.desk.server)) as other:
        assert mine.held()
        assert not other.held()
        service.claim = mine.held
        run_until(service, clock, "09:35")
        cut_the_line(desk)
        run_until(service, clock, "09:40")
        assert not other.held()  # the claim was made anew
        cut_the_line(desk)
        assert other.held()
        service, _ = live_service(desk, clock, recorded_feed(clock, DAY))
        service.claim = mine.held
        stop_at(clock, at("09:45"))
        with pytest.raises(NotAlone):
            service.run()


def test_consumers_are_told_when_the_batch_has_stored_the_session_or_taken_it_back(desk: TestDesk) -> None:
    clock, _, service, _ = begun(desk)
    run_until(service, clock, "09:40")
    desk.run("2020-12-01", faults=["drop:NVDA:2020-12-01:10:00-10:44"])
    desk.run("2020-12-01", refresh=True)
    assert told(desk)[-2:] == [("09:30", "final", []), ("09:30", "final", [])]
    desk.run("2020-11-30")
    assert len(told(desk)) == 9 + 2  # nobody was told of any of its bars


def test_what_a_desk_is_warmed_by_is_said(desk: TestDesk) -> None:
    desk.run("2020-11-30")
    clock, _, service, said = begun(desk)
    run_until(service, clock, "09:32")
    assert said[0] == "NVDA is warmed by 390 of 500 closes: run sessions before 2020-12-01."
