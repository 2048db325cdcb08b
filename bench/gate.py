"""How long the gate takes: beside reading the same Parquet, and beside Pandera with the same rules.

Run it with `python -m bench.gate` from the checkout. Recorded sessions are laid onto later sessions of the exchange;
every rule that a session by itself can be asked is asked: with its frame and ten earlier sessions, with no second feed
and nothing stored (cross_feed_agreement and revision_rate are not). Timed is the whole judgement, to the report with
its fingerprints. What counts is the processor's time, on one core.

The rows: a year and one session beside reading their Parquet, also against an absolute time (the reader's column says
so); a year beside Pandera session by session, which is how a gate that blocks sessions has to ask, with 26 rules here
and the 23 of `bench.gate_peer` there; and 1 M bars in 1,282 sessions beside one call of Pandera for all rows, with the
row-by-row rules only: it says which rows of a million are at fault, and nothing of a session.
"""

import os
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import NamedTuple

import pandas as pd

from bench import gate_peer
from bench.measure import Row, Side, heading, say, show, side_by_side
from bench.workload import ONE, RECORDED, RECORDINGS, SYMBOLS, whole_days
from market.frames import build_frame
from market.quality.evidence import HISTORY_SESSIONS, Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid
from market.sessions import Session
from resources.feeds.files import FilesFeed
from resources.gate_settings import load_gate
from resources.loading import STORED_AT_ONCE
from schemas.quality import QualityReport

YEAR, MILLION = 252, 1282
"""Sessions: of a year, and of a million bars of two symbols."""
YEAR_AT_MOST, SESSION_AT_MOST = 2.0, 0.050
"""Seconds."""
PANDERA_AT_MOST = 0.5


class Judged(NamedTuple):
    """What is judged: a session with its bars and its frame."""

    session: Session
    bars: pd.DataFrame
    frame: pd.DataFrame


def main() -> None:
    """Measure and print."""
    gate, sessions = load_gate("prod"), laid(recorded(), MILLION)
    year = sessions[-YEAR:]
    bars = sum(len(one.bars) for one in year)
    say(f"{YEAR} sessions of {' and '.join(SYMBOLS)}, {bars} bars, {judged(gate, year)} blocked; one core")
    heading("The gate")
    show(beside_reading(gate, year))
    show(beside_pandera(gate, sessions))


def beside_reading(gate: Gate, year: Sequence[Judged]) -> list[Row]:
    """A year, and its last session, beside reading their tables."""
    last = year[-HISTORY_SESSIONS - 1 :]
    history = tuple(Evidence(one.session, ONE, SYMBOLS, one.bars).grid for one in reversed(last[:-1]))
    with tempfile.TemporaryDirectory() as folder:
        files = [written(Path(folder), one) for one in year]
        of_year = Side("gate", lambda: judged(gate, year))
        of_session = Side("gate", lambda: judge(gate, last[-1], history))
        all_read = Side("reading the Parquet", lambda: [read(file) for file in files])
        one_read = Side("reading the Parquet", lambda: read(files[-1]))
        rows = side_by_side("judging a year of two symbols", of_year, [(all_read, None)], clock=process_time)
        rows += side_by_side("judging a session of two symbols", of_session, [(one_read, None)], clock=process_time)
    limits = zip(rows, (YEAR_AT_MOST, SESSION_AT_MOST), strict=True)
    return rows + [Row(row.what, row.ours, f"{limit:g} s", limit, 1.0) for row, limit in limits]


