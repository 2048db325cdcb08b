"""Ways of spoiling a recorded session, one each, and by hand what the gate has to say of each.

In `prod` unless a case says `ci`, whose missing ratio is wide enough for a gap to be told from it.
"""

import numpy as np
import pandas as pd

from market.splits import Split, SplitTable
from schemas.tables import KEPT, SYNTHETIC
from tests.support.scenes import HALF_DAY, Corpus, Scene, clean_bars, fails, thinned, warns

CORPUS = Corpus()
case = CORPUS.case
PRICES = ("open", "high", "low", "close")


def scaled(factor: float) -> dict[str, object]:
    """All four prices by a factor."""
    return {name: lambda rows, name=name: rows[name] * factor for name in PRICES}


def traded(factor: float) -> object:
    """The volume by a factor, whole and at least 1."""
    return lambda rows: (rows["volume"] * factor).round().clip(lower=1.0)


def lose(scene: Scene, symbol: str, spans: str) -> None:
    """Take bars away."""
    scene.bars = scene.bars[~scene.at(scene.bars, symbol, spans)].reset_index(drop=True)


def added(scene: Scene, *rows: pd.DataFrame) -> pd.DataFrame:
    """More of the vendor's rows."""
    return pd.concat([scene.rows, *rows], ignore_index=True)


def regular(scene: Scene) -> pd.DataFrame:
    """The vendor's rows of regular hours."""
    return scene.rows[scene.rows["stamp"].between(scene.session.open, scene.session.close, inclusive="left")]


