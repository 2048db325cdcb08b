"""Times as the exchange's people read them, in New York, to the minute; and amounts. What they are of is not here."""

from datetime import timedelta
from typing import Final

import pandas as pd

from market.sessions import NEW_YORK, Session
from schemas.end_of_day import EodCheck, Unit
from schemas.quality import Span

SECONDS_OF: Final = {Unit.SECONDS: 1, Unit.HOURS: 3_600}


def new_york(stamp: str | pd.Timestamp) -> str:
    """A UTC instant as `10:44`."""
    return f"{pd.Timestamp(stamp).tz_convert(NEW_YORK):%H:%M}"


def written_day(session: Session) -> str:
    """The session's New York date as people write it: `Friday, 27 November 2020`."""
    return f"{session.day:%A, %-d %B %Y}"


def trading_hours(session: Session) -> str:
    """When the exchange trades: `09:30 to 13:00 New York time (half day)`."""
    half = " (half day)" if session.is_half_day else ""
    return f"{new_york(session.open)} to {new_york(session.close)} New York time{half}"


def time_of(span: Span) -> str:
    """A span as `10:00 to 10:44 (45 bars)`, a single bar as `10:44`."""
    if span.bars == 1:
        return new_york(span.first)
    return f"{new_york(span.first)} to {new_york(span.last)} ({span.bars} bars)"


def on_both_clocks(span: Span) -> str:
    """A span for whoever reads New York's clock or UTC: `10:00 to 10:44 New York (15:00 to 15:44 UTC)`."""
    here, there = (
        " to ".join(dict.fromkeys(f"{pd.Timestamp(stamp).tz_convert(zone):%H:%M}" for stamp in (span.first, span.last)))
        for zone in (NEW_YORK, "UTC")
    )
    return f"{here} New York ({there} UTC)"


def lasting(time: timedelta) -> str:
    """A length of time in its two greatest units: `45 s`, `4 min`, `2 h 10 min`, `3 d 4 h`."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if hours == 0:
        return f"{minutes} min"
    greater, lesser = (f"{days} d", f"{hours % 24} h") if days else (f"{hours} h", f"{minutes % 60} min")
    return greater if lesser.startswith("0 ") else f"{greater} {lesser}"


def amount(value: float, unit: Unit) -> str:
    """A value for a person: `98.2 %`, `1.00 GB`, `3 d 4 h`, `1,234,567 shares`."""
    if unit is Unit.RATIO:
        return f"{value:.1%}".replace("%", " %")
    if unit is Unit.BYTES:
        return f"{value / 10**9:,.2f} GB"
    if unit in SECONDS_OF:
        return lasting(timedelta(seconds=value * SECONDS_OF[unit]))
    number = f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{number} {unit if value != 1 else unit.removesuffix('s')}"


def measured_of(check: EodCheck) -> tuple[str, str]:
    """What was measured, empty where nothing was, and what is asked for: `88.5 %`, `at least 95.0 %`."""
    value = "" if check.value is None else amount(check.value, check.unit)
    return value, f"{check.bound} {amount(check.threshold, check.unit)}"
