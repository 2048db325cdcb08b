"""`intraday live`: what the commands do. How bars are taken in is in `live`."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import date
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape

from cli.desk import demonstration
from cli.ending import complain_of
from cli.instance import open_instance
from cli.run import run_and_show
from live.opening import open_live
from market.sessions import Session, session, sessions_before, sessions_between
from resources.dagster_observations import observer
from resources.database.live_store import Claim, LiveState, LiveStore
from resources.database.opening import open_server
from resources.database.server import pid_exists
from resources.errors import ConfigError, NotAlone
from resources.market_time import MACHINE, MarketTime, utc_now
from resources.settings import Settings, load_settings
from schemas.words import counted

FOLDER: Final = "live-demo"
HEARTBEAT_SECONDS: Final = 5.0
WARMING: Final = 3
"""Sessions before the one that is shown."""
WORKING: Final = ("sleeping", "streaming")
BEFORE_THE_OPEN: Final = pd.Timedelta(minutes=2)


def run(console: Console, sessions: int | None) -> int:
    """The command: take bars in until it is interrupted, or for so many sessions."""
    return _run(load_settings(), console, sessions, MACHINE)


def demo(console: Console, day: str, speed: float) -> int:
    """The command: a recorded session as if it were live, then its batch run: 0 when that changed nothing."""
    from simulators.clock import ReplayClock  # the other commands do without

    chosen = _recorded(day)
    _refuse_running(load_settings().home / FOLDER / "postgres" / "postmaster.pid")
    before, *_, first = islice(sessions_before(chosen), WARMING)
    rmtree(load_settings().home / FOLDER, ignore_errors=True)
    began: list[float] = []
    replay = ReplayClock(chosen.open - BEFORE_THE_OPEN, speed, lambda: time.monotonic() - began[0] if began else 0.0)
    with demonstration((), FOLDER, replay) as simulator:
        settings = load_settings()
        console.print(f"{day} at {speed:g} times the market's speed, from a stand-in at {simulator.url}; data under")
        console.print(f"{settings.home}")
        console.print(f"First the batch run of {first.key} to {before.key}, whose bars warm the indicators.")
        run_and_show(settings, first.key, before.key, console)
        began.append(time.monotonic())
        clock = MarketTime(lambda: replay.now().tz_convert("UTC"), lambda seconds: time.sleep(seconds / speed), speed)
        _run(settings, console, 1, clock)
        console.print("Now the batch run of the same session, which makes it final.")
        run_and_show(settings, day, day, console, refresh=True)
        with open_server(settings.home).connect() as connection:
            revised = connection.execute("SELECT count(*) FROM bar_revisions").fetchone()
        console.print(f"Bars that the batch run changed: {revised and revised[0]}.")
        return 0 if revised == (0,) else 1


def _refuse_running(pid_file: Path) -> None:
    """Refuse to begin anew what another process still works on."""
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    if lines and pid_exists(int(lines[0])):
        raise ConfigError(f"Another demonstration runs in {pid_file.parents[1]}: end it first.")


def _recorded(day: str) -> Session:
    """The session of a day that can be shown: it and some before it are recorded."""
    from simulators.recordings import load_bars, symbols

    chosen = session(day)
    days = [date.fromisoformat(stamp[:10]) for stamp in load_bars(symbols()[0])["timestamp"]]
    recorded = sessions_between(min(days), max(days))[WARMING:]
    if chosen not in recorded:
        raise ConfigError(f"--day {day} is not recorded; allowed: {recorded[0].key} to {recorded[-1].key}.")
    return chosen


def status(console: Console, *, as_json: bool) -> int:
    """The command: how the live process is doing."""
    settings = load_settings()
    state = LiveStore(open_server(settings.home), settings.bar_size, settings.symbols).state()
    silent = state is not None and state.silent(utc_now())
    if as_json:
        told = None if state is None else asdict(state) | {"running": state.state != "stopped" and not silent}
        console.out(json.dumps(told, indent=2, default=str), highlight=False)
    elif state is None:
        console.print("No live process has ever run here: start one with `intraday live`.", highlight=False)
    else:
        for line in _lines(state, silent=silent):
            console.print(escape(line), highlight=False)
    return 0 if state is not None and state.state in WORKING and not silent else 1


def _lines(state: LiveState, *, silent: bool) -> Iterator[str]:
    yield f"{state.state} since {state.since:%Y-%m-%d %H:%M:%S} UTC{f': {state.why}' if state.why else ''}"
    if state.session is not None:
        last = "none yet" if state.last_bar is None else f"{state.last_bar:%H:%M} UTC"
        yield f"session {state.session}, last bar {last}, from {state.feed}"
        yield f"{counted(state.missing, 'bar')} missing, {state.late} late, {state.revised} revised"
    if silent:
        yield f"It has said nothing since {state.seen_at:%Y-%m-%d %H:%M:%S} UTC: it is not running."


def watch(console: Console, since: int | None) -> int:
    """The command: every event that consumers are told of, a JSON line each."""
    from resources.following import follow

    for event in follow(open_server(load_settings().home), since, heartbeat=HEARTBEAT_SECONDS):
        if event is not None:
            console.out(json.dumps(asdict(event), default=str), highlight=False)
        if console.quiet:
            break  # nobody reads it any more
    return 0


def _run(settings: Settings, console: Console, sessions: int | None, clock: MarketTime) -> int:
    server = open_server(settings.home)
    with closing(Claim(server)) as claim:
        if not claim.held():
            complain_of(NotAlone(f"Another live process takes in bars on {server.shown}; there is one at a time."))
            return 1
        with open_instance(settings) as instance:
            service = open_live(
                settings, server, clock, lambda line: console.print(escape(line), highlight=False), observer(instance)
            )
            service.claim = claim.held
            service.run(sessions)
    return 0
