"""Live: how long a bar takes from the moment the feed has it, and whether 500 symbols keep up for a week.

`python -m bench.live`; with `--week` 500 symbols take in a week of one-minute bars, not of five-minute ones, which
takes a quarter of an hour. Waiting takes no time here: the clock goes on by itself while somebody works, and jumps
where somebody waits, for the process and the stand-in alike. So what is measured is what a trading day would show: the
market's time at the commit less that of the bar's end, when the feed has it. The stand-in is a thread of this process.

500 symbols are synthetic bars in memory, so that asking takes no time; what it would take is the vendor's matter. Their
floor is a COPY of the same rows, made after each bar into another database. Earlier sessions are stored as far back as
warms the indicators, so that each session of the week has as much in memory as the others.
"""

import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
import psycopg
from psycopg import sql

from bench.ledger import absolute
from bench.measure import Clock as Seconds
from bench.measure import Row, heading, say, show, shown
from bench.server import benchmark_database, benchmark_server
from bench.workload import whole_days
from live import streaming
from live.service import LiveService
from market.frames import WARM_UP_BARS
from market.labels import LabelSide
from market.normalise import Provenance, normalise
from market.quality.columns import Columns
from market.running import RunningSession
from market.sessions import NEW_YORK, BarSize, Session, session, session_from
from market.synthetic import synthetic_bars
from resources.database.binary_copy import binary_copy
from resources.database.live_store import LiveStore, Told
from resources.database.server import DatabaseServer
from resources.database.table_writer import DUAL_TICKER_BARS, MARKET_DATA, TABLES, Day, TableWriter
from resources.desk import Desk
from resources.feeds.live.alpha_vantage import AlphaVantageLive
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.market_time import MarketTime
from resources.settings import load_settings
from schemas.tables import AS_TRADED, BAR_VALUES
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.live import Clock, SpokenFor, stop_at
from tests.support.live_process import SharedClock, live_service

BEFORE, RECORDED = session("2020-11-30"), session("2020-12-01")
"""What warms the indicators, and what is measured."""
COMMITTED_WITHIN = 2.0
"""Seconds, p99."""
MANY = tuple(f"S{place:03}" for place in range(500))
BARS = 61
"""The first one is not measured."""
A_MINUTE = 60.0
SEED = 8
AUCTION = 10
"""How many times as many shares the first bar has."""
WEEK = 5
GROWTH_AT_MOST = 0.10
LEAD = pd.Timedelta(minutes=5)
STAGES: list[tuple[str, Any, str]] = [
    ("waiting", SharedClock, "sleep"),
    ("asking", AlphaVantageLive, "so_far"),
    ("asking", SpokenFor, "so_far"),
    ("taking in", RunningSession, "take"),
    ("rolling gate", streaming, "judge_stretch"),
    ("features", RunningSession, "frame"),
    ("storing", LiveStore, "commit"),
    ("state kept", LiveStore, "keep_state"),
]
REST = "rest"


class Span(NamedTuple):
    """A stretch of one stage; its seconds are those of the clock."""

    stage: str
    start: float
    end: float


def main(week_of: BarSize) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, benchmark_server() as url:
        with benchmark_database(url) as server, environment(folder, week_of, MANY):
            memory(server, week_of)
        with benchmark_database(url) as server, environment(folder, BarSize.ONE_MINUTE, ("NVDA", "MSFT")):
            latency(server)
        with (
            benchmark_database(url) as server,
            benchmark_database(url, "floor") as floor,
            environment(folder, BarSize.ONE_MINUTE, MANY),
        ):
            many(server, floor)


@contextmanager
def environment(folder: str, bar_size: BarSize, symbols: Sequence[str]) -> Iterator[None]:
    """The settings of a desk."""
    variables = {
        "INTRADAY_ENVIRONMENT": "staging",
        "INTRADAY_HOME": folder,
        "XDG_STATE_HOME": f"{folder}/state",
        "INTRADAY_SYMBOLS": ",".join(symbols),
        "INTRADAY_BAR_SIZE": bar_size,
        "INTRADAY_FEEDS__FALLBACK": "none",
        "INTRADAY_ALPHA_VANTAGE__PLAN": "premium_1200",
        "INTRADAY_ALPHA_VANTAGE__ENTITLEMENT": "realtime",
        "ALPHA_VANTAGE_API_KEY": "bench",
        "no_proxy": "127.0.0.1",
    }
    with patch.dict(os.environ, variables):
        yield


