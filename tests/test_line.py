"""The line to a vendor: its request limit over processes, its retries, its circuit breaker; on a clock of ours."""

import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from resources import errors
from resources.feeds.breaker import Breaker, FeedState, Standing
from resources.feeds.line import Line
from resources.feeds.rate_limit import RateLimit, Window, windows_of
from resources.paths import machine_state
from resources.settings_sections import BreakerSettings, VendorSettings
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.feeds import Clock, alpha_vantage_feed

FREE = windows_of("free")


def limit_of(
    path: Path, clock: Clock, windows: Sequence[Window] = FREE, key: str = "k", vendor: str = "v"
) -> RateLimit:
    return RateLimit(path / "requests.sqlite3", vendor, key, windows, clock.time, clock.sleep)


def turns(limit: RateLimit, clock: Clock, count: int) -> list[float]:
    times = []
    for _ in range(count):
        limit.wait_for_turn()
        times.append(clock.seconds)
    return times


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most requests in any window of that length."""
    return max(sum(start <= time < start + seconds for time in times) for start in times)


def test_the_free_plan_is_one_a_second_five_a_minute_25_a_day(tmp_path):
    clock = Clock()
    limit = limit_of(tmp_path, clock)
    times = turns(limit, clock, 25)
    assert [most_within(times, seconds) for seconds in (1, 60, 86_400)] == [1, 5, 25]
    assert 4 * 60 <= times[-1] - times[0] < 4 * 60 + 10  # no slower than the plan asks for
    with pytest.raises(errors.NotAsked, match="25 requests a day") as caught:
        limit.wait_for_turn()
    assert caught.value.pause_seconds == pytest.approx(86_400.1 - (times[-1] - times[0]), abs=1)
    clock.seconds = times[0] + 86_401
    limit.wait_for_turn()


@pytest.mark.parametrize("a_minute", [75, 150, 300])
def test_a_premium_plan_is_spread_over_its_minute(tmp_path, a_minute):
    clock = Clock()
    times = turns(limit_of(tmp_path, clock, windows_of(f"premium_{a_minute}")), clock, 2 * a_minute)
    assert most_within(times, 60) <= a_minute
    assert most_within(times, 1) <= a_minute / 60 + 1
    assert times[-1] - times[0] < 121


def test_two_users_of_one_key_share_its_limit_and_others_do_not(tmp_path):
    clock = Clock()
    first, second = limit_of(tmp_path, clock), limit_of(tmp_path, clock)
    times = [time for _ in range(5) for time in (*turns(first, clock, 1), *turns(second, clock, 1))]
    assert most_within(times, 60) == 5
    before = clock.seconds
    limit_of(tmp_path, clock, key="another").wait_for_turn()
    limit_of(tmp_path, clock, vendor="another").wait_for_turn()
    assert clock.seconds == before


def test_a_vendor_that_throttles_one_holds_back_all(tmp_path):
    clock = Clock()
    first, second = limit_of(tmp_path, clock), limit_of(tmp_path, clock)
    first.pause(60)
    before = clock.seconds
    second.wait_for_turn()
    assert clock.seconds == before + 60


def test_a_clock_that_was_wrong_does_not_hold_requests_back_for_ever(tmp_path):
    clock = Clock()
    clock.seconds += 86_400
    limit = limit_of(tmp_path, clock)
    limit.wait_for_turn()
    clock.seconds -= 86_400
    limit.wait_for_turn()
    assert clock.waits == []


def test_the_key_is_not_in_the_file(tmp_path):
    limit_of(tmp_path, Clock(), key="PLANTED0KEY00099").wait_for_turn()
    assert b"PLANTED0KEY00099" not in (tmp_path / "requests.sqlite3").read_bytes()


def _ask_months(url: str, folder: str, months: Sequence[str]) -> None:
    """One process of two, each with its own landing zone, on a plan of two requests in a second and a half."""
    from market.sessions import session

    limit = RateLimit(Path(folder).parent / "requests.sqlite3", url, "k", [Window(2, 1.5)])

    def make_line(settings: VendorSettings) -> Line:
        breaker = Breaker("feed", BreakerSettings(failures=1, successes=1, pause_seconds=0), _later, _forget)
        return Line(settings, breaker, limit)

    for month in months:
        alpha_vantage_feed(url, Path(folder), attempts=1, make_line=make_line).session_bars("NVDA", session(month))


def test_two_processes_side_by_side_keep_the_plan(tmp_path):
    """The stand-in counts as the vendor does: a request too many would be refused, and end its process.

    It counts over less time than the plan does, so that a request that a busy machine delays by a second is no fault.
    """
    months = ["2020-10-26", "2020-11-23", "2020-12-01"]
    processes = multiprocessing.get_context("spawn")
    with AlphaVantageSimulator(limits=[(2, 0.5)]) as simulator:
        both = [
            processes.Process(target=_ask_months, args=(simulator.url, str(tmp_path / name), months)) for name in "ab"
        ]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
        assert [request.outcome for request in simulator.requests] == ["bars"] * 6


def vendor(attempts: int = 3, wait_seconds: float = 5) -> VendorSettings:
    return VendorSettings(base_url="http://vendor", timeout_seconds=1, attempts=attempts, wait_seconds=wait_seconds)


def breaker_of(clock: Clock, said: list[tuple[str, str]], **changes: float) -> Breaker:
    settings = BreakerSettings(**{"failures": 3, "successes": 2, "pause_seconds": 300, **changes})
    return Breaker("yahoo", settings, clock.now, lambda _, standing, why: said.append((standing.state.value, why)))


def failing(kind: type[errors.FeedError], times: int, **options: float) -> Callable[[], str]:
    left = [times]

    def ask() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise kind("It failed.", **options)
        return "bars"

    return ask


def test_three_attempts_five_seconds_doubled_with_jitter():
    clock = Clock()
    line = Line(vendor(), breaker_of(clock, []), sleep=clock.sleep)
    assert line.ask(failing(errors.Outage, 2)) == "bars"
    first, second = clock.waits
    assert 5 <= first <= 10
    assert 10 <= second <= 15
    with pytest.raises(errors.Outage):
        line.ask(failing(errors.Outage, 3))


def test_waits_are_not_the_same_for_everybody():
    waits = set()
    for _ in range(5):
        clock = Clock()
        Line(vendor(), breaker_of(clock, []), sleep=clock.sleep).ask(failing(errors.Outage, 1))
        waits.update(clock.waits)
    assert len(waits) == 5


def test_the_wait_that_the_vendor_asks_for_is_kept():
    clock = Clock()
    line = Line(vendor(wait_seconds=0), breaker_of(clock, []), sleep=clock.sleep)
    assert line.ask(failing(errors.Throttled, 1, pause_seconds=60)) == "bars"
    assert clock.waits == [60]


def test_a_vendor_that_asks_for_too_long_a_wait_is_left_and_not_waited_for():
    clock, said = Clock(), []
    line = Line(vendor(), breaker_of(clock, said, failures=1), sleep=clock.sleep)
    with pytest.raises(errors.Throttled):
        line.ask(failing(errors.Throttled, 1, pause_seconds=3600))
    assert clock.waits == []
    clock.seconds += 3599
    with pytest.raises(errors.FeedPaused):
        line.ask(lambda: "bars")
    clock.seconds += 1
    assert line.ask(lambda: "bars") == "bars"


@pytest.mark.parametrize("kind", [errors.KeyRefused, errors.PlanRefused, errors.RequestRefused, errors.DailyLimitSpent])
def test_what_a_retry_does_not_help_is_asked_once(kind):
    clock = Clock()
    with pytest.raises(kind):
        Line(vendor(), breaker_of(clock, []), sleep=clock.sleep).ask(failing(kind, 1))
    assert clock.waits == []


def test_a_failing_feed_is_left_alone_and_trusted_again_step_by_step():
    clock, said = Clock(), []
    breaker = breaker_of(clock, said)
    line = Line(vendor(attempts=1), breaker)
    for _ in range(3):
        with pytest.raises(errors.Outage):
            line.ask(failing(errors.Outage, 1))
    asked = []
    with pytest.raises(errors.FeedPaused, match=r"yahoo is left alone until .* because of this: It failed"):
        line.ask(lambda: asked.append(1))
    assert asked == []
    clock.seconds += 300
    assert line.ask(lambda: "bars") == "bars"
    assert breaker.standing.state is FeedState.PROBING
    assert line.ask(lambda: "bars") == "bars"
    assert [state for state, _ in said] == ["down", "probing", "up"]
    assert said[0][1] == "It failed."


def test_a_feed_that_fails_while_it_is_tried_is_left_alone_for_longer():
    clock, said = Clock(), []
    line = Line(vendor(attempts=1), breaker_of(clock, said, failures=1))
    with pytest.raises(errors.Outage):
        line.ask(failing(errors.Outage, 1))
    pauses = []
    for _ in range(6):
        start = clock.seconds
        while True:
            clock.seconds += 100
            try:
                line.ask(failing(errors.Outage, 1))
            except errors.FeedPaused:
                continue
            except errors.Outage:
                pauses.append(clock.seconds - start)
                break
    assert pauses == [300, 600, 1200, 2400, 2400, 2400]


def test_one_success_in_between_does_not_open_the_breaker_and_single_failures_do_not_flap():
    clock, said = Clock(), []
    line = Line(vendor(attempts=1), breaker_of(clock, said))
    for _ in range(10):
        for _ in range(2):
            with pytest.raises(errors.Outage):
                line.ask(failing(errors.Outage, 1))
        line.ask(lambda: "bars")
    assert said == []


def test_a_spent_day_is_over_at_midnight_in_new_york():
    clock, said = Clock(pd.Timestamp("2021-02-01 20:00", tz="America/New_York").timestamp()), []
    line = Line(vendor(), breaker_of(clock, said))
    with pytest.raises(errors.DailyLimitSpent):
        line.ask(failing(errors.DailyLimitSpent, 1))
    clock.seconds += 4 * 3600 - 1
    with pytest.raises(errors.FeedPaused, match="until 2021-02-02 05:00:00 UTC"):
        line.ask(lambda: "bars")
    clock.seconds += 1
    assert line.ask(lambda: "bars") == "bars"


def test_what_a_person_has_to_mend_says_nothing_of_the_feed():
    clock, said = Clock(), []
    line = Line(vendor(), breaker_of(clock, said, failures=1))
    with pytest.raises(errors.KeyRefused):
        line.ask(failing(errors.KeyRefused, 1))
    assert said == []


def test_a_feed_that_an_earlier_run_left_down_is_down():
    clock = Clock()
    down = Standing(FeedState.DOWN, clock.now() + pd.Timedelta(seconds=10))
    settings = BreakerSettings(failures=3, successes=2, pause_seconds=300)
    line = Line(vendor(), Breaker("yahoo", settings, clock.now, _forget, lambda: down))
    with pytest.raises(errors.FeedPaused):
        line.ask(lambda: "bars")
    clock.seconds += 10
    assert line.ask(lambda: "bars") == "bars"


def _later() -> pd.Timestamp:
    return pd.Timestamp("2021-02-01", tz="UTC")


def _forget(_feed: str, _standing: Standing, _why: str) -> None:
    pass


def test_a_person_can_trust_a_feed_again_while_a_process_leaves_it_alone():
    clock, standing = Clock(), [Standing()]
    settings = BreakerSettings(failures=1, successes=2, pause_seconds=300)

    def changed(_feed: str, now: Standing, _why: str) -> None:
        standing[0] = now

    line = Line(vendor(attempts=1), Breaker("yahoo", settings, clock.now, changed, lambda: standing[0]))
    with pytest.raises(errors.Outage):
        line.ask(failing(errors.Outage, 1))
    with pytest.raises(errors.FeedPaused):
        line.ask(lambda: "bars")
    standing[0] = Standing()
    assert line.ask(lambda: "bars") == "bars"


def test_the_pause_goes_on_doubling_from_run_to_run():
    clock, standing, pauses = Clock(), [Standing()], []
    settings = BreakerSettings(failures=1, successes=2, pause_seconds=300)

    def changed(_feed: str, now: Standing, _why: str) -> None:
        standing[0] = now

    for _ in range(3):
        line = Line(vendor(attempts=1), Breaker("yahoo", settings, clock.now, changed, lambda: standing[0]))
        with pytest.raises(errors.Outage):
            line.ask(failing(errors.Outage, 1))
        pauses.append((standing[0].until - clock.now()).total_seconds())
        clock.seconds += pauses[-1]
    assert pauses == [300, 600, 1200]


@pytest.mark.parametrize("kind", [errors.NoBars, errors.OutOfReach])
def test_a_feed_that_says_it_has_none_is_up(kind):
    clock, said = Clock(), []
    line = Line(vendor(attempts=1), breaker_of(clock, said, failures=1))
    with pytest.raises(kind):
        line.ask(failing(kind, 1))
    assert said == []


def test_a_plan_that_is_spent_says_nothing_of_the_feed(tmp_path):
    clock, said = Clock(), []
    limit = limit_of(tmp_path, clock, [Window(1, 86_400.0)])
    line = Line(vendor(attempts=1), breaker_of(clock, said, failures=1), limit, clock.sleep)
    assert line.ask(lambda: "bars") == "bars"
    with pytest.raises(errors.NotAsked):
        line.ask(lambda: "bars")
    assert said == []


def test_a_long_pause_of_another_process_is_not_waited_for(tmp_path):
    clock = Clock()
    limit_of(tmp_path, clock).pause(3600)
    with pytest.raises(errors.NotAsked, match="wants no requests until"):
        limit_of(tmp_path, clock).wait_for_turn()
    assert clock.waits == []


def test_a_file_that_cannot_count_requests_is_named(tmp_path):
    (tmp_path / "requests.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(errors.ConfigError, match=r"requests\.sqlite3"):
        limit_of(tmp_path, Clock()).wait_for_turn()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(errors.ConfigError, match="XDG_STATE_HOME"):
        machine_state("locks")
