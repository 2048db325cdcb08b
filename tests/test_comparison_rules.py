"""What a second feed says of a session, and what is stored of it, on bars whose differences are written by hand."""

import numpy as np
import pandas as pd
import pytest

from market.aggregate import aggregate
from market.normalise import normalise
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.rule import Rule
from market.quality.rules.comparison import CrossFeedAgreement, RevisionRate
from market.sessions import BarSize, session
from market.splits import Split, SplitTable
from schemas.quality import QualityReport, Verdict
from schemas.tables import BAR_VALUES
from tests.support.recorded_files import YAHOO_1M, YAHOO_5M, parsed
from tests.support.tables import UNMARKED

DAY = session("2024-01-03")
MINUTES = DAY.minutes(BarSize.ONE_MINUTE)
NO_SPLITS = SplitTable()
SPLIT = SplitTable((Split("NVDA", session("2024-06-10").day, 10.0),))


def bars_of(symbol: str = "NVDA", minutes: int = 100, **columns: object) -> pd.DataFrame:
    """So many bars from the open, each at a price of its own."""
    close = 500.0 + np.arange(minutes)
    table = pd.DataFrame({"timestamp": MINUTES[:minutes], "symbol": symbol, "close": close})
    table = table.assign(open=close, high=close + 1, low=close - 1, volume=1000.0, **UNMARKED)
    return table.assign(**columns)


def judged(rule: Rule, bars: pd.DataFrame, splits: SplitTable = NO_SPLITS, **others: pd.DataFrame) -> QualityReport:
    symbols = tuple(dict.fromkeys(bars["symbol"]))
    return Gate("test", [rule], splits=splits).judge(Evidence(DAY, BarSize.ONE_MINUTE, symbols, bars, **others))


@pytest.mark.parametrize(
    ("moved", "by", "measured", "verdict"),
    [
        (0, 1.0, 1.0, "PASS"),
        (50, 1.0009, 1.0, "PASS"),
        (2, 1.01, 0.98, "PASS"),
        (3, 1.01, 0.97, "WARN"),
        (10, 0.99, 0.90, "WARN"),
        (11, 1.01, 0.89, "FAIL"),
    ],
)
def test_closes_of_the_second_feed(moved, by, measured, verdict):
    second = bars_of()
    second.loc[: moved - 1, "close"] *= by
    closes, volumes = judged(CrossFeedAgreement(), bars_of(), second=second).findings
    assert (closes.measured, closes.verdict) == (pytest.approx(measured), Verdict(verdict))
    at_fault = 0 if measured == 1.0 else moved
    assert closes.held_against == tuple(stamp.isoformat() for stamp in MINUTES[:at_fault])
    assert (volumes.measured, volumes.verdict) == (1.0, Verdict.PASS)


@pytest.mark.parametrize(
    ("times", "measured", "verdict"),
    [(2.0, 2, "PASS"), (0.5, 2, "PASS"), (3.0, 3, "WARN"), (0.1, 10, "WARN"), (11.0, 11, "FAIL"), (0.05, 20, "FAIL")],
)
def test_volumes_of_the_second_feed(times, measured, verdict):
    closes, volumes = judged(CrossFeedAgreement(), bars_of(), second=bars_of(volume=1000.0 * times)).findings
    assert closes.verdict is Verdict.PASS
    assert (volumes.measured, volumes.verdict) == (pytest.approx(measured), Verdict(verdict))
    assert f"are {times:.2f} times ours" in volumes.message


def test_a_few_volumes_do_not_decide_and_silent_bars_are_not_compared():
    second = bars_of()
    second["volume"] = second["volume"].where(second.index >= 49, 90_000.0).where(second.index < 99, 0.0)
    _, volumes = judged(CrossFeedAgreement(), bars_of(), second=second).findings
    assert volumes.measured == 1.0
    (closes,) = judged(CrossFeedAgreement(), bars_of(), second=bars_of(volume=0.0)).findings
    assert closes.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("ours", "theirs", "divided", "agree"),
    [
        ("as_traded", "split_adjusted", 10, True),
        ("split_adjusted", "as_traded", 0.1, True),
        ("as_traded", "as_traded", 1, True),
        ("as_traded", "as_traded", 10, False),
        ("as_traded", "split_adjusted", 1, False),
        ("as_traded", "unknown", 10, True),
        ("as_traded", "unknown", 1, True),
        ("unknown", "unknown", 0.1, True),
        ("unknown", "unknown", 4, False),
    ],
)
def test_prices_of_before_and_after_a_split_are_made_comparable(ours, theirs, divided, agree):
    second = bars_of(basis=theirs)
    second = second.assign(close=second["close"] / divided, volume=second["volume"] * divided)
    closes, volumes = judged(CrossFeedAgreement(), bars_of(basis=ours), SPLIT, second=second).findings
    assert closes.measured == (1.0 if agree else 0.0)
    assert (volumes.measured == pytest.approx(1.0)) == agree


def test_symbols_that_the_second_feed_does_not_have_are_not_judged():
    both = pd.concat([bars_of("NVDA"), bars_of("MSFT")], ignore_index=True)
    found = judged(CrossFeedAgreement(), both, second=bars_of("MSFT")).findings
    assert {finding.symbol for finding in found} == {"MSFT"}
    report = judged(CrossFeedAgreement(), both, second=bars_of("MSFT", minutes=29))
    assert report.not_asked == {"cross_feed_agreement": "the second feed shares fewer than 30 minutes"}


