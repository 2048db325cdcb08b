"""The gate's rules as somebody who knows Pandera writes them: the peer that `bench.gate` runs beside the gate.

What a check needs from elsewhere stands in columns that are joined before the clock starts, which is kind to Pandera:
the bars beside the frame, the usual volume of the minute, the last close before, the range of the closes before.
Thresholds are those at which the gate fails; `symbols` have none of their own but for the price range.

Row by row: price_values, volume_counts, ohlc_relations, price_range, frame_follows_bars, rsi_bounds (its bounds),
time_features, synthetic_bars, off_grid, outside_session, duplicates (the last three by their mark).
By symbol and session: missing_ratio, longest_gap, timestamp_overlap, price_jumps (the overnight one too), stale_prices,
replayed_bars (within the session), zero_volume, low_volume, volume_outliers (about one level), vwap_range, ema_range,
rsi_extremes (without its exception for jumps).

Pandera is not asked for label_side, clock_drift, volume_regime and the replays of earlier days, nor for a fingerprint
or a report; the gate does all of that within its time.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from market.quality.grid import Grid
from market.sessions import NEW_YORK, Session
from schemas.tables import BAR_VALUES, EXTENDED_HOURS, KEPT, PRICE_COLUMNS, SYNTHETIC

RANGES = {"NVDA": (0.1, 3000.0), "MSFT": (10.0, 2500.0)}
TOLERANCE = 1e-9
BY = ["session", "symbol"]

Holds = Callable[[pd.DataFrame], "pd.Series[bool] | bool"]


def table(session: Session, bars: pd.DataFrame, frame: pd.DataFrame, history: Sequence[Grid]) -> pd.DataFrame:
    """The frame, with everything beside it that the checks compare it with."""
    kept = bars.loc[bars["mark"] == KEPT, ["timestamp", "symbol", *BAR_VALUES, "source"]]
    joined = frame.merge(kept, on=["timestamp", "symbol"], how="left", suffixes=("", "_bar"))
    column = {symbol: place for place, symbol in enumerate(history[0].symbols)}
    usual = np.nanmedian([grid["volume"] for grid in history], axis=0)
    row = ((joined["timestamp"] - session.open) // pd.Timedelta(minutes=1)).to_numpy("int64")
    of = joined["symbol"].map(column).to_numpy("int64")
    closes = np.concatenate([grid["close"] for grid in history[1::-1]])
    beside = {
        "usual": usual[row, of],
        "close_before": closes[-1][of],
        "lowest_before": np.nanmin(closes, axis=0)[of],
        "highest_before": np.nanmax(closes, axis=0)[of],
        "session": session.key,
    }
    return joined.assign(**beside)


def whole(values: "pd.Series[float]") -> "pd.Series[bool]":
    """Volumes that are whole numbers."""
    return np.floor(values) == values


def ordered(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Low and high are the lowest and the highest."""
    prices = rows[list(PRICE_COLUMNS)]
    return ~((rows["low"] > prices.min(axis=1)) | (rows["high"] < prices.max(axis=1)))