def beside_pandera(gate: Gate, sessions: Sequence[Judged]) -> list[Row]:
    """A year session by session, and a million bars at once."""
    asked = with_history(sessions)
    year = asked[-YEAR:]
    bars = pd.concat([one.bars for one, _ in asked], ignore_index=True)
    beside = pd.concat([rows for _, rows in asked], ignore_index=True)
    rules = gate_peer.EVERY_RULE, gate_peer.ROW_RULES
    cases = sum(gate_peer.validated(one.bars, rows, rules[0]) for one, rows in year)
    say(f"| (Pandera finds {cases} failure cases in the year, {len(beside)} rows in the million) | | | | | |")
    by_session = Side(
        "Pandera, session by session", lambda: [gate_peer.validated(one.bars, rows, rules[0]) for one, rows in year]
    )
    at_once = Side("Pandera, one call, row rules only", lambda: gate_peer.validated(bars, beside, rules[1]))
    last = Side("gate", lambda: judged(gate, sessions[-YEAR:]))
    every = Side("gate", lambda: judged(gate, sessions))
    rows = side_by_side("checks of the gate, a year", last, [(by_session, PANDERA_AT_MOST)], 3, process_time)
    return rows + side_by_side("checks of the gate, 1 M bars", every, [(at_once, None)], 3, process_time)


def with_history(sessions: Sequence[Judged]) -> list[tuple[Judged, pd.DataFrame]]:
    """The sessions that have earlier ones, each with what its checks compare it with."""
    grids = [Evidence(one.session, ONE, SYMBOLS, one.bars).grid for one in sessions]
    return [
        (one, gate_peer.table(one.session, one.bars, one.frame, grids[max(0, at - HISTORY_SESSIONS) : at][::-1]))
        for at, one in enumerate(sessions)
        if at
    ]


def recorded() -> list[tuple[Session, pd.DataFrame]]:
    """The recorded sessions, with the vendor's bars before the open and after the close."""
    feed = FilesFeed(str(RECORDINGS), SYMBOLS, ONE)
    found = []
    for session in RECORDED:
        parts = [feed.session_bars(symbol, session).bars for symbol in SYMBOLS]
        found.append((session, pd.concat(parts, ignore_index=True)))
    return found


def laid(sessions: Sequence[tuple[Session, pd.DataFrame]], count: int) -> list[Judged]:
    """The recorded sessions, over and over, on later days, there and back so that no price jumps overnight."""
    round_trip = [*sessions, *reversed(sessions)]
    found: list[Judged] = []
    frames: dict[tuple[Session, ...], tuple[Session, pd.DataFrame]] = {}
    for place, day in enumerate(whole_days(count)):
        origins = tuple(round_trip[at % len(round_trip)][0] for at in range(max(0, place - 2), place + 1))
        moved = shifted(round_trip[place % len(round_trip)][1], origins[-1], day)
        if origins not in frames:  # the same bars after the same bars have the same frame
            frames[origins] = day, build_frame(moved, [one.bars for one in found[-2:]], day, ONE, SYMBOLS)
        frame = shifted(frames[origins][1], frames[origins][0], day)
        found.append(Judged(day, unseen(moved, place), unseen(frame, place)))
    return found


def unseen(table: pd.DataFrame, place: int) -> pd.DataFrame:
    """The table with some more shares: at the turning points its bars would be those of the days before."""
    return table.assign(volume=table["volume"] + place)


def shifted(table: pd.DataFrame, origin: Session, day: Session) -> pd.DataFrame:
    """The table of one session at the same times of another, which is in summer or winter time too."""
    return table.assign(timestamp=table["timestamp"] + (day.open - origin.open))


def judged(gate: Gate, sessions: Sequence[Judged]) -> int:
    """Report on every session, each compared with the ones before it, as many at once as are loaded together.

    Returns:
        How many are blocked.

    """
    history: deque[Grid] = deque(maxlen=HISTORY_SESSIONS)
    blocked = 0
    for first in range(0, len(sessions), STORED_AT_ONCE):
        evidences = []
        for one in sessions[first : first + STORED_AT_ONCE]:
            evidences.append(Evidence(one.session, ONE, SYMBOLS, one.bars, one.frame, tuple(history)))
            history.appendleft(evidences[-1].grid)
        blocked += sum(report.blocked for report in gate.judge_all(evidences))
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


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    main()
