"""What Yahoo's chart API answers, as pure functions from parameters and bars to text.

What belongs here: reading a request's parameters, the rules on windows, choosing and aggregating bars, rendering the
JSON. What does not: sockets, faults, the time at the stand-in (`yahoo`).

Bars here are a vendor's history: naive US/Eastern text stamps that mark the START of the minute, oldest first, prices
and volumes text, empty where the vendor has no value. Once chosen, prices and volumes are floats, NaN without a value.
No calendar is known: every day has regular hours from 09:30 to 16:00, as a plain filter has it on half days too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from simulators.clock import NEW_YORK
from simulators.fault_rows import STAMP_FORMAT
from simulators.recordings import yahoo_error_bodies
from simulators.stand_in import Refused

MINUTES = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "90m": 90, "1h": 60, "1d": 390}
"""The intervals that are served. The vendor has longer ones too, which a few days of minutes cannot fill."""
WIDEST_DAYS = 8
ONE_DAY_SECONDS = 86_400
VALID_RANGES = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")
VALUES = ("open", "high", "low", "close", "volume")

_PERIODS = {"pre": ("04:00", "09:30"), "regular": ("09:30", "16:00"), "post": ("16:00", "20:00")}
_RANGE_DAYS = {"1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
_EPOCH = re.compile(r"\d{1,11}", re.ASCII)


@dataclass(frozen=True)
class ChartQuery:
    """A request for a chart that is well formed. `period1` and `period2` are epoch seconds, the second excluded."""

    symbol: str
    interval: str
    period1: int
    period2: int
    range: str
    """As asked, or empty where the periods were."""
    prepost: bool

    @property
    def minutes(self) -> int:
        """The length of the bars; a day has its regular minutes."""
        return MINUTES[self.interval]


class RefusedWindow(Refused):
    """Refused with a recorded text that names what was asked: each pattern in it is replaced by what it maps to."""

    def __init__(self, body_id: str, said: Mapping[str, str]) -> None:
        super().__init__(body_id)
        self._said = said

    def text(self) -> str:
        """The recorded text with this request's values."""
        text = yahoo_error_bodies()[self.body_id].text
        for pattern, said in self._said.items():
            text = re.sub(pattern, said, text)
        return text


def epochs(stamps: "pd.Series[str]") -> "pd.Series[int]":
    """Naive US/Eastern text stamps as epoch seconds; the doubled hour in autumn counts as the second."""
    index = pd.DatetimeIndex(pd.to_datetime(stamps, format=STAMP_FORMAT))
    local = index.tz_localize(NEW_YORK, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="shift_forward")
    return pd.Series(local.as_unit("s").asi8, index=stamps.index)


def parse_chart(parameters: Mapping[str, str], history: pd.DataFrame, now: pd.Timestamp) -> ChartQuery:
    """Reads a request's parameters as the vendor names them, `symbol` from its path; raises Refused for a bad value."""
    interval = parameters.get("interval", "1d")
    if interval not in MINUTES:
        raise RefusedWindow("bad_interval", {"interval=7d": f"interval={re.sub('[^0-9A-Za-z]', '', interval)}"})
    first, last = parameters.get("period1", ""), parameters.get("period2", "")
    asked = "" if first or last else parameters.get("range", "1d")
    if asked:
        period1, period2 = _window_of(asked, history, now)
    elif _EPOCH.fullmatch(first) and _EPOCH.fullmatch(last) and int(first) < int(last):
        period1, period2 = int(first), int(last)
    else:
        raise Refused("range_absent")
    prepost = parameters.get("includePrePost", "false").lower() == "true"
    return ChartQuery(parameters["symbol"].upper(), interval, period1, period2, asked, prepost)


