"""What a range of time means: New York days, instants, and what is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from market.time_range import time_range
from schemas.errors import RangeNotUnderstood


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2024-01-02", "2024-01-02", utc(2024, 1, 2, 5), utc(2024, 1, 3, 5)),
        (date(2024, 7, 1), date(2024, 7, 2), utc(2024, 7, 1, 4), utc(2024, 7, 3, 4)),
        ("2024-03-10", "2024-03-10", utc(2024, 3, 10, 5), utc(2024, 3, 11, 4)),  # 23 hours
        ("2024-11-03", "2024-11-03", utc(2024, 11, 3, 4), utc(2024, 11, 4, 5)),  # 25 hours
        ("2024-01-02T14:30:00Z", "2024-01-02T14:31:00+00:00", utc(2024, 1, 2, 14, 30), utc(2024, 1, 2, 14, 31)),
        ("2024-01-02T23:30:00+09:00", "2024-01-02", utc(2024, 1, 2, 14, 30), utc(2024, 1, 3, 5)),
        (
            datetime(2024, 1, 2, 9, 30, tzinfo=ZoneInfo("America/New_York")),
            pd.Timestamp("2024-01-02 16:00", tz="America/New_York"),
            utc(2024, 1, 2, 14, 30),
            utc(2024, 1, 2, 21),
        ),
        (
            datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-5))),
            pd.Timestamp("2024-01-02T14:30:00.000000001Z"),  # later than 14:30, so a bar of 14:30 is in it
            utc(2024, 1, 2, 5),
            utc(2024, 1, 2, 14, 30, 0, 1),
        ),
    ],
)
def test_a_range_is_two_instants(start, end, first, last):
    assert time_range(start, end) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (datetime(2024, 1, 2), "2024-01-03", "start is 2024-01-02T00:00:00, without a time zone"),
        ("2024-01-02", pd.Timestamp("2024-01-03"), "end is 2024-01-03T00:00:00, without a time zone"),
        ("2024-01-02T14:30", "2024-01-03", "without a time zone"),
        ("yesterday", "2024-01-03", "start is 'yesterday'; allowed are days"),
        ("2024-02-30", "2024-03-03", "start is '2024-02-30'"),
        ("20240102", "2024-01-03", "without a time zone"),
        ("2024-01-03", "2024-01-02", "There is no time from 2024-01-03 to 2024-01-02"),
        (utc(2024, 1, 2), utc(2024, 1, 2), "There is no time from"),
        (pd.NaT, "2024-01-03", "start is NaT"),
        (None, "2024-01-03", "start is None"),
        (20240102, "2024-01-03", "start is 20240102"),
        ("2024-01-02", date.max, "cannot be computed with"),
    ],
)
def test_what_cannot_be_meant_is_refused(start, end, said):
    with pytest.raises(RangeNotUnderstood, match="^[^\n]*" + said) as refused:
        time_range(start, end)
    assert not refused.value.retry_helps
