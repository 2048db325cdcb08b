"""What Alpha Vantage answers to an intraday request, as pure functions from parameters and bars to text.

What belongs here: reading a request's parameters, choosing and aggregating bars, rendering them as CSV and JSON. What
does not: quotes (`alpha_vantage_quotes`), sockets, faults, counting requests (`alpha_vantage`).

Bars here are a vendor's history: naive US/Eastern text stamps that mark the END of the minute, oldest first, prices and
volumes text. Where the real vendor's behaviour is not recorded anywhere, the stricter choice is taken, so that a client
that works here does not lean on luck.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from simulators.fault_rows import STAMP_FORMAT
from simulators.recordings import BAR_COLUMNS
from simulators.stand_in import Refused

COMPACT_POINTS = 100
FULL_DAYS = 30
FIRST_REGULAR_LABEL, LAST_REGULAR_LABEL = "09:31:00", "16:00:00"
INTERVAL_MINUTES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60}
DECORATIONS = {"": "", "realtime": "", "delayed": " - DATA DELAYED BY 15 MINUTES"}
"""What an entitlement adds to the keys of the JSON. Only the delayed form was seen: match keys by their prefix."""

_MONTH = re.compile(r"(\d{4}-\d{2})?", re.ASCII)
_PLAIN_DECIMAL = re.compile(r"-?\d+(\.\d*)?", re.ASCII)


@dataclass(frozen=True)
class Query:
    """An intraday request that is well formed; whether there are bars for it is another matter."""

    symbol: str
    interval: str
    month: str
    """`YYYY-MM`, or empty for the most recent bars."""
    full: bool
    extended_hours: bool
    csv: bool
    entitlement: str
    """`realtime`, `delayed`, or empty for none."""

    @property
    def minutes(self) -> int:
        """The length of the bars."""
        return INTERVAL_MINUTES[self.interval]


def chosen(parameters: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    """A parameter with a few values, of which the first is the vendor's default; raises Refused for another."""
    value = parameters.get(name, values[0])
    if value not in values:
        raise Refused("invalid_call_intraday")
    return value


def parse_query(parameters: Mapping[str, str]) -> Query:
    """Reads a request's parameters as the vendor names them; raises Refused for a missing key or a bad value.

    `adjusted` is checked but changes nothing: the recorded bars are what they are, split and dividend adjusted.
    """
    if not parameters.get("apikey"):
        raise Refused("invalid_key")
    month = parameters.get("month", "")
    well_formed = parameters.get("function") == "TIME_SERIES_INTRADAY" and _MONTH.fullmatch(month)
    if not well_formed or parameters.get("interval") not in INTERVAL_MINUTES:
        raise Refused("invalid_call_intraday")
    chosen(parameters, "adjusted", ("true", "false"))
    return Query(
        symbol=parameters.get("symbol", ""),
        interval=parameters["interval"],
        month=month,
        full=chosen(parameters, "outputsize", ("compact", "full")) == "full",
        extended_hours=chosen(parameters, "extended_hours", ("true", "false")) == "true",
        csv=chosen(parameters, "datatype", ("json", "csv")) == "csv",
        entitlement=chosen(parameters, "entitlement", tuple(DECORATIONS)),
    )


def select(history: pd.DataFrame, query: Query, until: str | None = None) -> pd.DataFrame:
    """The bars of the answer, oldest first, at the query's interval; may be empty. None of them ends after `until`.

    Regular hours are a plain filter on the time of day, as at the vendor: a half day keeps its afternoon bars.
    `compact` keeps the last 100 points also of a month, as the vendor documents it.
    """
    if until is not None:
        history = history[history["timestamp"] <= until]
    stamps = history["timestamp"]
    bars = history[stamps.str.startswith(query.month)]
    if not query.extended_hours:
        bars = bars[bars["timestamp"].str[11:].between(FIRST_REGULAR_LABEL, LAST_REGULAR_LABEL)]
    if query.full and not query.month and len(stamps):
        newest_day = pd.Timestamp(stamps.iloc[-1]).normalize()
        bars = bars[bars["timestamp"] > (newest_day - pd.Timedelta(days=FULL_DAYS - 1)).strftime(STAMP_FORMAT)]
    bars = aggregate(bars, query.minutes)
    if until is not None:
        bars = bars[bars["timestamp"] <= until]
    return bars if query.full else bars.tail(COMPACT_POINTS)