def latency(server: DatabaseServer) -> None:
    """A recorded session of two symbols from the real client at the stand-in."""
    clock = SharedClock(BEFORE.open - LEAD)
    with (
        AlphaVantageSimulator(clock=clock.replay()) as vendor,
        patch.dict(os.environ, INTRADAY_ALPHA_VANTAGE__BASE_URL=vendor.url),
        traced(clock.monotonic) as spans,
    ):
        live_service(server.url, clock).run(sessions=2)
        shift = clock.now().timestamp() - clock.monotonic()
    bars = RECORDED.minutes(BarSize.ONE_MINUTE)
    ends = (bars + BarSize.ONE_MINUTE.delta).asi8 / 1e6 - shift
    committed = [span.end for span in spans if span.stage == "storing"][-len(bars) :]
    taken = np.subtract(committed, ends)
    heading(f"{RECORDED.key}, {len(bars)} minutes of 2 symbols: from the feed having a bar to its rows committed")
    show([absolute(f"p{share}", float(np.percentile(taken, share)), COMMITTED_WITHIN) for share in (50, 99)])
    say_stages(spans, list(zip(ends, committed, strict=True)))


def many(server: DatabaseServer, floor: DatabaseServer) -> None:
    """An hour of 500 symbols."""
    (day,) = warmed(server, BarSize.ONE_MINUTE, 1)
    clock = Clock(day.open - LEAD)
    stop_at(clock, day.open + BARS * BarSize.ONE_MINUTE.delta + pd.Timedelta(seconds=30))
    windows: list[tuple[float, float]] = []
    copies: list[float] = []
    stored: list[tuple[Columns, Columns]] = []
    began = time.perf_counter()
    usual = LiveStore.commit

    def commit(self: LiveStore, session: Session, bars: Columns, frame: Columns, told: Told) -> None:
        stored[:] = [(bars, frame)]
        usual(self, session, bars, frame, told)

    with psycopg.connect(floor.url) as connection, patch.object(LiveStore, "commit", commit):

        def told(line: str) -> None:
            nonlocal began
            if stored:
                windows.append((began, time.perf_counter()))
                copies.append(copied(connection, *stored.pop()))
                began = time.perf_counter()

        with traced(time.perf_counter) as spans, suppress(KeyboardInterrupt):
            service(server, clock, told).run()
    del windows[0], copies[0]  # the first bar has the start of the process in it
    taken = [end - start for start, end in windows]
    heading(f"{len(taken)} one-minute bars of {len(MANY)} symbols, from memory")
    p50, p99 = (float(np.percentile(taken, share)) for share in (50, 99))
    show(
        [
            Row("a bar, p50", p50, "COPY of its rows", float(np.median(copies)), None),
            absolute("a bar, p99", p99, A_MINUTE),
        ]
    )
    say(f"\nOf the minute {p50 / A_MINUTE:.1%} is used, {p99 / A_MINUTE:.1%} at p99.")
    say_stages(spans, windows)


def memory(server: DatabaseServer, bar_size: BarSize) -> None:
    """A week of 500 symbols: what is resident after each session."""
    days = warmed(server, bar_size, WEEK)
    clock = Clock(days[0].open - LEAD)
    held: list[float] = []
    service(server, clock, lambda line: None, lambda: held.append(resident())).run(sessions=WEEK)
    held = [*held, resident()][-WEEK:]  # feeds are made before the first session, too
    growth = held[-1] / held[0] - 1
    mark = "" if growth <= GROWTH_AT_MOST else " (missed)"
    say(f"\nA week of {len(MANY)} symbols in bars of {bar_size}: resident memory, MB\n")
    say(f"| {' | '.join(day.key for day in days)} | growth | at most |\n|{'---|' * (WEEK + 2)}")
    say(f"| {' | '.join(f'{one:.0f}' for one in held)} | {growth:.1%}{mark} | {GROWTH_AT_MOST:.0%} |")


def warmed(server: DatabaseServer, bar_size: BarSize, count: int) -> list[Session]:
    """So many sessions, and of those before them the bars are stored that warm the indicators."""
    before = ceil(WARM_UP_BARS / len(RECORDED.minutes(bar_size)))
    days = whole_days(before + count)
    with server.connect() as connection:
        writer = TableWriter(connection, MARKET_DATA, MANY)
        for day in days[:before]:
            rows = synthetic(day, bar_size).assign(source=SpokenFor.name)
            writer.replace([Day(day.key, day.open, day.close, rows)])
    return days[before:]


