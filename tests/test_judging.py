"""Judging outside of a run: what a session is compared with, and which earlier ones are passed over."""

from collections.abc import Callable

import pandas as pd
import pytest

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import Session, session, sessions_between
from market.splits import SplitTable
from market.synthetic import synthetic_bars
from resources.errors import NoBars
from resources.gate_settings import load_gate
from resources.judging import Judging
from schemas.quality import Acceptance, Attempt, QualityReport
from tests.support.recorded_files import FIVE

NVDA = ("NVDA",)
DAY = session("2024-08-30")
GONE, LACKING, ABSENT = "2024-08-29", "2024-08-27", "2024-08-26"

pytestmark = pytest.mark.usefixtures("clean_environment")


class Place:
    """Made-up sessions of which one cannot be read, one lacks its first hour, and one is not there."""

    bar_size = FIVE

    def __init__(self) -> None:
        self.known: QualityReport | None = None

    def symbols(self, session: Session) -> tuple[str, ...]:
        return () if session.key == ABSENT else NVDA

    def bars(self, session: Session) -> pd.DataFrame:
        if session.key == GONE:
            raise NoBars("Nothing is there.")
        bars = synthetic_bars(session, FIVE, NVDA, 1)
        return bars.iloc[12:] if session.key == LACKING else bars

    def frame(
        self, session: Session, bars: pd.DataFrame, fit: Callable[[Session], pd.DataFrame | None], splits: SplitTable
    ) -> None:
        return None

    def earlier_report(self, session: Session) -> QualityReport | None:
        return self.known

    def second(self, session: Session, bars: pd.DataFrame) -> pd.DataFrame | None:
        return None


class Listening(Gate):
    """A gate that remembers what it was shown."""

    def judge(self, evidence: Evidence, *more: object) -> QualityReport:
        self.__dict__["shown"] = (evidence, *more)
        return super().judge(evidence, *more)  # type: ignore[arg-type]


@pytest.fixture
def gate() -> Listening:
    staging = load_gate("staging")
    return Listening(staging.environment, staging.rules, staging.by_symbol, staging.policy, staging.splits)


def test_a_session_is_compared_with_the_ten_fit_ones_before_it_latest_first(gate):
    assert not Judging(Place(), gate).report(DAY).blocked
    evidence = gate.__dict__["shown"][0]
    unfit = {GONE, LACKING, ABSENT}
    before = [each.key for each in sessions_between(session("2024-08-01").day, DAY.day) if each.key not in unfit]
    assert [grid.session.key for grid in evidence.history] == before[-2:-12:-1]
    assert all(grid.symbols == NVDA and grid.present.all() for grid in evidence.history)


def test_what_cannot_be_read_is_a_finding_and_no_end(gate):
    report = Judging(Place(), gate).report(session(GONE))
    assert (report.verdict, report.blocked, report.bars_in) == ("ERROR", True, {"NVDA": 0})
    assert report.reasons() == ["Nothing is there. A retry would not help."]


@pytest.mark.parametrize("same", [True, False])
def test_what_a_run_said_of_the_same_bars_is_kept_and_of_others_not(gate, same):
    place = Place()
    lacking = session(LACKING)
    before = Judging(place, gate).report(lacking)
    bars = before.fingerprints if same else {"bars/NVDA": "0" * 64}
    found = tuple(one.message for one in before.findings)
    word = Acceptance(by="the desk", reason="a late open", at="2024-08-27T21:00:00Z", fingerprints=bars, findings=found)
    attempts = (Attempt(symbol="NVDA", feed="files", said="It answered."),)
    place.known = before.model_copy(update={"fingerprints": bars, "accepted": word, "attempts": attempts})
    report = Judging(place, gate).report(lacking)
    assert before.blocked
    assert (report.blocked, report.accepted, report.attempts) == ((False, word, attempts) if same else (True, None, ()))