def _window_of(asked: str, history: pd.DataFrame, now: pd.Timestamp) -> tuple[int, int]:
    """The periods of a range; days are counted where there are bars."""
    if asked not in VALID_RANGES:
        raise Refused("range_absent")
    end = int(now.timestamp()) + 1
    if asked == "max":
        return 0, end
    if asked == "ytd":
        return int(now.tz_convert(NEW_YORK).replace(month=1, day=1).normalize().timestamp()), end
    if asked in _RANGE_DAYS:
        return end - _RANGE_DAYS[asked] * ONE_DAY_SECONDS, end
    days = sorted(set(history["timestamp"][history["timestamp"] <= _local(end)].str[:10]))[-int(asked[:-1]) :]
    return (_epoch(days[0], "00:00") if days else end - ONE_DAY_SECONDS), end


def check_window(query: ChartQuery, now: pd.Timestamp, reach_days: int | None) -> None:
    """Raises RefusedWindow for 1-minute bars of more than 8 days or beginning over `reach_days` before `now`."""
    if query.interval != "1m":
        return
    said = {r"startTime=\d+ and endTime=\d+": f"startTime={query.period1} and endTime={query.period2}"}
    if query.period2 - query.period1 > WIDEST_DAYS * ONE_DAY_SECONDS:
        raise RefusedWindow("1m_too_wide", said)
    if reach_days is not None and query.period1 < now.timestamp() - reach_days * ONE_DAY_SECONDS:
        raise RefusedWindow("1m_too_old", said | {"last 30 days": f"last {reach_days} days"})


def complete(history: pd.DataFrame, until: float) -> pd.DataFrame:
    """The minutes that are complete at the epoch second `until`; a longer bar of them may still be forming."""
    return history[epochs(history["timestamp"]) + 60 <= until]


def select(history: pd.DataFrame, query: ChartQuery) -> pd.DataFrame:
    """The bars of the answer at the query's interval, `timestamp` still text and values floats; may be empty."""
    starts = epochs(history["timestamp"])
    wanted = (starts >= query.period1) & (starts < query.period2)
    if not query.prepost or query.interval == "1d":
        wanted &= history["timestamp"].str[11:16].between("09:30", "15:59")
    return aggregate(_numbers(history[wanted]), query.minutes)


def forming(history: pd.DataFrame, query: ChartQuery, until: float | None) -> pd.DataFrame:
    """The minute that is forming at the epoch second `until` as the vendor's live row, or no row; None is after all.

    As recorded: its stamp is the second of the request, off the grid, it has one price and no volume. The price is the
    minute's first. A day's bar has no live row.
    """
    second = 0 if until is None else int(until)
    if until is None or query.interval == "1d" or not query.period1 <= second < query.period2:
        return _numbers(history.head(0))
    starts = epochs(history["timestamp"])
    now = (starts < second) & (starts + 60 > until) & (history["open"] != "")
    if not query.prepost:
        now &= history["timestamp"].str[11:16].between("09:30", "15:59")
    row = _numbers(history[now]).head(1)
    for column in ("high", "low", "close"):
        row[column] = row["open"]
    return row.assign(volume=0.0, timestamp=_local(second))


def _numbers(bars: pd.DataFrame) -> pd.DataFrame:
    # float() and not pandas: every recorded digit has to come through.
    values = {column: [float(text or "nan") for text in bars[column]] for column in VALUES}
    return pd.DataFrame({"timestamp": bars["timestamp"].to_numpy(), **values})


