"""Jumps, ranges and standstill of prices, on sessions written by hand and on recorded ones."""

import shutil
from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml

from market.quality.evidence import Evidence
from market.quality.rules import PriceJumps, PriceRange, StalePrices
from market.sessions import session
from market.splits import Split, SplitTable
from resources.errors import ConfigError
from resources.gate_settings import load_gate
from resources.paths import CONFIG
from schemas.quality import Finding, Verdict
from schemas.tables import PRICE_COLUMNS
from tests.support.quality import FIVE, ONE, calm_bars, grid_of, new_york, recorded_bars, report_on
from tests.support.recorded_files import lean_lines, parsed

BEFORE, DAY = session("2024-01-02"), session("2024-01-03")
TEN_FOR_ONE = SplitTable((Split("NVDA", date(2024, 1, 3), 10.0),))


def spoiled(bars: pd.DataFrame, rows: int | Iterable[int], **values: float) -> pd.DataFrame:
    """The bars with other values in some rows."""
    changed = bars.copy()
    changed.loc[rows if isinstance(rows, int) else list(rows), list(values)] = list(values.values())
    return changed


def all_four(price: float) -> dict[str, float]:
    return dict.fromkeys(PRICE_COLUMNS, price)


@pytest.mark.parametrize(
    ("rows", "values", "measured", "verdict", "named"),
    [
        pytest.param(0, {}, 0.0002, "PASS", [], id="calm"),
        pytest.param(90, all_four(125.0), 0.25, "FAIL", ["11:00", "11:01"], id="spike up and back"),
        pytest.param(90, all_four(112.0), 0.12, "WARN", ["11:00", "11:01"], id="small spike up and back"),
        pytest.param(90, {"high": 115.0}, 0.15, "WARN", ["11:00"], id="wick"),
        pytest.param(90, {"low": 70.0}, 0.30, "FAIL", ["11:00"], id="wick down"),
        pytest.param(range(90, 390), all_four(10.0), 0.90, "FAIL", ["11:00"], id="split within the session"),
        pytest.param(0, {"open": 700.0, "high": 700.0, "low": 70.0}, 0.9, "FAIL", ["09:30"], id="two scales in a bar"),
        pytest.param(90, {"high": 99.5}, 0.005, "PASS", [], id="high below low"),
        pytest.param(90, {"close": np.nan, "high": np.inf, "low": -5.0}, 0.0002, "PASS", [], id="no prices"),
    ],
)  # fmt: skip
def test_jumps_from_bar_to_bar(rows, values, measured, verdict, named):
    bars = spoiled(calm_bars(DAY), rows, **values)
    (finding,) = report_on(PriceJumps(), bars, DAY).findings
    assert (finding.verdict, new_york(finding)) == (Verdict(verdict), named)
    assert finding.measured == pytest.approx(measured)


def test_a_jump_across_a_gap_is_found_at_its_far_side():
    bars = spoiled(calm_bars(DAY), range(150, 390), **all_four(130.0)).drop(index=range(100, 150))
    (finding,) = report_on(PriceJumps(), bars, DAY).findings
    assert (finding.measured, new_york(finding)) == (pytest.approx(0.3), ["12:00"])
    assert finding.message == "The largest jump of NVDA from bar to bar is 30.0% (at most 20%): 12:00."


def test_no_bars_have_no_jump():
    (finding,) = report_on(PriceJumps(), calm_bars(DAY).head(0), DAY, history=()).findings
    assert (finding.measured, finding.verdict) == (0.0, Verdict.PASS)


@pytest.mark.parametrize(
    ("basis", "splits", "yesterday", "today", "move", "verdict"),
    [
        ("as_traded", None, 100.0, 119.0, 0.19, "PASS"),
        ("as_traded", None, 100.0, 75.0, 0.25, "WARN"),
        ("as_traded", None, 100.0, 66.0, 0.34, "FAIL"),  # 3-for-2, of which nobody knows
        ("as_traded", TEN_FOR_ONE, 1000.0, 100.0, 0.0, "PASS"),
        ("as_traded", TEN_FOR_ONE, 1000.0, 1000.0, 9.0, "FAIL"),  # the split is known, the price does not show it
        ("as_traded", None, 1000.0, 100.0, 0.9, "FAIL"),
        ("split_adjusted", TEN_FOR_ONE, 100.0, 100.0, 0.0, "PASS"),
        ("split_adjusted", TEN_FOR_ONE, 1000.0, 100.0, 0.9, "FAIL"),
        ("unknown", TEN_FOR_ONE, 1000.0, 105.0, 0.05, "PASS"),
        ("unknown", TEN_FOR_ONE, 100.0, 105.0, 0.05, "PASS"),
        ("unknown", TEN_FOR_ONE, 1000.0, 200.0, 1.0, "FAIL"),  # 2 times the new scale is nearer than 1/5 of the old
        ("unknown", None, 1000.0, 100.0, 0.9, "FAIL"),
    ],
)
def test_jumps_overnight(basis, splits, yesterday, today, move, verdict):
    history = (grid_of(calm_bars(BEFORE, yesterday).assign(basis=basis), BEFORE),)
    bars = calm_bars(DAY, today).assign(basis=basis)
    within, overnight = report_on(PriceJumps(), bars, DAY, history=history, splits=splits).findings
    assert within.verdict is Verdict.PASS
    assert (overnight.measured, overnight.verdict) == (pytest.approx(move), Verdict(verdict))
    assert new_york(overnight) == ([] if verdict == "PASS" else ["09:30"])
    assert (overnight.warn, overnight.fail) == (0.2, 0.3)


