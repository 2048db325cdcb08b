"""What the gate of `prod` says of every recorded session, read as a desk reads files.

`python -m tests.support.verdicts` writes `tests/answers/verdicts.csv` anew. What a person wrote in its column
`explained` stays as long as the row says the same; a row that did not pass and is not explained fails its test.
"""

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from itertools import islice
from pathlib import Path

import pandas as pd

from market.frames import REACH_SESSIONS, build_frame, warm_history
from market.quality.evidence import HISTORY_SESSIONS, Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid
from market.sessions import BarSize, Session, sessions_before, sessions_between
from resources.errors import NoBars
from resources.feeds.files import FilesFeed
from resources.gate_settings import load_gate
from schemas.quality import QualityReport, Verdict
from tests.support import recorded_files as files

ANSWERS = Path(__file__).parents[1] / "answers" / "verdicts.csv"
ABSENT = "ABSENT"
"""No verdict: the recording has no bars of a symbol's session."""
PAIR = ("NVDA", "MSFT")


@dataclass(frozen=True)
class Recording:
    """Recorded files of one feed; `{}` in the name stands for a symbol."""

    name: str
    file: str
    first: str
    last: str
    bar_size: BarSize = BarSize.ONE_MINUTE
    symbols: tuple[str, ...] = PAIR
    framed: bool = True
    """Whether frames are built and judged too; not of the 545 sessions where that would take half a minute."""


FIVE = BarSize.FIVE_MINUTES
TD = "tdameritrade_5m_raw_{}_2022-02_onward.csv.gz"
RECORDINGS = (
    Recording("alpha_vantage_2019", "alphavantage_1min_{}_2019-02-11_2019-02-15.csv.gz", "2019-02-11", "2019-02-15",
              symbols=("MSFT",)),
    Recording("alpha_vantage_2020", "alphavantage_1min_ext_{}_2020-10-26_2021-01-08.csv.gz", "2020-10-26",
              "2021-01-08"),
    Recording("td_ameritrade_2022", TD, "2022-02-02", "2023-01-05", FIVE, ("MSFT",), framed=False),
    Recording("td_ameritrade_2022", TD, "2022-02-02", "2023-05-17", FIVE, ("NVDA",), framed=False),
    Recording("yahoo_2022", "yahoo_1m_{}_2022-05-18_2022-06-15.csv.gz", "2022-05-18", "2022-06-15", symbols=("MSFT",)),
    Recording("yahoo_2024", files.YAHOO_1M, "2024-08-23", "2024-08-30"),
    Recording("yahoo_2024", files.YAHOO_5M, "2024-08-23", "2024-08-30", FIVE),
    Recording("yahoo_2025_05", "yahoo_1m_multiheader_{}_2025-05-09_2025-05-16.csv.gz", "2025-05-09", "2025-05-16",
              symbols=("NVDA",)),
    Recording("yahoo_2025_10", "yahoo_5m_prepost_{}_2025-10_per-day-pulls.csv.gz", "2025-09-29", "2025-10-28", FIVE),
    Recording("yahoo_2026", "yahoo_5m_{}_2026-04-30_2026-05-29.csv.gz", "2026-04-30", "2026-05-29", FIVE),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the answer file."""

    recording: str
    session: str
    symbols: str
    bar_size: str
    verdict: str
    fired: str
    """The rules that did not pass, each as `rule SYMBOL VERDICT`, with ` | ` between them."""
    missing: str
    """Exchange bars without a bar, by symbol."""
    explained: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What the row is about."""
        return self.recording, self.session, self.symbols, self.bar_size


def rows() -> Iterator[Row]:
    """The verdicts of all recordings."""
    for recording in RECORDINGS:
        for day, report in reports(recording):
            yield row(recording, day, report)


def reports(recording: Recording) -> Iterator[tuple[str, QualityReport | None]]:
    """The gate's report of each of the recording's sessions by its date, in their order; None: it has no bars."""
    with tempfile.TemporaryDirectory() as folder:
        for symbol in recording.symbols:
            name = recording.file.format(symbol)
            (Path(folder) / name).write_bytes(files.content(name))
        judge = Judge(FilesFeed(folder, recording.symbols, recording.bar_size), load_gate("prod"), recording)
        for day in sessions_between(date.fromisoformat(recording.first), date.fromisoformat(recording.last)):
            yield day.key, judge.report(day)


class Judge:
    """Judges the sessions of a recording one after the other; the good ones are history for those after them."""

    def __init__(self, feed: FilesFeed, gate: Gate, recording: Recording) -> None:
        self._feed = feed
        self._gate = gate
        self._size = recording.bar_size
        self._symbols = recording.symbols
        self._framed = recording.framed
        self._good: dict[Session, tuple[pd.DataFrame, Grid]] = {}

    def report(self, day: Session) -> QualityReport | None:
        """The session's; it is asked for in the order of time."""
        try:
            bars = pd.concat([self._feed.session_bars(symbol, day).bars for symbol in self._symbols], ignore_index=True)
        except NoBars:
            return None
        frame = self._frame(day, bars) if self._framed else None
        before = [self._good[one][1] for one in islice(sessions_before(day), REACH_SESSIONS) if one in self._good]
        evidence = Evidence(day, self._size, self._symbols, bars, frame, tuple(before[:HISTORY_SESSIONS]))
        report = self._gate.judge(evidence)
        if not report.blocked:
            self._good[day] = bars, evidence.grid
        return report

    def _frame(self, day: Session, bars: pd.DataFrame) -> pd.DataFrame:
        warm = warm_history(day, self._symbols, lambda one: self._good[one][0] if one in self._good else None)
        return build_frame(bars, warm, day, self._size, self._symbols)


def row(recording: Recording, day: str, report: QualityReport | None) -> Row:
    """What the answer file says of a report."""
    about = (recording.name, day, " ".join(recording.symbols), recording.bar_size.value)
    if report is None:
        return Row(*about, ABSENT, "", "")
    bad = [finding for finding in report.findings if finding.verdict is not Verdict.PASS]
    fired = " | ".join(f"{finding.rule} {finding.symbol or 'pair'} {finding.verdict}" for finding in bad)
    return Row(*about, report.verdict.value, fired, " ".join(str(count) for count in report.missing.values()))


def answers() -> list[Row]:
    """The file as it stands."""
    with ANSWERS.open(newline="") as file:
        return [Row(**line) for line in csv.DictReader(file)]


def write() -> None:
    """The file, with the explanations of rows that say what they said."""
    known = {old.key: old for old in answers()} if ANSWERS.exists() else {}
    ANSWERS.parent.mkdir(exist_ok=True)
    found = list(rows())
    with ANSWERS.open("w", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for new in found:
            old = known.get(new.key)
            same = old is not None and replace(old, explained="") == new
            writer.writerow(asdict(replace(new, explained=old.explained if old and same else "")))


if __name__ == "__main__":
    write()
