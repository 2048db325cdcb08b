"""How a session's day ended: facts in, a report out. Where the facts come from is `resources.end_of_day`'s matter.

A check whose fact is `Unknown` is never good: it is an ERROR where it was to be looked at, and has no verdict where it
was not. What is not good says what a person does about it, with the command to type.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from shlex import quote

import pandas as pd

from market.day_facts import Books, DayEvents, DayFacts, EodLimits, Judgement, Landed, Room, SymbolDay, Unknown
from market.sessions import NEW_YORK, Session, sessions_before
from market.telling import amount, lasting, on_both_clocks
from schemas.end_of_day import Bound, CheckName, EodCheck, EodReport, Unit
from schemas.quality import Span, Verdict
from schemas.words import counted, first_of

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def judge(facts: DayFacts, limits: EodLimits, environment: str, symbols: Sequence[str]) -> EodReport:
    """The report of a session's end of day. Equal facts, equal report: the only clock is the facts' own."""
    return EodReport(
        session=facts.session.key,
        environment=environment,
        bar_size=facts.bar_size.value,
        symbols=tuple(symbols),
        made_at=facts.looked_at,
        checks=tuple(check for look in CHECKS for check in look(facts, limits)),
    )


@dataclass(frozen=True)
class Question:
    """What a check asks: everything about it but the answer."""

    name: CheckName
    unit: Unit
    bound: Bound
    threshold: float
    of: str | None = None
    missing: tuple[Span, ...] = ()
    """Of completeness: the session's bars that are not stored."""

    def about(self, of: str) -> "Question":
        """The same of one symbol, folder or account."""
        return replace(self, of=of)

    def unknown(self, fact: Unknown) -> EodCheck:
        """The answer where nobody knows."""
        return self._answer(Verdict.ERROR if fact.advice else None, None, fact.why, fact.advice)

    def nothing(self, why: str) -> EodCheck:
        """The answer where there is nothing that could be good or bad."""
        return self._answer(None, None, why)

    def measured(self, value: float, said: str, advice: str) -> EodCheck:
        """The answer by the threshold; where it holds, there is nothing to do."""
        if self.bound.holds(value, self.threshold):
            return self._answer(Verdict.PASS, value, said)
        return self._answer(Verdict.FAIL, value, said, advice)

    def failed(self, said: str, advice: str) -> EodCheck:
        """The answer where what was to be measured is not there."""
        return self._answer(Verdict.FAIL, None, said, advice)

    def warned(self, value: float | None, said: str, advice: str) -> EodCheck:
        """The answer where nothing is wrong, and a person should look all the same."""
        return self._answer(Verdict.WARN, value, said, advice)

    def _answer(self, verdict: Verdict | None, value: float | None, said: str, advice: str = "") -> EodCheck:
        return EodCheck(
            name=self.name,
            of=self.of,
            verdict=verdict,
            value=value,
            unit=self.unit,
            bound=self.bound,
            threshold=self.threshold,
            missing=self.missing,
            said=said,
            recommendation=advice,
        )


Look = Callable[[DayFacts, EodLimits], Iterator[EodCheck]]