@pytest.mark.parametrize(
    ("before", "after", "day", "yesterday", "today"),
    [
        ("as_traded", "split_adjusted", date(2024, 1, 3), 1000.0, 100.0),  # split overnight
        ("as_traded", "split_adjusted", date(2024, 6, 10), 1000.0, 100.0),  # split later, the vendor adjusted for it
        ("split_adjusted", "as_traded", date(2024, 6, 10), 100.0, 1000.0),
        ("split_adjusted", "as_traded", date(2024, 1, 3), 100.0, 100.0),  # both after the split
    ],
)
def test_a_night_between_two_bases_is_no_jump(before, after, day, yesterday, today):
    """What is stored is one feed's, what came in another's."""
    history = (grid_of(calm_bars(BEFORE, yesterday).assign(basis=before), BEFORE),)
    splits = SplitTable((Split("NVDA", day, 10.0),))
    bars = calm_bars(DAY, today).assign(basis=after)
    _, overnight = report_on(PriceJumps(), bars, DAY, history=history, splits=splits).findings
    assert (overnight.measured, overnight.verdict) == (pytest.approx(0.0, abs=1e-12), Verdict.PASS)


def test_the_night_is_from_the_last_close_there_is_to_the_first_open_there_is():
    yesterday = spoiled(calm_bars(BEFORE), 380, close=80.0).drop(index=range(381, 390))
    today = calm_bars(DAY).drop(index=range(10))
    history = (grid_of(yesterday, BEFORE),)
    _, overnight = report_on(PriceJumps(), today, DAY, history=history).findings
    assert (overnight.measured, new_york(overnight)) == (pytest.approx(0.25), ["09:40"])
    assert overnight.message == "NVDA opens +25.0% from the close of 2024-01-02 (at most 30%): 09:40."


@pytest.mark.parametrize("last", ["2023-12-26", "2023-12-27"])
def test_a_session_of_long_ago_is_no_yesterday(last):
    """Seven days are a night, eight are not; a symbol that it does not have has none either."""
    old = session(last)
    history = (grid_of(calm_bars(old, 10.0), old),)
    findings = report_on(PriceJumps(), calm_bars(DAY), DAY, history=history).findings
    assert len(findings) == (2 if last == "2023-12-27" else 1)
    other = calm_bars(DAY, symbol="MSFT")
    assert len(report_on(PriceJumps(), other, DAY, symbols=("MSFT",), history=history).findings) == 1


