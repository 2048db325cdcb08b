"""Pictures of many sessions: which minutes were missing, and how the sessions of a year were judged.

Each picture is drawn from an array of small numbers that a function here makes, so that what is seen can be asked for.
Nothing is told by colour alone: what differs in colour differs in lightness or carries a mark.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from enum import IntEnum

import numpy as np
import pandas as pd

from intraday_assets.pictures import (
    CLOSED,
    FALL,
    HATCHED,
    MISSING,
    RIGHT,
    RISE,
    UNKNOWN,
    WIDTH,
    Picture,
    legend,
    picture,
    words,
)
from market.quality.verdicts import Judged, VerdictHistory
from market.sessions import NEW_YORK, BarSize, Session
from schemas.quality import Verdict

OPENS, CLOSES = 9 * 60 + 30, 16 * 60
"""The minutes of a New York day between which the exchange trades on a whole day."""
INK = "#1f2933"
ERROR, ACCEPTED, THERE = "#6d2b6b", "#2f6da8", "#dcefe6"


class Minute(IntEnum):
    """What is known of one minute of one session."""

    THERE = 0
    MISSING = 1
    CLOSED = 2
    UNKNOWN = 3


MINUTES = {
    Minute.THERE: (THERE, "bar"),
    Minute.MISSING: (MISSING, "missing"),
    Minute.CLOSED: (CLOSED, "closed"),
    Minute.UNKNOWN: (UNKNOWN, "not judged"),
}


class Day(IntEnum):
    """What is known of one day of a calendar."""

    OUTSIDE = 0
    NO_SESSION = 1
    NO_REPORT = 2
    PASS = 3
    WARN = 4
    FAIL = 5
    ERROR = 6
    ACCEPTED = 7


DAYS: dict[Day, tuple[str, str, str]] = {
    Day.PASS: (RISE, "", "PASS"),
    Day.WARN: (MISSING, "!", "WARN"),
    Day.FAIL: (FALL, "\N{MULTIPLICATION SIGN}", "FAIL"),
    Day.ERROR: (ERROR, "?", "ERROR"),
    Day.ACCEPTED: (ACCEPTED, "A", "accepted by a person"),
    Day.NO_REPORT: ("#ffffff", "", "no report"),
    Day.NO_SESSION: (CLOSED, "\N{EN DASH}", "no session"),
}
"""Colour, mark and name."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
ABOVE, ROW, BETWEEN, BELOW, NAMES = 42, 13.2, 27, 46, 122
"""Of a heat map, pixels: over the first panel, of a session, between two panels, under the last, left of them."""
CALENDAR_ABOVE, CALENDAR_BELOW, DAY_NAMES = 46, 30, 40
"""The same of a calendar."""


def missing_minutes(history: VerdictHistory, title: str) -> Picture:
    """A heat map of sessions by New York minute of day, a panel per symbol, the latest session below."""
    panel = max(2, len(history.sessions)) * ROW
    parts: list[str] = []
    for place, symbol in enumerate(history.symbols):
        top, cells = ABOVE + place * (panel + BETWEEN), minute_cells(history, symbol)
        parts.append(words(f"{symbol}, {_counted(cells)}", NAMES, top - 6))
        parts += _rows(cells, top)
        for row, session in enumerate(history.sessions):
            parts.append(words(_name(session, history.judged.get(session.key)), 4, top + (row + 0.75) * ROW, size=9))
    bottom = ABOVE + len(history.symbols) * (panel + BETWEEN) - BETWEEN
    for minute in range(10 * 60, CLOSES + 1, 60):
        x = NAMES + (minute - OPENS) * (WIDTH - NAMES - RIGHT) / (CLOSES - OPENS)
        parts.append(f'<path d="M{x:.1f} {bottom:.1f}v4" stroke="{INK}"/>')
        parts.append(words(f"{minute // 60}:00", x, bottom + 15, anchor="middle"))
    parts.append(legend(((colour, name, colour == CLOSED) for colour, name in MINUTES.values()), bottom + 36))
    return picture(title, bottom + BELOW, parts)


def _rows(cells: np.ndarray, top: float) -> Iterator[str]:
    """The minutes of a panel: of each kind a stroke from its first to its last in a row; what is closed is hatched."""
    width = (WIDTH - NAMES - RIGHT) / cells.shape[1]
    strokes: dict[Minute, list[str]] = {minute: [] for minute in Minute}
    for row, minutes in enumerate(cells):
        begins = np.flatnonzero(np.append(True, minutes[1:] != minutes[:-1]))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(minutes)], strict=True):
            x, y = NAMES + begin * width, top + (row + 0.5) * ROW
            strokes[Minute(int(minutes[begin]))].append(f"M{x:.1f} {y:.1f}h{(end - begin) * width:.1f}")
    for minute, lines in strokes.items():
        for colour in (MINUTES[minute][0], *([HATCHED] if minute is Minute.CLOSED else [])) if lines else ():
            yield f'<path d="{"".join(lines)}" stroke="{colour}" stroke-width="{ROW - 1:.1f}"/>'


