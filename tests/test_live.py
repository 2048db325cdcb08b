"""The live process against a real database, with feeds in memory and a clock that waiting moves."""

from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from live.service import LiveService
from market.quality.columns import Columns
from market.sessions import Session, session
from resources.database.live_store import LiveStore
from resources.errors import DatabaseUnreachable, FeedError, KeyRefused, Outage
from tests.support.desk import TestDesk
from tests.support.live import MINUTE, Clock, SpokenFor, live_service, recorded_feed, stop_at

DAY = session("2020-12-01")
MINUTE_OF = """to_char("timestamp" AT TIME ZONE 'America/New_York', 'HH24:MI')"""
TOLD = f"SELECT {MINUTE_OF}, event, missing FROM live_bars ORDER BY id"  # noqa: S608


def at(clock: str, day: Session = DAY) -> pd.Timestamp:
    """New York's time on the day."""
    return pd.Timestamp(f"{day.key} {clock}", tz="America/New_York").tz_convert("UTC").as_unit("us")


def minutes(first: str, last: str) -> list[str]:
    """`HH:MM` from the first to the last, both included."""
    return [f"{stamp:%H:%M}" for stamp in pd.date_range(f"2020-12-01 {first}", f"2020-12-01 {last}", freq="min")]


def run_until(service: LiveService, clock: Clock, until: str, day: Session = DAY) -> None:
    """Let it go on until somebody interrupts it."""
    stop_at(clock, at(until, day))
    with pytest.raises(KeyboardInterrupt):
        service.run()


def told(desk: TestDesk) -> list[tuple[object, ...]]:
    """Consumers' events in the order of their ids."""
    return desk.rows(TOLD)


def begun(desk: TestDesk, **options: object) -> tuple[Clock, SpokenFor, LiveService, list[str]]:
    """A live process that is about to see the day open."""
    clock = Clock(at("09:25"))
    feed = recorded_feed(clock, DAY, **options)
    service, said = live_service(desk, clock, feed)
    return clock, feed, service, said


def failing_between(first: str, end: str, error: FeedError) -> Callable[[pd.Timestamp], FeedError | None]:
    """A feed that fails from one time to another, which is not included."""
    return lambda now: error if at(first) <= now < at(end) else None


def test_what_is_stored_live_is_what_the_batch_makes_of_the_same_bars(desk: TestDesk) -> None:
    desk.run("2020-11-25", "2020-11-30")
    _, feed, service, _ = begun(desk)
    service.run(sessions=1)
    live = desk.contents()
    assert len(live["market_data"]) == 2 * (390 + 210 + 390 + 390)
    assert desk.run("2020-12-01").success
    assert desk.contents() == live
    assert desk.rows("SELECT count(*) FROM bar_revisions") == [(0,)]
    assert told(desk) == [
        *[(minute, "published", []) for minute in minutes("09:30", "15:59")],
        ("09:30", "final", []),
    ]
    assert feed.closed == 2  # tried at the start


def test_a_bar_is_told_when_both_symbols_have_it_and_not_before(desk: TestDesk) -> None:
    clock, feed, service, _ = begun(desk)
    feed.delays["MSFT", at("09:33")] = pd.Timedelta(seconds=20)
    run_until(service, clock, "09:34:19")
    assert told(desk) == [(minute, "published", []) for minute in minutes("09:30", "09:32")]
    service, _ = live_service(desk, clock, feed)
    run_until(service, clock, "09:34:30")
    assert [row[0] for row in told(desk)] == minutes("09:30", "09:33")


def test_a_bar_that_never_comes_is_missing_and_not_invented(desk: TestDesk) -> None:
    clock, feed, service, _ = begun(desk)
    feed.delays["NVDA", at("09:33")] = pd.Timedelta(days=1)
    run_until(service, clock, "09:40")
    assert told(desk) == [
        (minute, "published", ["NVDA"] if minute == "09:33" else []) for minute in minutes("09:30", "09:38")
    ]
    assert desk.rows("SELECT count(*) FROM market_data") == [(2 * 9 - 1,)]
    frame = "SELECT symbol, close IS NULL, rsi IS NULL, hour_sin IS NULL FROM dual_ticker_bars"
    of_it = f"{frame} WHERE {MINUTE_OF} = '09:33' ORDER BY symbol"
    assert desk.rows(of_it) == [("MSFT", False, True, False), ("NVDA", True, True, False)]
    assert desk.rows("SELECT state, missing, late, revised FROM live_state") == [("stopped", 1, 0, 0)]