def within_range(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The symbol costs about what it costs."""
    low, high = (rows["symbol"].map({name: ends[side] for name, ends in RANGES.items()}) for side in (0, 1))
    return ~((rows["low"] < low.astype(float)) | (rows["high"] > high.astype(float)))


def follows(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The frame's values are the bars'."""
    same = rows["missing"] == rows["close_bar"].isna()
    for name in BAR_VALUES:
        same &= (rows[name] == rows[f"{name}_bar"]) | (rows[name].isna() & rows[f"{name}_bar"].isna())
    return same


def on_the_clock(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The time features are New York's clock."""
    clock = rows["timestamp"].dt.tz_convert(NEW_YORK).dt
    hour, minute = 2 * np.pi / 24 * clock.hour, 2 * np.pi / 60 * clock.minute
    hands = {"hour_sin": np.sin(hour), "hour_cos": np.cos(hour)}
    hands |= {"minute_sin": np.sin(minute), "minute_cos": np.cos(minute)}
    right = pd.Series(True, index=rows.index)
    for name, expected in hands.items():
        right &= (rows[name] - expected).abs() <= TOLERANCE
    return right


def bounded(value: "pd.Series[float]", low: "pd.Series[float]", high: "pd.Series[float]") -> "pd.Series[bool]":
    """Nothing lies beyond; what is absent is right."""
    return ~((value < low * (1 - TOLERANCE)) | (value > high * (1 + TOLERANCE)))


def vwap_in_range(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The VWAP lies within the session's prices so far."""
    lows, highs = rows.groupby(BY, sort=False)["low"].cummin(), rows.groupby(BY, sort=False)["high"].cummax()
    return bounded(rows["vwap"], lows, highs)


def emas_in_range(rows: pd.DataFrame) -> "pd.Series[bool]":
    """The EMAs lie within the closes so far."""
    closes = rows.groupby(BY, sort=False)["close"]
    low = np.minimum(closes.cummin(), rows["lowest_before"])
    high = np.maximum(closes.cummax(), rows["highest_before"])
    return bounded(rows["ema_short"], low, high) & bounded(rows["ema_long"], low, high)


def near_the_close_before(rows: pd.DataFrame) -> "pd.Series[bool]":
    """No price jumps from bar to bar, no open from the last close of the day before."""
    before = rows.groupby(BY, sort=False)["close"].transform(lambda closes: closes.ffill().shift())
    away = rows[list(PRICE_COLUMNS)].div(before.fillna(rows["open"]), axis=0).sub(1).abs().max(axis=1)
    overnight = (rows["open"] / rows["close_before"] - 1).abs()
    return ~(away > 0.20) & ~(before.isna() & (overnight > 0.30))


def moving(rows: pd.DataFrame) -> bool:
    """No more than five bars in a row stand still, no more than two repeat the one before."""
    groups = rows.groupby(BY, sort=False)
    before = groups[list(BAR_VALUES)].shift()
    traded = rows["volume"] > 0
    frozen = traded & rows[list(PRICE_COLUMNS)].eq(before["close"], axis=0).all(axis=1)
    again = traded & (rows[list(BAR_VALUES)] == before).all(axis=1)
    keys = [rows[name] for name in BY]
    stretch = (~frozen).groupby(keys, sort=False).cumsum()
    longest = frozen.groupby([*keys, stretch], sort=False).sum().max()
    return bool(longest <= 5 and (again.groupby(keys, sort=False).sum() <= 2).all())


def not_replayed(rows: pd.DataFrame) -> bool:
    """Few bars of a session come again in every value."""
    again = rows.duplicated([*BY, *BAR_VALUES]) & (rows["volume"] > 0)
    return bool((again.groupby([rows[name] for name in BY], sort=False).mean() <= 0.05).all())


def complete(rows: pd.DataFrame) -> bool:
    """At most one minute in a hundred is missing, at most five in a row, and the symbols share their minutes."""
    keys = [rows[name] for name in BY]
    if (rows["missing"].groupby(keys, sort=False).mean() > 0.01).any():
        return False
    stretch = (~rows["missing"]).groupby(keys, sort=False).cumsum()
    if rows["missing"].groupby([*keys, stretch], sort=False).sum().max() > 5:
        return False
    there = (~rows["missing"]).groupby([rows["session"], rows["timestamp"]], sort=False).agg(["all", "any"])
    return bool(there["all"].sum() >= 0.8 * there["any"].sum())


def traded(rows: pd.DataFrame) -> bool:
    """Few bars are without volume or with next to none, and the day has what is always traded."""
    keys = [rows[name] for name in BY]
    zero, low = (flags.groupby(keys, sort=False).mean() for flags in (rows["volume"] == 0, rows["volume"] < 10))
    day = rows["volume"].groupby(keys, sort=False).sum()
    return bool((zero <= 0.01).all() and (low <= 0.02).all() and (day >= 20_000).all())


def usual(rows: pd.DataFrame) -> bool:
    """Few bars have far more or less volume than that minute usually has."""
    keys = [rows[name] for name in BY]
    ratio = np.log(rows["volume"].where(rows["volume"] > 0)) - np.log(rows["usual"].where(rows["usual"] > 0))
    away = (ratio - ratio.groupby(keys, sort=False).transform("median")).abs()
    spread = 1.4826 * away.groupby(keys, sort=False).transform("median")
    far = away > 10 * spread.clip(lower=0.4)
    return bool((far.groupby(keys, sort=False).mean() <= 0.05).all())


def calm_rsi(rows: pd.DataFrame) -> bool:
    """The RSI is rarely extreme."""
    extreme = (rows["rsi"] < 5) | (rows["rsi"] > 95)
    return bool((extreme.groupby([rows[name] for name in BY], sort=False).mean() <= 0.05).all())


NUMBERS = (*BAR_VALUES, "rsi", "ema_short", "ema_long", "vwap", "hour_sin", "hour_cos", "minute_sin", "minute_cos")
OWN: dict[str, list[pa.Check]] = {
    **{name: [pa.Check.gt(0), pa.Check.lt(1e9)] for name in PRICE_COLUMNS},
    "volume": [pa.Check.ge(0), pa.Check.lt(1e12), pa.Check(whole)],
    "rsi": [pa.Check.in_range(0, 100)],
}
BY_ROW: tuple[Holds, ...] = (ordered, within_range, follows, on_the_clock)
BY_SESSION: tuple[Holds, ...] = (
    near_the_close_before,
    vwap_in_range,
    emas_in_range,
    moving,
    not_replayed,
    complete,
    traded,
    usual,
    calm_rsi,
)
MARKED = pa.DataFrameSchema(
    {
        "mark": pa.Column(str, pa.Check.isin([KEPT, EXTENDED_HOURS])),
        "source": pa.Column(str, pa.Check.ne(SYNTHETIC)),
    }
)


def schema(checks: Sequence[Holds]) -> pa.DataFrameSchema:
    """The columns with the checks of their own, and checks of the whole table."""
    columns = {name: pa.Column(float, OWN.get(name), nullable=True) for name in NUMBERS}
    return pa.DataFrameSchema(columns, checks=[pa.Check(check) for check in checks])


EVERY_RULE, ROW_RULES = schema((*BY_ROW, *BY_SESSION)), schema(BY_ROW)


def validated(bars: pd.DataFrame, beside: pd.DataFrame, rules: pa.DataFrameSchema) -> int:
    """Hold both tables against the checks; how many failure cases there are."""
    cases = 0
    for model, rows in ((MARKED, bars), (rules, beside)):
        try:
            model.validate(rows, lazy=True)
        except SchemaErrors as error:
            cases += len(error.failure_cases)
    return cases
