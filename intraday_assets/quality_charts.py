"""Pictures of many sessions: which minutes were missing, and how the sessions of a year were judged.

Each picture is drawn from an array of small numbers that a function here makes, so that what is seen can be asked for.
Nothing is told by colour alone: what differs in colour differs in lightness or carries a mark.
"""

from datetime import date, timedelta
from enum import IntEnum

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle

from intraday_assets.pictures import CLOSED, FALL, MISSING, RISE, UNKNOWN, Picture, picture, stacked
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


def missing_minutes(history: VerdictHistory, title: str) -> Picture:
    """A heat map of sessions by New York minute of day, a panel per symbol, the latest session below."""
    rows = len(history.sessions)
    figure, panels = stacked(title, [max(0.35, 0.165 * rows)] * len(history.symbols), left=1.35, below=0.62)
    colours = ListedColormap([MINUTES[minute][0] for minute in Minute])
    names = [_name(one, history.judged.get(one.key)) for one in history.sessions]
    for panel, symbol in zip(panels, history.symbols, strict=True):
        cells = minute_cells(history, symbol)
        extent = (OPENS, CLOSES, rows - 0.5, -0.5)
        # 3 is the last of `Minute`: pixels take the colour of a minute, never of one between two.
        panel.imshow(cells, cmap=colours, vmin=0, vmax=3, aspect="auto", interpolation="nearest", extent=extent)
        _hatch(panel, cells)
        panel.hlines(np.arange(rows - 1) + 0.5, OPENS, CLOSES, color="white", linewidth=1)
        panel.set_yticks(range(rows), names, family="monospace", fontsize=7)
        panel.tick_params(axis="y", length=0)
        panel.set_title(f"{symbol}, {_counted(cells)}", loc="left", fontsize=9, y=1)
    hours = range(10 * 60, CLOSES + 1, 60)
    panels[0].set_xticks(list(hours), [f"{minute // 60}:00" for minute in hours])
    _legend(panels[-1], [(colour, name) for colour, name in MINUTES.values()])
    return picture(figure, title)


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
    cells = day_cells(history, last_day)
    first = first_monday(last_day)
    figure, (panel,) = stacked(title, [0.162 * len(WEEKDAYS)], left=0.5, below=0.36, above=0.55)
    for day, (colour, mark, _) in DAYS.items():
        rows, columns = np.nonzero(cells == day)
        edge = UNKNOWN if day is Day.NO_REPORT else colour
        squares = [Rectangle((x - 0.43, y - 0.43), 0.86, 0.86) for x, y in zip(columns, rows, strict=True)]
        panel.add_collection(PatchCollection(squares, facecolor=colour, edgecolor=edge, linewidth=0.7))
        if mark and len(rows):
            ink = UNKNOWN if day is Day.NO_SESSION else INK if day is Day.WARN else "white"
            panel.plot(
                columns,
                rows,
                linestyle="",
                marker=rf"$\mathrm{{{mark}}}$",
                markersize=5,
                color=ink,
                markeredgewidth=0.2,
            )
    panel.set(xlim=(-0.6, cells.shape[1] - 0.4), ylim=(len(WEEKDAYS) - 0.4, -0.6))
    months = _month_labels(first, cells.shape[1])
    panel.set_xticks(list(months), list(months.values()))
    panel.set_yticks(range(len(WEEKDAYS)), WEEKDAYS)
    panel.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=8)
    panel.set_frame_on(False)
    _legend(panel, [(colour, f"{name} {mark}".strip()) for colour, mark, name in DAYS.values()])
    return picture(figure, title)


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
    return f"{session.key}{mark:10}"


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


def _hatch(panel: Axes, cells: np.ndarray) -> None:
    """Mark what is closed, which is as light as a bar: from the first such minute of a row to the last of the day."""
    width = (CLOSES - OPENS) / cells.shape[1]
    for row in np.flatnonzero(cells[:, -1] == Minute.CLOSED):
        start = OPENS + width * int((cells[row] != Minute.CLOSED).sum())
        square = Rectangle((start, row - 0.5), CLOSES - start, 1, fill=False, hatch="////", linewidth=0)
        square.set_edgecolor(UNKNOWN)
        panel.add_artist(square)


def _legend(panel: Axes, entries: list[tuple[str, str]]) -> None:
    patches = [
        Patch(
            hatch="////" if name == MINUTES[Minute.CLOSED][1] else "",
            facecolor=colour,
            edgecolor=UNKNOWN,
            linewidth=0.5,
            label=name,
        )
        for colour, name in entries
    ]
    panel.figure.legend(
        handles=patches, loc="lower right", ncols=len(entries), fontsize=8, frameon=False, borderpad=0.2
    )
