"""A year of two symbols backfilled from a warm landing zone: `intraday backfill`, and the same work in a plain loop.

    python -m bench.backfill [--sessions 252] [--times 1] [--five-years]

Both are whole processes, from their start to their end, into a database and an instance that were empty before; in
turn, medians of `--times`. The vendor's answers are landed before, outside of the timing, so no socket is opened;
nothing else is warm. The server is the embedded PostgreSQL with its own settings (fsync on), started before: it is
another process, so the processor's time and the memory are those of the command alone. Half days, of which the
recordings know too few, have no bars: such a session does not pass, and is recorded so.

What the difference is made of is told by the command run once more with timers around what Dagster is asked to do.
"""

import argparse
import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.measure import say, shown
from bench.workload import SYMBOLS, vendor_history, whole_days
from simulators.alpha_vantage import AlphaVantageSimulator

ROOT = Path(__file__).parents[1]
YEAR, YEAR_AT_MOST, SESSION_AT_MOST, START_UP_AT_LEAST, MEMORY_AT_MOST = 252, 30.0, 6.0, 0.8, 600
"""Sessions, seconds of so many, seconds of one, the share of it that is start-up, and MB."""
PEAK = "most memory held:"
WARM_UP = 20
"""Sessions before the range whose answers are landed too: they warm its indicators."""


class Took(NamedTuple):
    """What a process took."""

    wall: float
    processor: float
    megabytes: float

    def __str__(self) -> str:
        return f"{shown(self.wall)} | {shown(self.processor)} | {self.megabytes:.0f} MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A backfill through Dagster beside a plain loop.")
    parser.add_argument("--sessions", type=int, default=YEAR)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--five-years", action="store_true", help="one of five times as many sessions, for its memory")
    parser.add_argument("--inside", choices=list(INSIDE), help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        atexit.register(say_peak)
        INSIDE[asked.inside](*asked.words)
        return
    with tempfile.TemporaryDirectory(prefix="bench-backfill-") as folder:
        Bench(Path(folder), asked.sessions, asked.times).run()
        if asked.five_years:
            Bench(Path(folder) / "years", 5 * asked.sessions, 1).once()


class Bench:
    """Measures ranges of so many sessions.

    Args:
        folder: where everything is kept.
        sessions: how many, up to the last one of the workload.
        times: how often.

    """

    def __init__(self, folder: Path, sessions: int, times: int) -> None:
        self.folder, self.sessions, self.times = folder, sessions, times
        self.range = (whole_days(sessions)[0].key, whole_days(sessions)[-1].key)
        self.homes = 0
        folder.mkdir(exist_ok=True)
        warm(folder / "warm", sessions)

    def run(self) -> None:
        """Everything, and the table."""
        ours, plain, one, start = [], [], [], []
        for _ in range(self.times):
            ours.append(self.took("command", "backfill", *self.range))
            plain.append(self.took("plain", *self.range))
        for _ in range(max(self.times, 3)):
            home = self.home()
            self.took("start", home=home)  # makes the tables
            start.append(self.took("start", home=home))
            one.append(self.took("command", "backfill", "--session", self.range[1], home=home))
        at_most = YEAR_AT_MOST * self.sessions / YEAR
        say(f"\n{self.sessions} sessions of {' and '.join(SYMBOLS)}, {self.range[0]} to {self.range[1]}\n")
        say("| what | wall | processor | memory | target |\n|---|---|---|---|---|")
        say(f"| intraday backfill | {middle(ours)} | {at_most:.1f} s, {MEMORY_AT_MOST} MB |")
        say(f"| the same functions in a loop | {middle(plain)} | |")
        say(f"| intraday backfill --session | {middle(one)} | {SESSION_AT_MOST:.0f} s |")
        share = middle(start).processor / middle(one).processor
        of_it = f"{share:.0%} (processor), at least {START_UP_AT_LEAST:.0%}"
        say(f"| of it, interpreter and Dagster | {middle(start)} | {of_it} |")
        self.took("apart", *self.range)

    def once(self) -> None:
        """The command alone: what memory it needs."""
        say(f"| {self.sessions} sessions | {self.took('command', 'backfill', *self.range)} | {MEMORY_AT_MOST} MB |")

    def home(self) -> Path:
        """A new desk that has the vendor's answers and nothing else."""
        self.homes += 1
        home = self.folder / f"home{self.homes}"
        shutil.copytree(self.folder / "warm" / "landing" / "raw", home / "landing" / "raw", copy_function=os.link)
        return home

    def took(self, what: str, *words: str, home: Path | None = None) -> Took:
        """Run this module inside a process of its own, on a new desk unless one is given."""
        home = home or self.home()
        command = [sys.executable, "-m", "bench.backfill", "--inside", what, "--", *words]
        log = home / "said.txt"
        with log.open("w+") as said:
            begin = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, env=environment(home), stdout=said, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text()
        if process.returncode not in (0, 1) or "Traceback" in text:
            raise RuntimeError(f"{what} ended with {process.returncode}:\n{text}")
        if what == "apart":
            say(text[text.index("\n| of ") :])
        peak = re.findall(rf"^{PEAK} (\d+) kB$", text, flags=re.MULTILINE)
        return Took(wall, usage.ru_utime + usage.ru_stime, int(peak[-1]) / 1024)


def say_peak() -> None:
    """The process's own peak: what the system counts for a child includes this one's memory before it was another."""
    status = Path("/proc/self/status").read_text()
    print(PEAK, status.partition("VmHWM:")[2].split()[0], "kB", flush=True)  # noqa: T201


def middle(took: Sequence[Took]) -> Took:
    """The medians."""
    return Took(*(median(values) for values in zip(*took, strict=True)))


def environment(home: Path) -> dict[str, str]:
    """A desk whose vendor nobody answers, with databases of its own on the server of all."""
    from cli.instance_home import sqlalchemy_url
    from resources.database.server import embedded_server

    server = home.parent / "postgres"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("INTRADAY_", "TIMESCALEDB_", "DAGSTER_"))
    }
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHON_DOTENV_DISABLED": "1",
        "XDG_STATE_HOME": str(home / "state"),
        "INTRADAY_HOME": str(home),
        "INTRADAY_ENVIRONMENT": "staging",
        "INTRADAY_FEEDS__FALLBACK": "none",
        "INTRADAY_ALPHA_VANTAGE__PLAN": "premium_1200",
        "INTRADAY_ALPHA_VANTAGE__BASE_URL": "http://127.0.0.1:1",
        "ALPHA_VANTAGE_API_KEY": "bench",
        "TIMESCALEDB_URL": embedded_server(server, f"bars_{home.name}").url,
        "INTRADAY_DAGSTER_URL": sqlalchemy_url(embedded_server(server, f"dagster_{home.name}").url),
    }


