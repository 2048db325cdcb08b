"""Synthetic bars: whole sessions that say what they are."""

import numpy as np
import pandas as pd
import pytest

from market.sessions import BarSize, session
from market.synthetic import synthetic_bars
from schemas.tables import Bars, checked

FULL, HALF = session("2024-01-03"), session("2024-07-03")
PAIR = ("NVDA", "MSFT")
ONE, FIVE = BarSize.ONE_MINUTE, BarSize.FIVE_MINUTES


@pytest.mark.parametrize(("day", "size", "count"), [(FULL, ONE, 390), (HALF, ONE, 210), (FULL, FIVE, 78)])
def test_every_minute_of_the_session_has_a_bar_of_every_symbol(day, size, count):
    bars = checked(synthetic_bars(day, size, PAIR, 7), Bars)
    assert bars["symbol"].value_counts().to_dict() == {"NVDA": count, "MSFT": count}
    for symbol in PAIR:
        stamps = pd.DatetimeIndex(bars.loc[bars["symbol"] == symbol, "timestamp"])
        assert stamps[0] == day.open
        assert stamps[-1] == day.close - size.delta
        assert set(np.diff(stamps)) == {size.delta.to_timedelta64()}
    assert set(bars["source"]) == {"synthetic"}
    assert set(bars["basis"]) == {"as_traded"}
    assert set(bars["mark"] + bars["remark"] + bars["why"]) == {""}


@pytest.mark.parametrize("seed", range(20))
def test_bars_are_such_as_could_have_been_traded(seed):
    bars = synthetic_bars(FULL, ONE, PAIR, seed)
    body = bars[["open", "close"]]
    assert (bars["low"] <= body.min(axis="columns")).all()
    assert (bars["high"] >= body.max(axis="columns")).all()
    assert (bars["low"] > 0).all()
    for price in ("open", "high", "low", "close"):
        assert bars[price].tolist() == [round(value, 2) for value in bars[price]]
    assert (bars["volume"] > 0).all()
    assert bars["volume"].tolist() == [int(value) for value in bars["volume"]]


def test_the_same_seed_gives_the_same_bars_and_nothing_else_does():
    bars = synthetic_bars(FULL, ONE, PAIR, 7)
    pd.testing.assert_frame_equal(synthetic_bars(FULL, ONE, PAIR, 7), bars)
    alone = synthetic_bars(FULL, ONE, ["MSFT"], 7)
    pd.testing.assert_frame_equal(alone, bars[bars["symbol"] == "MSFT"].reset_index(drop=True))
    others = [synthetic_bars(FULL, ONE, PAIR, 8), synthetic_bars(session("2024-01-04"), ONE, PAIR, 7)]
    assert all(other["close"].tolist() != bars["close"].tolist() for other in others)


def test_symbols_move_together_but_not_alike_and_trade_most_at_both_ends():
    together = []
    for seed in range(10):
        wide = synthetic_bars(FULL, ONE, PAIR, seed).pivot(index="timestamp", columns="symbol")
        returns = np.log(wide["close"]).diff().dropna()
        together.append(returns["NVDA"].corr(returns["MSFT"]))
        volume = wide["volume"]["NVDA"].to_numpy()
        noon = volume[180:210].mean()
        assert volume[:30].mean() > 1.5 * noon
        assert volume[-30:].mean() > 1.5 * noon
    assert 0.4 < np.mean(together) < 0.8
