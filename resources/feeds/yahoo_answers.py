"""What Yahoo's chart answers say: refusals told apart by status and text, bars from the arrays. Pure.

The client is `resources.feeds.yahoo`. The answers are read here and not by `yfinance`, which drops what comes twice.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from market.sessions import NEW_YORK, BarSize
from resources.errors import (
    FeedError,
    MalformedPayload,
    NoBars,
    Outage,
    OutOfReach,
    PlanRefused,
    RequestRefused,
    Throttled,
)
from resources.http import shown
from schemas.tables import BAR_VALUES, PRICE_COLUMNS

INTERVALS: Final = {BarSize.ONE_MINUTE: "1m", BarSize.FIVE_MINUTES: "5m"}
LATEST_SECOND: Final = 4_102_444_800
"""2100-01-01: no bar is of later, and pandas goes that far."""

REFUSALS: Final[tuple[tuple[str, type[FeedError], str], ...]] = (
    ("must be within the last", OutOfReach, "Yahoo keeps one-minute bars for about a month."),
    ("Data doesn't exist for", NoBars, ""),
    ("days worth of", RequestRefused, "The window that was asked for is too wide."),
    ("No data found, symbol may be delisted", RequestRefused, "Check the symbol."),
    ("is not supported", RequestRefused, "Check the bar size."),
    ("Invalid Crumb", Outage, "The client gets a new one with the next attempt."),
    ("unable to access this feature", PlanRefused, "Yahoo does not serve this machine."),
)
"""What an error's description says, what it means, and what follows."""


def raise_refusal(status: int, text: str, what: str) -> None:
    """Raise what an answer says, unless it holds a chart with bars.

    Args:
        status: the HTTP status.
        text: the body.
        what: what was asked for, as it is named in the message.

    Raises:
        FeedError: one of its kinds; `MalformedPayload` where it is none that is known.

    """
    # By the status or the whole text, never by the digits 429 within it: they may be part of a time.
    if status == 429 or text.strip().removeprefix("Edge: ") == "Too Many Requests":
        raise Throttled(f"Yahoo refused {what}: too many requests.")
    said = _description(text)
    for phrase, kind, advice in REFUSALS:
        if phrase in said:
            raise kind(f"Yahoo refused {what}: {shown(said)} {advice}".strip())
    if status >= 500 or "Will be right back" in text:
        raise Outage(f"Yahoo answered {what} with status {status}: {shown(text)}.")
    if status != 200 or said:
        raise MalformedPayload(f"Yahoo answered {what} with status {status}: {shown(said or text)}.")
    result = _result(text, what)
    if not result.get("timestamp"):
        raise NoBars(f"Yahoo has no bars of {what}.")


def parse_chart(text: str, symbol: str) -> pd.DataFrame:
    """Vendor rows of a chart, in the order in which they came.

    A minute for which Yahoo has no value is a row of NaN. Prices that went through single precision on their way
    (257.0799865722656) are given the shortest decimal that has the same single-precision value (257.08).

    Returns:
        `stamp` (New York zone, start of bar), symbol, open, high, low, close, volume.

    Raises:
        MalformedPayload: it is no chart of that symbol, or its arrays do not fit each other.

    """
    result = _result(text, symbol)
    meta = result.get("meta")
    if not isinstance(meta, dict) or str(meta.get("symbol", symbol)).upper() != symbol.upper():
        raise MalformedPayload(f"Yahoo's answer about {symbol} is about something else: {shown(text)}.")
    seconds = result.get("timestamp") or []
    quote = _quote(result, symbol)
    if not isinstance(seconds, list) or any(not isinstance(quote.get(name, []), list) for name in BAR_VALUES):
        raise MalformedPayload(f"Yahoo's chart of {symbol} has something else than arrays.")
    lengths = {name: len(quote.get(name, [])) for name in BAR_VALUES}
    if any(length != len(seconds) for length in lengths.values()):
        raise MalformedPayload(f"Yahoo's chart of {symbol} has {len(seconds)} stamps and {lengths}.")
    if any(type(second) is not int or not 0 <= second < LATEST_SECOND for second in seconds):
        raise MalformedPayload(f"Yahoo's chart of {symbol} has a stamp that is no time.")
    stamps = pd.DatetimeIndex(np.array(seconds, dtype="int64").astype("datetime64[s]"), tz="UTC")
    values = {name: _numbers(quote[name] if seconds else [], symbol) for name in BAR_VALUES}
    values |= {name: as_quoted(values[name]) for name in PRICE_COLUMNS}
    rows = {"stamp": stamps.as_unit("us").tz_convert(NEW_YORK), "symbol": pd.Series(symbol, stamps, "str").array}
    return pd.DataFrame({**rows, **values})


def as_quoted(prices: pd.Series) -> pd.Series:
    """Prices without the noise of single precision: each is the shortest decimal of its single-precision value.

    A price that is no single-precision number is left as it is.
    """
    with np.errstate(over="ignore"):
        single = prices.to_numpy("float32", copy=True)
    same = single.astype("float64") == prices.to_numpy()
    shortest = prices.to_numpy(copy=True)
    shortest[same] = [float(str(value)) for value in single[same]]
    return pd.Series(shortest, prices.index)


def _numbers(values: Sequence[Any], symbol: str) -> pd.Series:
    try:
        cells: list[Any] = list(values)
        numbers = pd.to_numeric(pd.Series(cells, dtype="object"), errors="coerce").astype("float64")
    except (TypeError, OverflowError):
        raise MalformedPayload(f"Yahoo's chart of {symbol} has a value that is no number.") from None
    return numbers.where(np.isfinite(numbers))


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _description(text: str) -> str:
    """What the `error` of a `chart` or `finance` answer says; empty where there is none."""
    for part in _body(text).values():
        error = part.get("error") if isinstance(part, dict) else None
        if isinstance(error, dict):
            return f"{error.get('description') or error.get('code') or 'an error'}"
    return ""


def _result(text: str, what: str) -> Mapping[str, Any]:
    chart = _body(text).get("chart")
    results = chart.get("result") if isinstance(chart, dict) else None
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise MalformedPayload(f"Yahoo answered {what} with something that is no chart: {shown(text)}.")
    return results[0]


def _quote(result: Mapping[str, Any], symbol: str) -> Mapping[str, Any]:
    indicators = result.get("indicators")
    quotes = indicators.get("quote") if isinstance(indicators, dict) else None
    if not isinstance(quotes, list) or not quotes or not isinstance(quotes[0], dict):
        raise MalformedPayload(f"Yahoo's chart of {symbol} has no quotes.")
    return quotes[0]