def synthetic(day: Session, bar_size: BarSize) -> pd.DataFrame:
    """A session that the gate lets pass: of 500 openings that are left to chance, some come a bar late."""
    bars = synthetic_bars(day, bar_size, MANY, SEED)
    return bars.assign(volume=bars["volume"] * np.where(bars["timestamp"] == day.open, AUCTION, 1))


def service(
    server: DatabaseServer, clock: Clock, told: Callable[[str], None], begins: Callable[[], None] = lambda: None
) -> LiveService:
    """The live process of a desk whose feed is in memory; what is given is called whenever feeds are made."""
    settings = load_settings()
    gate, landing = load_gate(settings.environment), LandingZone(settings.landing_url)
    desk = Desk(settings.symbols, settings.bar_size, gate, landing, server)

    def feeds() -> tuple[SpokenFor, None]:
        begins()
        return SpokenFor(clock, as_given(session_from(clock.at), desk.bar_size), size=desk.bar_size.delta), None

    return LiveService(settings, desk, feeds, MarketTime(clock.now, clock.sleep), told, lambda day, about: None)


def as_given(day: Session, bar_size: BarSize) -> dict[str, Columns]:
    """A session's bars by symbol, in the form in which a vendor's answer is handed on."""
    table = synthetic(day, bar_size)
    stamps = table["timestamp"].dt.tz_convert(NEW_YORK)
    rows = table[["symbol", *BAR_VALUES]].assign(stamp=stamps).groupby("symbol")
    given = Provenance(SpokenFor.name, AS_TRADED, LabelSide.START)
    return {str(symbol): normalise(of, day, bar_size, given).columns for symbol, of in rows}


def copied(connection: psycopg.Connection, bars: Columns, frame: Columns) -> float:
    """The seconds that a COPY of some rows takes, and its commit."""
    start = time.perf_counter()
    for table, rows in ((MARKET_DATA, bars), (DUAL_TICKER_BARS, frame)):
        columns = sql.SQL(", ").join(map(sql.Identifier, TABLES[table]))
        text = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), columns)
        with connection.cursor() as cursor, cursor.copy(text) as copy:
            for part in binary_copy([rows], TABLES[table]):
                copy.write(part)
    connection.commit()
    return time.perf_counter() - start


def resident() -> float:
    """Megabytes of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


@contextmanager
def traced(clock: Seconds) -> Iterator[list[Span]]:
    """What was worked on from when to when while the block runs; a stage within another interrupts that one."""
    spans: list[Span] = []
    working_on, since = REST, clock()

    def turn_to(stage: str) -> str:
        nonlocal working_on, since
        spans.append(Span(working_on, since, clock()))
        before, working_on, since = working_on, stage, spans[-1].end
        return before

    def timed(stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            before = turn_to(stage)
            try:
                return work(*given, **named)
            finally:
                turn_to(before)

        return run

    with ExitStack() as patches:
        for stage, owner, name in STAGES:
            patches.enter_context(patch.object(owner, name, timed(stage, getattr(owner, name))))
        yield spans


def say_stages(spans: list[Span], windows: list[tuple[float, float]]) -> None:
    """A table of what the windows are made of: each stage's median, its share of all, and of the slowest hundredth."""
    starts, ends = np.array(windows).T
    taken = dict.fromkeys((stage for stage, *_ in [*STAGES, (REST,)]), np.zeros(len(windows)))
    for stage, start, end in spans:
        taken[stage] = taken[stage] + np.maximum(np.minimum(ends, end) - np.maximum(starts, start), 0.0)
    whole = ends - starts
    slowest = whole >= np.percentile(whole, 99)
    say("\n| stage | median | share | share of the slowest hundredth |\n|---|---|---|---|")
    for stage, seconds in taken.items():
        share, of_slowest = seconds.sum() / whole.sum(), seconds[slowest].sum() / whole[slowest].sum()
        say(f"| {stage} | {shown(float(np.median(seconds)))} | {share:.1%} | {of_slowest:.1%} |")


if __name__ == "__main__":
    main(BarSize.ONE_MINUTE if "--week" in sys.argv[1:] else BarSize.FIVE_MINUTES)
