"""The verdicts of many sessions: what is kept of each report when they are looked at together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from market.sessions import BarSize, Session, exchange_calendar, session, sessions_between
from schemas.quality import Action, QualityReport, Verdict

COUNTS_MISSING = "missing_ratio"
"""The rule that holds every missing minute against a symbol."""


@dataclass(frozen=True)
class Judged:
    """What the newest report of a session says."""

    session: Session
    verdict: Verdict
    action: Action
    accepted: bool
    """Whether a person let it pass."""
    missing: Mapping[str, pd.DatetimeIndex]
    """By symbol, the exchange's minutes without a bar, start of bar, UTC; no symbol that was not counted."""


@dataclass(frozen=True)
class VerdictHistory:
    """The sessions of a range, and of those that have a report what it says."""

    sessions: tuple[Session, ...]
    """Every one the exchange had, ascending."""
    bar_size: BarSize
    symbols: tuple[str, ...]
    judged: Mapping[str, Judged]
    """By session key."""

    def last(self, count: int) -> "VerdictHistory":
        """Its last sessions."""
        return replace(self, sessions=self.sessions[-count:])


def judged(report: QualityReport) -> Judged:
    """What is kept of a report."""
    counted = {one.symbol: one.held_against for one in report.findings if one.rule == COUNTS_MISSING and one.symbol}
    missing = {symbol: pd.DatetimeIndex(stamps, tz="UTC") for symbol, stamps in counted.items()}
    return Judged(session(report.session), report.verdict, report.action, report.accepted is not None, missing)


def verdict_history(
    first: date, last: date, bar_size: BarSize, symbols: Iterable[str], found: Iterable[Judged]
) -> VerdictHistory:
    """What was found of the sessions from `first`, or from the calendar's first one, to `last`, both included."""
    of_range = tuple(sessions_between(max(first, exchange_calendar().first_session.date()), last))
    return VerdictHistory(of_range, bar_size, tuple(symbols), {one.session.key: one for one in found})
