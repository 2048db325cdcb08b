"""What is remembered of earlier sessions, and what is read again. Which ones a run takes is tested with the graph."""

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace

import pandas as pd

from market.quality.evidence import HISTORY_SESSIONS
from market.quality.grid import Grid, stored_grid
from market.sessions import BarSize, Session, sessions_between
from resources.earlier import REMEMBERED, EarlierSessions
from schemas.quality import QualityReport

DAYS = sessions_between(date(2020, 1, 2), date(2020, 12, 31))


class Stored:
    """A database that has one bar of every session, and notes which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stored_of(self, sessions: Sequence[Session]) -> list[pd.DataFrame]:
        self.asked += [one.key for one in sessions]
        return [self.rows(one, 1.0) for one in sessions]

    @staticmethod
    def rows(session: Session, price: float) -> pd.DataFrame:
        prices = dict.fromkeys(("open", "high", "low", "close"), price)
        row = {
            "timestamp": session.open,
            "symbol": "NVDA",
            **prices,
            "volume": 1.0,
            "source": "x",
            "basis": "as_traded",
        }
        return pd.DataFrame([row])


def opened() -> tuple[EarlierSessions, Stored]:
    stored = Stored()
    desk = SimpleNamespace(symbols=("NVDA",), bar_size=BarSize.ONE_MINUTE, sessions=stored)
    return EarlierSessions(desk, lambda _: None), stored  # type: ignore[arg-type]


def report(session: Session) -> QualityReport:
    return QualityReport(
        session=session.key, environment="ci", bar_size="1min", symbols=("NVDA",), bars_in={}, missing={}, findings=(),
        block_on_failure=True, fingerprints={},
    )  # fmt: skip


def grid(session: Session, price: float) -> Grid:
    return stored_grid(Stored.rows(session, price), session, BarSize.ONE_MINUTE, ("NVDA",))


def first_close(one: Grid) -> float:
    return float(one["close"][0, 0])


def test_each_session_is_read_once_on_the_way_forward():
    earlier, stored = opened()
    for place in range(20, 25):
        found = [one.session.key for one in earlier.history(DAYS[place])]
        assert found == [one.key for one in reversed(DAYS[place - HISTORY_SESSIONS : place])]
    assert sorted(stored.asked) == [one.key for one in DAYS[10:24]]


def test_what_is_judged_counts_as_stored_until_it_is_forgotten():
    earlier, stored = opened()
    earlier.history(DAYS[20])
    earlier.judged(DAYS[20], report(DAYS[20]), grid(DAYS[20], 7.0))
    stored.asked.clear()
    assert first_close(earlier.history(DAYS[21])[0]) == 7.0
    assert stored.asked == []
    earlier.forget(DAYS[20])
    assert first_close(earlier.history(DAYS[21])[0]) == 1.0
    assert stored.asked == [DAYS[20].key]


def test_nothing_that_is_read_drives_out_what_is_judged_and_may_not_be_committed():
    earlier, stored = opened()
    earlier.judged(DAYS[30], report(DAYS[30]), grid(DAYS[30], 7.0))
    for place in range(40, 40 + 2 * REMEMBERED):
        earlier.history(DAYS[place])
    stored.asked.clear()
    assert first_close(earlier.history(DAYS[31])[0]) == 7.0
    assert DAYS[30].key not in stored.asked


def test_a_history_is_whole_though_what_is_read_for_it_drives_out_the_rest():
    earlier, _ = opened()
    for place in (*range(100, 100 - REMEMBERED, -1), 96):
        found = [one.session.key for one in earlier.history(DAYS[place])]
        assert found == [one.key for one in reversed(DAYS[place - HISTORY_SESSIONS : place])]
