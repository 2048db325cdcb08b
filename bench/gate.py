"""How long the gate takes: a year of two symbols at one minute, and one session, beside reading the same Parquet.

Run it with `make bench`, or `python -m bench.gate` from the checkout. Recorded sessions are laid onto 252 sessions of
the exchange; every rule that a session by itself can be asked is asked: with its frame and ten earlier sessions, with
no second feed and nothing stored. Timed is the whole judgement, to the report with its fingerprints. A machine has good
and bad minutes, so what counts is the processor's time, each repetition reads and judges in turn, and what is compared
are medians.
"""

import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from time import process_time
from typing import NamedTuple

import pandas as pd

from market.frames import build_frame
from market.quality.evidence import HISTORY_SESSIONS, Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid
from market.sessions import BarSize, Session, sessions_between
from resources.feeds.files import FilesFeed
from resources.gate_settings import load_gate
from schemas.quality import QualityReport

RECORDINGS = Path(__file__).parents[1] / "simulators" / "recordings"
SYMBOLS = ("NVDA", "MSFT")
ONE = BarSize.ONE_MINUTE
SESSIONS, REPETITIONS = 252, 7
YEAR_AT_MOST, SESSION_AT_MOST = 2.0, 0.050
"""Seconds."""


class Judged(NamedTuple):
    """What is judged: a session with its bars and its frame."""

    session: Session
    bars: pd.DataFrame
    frame: pd.DataFrame


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        year = a_year(recorded())
        files = [written(Path(folder), one) for one in year]
        gate = load_gate("prod")
        blocked = judged(gate, year)
        told(f"{len(year)} sessions of {' and '.join(SYMBOLS)}, {sum(len(one.bars) for one in year)} bars, on one core")
        told(f"  of which the gate blocks {blocked}\n")
        told(f"{'':12}{'judging':>12}{'at most':>12}{'reading':>12}{'ratio':>8}")
        compare("a year", lambda: judged(gate, year), lambda: [read(file) for file in files], YEAR_AT_MOST)
        last = year[-HISTORY_SESSIONS - 1 :]
        history = tuple(Evidence(one.session, ONE, SYMBOLS, one.bars).grid for one in reversed(last[:-1]))
        compare("a session", lambda: judge(gate, last[-1], history), lambda: read(files[-1]), SESSION_AT_MOST)


def recorded() -> list[tuple[Session, pd.DataFrame]]:
    """The recorded sessions that last the whole day, with the vendor's bars before the open and after the close."""
    feed = FilesFeed(str(RECORDINGS), SYMBOLS, ONE)
    found = []
    for session in sessions_between(date(2020, 11, 30), date(2020, 12, 23)):
        parts = [feed.session_bars(symbol, session).bars for symbol in SYMBOLS]
        found.append((session, pd.concat(parts, ignore_index=True)))
    return found


def a_year(sessions: Sequence[tuple[Session, pd.DataFrame]]) -> list[Judged]:
    """The recorded sessions, over and over, on later days, there and back so that no price jumps overnight."""
    days = [day for day in sessions_between(date(2021, 8, 2), date(2022, 12, 31)) if not day.is_half_day][:SESSIONS]
    round_trip = [*sessions, *reversed(sessions)]
    year: list[Judged] = []
    frames: dict[tuple[Session, ...], tuple[Session, pd.DataFrame]] = {}
    for place, day in enumerate(days):
        origins = tuple(round_trip[at % len(round_trip)][0] for at in range(max(0, place - 2), place + 1))
        moved = shifted(round_trip[place % len(round_trip)][1], origins[-1], day)
        if origins not in frames:  # the same bars after the same bars have the same frame
            frames[origins] = day, build_frame(moved, [one.bars for one in year[-2:]], day, ONE, SYMBOLS)
        year.append(
            Judged(day, unseen(moved, place), unseen(shifted(frames[origins][1], frames[origins][0], day), place))
        )
    return year


def unseen(table: pd.DataFrame, place: int) -> pd.DataFrame:
    """The table with some more shares: at the turning points its bars would be those of the days before."""
    return table.assign(volume=table["volume"] + place)


def shifted(table: pd.DataFrame, origin: Session, day: Session) -> pd.DataFrame:
    """The table of one session at the same times of another, which is in summer or winter time too."""
    return table.assign(timestamp=table["timestamp"] + (day.open - origin.open))


def judged(gate: Gate, year: Sequence[Judged]) -> int:
    """Report on every session, each compared with the ones before it; how many are blocked."""
    history: deque[Grid] = deque(maxlen=HISTORY_SESSIONS)
    blocked = 0
    for one in year:
        evidence = Evidence(one.session, ONE, SYMBOLS, one.bars, one.frame, tuple(history))
        blocked += gate.judge(evidence).blocked
        history.appendleft(evidence.grid)
    return blocked


def judge(gate: Gate, one: Judged, history: tuple[Grid, ...]) -> QualityReport:
    """The report of one session."""
    return gate.judge(Evidence(one.session, ONE, SYMBOLS, one.bars, one.frame, history))


def written(folder: Path, one: Judged) -> tuple[Path, Path]:
    """The session's tables as Parquet, as the landing zone has them: one file each."""
    paths = folder / f"{one.session.key}-bars.parquet", folder / f"{one.session.key}-frame.parquet"
    one.bars.to_parquet(paths[0])
    one.frame.to_parquet(paths[1])
    return paths


def read(paths: tuple[Path, Path]) -> list[pd.DataFrame]:
    """The same tables again."""
    return [pd.read_parquet(path) for path in paths]


def compare(what: str, judging: Callable[[], object], reading: Callable[[], object], at_most: float) -> None:
    """Time both in turn, print the medians and their ratio."""
    times = [(seconds(judging), seconds(reading)) for _ in range(REPETITIONS)]
    took, compared = median(one for one, _ in times), median(other for _, other in times)
    told(f"{what:12}{shown(took)}{shown(at_most)}{shown(compared)}{took / compared:8.2f}")


def seconds(work: Callable[[], object]) -> float:
    """How much of a processor's time it takes."""
    start = process_time()
    work()
    return process_time() - start


def shown(time: float) -> str:
    """Seconds, or milliseconds where they are few."""
    return f"{time:10.2f} s" if time >= 1 else f"{time * 1000:9.1f} ms"


def told(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
