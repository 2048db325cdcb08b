"""What Alpha Vantage's answers say: refusals told apart by their text, bars from CSV and JSON, a quote. Pure.

Failures come as HTTP 200, and as JSON also to a request for CSV. Requests are `resources.feeds.alpha_vantage`'s.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pandas as pd

from market.sessions import NEW_YORK
from resources.errors import (
    DailyLimitSpent,
    FeedError,
    KeyRefused,
    MalformedPayload,
    Outage,
    PlanRefused,
    RequestRefused,
    Throttled,
)
from resources.feeds.alpha_vantage_tables import SERIES, UNREADABLE_STAMP, ZONES, usual_rows
from resources.http import shown
from schemas.tables import BAR_VALUES

KEY_VARIABLE: Final = "ALPHA_VANTAGE_API_KEY"
COLUMNS: Final = ("timestamp", *BAR_VALUES)
QUOTE: Final = "Global Quote"
STAMP: Final = "%Y-%m-%d %H:%M:%S"
MINUTE: Final = 60.0
SECOND: Final = 1.0

REFUSALS: Final[tuple[tuple[str, type[FeedError], float | None, str], ...]] = (
    ("apikey is invalid or missing", KeyRefused, None, f"Put a valid key into {KEY_VARIABLE}."),
    ("explore our full API offerings", KeyRefused, None, f"Put a key of your own into {KEY_VARIABLE}."),
    ("internal or external error", Outage, None, "The vendor reports a fault of its own."),
    ("Invalid API call", RequestRefused, None, "Check the symbol, the month and the bar size."),
    ("Burst pattern", Throttled, SECOND, ""),
    ("1 request per second", Throttled, SECOND, ""),
    ("Minute-level rate limit", Throttled, MINUTE, ""),
    ("calls per minute", Throttled, MINUTE, ""),
    ("API call frequency", Throttled, MINUTE, ""),
    ("API call volume", Throttled, MINUTE, ""),
    ("not yet entitled", PlanRefused, None, "Set alpha_vantage.entitlement to what the key's plan includes."),
    ("premium endpoint", PlanRefused, None, "Intraday history by month needs one of the vendor's premium plans."),
    ("premium feature", PlanRefused, None, "The request needs one of the vendor's premium plans."),
    ("requests per day", DailyLimitSpent, None, "Go on tomorrow, use another feed, or a premium plan."),
)
"""What a body says, what it means, how many seconds the vendor wants to be left alone, and what a person can do; in the
order in which it is tested, because the burst message also speaks of premium endpoints and of the daily limit."""


@dataclass(frozen=True)
class Quote:
    """A symbol's last price."""

    symbol: str
    price: Decimal
    volume: int
    day: date
    """The New York day of the trade."""


def raise_refusal(text: str, what: str) -> None:
    """Raise what a body says, unless it holds bars or a quote.

    Args:
        text: the body.
        what: what was asked for, as it is named in the message.

    Raises:
        FeedError: one of its kinds, by the text of the body; `MalformedPayload` where it is none that is known.

    """
    if _is_table(text):
        if not text.endswith("\n"):
            raise MalformedPayload(f"Alpha Vantage's answer to {what} ends in the middle of a line.")
        return
    body = _json(text, what)
    if any(key.startswith((SERIES, QUOTE)) and value for key, value in body):
        return
    said = " ".join(str(value) for _, value in body if isinstance(value, str))
    for phrase, kind, pause, advice in REFUSALS:
        if phrase in said:
            raise kind(f"Alpha Vantage refused {what}: {shown(said)} {advice}".strip(), pause_seconds=pause)
    raise MalformedPayload(f"Alpha Vantage answered {what} without bars: {shown(text)}.")


def parse_answer(text: str, symbol: str) -> pd.DataFrame:
    """Vendor rows of a CSV or JSON answer, in the order in which they came.

    Returns:
        `stamp` (New York zone), symbol, open, high, low, close, volume. A value that is no number becomes NaN, which
        the gate holds against its bar: it must not cost the other sessions of the month.

    Raises:
        MalformedPayload: there is no table, a column is missing, or a stamp cannot be read.

    """
    usual = usual_rows(text, symbol)
    if usual is not None:
        return usual
    if _is_table(text):
        table = _csv_table(text, symbol)
    else:
        _hold_identity(text, symbol)
        table = json_table(text, symbol)
    return vendor_rows(table, symbol, f"The {symbol} table")


