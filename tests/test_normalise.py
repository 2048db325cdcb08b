"""Normalisation, against a count of the recorded files made without the project's code, and rows written by hand."""

from contextlib import suppress
from datetime import date

import pandas as pd
import pytest

from market.labels import LabelSide, prevailing_side
from market.normalise import NormalisedBars, NormalisedSessions, Provenance, normalise
from market.sessions import BarSize, Session, session, sessions_between
from schemas.errors import LabelSideUnclear
from schemas.tables import Bars, checked
from tests.support import recorded

SESSIONS = sessions_between(date(2020, 10, 26), date(2021, 1, 8))
ONE = BarSize.ONE_MINUTE
VENDOR, FILE = Provenance("alpha_vantage", "as_traded"), Provenance("file", "unknown")


def kept(part: NormalisedBars) -> pd.DataFrame:
    return part.bars[part.bars["mark"] == ""]


@pytest.fixture(scope="module", params=recorded.SYMBOLS)
def normalised(request) -> tuple[str, dict[str, NormalisedBars]]:
    rows = recorded.vendor_rows(request.param)
    days = dict(iter(rows.groupby(rows["stamp"].dt.date)))
    side = prevailing_side(days, SESSIONS, ONE)
    return request.param, {day.key: normalise(days[day.day], day, ONE, VENDOR, side) for day in SESSIONS}


def test_every_session_has_its_bars(normalised):
    symbol, sessions = normalised
    found = {key: len(kept(part)) for key, part in sessions.items()}
    assert found == dict(recorded.counts(symbol))
    short = {key: count for key, count in found.items() if count != (210 if key in recorded.HALF_DAYS else 390)}
    assert short == ({"2020-12-29": 389} if symbol == "NVDA" else {})
    assert sum(found.values()) == 52 * 390 - 2 * 180 - (symbol == "NVDA")


def test_first_and_last_bar_in_new_york_time(normalised):
    _, sessions = normalised
    for key, part in sessions.items():
        local = kept(part)["timestamp"].dt.tz_convert("America/New_York")
        last = "12:59" if key in recorded.HALF_DAYS else "15:59"
        assert (f"{local.iloc[0]:%Y-%m-%d %H:%M}", f"{local.iloc[-1]:%H:%M}") == (f"{key} 09:30", last)
        assert local.is_monotonic_increasing
        assert part.side is LabelSide.END


def test_values_are_the_recorded_ones(normalised):
    symbol, sessions = normalised
    for key, expected in recorded.session_rows(symbol).items():
        checked(sessions[key].bars, Bars)
        bars = kept(sessions[key])
        stamps = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
        wanted = [[float(expected[at][name]) for name in ("open", "high", "low", "close", "volume")] for at in stamps]
        assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == wanted
        assert set(bars["mark"]) == {""}
        assert set(bars["source"]) == {"alpha_vantage"}


def test_extended_hours_are_kept_marked_and_counted(normalised):
    symbol, sessions = normalised
    of_the_day = sum(row["timestamp"].startswith("2020-11-27") for row in recorded.rows(symbol))
    part = sessions["2020-11-27"]
    assert part.extended_rows == of_the_day - 210
    assert len(part.bars) == of_the_day
    assert set(part.bars["mark"]) == {"", "extended_hours"}


def day_of(session: Session, stamps: list[str], volumes: list[float] | None = None) -> pd.DataFrame:
    """Rows at New York clock times with one price."""
    at = pd.DatetimeIndex([f"{session.key} {stamp}" for stamp in stamps]).tz_localize("America/New_York").as_unit("us")
    table = pd.DataFrame({"stamp": at, "symbol": "NVDA"})
    return table.assign(open=10.0, high=11.0, low=9.0, close=10.5, volume=volumes or 100.0)


FULL, HALF = session("2024-01-03"), session("2024-07-03")


def test_duplicates_are_kept_and_told_apart():
    rows = day_of(FULL, ["09:30", "09:31", "09:31", "09:32", "09:32"])
    rows.loc[4, "close"] = 10.6
    bars = normalise(rows, FULL, ONE, FILE, LabelSide.START).bars
    assert bars["mark"].tolist() == ["", "", "duplicate_equal", "duplicate_conflicting", "duplicate_conflicting"]


def test_off_grid_and_night_bars_are_kept_and_marked():
    rows = day_of(FULL, ["02:00:00", "09:30:00", "09:31:30", "21:15:00"])
    bars = normalise(rows, FULL, ONE, FILE, LabelSide.START).bars
    assert bars["mark"].tolist() == ["outside_session", "", "off_grid", "outside_session"]