def test_a_bar_that_comes_late_is_stored_and_told_as_a_revision(desk: TestDesk) -> None:
    desk.run("2020-11-25", "2020-11-30")
    clock, feed, service, _ = begun(desk)
    feed.delays["NVDA", at("09:33")] = pd.Timedelta(minutes=4)
    run_until(service, clock, "09:40")
    events = [row for row in told(desk) if row[1] == "revised"]
    assert events == [("09:33", "revised", [])]
    assert [row[0] for row in told(desk) if row[1] == "published"] == minutes("09:30", "09:38")
    assert desk.rows("SELECT missing, late, revised FROM live_state") == [(0, 1, 0)]
    live = desk.contents()["dual_ticker_bars"]
    assert desk.run("2020-12-01").success
    assert desk.contents()["dual_ticker_bars"][: len(live)] == live


def test_a_bar_that_comes_again_with_other_values_is_revised_with_a_trace(desk: TestDesk) -> None:
    clock, feed, service, _ = begun(desk)
    (final,) = feed.bars["MSFT"].table.loc[lambda table: table["timestamp"] == at("09:32"), "close"]
    feed.revise("MSFT", at("09:32"), close=final - 0.01)

    def corrected(now: pd.Timestamp) -> None:
        if now >= at("09:35"):
            feed.revise("MSFT", at("09:32"), close=final)
        if now >= at("09:40"):
            raise KeyboardInterrupt

    clock.watch = corrected
    with pytest.raises(KeyboardInterrupt):
        service.run()
    assert desk.rows("SELECT close::float8, removed FROM bar_revisions") == [(final - 0.01, False)]
    for table in ("market_data", "dual_ticker_bars"):
        close = f"SELECT close::float8 FROM {table} WHERE {MINUTE_OF} = '09:32' AND symbol = 'MSFT'"  # noqa: S608
        assert desk.rows(close) == [(final,)]
    assert [row for row in told(desk) if row[1] == "revised"] == [("09:32", "revised", [])]
    assert desk.rows("SELECT missing, late, revised FROM live_state") == [(0, 0, 1)]


def test_the_fallback_stands_in_while_the_primary_fails_and_is_replaced_when_it_is_back(desk: TestDesk) -> None:
    desk.configure(INTRADAY_BREAKER__PAUSE_SECONDS="180")
    clock = Clock(at("09:25"))
    primary = recorded_feed(clock, DAY, failing=failing_between("09:35", "09:39", Outage("HTTP 503")))
    fallback = recorded_feed(clock, DAY, name="yahoo")
    service, said = live_service(desk, clock, primary, fallback)
    run_until(service, clock, "09:38")
    by_source = "SELECT source, why, count(*) FROM market_data GROUP BY 1, 2 ORDER BY 1, 2 DESC"
    assert desk.rows(by_source) == [
        ("alpha_vantage", None, 2 * 4),
        ("yahoo", "alpha_vantage: Outage", 2 * 1),
        ("yahoo", "alpha_vantage: FeedPaused", 2 * 2),
    ]
    assert desk.rows("SELECT DISTINCT basis FROM market_data") == [("as_traded",)]
    service, more = live_service(desk, clock, primary, fallback)
    run_until(service, clock, "09:50")
    assert desk.rows(by_source) == [("alpha_vantage", None, 2 * 19)]
    assert [row[0] for row in told(desk) if row[1] == "published"] == minutes("09:30", "09:48")
    switches = [line.partition("from ")[2].split()[0] for line in said + more if "bars come from" in line]
    assert switches[0] == "yahoo"
    assert switches[-1] == "alpha_vantage"


def test_a_primary_that_flaps_is_not_taken_back_before_it_has_proved_itself(desk: TestDesk) -> None:
    desk.configure(INTRADAY_BREAKER__PAUSE_SECONDS="60")
    clock = Clock(at("09:25"))

    def every_other_minute(now: pd.Timestamp) -> FeedError | None:
        return Outage("HTTP 503") if now >= at("09:32") and now.minute % 2 == 0 else None

    primary = recorded_feed(clock, DAY, failing=every_other_minute)
    service, said = live_service(desk, clock, primary, recorded_feed(clock, DAY, name="yahoo"))
    run_until(service, clock, "10:00")
    switches = [line for line in said if "bars come from" in line]
    assert len(switches) <= 5
    assert [row[0] for row in told(desk) if row[1] == "published"] == minutes("09:30", "09:58")


