"""Label side and clock drift, on opening volumes written by hand and on the recorded pair with one clock moved."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from market.labels import LabelSide
from market.normalise import Provenance, empty_bars, normalise
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rules.clocks import ClockDrift
from market.quality.rules.timestamps import StartLabels
from market.sessions import BarSize, Session, session, sessions_between
from schemas.quality import QualityReport, Verdict
from tests.support import recorded
from tests.support.tables import UNMARKED

DAY = session("2024-01-03")  # opens at 14:30 UTC
PAIR = ("NVDA", "MSFT")
SESSIONS = sessions_between(date(2020, 10, 26), date(2021, 1, 8))


def opening(volumes: dict[int, float], minutes: int = 1) -> Evidence:
    """NVDA bars with these volumes at so many bars from the open; those outside the session are marked as cut."""
    size = BarSize(f"{minutes}min")
    stamps = pd.DatetimeIndex([DAY.open + bar * size.delta for bar in volumes]).as_unit("us")
    outside = (stamps < DAY.open) | (stamps >= DAY.close)
    table = pd.DataFrame({"timestamp": stamps, "symbol": "NVDA", "volume": list(volumes.values())})
    table = table.assign(open=10.0, high=10.0, low=10.0, close=10.0, **UNMARKED)
    table["mark"] = np.where(outside, "extended_hours", "")
    return Evidence(DAY, size, ("NVDA",), table)


def asked(rule: StartLabels | ClockDrift, evidence: Evidence) -> QualityReport:
    return Gate("test", [rule]).judge(evidence)


@pytest.mark.parametrize(
    ("volumes", "minutes", "measured", "at"),
    [
        ({-2: 40, -1: 30, 0: 900, 1: 200, 2: 150}, 1, 0, None),
        ({0: 900, 1: 200, 2: 150}, 1, 0, None),
        ({-1: 40, 0: 30, 1: 900, 2: 200, 3: 150}, 1, 1, "14:31"),
        ({-2: 40, -1: 30, 0: 30, 1: 35, 2: 90, 3: 900, 4: 200}, 1, 3, "14:33"),
        ({-2: 30, -1: 900, 0: 200, 1: 150}, 1, 1, "14:29"),
        ({-1: 30, 0: 40, 1: 900, 2: 200}, 5, 5, "14:35"),
        ({-2: 30, -1: 900, 0: 200}, 5, 5, "14:25"),
    ],
    ids=["right", "no pre-market", "one late", "three late", "one early", "five minutes late", "five minutes early"],
)
def test_the_opening_auction_says_where_the_stamps_stand(volumes, minutes, measured, at):
    (finding,) = asked(StartLabels(), opening(volumes, minutes)).findings
    assert (finding.measured, finding.verdict) == (measured, Verdict.FAIL if measured else Verdict.PASS)
    assert [stamp[11:16] for stamp in finding.held_against] == ([at] if at else [])
    assert ("minutes after the open" in finding.message) == (at is not None and at > "14:30")


@pytest.mark.parametrize(
    "volumes",
    [
        {0: 0, 1: 0, 2: 0},
        {0: float("nan"), 1: 900},
        {-1: 500, 0: 900, 1: 950, 2: 800},
        {1: 900, 2: 200, 3: 150},
        {-2: 40, -1: 30, 1: 900, 2: 200, 3: 150},
        {0: 0, 1: 900, 2: 200},
        {-1: 30, 0: 900, 1: 200, 2: 5000, 3: 150, 4: 160},
    ],
    ids=[
        "no volume",
        "unknown",
        "nothing stands out",
        "absent opening",
        "absent after a pre-market",
        "silent opening",
        "an outlier behind it",
    ],
)
def test_without_an_opening_that_stands_out_nothing_is_said(volumes):
    report = asked(StartLabels(), opening(volumes))
    assert (report.findings, report.not_asked) == ((), {"label_side": "no opening volume stands out"})


def test_end_labels_without_extended_hours_show_at_the_close():
    (finding,) = asked(StartLabels(), opening({1: 900, 2: 200, 389: 500, 390: 700})).findings
    assert (finding.measured, finding.verdict) == (1, Verdict.FAIL)


@cache
def recorded_days() -> dict[str, dict[date, pd.DataFrame]]:
    """The recorded rows by symbol and New York day."""
    return {
        symbol: {day: rows for day, rows in table.groupby(table["stamp"].dt.date)}  # noqa: C416  (the keys are Any)
        for symbol in PAIR
        for table in [recorded.vendor_rows(symbol)]
    }


@cache
def pair(of: Session) -> pd.DataFrame:
    """The recorded bars of both symbols, extended hours among them."""
    end = Provenance("alpha_vantage", "split_adjusted", LabelSide.END)
    days = [recorded_days()[symbol][of.day] for symbol in PAIR]
    return pd.concat([normalise(rows, of, BarSize.ONE_MINUTE, end).bars for rows in days], ignore_index=True)


def moved(bars: pd.DataFrame, of: Session, symbol: str, minutes: int) -> pd.DataFrame:
    """The bars of the session, one symbol's stamps so many minutes later; what leaves the session is gone."""
    bars = bars[bars["mark"] == ""]
    later = bars["timestamp"] + pd.Timedelta(minutes=minutes) * (bars["symbol"] == symbol).astype(int)
    bars = bars.assign(timestamp=later.dt.as_unit("us"))
    return bars[(bars["timestamp"] >= of.open) & (bars["timestamp"] < of.close)].reset_index(drop=True)