def test_the_afternoon_of_a_half_day_is_no_part_of_the_session():
    part = normalise(day_of(HALF, ["09:30", "12:59", "13:00", "15:59"]), HALF, ONE, FILE, LabelSide.START)
    assert part.bars["timestamp"].dt.strftime("%H:%M").tolist() == ["13:30", "16:59", "17:00", "19:59"]
    assert part.bars["mark"].tolist() == ["", "", "extended_hours", "extended_hours"]
    assert part.extended_rows == 2


def test_five_minute_bars_sit_on_their_own_grid():
    rows = day_of(FULL, ["09:35", "09:40", "09:41", "16:00"])
    bars = normalise(rows, FULL, BarSize.FIVE_MINUTES, FILE, LabelSide.END).bars
    assert bars["timestamp"].dt.strftime("%H:%M").tolist() == ["14:30", "14:35", "14:36", "20:55"]
    assert bars["mark"].tolist() == ["", "", "off_grid", ""]


def test_what_else_is_odd_is_remarked():
    """Worked by hand: a repeat after hours, a wick of 11 %, no volume, no value."""
    rows = day_of(FULL, ["09:30", "09:31", "09:32", "18:00", "18:00", "18:00:30"], [900, 0, 50, 0, 0, 0])
    rows.loc[0, "low"] = 8.9
    rows.loc[2, ["open", "high", "low", "close"]] = float("nan")
    bars = normalise(rows, FULL, ONE, FILE, LabelSide.START).bars
    assert bars["mark"].tolist() == ["", "", "no_value", *["extended_hours"] * 3]
    assert bars["remark"].tolist() == [
        "bad_print", "zero_volume", "", "zero_volume", "duplicate_equal zero_volume", "off_grid zero_volume",
    ]  # fmt: skip


def test_a_feed_that_leaves_no_doubt_is_not_asked_for_evidence():
    """Yahoo's first bar may carry no volume, which looks like a clock that is off."""
    rows = day_of(FULL, ["09:30", "09:31", "09:32"], [0, 900, 100])
    assert normalise(rows, FULL, ONE, Provenance("yahoo", "split_adjusted", LabelSide.START)).side is LabelSide.START
    with pytest.raises(LabelSideUnclear):
        normalise(rows, FULL, ONE, Provenance("yahoo", "split_adjusted"), LabelSide.START)


def test_provenance_is_on_every_bar():
    bars = normalise(day_of(FULL, ["09:30", "15:59"]), FULL, ONE, VENDOR).bars
    assert (
        bars[["source", "basis", "role", "why"]].to_numpy().tolist()
        == [["alpha_vantage", "as_traded", "primary", ""]] * 2
    )


@pytest.mark.parametrize(
    ("stamps", "volumes", "side"),
    [
        (["09:30", "09:31", "15:59"], [900, 100, 300], LabelSide.START),
        (["09:31", "09:32", "16:00"], [900, 100, 300], LabelSide.END),
        (["09:29", "09:30", "09:31", "20:00"], [5, 9, 900, 3], LabelSide.END),
        (["04:00", "09:30", "09:31", "16:30"], [5, 900, 100, 3], LabelSide.START),
        (["09:30", "09:31", "15:59", "16:00"], [900, 100, 300, 400], LabelSide.START),  # with a 16:00 auction bar
    ],
)
def test_the_label_side_is_read_from_the_stamps(stamps, volumes, side):
    assert normalise(day_of(FULL, stamps, volumes), FULL, ONE, FILE).side is side


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
@pytest.mark.parametrize("labels", list(LabelSide))
@pytest.mark.parametrize("hours", ["extended", "regular"])
@pytest.mark.parametrize("month_is_known", [True, False])
def test_a_missing_opening_bar_never_turns_the_side(symbol, labels, hours, month_is_known):
    """All 52 recorded sessions without their first bar: the right side or a refusal, never the other side."""
    early = pd.Timedelta(minutes=1 if labels is LabelSide.START else 0)
    rows = recorded.vendor_rows(symbol)
    rows = rows.assign(stamp=rows["stamp"] - early)
    for day in SESSIONS:
        first = day.open + pd.Timedelta(minutes=1) - early
        of_day = rows[(rows["stamp"].dt.date == day.day) & (rows["stamp"] != first)]
        if hours == "regular":
            of_day = of_day[(of_day["stamp"] > first) & (of_day["stamp"] <= day.close - early)]
        with suppress(LabelSideUnclear):
            assert normalise(of_day, day, ONE, FILE, labels if month_is_known else None).side is labels


def test_contradictory_stamps_refuse_the_session():
    rows = day_of(FULL, ["04:00", "09:30", "09:31", "20:00"], [5, 9, 900, 3])
    with pytest.raises(LabelSideUnclear, match=r"04:00.*20:00|20:00.*04:00"):
        normalise(rows, FULL, ONE, FILE, LabelSide.END)


