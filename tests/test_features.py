"""Features: against TA-Lib, a loop in plain Python, and themselves under truncation."""

import math
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from market.features import indicators
from market.frames import WARM_UP_BARS, FrameRequest, build_frame, build_frames, warm_history
from market.labels import LabelSide
from market.normalise import Provenance, normalise
from market.quality.grid import bar_grid
from market.sessions import BarSize, Session, session, sessions_between
from market.splits import Split, SplitTable
from schemas.tables import FEATURES, Frame, checked
from tests.support import recorded

ONE = BarSize.ONE_MINUTE
SESSIONS = sessions_between(date(2020, 10, 26), date(2021, 1, 8))
INDICATORS = ("rsi", "ema_short", "ema_long", "vwap")


@pytest.fixture(scope="module")
def bars() -> dict[str, pd.DataFrame]:
    """Both symbols' bars by session."""
    rows = {symbol: recorded.vendor_rows(symbol) for symbol in recorded.SYMBOLS}
    days = {symbol: dict(iter(table.groupby(table["stamp"].dt.date))) for symbol, table in rows.items()}
    return {
        day.key: pd.concat(
            [
                normalise(days[s][day.day], day, ONE, Provenance("file", "unknown"), LabelSide.END).bars
                for s in recorded.SYMBOLS
            ],
            ignore_index=True,
        )
        for day in SESSIONS
    }


def frame_of(bars: dict[str, pd.DataFrame], day: Session) -> pd.DataFrame:
    history = warm_history(day, recorded.SYMBOLS, lambda earlier: bars.get(earlier.key))
    return checked(build_frame(bars[day.key], history, day, ONE, recorded.SYMBOLS), Frame)


@pytest.fixture(scope="module")
def frames(bars) -> pd.DataFrame:
    """Every session's frame, built one by one, in a row."""
    return pd.concat([frame_of(bars, day) for day in SESSIONS], ignore_index=True)


@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_indicators_agree_with_talib_over_the_whole_range(frames, symbol):
    present = frames[(frames["symbol"] == symbol) & ~frames["missing"]]
    close = present["close"].to_numpy()
    assert len(close) == 52 * 390 - 360 - (symbol == "NVDA")
    expected = {"rsi": talib.RSI(close, 14), "ema_short": talib.EMA(close, 12), "ema_long": talib.EMA(close, 26)}
    for name, values in expected.items():
        np.testing.assert_allclose(present[name].to_numpy(), values, rtol=0, atol=1e-9, equal_nan=True)


def test_vwap_agrees_with_a_loop(frames):
    for key in ("2020-10-26", "2020-11-27", "2020-12-29"):
        local = frames["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
        rows = frames[(local == key) & (frames["symbol"] == "NVDA")]
        spent = shares = 0.0
        for row in rows.itertuples():
            if row.missing:
                assert math.isnan(row.vwap)
                continue
            spent += (row.high + row.low + row.close) / 3 * row.volume
            shares += row.volume
            assert row.vwap == pytest.approx(spent / shares, abs=1e-9)


def test_session_by_session_equals_the_whole_range_at_once(bars, frames):
    """One frame over everything: the history of the last session is all of the others."""
    last = SESSIONS[-1]
    at_once = build_frame(bars[last.key], [bars[day.key] for day in SESSIONS[:-1]], last, ONE, recorded.SYMBOLS)
    alone = frames.tail(len(at_once)).reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, at_once, check_exact=False, rtol=0, atol=1e-9)


def test_the_missing_minute_is_a_row_of_nulls(frames):
    missing = frames[frames["missing"]]
    assert missing["symbol"].tolist() == ["NVDA"]
    row = missing.iloc[0]
    assert str(row["timestamp"].tz_convert("America/New_York").date()) == "2020-12-29"
    assert row[["open", "close", "volume", *INDICATORS]].isna().all()
    assert row[["hour_sin", "minute_cos"]].notna().all()


@pytest.mark.parametrize("kept", [1, 57, 209])
def test_nothing_comes_from_the_future(bars, kept):
    """On the half day: cutting the bars after minute k leaves everything up to k as it was, to the last bit."""
    day = session("2020-11-27")
    cut = bars[day.key][bars[day.key]["timestamp"] < day.open + pd.Timedelta(minutes=kept)]
    whole = frame_of(bars, day)
    truncated = frame_of({**bars, day.key: cut}, day)
    assert whole["close"].notna().all()
    pd.testing.assert_frame_equal(whole.head(2 * kept), truncated.head(2 * kept), check_exact=True)
    assert truncated["missing"].sum() == 2 * (210 - kept)


