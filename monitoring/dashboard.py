"""The dashboard: what a person on call sees first, as a page that is made anew for whoever asks.

Here: what it says at its head, and in which order the rest stands; its parts are `monitoring.dashboard_parts`. It is
made of a sample and of what was judged of it, and asks nobody. How it looks stands in `resources/pages/dashboard.html`.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import pandas as pd

from market.sessions import NEW_YORK, Session, session_from, sessions_between
from market.telling import lasting
from monitoring.dashboard_accounts import accounts
from monitoring.dashboard_parts import KINDS, UNKNOWN, alerts, end_of_day, feeds, live, machine
from monitoring.dashboard_sessions import history, minutes
from monitoring.facts import Sample
from monitoring.telling import day_of, moment
from resources.pages.page import MARKS, rendered
from schemas.errors import UnknownSession
from schemas.monitoring import Health, Level
from schemas.quality import Action

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the rest stands in the page, with the digests of its texts
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What goes with the page."""

HEADLINES: Final = {
    Level.HEALTHY: "All is as it should be",
    Level.DEGRADED: "It works, and something is amiss",
    Level.UNHEALTHY: "Somebody must act now",
}
NEXT_STEPS: Final = {
    "database": ("machine", "`intraday doctor database` says what is wrong with it."),
    "feeds": ("feeds", "`intraday feeds` says why; `intraday feeds --reset FEED` trusts one again."),
    "data_freshness": (
        "minutes",
        "`intraday live status` says what is taken in; `intraday run DAY` stores a session that is over.",
    ),
    "disk": ("machine", "Free some room: nothing more can be stored where it is used up."),
    "dagster": (
        "machine",
        "Look at the daemon\N{RIGHT SINGLE QUOTATION MARK}s log; start it again where it has ended.",
    ),
    "live": ("live", "`intraday live status` says how it does; `intraday live` starts it again."),
}
"""By component: the part of the page that says more, and what a person can do. Of the others it depends on why."""
SATURDAY: Final = 5


@dataclass(frozen=True)
class Reason:
    """Why a component is not healthy, and what a person can do about it."""

    component: str
    kind: str
    words: str
    anchor: str
    """Of the part that says more."""
    advice: str


def dashboard(sample: Sample, health: Health, now: datetime) -> str:
    """The page, as HTML.

    Args:
        sample: what is known of the desk.
        health: what was judged of it.
        now: UTC.

    """
    settings, facts = sample.settings, sample.facts
    symbols = ", ".join(settings.symbols)
    return rendered(
        "dashboard.html",
        title=f"{MARKS[KINDS[health.status]]} Intraday {symbols}",
        symbols=symbols,
        environment=settings.environment,
        refresh_seconds=settings.monitoring.refresh_seconds,
        looked=sample.taken_at,
        kind=KINDS[health.status],
        status=health.status,
        headline=HEADLINES[health.status],
        clock=exchange_clock(now),
        old=_old(sample, now),
        reasons=list(_reasons(sample, health)),
        unknown="" if facts is not None else UNKNOWN,
        alerts=alerts(facts, now),
        minutes=minutes(sample, health, now),
        parts=[feeds(sample, health, now), live(sample, health, now)],
        history=history(facts, now),
        accounts=accounts(facts, now),
        later_parts=[end_of_day(facts, now), machine(sample, health)],
    )


def exchange_clock(now: datetime) -> str:
    """What time it is for the exchange, and what it does next."""
    stamp = pd.Timestamp(now)
    local = stamp.tz_convert(NEW_YORK)
    begins = f"It is {day_of(local)}, {moment(now, now)}."
    try:
        found = session_from(stamp)
    except UnknownSession as error:
        return f"{begins} Nobody knows when the exchange opens: {error}"
    half = ", a half day" if found.is_half_day else ""
    if found.open <= stamp:
        left = lasting(found.close - stamp)
        return f"{begins} The exchange is open until {moment(found.close, now)}{half}, for another {left}."
    return f"{begins} The exchange is closed{_because(local.date())}. {_opens(found, local)}{half}."


def _because(day: date) -> str:
    if sessions_between(day, day):
        return ""
    return " for the weekend" if day.weekday() >= SATURDAY else " for a holiday"


def _opens(found: Session, local: pd.Timestamp) -> str:
    at = moment(found.open, found.open)
    if found.day == local.date():
        return f"It opens today at {at}, in {lasting(found.open - local)}"
    return f"The next session opens on {day_of(found.open.tz_convert(NEW_YORK))} at {at}"


def _old(sample: Sample, now: datetime) -> str:
    """From when on what the page tells of the database may not be so any more; empty where it is of now."""
    if sample.facts is None or not sample.database_failure:
        return ""
    return f"The database has not answered since {moment(sample.facts.taken_at, now)}: what it told stands below."


def _reasons(sample: Sample, health: Health) -> Iterator[Reason]:
    """The gravest first; none of what is not known, which each part says by itself."""
    found = health.components.each().items()
    for name, component in sorted(found, key=lambda one: -one[1].level.rank):
        if component.reason and component.status != "unknown":
            step = _next_step(name, sample)
            yield Reason(name.replace("_", " "), KINDS[component.level], component.reason, *step)


def _next_step(name: str, sample: Sample) -> tuple[str, str]:
    if name == "broker":
        return "accounts", " ".join(_broker_steps(sample))
    if name == "quality":
        judged = None if sample.facts is None else sample.facts.judgement
        if judged is None or judged.action is not Action.BLOCK:
            return "end-of-day", "What to do stands there; `intraday eod` looks again once it is mended."
        found = f"`intraday gate --session {judged.session}` says what was found"
        return "sessions", f"{found}; `intraday run {judged.session} --refresh` asks the feeds again."
    return NEXT_STEPS[name]


def _broker_steps(sample: Sample) -> Iterator[str]:
    """A step for each thing that is amiss, in the order in which they are taken."""
    held = () if sample.facts is None else sample.facts.accounts
    if sample.broker is not None and sample.broker.failure:
        yield "`intraday doctor ib` says why it does not answer."
    if any(one.drift for account in held for one in account.reconciled):
        yield "`intraday positions reconcile` compares the books again."
    for symbol in dict.fromkeys(halt.symbol for account in held for halt in account.halts):
        command = shlex.join(filter(None, ("intraday", "orders", "resume", symbol)))
        yield f"Once the reason of the halt is gone, `{command}` allows orders again."
