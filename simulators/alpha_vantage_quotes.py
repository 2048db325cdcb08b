"""What Alpha Vantage answers to `GLOBAL_QUOTE`, as pure functions from parameters and bars to text.

What belongs here: reading a request for a quote, computing the quote from 1-minute bars, rendering it as CSV and JSON.
What does not: bars (`alpha_vantage_answers`), sockets, faults.

Bars are as in `alpha_vantage_answers`. The layout and the names are the vendor's; which bars make up a day is not
recorded, and here it is the regular hours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from simulators.alpha_vantage_answers import DECORATIONS, FIRST_REGULAR_LABEL, LAST_REGULAR_LABEL, chosen, four_decimals
from simulators.stand_in import Refused

FUNCTION = "GLOBAL_QUOTE"
CSV_HEADER = "symbol,open,high,low,price,volume,latestDay,previousClose,change,changePercent"
_NAMES = (
    "01. symbol",
    "02. open",
    "03. high",
    "04. low",
    "05. price",
    "06. volume",
    "07. latest trading day",
    "08. previous close",
    "09. change",
    "10. change percent",
)


@dataclass(frozen=True)
class QuoteQuery:
    """A request for a quote that is well formed; whether the stock is known is another matter."""

    symbol: str
    csv: bool
    entitlement: str
    """`realtime`, `delayed`, or empty for none."""


def parse_quote_query(parameters: Mapping[str, str]) -> QuoteQuery:
    """Reads a request's parameters; raises Refused for a missing key or a bad value."""
    if not parameters.get("apikey"):
        raise Refused("invalid_key")
    return QuoteQuery(
        symbol=parameters.get("symbol", ""),
        csv=chosen(parameters, "datatype", ("json", "csv")) == "csv",
        entitlement=chosen(parameters, "entitlement", tuple(DECORATIONS)),
    )


def render_quote(history: pd.DataFrame, query: QuoteQuery, until: str | None) -> str:
    """The quote at `until`, or of all bars; raises Refused where there is no bar to make it from.

    `previous close` is the open where the bars begin with the latest day.
    """
    times = history["timestamp"].str[11:]
    bars = history[times.between(FIRST_REGULAR_LABEL, LAST_REGULAR_LABEL)]
    if until is not None:
        bars = bars[bars["timestamp"] <= until]
    if bars.empty:
        raise Refused("global_quote_empty")
    days = bars["timestamp"].str[:10]
    latest = days.iloc[-1]
    today, before = bars[days == latest], bars[days < latest]
    opened, price = today["open"].iloc[0], today["close"].iloc[-1]
    previous = opened if before.empty else before["close"].iloc[-1]
    change = Decimal(price) - Decimal(previous)
    values = (
        query.symbol,
        four_decimals(opened),
        four_decimals(max(today["high"], key=Decimal)),
        four_decimals(min(today["low"], key=Decimal)),
        four_decimals(price),
        str(sum(int(volume) for volume in today["volume"])),
        latest,
        four_decimals(previous),
        f"{change:.4f}",
        f"{change / Decimal(previous) * 100:.4f}%",
    )
    if query.csv:
        return f"{CSV_HEADER}\r\n{','.join(values)}\r\n"
    key = f"Global Quote{DECORATIONS[query.entitlement]}"
    return json.dumps({key: dict(zip(_NAMES, values, strict=True))}, indent=4)