def parse_quote(text: str, symbol: str) -> Quote:
    """The last price of a `GLOBAL_QUOTE` answer, CSV or JSON.

    Raises:
        MalformedPayload: there is no quote, or it has no readable price.

    """
    if _is_table(text):
        try:
            fields = next(csv.DictReader(io.StringIO(text)), {})
        except csv.Error:
            fields = {}
    else:
        found = [value for key, value in _json(text, symbol) if key.startswith(QUOTE)]
        quote_of = found[0] if found and isinstance(found[0], Pairs) else ()
        fields = {key.partition(" ")[2]: value for key, value in quote_of}
    day = fields.get("latestDay") or fields.get("latest trading day")
    try:
        price = Decimal(str(fields["price"]))
        quote = Quote(str(fields["symbol"]), price, int(str(fields["volume"])), date.fromisoformat(str(day)))
    except (KeyError, ValueError, InvalidOperation):
        raise MalformedPayload(f"Alpha Vantage's quote of {symbol} cannot be read: {shown(text)}.") from None
    if quote.symbol.upper() != symbol.upper():
        raise MalformedPayload(f"Alpha Vantage's quote of {symbol} is one of {shown(quote.symbol)}.")
    if not (price.is_finite() and price > 0):
        raise MalformedPayload(f"Alpha Vantage's quote of {symbol} is no price: {price}.")
    return quote


def vendor_rows(table: pd.DataFrame, symbol: str, what: str) -> pd.DataFrame:
    """A table of texts (`timestamp` naive New York, open, high, low, close, volume) as vendor rows.

    Raises:
        MalformedPayload: a stamp cannot be read, or New York's clock never showed it.

    """
    try:
        stamps = pd.to_datetime(table["timestamp"], format=STAMP).astype("datetime64[us]").dt.tz_localize(NEW_YORK)
    except UNREADABLE_STAMP as error:
        raise MalformedPayload(f"{what} has a stamp that cannot be read: {shown(str(error))}.") from None
    rows = pd.DataFrame({"stamp": stamps, "symbol": pd.Series(symbol, table.index, "str")})
    numbers = {name: pd.to_numeric(table[name], errors="coerce").astype("float64") for name in BAR_VALUES}
    return rows.assign(**{name: values.where(np.isfinite(values)) for name, values in numbers.items()})


def _is_table(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n")[:10].lower().startswith(("timestamp,", "time,", "symbol,"))


def _csv_table(text: str, symbol: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(io.StringIO(text.lstrip("\ufeff")), dtype="str", keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise MalformedPayload(f"The {symbol} table cannot be read: {shown(str(error))}.") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the cells that are too many for row labels
        raise MalformedPayload(f"The lines of the {symbol} table have more cells than its header: {shown(text)}.")
    table = table.rename(columns={"time": "timestamp"})
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        has = shown(", ".join(map(str, table.columns)))
        raise MalformedPayload(f"The {symbol} table has no column {', '.join(absent)}; it has {has}.")
    return table[list(COLUMNS)]


def _hold_identity(text: str, symbol: str) -> None:
    """Refuse a JSON answer about another stock or on another clock; a CSV answer does not say."""
    metas = (value for key, value in _json(text, symbol) if key == "Meta Data" and isinstance(value, Pairs))
    meta = dict(next(metas, ()))
    about, clock = str(meta.get("2. Symbol", symbol)), meta.get("6. Time Zone", ZONES[0])
    if about.upper() != symbol.upper() or clock not in ZONES:
        raise MalformedPayload(f"The answer about {symbol} is about {shown(about)}, on the clock {shown(str(clock))}.")


def json_table(text: str, symbol: str) -> pd.DataFrame:
    """The texts of a JSON answer, as `vendor_rows` reads them: `timestamp`, open, high, low, close, volume.

    Raises:
        MalformedPayload: there is no series, or a point of it lacks a value.

    """
    series = [value for key, value in _json(text, symbol) if key.startswith(SERIES)]
    if not series or not isinstance(series[0], Pairs):
        raise MalformedPayload(f"The {symbol} answer has no time series: {shown(text)}.")
    rows = [[stamp, *_point(point, symbol)] for stamp, point in series[0]]
    # As objects: JSON has texts (a lone surrogate) that the string type cannot hold.
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="object")


def _point(point: object, symbol: str) -> list[str]:
    """The values of one point, whose keys are numbered: `1. open` to `5. volume`."""
    named = {re.sub(r"^\d+\. ", "", key): str(value) for key, value in point} if isinstance(point, Pairs) else {}
    absent = [name for name in BAR_VALUES if name not in named]
    if absent:
        raise MalformedPayload(f"A point of the {symbol} answer has no {', '.join(absent)}: {shown(str(point))}.")
    return [named[name] for name in BAR_VALUES]


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as its pairs: a stamp that comes twice is two pairs, of which a dict would lose one."""

    __slots__ = ()


def _json(text: str, what: str) -> Iterable[tuple[str, Any]]:
    def pairs(found: Sequence[tuple[str, Any]]) -> Pairs:
        return Pairs(found)

    try:
        body = json.loads(text.lstrip("\ufeff"), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        raise MalformedPayload(
            f"Alpha Vantage answered {what} with something that is neither CSV nor JSON: {shown(text)}."
        ) from None
    return body if isinstance(body, Pairs) else ()