def warm(home: Path, sessions: int) -> None:
    """Land the vendor's answers of all months of the range, and of what warms its first session."""
    bars = {symbol: vendor_history(sessions + WARM_UP, symbol) for symbol in SYMBOLS}
    firsts = {session.month: session for session in reversed(whole_days(sessions + WARM_UP))}
    with AlphaVantageSimulator(bars=bars) as simulator, environment_of(home, simulator.url):
        from cli.desk import open_events, open_feeds
        from resources.settings import load_settings

        settings = load_settings()
        feed = open_feeds(settings, open_events(settings)).feed("alpha_vantage")
        for session in firsts.values():
            for symbol in SYMBOLS:
                feed.session_bars(symbol, session)


@contextmanager
def environment_of(home: Path, vendor: str) -> Iterator[None]:
    """The same environment in this process, with a vendor that answers."""
    saved = dict(os.environ)
    home.mkdir(parents=True)
    os.environ |= environment(home) | {"INTRADAY_ALPHA_VANTAGE__BASE_URL": vendor}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


def command(*words: str) -> None:
    """`intraday` with these words."""
    from cli.main import main as intraday

    sys.argv[:] = ["intraday", *words]
    intraday()


def start() -> None:
    """All that the command does before its first session and needs whatever it is asked for."""
    import cli.backfill  # noqa: F401
    from cli.run import Runs
    from resources.settings import load_settings

    Runs(load_settings())


def plain(first: str, last: str) -> None:
    """The graph's own stages over every session, with neither an instance nor a run."""
    from cli.desk import sessions_asked_for
    from intraday_assets.graph import SPECS, make_sessions
    from intraday_assets.work import RunDesk, SessionWork
    from resources.dagster_resources import resources_from
    from resources.end_of_day import DayEnds
    from resources.settings import load_settings

    settings = load_settings()
    made: dict[str, Any] = resources_from(settings)
    zone, server, gate = made["landing"].zone(), made["database"].server(), made["gate"].gate()
    feed = made["feeds"].feeds(zone, server).failover(gate)
    desk = RunDesk(settings.symbols, settings.bar_size, gate, zone, server, feed, DayEnds(settings, lambda: server))
    selected = frozenset(spec.key.to_user_string() for spec in SPECS)
    wanted = sessions_asked_for(first, last, settings)
    for _, month in groupby(wanted, key=lambda session: session.month):
        works = [SessionWork(desk, session, draws_overviews=session == wanted[-1]) for session in month]
        for _ in make_sessions(works, selected):
            pass


def apart(first: str, last: str) -> None:
    """The command with timers around its parts."""
    began = time.perf_counter()
    from dagster._core.instance import DagsterInstance

    import cli.backfill  # noqa: F401
    from cli import run
    from intraday_assets import graph, report_metadata
    from resources.dagster_storage import TogetherEventLog

    times: dict[str, float] = defaultdict(float, {"loading the code": time.perf_counter() - began})
    timed_calls(times, "opening the instance", run, "open_instance")
    timed_calls(times, "definitions", run, "definitions_from")
    timed_calls(times, "planning and recording runs (create_run)", DagsterInstance, "create_run_for_job")
    timed_calls(times, "writing events", TogetherEventLog, "_write_waiting")
    timed_calls(times, "pictures of many sessions", report_metadata, "_charts")
    timed_calls(times, "candles", graph.frames, "candles")
    sessions = graph.make_sessions

    def make_sessions(works: Any, selected: frozenset[str]) -> Iterator[Any]:
        made = sessions(works, selected)
        while True:
            begin = time.perf_counter()
            event = next(made, None)
            times["the sessions themselves"] += time.perf_counter() - begin
            if event is None:
                return
            yield event

    graph.make_sessions = make_sessions
    timed_calls(times, "Dagster's runs, all of it", run.Runs, "run")
    with suppress(SystemExit):
        command("backfill", first, last)
    whole = time.perf_counter() - began
    say(f"\n| of {shown(whole)} with timers | seconds | share |\n|---|---|---|")
    for name, took in sorted(times.items(), key=lambda one: -one[1]):
        say(f"| {name} | {took:.2f} | {took / whole:.0%} |")


def timed_calls(times: dict[str, float], name: str, owner: Any, attribute: str) -> None:
    """Have every call of a function counted."""
    function: Callable[..., Any] = getattr(owner, attribute)

    def counted(*args: Any, **named: Any) -> Any:
        begin = time.perf_counter()
        try:
            return function(*args, **named)
        finally:
            times[name] += time.perf_counter() - begin

    setattr(owner, attribute, counted)


INSIDE: dict[str, Callable[..., None]] = {"command": command, "start": start, "plain": plain, "apart": apart}

if __name__ == "__main__":
    main()