def aggregate(bars: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Bars of `minutes` minutes, labelled by their END: 09:31 to 09:35 become 09:35.

    Open of the first, highest high, lowest low, close of the last, sum of volumes; prices keep their text. A bin
    without trades is absent.
    """
    if minutes == 1:
        return bars
    bars = bars.reset_index(drop=True)
    ends = pd.to_datetime(bars["timestamp"]).dt.ceil(f"{minutes}min")
    first, last = ~ends.duplicated(), ~ends.duplicated(keep="last")
    highest = pd.to_numeric(bars["high"]).groupby(ends).idxmax()
    lowest = pd.to_numeric(bars["low"]).groupby(ends).idxmin()
    volumes = pd.to_numeric(bars["volume"]).groupby(ends).sum()
    return pd.DataFrame(
        {
            "timestamp": ends[first].dt.strftime(STAMP_FORMAT).to_numpy(),
            "open": bars.loc[first, "open"].to_numpy(),
            "high": bars.loc[highest, "high"].to_numpy(),
            "low": bars.loc[lowest, "low"].to_numpy(),
            "close": bars.loc[last, "close"].to_numpy(),
            "volume": volumes.astype("str").to_numpy(),
        }
    )


def render(bars: pd.DataFrame, query: Query) -> str:
    """The answer's text, newest bar first. Raises Refused where there is no bar to send."""
    if bars.empty:
        raise Refused("invalid_call_intraday")
    newest_first = bars.iloc[::-1]
    return render_csv(newest_first) if query.csv else render_json(newest_first, query)


def render_csv(bars: pd.DataFrame) -> str:
    """CSV with CRLF line ends and prices as recorded."""
    rows = zip(*(bars[column] for column in BAR_COLUMNS), strict=True)
    return "".join(f"{','.join(row)}\r\n" for row in [BAR_COLUMNS, *rows])


def render_json(bars: pd.DataFrame, query: Query) -> str:
    """The vendor's JSON, indented by four.

    Written by hand, because a stamp that comes twice has to be a key that comes twice, which no dict can hold. Most
    parsers keep the last of the two.
    """
    decoration = DECORATIONS[query.entitlement]
    meta = {
        "1. Information": f"Intraday ({query.interval}) open, high, low, close prices and volume{decoration}",
        "2. Symbol": query.symbol,
        "3. Last Refreshed": bars["timestamp"].iloc[0],
        "4. Interval": query.interval,
        "5. Output Size": "Full size" if query.full else "Compact",
        "6. Time Zone": "US/Eastern",
    }
    points = [_json_point(*row) for row in zip(*(bars[column] for column in BAR_COLUMNS), strict=True)]
    head = f'    "Meta Data": {json.dumps(meta, indent=8)[:-1]}    }}'
    series = f'    "Time Series ({query.interval}){decoration}": {{\n' + ",\n".join(points) + "\n    }"
    return f"{{\n{head},\n{series}\n}}"


def _json_point(timestamp: str, open_: str, high: str, low: str, close: str, volume: str) -> str:
    prices = zip(("1. open", "2. high", "3. low", "4. close"), (open_, high, low, close), strict=True)
    lines = [f'            "{name}": "{four_decimals(price)}",\n' for name, price in prices]
    return f'        "{timestamp}": {{\n{"".join(lines)}            "5. volume": "{volume}"\n        }}'


def four_decimals(price: str) -> str:
    """The price with at least four decimals, as the vendor's JSON has it; no digit is lost, no other text touched."""
    if not _PLAIN_DECIMAL.fullmatch(price):
        return price
    whole, _, decimals = price.partition(".")
    return f"{whole}.{decimals:0<4}"
