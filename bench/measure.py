"""Measures work beside a peer or a floor: in turn, several times, medians compared as a ratio.

A machine has good and bad minutes, so both sides are run in each repetition and only the ratio is quoted. What is
measured belongs to the modules beside this one.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

REPETITIONS = 5

Work = Callable[[], object]
Clock = Callable[[], float]


class Side(NamedTuple):
    """One side of a comparison: what is timed, and what is done before each time without being timed."""

    name: str
    work: Work
    prepare: Work | None = None


class Row(NamedTuple):
    """A row of the table: the median seconds of our work, those of the peer, and what the ratio may be."""

    what: str
    ours: float
    peer_name: str
    peer: float
    at_most: float | None

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the peer's."""
        return self.ours / self.peer

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.at_most is None or self.ratio <= self.at_most


def side_by_side(
    what: str,
    ours: Side,
    peers: list[tuple[Side, float | None]],
    repetitions: int = REPETITIONS,
    clock: Clock = time.perf_counter,
) -> list[Row]:
    """Run every side in turn, `repetitions` times; a row per peer, each with the ratio that it may have at most."""
    sides = [ours, *[peer for peer, _ in peers]]
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(repetitions):
        for side, taken in zip(sides, times, strict=True):
            taken.append(timed(side, clock))
    medians = [median(taken) for taken in times]
    return [
        Row(what, medians[0], peer.name, theirs, at_most)
        for (peer, at_most), theirs in zip(peers, medians[1:], strict=True)
    ]


def timed(side: Side, clock: Clock = time.perf_counter) -> float:
    """Seconds of one run of its work."""
    if side.prepare is not None:
        side.prepare()
    start = clock()
    side.work()
    return clock() - start


def show(rows: list[Row]) -> None:
    """Print the rows as lines of a Markdown table."""
    for row in rows:
        target = "" if row.at_most is None else f"{row.at_most:.3g}"
        mark = "" if row.holds else " (missed)"
        times = f"{shown(row.ours)} | {shown(row.peer)}"
        say(f"| {row.what} | {row.peer_name} | {row.ratio:.3g}{mark} | {target} | {times} |")


def heading(title: str) -> None:
    """Begin a table."""
    say(f"\n{title}\n\n| what | beside | ratio | at most | ours | theirs |\n|---|---|---|---|---|---|")


def shown(seconds: float) -> str:
    """Seconds, or milliseconds where they are few."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
