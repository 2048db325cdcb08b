"""The parts of the dashboard that are about sessions: the minutes of the newest, and the verdicts of the last ones."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from market.quality.rule import spans
from market.sessions import NEW_YORK, BarSize
from market.telling import lasting
from monitoring.dashboard_parts import Line, Sign, sign_of
from monitoring.facts import Facts, Sample, SymbolBars, WatchedSession
from monitoring.freshness import runs_live, stale_after
from monitoring.telling import day_of, moment
from resources.pages.strips import Strip, hour_marks, strip
from schemas.monitoring import Health
from schemas.quality import Span, Verdict
from schemas.words import first_of


@dataclass(frozen=True)
class Minutes:
    """The session's minutes."""

    sign: Sign
    session: str
    strips: tuple[Strip, ...]
    hours: list[tuple[str, float]]
    newest: tuple[Line, ...]
    """Of each symbol."""


@dataclass(frozen=True)
class Mark:
    """A session in the row of the last ones."""

    kind: str
    short: str
    """Its day, for eyes."""
    said: str
    """Its day and how it stands, for ears."""


@dataclass(frozen=True)
class History:
    """The last sessions."""

    marks: tuple[Mark, ...]
    """Oldest first."""
    tally: str


def minutes(sample: Sample, health: Health, now: datetime) -> Minutes | None:
    """The minutes of the session that goes on, or of the last one; None where nothing is known."""
    facts = sample.facts
    if facts is None:
        return None
    session, bar_size = facts.session, sample.settings.bar_size
    due = _due(sample, facts)
    half = " (half day)" if session.is_half_day else ""
    hours = f"{moment(session.open, session.open)} to {moment(session.close, session.open)}{half}"
    return Minutes(
        sign_of(health.components.data_freshness),
        f"{day_of(session.open.tz_convert(NEW_YORK))}, {hours}",
        tuple(_strip(bars, facts, bar_size, due) for bars in facts.bars),
        hour_marks(session),
        tuple(_newest(sample, bars, bar_size, now) for bars in facts.bars),
    )


def _due(sample: Sample, facts: Facts) -> int:
    """How many bars of the session should be there: those over for longer than a bar may take to come.

    While a session goes on and no live process takes it in, none: the run after the close is for them.
    """
    session, bar_size = facts.session, sample.settings.bar_size
    whole = len(session.minutes(bar_size))
    if facts.taken_at >= session.close:
        return whole
    newest = max((bars.last for bars in facts.bars if bars.last is not None), default=None)
    there = 0 if newest is None else (newest - session.open) // bar_size.delta + 1
    over = (
        (facts.taken_at - stale_after(sample.settings) - session.open) // bar_size.delta + 1 if runs_live(facts) else 0
    )
    return int(min(whole, max(there, over, 0)))


def _strip(bars: SymbolBars, facts: Facts, bar_size: BarSize, due: int) -> Strip:
    delta = bar_size.delta
    missing = [*_missing(bars, facts.session.open + due * delta, delta)]
    withheld = [one.start for one in facts.told if one.withheld]
    late = [one.start for one in facts.told if bars.symbol in one.missing and not _lacks(bars, one.start)]
    said = {
        "withheld from consumers": spans(pd.DatetimeIndex(withheld), delta),
        "late": spans(pd.DatetimeIndex(late), delta),
    }
    return strip(bars.symbol, facts.session, bar_size, missing, said, due)


def _missing(bars: SymbolBars, until: datetime, delta: timedelta) -> Iterator[Span]:
    """The gaps of a symbol, as far as its bars are due."""
    for first, gap_end in bars.gaps:
        end = min(gap_end, until)
        if first < end:
            yield Span(first=first.isoformat(), last=(end - delta).isoformat(), bars=(end - first) // delta)


def _lacks(bars: SymbolBars, start: datetime) -> bool:
    return any(first <= start < end for first, end in bars.gaps)


def _newest(sample: Sample, bars: SymbolBars, bar_size: BarSize, now: datetime) -> Line:
    newest = sample.latest(bars.symbol)
    if newest is None:
        return Line(bars.symbol, "nothing is stored of it")
    ended = newest + bar_size.delta
    sources = f", from {' and '.join(bars.sources)}" if bars.sources else ""
    return Line(bars.symbol, f"newest bar {moment(newest, now)}, which ended {lasting(now - ended)} ago{sources}")


def history(facts: Facts | None, now: datetime) -> History | None:
    """The last sessions; None where nothing is known."""
    if facts is None:
        return None
    stands = [(watched.session.day, *_stands(watched, now)) for watched in facts.sessions]
    marks = tuple(Mark(kind, f"{day:%-d %b}", f"{day_of(day)}: {said}") for day, kind, said in stands)
    days: defaultdict[str, list[str]] = defaultdict(list)
    for day, _, said in stands:
        days[said].append(f"{day:%-d %b}")
    passed = days.pop(Verdict.PASS, [])
    named = (f"{said}: {first_of(of, 'day')}" for said, of in days.items())
    return History(marks, "; ".join([f"{len(passed)} {Verdict.PASS}", *named]))


def _stands(watched: WatchedSession, now: datetime) -> tuple[str, str]:
    """The kind of its mark, and in words what became of a session."""
    judgement = watched.judgement
    if judgement is not None:
        blocked = ", blocked" if watched.blocked else ""
        accepted = ", accepted by a person" if judgement.accepted else ""
        return judgement.verdict.lower(), f"{judgement.verdict}{blocked}{accepted}"
    if watched.missing(now):
        return "fail", "missing"
    return "idle", "going on" if now < watched.session.close else "not judged"
