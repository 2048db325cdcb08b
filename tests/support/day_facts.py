"""A day that ended well, as facts by hand, and what a test changes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from market.day_facts import (
    Backup,
    Backups,
    Books,
    DayEvents,
    DayFacts,
    Judgement,
    Landed,
    Room,
    SymbolDay,
    Today,
)
from market.end_of_day import judge
from market.sessions import BarSize, Session, session
from resources.settings_sections import EodSettings
from schemas.broker import Compared
from schemas.end_of_day import EodCheck, EodReport
from schemas.quality import Action, Span

FULL: Final = session("2020-11-24")
"""Opens at 14:30 UTC, 390 minutes; in New York it is five hours earlier."""
HALF: Final = session("2020-11-27")
"""Closes at 18:00 UTC, 210 minutes."""
LOOKED_AT: Final = datetime(2020, 11, 24, 21, 30, tzinfo=UTC)
LIMITS: Final = EodSettings(
    completeness=0.95,
    gate_passed=0.8,
    gate_sessions=20,
    freshness_seconds=7200,
    free_bytes=10**9,
    errors=10,
    backup_folder=None,
    backup_age_hours=26,
)
PASSED: Final = Judgement("2020-11-24", Action.CONTINUE)
BLOCKED: Final = Judgement("2020-11-24", Action.BLOCK, ("missing_ratio of NVDA",))


def facts(of_session: Session = FULL, today: dict[str, Any] | None = None, **changed: Any) -> DayFacts:
    """A good day's, but for what is changed."""
    whole = len(of_session.minutes(BarSize.ONE_MINUTE))
    good = DayFacts(
        session=of_session,
        bar_size=BarSize.ONE_MINUTE,
        looked_at=LOOKED_AT,
        symbols=tuple(SymbolDay(symbol, whole, (), of_session.close) for symbol in ("NVDA", "MSFT")),
        history=(replace(PASSED, session=of_session.key),),
        events=DayEvents(),
        today=Today(
            room=(Room("home", "/srv/intraday", 45 * 10**9), Room("landing", "/srv/landing", 45 * 10**9)),
            landed=Landed(sound=12, changed=(), unchecked=0),
            backups=Backups("/srv/backups", Backup("intraday-20201124T033000Z.backup", ago(18))),
            books=Books("DU***67", (Compared("NVDA", Decimal(30), Decimal(30)),), ago(0.5)),
        ),
    )
    return replace(good, today=replace(good.today, **(today or {})), **changed)


def ago(hours: float) -> datetime:
    """So long before it was looked at."""
    return LOOKED_AT - timedelta(hours=hours)


def lacking(symbol: str, count: int, of_session: Session = FULL, first: int = 30) -> SymbolDay:
    """A symbol of which so many minutes in a row are not stored, from the `first` on."""
    minutes = of_session.minutes(BarSize.ONE_MINUTE)
    gap = minutes[first : first + count]
    missing = (Span(first=gap[0].isoformat(), last=gap[-1].isoformat(), bars=count),) if count else ()
    return SymbolDay(symbol, len(minutes) - count, missing, of_session.close)


def fresh(symbol: str, seconds: float, of_session: Session = FULL) -> SymbolDay:
    """A symbol whose newest bar ends so long before the close."""
    return SymbolDay(symbol, 380, (), of_session.close - pd.Timedelta(seconds=seconds))


def report(given: DayFacts) -> EodReport:
    """As it is judged."""
    return judge(given, LIMITS, "staging", ("NVDA", "MSFT"))


def check(given: DayFacts, name: str, of: str | None = None) -> EodCheck:
    """The one check of that name, and where there are several, of that subject."""
    (found,) = [one for one in report(given).checks if one.name == name and of in (None, one.of)]
    return found
