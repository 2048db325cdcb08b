"""Longer bars, against sums made by hand and Yahoo's own five-minute bars of the same days."""

import pandas as pd
import pytest

from market.aggregate import aggregate
from market.labels import LabelSide
from market.normalise import Provenance, empty_bars, normalise
from market.sessions import session
from market.synthetic import synthetic_bars
from schemas.tables import KEPT, Bars, checked
from tests.support import recorded_files as recorded
from tests.support.recorded_files import FIVE, ONE, VALUES

DAY = session("2024-01-03")
HALF = session("2024-07-03")
START = Provenance("file", "unknown", LabelSide.START)


def bars_of(day, rows: list[tuple]) -> pd.DataFrame:
    """Bars of (New York time, open, high, low, close, volume)."""
    stamps = pd.DatetimeIndex([f"{day.key} {row[0]}" for row in rows]).tz_localize("America/New_York").as_unit("us")
    table = pd.DataFrame([row[1:] for row in rows], columns=list(VALUES), dtype="float64")
    return normalise(table.assign(stamp=stamps, symbol="NVDA"), day, ONE, START).bars


def test_a_longer_bar_has_first_highest_lowest_last_and_sum():
    bars = bars_of(DAY, [
        ("09:34", 14, 15, 13, 14.5, 5), ("09:30", 10, 11, 9, 10.5, 1), ("09:31", 11, 19, 10, 12, 2),
        ("09:40", 20, 21, 2, 20.5, 0),
    ])  # fmt: skip
    longer = checked(aggregate(bars, DAY, FIVE), Bars)
    assert longer["timestamp"].dt.strftime("%H:%M").tolist() == ["14:30", "14:40"]
    assert longer[list(VALUES)].to_numpy().tolist() == [[10, 19, 9, 14.5, 8], [20, 21, 2, 20.5, 0]]
    assert longer["remark"].tolist() == ["bad_print", "zero_volume bad_print"]  # 19 over 11 and 12; 2 under 20
    assert set(longer["mark"]) == {KEPT}


def test_what_is_marked_does_not_enter():
    rows = [("09:29", 1, 99, 1, 1, 1), ("09:30", 10, 11, 9, 10.5, 1), ("09:30:30", 10, 98, 9, 10, 1),
            ("09:31", 10, 97, 9, 10, 1), ("09:31", 10, 96, 9, 10, 1), ("16:00", 1, 95, 1, 1, 1)]  # fmt: skip
    longer = aggregate(bars_of(DAY, rows), DAY, FIVE)
    assert longer[list(VALUES)].to_numpy().tolist() == [[10, 11, 9, 10.5, 1]]


@pytest.mark.parametrize(
    ("minute", "prices", "shares"),
    [
        ((10, 11, 9, 10, 5), True, 12.0),
        ((10, 11, float("nan"), 10, 5), False, 12.0),
        ((10, 9, 11, 10, 5), False, 12.0),
        ((10, 11, 0, 10, 5), False, 12.0),
        ((10, 11, 9, 10, -5), True, None),
        ((10, 11, 9, 10, float("nan")), True, None),
    ],
)
def test_a_broken_minute_breaks_the_longer_bar(minute, prices, shares):
    """What the gate would hold against a minute does not go under in five of them."""
    longer = aggregate(bars_of(DAY, [("09:30", 8, 12, 7, 10, 7), ("09:31", *minute)]), DAY, FIVE)
    found = longer[list(VALUES[:4])].to_numpy().tolist()
    assert found == [[8, 12, 7, 10]] if prices else longer[list(VALUES[:4])].isna().all(axis=None)
    assert longer["volume"].tolist() == [shares] if shares else longer["volume"].isna().all()


def test_bars_that_are_long_enough_stay_as_they_are_and_none_give_none():
    bars = bars_of(HALF, [("09:30", 10, 11, 9, 10.5, 1), ("12:59", 10, 11, 9, 10.5, 1)])
    pd.testing.assert_frame_equal(aggregate(bars, HALF, ONE), bars)
    pd.testing.assert_frame_equal(aggregate(empty_bars(), DAY, FIVE), empty_bars())


LESS_IN_FIVE_MINUTES = {
    "NVDA": {
        "2024-08-29 09:45": 1600,
        "2024-08-29 09:55": 1,
        "2024-08-29 10:05": 83,
        "2024-08-29 10:20": 100,
        "2024-08-29 10:35": 184,
        "2024-08-29 10:40": 56,
        "2024-08-29 10:45": 90,
        "2024-08-29 10:50": 1357,
        "2024-08-29 11:25": 21,
        "2024-08-29 11:35": 20,
        "2024-08-29 11:40": 64,
        "2024-08-29 12:25": 10,
        "2024-08-29 12:40": 4,
        "2024-08-29 13:45": 488,
        "2024-08-29 14:15": 40,
        "2024-08-29 14:30": 635,
        "2024-08-29 14:35": 5,
        "2024-08-29 14:45": 65,
        "2024-08-29 14:50": 1900,
        "2024-08-29 14:55": 427,
        "2024-08-29 15:05": 1,
        "2024-08-29 15:40": 9,
        "2024-08-29 15:45": 7,
        "2024-08-30 09:35": 316,
    },
    "MSFT": {
        "2024-08-28 11:20": 99,
        "2024-08-28 15:50": 104,
        "2024-08-29 09:40": 43,
        "2024-08-29 11:35": 28,
        "2024-08-29 11:45": 79,
        "2024-08-29 11:50": 25,
        "2024-08-29 12:45": 79,
        "2024-08-29 13:25": 84,
        "2024-08-29 13:40": 34,
        "2024-08-29 15:05": 5,
        "2024-08-29 15:25": 94,
        "2024-08-29 15:55": 194,
    },
}
"""Bars whose volume is smaller in Yahoo's five-minute file than in the sum of its minutes, by how many shares."""


def five_minute_rows(symbol: str) -> dict[str, list[float]]:
    """Yahoo's regular five-minute bars by New York time."""
    rows = recorded.records(recorded.YAHOO_5M.format(symbol))
    return {row["datetime"]: recorded.values((row,))[0] for row in rows if "09:30" <= row["datetime"][11:16] < "16:00"}


@pytest.mark.parametrize("symbol", ["NVDA", "MSFT"])
def test_yahoos_minutes_make_its_five_minutes_but_for_a_few_volumes(symbol):
    found = recorded.parsed(recorded.YAHOO_1M.format(symbol))
    expected, less = five_minute_rows(symbol), {}
    count = 0
    for day in recorded.sessions_of(found):
        minutes = normalise(found.rows, day, ONE, found.provenance).bars
        longer = checked(aggregate(minutes, day, FIVE), Bars)
        for row in longer.itertuples():
            at = f"{row.timestamp.tz_convert('America/New_York'):%Y-%m-%d %H:%M:%S}"
            *prices, volume = expected[at]
            prices = [recorded.quoted(price) for price in prices]
            assert [row.open, row.high, row.low, row.close] == prices
            if row.volume != volume:
                less[at[:16]] = row.volume - volume
            count += 1
    assert count == len(expected) == 6 * 78
    assert less == LESS_IN_FIVE_MINUTES[symbol]


def test_one_synthetic_minute_makes_a_synthetic_bar():
    bars = synthetic_bars(DAY, ONE, ("NVDA",), 1).iloc[:10].copy()
    bars.loc[bars.index[:4], "source"] = "alpha_vantage"
    bars.loc[bars.index[5:], "source"] = "alpha_vantage"
    assert aggregate(bars, DAY, FIVE)["source"].tolist() == ["synthetic", "alpha_vantage"]