def minute_cells(history: VerdictHistory, symbol: str) -> np.ndarray:
    """The heat map of one symbol: uint8 of shape (sessions, bars of a whole day), each a `Minute`."""
    columns = (CLOSES - OPENS) // _minutes(history.bar_size)
    cells = np.full((len(history.sessions), columns), Minute.CLOSED, dtype="uint8")
    for row, session in zip(cells, history.sessions, strict=True):
        judged = history.judged.get(session.key)
        missing = None if judged is None else judged.missing.get(symbol)
        traded = _columns(session.minutes(history.bar_size), history.bar_size)
        row[traded] = Minute.UNKNOWN if missing is None else Minute.THERE
        if missing is not None:
            row[_columns(missing, history.bar_size)] = Minute.MISSING
    return cells


def verdict_calendar(history: VerdictHistory, last_day: date, title: str) -> Picture:
    """The verdicts of the year that ends with `last_day`: weeks from left to right, weekdays from above."""
    cells, first = day_cells(history, last_day), first_monday(last_day)
    side = (WIDTH - DAY_NAMES - RIGHT) / cells.shape[1]
    bottom = CALENDAR_ABOVE + side * len(WEEKDAYS)
    parts = [
        words(name, DAY_NAMES - 6, CALENDAR_ABOVE + (row + 0.75) * side, anchor="end", size=9)
        for row, name in enumerate(WEEKDAYS)
    ]
    for week, month in _month_labels(first, cells.shape[1]).items():
        parts.append(words(month, DAY_NAMES + (week + 0.5) * side, CALENDAR_ABOVE - 6, anchor="middle", size=9))
    for day, (colour, mark, _) in DAYS.items():
        parts += _squares(np.argwhere(cells == day).tolist(), day, colour, mark, side)
    named = [(colour, f"{name} {mark}".strip(), False) for colour, mark, name in DAYS.values()]
    return picture(title, bottom + CALENDAR_BELOW, [*parts, legend(named, bottom + 22)])


def _squares(places: list[list[int]], day: Day, colour: str, mark: str, side: float) -> Iterator[str]:
    """A square a day, and its mark: of a colour that can be read on it."""
    edge = UNKNOWN if day is Day.NO_REPORT else colour
    ink = UNKNOWN if day is Day.NO_SESSION else INK if day is Day.WARN else "#fff"
    corners = [(DAY_NAMES + (week + 0.07) * side, CALENDAR_ABOVE + (row + 0.07) * side) for row, week in places]
    wide = 0.86 * side
    squares = "".join(f"M{x:.1f} {y:.1f}h{wide:.1f}v{wide:.1f}h-{wide:.1f}z" for x, y in corners)
    yield f'<path d="{squares}" fill="{colour}" stroke="{edge}" stroke-width="0.7"/>' if squares else ""
    for x, y in corners if mark else ():
        yield words(mark, x + wide / 2, y + side * 0.68, anchor="middle", size=9, colour=ink)


def day_cells(history: VerdictHistory, last_day: date) -> np.ndarray:
    """The calendar: uint8 of shape (weekdays, weeks), each a `Day`; the first week has the day a year before."""
    begins, monday = _year_before(last_day), first_monday(last_day)
    traded = {session.day: history.judged.get(session.key) for session in history.sessions}
    cells = np.full((len(WEEKDAYS), (last_day - monday).days // 7 + 1), Day.OUTSIDE, dtype="uint8")
    for offset in range((begins - monday).days, (last_day - monday).days + 1):
        day = monday + timedelta(days=offset)
        if day.weekday() < len(WEEKDAYS):
            cells[day.weekday(), offset // 7] = _kind(traded[day]) if day in traded else Day.NO_SESSION
    return cells


def first_monday(last_day: date) -> date:
    """The Monday of a calendar's first week."""
    begins = _year_before(last_day)
    return begins - timedelta(days=begins.weekday())


def year_until(last_day: date) -> tuple[date, date]:
    """The first and the last day of a calendar."""
    return _year_before(last_day), last_day


def _year_before(last_day: date) -> date:
    return last_day - timedelta(days=364)


def _kind(judged: Judged | None) -> Day:
    if judged is None:
        return Day.NO_REPORT
    return Day.ACCEPTED if judged.accepted else Day[judged.verdict.name]


def _name(session: Session, judged: Judged | None) -> str:
    """The label of a row: a session's day, and a mark where it did not pass."""
    if judged is None:
        return f"{session.key} no report"
    mark = "" if judged.verdict is Verdict.PASS else f" {judged.verdict}"
    return f"{session.key}{mark}"


def _counted(cells: np.ndarray) -> str:
    missing, judged = int((cells == Minute.MISSING).sum()), int((cells <= Minute.MISSING).sum())
    return f"{missing or 'none'} of {judged} bars missing"


def _columns(stamps: pd.DatetimeIndex, bar_size: BarSize) -> np.ndarray:
    local = stamps.tz_convert(NEW_YORK)
    minute_of_day = local.hour.to_numpy("int64") * 60 + local.minute.to_numpy("int64")
    return np.asarray((minute_of_day - OPENS) // _minutes(bar_size))


def _minutes(bar_size: BarSize) -> int:
    return int(bar_size.delta / pd.Timedelta(minutes=1))


def _month_labels(monday: date, weeks: int) -> dict[int, str]:
    """By week, the month that begins in it; the year stands with January and with the first."""
    labels: dict[int, str] = {}
    for week in range(weeks):
        friday = monday + timedelta(days=7 * week + 4)
        if friday.day <= 7:
            labels[week] = f"{friday:%b %Y}" if friday.month == 1 or not labels else f"{friday:%b}"
    return labels
