"""What a sample amounts to: how each part of a desk is doing, and the desk as its worst part. Pure.

Unhealthy: somebody must act now. Degraded: it works, and something is amiss. docs/monitoring.md has the table. What is
read from the database is judged as of when it was read: while the database is away, nothing is made up about the rest.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from monitoring.facts import Account, Facts, Sample, UnreadEnd
from monitoring.feed_states import feed_in_use
from monitoring.freshness import Arrival, arrival, due_session, in_session, runs_live
from resources.doctor.disk import LITTLE
from schemas.end_of_day import EodReport
from schemas.monitoring import Component, Components, Health, Level, RecentBars

CROWDED: Final = 0.9
"""The share of the server's connections from which on it is worth a look."""
MISSED: Final = 3
"""So many looks that did not come, and nobody is looking any more."""
SHORT_NAMES: Final = {"alpha_vantage": "alpha", "interactive_brokers": "ib"}
"""Of feeds in `feeds.status`; the others are short enough."""
NOT_KNOWN: Final = "not known: the stored state has never been read"


def health(sample: Sample, now: datetime) -> Health:
    """How the desk is doing.

    Args:
        sample: the newest.
        now: UTC.

    """
    parts = Components(
        database=_database(sample, now),
        disk=_disk(sample),
        dagster=_dagster(sample),
        **{
            name: _unknown(name) if sample.facts is None else judge(sample, sample.facts)
            for name, judge in STORED.items()
        },
    )
    worst = max((part.level for part in parts.each().values()), key=lambda level: level.rank)
    return Health(status=worst, timestamp=now, components=parts)


def component(level: Level, reasons: Sequence[str], status: str | None = None, **details: Any) -> Component:
    """A part's record: its status is its level unless it has a word for it."""
    reason = "; ".join(reasons) if level is not Level.HEALTHY else None
    return Component(status=status or level.value, level=level, reason=reason, **details)


def _unknown(name: str) -> Component:
    return component(Level.DEGRADED, [NOT_KNOWN], "unknown")


def _database(sample: Sample, now: datetime) -> Component:
    facts, settings = sample.facts, sample.settings.monitoring
    details: dict[str, Any] = {"address": sample.database, "read_at": None if facts is None else facts.taken_at}
    if facts is not None:
        details |= {"connections": sum(facts.connections.values()), "max_connections": facts.max_connections}
    if sample.database_failure:
        return component(Level.UNHEALTHY, [sample.database_failure], **details)
    overdue = timedelta(seconds=MISSED * settings.refresh_seconds + settings.probe_seconds)
    if now - sample.taken_at > overdue:
        said = f"nothing was looked at since {sample.taken_at:%Y-%m-%d %H:%M:%S} UTC: restart the monitor"
        return component(Level.UNHEALTHY, [said], **details)
    if facts is not None and sum(facts.connections.values()) >= CROWDED * facts.max_connections:
        said = f"{details['connections']} of {facts.max_connections} connections are taken"
        return component(Level.DEGRADED, [said], **details)
    return component(Level.HEALTHY, [], **details)


def _feeds(sample: Sample, facts: Facts) -> Component:
    """The feed that bars come from, and how each symbol's come."""
    settings = sample.settings
    symbols = {symbol.lower(): arrival(facts, symbol, settings).value for symbol in settings.symbols}
    primary, used, reason = settings.feeds.primary, *feed_in_use(facts, settings)
    if used is None:
        level = Level.UNHEALTHY if runs_live(facts) and in_session(facts) else Level.DEGRADED
        return component(level, [reason], "offline", **symbols)
    word = f"{SHORT_NAMES.get(used, used)}_{'online' if used == primary else 'fallback'}"
    return component(Level.DEGRADED if reason else Level.HEALTHY, [reason], word, **symbols)


def _data_freshness(sample: Sample, facts: Facts) -> Component:
    symbols = sample.settings.symbols
    bars = {one: RecentBars(count=facts.of(one).stored, latest=sample.latest(one)) for one in symbols}
    arrivals = {one: arrival(facts, one, sample.settings) for one in symbols}
    late = [one for one in symbols if not arrivals[one].sound]
    stale = [one for one in late if arrivals[one] is Arrival.STALE]
    if stale:
        level = Level.UNHEALTHY if len(stale) == len(symbols) else Level.DEGRADED
        return component(level, [f"no bar of {', '.join(stale)} comes although the exchange trades"], recent_bars=bars)
    due = due_session(facts)
    if late and due is not None:
        return component(Level.DEGRADED, [f"{due.session.key} of {', '.join(late)} is not stored"], recent_bars=bars)
    return component(Level.HEALTHY, [], recent_bars=bars)


