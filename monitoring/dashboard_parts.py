"""The parts of the dashboard that are lines of words, with a sign where somebody should look.

Here: what feeds, the live process, the end of day, the machine and standing alerts have to say. Sessions are in
`monitoring.dashboard_sessions`, accounts in `monitoring.dashboard_accounts`; their order in `monitoring.dashboard`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from market.telling import amount, lasting
from monitoring.facts import Disk, Facts, Sample, UnreadEnd
from monitoring.feed_states import BreakerState, breaker_state
from monitoring.freshness import in_session, runs_live
from monitoring.telling import day_of, moment
from resources.database.live_store import LiveState
from schemas.end_of_day import EodCheck, EodReport, Unit
from schemas.monitoring import Component, Health, Level

KINDS: Final = {Level.HEALTHY: "pass", Level.DEGRADED: "warn", Level.UNHEALTHY: "fail"}
"""Which sign a level has."""
EVENTS_SHOWN: Final = 8
UNKNOWN: Final = "Nobody knows: no state has been read yet."


@dataclass(frozen=True)
class Sign:
    """A state: its colour and mark (`resources.pages.page.MARKS`), and in words."""

    kind: str
    words: str


@dataclass(frozen=True)
class Line:
    """Something with a name, and what is to be said of it."""

    name: str
    words: str
    sign: Sign | None = None


@dataclass(frozen=True)
class Part:
    """Lines under a heading."""

    anchor: str
    heading: str
    sign: Sign | None
    lines: tuple[Line, ...]
    empty: str = ""
    """What is said where there are no lines."""
    more: tuple[str, tuple[str, ...]] | None = None
    """Lines under a name, which are shown to whoever asks for them."""


@dataclass(frozen=True)
class AlertView:
    """Something that stands."""

    what: str
    since: str
    lasts: str
    advice: str


def sign_of(component: Component) -> Sign:
    """How a component is doing."""
    return Sign(KINDS[component.level], str(component.level))


def _sign(judged: EodCheck | EodReport | UnreadEnd) -> Sign:
    return Sign("idle", "not asked") if judged.verdict is None else Sign(judged.verdict.lower(), judged.verdict)


def alerts(facts: Facts | None, now: datetime) -> tuple[AlertView, ...]:
    """What people were told of and still stands."""
    standing = () if facts is None else facts.alerts
    return tuple(AlertView(one.says, moment(one.since, now), lasting(now - one.since), one.advice) for one in standing)


def feeds(sample: Sample, health: Health, now: datetime) -> Part:
    """Who is asked for bars, who stands in, and what each is doing."""
    facts = sample.facts
    roles = sample.settings.feeds.roles
    if facts is None:
        return Part("feeds", "Feeds", None, (), UNKNOWN)
    names = [*roles, *sorted(facts.feeds.keys() - roles.keys())]
    lines = tuple(_feed(name, roles.get(name, "not in use"), facts, now) for name in names)
    events = tuple(
        f"{moment(one.at, now)}: {one.feed} {one.event}{f' of {one.symbol}' if one.symbol else ''}. {one.why}"
        for one in facts.feed_events[:EVENTS_SHOWN]
    )
    more = ("What they went through", events) if events else None
    return Part("feeds", "Feeds", sign_of(health.components.feeds), lines, more=more)


def _feed(name: str, role: str, facts: Facts, now: datetime) -> Line:
    standing = facts.feeds.get(name)
    gave = " and ".join(bars.symbol for bars in facts.bars if name in bars.sources)
    does = f"It has given {f'bars of {gave}' if gave else 'no bar'} this session."
    if facts.live is not None and facts.live.feed == name and runs_live(facts) and in_session(facts):
        does = f"The live process uses it. {does}"
    named = f"{name}, {role}"
    state = breaker_state(standing, facts.taken_at)
    if standing is None or state is BreakerState.CLOSED:
        return Line(named, does, Sign("pass", "ready"))
    if state is BreakerState.HALF_OPEN:
        return Line(named, f"It failed and is tried again: {standing.why}", Sign("warn", "tried again"))
    until = "" if standing.until is None else f" until {moment(standing.until, now)}"
    return Line(named, f"It is left alone{until}: {standing.why}", Sign("fail", "down"))


def live(sample: Sample, health: Health, now: datetime) -> Part:
    """What the process that takes in bars as they happen is doing."""
    if sample.facts is None:
        return Part("live", "Live process", None, (), UNKNOWN)
    state = sample.facts.live
    lines = () if state is None else tuple(_live_lines(state, now))
    sign = Sign("idle", "never ran") if state is None else sign_of(health.components.live)
    return Part("live", "Live process", sign, lines, "No live process has ever worked on this database.")


def _live_lines(state: LiveState, now: datetime) -> Iterator[Line]:
    yield Line("State", f"{state.state} since {moment(state.since, now)}{f': {state.why}' if state.why else ''}")
    yield Line("Last heard of", f"{moment(state.seen_at, now)}, {lasting(now - state.seen_at)} ago")
    if state.feed:
        yield Line("Feed", state.feed)
    if state.last_bar is not None:
        yield Line("Newest bar told", moment(state.last_bar, now))
    if state.session is not None:
        counts = f"{state.missing:,} missing, {state.late:,} late, {state.revised:,} revised"
        yield Line(f"Bars of {state.session}", counts)


def end_of_day(facts: Facts | None, now: datetime) -> Part:
    """What was looked at when the newest day ended."""
    if facts is None:
        return Part("end-of-day", "End of day", None, (), UNKNOWN)
    ended = facts.end_of_day
    if ended is None:
        return Part("end-of-day", "End of day", None, (), "No day was looked at yet: `intraday eod` does it.")
    if isinstance(ended, UnreadEnd):
        return Part("end-of-day", "End of day", _sign(ended), (), f"{day_of(ended.session)}: {ended.said}.")
    day, others = day_of(date.fromisoformat(ended.session)), [one for one in ended.checks if one not in ended.problems]
    tally = ", ".join(f"{count} {said}" for said, count in Counter(_sign(one).words for one in ended.checks).items())
    looked = Line("Day", f"{day}, looked at {moment(ended.made_at, now)}: {tally}")
    problems = (Line(_name(one), f"{one.said} {one.recommendation}", _sign(one)) for one in ended.problems)
    more = tuple(f"{_name(one)}: {_sign(one).words}. {one.said}" for one in others)
    return Part(
        "end-of-day", "End of day", _sign(ended), (looked, *problems), more=("The rest of what was looked at", more)
    )


def _name(check: EodCheck) -> str:
    named = check.name.replace("_", " ")
    return f"{named}, {check.of}" if check.of else named


def machine(sample: Sample, health: Health) -> Part:
    """What all of it runs on."""
    return Part("machine", "Machine", None, tuple(_machine_lines(sample, health)))


def _machine_lines(sample: Sample, health: Health) -> Iterator[Line]:
    parts, facts = health.components, sample.facts
    yield Line("Database", sample.database, sign_of(parts.database))
    if facts is not None:
        yield Line("Connections", f"{sum(facts.connections.values())} of {facts.max_connections} in use")
    if sample.disks:
        yield Line("Disk", "; ".join(map(_room, sample.disks)), sign_of(parts.disk))
    if sample.broker is not None:
        said = sample.broker.failure or f"takes connections at {sample.broker.address}"
        yield Line(f"Broker, {sample.broker.name}", said, sign_of(parts.broker))
    if sample.dagster is not None:
        daemons = (f"{name} {'runs' if good else 'does not run'}" for name, good in sample.dagster.daemons.items())
        said = sample.dagster.failure or ", ".join(daemons) or f"no daemon is known at {sample.dagster.url}"
        yield Line("Dagster", said, sign_of(parts.dagster))
    for sensor, at in (facts.heartbeats if facts else {}).items():
        yield Line(f"Sensor {sensor}", f"last looked {moment(at, sample.taken_at)}")


def _room(disk: Disk) -> str:
    room = disk.failure or f"{amount(disk.free, Unit.BYTES)} of {amount(disk.size, Unit.BYTES)} free at {disk.folder}"
    return f"{disk.name}: {room}"
