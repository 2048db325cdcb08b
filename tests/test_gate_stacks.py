"""Sessions in a row, judged at once as a load does: each is history of the next, and fares as it does alone."""

from datetime import date

import pandas as pd
import pytest

from market.frames import build_frame
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid
from market.sessions import BarSize, Session, sessions_between
from market.splits import Split, SplitTable
from market.synthetic import synthetic_bars
from resources.gate_settings import load_gate
from schemas.quality import QualityReport

ONE, PAIR = BarSize.ONE_MINUTE, ("NVDA", "MSFT")
DAYS = sessions_between(date(2024, 11, 11), date(2024, 12, 3))  # with the half day after Thanksgiving, 2024-11-29
SPLIT = SplitTable((Split("MSFT", date(2024, 11, 26), 4.0),))
REPLAYED, REPLAYS = "2024-11-19", "2024-11-21"


@pytest.fixture(scope="module")
def bars() -> dict[str, pd.DataFrame]:
    """Of each day; one replays 20 minutes of another, MSFT splits, and misses five bars the day after it."""
    found = {day.key: synthetic_bars(day, ONE, PAIR, 7).assign(basis="as_traded") for day in DAYS}
    of = found[REPLAYS]["symbol"] == "NVDA"
    old = found[REPLAYED][found[REPLAYED]["symbol"] == "NVDA"].iloc[100:120]
    rows = found[REPLAYS].index[of][100:120]
    for name in ("open", "high", "low", "close", "volume"):
        found[REPLAYS].loc[rows, name] = old[name].to_numpy()
        for key in [key for key in found if key >= "2024-11-26"]:
            factor = 4.0 if name == "volume" else 0.25
            found[key].loc[found[key]["symbol"] == "MSFT", name] *= factor
    gone = found["2024-11-27"].index[found["2024-11-27"]["symbol"] == "MSFT"][30:35]
    found["2024-11-27"] = found["2024-11-27"].drop(gone).reset_index(drop=True)
    return {key: table.astype({"source": "str", "basis": "str"}) for key, table in found.items()}


def evidences(bars: dict[str, pd.DataFrame], frames: dict[str, pd.DataFrame]) -> list[Evidence]:
    """Each day's, the days before as its history."""
    history: list[Grid] = []
    made = []
    for day in DAYS:
        made.append(Evidence(day, ONE, PAIR, bars[day.key], frames[day.key], tuple(history[::-1][:10])))
        history.append(made[-1].grid)
    return made


@pytest.fixture(scope="module")
def frames(bars: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Warmed by the two days before; that of the third day has its symbols in the other order."""

    def frame(day: Session) -> pd.DataFrame:
        place = DAYS.index(day)
        return build_frame(
            bars[day.key], [bars[one.key] for one in DAYS[max(0, place - 2) : place]], day, ONE, PAIR, SPLIT
        )

    found = {day.key: frame(day) for day in DAYS}
    third = DAYS[2].key
    found[third] = found[third].sort_values(["timestamp", "symbol"], ignore_index=True)
    return found


def gate() -> Gate:
    made = load_gate("staging")
    return Gate(made.environment, made.rules, made.by_symbol, made.policy, SPLIT)


def judged(bars, frames) -> dict[str, QualityReport]:
    return {report.session: report for report in gate().judge_all(evidences(bars, frames))}


def test_days_judged_at_once_have_the_reports_that_they_have_alone(bars, frames):
    alone = [gate().judge(evidence) for evidence in evidences(bars, frames)]
    assert list(judged(bars, frames).values()) == alone


def test_what_is_wrong_with_each_is_found(bars, frames):
    found = {
        (key, finding.rule, finding.symbol, len(finding.held_against))
        for key, report in judged(bars, frames).items()
        for finding in report.problems
        if finding.rule != "synthetic_bars"
    }
    assert found == {
        (REPLAYS, "replayed_bars", "NVDA", 20),
        ("2024-11-27", "missing_ratio", "MSFT", 5),
        ("2024-11-27", "longest_gap", "MSFT", 5),
    }


def test_a_split_is_known_in_what_is_compared(bars, frames):
    report = judged(bars, frames)["2024-11-26"]
    (overnight,) = (
        one for one in report.findings if one.symbol == "MSFT" and "from the close of 2024-11-25" in one.message
    )
    assert "its 4-for-1 split apart" in overnight.message
    unknown = Gate("test", gate().rules, gate().by_symbol).judge_all(evidences(bars, frames))
    rules = {one.rule for one in unknown[DAYS.index(next(d for d in DAYS if d.key == "2024-11-26"))].problems}
    assert "price_jumps" in rules
