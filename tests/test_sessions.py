"""The exchange's sessions and minutes, against dates from NYSE's published calendar."""

from datetime import date

import pandas as pd
import pytest

from intraday_assets.partitions import session_partitions
from market.sessions import BarSize, session, sessions_before, sessions_between
from schemas.errors import UnknownSession

HALF_DAYS = ["2023-07-03", "2023-11-24", "2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28"]
CLOSED = ["2020-11-26", "2020-12-25", "2021-01-01", "2024-03-29", "2025-01-09", "2020-11-28", "2020-11-29"]


def new_york(stamp: pd.Timestamp) -> str:
    return stamp.tz_convert("America/New_York").strftime("%H:%M")


@pytest.mark.parametrize("key", HALF_DAYS)
def test_a_half_day_has_210_minutes(key):
    minutes = session(key).minutes(BarSize.ONE_MINUTE)
    assert (len(minutes), new_york(minutes[0]), new_york(minutes[-1])) == (210, "09:30", "12:59")
    assert session(key).is_half_day
    assert len(session(key).minutes(BarSize.FIVE_MINUTES)) == 42


@pytest.mark.parametrize(
    ("key", "first_utc"),
    [("2020-10-30", "13:30"), ("2020-11-02", "14:30"), ("2021-03-12", "14:30"), ("2021-03-15", "13:30")],
)
def test_minutes_follow_new_york_across_daylight_saving(key, first_utc):
    minutes = session(key).minutes(BarSize.ONE_MINUTE)
    assert (len(minutes), f"{minutes[0]:%H:%M}", new_york(minutes[0])) == (390, first_utc, "09:30")
    assert str(minutes.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("key", [*CLOSED, "1800-01-02", "2020-13-01", "yesterday"])
def test_a_day_without_session_is_refused_by_name(key):
    with pytest.raises(UnknownSession, match=key):
        session(key)


def test_sessions_before_skips_thanksgiving_and_the_weekend():
    walk = sessions_before(session("2020-11-30"))
    assert [next(walk).key for _ in range(3)] == ["2020-11-27", "2020-11-25", "2020-11-24"]


def test_partitions_are_exactly_the_sessions():
    keys = session_partitions(date(2020, 1, 2)).get_partition_keys()
    in_december = [int(key[-2:]) for key in keys if key.startswith("2020-12")]
    assert in_december == [1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 21, 22, 23, 24, 28, 29, 30, 31]
    assert not set(CLOSED) & set(keys)
    assert set(HALF_DAYS) <= set(keys)
    assert [key for key in keys if key.startswith("2025-01")][:6] == [
        "2025-01-02", "2025-01-03", "2025-01-06", "2025-01-07", "2025-01-08", "2025-01-10",
    ]  # fmt: skip


def test_the_recorded_range_has_52_sessions():
    assert len(sessions_between(date(2020, 10, 26), date(2021, 1, 8))) == 52
