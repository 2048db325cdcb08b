"""Features: against TA-Lib, a loop in plain Python, and themselves under truncation."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from market.features import ema, rsi
from market.frames import WARM_UP_BARS, build_frame, warm_history
from market.labels import LabelSide
from market.normalise import Provenance, normalise
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


closes = st.lists(st.one_of(st.none(), st.floats(1, 1000)), min_size=1, max_size=120)


@settings(deadline=None, max_examples=60)
@given(closes)
def test_indicators_pass_over_missing_closes(values):
    """With gaps the indicators are TA-Lib's of the closes that are there, and null where one is not."""
    table = pd.DataFrame({"X": pd.Series(values, dtype="float64")})
    there = table["X"].dropna()
    for ours, theirs in ((ema(table, 12), talib.EMA), (rsi(table, 14), talib.RSI)):
        length = 12 if theirs is talib.EMA else 14
        expected = theirs(there.to_numpy(), length) if len(there) else np.array([])
        np.testing.assert_allclose(ours["X"][there.index], expected, rtol=0, atol=1e-7)
        assert ours["X"].drop(there.index).isna().all()


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