@pytest.mark.parametrize("minutes", [1, 2, -2])
def test_a_clock_that_is_off_refuses_the_session(minutes):
    """The recorded day with all stamps moved: its opening volume stands where neither side would have it."""
    rows = recorded.vendor_rows("MSFT")
    day = SESSIONS[0]
    moved = rows.assign(stamp=rows["stamp"] + pd.Timedelta(minutes=minutes))
    with pytest.raises(LabelSideUnclear, match="neither because the opening volume stands at 09:"):
        normalise(moved, day, ONE, FILE)


def test_a_session_that_differs_from_its_month_is_refused():
    """One minute early is a perfect start-of-bar day, and wrong in a month of end-of-bar days."""
    rows = recorded.vendor_rows("NVDA")
    early = rows.assign(stamp=rows["stamp"] - pd.Timedelta(minutes=1))
    assert normalise(early, SESSIONS[0], ONE, FILE).side is LabelSide.START
    with pytest.raises(LabelSideUnclear, match=r"mark the start .* other sessions the end"):
        normalise(early, SESSIONS[0], ONE, FILE, LabelSide.END)


def test_a_session_without_its_opening_says_nothing_of_the_side():
    """09:30 to 09:35 are missing: the largest premarket bar is no opening bar, and the month decides."""
    rows = day_of(FULL, ["09:27", "09:28", "09:29", "09:30", "09:37", "16:30"], [50, 80, 60, 90, 900, 20])
    assert normalise(rows, FULL, ONE, FILE, LabelSide.END).side is LabelSide.END
    with pytest.raises(LabelSideUnclear, match="says which side"):
        normalise(rows, FULL, ONE, FILE)


def test_most_sessions_make_the_prevailing_side():
    rows = recorded.vendor_rows("NVDA")
    days = dict(iter(rows.groupby(rows["stamp"].dt.date)))
    first, second, third = SESSIONS[:3]
    early = days[first.day].assign(stamp=days[first.day]["stamp"] - pd.Timedelta(minutes=1))
    assert prevailing_side({**days, first.day: early}, [first, second, third], ONE) is LabelSide.END
    assert prevailing_side({first.day: early, second.day: days[second.day]}, SESSIONS, ONE) is None


def test_stamps_that_say_nothing_refuse_the_session():
    with pytest.raises(LabelSideUnclear, match="2024-01-03"):
        normalise(day_of(FULL, ["10:00", "10:01"]), FULL, ONE, FILE)


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_sessions_of_one_answer_are_what_is_recorded_of_each(symbol):
    sessions = NormalisedSessions(recorded.vendor_rows(symbol), SESSIONS, ONE, VENDOR)
    assert all(day in sessions for day in SESSIONS)
    for day in SESSIONS:
        expected, part = recorded.session_rows(symbol)[day.key], sessions.bars(day)
        checked(part.bars, Bars)
        bars = kept(part)
        assert part.side is LabelSide.END
        assert part.extended_rows == len(part.bars) - len(bars)
        assert part.bars.index.equals(pd.RangeIndex(len(part.bars)))
        stamps = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
        wanted = [[float(expected[at][name]) for name in ("open", "high", "low", "close", "volume")] for at in stamps]
        assert len(wanted) == len(expected)
        assert bars[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == wanted


def test_a_session_that_says_otherwise_costs_no_other_of_its_answer():
    rows = recorded.vendor_rows("NVDA")
    first, second = SESSIONS[:2]
    late = rows["stamp"].dt.date == first.day
    rows.loc[late, "stamp"] -= pd.Timedelta(minutes=1)
    sessions = NormalisedSessions(rows, SESSIONS[:6], ONE, VENDOR)
    assert SESSIONS[6] not in sessions
    with pytest.raises(LabelSideUnclear, match=rf"The stamps of {first.key} mark the start of the bar .* the end\."):
        sessions.bars(first)
    assert len(kept(sessions.bars(second))) == recorded.counts("NVDA")[second.key]


def test_bars_around_midnight_are_no_duplicates_of_each_other():
    """The first session's last bar starts at 23:59; so does the second's first one, whose stamps mark ends."""
    first, second = session("2024-01-03"), session("2024-01-04")
    days = [day_of(first, ["04:00", "23:59"]), day_of(second, ["00:00", "20:00"])]
    sessions = NormalisedSessions(pd.concat(days, ignore_index=True), [first, second], ONE, FILE)
    parts = [sessions.bars(first), sessions.bars(second)]
    assert [part.side for part in parts] == [LabelSide.START, LabelSide.END]
    assert [part.bars["timestamp"].dt.strftime("%dT%H:%M").tolist() for part in parts] == [
        ["03T09:00", "04T04:59"],
        ["04T04:59", "05T00:59"],
    ]
    assert [part.bars["mark"].tolist() for part in parts] == [
        ["extended_hours", "outside_session"],
        ["outside_session", "extended_hours"],
    ]
    assert {remark for part in parts for remark in part.bars["remark"]} == {""}
