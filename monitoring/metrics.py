"""What Prometheus is told of a desk, made of a sample. Names, units and labels: docs/monitoring.md.

Counters come from stored facts, so that they survive restarts and several processes say the same.

What has no value is left out, and never 0: an alert on it asks `absent()`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isinf
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UnknownMetricFamily,
)
from prometheus_client.registry import Collector

from market.quality.rules import RULES
from market.sessions import calendar_days, session
from monitoring.facts import Account, Counts, Facts, Sample
from monitoring.feed_states import BreakerState, breaker_state
from monitoring.freshness import stale_after
from monitoring.reading import current_session, until
from monitoring.telling import together
from schemas.end_of_day import EodReport
from schemas.errors import UnknownSession
from schemas.quality import Verdict
from schemas.trading import OrderState

LIVE_STATES: Final = ("sleeping", "streaming", "degraded", "stopped", "never")
LIVE_EVENTS: Final = ("published", "withheld", "revised", "final")
FEED_EVENTS: Final = ("up", "down", "probing", "failover", "repair")
Key = TypeVar("Key", bound=tuple[str, ...])
"""The values of the labels."""


class SampleCollector(Collector):
    """Metrics as a registry asks for them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


def exposition(families: Iterable[Metric]) -> str:
    """Metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(families))
    return generate_latest(registry).decode()


def metrics(sample: Sample, now: datetime) -> Iterator[Metric]:
    """Everything that is known of a desk.

    Args:
        sample: the newest.
        now: UTC; the calendar is asked about it.

    """
    facts = sample.facts
    yield from _calendar(now)
    yield _gauge("database_up", "Whether the stored state could be read.", float(not sample.database_failure))
    yield from _machine(sample)
    yield from _feed_states(sample, facts)
    if facts is not None:
        yield _gauge("facts_timestamp_seconds", "When the stored state was last read.", facts.taken_at.timestamp())
        yield from _database(facts)
        yield from _bars(sample, facts)
        yield from _gate(facts)
        yield from _live(sample, facts)
        yield from _accounts(sample, facts)
        yield from _automation(facts)
    if sample.counts is not None:
        yield from _counted(sample, sample.counts)
        yield from feed_counters(sample.settings.feeds.roles, sample.counts.feed_events)


def feed_counters(roles: Iterable[str], counted: Mapping[tuple[str, str], int]) -> Iterator[Metric]:
    """What the feeds went through.

    Args:
        roles: the feeds that are asked; those to which nothing has happened are told of too.
        counted: how often, by feed and event.

    """
    none = {(feed, event): 0 for feed in roles for event in FEED_EVENTS}
    said = "What the feeds went through: up, down, probing, failover, repair."
    yield _counter("intraday_feed_events", said, none | dict(counted), ("feed", "event"))


def _calendar(now: datetime) -> Iterator[Metric]:
    said = "The close of the last session that the calendar knows."
    last = session(calendar_days()[1].isoformat())
    yield _gauge("calendar_end_timestamp_seconds", said, last.close.timestamp())
    try:
        current = current_session(now)
    except UnknownSession:  # the calendar has ended; nobody knows when the exchange trades
        return
    trades = current.open <= now < current.close
    yield _gauge("session_open", "Whether the exchange's regular session goes on.", float(trades))
    opened, closed = current.open.timestamp(), current.close.timestamp()
    yield _gauge("session_open_timestamp_seconds", "When the session that goes on, or the last one, opened.", opened)
    yield _gauge("session_close_timestamp_seconds", "When that session closes or closed.", closed)


def _machine(sample: Sample) -> Iterator[Metric]:
    disks = [disk for disk in sample.disks if not disk.failure]
    yield _gauge("disk_free_bytes", "Room on the disk of a folder.", {(d.name,): d.free for d in disks}, ("folder",))
    yield _gauge("disk_size_bytes", "Size of the disk of a folder.", {(d.name,): d.size for d in disks}, ("folder",))
    if sample.broker is not None:
        up = {(sample.broker.name,): float(not sample.broker.failure)}
        yield _gauge("broker_up", "Whether the broker's port takes connections.", up, ("broker",))
    if sample.dagster is not None:
        well = {(kind,): float(healthy) for kind, healthy in sample.dagster.daemons.items()}
        yield _gauge("dagster_up", "Whether Dagster's webserver answers.", float(not sample.dagster.failure))
        yield _gauge("dagster_daemon_up", "Whether a daemon that is required runs.", well, ("daemon",))

    if sample.backups is not None and sample.backups.newest is not None:
        newest = sample.backups.newest.timestamp()
        yield _gauge("backup_timestamp_seconds", "When the newest whole backup was made.", newest)


def _database(facts: Facts) -> Iterator[Metric]:
    by_state = {(state,): number for state, number in facts.connections.items()}
    yield _gauge("database_connections", "Connections to the server, of all its databases.", by_state, ("state",))
    yield _gauge(
        "database_max_connections",
        "Connections that the server takes, without those it reserves.",
        facts.max_connections,
    )


def _feed_states(sample: Sample, facts: Facts | None) -> Iterator[Metric]:
    if facts is None:
        return
    roles = sample.settings.feeds.roles
    feeds = [*roles, *sorted(facts.feeds.keys() - roles.keys())]
    states = {feed: breaker_state(facts.feeds.get(feed), facts.taken_at) for feed in feeds}
    up = {(feed, roles.get(feed, "other")): float(state is BreakerState.CLOSED) for feed, state in states.items()}
    yield _gauge("feed_up", "Whether a feed is asked as ever.", up, ("feed", "role"))
    breakers = {(feed, one.value): float(one is state) for feed, state in states.items() for one in BreakerState}
    yield _gauge("feed_breaker_state", "The state of a feed's circuit breaker.", breakers, ("feed", "state"))


def _bars(sample: Sample, facts: Facts) -> Iterator[Metric]:
    size, symbols = sample.settings.bar_size, sample.settings.symbols
    latest = {(symbol,): stamp for symbol in symbols if (stamp := sample.latest(symbol)) is not None}
    ends = {key: (stamp + size.delta).timestamp() for key, stamp in latest.items()}
    yield _gauge("data_latest_bar_timestamp_seconds", "The end of the newest stored bar.", ends, ("symbol",))
    said = "How old the newest bar's end may be while the exchange trades."
    yield _gauge("data_stale_after_seconds", said, stale_after(sample.settings).total_seconds())
    over = until(facts.session, facts.taken_at, size)
    expected = {(symbol,): (over.close - over.open) // size.delta for symbol in symbols}
    said = "Bars of the session that goes on, or of the last one, that are over."
    yield _gauge("data_bars_expected", said, expected, ("symbol",))
    stored = {(bars.symbol,): bars.stored for bars in facts.bars}
    yield _gauge("data_bars_stored", "Bars of that session that are stored.", stored, ("symbol",))


def _gate(facts: Facts) -> Iterator[Metric]:
    if facts.judgement is not None:
        verdicts = {(one.value,): float(one is facts.judgement.verdict) for one in Verdict}
        yield _gauge("gate_verdict", "The gate's verdict on the newest judged session.", verdicts, ("verdict",))
    blocked = sum(one.blocked for one in facts.sessions)
    missing = sum(one.missing(facts.taken_at) for one in facts.sessions)
    yield _gauge("gate_blocked_sessions", "Of the last sessions those that the gate keeps out.", blocked)
    said = "Of the last sessions those that are over and have neither bars nor a judgement."
    yield _gauge("sessions_missing", said, missing)


def _live(sample: Sample, facts: Facts) -> Iterator[Metric]:
    live = facts.live
    state = "never" if live is None else live.state
    states = {(name,): float(name == state) for name in LIVE_STATES}
    yield _gauge("live_state", "What the live process said last of how it is doing.", states, ("state",))
    if live is None:
        return
    yield _gauge("live_seen_timestamp_seconds", "When the live process last said so.", live.seen_at.timestamp())
    if live.last_bar is not None:
        end = (live.last_bar + sample.settings.bar_size.delta).timestamp()
        yield _gauge("live_last_bar_timestamp_seconds", "The end of the newest bar that live told of.", end)
    kinds = {("missing",): live.missing, ("late",): live.late, ("revised",): live.revised}
    yield _gauge("live_session_bars", "Bars of live's session that were not as they should be.", kinds, ("kind",))


def _accounts(sample: Sample, facts: Facts) -> Iterator[Metric]:
    named = {_label(facts.accounts, place): account for place, account in enumerate(facts.accounts)}
    by_symbol = {(name, one.symbol): one for name, account in named.items() for one in account.positions}
    books = {(name, one.symbol): one for name, account in named.items() for one in account.reconciled}
    asked: dict[tuple[str, ...], float] = {}
    for (name, _), book in books.items():
        asked[(name,)] = max(book.asked_at.timestamp(), asked.get((name,), 0.0))
    yield _gauge("broker_reconciled_timestamp_seconds", "When both books were last compared.", asked, ("account",))
    shares = {key: float(one.quantity) for key, one in by_symbol.items()}
    yield _gauge("position_shares", "Shares that are held; negative: short.", shares, ("account", "symbol"))
    drift = {key: float(book.theirs - book.ours) for key, book in books.items()}
    said = "Shares that the broker has more than these books, when they were last compared."
    yield _gauge("position_drift_shares", said, drift, ("account", "symbol"))
    yield from _dollars(named)
    limit = float(sample.settings.monitoring.drawdown_limit)
    yield _gauge("portfolio_drawdown_limit_dollars", "How far profit may fall below its highest.", limit)
    orders = {(name, one.value): account.orders.get(one, 0) for name, account in named.items() for one in OrderState}
    yield _gauge("orders", "Orders by the state that they are in.", orders, ("account", "state"))
    halted = {(name,): float(bool(account.halts)) for name, account in named.items()}
    yield _gauge("trading_halted", "Whether some or all trading of an account is halted.", halted, ("account",))


def _dollars(named: Mapping[str, Account]) -> Iterator[Metric]:
    """What positions are worth and earned; without the price of one of them that cannot be said."""
    values = {name: [one.market_value for one in account.positions] for name, account in named.items()}
    earned = {name: [one.unrealized_pnl for one in account.positions] for name, account in named.items()}
    realized = {name: [one.realized_pnl for one in account.positions] for name, account in named.items()}
    for name, said, by_account in (
        ("value", "What the positions are worth at the last prices.", values),
        ("realized_pnl", "Profit of closed lots, less commissions.", realized),
        ("unrealized_pnl", "Profit of open lots at the last prices.", earned),
    ):
        sums = {(account,): together(amounts) for account, amounts in by_account.items()}
        known = {label: float(amount) for label, amount in sums.items() if amount is not None}
        yield _gauge(f"portfolio_{name}_dollars", said, known, ("account",))


def _label(accounts: Sequence[Account], place: int) -> str:
    """An account's number, masked; two that look the same then are told apart."""
    shown = accounts[place].shown
    alike = sum(one.shown == shown for one in accounts[:place])
    return f"{shown} {alike + 1}" if alike else shown