def aggregate(bars: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Bars of `minutes` minutes, labelled by their START; bars begin anew at 09:30 and at 16:00.

    First open, highest high, lowest low, last close, sum of volumes, of the minutes that have values. A bin without a
    minute is absent, one whose minutes have no values has none either.
    """
    if minutes == 1 or bars.empty:
        return bars
    stamps = pd.to_datetime(bars["timestamp"], format=STAMP_FORMAT)
    time = bars["timestamp"].str[11:16]
    anchor = np.select([time < "09:30", time < "16:00"], [4 * 60, 9 * 60 + 30], 16 * 60)
    since = stamps.dt.hour * 60 + stamps.dt.minute - anchor
    start = stamps.dt.normalize() + pd.to_timedelta(anchor + since // minutes * minutes, unit="min")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last"}
    grouped = bars.groupby(start.dt.strftime(STAMP_FORMAT).rename("bin"))
    merged = grouped.agg(rules).assign(volume=grouped["volume"].sum(min_count=1))
    return merged.reset_index(names="timestamp")


def render(bars: pd.DataFrame, query: ChartQuery, history: pd.DataFrame) -> str:
    """The vendor's JSON in one line; without bars there is no `timestamp` and the quote is empty, as recorded."""
    result: dict[str, object] = {"meta": _meta(bars, query, history)}
    quote: dict[str, object] = {}
    if not bars.empty:
        result["timestamp"] = epochs(bars["timestamp"]).tolist()
        quote = {column: [_value(value, column) for value in bars[column]] for column in VALUES}
    result["indicators"] = {"quote": [quote]}
    return json.dumps({"chart": {"result": [result], "error": None}}, separators=(",", ":"), allow_nan=False)


def _value(value: float, column: str) -> float | int | None:
    if np.isnan(value):
        return None
    return int(value) if column == "volume" else value


def _meta(bars: pd.DataFrame, query: ChartQuery, history: pd.DataFrame) -> dict[str, object]:
    regular = history[history["timestamp"].str[11:16].between("09:30", "15:59") & (history["close"] != "")]
    meta: dict[str, object] = {
        "currency": "USD",
        "symbol": query.symbol,
        "exchangeName": "NMS",
        "fullExchangeName": "NasdaqGS",
        "instrumentType": "EQUITY",
        "hasPrePostMarketData": True,
        "exchangeTimezoneName": NEW_YORK,
        "scale": 3,
        "priceHint": 2,
        "dataGranularity": query.interval,
        "range": query.range,
        "validRanges": list(VALID_RANGES),
    }
    if not history.empty:
        latest = str(history["timestamp"].iloc[-1])[:10]
        current = {name: _period(latest, name) for name in _PERIODS}
        meta |= {"gmtoffset": current["regular"]["gmtoffset"], "timezone": current["regular"]["timezone"]}
        meta["currentTradingPeriod"] = current
    if not regular.empty:
        meta["regularMarketTime"] = int(epochs(regular["timestamp"].tail(1)).iloc[0]) + 60
        meta["regularMarketPrice"] = float(regular["close"].iloc[-1])
        before = regular[regular["timestamp"] < _local(query.period1)[:10]]
        if not before.empty:
            meta["chartPreviousClose"] = meta["previousClose"] = float(before["close"].iloc[-1])
    if not bars.empty and query.interval != "1d":
        meta["tradingPeriods"] = _trading_periods(sorted(set(bars["timestamp"].str[:10])), query.prepost)
    return meta


def _trading_periods(days: list[str], prepost: bool) -> object:
    """The regular hours of each day; with pre- and post-market an object of all three."""
    if not prepost:
        return [[_period(day, "regular")] for day in days]
    return {name: [[_period(day, name)] for day in days] for name in ("pre", "post", "regular")}


def _period(day: str, name: str) -> dict[str, object]:
    first, last = _PERIODS[name]
    begin = pd.Timestamp(f"{day} {first}", tz=NEW_YORK)
    offset = begin.utcoffset()
    return {
        "timezone": begin.tzname(),
        "start": int(begin.timestamp()),
        "end": _epoch(day, last),
        "gmtoffset": int(offset.total_seconds()) if offset is not None else 0,
    }


def _epoch(day: str, time: str) -> int:
    return int(pd.Timestamp(f"{day} {time}", tz=NEW_YORK).timestamp())


def _local(epoch: int) -> str:
    return pd.Timestamp(epoch, unit="s", tz=ZoneInfo(NEW_YORK)).strftime(STAMP_FORMAT)