def _completeness(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """Of each symbol, the share of the session's bars that are stored."""
    asks = Question(CheckName.COMPLETENESS, Unit.RATIO, Bound.AT_LEAST, limits.completeness)
    if isinstance(facts.symbols, Unknown):
        yield asks.unknown(facts.symbols)
        return
    for one in facts.symbols:
        yield _complete(replace(asks, of=one.symbol, missing=one.missing), one, facts, facts.judgement)


def _complete(asks: Question, one: SymbolDay, facts: DayFacts, judgement: Judgement | None) -> EodCheck:
    expected, day = len(facts.session.minutes(facts.bar_size)), facts.session.key
    share = one.stored / expected
    said = f"{one.stored} of {expected} bars of {one.symbol} are stored ({amount(share, Unit.RATIO)})."
    if one.stored and one.missing:
        said += f" Missing: {_gaps(one.missing)}."
    advice = f"Ask the feeds again for {_gaps(one.missing)} of {one.symbol}: `intraday run {day} --refresh`."
    if judgement is None and not isinstance(facts.history, Unknown):
        advice = f"Make the session, which nobody has judged yet: `intraday run {day}`."
    elif judgement is not None and not judgement.passed:
        said += f" The gate blocks the session: {', '.join(judgement.blocking)}."
        lacking = judgement.lacking.get(one.symbol)
        lacks = f"{one.symbol} lacks {_gaps(lacking)}. " if lacking else ""
        advice = (
            f"{lacks}Ask the feeds again with `intraday run {day} --refresh`, look at what the gate holds against the "
            f"session with `intraday gate --session {day}`, or, where a person may, accept it: `intraday gate accept "
            f"{day} --reason …`."
        )
    return asks.measured(share, said, advice)


def _gate_history(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """The share of the last judged sessions that passed."""
    asks = Question(CheckName.GATE_HISTORY, Unit.RATIO, Bound.AT_LEAST, limits.gate_passed)
    if isinstance(facts.history, Unknown):
        yield asks.unknown(facts.history)
        return
    history = facts.history[: limits.gate_sessions]
    if not history:
        yield asks.nothing("No session was judged yet.")
        return
    blocked = [one for one in history if not one.passed]
    passed = len(history) - len(blocked)
    said = f"{passed} of the last {counted(len(history), 'judged session')} passed the gate."
    advice = ""
    if blocked:
        named = [f"{one.session} ({', '.join(one.blocking)})" for one in blocked]
        said += f" Blocked: {first_of(named, 'session')}."
        advice = (
            f"See why with `intraday gate --from {history[-1].session} --to {history[0].session}`, and ask the feeds "
            f"again, a session at a time: `intraday run {blocked[0].session} --refresh`."
        )
    yield asks.measured(passed / len(history), said, advice)


def _freshness(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """Of each symbol, how long before the close its newest stored bar ends."""
    asks = Question(CheckName.FRESHNESS, Unit.SECONDS, Bound.BELOW, limits.freshness_seconds)
    if isinstance(facts.symbols, Unknown):
        yield asks.unknown(facts.symbols)
        return
    close = facts.session.close
    for one in facts.symbols:
        advice = f"Bring {one.symbol} up to the close {_moment(close)}: `intraday run {facts.session.key} --refresh`."
        asked = asks.about(one.symbol)
        if one.newest is None:
            yield asked.failed(f"No bar of {one.symbol} up to the close is stored.", advice)
        else:
            age = close - one.newest
            when = f"{_moment(one.newest)}, {lasting(age)} before the close" if age else "with the session"
            said = f"The newest bar of {one.symbol} ends {when}."
            yield asked.measured(age.total_seconds(), said, advice)


def _disk(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """The room on the disks of home and landing zone."""
    asks = Question(CheckName.DISK, Unit.BYTES, Bound.AT_LEAST, limits.free_bytes)
    if isinstance(facts.today.room, Unknown):
        yield asks.unknown(facts.today.room)
        return
    for one in facts.today.room:
        yield _room(asks.about(one.name), one)


def _room(asks: Question, one: Room) -> EodCheck:
    if isinstance(one.free, Unknown):
        return asks.unknown(one.free)
    setting = "INTRADAY_HOME" if one.name == "home" else "storage.landing"
    said = f"{one.free / 10**9:,.2f} GB are free for {one.folder}."
    advice = f"Make room on the disk of {one.folder}, or move it ({setting}); then `intraday doctor disk`."
    return asks.measured(one.free, said, advice)


def _errors(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """What went wrong on the New York day."""
    asks = Question(CheckName.ERRORS, Unit.ERRORS, Bound.BELOW, limits.errors)
    if isinstance(facts.events, Unknown):
        yield asks.unknown(facts.events)
    elif isinstance(facts.history, Unknown):
        yield asks.unknown(facts.history)
    else:
        found = [*_troubles(facts.events), *_uncomputed(facts)]
        number = sum(one.count for one in found)
        said = f"{counted(number, 'error')} on {facts.session.key}{': ' if found else ''}"
        looks = ", ".join(dict.fromkeys(one.command for one in found))
        said += f"{'; '.join(one.said for one in found)}."
        yield asks.measured(number, said, f"Look at them, and mend what they say: {looks}.")


@dataclass(frozen=True)
class Trouble:
    """Errors of one kind."""

    count: int
    said: str
    command: str
    """Shows them."""


def _troubles(events: DayEvents) -> Iterator[Trouble]:
    """A feed given up is an error each time, and so is an order's event that cannot be; bars kept back are one."""
    for feed, count in sorted(events.feeds_down.items()):
        yield Trouble(count, f"{feed} was given up {counted(count, 'time')}", "`intraday feeds`")
    if events.quarantined:
        orders = list(dict.fromkeys(events.quarantined))
        said = f"{counted(len(events.quarantined), 'event')} that cannot be, of {first_of(orders, 'order')}"
        yield Trouble(len(events.quarantined), said, f"`intraday orders show {quote(orders[0])}`")
    if events.withheld:
        yield Trouble(1, f"live kept back {counted(events.withheld, 'bar')}", "`intraday live status`")


def _uncomputed(facts: DayFacts) -> Iterator[Trouble]:
    """Each rule that the gate could not compute is an error."""
    judgement = facts.judgement
    if judgement is not None and judgement.not_computed:
        rules = judgement.not_computed
        said = f"the gate could not compute {first_of(rules, 'rule')}"
        yield Trouble(len(rules), said, f"`intraday gate --session {facts.session.key}`")


def _file_integrity(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """Whether what is landed still is what was landed."""
    asks = Question(CheckName.FILE_INTEGRITY, Unit.FILES, Bound.AT_MOST, 0)
    yield (
        asks.unknown(facts.today.landed)
        if isinstance(facts.today.landed, Unknown)
        else _files(asks, facts.today.landed)
    )


def _files(asks: Question, landed: Landed) -> EodCheck:
    unchecked = (
        f" {counted(landed.unchecked, 'file')} of which no checksum was kept: unchecked." if landed.unchecked else ""
    )
    if not landed.sound and not landed.changed:
        return asks.nothing(unchecked.strip() or "Nothing is landed yet.")
    changed = f"{len(landed.changed)} changed since{': ' if landed.changed else ''}{first_of(landed.changed, 'file')}"
    left = f" {counted(landed.left, 'older file')} not looked at." if landed.left else ""
    days = sorted({found[0] for name in landed.changed if (found := DAY.search(name))})
    again = first_of([f"`intraday run {day} --refresh`" for day in days], "session") or "`intraday run DAY --refresh`"
    advice = (
        f"The disk, or somebody, changed {first_of(landed.changed, 'file')}. Look at the disk, move the "
        f"{'file' if len(landed.changed) == 1 else 'files'} away and have the sessions made again: {again}."
    )
    said = f"{counted(landed.sound, 'file')} as landed, {changed}.{unchecked}{left}"
    return asks.measured(len(landed.changed), said, advice)


def _backups(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """The age of the newest complete backup."""
    asks, found = Question(CheckName.BACKUPS, Unit.HOURS, Bound.AT_MOST, limits.backup_age_hours), facts.today.backups
    if isinstance(found, Unknown):
        yield asks.unknown(found)
        return
    advice = f"Make one: `intraday db backup {quote(found.folder.rstrip('/') + '/')}`."
    broken = f" Broken or of the future: {first_of(found.broken, 'one')}." if found.broken else ""
    broken += f" Not understood: {first_of(found.others, 'one')}." if found.others else ""
    if found.newest is None:
        yield asks.failed(f"There is no backup in {found.folder}.{broken}", advice)
        return
    age = facts.looked_at - found.newest.made_at
    said = f"The newest backup, {found.newest.name}, is {lasting(age)} old.{broken}"
    yield asks.measured(age.total_seconds() / 3600, said, advice)


def _reconciliation(facts: DayFacts, limits: EodLimits) -> Iterator[EodCheck]:
    """Whether our positions are the broker's, and were compared lately."""
    asks = Question(CheckName.RECONCILIATION, Unit.SHARES, Bound.AT_MOST, 0)
    if isinstance(facts.today.books, Unknown):
        yield asks.unknown(facts.today.books)
    else:
        yield _reconciled(
            asks.about(facts.today.books.account), facts.today.books, next(sessions_before(facts.session))
        )


def _reconciled(asks: Question, books: Books, before: Session) -> EodCheck:
    """The answer; to have been compared since the close of the session before is lately enough."""
    compare = "Compare them now: `intraday positions reconcile`."
    if books.asked_at is None:
        if not books.traded:
            return asks.nothing("Nothing was traded yet, and the books were never compared.")
        return asks.warned(None, "Our positions were never compared with the broker's.", compare)
    drifts = [one for one in books.compared if one.drift]
    when = f"compared on {books.asked_at:%Y-%m-%d at %H:%M} UTC"
    if drifts:
        value = float(max(abs(one.drift) for one in drifts))
        said = f"The books differ, {when}: {'; '.join(map(str, drifts))}."
        advice = (
            "Look for the fills that are missing and compare again with `intraday positions reconcile`, or take the "
            f"broker's word: `intraday positions adopt {drifts[0].symbol} --why …`."
        )
        return asks.measured(value, said, advice)
    said = f"Our positions are the broker's, {when}."
    if books.halts:
        halted = first_of([f"{one.symbol or 'all trading'} by {one.who} ({one.why})" for one in books.halts], "halt")
        resume = " ".join(filter(None, ("intraday orders resume", books.halts[0].symbol)))
        return asks.warned(0, f"{said} Halted: {halted}.", f"Where the reason is gone, allow orders again: `{resume}`.")
    if books.asked_at < before.close:
        return asks.warned(0, f"{said} That is before the close of {before.key}.", compare)
    return asks.measured(0, said, compare)


CHECKS: tuple[Look, ...] = (
    _completeness,
    _gate_history,
    _freshness,
    _disk,
    _errors,
    _file_integrity,
    _backups,
    _reconciliation,
)
"""In the order in which they are told; a new check is a function here, and a `CheckName`."""


def _gaps(spans: Sequence[Span]) -> str:
    return first_of([on_both_clocks(span) for span in spans], "gap")


def _moment(at: pd.Timestamp) -> str:
    """`on 2020-11-20 at 16:00 New York (21:00 UTC)`."""
    return f"on {at.tz_convert(NEW_YORK):%Y-%m-%d at %H:%M} New York ({at.tz_convert('UTC'):%H:%M} UTC)"