def _automation(facts: Facts) -> Iterator[Metric]:
    looked = {(sensor,): at.timestamp() for sensor, at in facts.heartbeats.items()}
    yield _gauge("sensor_heartbeat_timestamp_seconds", "When a sensor last did its work.", looked, ("sensor",))
    kinds = {(alert.kind,): 0.0 for alert in facts.alerts}
    for alert in facts.alerts:
        kinds[(alert.kind,)] += 1
    yield _gauge("alerts_standing", "What people were told of and still stands.", kinds, ("kind",))
    ended = facts.end_of_day
    if isinstance(ended, EodReport):
        checks = {(name,): float(good) for name, good in ended.good_by_check().items()}
        yield _gauge("eod_timestamp_seconds", "When the newest end of day was judged.", ended.made_at.timestamp())
        yield _gauge("eod_check_ok", "Whether a check of the newest end of day held.", checks, ("check",))


def _counted(sample: Sample, counts: Counts) -> Iterator[Metric]:
    said = "When the history was last counted: the age of the counters."
    yield _gauge("counts_timestamp_seconds", said, counts.taken_at.timestamp())
    yield _ingested(counts)
    reasons = {(rule.name,): 0 for rule in RULES} | {(rule,): n for rule, n in counts.quality_failures.items()}
    yield _counter("data_quality_failures", "Findings FAIL or ERROR of the gate, by rule.", reasons, ("reason",))
    verdicts = {(one.value,): counts.verdicts.get(one.value, 0) for one in Verdict}
    yield _counter("intraday_gate_verdicts", "Judgements of the gate that are kept.", verdicts, ("verdict",))
    back = {(feed,): counts.reconnects.get(feed, 0) for feed in {**sample.settings.feeds.roles, **counts.reconnects}}
    yield _counter("intraday_feed_reconnects", "How often a feed came back after it had been down.", back, ("feed",))
    told = {(event,): counts.live_bars.get(event, 0) for event in LIVE_EVENTS}
    yield _counter("intraday_live_bars", "What consumers of live were told of.", told, ("event",))
    said = "From a bar's end until consumers were told of it."
    delays = HistogramMetricFamily("intraday_live_bar_delay_seconds", said)
    buckets = [("+Inf" if isinf(seconds) else str(seconds), float(bars)) for seconds, bars in counts.delays.at_most]
    if buckets:
        delays.add_metric([], buckets, counts.delays.seconds)
        yield delays


def _ingested(counts: Counts) -> Metric:
    """A counter by nature. Its agreed name has a type in it, which promtool lets pass only where none is told."""
    said = "Bars that were ever stored, their older versions among them."
    family = UnknownMetricFamily("data_ingestion_counter_total", said, labels=("symbol", "source"))
    for key, bars in counts.ingested.items():
        family.add_metric(key, bars)
    return family


def _gauge(name: str, said: str, values: Mapping[Key, float] | float, labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(f"intraday_{name}", said, labels=labels)
    for key, value in values.items() if isinstance(values, Mapping) else [((), values)]:
        family.add_metric(key, value)
    return family


def _counter(name: str, said: str, values: Mapping[Key, float], labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(name, said, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
