"""Pandera models of the tables that travel through the graph: bars, frames, EOD summaries.

A model says what a table *is*: columns, types, which may be null, what is unique. Whether the numbers in it are
fit to trade on is the quality gate's matter, so a bar with its high below its low is a valid row here.
"""

from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from schemas.contracts import distinct, plainly_holds
from schemas.errors import ContractBroken
from schemas.texts import encoded

UTC_MICROSECONDS = Annotated[pd.DatetimeTZDtype, "us", "UTC"]
"""PostgreSQL's resolution; every stored timestamp is UTC and the start of its bar."""

KEPT = ""
DUPLICATE_EQUAL = "duplicate_equal"
DUPLICATE_CONFLICTING = "duplicate_conflicting"
OUTSIDE_SESSION = "outside_session"
OFF_GRID = "off_grid"
EXTENDED_HOURS = "extended_hours"
NO_VALUE = "no_value"
MARKS = (KEPT, DUPLICATE_EQUAL, DUPLICATE_CONFLICTING, OUTSIDE_SESSION, OFF_GRID, EXTENDED_HOURS, NO_VALUE)
"""Why a bar stays out of the frame. Only unmarked bars reach it; marked ones stay visible for the gate."""

ZERO_VOLUME = "zero_volume"
BAD_PRINT = "bad_print"
REMARKS = (OFF_GRID, DUPLICATE_EQUAL, DUPLICATE_CONFLICTING, NO_VALUE, ZERO_VOLUME, BAD_PRINT)
"""What else is odd about a bar, whether it is kept or not; several are joined by a space, in this order."""

PRIMARY, FALLBACK, REPAIR = "primary", "fallback", "repair"
ROLES = (PRIMARY, FALLBACK, REPAIR)
"""For what the feed of a bar was asked."""

PLAIN = {"role": PRIMARY, "why": "", "mark": KEPT, "remark": ""}
"""The texts of a primary feed's bar of which there is nothing to say."""

AS_TRADED, SPLIT_ADJUSTED, BASIS_UNKNOWN = "as_traded", "split_adjusted", "unknown"
BASES = (AS_TRADED, SPLIT_ADJUSTED, BASIS_UNKNOWN)
"""What later corporate actions have done to the prices of a bar."""

SYNTHETIC = "synthetic"
"""The source of bars that nobody traded."""

PRICE_COLUMNS = ("open", "high", "low", "close")
BAR_VALUES = (*PRICE_COLUMNS, "volume")
FEATURES = (*BAR_VALUES, "rsi", "ema_short", "ema_long", "vwap", "hour_sin", "hour_cos", "minute_sin", "minute_cos")
"""The 13 numbers per symbol that a model sees, in their frozen order."""


class Bars(pa.DataFrameModel):
    """One session's bars of every symbol, as the feed gave them, in start-of-bar UTC."""

    timestamp: UTC_MICROSECONDS = pa.Field(description="start of the bar, UTC")
    symbol: Series[str] = pa.Field(description="ticker")
    open: Series[float] = pa.Field(nullable=True, description="first price, USD")
    high: Series[float] = pa.Field(nullable=True, description="highest price, USD")
    low: Series[float] = pa.Field(nullable=True, description="lowest price, USD")
    close: Series[float] = pa.Field(nullable=True, description="last price, USD")
    volume: Series[float] = pa.Field(nullable=True, description="shares traded in the bar")
    source: Series[str] = pa.Field(description="feed that answered")
    basis: Series[str] = pa.Field(isin=BASES, description="adjustment basis of the prices")
    role: Series[str] = pa.Field(isin=ROLES, description="for what that feed was asked")
    why: Series[str] = pa.Field(description="empty, or why it was not the primary feed")
    mark: Series[str] = pa.Field(isin=MARKS, description="empty, or why the bar does not enter the frame")
    remark: Series[str] = pa.Field(description="what else is odd about the bar")

    class Config:  # noqa: D106  (pandera's)
        strict = True
        ordered = True

    @pa.dataframe_check(description="an unmarked minute occurs once per symbol")
    def one_bar_a_minute(cls, bars: pd.DataFrame) -> bool:
        """Hold the key of `market_data`."""
        kept = bars[["timestamp", "symbol"]][encoded(bars["mark"].array).are(KEPT)]
        return distinct([kept["timestamp"], kept["symbol"]]) == len(kept)

    @pa.dataframe_check(description="a symbol's prices have one adjustment basis")
    def one_basis_a_session(cls, bars: pd.DataFrame) -> bool:
        """Prices of two bases are not comparable."""
        return distinct([bars["symbol"]]) == distinct([bars["symbol"], bars["basis"]])