def test_later_sessions_never_enter_a_frame(bars, frames):
    day = session("2020-11-25")
    later = build_frame(bars[day.key], [*bars.values()], day, ONE, recorded.SYMBOLS)
    pd.testing.assert_frame_equal(later, frame_of(bars, day), check_exact=False, rtol=0, atol=1e-9)


def test_clock_features_of_known_times(frames):
    first = frames.iloc[0]  # 09:30 in New York
    expected = {"hour_sin": math.sin(2 * math.pi * 9 / 24), "hour_cos": math.cos(2 * math.pi * 9 / 24)}
    expected |= {"minute_sin": 0.0, "minute_cos": -1.0}
    for name, value in expected.items():
        assert first[name] == pytest.approx(value, abs=1e-12)


def test_history_passes_over_unfit_sessions_and_stops_when_warm(bars):
    asked: list[str] = []

    def fit(earlier: Session) -> pd.DataFrame | None:
        asked.append(earlier.key)
        return None if earlier.key == "2020-11-25" else bars[earlier.key]

    history = warm_history(session("2020-11-27"), recorded.SYMBOLS, fit)
    assert asked == ["2020-11-25", "2020-11-24", "2020-11-23"]
    assert [(table["mark"] == "").sum() for table in history] == [780, 780]
    assert WARM_UP_BARS <= 780


def test_columns_are_the_frozen_order(frames):
    assert list(frames.columns) == ["timestamp", "symbol", *FEATURES, "missing"]
    assert FEATURES == (
        "open", "high", "low", "close", "volume", "rsi", "ema_short", "ema_long", "vwap",
        "hour_sin", "hour_cos", "minute_sin", "minute_cos",
    )  # fmt: skip


def test_a_frame_does_not_depend_on_what_lies_before_its_warm_up(bars):
    """Neither on the order of the history, nor on an earlier session more or less, nor on the symbols beside."""
    day = session("2020-11-27")
    before = [bars[key] for key in ("2020-11-25", "2020-11-24", "2020-11-23")]
    frame = build_frame(bars[day.key], before[:2], day, ONE, recorded.SYMBOLS)
    for history in (before, before[::-1], [*bars.values()]):
        same(build_frame(bars[day.key], history, day, ONE, recorded.SYMBOLS), frame)
    for symbol in recorded.SYMBOLS:
        alone = frame[frame["symbol"] == symbol].reset_index(drop=True)
        same(build_frame(bars[day.key], before, day, ONE, [symbol]), alone)


@st.composite
def chunkings(draw) -> tuple[list[Session], list[int], list[str]]:
    """Sessions, in how many at a time they are built, and which symbols."""
    start = draw(st.integers(3, len(SESSIONS) - 1))
    days = SESSIONS[start : start + draw(st.integers(1, 24))]
    cuts = draw(st.sets(st.integers(1, len(days))))
    return days, sorted({0, *cuts, len(days)}), draw(st.permutations(recorded.SYMBOLS))


@settings(deadline=None, max_examples=15)
@given(chunkings(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.7]))
def test_the_bytes_are_equal_whatever_the_chunking(bars, chunks, seed, gone):
    """Alone or many at once, the symbols in any order or with others beside them, with and without missing minutes."""
    days, cuts, symbols = chunks
    random = np.random.default_rng(seed)
    grids = {}
    for key, table in bars.items():
        thinned = table[random.random(len(table)) >= gone]
        others = [thinned.assign(symbol=name).astype({"symbol": "str"}) for name in ("A", "B", "C")]
        both = pd.concat([thinned, *others], ignore_index=True)
        grids[key] = both
    names = [*symbols, "A", "B", "C"]

    def request(day: Session, of: list[str]) -> FrameRequest:
        place = SESSIONS.index(day)
        history = [bar_grid(grids[one.key], one, ONE, of) for one in SESSIONS[place - 3 : place]]
        return FrameRequest(bar_grid(grids[day.key], day, ONE, of), history)

    many = [request(day, names) for day in days]
    at_once = [frame.table for first, end in pairwise(cuts) for frame in build_frames(many[first:end])]
    for day, frame in zip(days, at_once, strict=True):
        for symbol in symbols:
            alone = build_frames([request(day, [symbol])])[0].table
            same(frame[frame["symbol"] == symbol].reset_index(drop=True), alone)


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """To the last bit."""
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    for name in FEATURES:
        assert one[name].to_numpy().tobytes() == other[name].to_numpy().tobytes()


