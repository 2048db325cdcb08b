"""When a session's partition is there, through a whole year: on its own day, before its close, and on no other day."""

from datetime import date, datetime

import dagster as dg
import pandas as pd
import pytest
from dagster._core.test_utils import freeze_time

from intraday_assets import graph
from intraday_assets.partitions import session_partitions
from tests.support import nyse_2025
from tests.support.desk import failure

SESSIONS = session_partitions(date(2020, 1, 2))


def newest(at: datetime) -> str | None:
    with dg.partition_loading_context(effective_dt=at):
        return SESSIONS.get_last_partition_key()


def test_through_a_year_the_newest_partition_is_that_of_the_session_that_just_closed():
    """Weekends, holidays, half days and both changes of the clocks among them."""
    latest = "2024-12-31"
    for day in nyse_2025.DAYS:
        assert (day, newest(nyse_2025.new_york(day, 0, 1))) == (day, latest)
        assert (day, newest(nyse_2025.new_york(day, 11, 59))) == (day, latest)
        if day in nyse_2025.SESSIONS:
            latest = day.isoformat()
            assert (day, newest(nyse_2025.close(day))) == (day, latest)
        assert (day, newest(nyse_2025.new_york(day, 23, 59))) == (day, latest)


def test_the_year_has_a_partition_per_session():
    with dg.partition_loading_context(effective_dt=nyse_2025.new_york(date(2026, 1, 1), 0)):
        keys = [key for key in SESSIONS.get_partition_keys() if key.startswith("2025")]
    assert keys == [day.isoformat() for day in nyse_2025.SESSIONS]
    assert len(keys) == 250


@pytest.fixture
def at(monkeypatch):
    """Sets the clock of the market, and of Dagster's partitions."""
    clocks = []

    def set_clock(stamp: str) -> None:
        now = pd.Timestamp(stamp, tz="America/New_York").tz_convert("UTC")
        monkeypatch.setattr(graph, "utc_now", lambda: now)
        clocks.append(freeze_time(now.to_pydatetime()))
        clocks[-1].__enter__()

    yield set_clock
    for clock in reversed(clocks):
        clock.__exit__(None, None, None)


def test_a_session_is_run_the_moment_it_is_over_and_refused_before(desk, at):
    """On a half day, whose partition is there from noon on. The refusal leaves no judgement behind: live goes on."""
    at("2020-11-27 12:59:59")
    result = desk.run("2020-11-27")
    assert "2020-11-27 is not over: it closes at 2020-11-27 18:00 UTC." in failure(result)
    assert "The latest session that is over is 2020-11-25. A retry may help." in failure(result)
    assert desk.rows("SELECT count(*) FROM data_quality_reports") == [(0,)]
    at("2020-11-27 13:00:01")
    assert desk.run("2020-11-27").success
    assert desk.rows("SELECT count(*) FROM market_data") == [(420,)]
