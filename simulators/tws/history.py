"""Requests for historical bars: what they ask for, which bars answer them, and their pacing.

What belongs here: reading such a request, choosing its bars, IB's limits on such requests. What does not: the bars
(`bars`), messages (`messages`), who asked (`data`).

Days of a duration are counted where there are bars; seconds, weeks, months and years are those of the calendar. Regular
hours are 09:30 to 16:00 on every day.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from simulators.fault_rows import STAMP_FORMAT
from simulators.limits import Limits
from simulators.tws.bars import INTERVALS, Bar, between
from simulators.tws.messages import EASTERN

ALL, OF_CONTRACT, IDENTICAL = (60, 600.0), (5, 2.0), (1, 15.0)
"""Requests and seconds: any, of one contract, with the same fields."""
_DURATION = re.compile(r"(\d{1,5}) ([SDWMY])", re.ASCII)
_END = re.compile(r"(\d{8})(?: +|-)(\d{2}:\d{2}:\d{2})(?: ([\w/+-]+))?", re.ASCII)


class Invalid(ValueError):
    """The request is refused with error 321; the text is its cause."""


@dataclass(frozen=True)
class HistoryRequest:
    """A request for bars up to `end`, excluded; `duration` is a number and one of S, D, W, M, Y."""

    request_id: int
    end: datetime
    size: str
    duration: tuple[int, str]
    regular: bool
    what: str
    epoch: bool
    """Stamps as epoch seconds and not as text."""


def parse(fields: tuple[str, ...], now: datetime) -> HistoryRequest:
    """Reads the fields of a reqHistoricalData behind its id; raises Invalid."""
    end, size, duration, regular, what, form, updates = fields[14:21]
    length = _DURATION.fullmatch(duration)
    if size not in INTERVALS:
        raise Invalid(f"Historical data bar size setting is invalid. Legal ones are: {', '.join(INTERVALS)}")
    if length is None:
        raise Invalid("Historical data query duration is not a number and one of S, D, W, M, Y")
    if updates == "1":
        raise Invalid("The stand-in does not keep historical data up to date")
    return HistoryRequest(
        request_id=int(fields[0]),
        end=parse_time(end) if end else now,
        size=size,
        duration=(int(length[1]), length[2]),
        regular=regular == "1",
        what=what,
        epoch=form == "2",
    )


def parse_time(said: str) -> datetime:
    """A time as clients write it: `YYYYMMDD HH:MM:SS ZONE`, in New York without a zone; with a dash in UTC."""
    match = _END.fullmatch(said)
    try:
        if match is None:
            raise ValueError(said)
        zone = ZoneInfo(match[3]) if match[3] else UTC if "-" in said[:9] else EASTERN
        return datetime.strptime(f"{match[1]} {match[2]}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone)
    except (ValueError, ZoneInfoNotFoundError):
        raise Invalid("The date, time, or time-zone entered is invalid.") from None


def answer(request: HistoryRequest, minutes: pd.DataFrame) -> list[Bar]:
    """The bars asked for, out of these minutes; there may be none."""
    last = int(request.end.timestamp())
    first = _first(request, minutes)
    return between(minutes, first, last, request.size, regular=request.regular)


def _first(request: HistoryRequest, minutes: pd.DataFrame) -> int:
    number, unit = request.duration
    if unit != "D":
        offsets = {
            "S": pd.DateOffset(seconds=number),
            "W": pd.DateOffset(weeks=number),
            "M": pd.DateOffset(months=number),
            "Y": pd.DateOffset(years=number),
        }
        return int((pd.Timestamp(request.end).tz_convert(EASTERN) - offsets[unit]).timestamp())
    stamps = minutes["timestamp"][minutes["timestamp"] < request.end.astimezone(EASTERN).strftime(STAMP_FORMAT)]
    if request.regular:
        stamps = stamps[stamps.str[11:16].between("09:30", "15:59")]
    days = stamps.str[:10].unique()[-number:]
    return int(pd.Timestamp(days[0], tz=EASTERN).timestamp()) if len(days) else 0


class Pacing:
    """IB's limits: 60 requests in 10 minutes, no two alike in 15 seconds, fewer than 6 of a contract in 2 seconds."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._seconds = lambda: now().timestamp()
        self._all = Limits([ALL], self._seconds)
        self._contracts: dict[int, Limits] = {}
        self._requests: dict[tuple[str, ...], Limits] = {}

    def broken(self, contract: int, fields: tuple[str, ...]) -> bool:
        """Counts a request, and whether it is one too many; `fields` are all but its own id."""
        of_contract = self._contracts.setdefault(contract, Limits([OF_CONTRACT], self._seconds))
        alike = self._requests.setdefault(fields, Limits([IDENTICAL], self._seconds))
        # Each of them counts, whether another is broken or not.
        broken = [limits.broken() for limits in (self._all, of_contract, alike)]
        return any(limit is not None for limit in broken)