@pytest.mark.parametrize(("known", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_the_recorded_split_of_apple(known, verdict):
    """645.57 became 92.70: seven for one."""
    friday, monday = (session(day) for day in ("2014-06-06", "2014-06-09"))
    names = ("aapl_20140606_trade.zip", "aapl_20140609_trade.zip")
    before, after = (recorded_bars(parsed(name), day) for name, day in zip(names, (friday, monday), strict=True))
    closing = next(line[4] for line in lean_lines(names[0]) if line[0] == (16 * 60 - 1) * 60_000)
    opening = next(line[1] for line in lean_lines(names[1]) if line[0] == (9 * 60 + 30) * 60_000)
    splits = SplitTable((Split("AAPL", date(2014, 6, 9), 7.0),)) if known else None
    history = (grid_of(before, friday, symbols=("AAPL",)),)
    report = report_on(PriceJumps(), after, monday, symbols=("AAPL",), history=history, splits=splits)
    within, overnight = report.findings
    assert (within.verdict, overnight.verdict) == (Verdict.PASS, verdict)
    assert overnight.measured == pytest.approx(abs(opening * (7 if known else 1) / closing - 1))


def of(rule: str, findings: Iterable[Finding]) -> dict[str | None, Finding]:
    return {finding.symbol: finding for finding in findings if finding.rule == rule}


def test_a_symbol_has_a_price_range_of_its_own(tmp_path):
    config = shutil.copytree(CONFIG, tmp_path / "config")
    content = yaml.safe_load((config / "data_quality.yaml").read_text(encoding="utf-8"))
    content["rules"]["price_range"] = {"warn": [50, 200], "fail": [10, 500]}
    content["symbols"] = {"NVDA": {"price_range": {"warn": [101, 400], "fail": [99.99, 1000]}}}
    (config / "data_quality.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    bars = pd.concat([calm_bars(DAY), calm_bars(DAY, symbol="MSFT")], ignore_index=True)
    bars.loc[bars.index[390:], ["open", "high", "low", "close"]] += 99.99  # MSFT: 199.97 to 200.01
    bars.loc[400, "high"] = 199.99
    report = load_gate("prod", config).judge(Evidence(DAY, ONE, ("NVDA", "MSFT"), bars))
    found = of("price_range", report.findings)
    nvda, msft = found["NVDA"], found["MSFT"]
    assert (nvda.verdict, nvda.measured, nvda.warn, nvda.fail) == (Verdict.FAIL, 99.98, 101, 99.99)
    assert (msft.verdict, msft.measured, msft.warn, msft.fail) == (Verdict.WARN, pytest.approx(200.01), 200, 500)
    assert len(nvda.held_against) == 390
    assert len(msft.held_against) == 389
    assert "09:40" not in new_york(msft)
    assert nvda.message == "NVDA costs 99.98 to 100.02 USD (allowed: 99.99 to 1,000): 09:30 to 15:59."


@pytest.mark.parametrize(
    ("symbol", "price", "verdict"),
    [
        ("NVDA", 0.42, "PASS"),  # 2014, adjusted for 40 for 1
        ("NVDA", 13.0, "PASS"),  # 2020, adjusted
        ("NVDA", 520.0, "PASS"),  # 2020, as traded
        ("NVDA", 1255.0, "PASS"),  # June 2024, the day before 10 for 1
        ("NVDA", 12_500.0, "FAIL"),  # cents
        ("MSFT", 34.7, "PASS"),  # 2014
        ("MSFT", 555.0, "PASS"),  # 2025
        ("MSFT", 4.2, "FAIL"),  # a hundredth
        ("SP500", 3_075.0, "PASS"),
        ("SP500", 30_750.0, "WARN"),
    ],
)
def test_the_configured_ranges_fit_what_the_symbols_cost(symbol, price, verdict):
    report = load_gate("prod").judge(Evidence(DAY, ONE, (symbol,), calm_bars(DAY, price, symbol)))
    assert of("price_range", report.findings)[symbol].verdict is Verdict(verdict)


def test_a_variable_can_give_a_range(monkeypatch):
    monkeypatch.setenv("INTRADAY_QUALITY__PRICE_RANGE__FAIL", "0.2, 3000000")
    rule = next(rule for rule in load_gate("prod").rules if isinstance(rule, PriceRange))
    assert rule.fail == (0.2, 3_000_000)
    monkeypatch.setenv("INTRADAY_QUALITY__PRICE_RANGE__FAIL", "1, 100")
    with pytest.raises(ConfigError, match="must lie within fail"):
        load_gate("prod")


def test_no_price_lies_in_no_range():
    assert report_on(PriceRange(), calm_bars(DAY).assign(**all_four(float("nan"))), DAY).findings == ()


@pytest.mark.parametrize("size", [ONE, FIVE], ids=str)
@pytest.mark.parametrize(("length", "verdict"), [(2, "PASS"), (3, "WARN"), (5, "WARN"), (6, "FAIL")])
def test_frozen_prices(size, length, verdict):
    bars = spoiled(calm_bars(DAY, size=size), range(10, 10 + length), **all_four(100.0))
    frozen, repeats = report_on(StalePrices(), bars, DAY, size).findings
    assert (frozen.measured, frozen.verdict, repeats.verdict) == (length, Verdict(verdict), Verdict.PASS)
    held = [] if verdict == "PASS" else [stamp.isoformat() for stamp in DAY.minutes(size)[10 : 10 + length]]
    assert list(frozen.held_against) == held


def test_prices_freeze_across_a_gap_and_thaw_between():
    """Ten bars stand still with eight of them missing in their midst; another two do later, which is little."""
    bars = spoiled(calm_bars(DAY), [*range(20, 40), 50, 51], **all_four(100.0)).drop(index=range(22, 36))
    frozen, _ = report_on(StalePrices(), bars, DAY).findings
    assert (frozen.measured, new_york(frozen)) == (6, ["09:50", "09:51", "10:06", "10:07", "10:08", "10:09"])


def test_prices_at_another_level_than_the_close_before_are_not_frozen():
    bars = calm_bars(DAY)
    for row in range(20, 30):
        bars.loc[row, list(PRICE_COLUMNS)] = 100.0 + row / 100
    assert report_on(StalePrices(), bars, DAY).findings[0].measured == 0


def test_bars_without_volume_are_not_called_frozen_or_repeated():
    bars = spoiled(calm_bars(DAY), range(20, 60), **all_four(100.0), volume=0.0)
    assert [finding.measured for finding in report_on(StalePrices(), bars, DAY).findings] == [0, 0]


@pytest.mark.parametrize(("count", "verdict"), [(1, "WARN"), (2, "WARN"), (3, "FAIL")])
def test_repeated_rows(count, verdict):
    bars = calm_bars(DAY)
    for row in range(count):
        bars.loc[31 + 2 * row, "volume"] = bars.loc[30 + 2 * row, "volume"]
    frozen, repeats = report_on(StalePrices(), bars, DAY).findings
    assert (repeats.measured, repeats.verdict, frozen.measured) == (count, Verdict(verdict), 0)
    assert new_york(repeats) == ["10:01", "10:03", "10:05"][:count]
