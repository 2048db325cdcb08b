"""From a vendor's answers in memory to committed rows, beside the server's own COPY of the same rows.

Run it with `python -m bench.end_to_end` from the checkout. Ours is what `intraday load` and a run do, in one process:
answers of Alpha Vantage are parsed, normalised, made into bars and frames with their features, judged by the whole gate
of prod with what is stored of the sessions before, their reports kept, both tables replaced and committed. Files are
left out on both sides: no answer is read from a disk, no Parquet landed. The peer reads both tables from binary files
on the server's own disk, in one transaction. Quoted is wall time, because ours works on two cores.

A row is about answers with the bars of the sessions alone, which all are stored; another about answers with extended
hours too, of which three in five are read, marked, fingerprinted and left out.
"""

import gc
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from time import perf_counter, process_time
from typing import Any, cast
from unittest.mock import patch

import pandas as pd
import psycopg
from psycopg import sql

from bench.measure import Side, heading, say, show, side_by_side
from bench.server import SETTINGS, benchmark_database, benchmark_server
from bench.workload import ONE, SYMBOLS, vendor_history, whole_days
from market.quality.gate import Gate
from market.sessions import Session
from resources import load_judging
from resources.database.report_store import ReportStore
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.feeds.alpha_vantage import AlphaVantageFeed
from resources.feeds.line import Line
from resources.gate_settings import load_gate
from resources.landing import LandingZone, RawAnswer
from resources.load_desk import Judged, LoadingDesk
from resources.load_judging import SessionJudge
from resources.loading import Loader, in_chunks, overlapped
from resources.settings import load_settings
from resources.settings_sections import AlphaVantageSettings
from simulators.alpha_vantage_answers import parse_query, render, select

SESSIONS = 252
"""A year of two symbols."""
TABLES = ("market_data", "dual_ticker_bars")
AT_MOST = 1.8
MILLION = 1_000_000
CATALOGS = ("pg_class", "pg_attribute", "pg_index", "pg_depend", "pg_constraint", "pg_type", "pg_statistic")

NewDesk = Callable[[dict[str, str]], LoadingDesk]


class Answers(LandingZone):
    """A landing zone whose vendor answers are in memory."""

    def __init__(self, folder: str, texts: dict[str, str], fetched_at: pd.Timestamp) -> None:
        super().__init__(folder)
        self._texts = texts
        self._fetched_at = fetched_at

    def answers(self, shelf: str) -> Iterator[RawAnswer]:
        """The one answer of a symbol's month, where there is one."""
        symbol, month = shelf.split("/")[-2:]
        if f"{symbol}/{month}" in self._texts:
            yield RawAnswer(self._fetched_at, self._texts[f"{symbol}/{month}"])


def main() -> None:
    """Measure and print."""
    sessions = whole_days(SESSIONS)
    with tempfile.TemporaryDirectory() as folder, benchmark_server() as url, benchmark_database(url) as server:
        stated = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
        say(f"{len(sessions)} sessions of {' and '.join(SYMBOLS)}; {stated}; fsync on; TimescaleDB, 30-day chunks")
        heading("End to end")
        desk_of = partial(new_desk, load_settings().alpha_vantage, load_gate("prod"), folder, server)
        gc.freeze()  # as `intraday load` does
        for datatype, extended in product(("json", "csv"), (False, True)):
            kind = f"vendor {datatype}{', extended hours too' if extended else ''}"
            measure(sessions, vendor_answers(sessions, datatype, extended_hours=extended), kind, desk_of)


def measure(sessions: list[Session], texts: dict[str, str], kind: str, desk_of: NewDesk) -> None:
    """The row of one kind of answer, and what ours is made of."""
    server = desk_of(texts).server
    work = lambda: load(desk_of(texts), sessions)  # noqa: E731
    empty(server)
    work()
    rows = kept_aside(server)
    ours = Side(kind, work, lambda: empty(server))
    peer = Side("server COPY of both tables", lambda: copied(server), lambda: empty(server))
    (row,) = side_by_side(f"{kind}, to both tables committed", ours, [(peer, AT_MOST)])
    show([row])
    scale = MILLION / rows["market_data"]
    million = f"per 1 M bars stored: {row.ours * scale:.1f} s beside {row.peer * scale:.1f} s"
    say(f"\n{million}; {sum(map(len, texts.values())) / 1e6:.0f} MB of answers, {rows} rows")
    empty(server)
    with stages() as taken:
        start, busy = perf_counter(), process_time()
        load(desk_of(texts), sessions, one_after_the_other=True)
        whole, busy = perf_counter() - start, process_time() - busy
    per_session = {**taken, "rest": busy - sum(taken.values())}
    parts = ", ".join(f"{name} {seconds / len(sessions) * 1000:.2f}" for name, seconds in per_session.items())
    say(
        f"one after the other {whole / row.peer:.2f} of the peer, {busy / whole:.0%} of it the client's processor time;"
    )
    say(f"of this {busy / len(sessions) * 1000:.1f} ms a session: {parts}\n")