def test_a_primary_that_lags_is_left_for_the_fallback_and_taken_back(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    primary = recorded_feed(clock, DAY)
    for minute in minutes("09:35", "09:44"):
        for symbol in ("NVDA", "MSFT"):
            primary.delays[symbol, at(minute)] = pd.Timedelta(seconds=30)
    service, _ = live_service(desk, clock, primary, recorded_feed(clock, DAY, name="yahoo"))
    waits: list[tuple[str, float]] = []
    commit = LiveStore.commit

    def timed(self: LiveStore, day: Session, bars: object, frame: object, row: object) -> object:
        stamp = row.timestamp  # type: ignore[attr-defined]
        waits.append((f"{stamp.tz_convert('America/New_York'):%H:%M}", (clock.at - stamp - MINUTE).total_seconds()))
        return commit(self, day, bars, frame, row)  # type: ignore[arg-type]

    desk.monkeypatch.setattr(LiveStore, "commit", timed)
    run_until(service, clock, "09:55")
    late = [minute for minute, seconds in waits if seconds >= 15]
    assert late == minutes("09:35", "09:37")  # three in a row, then the fallback is asked at once
    sources = desk.rows("SELECT DISTINCT source FROM market_data")
    assert sources == [("alpha_vantage",)]  # it had them all in the end


def test_nothing_is_told_while_no_feed_answers_and_all_of_it_in_order_afterwards(desk: TestDesk) -> None:
    clock, _, service, said = begun(desk, failing=failing_between("09:33", "09:50", Outage("HTTP 503")))
    run_until(service, clock, "09:49")
    assert [row[0] for row in told(desk)] == minutes("09:30", "09:31")
    assert any("degraded: no feed answers: alpha_vantage is left alone" in line and "HTTP 503" in line for line in said)
    clock = Clock(at("10:00"))
    service, said = live_service(desk, clock, recorded_feed(clock, DAY))
    run_until(service, clock, "10:05")
    assert told(desk) == [(minute, "published", []) for minute in minutes("09:30", "10:03")]


def test_a_feed_that_no_waiting_mends_ends_it_with_the_reason(desk: TestDesk) -> None:
    _, _, service, _ = begun(desk, failing=lambda now: KeyRefused("There is no Alpha Vantage key."))
    with pytest.raises(KeyRefused):
        service.run()
    assert desk.rows("SELECT state, why FROM live_state") == [("stopped", "There is no Alpha Vantage key.")]


def test_in_prod_frames_are_withheld_while_the_rolling_gate_fails_and_bars_go_on(desk: TestDesk) -> None:
    desk.configure(INTRADAY_LIVE__PUBLISH_DEGRADED="false", INTRADAY_LIVE__GATE_BARS="5")
    clock, feed, service, said = begun(desk)
    (low,) = feed.bars["NVDA"].table.loc[lambda table: table["timestamp"] == at("09:40"), "low"]
    feed.revise("NVDA", at("09:40"), high=low - 1.0)  # a high below the low
    run_until(service, clock, "09:52")
    events = dict(row[:2] for row in told(desk))
    withheld = [minute for minute, event in events.items() if event == "withheld"]
    assert withheld == minutes("09:40", "09:44")
    assert list(events) == minutes("09:30", "09:50")
    assert desk.rows("SELECT count(*) FROM market_data") == [(2 * 21,)]
    assert desk.rows("SELECT count(*) FROM dual_ticker_bars") == [(2 * 16,)]
    assert any("degraded" in line for line in said)


def test_elsewhere_consumers_are_told_of_a_degraded_stream(desk: TestDesk) -> None:
    desk.configure(INTRADAY_LIVE__GATE_BARS="5")
    clock, feed, service, said = begun(desk)
    (low,) = feed.bars["NVDA"].table.loc[lambda table: table["timestamp"] == at("09:32"), "low"]
    feed.revise("NVDA", at("09:32"), high=low - 1.0)
    run_until(service, clock, "09:40")
    assert {row[1] for row in told(desk)} == {"published"}
    states = [line.split("New York ")[1].split(":")[0] for line in said if "New York" in line]
    assert "09:31  NVDA 536.63  MSFT 214.85  alpha_vantage" in said
    assert states == ["streaming", "degraded", "streaming", "stopped"]


def test_a_session_that_was_judged_is_left_alone(desk: TestDesk) -> None:
    desk.run("2020-12-01")
    before = desk.contents()
    _, feed, service, said = begun(desk)
    feed.revise("NVDA", at("09:32"), close=1.0)
    service.run(sessions=1)
    assert desk.contents() == before
    assert "2020-12-01 has been judged already: it is the batch run's." in said


def test_it_sleeps_over_a_weekend_and_wakes_for_the_open(desk: TestDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.service.ASLEEP", 1800.0)  # or it gives four thousand signs of life
    clock = Clock(at("16:30", session("2020-11-27")))
    monday = session("2020-11-30")
    feed = recorded_feed(clock, monday)
    service, _ = live_service(desk, clock, feed)
    run_until(service, clock, "09:35", monday)
    assert feed.asked[0][0] >= at("09:29", monday)
    assert [row[0] for row in told(desk)] == minutes("09:30", "09:33")


def test_it_goes_on_where_it_was_killed(desk: TestDesk) -> None:
    clock, _, service, _ = begun(desk)
    run_until(service, clock, "09:45")
    clock = Clock(at("10:07"))
    service, _ = live_service(desk, clock, recorded_feed(clock, DAY))
    run_until(service, clock, "10:10")
    assert told(desk) == [(minute, "published", []) for minute in minutes("09:30", "10:08")]
    rows = desk.rows('SELECT count(*), count(DISTINCT ("timestamp", symbol)) FROM market_data')
    assert rows == [(2 * 39, 2 * 39)]


def test_bars_wait_for_a_database_that_is_away(desk: TestDesk) -> None:
    clock, _, service, said = begun(desk)
    commit, failures = LiveStore.commit, iter(range(3))

    def away(self: LiveStore, *given: object) -> object:
        if clock.at >= at("09:33") and next(failures, None) is not None:
            raise DatabaseUnreachable("it restarts")
        return commit(self, *given)  # type: ignore[arg-type]

    desk.monkeypatch.setattr(LiveStore, "commit", away)
    run_until(service, clock, "09:40")
    assert [row[0] for row in told(desk)] == minutes("09:30", "09:38")
    assert sum("it restarts" in line for line in said) == 3


def test_dagster_is_told_of_what_is_stored(desk: TestDesk) -> None:
    desk.configure(INTRADAY_LIVE__REPORT_EVERY_BARS="5")
    clock = Clock(at("09:25"))
    seen: list[tuple[date, dict[str, object]]] = []
    service, _ = live_service(
        desk, clock, recorded_feed(clock, DAY), observe=lambda day, about: seen.append((day.day, dict(about)))
    )
    run_until(service, clock, "09:42")
    assert [one[0] for one in seen] == [date(2020, 12, 1)] * 2
    assert [one[1]["bars stored"] for one in seen] == [2 * 5, 2 * 10]
    assert seen[0][1]["feed"] == "alpha_vantage"
    assert pd.Timestamp(str(seen[0][1]["last bar"])) == at("09:34")


def test_what_came_in_live_is_taken_back_where_the_gate_then_blocks_the_session(desk: TestDesk) -> None:
    clock, _, service, _ = begun(desk)
    run_until(service, clock, "10:00")
    bars = desk.contents()["market_data"]
    assert len(bars) == 2 * 29
    desk.run("2020-12-01", faults=["drop:NVDA:2020-12-01:10:00-10:44"])
    assert desk.contents() == {"market_data": [], "dual_ticker_bars": []}
    values = '"timestamp", symbol, open, high, low, close, volume, source'
    assert desk.rows(f"SELECT {values} FROM bar_revisions WHERE removed ORDER BY 1, 2") == bars  # noqa: S608
    assert desk.run("2020-12-01", refresh=True).success
    stored = desk.contents()
    desk.run("2020-12-01", faults=["drop:NVDA:2020-12-01:10:00-10:44"], refresh=True)
    assert desk.contents() == stored  # what was let pass stays


def test_bars_that_came_in_live_from_the_fallback_are_no_measure_of_the_batch(desk: TestDesk) -> None:
    clock = Clock(at("09:25"))
    primary = recorded_feed(clock, DAY, failing=failing_between("09:00", "16:00", Outage("HTTP 503")))
    fallback = recorded_feed(clock, DAY, name="yahoo")
    for symbol in ("NVDA", "MSFT"):
        table = fallback.bars[symbol].table
        fallback.bars[symbol] = Columns(table.assign(volume=table["volume"] + 1))
    service, _ = live_service(desk, clock, primary, fallback)
    run_until(service, clock, "15:00")
    assert desk.rows("SELECT DISTINCT source FROM market_data") == [("yahoo",)]
    assert desk.run("2020-12-01").success  # the rule about revisions would block it
    assert desk.rows("SELECT source, count(*) FROM market_data GROUP BY 1") == [("alpha_vantage", 780)]
    assert desk.rows("SELECT source, count(*) FROM bar_revisions GROUP BY 1") == [("yahoo", 2 * 329)]