def _quality(sample: Sample, facts: Facts) -> Component:
    """The gate's newest word, and the newest end of day."""
    judged, ended = facts.judgement, facts.end_of_day
    details: dict[str, Any] = {"session": None, "verdict": None, "action": None, "end_of_day": None}
    reasons = []
    if judged is not None:
        details |= {"session": judged.session, "verdict": judged.verdict, "action": judged.action}
        if judged.action is judged.action.BLOCK:
            reasons.append(f"the gate blocks {judged.session}: {judged.verdict}")
    if ended is not None:
        details["end_of_day"] = {"session": ended.session, "verdict": ended.verdict}
    if isinstance(ended, UnreadEnd):
        reasons.append(f"end of day {ended.session}: {ended.said}")
    elif ended is not None:
        reasons += [] if ended.good else [f"end of day {ended.session}: {ended.verdict} of {_bad_checks(ended)}"]
    details["blocked_sessions"] = [one.session.key for one in facts.sessions if one.blocked]
    return component(Level.DEGRADED if reasons else Level.HEALTHY, reasons, **details)


def _bad_checks(ended: EodReport) -> str:
    """Which, and of how many symbols or folders each: `completeness (2), backups`."""
    bad = Counter(one.name.value for one in ended.problems if not one.good)
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in bad.items())


def _broker(sample: Sample, facts: Facts) -> Component:
    details: dict[str, Any] = {"broker": sample.settings.oms.broker, "accounts": [one.shown for one in facts.accounts]}
    reasons = [said for account in facts.accounts for said in _amiss(account)]
    if sample.broker is not None:
        details["address"] = sample.broker.address
        reasons += filter(None, [sample.broker.failure])
    return component(Level.DEGRADED if reasons else Level.HEALTHY, reasons, **details)


def _amiss(account: Account) -> Iterator[str]:
    for halt in account.halts:
        since = f"{halt.at:%Y-%m-%d %H:%M:%S} UTC by {halt.who} ({halt.why})"
        yield f"{account.shown}: {halt.symbol or 'all trading'} is halted since {since}"
    for book in account.reconciled:
        if book.ours != book.theirs:
            yield f"{account.shown}: {book.ours} shares of {book.symbol} here, {book.theirs} at the broker"


def _disk(sample: Sample) -> Component:
    enough, reasons, level = sample.settings.eod.free_bytes, [], Level.HEALTHY
    for disk in sample.disks:
        if disk.failure:
            reasons.append(disk.failure)
        elif disk.free < max(enough, LITTLE):
            reasons.append(f"{disk.free / 10**9:,.1f} GB free for {disk.folder}")
        if not disk.failure and disk.free < enough:
            level = Level.UNHEALTHY
    if reasons and level is Level.HEALTHY:
        level = Level.DEGRADED
    room: dict[str, Any] = {
        disk.name: {"free_bytes": disk.free, "size_bytes": disk.size} for disk in sample.disks if not disk.failure
    }
    return component(level, reasons, **room)


def _dagster(sample: Sample) -> Component:
    dagster = sample.dagster
    if dagster is None:
        return component(Level.HEALTHY, [], watched=False)
    ill = [kind for kind, well in dagster.daemons.items() if not well]
    reasons = [dagster.failure] if dagster.failure else [f"the daemon {kind} does not run" for kind in ill]
    level = Level.DEGRADED if reasons else Level.HEALTHY
    return component(level, reasons, watched=True, daemons=dict(dagster.daemons))


def _live(sample: Sample, facts: Facts) -> Component:
    """The live process: one that is gone must be started again while the exchange trades."""
    state = facts.live
    if state is None:
        return component(Level.HEALTHY, [], state="never")
    silent = state.silent(facts.taken_at)
    details = {name: getattr(state, name) for name in ("session", "last_bar", "feed", "seen_at")}
    details["state"] = "silent" if silent else state.state
    if silent or (state.state == "stopped" and not state.ended):
        level = Level.UNHEALTHY if in_session(facts) else Level.HEALTHY
        last = f"has said nothing since {state.seen_at:%Y-%m-%d %H:%M:%S} UTC" if silent else f"stopped: {state.why}"
        return component(level, [f"the live process {last}"], **details)
    level = Level.DEGRADED if state.state == "degraded" else Level.HEALTHY
    return component(level, [state.why], **details)


STORED: Final = {
    "feeds": _feeds,
    "data_freshness": _data_freshness,
    "quality": _quality,
    "broker": _broker,
    "live": _live,
}
"""What is judged by what is stored."""