@pytest.mark.parametrize("day", ["2020-10-26", "2020-12-24", "2020-12-31"])  # the second is a half day
@pytest.mark.parametrize("minutes", [-5, -1, 1, 3])
def test_a_symbol_whose_clock_is_off_is_found(day, minutes):
    of = session(day)
    (clean,) = asked(ClockDrift(), Evidence(of, BarSize.ONE_MINUTE, PAIR, moved(pair(of), of, "MSFT", 0))).findings
    assert (clean.measured, clean.verdict, clean.symbol) == (0, Verdict.PASS, None)
    evidence = Evidence(of, BarSize.ONE_MINUTE, PAIR, moved(pair(of), of, "MSFT", minutes))
    (finding,) = asked(ClockDrift(), evidence).findings
    assert (finding.measured, finding.verdict) == (60 * abs(minutes), Verdict.FAIL)
    side = "after" if minutes > 0 else "before"
    assert finding.message == f"MSFT moves {60 * abs(minutes)} s {side} NVDA (at most 0 s)."


def walk(seed: int, bars: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.001, bars)


def closing(returns: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = []
    for symbol, moves in returns.items():
        close = 100 * np.exp(np.cumsum(moves))
        stamps = DAY.minutes(BarSize.ONE_MINUTE)[: len(close)]
        parts.append(pd.DataFrame({"timestamp": stamps, "symbol": symbol, "close": close}))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(open=100.0, high=101.0, low=99.0, volume=10.0, **UNMARKED)


def test_of_three_symbols_the_one_with_another_clock_is_named():
    market = walk(1)
    own = {"NVDA": market, "MSFT": market + walk(2) / 5, "AAPL": np.roll(market, 2)}
    symbols = ("NVDA", "MSFT", "AAPL")
    found = asked(ClockDrift(), Evidence(DAY, BarSize.ONE_MINUTE, symbols, closing(own))).findings
    of_aapl = next(finding for finding in found if finding.symbol == "AAPL")
    assert (of_aapl.measured, of_aapl.verdict) == (120, Verdict.FAIL)


def test_the_second_feed_is_a_clock_too():
    """The symbols say nothing of each other; one of them is a minute late against the other feed, the other not."""
    bars = closing({"NVDA": walk(1), "MSFT": np.roll(walk(2), 1)})
    second = closing({"NVDA": walk(1), "MSFT": walk(2)})
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars, second=second)
    found = {finding.symbol: finding.measured for finding in asked(ClockDrift(), evidence).findings}
    assert found == {"NVDA": 0, "MSFT": 60}


@pytest.mark.parametrize(
    "returns",
    [
        {"NVDA": walk(1), "MSFT": walk(2)},
        {"NVDA": walk(1), "MSFT": np.zeros(200)},
        {"NVDA": walk(1, 25), "MSFT": walk(1, 25)},
        {"NVDA": walk(1)},
    ],
    ids=["unrelated", "frozen", "too few", "one symbol"],
)
def test_what_does_not_move_together_tells_no_time(returns):
    report = asked(ClockDrift(), Evidence(DAY, BarSize.ONE_MINUTE, tuple(returns), closing(returns)))
    assert report.findings == ()
    assert report.not_asked == {"clock_drift": "nothing moves together enough to tell the time by"}


def test_a_session_without_a_row_says_nothing_of_its_labels_alone_or_beside_others():
    of = SESSIONS[0]
    empty, full = (Evidence(of, BarSize.ONE_MINUTE, PAIR, bars) for bars in (empty_bars(), pair(of)))
    gate = Gate("test", [StartLabels()])
    for report in (gate.judge(empty), gate.judge_all([full, empty])[1]):
        assert (report.findings, report.not_asked) == ((), {"label_side": "no opening volume stands out"})


def test_two_bad_prices_are_no_drift():
    """One spike in each symbol, a minute apart, would outweigh all that is true of the other minutes."""
    bars = closing({"NVDA": walk(1), "MSFT": walk(1) + walk(2) / 2})
    bars.loc[[50, 200 + 51], "close"] *= 2  # 200 bars of NVDA, then MSFT's
    (finding,) = asked(ClockDrift(), Evidence(DAY, BarSize.ONE_MINUTE, PAIR, bars)).findings
    assert finding.measured == 0


def test_recorded_sessions_give_no_false_alarm():
    verdicts = {"label_side": 0, "clock_drift": 0}
    for of in SESSIONS[::4]:
        evidence = Evidence(of, BarSize.ONE_MINUTE, PAIR, pair(of))
        for finding in Gate("test", [StartLabels(), ClockDrift()]).judge(evidence).findings:
            assert finding.verdict is Verdict.PASS, (of.key, finding.message)
            verdicts[finding.rule] += 1
    assert verdicts == {"label_side": 25, "clock_drift": 13}  # MSFT of 2021-01-05 traded more at 09:35 than at 09:30