def test_two_recorded_files_of_one_feed_agree():
    """Yahoo's five-minute bars, and its one-minute ones put together."""
    of = session("2024-08-29")
    five, one = (
        normalise(found.rows, of, size, found.provenance).bars
        for found, size in (
            (parsed(YAHOO_5M.format("NVDA")), BarSize.FIVE_MINUTES),
            (parsed(YAHOO_1M.format("NVDA")), BarSize.ONE_MINUTE),
        )
    )
    second = aggregate(one, of, BarSize.FIVE_MINUTES)
    evidence = Evidence(of, BarSize.FIVE_MINUTES, ("NVDA",), five, second=second)
    closes, volumes = Gate("test", [CrossFeedAgreement()]).judge(evidence).findings
    assert (closes.verdict, volumes.verdict) == (Verdict.PASS, Verdict.PASS)
    assert volumes.measured == pytest.approx(1.0, abs=0.05)


def stored(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[["timestamp", "symbol", *BAR_VALUES, "source"]]


@pytest.mark.parametrize(
    ("revised", "measured", "verdict"), [(2, 0.02, "PASS"), (3, 0.03, "WARN"), (20, 0.20, "WARN"), (21, 0.21, "FAIL")]
)
@pytest.mark.parametrize("column", ["open", "volume"])
def test_revised_bars(revised, measured, verdict, column):
    before = bars_of()
    before.loc[: revised - 1, column] += 0.0001 if column == "open" else 1
    (finding,) = judged(RevisionRate(), bars_of(), stored=stored(before)).findings
    assert (finding.measured, finding.verdict) == (pytest.approx(measured), Verdict(verdict))
    assert finding.held_against == tuple(stamp.isoformat() for stamp in MINUTES[:revised])
    assert f"{revised} of 100 stored NVDA bars are revised" in finding.message


def test_a_second_run_of_a_session_says_what_the_first_one_said():
    (nothing,) = judged(RevisionRate(), bars_of(), stored=stored(bars_of(minutes=0))).findings
    (equal,) = judged(RevisionRate(), bars_of(), stored=stored(bars_of())).findings
    nearly = bars_of().assign(close=bars_of()["close"] * (1 + 1e-12))
    (rounded,) = judged(RevisionRate(), bars_of(), stored=stored(nearly)).findings
    assert nothing == equal == rounded
    assert (nothing.measured, nothing.verdict) == (0.0, Verdict.PASS)


def test_removed_bars_are_revised_and_added_ones_are_not():
    (added,) = judged(RevisionRate(), bars_of(minutes=100), stored=stored(bars_of(minutes=60))).findings
    assert (added.measured, added.held_against) == (0.0, ())
    (removed,) = judged(RevisionRate(), bars_of(minutes=60), stored=stored(bars_of(minutes=100))).findings
    assert (removed.measured, removed.verdict) == (0.4, Verdict.FAIL)
    assert removed.held_against == tuple(stamp.isoformat() for stamp in MINUTES[60:100])


def test_a_change_of_feed_is_no_revision():
    before = bars_of(close=1.0, source="yahoo")
    (finding,) = judged(RevisionRate(), bars_of(source="alpha_vantage"), stored=stored(before)).findings
    assert (finding.measured, finding.held_against) == (0.0, ())
    assert finding.message == (
        "0 of 0 stored NVDA bars are revised (0.0%, at most 20%; "
        "100 that differ are stored from yahoo, and a change of feed is no revision)."
    )


def test_minutes_are_compared_with_what_the_same_feed_said():
    """Ten of the stored minutes were another feed's; now the first one has them, and has changed five of its own."""
    before = bars_of(source="alpha_vantage")
    before.loc[:9, ["close", "source"]] = [1.0, "yahoo"]
    before.loc[50:54, "close"] = 1.0
    (finding,) = judged(RevisionRate(), bars_of(source="alpha_vantage"), stored=stored(before)).findings
    assert finding.measured == pytest.approx(5 / 90)
    still_both = bars_of(source="alpha_vantage")
    before.loc[99, "source"] = still_both.loc[99, "source"] = "yahoo"
    (finding,) = judged(RevisionRate(), still_both, stored=stored(before)).findings
    assert finding.measured == pytest.approx(5 / 100)
    assert finding.held_against == tuple(stamp.isoformat() for stamp in MINUTES[50:55])


def test_a_session_that_is_gone_is_revised_wholly():
    symbols = ("NVDA",)
    evidence = Evidence(DAY, BarSize.ONE_MINUTE, symbols, bars_of(minutes=0), stored=stored(bars_of()))
    (finding,) = Gate("test", [RevisionRate()]).judge(evidence).findings
    assert (finding.measured, finding.verdict) == (1.0, Verdict.FAIL)


@pytest.mark.parametrize(
    ("rule", "why"),
    [(CrossFeedAgreement(), "no second feed has the session"), (RevisionRate(), "the database was not looked at")],
)
def test_without_another_to_compare_with_nothing_is_asked(rule, why):
    assert judged(rule, bars_of()).not_asked == {rule.name: why}