def test_a_frame_that_is_changed_changes_no_other(bars):
    """The arrays of frames that were built together share memory."""
    grids = [bar_grid(bars[day.key], day, ONE, recorded.SYMBOLS) for day in SESSIONS[:3]]
    frames = [frame.table for frame in build_frames([FrameRequest(grid) for grid in grids])]
    before = frames[1].copy()
    frames[0].loc[:, "close"] = 0.0
    frames[2].loc[0, "symbol"] = "X"
    same(frames[1], before)


closes = st.lists(st.one_of(st.none(), st.floats(1, 1000)), min_size=1, max_size=300)


@settings(deadline=None, max_examples=60)
@given(st.lists(closes, min_size=1, max_size=4))
def test_indicators_pass_over_missing_closes(columns):
    """With gaps the indicators are TA-Lib's of the closes that are there, and null where one is not."""
    table = pd.concat([pd.Series(values, dtype="float64") for values in columns], axis="columns")
    found = indicators(table.to_numpy())
    for column, values in table.items():
        there = values.dropna()
        expected = [talib.RSI, 14], [talib.EMA, 12], [talib.EMA, 26]
        for (theirs, length), ours in zip(expected, found[:, :, column], strict=True):
            known = theirs(there.to_numpy(), length) if len(there) else np.array([])
            np.testing.assert_allclose(ours[there.index], known, rtol=0, atol=1e-7)
            assert np.isnan(np.delete(ours, there.index)).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([None, 99.5, 100.0, 100.25, 101.0]), max_size=200))
def test_indicators_agree_with_a_loop(values):
    """The textbook's, one close after the other."""
    found = indicators(np.array([values], dtype="float64").T)
    seen: list[float] = []
    rises: list[float] = []
    falls: list[float] = []
    short = long = rise = fall = math.nan
    for row, value in enumerate(values):
        if value is None:
            assert np.isnan(found[:, row, 0]).all()
            continue
        if seen:
            rises.append(max(value - seen[-1], 0.0))
            falls.append(max(seen[-1] - value, 0.0))
        seen.append(value)
        short = sum(seen) / 12 if len(seen) == 12 else short + (value - short) * 2 / 13
        long = sum(seen) / 26 if len(seen) == 26 else long + (value - long) * 2 / 27
        if len(rises) == 14:
            rise, fall = sum(rises) / 14, sum(falls) / 14
        elif rises:
            rise, fall = (rise * 13 + rises[-1]) / 14, (fall * 13 + falls[-1]) / 14
        rsi = 0.0 if rise + fall == 0 else 100 * rise / (rise + fall)
        np.testing.assert_allclose(found[:, row, 0], [rsi, short, long], rtol=1e-11, atol=1e-9)


def test_a_price_that_does_not_move_is_its_own_average():
    """To the last bit, and its RSI is 0."""
    rsi, short, long = indicators(np.full((300, 1), 100.1))
    assert set(rsi[14:, 0]) == {0.0}
    assert set(short[11:, 0]) == set(long[25:, 0]) == {100.1}


def test_one_that_only_rises_or_falls_has_the_extreme_rsi():
    """Exactly, so that no RSI lies beyond."""
    steps = np.cumsum(np.linspace(0.1, 0.7, 900))
    rsi = indicators(np.array([100 + steps, 1000 - steps]).T)[0]
    assert set(rsi[14:, 0]) == {100.0}
    assert set(rsi[14:, 1]) == {0.0}


@pytest.mark.parametrize(
    ("then", "now", "split"),
    [
        ("as_traded", "as_traded", date(2020, 12, 15)),  # overnight
        ("unknown", "unknown", date(2020, 12, 15)),  # the prices say it
        ("as_traded", "split_adjusted", date(2024, 6, 10)),  # later: the one vendor adjusts for it, the other does not
    ],
)
def test_indicators_run_on_over_a_split_and_over_a_change_of_basis(bars, then, now, split):
    """Ten for one: a frame of a tenth of the prices is a tenth of the frame, and its RSI the same."""
    day, before = session("2020-12-15"), [bars["2020-12-14"], bars["2020-12-11"]]
    cheap = bars[day.key].assign(basis=now)
    cheap[["open", "high", "low", "close"]] /= 10
    whole = build_frame(bars[day.key], before, day, ONE, recorded.SYMBOLS)
    splits = SplitTable(tuple(Split(symbol, split, 10.0) for symbol in recorded.SYMBOLS))
    history = [table.assign(basis=then) for table in before]
    tenth = build_frame(cheap, history, day, ONE, recorded.SYMBOLS, splits)
    for name, ratio in {"rsi": 1, "ema_short": 10, "ema_long": 10, "vwap": 10}.items():
        np.testing.assert_allclose(tenth[name] * ratio, whole[name], rtol=1e-9)