def moved(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """The same rows at another time."""
    return rows.assign(stamp=rows["stamp"] + pd.Timedelta(by))


# Completeness


@case(warns("missing_ratio", "NVDA", "10:07 12:30 15:01"))
def three_minutes_missing(scene):
    lose(scene, "NVDA", "10:07 12:30 15:01")


@case(fails("missing_ratio", "MSFT", "10:07 12:30 13:58 15:01"))
def four_minutes_missing(scene):
    lose(scene, "MSFT", "10:07 12:30 13:58 15:01")


@case(fails("missing_ratio", "NVDA", thinned("10:00-15:50", 10)), environment="ci")
def every_tenth_minute_missing(scene):
    lose(scene, "NVDA", thinned("10:00-15:50", 10))


@case(warns("missing_ratio", "NVDA", "09:30-09:32"))
def the_first_minutes_missing(scene):
    lose(scene, "NVDA", "09:30-09:32")


@case(warns("missing_ratio", "MSFT", "15:57-15:59"))
def the_last_minutes_missing(scene):
    lose(scene, "MSFT", "15:57-15:59")


@case(warns("longest_gap", "NVDA", "11:00-11:03"), environment="ci")
def a_gap_of_four_minutes(scene):
    lose(scene, "NVDA", "11:00-11:03")


@case(fails("longest_gap", "MSFT", "11:00-11:06"), environment="ci")
def a_gap_of_seven_minutes(scene):
    lose(scene, "MSFT", "11:00-11:06")


@case(fails("longest_gap", "MSFT", "15:53-15:59"), environment="ci")
def a_feed_that_stops_before_the_close(scene):
    lose(scene, "MSFT", "15:53-15:59")


@case(
    fails("missing_ratio", "NVDA", thinned("09:30-13:30", 4)),
    fails("missing_ratio", "MSFT", thinned("09:31-13:31", 4)),
    fails("timestamp_overlap", None),
)
def symbols_that_share_too_few_minutes(scene):
    """61 minutes are missing of each, never the same: 268 of 390 are shared. That cannot be without missing minutes."""
    lose(scene, "NVDA", thinned("09:30-13:30", 4))
    lose(scene, "MSFT", thinned("09:31-13:31", 4))


@case(
    fails("missing_ratio", "MSFT", "09:30-15:59"),
    fails("longest_gap", "MSFT", "09:30-15:59"),
    fails("timestamp_overlap", None),
)
def one_symbol_without_any_bar(scene):
    lose(scene, "MSFT", "09:30-15:59")


# Prices


@case(fails("price_values", "NVDA", "11:00"))
def a_close_that_is_no_number(scene):
    scene.change("bars", "NVDA", "11:00", close=float("nan"))


@case(fails("price_values", "MSFT", "09:30"))
def an_open_that_is_no_number(scene):
    scene.change("bars", "MSFT", "09:30", open=float("nan"))


@case(fails("price_values", "NVDA", "15:59"))
def an_infinite_high(scene):
    scene.change("bars", "NVDA", "15:59", high=float("inf"))


@case(fails("price_values", "MSFT", "12:12"))
def a_low_of_zero(scene):
    scene.change("bars", "MSFT", "12:12", low=0.0)


@case(fails("price_values", "NVDA", "12:12"))
def a_negative_low(scene):
    scene.change("bars", "NVDA", "12:12", low=lambda bar: -bar["low"])


@case(fails("price_values", "NVDA", "11:00-11:02"))
def bars_of_zeros(scene):
    scene.change("bars", "NVDA", "11:00-11:02", open=0.0, high=0.0, low=0.0, close=0.0)


@case(fails("price_values", "MSFT", "14:14"))
def an_absurd_high(scene):
    scene.change("bars", "MSFT", "14:14", high=1e12)


@case(fails("ohlc_relations", "NVDA", "10:30"))
def a_high_below_the_close(scene):
    scene.change("bars", "NVDA", "10:30", high=lambda bar: bar[["open", "close"]].max(axis=1) - 0.05)


@case(fails("ohlc_relations", "MSFT", "10:30"))
def a_low_above_the_open(scene):
    scene.change("bars", "MSFT", "10:30", low=lambda bar: bar[["open", "close"]].min(axis=1) + 0.05)


@case(fails("ohlc_relations", "MSFT", "09:30 12:00 15:59"))
def highs_and_lows_that_are_swapped(scene):
    at = "09:30 12:00 15:59"
    highs = scene.bars.loc[scene.at(scene.bars, "MSFT", at), "high"]
    scene.change("bars", "MSFT", at, high=lambda bar: bar["low"])
    scene.change("bars", "MSFT", at, low=highs)


@case(fails("price_jumps", "NVDA", "11:00-11:01"))
def a_bar_a_third_too_high(scene):
    """There and back: the bar, and the one after it."""
    scene.change("bars", "NVDA", "11:00", **scaled(1.33))


@case(fails("price_jumps", "MSFT", "13:30-13:31"))
def a_bar_a_third_too_low(scene):
    scene.change("bars", "MSFT", "13:30", **scaled(0.67))


@case(fails("price_jumps", "NVDA", "12:00"))
def a_fall_by_a_quarter_that_stays(scene):
    scene.change("bars", "NVDA", "12:00-15:59", **scaled(0.75))


@case(fails("price_jumps", "NVDA", "12:00"))
def the_afternoon_on_the_scale_after_a_split(scene):
    """NVDA was split 4 for 1, but half a year later."""
    scene.change("bars", "NVDA", "12:00-15:59", **scaled(1 / 4))


@case(fails("price_jumps", "NVDA", "09:30"))
def a_session_on_another_scale_than_the_one_before(scene):
    scene.change("bars", "NVDA", "09:30-15:59", **scaled(1 / 4))


@case()
def a_split_that_is_known(scene):
    """A quarter of the price, four times the shares."""
    scene.splits = SplitTable((Split("NVDA", scene.session.day, 4.0),))
    scene.change("bars", "NVDA", "09:30-15:59", **scaled(1 / 4), volume=traded(4))


@case(fails("price_range", "MSFT", "09:30-15:59"))
def a_price_that_the_symbol_never_had(scene):
    """With no history, so that there is nothing that it could have jumped from."""
    scene.history = ()
    scene.change("bars", "MSFT", "09:30-15:59", **scaled(100.0))


@case(fails("price_range", "NVDA", "09:30-15:59"))
def a_price_below_what_the_symbol_ever_had(scene):
    scene.history = ()
    scene.change("bars", "NVDA", "09:30-15:59", **scaled(1 / 10_000))


def frozen(scene: Scene, symbol: str, first: str, spans: str, *columns: str) -> None:
    """Repeat the bar of `first`."""
    last = scene.bars[scene.at(scene.bars, symbol, first)].iloc[0]
    scene.change("bars", symbol, spans, **{name: last[name] for name in columns})


@case(fails("stale_prices", "NVDA", "11:01-11:44"))
def prices_that_do_not_move(scene):
    """Shares trade on; the prices stand still."""
    close = scene.bars.loc[scene.at(scene.bars, "NVDA", "11:00"), "close"].iloc[0]
    scene.change("bars", "NVDA", "11:00-11:44", open=close, high=close, low=close, close=close)


@case(fails("stale_prices", "MSFT", "14:31-15:59"))
def a_feed_that_freezes_before_the_close(scene):
    frozen(scene, "MSFT", "14:30", "14:30-15:59", *PRICES, "volume")


@case(fails("replayed_bars", "NVDA", "14:00-14:29"))
def half_an_hour_played_again(scene):
    """The bars of 10:30 come once more at 14:00."""
    again = scene.bars[scene.at(scene.bars, "NVDA", "10:30-10:59")]
    for name in (*PRICES, "volume"):
        scene.change("bars", "NVDA", "14:00-14:29", **{name: again[name].to_numpy()})


@case(fails("replayed_bars", "NVDA", "09:30-15:59"), fails("replayed_bars", "MSFT", "09:30-15:59"))
def the_day_before_played_again(scene):
    yesterday = clean_bars(scene.history[0].session)
    for symbol in ("NVDA", "MSFT"):
        again = yesterday[(yesterday["symbol"] == symbol) & (yesterday["mark"] == KEPT)]
        for name in (*PRICES, "volume"):
            scene.change("bars", symbol, "09:30-15:59", **{name: again[name].to_numpy()})


# Volumes


@case(fails("volume_counts", "NVDA", "11:00"))
def a_volume_that_is_no_number(scene):
    scene.change("bars", "NVDA", "11:00", volume=float("nan"))


@case(fails("volume_counts", "MSFT", "11:00"))
def a_negative_volume(scene):
    scene.change("bars", "MSFT", "11:00", volume=-100.0)


@case(fails("volume_counts", "MSFT", "11:00"))
def half_a_share(scene):
    scene.change("bars", "MSFT", "11:00", volume=lambda bar: bar["volume"] + 0.5)


@case(fails("volume_counts", "NVDA", "09:30"))
def an_infinite_volume(scene):
    scene.change("bars", "NVDA", "09:30", volume=float("inf"))


@case(fails("zero_volume", "NVDA", thinned("10:00-15:50", 35)))
def eleven_minutes_without_a_share(scene):
    scene.change("bars", "NVDA", thinned("10:00-15:50", 35), volume=0.0)


@case(fails("zero_volume", "MSFT", "09:30-15:59"))
def an_index_without_volume(scene):
    scene.change("bars", "MSFT", "09:30-15:59", volume=0.0)


@case(warns("low_volume", "MSFT", "11:11"))
def one_minute_of_one_share(scene):
    scene.change("bars", "MSFT", "11:11", volume=1.0)


@case(fails("low_volume", "NVDA", thinned("09:35-15:50", 15)))
def minutes_of_one_share(scene):
    scene.change("bars", "NVDA", thinned("09:35-15:50", 15), volume=1.0)


@case(fails("low_volume", "NVDA"))
def a_day_of_a_few_thousand_shares(scene):
    """With no history, so that there is nothing that it could be little against."""
    scene.history = ()
    scene.change("bars", "NVDA", "09:30-15:59", volume=lambda bar: (bar["volume"] / 500).round().clip(lower=10.0))


@case(warns("volume_outliers", "MSFT", "12:34"))
def a_volume_three_digits_too_long(scene):
    """One bar in 390 does not make a session worthless."""
    scene.change("bars", "MSFT", "12:34", volume=traded(1000))


@case(fails("volume_outliers", "NVDA", thinned("09:33-15:53", 15)))
def absurd_volumes_now_and_then(scene):
    """26 of 390 bars, more than one in twenty."""
    scene.change("bars", "NVDA", thinned("09:33-15:53", 15), volume=traded(10_000))


@case(fails("volume_regime", "NVDA"))
def a_session_of_one_exchange_only(scene):
    """As if the feed had changed from all exchanges' trades to one exchange's, some three in a hundred."""
    scene.change("bars", "NVDA", "09:30-15:59", volume=traded(0.03))


@case(fails("volume_regime", "MSFT"))
def a_session_of_thirty_times_the_trades(scene):
    scene.change("bars", "MSFT", "09:30-15:59", volume=traded(30))


@case(fails("volume_regime", "MSFT", "14:00"))
def a_feed_that_flips_at_two(scene):
    """The minute is named in which the new level begins."""
    scene.change("bars", "MSFT", "14:00-15:59", volume=traded(0.03))


# Stamps


@case(warns("duplicates", "NVDA", "10:00 11:00 12:00"))
def three_bars_twice(scene):
    scene.answered(added(scene, scene.rows[scene.at(scene.rows, "NVDA", "10:00 11:00 12:00")]))


@case(fails("duplicates", "MSFT", "10:00-10:10"))
def eleven_bars_twice(scene):
    scene.answered(added(scene, scene.rows[scene.at(scene.rows, "MSFT", "10:00-10:10")]))


@case(fails("duplicates", "NVDA", "10:00 10:00"))
def two_closes_of_one_minute(scene):
    other = scene.rows[scene.at(scene.rows, "NVDA", "10:00")]
    scene.answered(added(scene, other.assign(close=other["close"] + 0.01, high=other["high"] + 0.01)))


@case(fails("duplicates", "MSFT", "15:59 15:59"))
def two_volumes_of_the_last_minute(scene):
    other = scene.rows[scene.at(scene.rows, "MSFT", "15:59")]
    scene.answered(added(scene, other.assign(volume=other["volume"] * 2)))


@case(fails("off_grid", "NVDA", "12:00:34"))
def a_bar_between_two_minutes(scene):
    """As a live chart ends: the last bar has the time of the request."""
    scene.answered(added(scene, moved(scene.rows[scene.at(scene.rows, "NVDA", "12:00")], "34s")))


@case(fails("off_grid", "MSFT", "12:00:34"))
def an_unmarked_bar_between_two_minutes(scene):
    extra = scene.bars[scene.at(scene.bars, "MSFT", "12:00")]
    extra = extra.assign(timestamp=extra["timestamp"] + pd.Timedelta("34s"))
    scene.bars = pd.concat([scene.bars, extra], ignore_index=True)


@case(fails("outside_session", "MSFT", "02:00-02:01"))
def bars_at_night(scene):
    scene.answered(added(scene, moved(scene.rows[scene.at(scene.rows, "MSFT", "10:00-10:01")], "-8h")))


@case(fails("outside_session", "NVDA", "16:00-19:59"))
def after_hours_that_were_not_cut(scene):
    evening = scene.at(scene.bars, "NVDA", "16:00-19:59")
    there = scene.bars.loc[evening, "timestamp"]
    extra = scene.bars[scene.at(scene.bars, "NVDA", "15:59")]
    whole = [extra.assign(timestamp=stamp) for stamp in scene.times("16:00-19:59") if stamp not in set(there)]
    scene.bars = pd.concat([scene.bars.assign(mark=scene.bars["mark"].mask(evening, KEPT)), *whole], ignore_index=True)


@case(day=HALF_DAY)
def a_half_day_with_the_afternoon_cut(scene):
    """The vendor has a bar long after the early close: it comes with a mark, and stays out of the frame."""
    scene.answered(added(scene, moved(scene.rows[scene.at(scene.rows, "NVDA", "12:50")], "1h")))
    late = scene.bars[scene.at(scene.bars, "NVDA", "13:50")]
    assert late["mark"].tolist() == ["extended_hours"]
    assert not scene.frame["timestamp"].isin(late["timestamp"]).any()


@case(fails("outside_session", "NVDA", "13:50"), day=HALF_DAY)
def an_unmarked_bar_in_the_afternoon_of_a_half_day(scene):
    bar = scene.bars[scene.at(scene.bars, "NVDA", "12:50")]
    rest = scene.bars[~scene.at(scene.bars, "NVDA", "13:50")]
    scene.bars = pd.concat([rest, bar.assign(timestamp=scene.times("13:50")[0])], ignore_index=True)


@case(fails("outside_session", "MSFT", "13:00-15:59"), day=HALF_DAY)
def a_half_day_taken_for_a_whole_one(scene):
    """A calendar that does not know the early close."""
    rows = scene.bars[~scene.at(scene.bars, "MSFT", "13:00-15:59")]
    bar = scene.bars[scene.at(scene.bars, "MSFT", "12:59")]
    late = [bar.assign(timestamp=stamp) for stamp in scene.times("13:00-15:59")]
    scene.bars = pd.concat([rows, *late], ignore_index=True)


@case(fails("label_side", "NVDA", "09:31"), fails("label_side", "MSFT", "09:31"))
def end_labels_taken_for_starts(scene):
    scene.answered(moved(regular(scene), "1min"))


@case(fails("label_side", "NVDA", "09:29"), fails("label_side", "MSFT", "09:29"))
def starts_taken_for_end_labels(scene):
    scene.answered(moved(regular(scene), "-1min"))


@case(fails("label_side", "MSFT", "09:31"), fails("clock_drift", None))
def one_symbol_a_minute_late(scene):
    """Seen twice: its opening auction is late, and what moves both symbols is."""
    rows = regular(scene)
    late = rows["symbol"] == "MSFT"
    scene.answered(pd.concat([rows[~late], moved(rows[late], "1min")], ignore_index=True))


@case(fails("clock_drift", None), environment="ci")
def a_clock_that_falls_two_minutes_behind_after_the_open(scene):
    """The auction is in its place; two minutes are missing, which `ci` lets pass."""
    rows = regular(scene)
    late = (rows["symbol"] == "NVDA") & (rows["stamp"] >= scene.times("09:40")[0])
    scene.answered(pd.concat([rows[~late], moved(rows[late], "2min")], ignore_index=True))


# Frames


@case(fails("frame_follows_bars", None, "11:00"))
def a_frame_with_another_close(scene):
    scene.change("frame", "NVDA", "11:00", close=lambda row: row["close"] + 0.01)


@case(fails("frame_follows_bars", None, "09:30-15:59"))
def a_frame_of_the_session_before(scene):
    """Values of another day on this day's minutes."""
    earlier = Scene("2020-12-14").frame
    scene.frame = earlier.assign(timestamp=scene.frame["timestamp"])


@case(fails("frame_follows_bars", None, "15:58-15:59"))
def a_frame_that_ends_early(scene):
    scene.frame = scene.frame[scene.frame["timestamp"] < scene.times("15:58")[0]]


@case(fails("frame_follows_bars", None, "13:00"))
def a_frame_that_says_a_bar_is_missing(scene):
    scene.change("frame", "MSFT", "13:00", missing=True)


@case(fails("frame_follows_bars", None, "10:05"))
def a_frame_that_fills_a_missing_minute(scene):
    filled = scene.frame
    lose(scene, "MSFT", "10:05")
    scene.frame = filled


@case(fails("rsi_bounds", "NVDA", "11:00"))
def an_rsi_above_a_hundred(scene):
    scene.change("frame", "NVDA", "11:00", rsi=100.5)


@case(fails("rsi_bounds", "MSFT", "09:30"))
def an_rsi_below_zero(scene):
    scene.change("frame", "MSFT", "09:30", rsi=-0.5)


@case(fails("rsi_extremes", "NVDA", "11:00-11:19"))
def twenty_minutes_of_extreme_strength(scene):
    """20 of 390 are more than 5 %."""
    scene.change("frame", "NVDA", "11:00-11:19", rsi=96.0)


@case(fails("rsi_extremes", "MSFT", "09:30-09:49"))
def twenty_minutes_of_extreme_weakness(scene):
    scene.change("frame", "MSFT", "09:30-09:49", rsi=4.0)


@case(fails("ema_range", "NVDA", "12:00"))
def a_short_average_above_every_close(scene):
    scene.change("frame", "NVDA", "12:00", ema_short=lambda row: row["ema_short"] * 1.5)


@case(fails("ema_range", "MSFT", "12:00-12:01"))
def a_long_average_below_every_close(scene):
    scene.change("frame", "MSFT", "12:00-12:01", ema_long=lambda row: row["ema_long"] / 2)


@case(fails("vwap_range", "NVDA", "15:59"))
def a_vwap_above_the_high(scene):
    scene.change("frame", "NVDA", "15:59", vwap=lambda row: row["vwap"] * 1.2)


@case(fails("vwap_range", "MSFT", "10:00"))
def a_vwap_below_the_low(scene):
    scene.change("frame", "MSFT", "10:00", vwap=lambda row: row["vwap"] / 1.2)


@case(fails("time_features", "NVDA", "10:00"))
def an_hour_off_the_circle(scene):
    scene.change("frame", "NVDA", "10:00", hour_sin=0.9)


@case(fails("time_features", "MSFT", "10:00"))
def another_minute_on_the_circle(scene):
    """A quarter past is on the circle, but it is ten."""
    scene.change("frame", "MSFT", "10:00", minute_sin=1.0, minute_cos=0.0)


@case(fails("time_features", "NVDA", "09:30-15:59"), fails("time_features", "MSFT", "09:30-15:59"))
def the_hours_of_utc(scene):
    """On the circle, but five hours on."""
    turn = 2 * np.pi / 24 * scene.frame["timestamp"].dt.hour
    scene.frame = scene.frame.assign(hour_sin=np.sin(turn), hour_cos=np.cos(turn))


# Comparisons


@case(fails("cross_feed_agreement", "NVDA", thinned("09:30-15:30", 5)))
def a_second_feed_with_other_closes(scene):
    scene.change("second", "NVDA", thinned("09:30-15:30", 5), close=lambda bar: bar["close"] * 1.02)


@case(warns("cross_feed_agreement", "NVDA"))
def a_second_feed_with_a_third_of_the_volume(scene):
    scene.change("second", "NVDA", "09:30-15:59", volume=traded(1 / 3))


@case(fails("cross_feed_agreement", "MSFT"))
def a_second_feed_of_one_exchange(scene):
    scene.change("second", "MSFT", "09:30-15:59", volume=traded(0.03))


@case(warns("revision_rate", "NVDA", thinned("09:30-15:30", 5)))
def many_closes_that_were_revised(scene):
    """73 of 390: more than 2 %, not more than 20 %."""
    scene.change("stored", "NVDA", thinned("09:30-15:30", 5), close=lambda row: row["close"] + 0.25)


@case(fails("revision_rate", "MSFT", thinned("09:30-15:58", 4)))
def a_quarter_of_the_opens_revised(scene):
    scene.change("stored", "MSFT", thinned("09:30-15:58", 4), open=lambda row: row["open"] - 0.01)


@case(fails("revision_rate", "NVDA", "09:30-15:59"))
def all_prices_adjusted_since(scene):
    """As if they had been adjusted for a dividend since."""
    scene.change("stored", "NVDA", "09:30-15:59", **scaled(1.001))


@case(fails("revision_rate", "MSFT", "09:30-15:59"))
def all_volumes_revised(scene):
    scene.change("stored", "MSFT", "09:30-15:59", volume=lambda row: row["volume"] * 2)


# Provenance


@case(fails("synthetic_bars", "NVDA"))
def a_bar_that_nobody_traded(scene):
    scene.change("bars", "NVDA", "11:00", source=SYNTHETIC)


@case(warns("synthetic_bars", "MSFT"), environment="ci")
def bars_that_nobody_traded_where_that_is_allowed(scene):
    scene.change("bars", "MSFT", "09:30-15:59", source=SYNTHETIC)