def vendor_answers(sessions: list[Session], datatype: str, *, extended_hours: bool) -> dict[str, str]:
    """By `<symbol>/<month>`, the text that the vendor answers."""
    months = dict.fromkeys(session.month for session in sessions)
    histories = {symbol: vendor_history(len(sessions), symbol) for symbol in SYMBOLS}
    texts = {}
    for symbol, month in product(SYMBOLS, months):
        asked = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "interval": "1min", "month": month}
        wanted = {"datatype": datatype, "extended_hours": str(extended_hours).lower()}
        query = parse_query(asked | wanted | {"outputsize": "full", "apikey": "bench"})
        texts[f"{symbol}/{month}"] = render(select(histories[symbol], query), query)
    return texts


def new_desk(
    settings: AlphaVantageSettings, gate: Gate, folder: str, server: DatabaseServer, texts: dict[str, str]
) -> LoadingDesk:
    """A desk that has parsed nothing yet."""
    now = pd.Timestamp.now("UTC")
    landing = Answers(folder, texts, now)
    nobody = cast("Line", None)  # there is no key, so nobody is asked
    feed = AlphaVantageFeed(settings, "", nobody, landing, ONE, lambda: now)
    return LoadingDesk(SYMBOLS, ONE, gate, landing, server, feed)


def load(desk: LoadingDesk, sessions: list[Session], *, one_after_the_other: bool = False) -> None:
    """What `Loader.load` does, without files and summaries."""
    loader, judge = Loader(desk), SessionJudge(desk)
    judged = (judge.judge_all(chunk) for chunk in in_chunks(sessions))

    def store(chunk: list[Judged]) -> int:
        with desk.sessions.turn(*[one.session for one in chunk]):
            return len(loader.store_tables(chunk)[0])

    stored = sum(map(store, judged)) if one_after_the_other else sum(overlapped(judged, store))
    if stored != len(sessions):
        sys.exit(f"{stored} of {len(sessions)} sessions were stored: nothing is measured.")


def empty(server: DatabaseServer) -> None:
    """No rows, no reports, and no traces of the chunks that were dropped."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("TRUNCATE market_data, dual_ticker_bars, data_quality_reports, bar_revisions")
        for catalog in CATALOGS:
            connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier("pg_catalog", catalog)))
        connection.execute("CHECKPOINT")


def kept_aside(server: DatabaseServer) -> dict[str, int]:
    """Write both tables to binary files of the server's; how many rows they have."""
    with psycopg.connect(server.url) as connection:
        return {
            table: connection.execute(
                sql.SQL("COPY (SELECT * FROM {} ORDER BY timestamp, symbol) TO {} (FORMAT binary)").format(
                    sql.Identifier(table), aside(connection, table)
                )
            ).rowcount
            for table in TABLES
        }


def copied(server: DatabaseServer) -> None:
    """The server's own COPY of these files."""
    with psycopg.connect(server.url) as connection:
        for table in TABLES:
            text = sql.SQL("COPY {} FROM {} (FORMAT binary)")
            connection.execute(text.format(sql.Identifier(table), aside(connection, table)))


def aside(connection: psycopg.Connection, table: str) -> sql.Literal:
    """Where the server keeps a table's rows: beside its data, which end with it."""
    (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
    return sql.Literal(f"{folder}/bench_{table}.copy")


@contextmanager
def stages() -> Iterator[dict[str, float]]:
    """The seconds of this process's processor time in each stage while the block runs, without the stages within."""
    taken: dict[str, float] = {}
    stack: list[float] = []

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            start = process_time()
            stack.append(0.0)
            try:
                return work(*args, **named)
            finally:
                spent = process_time() - start
                taken[name] = taken.get(name, 0.0) + spent - stack.pop()
                if stack:
                    stack[-1] += spent

        return run

    places: list[tuple[str, Any, str]] = [
        ("parse", AlphaVantageFeed, "_read"),
        ("normalise", AlphaVantageFeed, "session_bars"),
        ("contracts", load_judging, "held"),
        ("frames", load_judging, "build_frames"),
        ("gate", Gate, "judge_all"),
        ("read stored", SessionStore, "stored_of"),
        ("reports", ReportStore, "keep_reports"),
        ("tables", SessionStore, "replace_all"),
    ]
    with ExitStack() as patches:
        for name, owner, attribute in places:
            patches.enter_context(patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        yield taken


if __name__ == "__main__":
    main()