class Frame(pa.DataFrameModel):
    """Both symbols on every one of the exchange's minutes, 13 features each; a missing bar is a row of nulls."""

    timestamp: UTC_MICROSECONDS = pa.Field(description="start of the bar, UTC")
    symbol: Series[str] = pa.Field(description="ticker")
    open: Series[float] = pa.Field(nullable=True, description="first price, USD; null where the bar is missing")
    high: Series[float] = pa.Field(nullable=True, description="highest price, USD")
    low: Series[float] = pa.Field(nullable=True, description="lowest price, USD")
    close: Series[float] = pa.Field(nullable=True, description="last price, USD")
    volume: Series[float] = pa.Field(nullable=True, description="shares traded in the bar")
    rsi: Series[float] = pa.Field(nullable=True, description="Wilder's relative strength index of 14 closes, 0 to 100")
    ema_short: Series[float] = pa.Field(nullable=True, description="exponential moving average of 12 closes, USD")
    ema_long: Series[float] = pa.Field(nullable=True, description="exponential moving average of 26 closes, USD")
    vwap: Series[float] = pa.Field(nullable=True, description="volume-weighted typical price since the open, USD")
    hour_sin: Series[float] = pa.Field(ge=-1, le=1, description="sine of New York's hour of day")
    hour_cos: Series[float] = pa.Field(ge=-1, le=1, description="cosine of New York's hour of day")
    minute_sin: Series[float] = pa.Field(ge=-1, le=1, description="sine of the minute of the hour")
    minute_cos: Series[float] = pa.Field(ge=-1, le=1, description="cosine of the minute of the hour")
    missing: Series[bool] = pa.Field(description="the feed gave no bar for this minute")

    class Config:  # noqa: D106  (pandera's)
        strict = True
        ordered = True
        unique = ["timestamp", "symbol"]  # noqa: RUF012  (pandera reads a list)

    @pa.dataframe_check(description="a missing bar has no values, a present one has a close")
    def missing_is_null(cls, frame: pd.DataFrame) -> bool:
        """Nothing is invented for a minute without a bar."""
        return bool((frame["close"].isna() == frame["missing"]).all())


class EodSummary(pa.DataFrameModel):
    """One session summarised, a row per symbol, computed from the rows that are stored."""

    session: Series[str] = pa.Field(str_matches=r"^\d{4}-\d{2}-\d{2}$", description="XNYS session, New York date")
    symbol: Series[str] = pa.Field(description="ticker")
    verdict: Series[str] = pa.Field(isin=("PASS", "WARN", "FAIL", "ERROR"), description="the gate's verdict")
    minutes_expected: Series[int] = pa.Field(gt=0, description="bars that the exchange's calendar asks for")
    bars_stored: Series[int] = pa.Field(ge=0, description="rows in market_data")
    bars_missing: Series[int] = pa.Field(ge=0, description="expected bars that are not stored")
    open: Series[float] = pa.Field(nullable=True, description="first stored price, USD")
    high: Series[float] = pa.Field(nullable=True, description="highest stored price, USD")
    low: Series[float] = pa.Field(nullable=True, description="lowest stored price, USD")
    close: Series[float] = pa.Field(nullable=True, description="last stored price, USD")
    volume: Series[int] = pa.Field(ge=0, description="shares traded in the stored bars")
    vwap: Series[float] = pa.Field(nullable=True, description="volume-weighted close of the stored bars, USD")

    class Config:  # noqa: D106  (pandera's)
        strict = True
        ordered = True
        unique = ["session", "symbol"]  # noqa: RUF012


def checked(table: pd.DataFrame, model: type[pa.DataFrameModel]) -> pd.DataFrame:
    """The table itself, when it satisfies its model.

    Raises:
        ContractBroken: naming the model, and the first columns and rows that are at fault.

    """
    if plainly_holds(table, model):
        return table
    try:
        model.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases: Any = error.failure_cases
        lines = cases[["column", "check", "failure_case"]].map(str).agg(" | ".join, axis=1).drop_duplicates()
        shown = "; ".join(lines.head(5))
        raise ContractBroken(f"A {model.__name__} table breaks its contract in {len(cases)} cases: {shown}.") from error
    return table
