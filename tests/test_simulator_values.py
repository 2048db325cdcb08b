"""Faults of values and labels, over the socket of both stand-ins: one labels ends of minutes, the other starts."""

import csv
import gzip
from decimal import Decimal

import pandas as pd
import pytest

from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.yahoo import YahooSimulator
from tests.support.alpha_vantage import ask
from tests.support.yahoo import FOLDER, Row, ask_chart, epoch, recorded_rows, rows_of

TextRow = list[str]
DAY, NEXT = "2024-08-27", "2024-08-28"


def recorded(prefix: str) -> list[TextRow]:
    """Alpha Vantage's recorded rows of NVDA, newest first."""
    path = FOLDER / "alphavantage_1min_ext_NVDA_2020-10-26_2021-01-08.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return [row for row in csv.reader(file) if row[0].startswith(prefix)]


def asked(simulator: AlphaVantageSimulator, **changes: str) -> list[TextRow]:
    """December of NVDA."""
    return list(csv.reader(ask(simulator, **changes).text.splitlines()))[1:]


def alpha_vantage(*faults: str, **changes: str) -> list[TextRow]:
    with AlphaVantageSimulator(faults) as simulator:
        return asked(simulator, **changes)


def yahoo(*faults: str, first: str = DAY, last: str = NEXT, **changes: object) -> list[Row]:
    with YahooSimulator(faults) as simulator:
        return rows_of(ask_chart(simulator, "NVDA", first, last, **changes))


def minute_later(row: TextRow, minutes: int) -> TextRow:
    return [str(pd.Timestamp(row[0]) + pd.Timedelta(minutes=minutes)), *row[1:]]


@pytest.mark.parametrize(("labels", "others", "odd"), [("end", 0, -1), ("start", -1, 0)])
def test_a_session_is_labelled_on_the_other_side(labels: str, others: int, odd: int) -> None:
    with AlphaVantageSimulator(["label:NVDA:2020-12-02"], labels=labels) as simulator:  # type: ignore[arg-type]
        got = asked(simulator)
    month = recorded("2020-12")
    assert got == [minute_later(row, odd if row[0].startswith("2020-12-02") else others) for row in month]


def test_the_hours_and_longer_bars_of_such_a_session_are_the_true_ones() -> None:
    right, odd = (alpha_vantage(*faults, interval="5min", extended_hours="false") for faults in ([], [LABEL]))
    turned = [row for row in odd if row[0].startswith("2020-12-02")]
    assert (turned[-1][0], turned[0][0], len(turned)) == ("2020-12-02 09:30:00", "2020-12-02 15:55:00", 78)
    assert odd == [minute_later(row, -5) if row[0].startswith("2020-12-02") else row for row in right]


LABEL = "label:NVDA:2020-12-02"


def test_yahoo_labels_a_session_by_the_end() -> None:
    rows = recorded_rows("NVDA", "2024-08-26", "2024-08-29")
    day = range(epoch(DAY), epoch(NEXT))
    expected = [(row[0] + 60, *row[1:]) if row[0] in day else row for row in rows]
    assert yahoo(f"label:NVDA:{DAY}", first="2024-08-26", last="2024-08-29") == expected
    five = [row[0] for row in yahoo(f"label:NVDA:{DAY}", interval="5m", includePrePost="false")]
    assert (five[0], five[-1], len(five)) == (epoch(f"{DAY} 09:35"), epoch(f"{DAY} 16:00"), 78)


def test_a_bar_is_revised_late() -> None:
    true = ["2020-12-01 12:01:00", "540.3487", "540.3487", "539.2090000000002", "539.6189", "37575"]
    early = [*true[:4], "539.2090000000002", "18787"]
    month = recorded("2020-12")
    before = [early if row == true else row for row in month]
    with AlphaVantageSimulator(["revise:NVDA:2020-12-01:12:00:2"]) as simulator:
        # Another month and another stock do not count.
        assert asked(simulator, month="2020-11") == recorded("2020-11")
        asked(simulator, symbol="MSFT")
        answers = [asked(simulator) for _ in range(4)]
    assert true in month
    assert answers == [before, before, month, month]


def test_longer_bars_carry_the_early_values_and_count() -> None:
    with AlphaVantageSimulator(["revise:NVDA:2020-12-01:12:00:2"]) as simulator:
        volumes = [
            {row[0]: int(row[5]) for row in asked(simulator, interval=size)}["2020-12-01 12:15:00"]
            for size in ("15min", "15min", "15min")
        ]
        assert asked(simulator) == recorded("2020-12")
    assert volumes == [volumes[2] - 18788, volumes[2] - 18788, volumes[2]]


def test_yahoo_revises_a_bar_late() -> None:
    row = recorded_rows("NVDA", f"{DAY} 12:00", f"{DAY} 12:01")[0]
    early = (*row[:4], row[3], (row[5] or 0) // 2)
    assert row[4] != row[3]
    day = recorded_rows("NVDA", DAY, NEXT)
    with YahooSimulator([f"revise:NVDA:{DAY}:12:00:1"]) as simulator:
        other = rows_of(ask_chart(simulator, "NVDA", NEXT, "2024-08-29"))
        assert other == recorded_rows("NVDA", NEXT, "2024-08-29")
        first, second = [rows_of(ask_chart(simulator, "NVDA", DAY, NEXT)) for _ in range(2)]
    assert first == [early if each == row else each for each in day]
    assert second == day


@pytest.mark.parametrize(("bar", "close", "volume"), [("5,5,5,5,0", "5.01", "1"), ("5,6,4,4,1", "6", "2")])
def test_an_early_value_always_differs(bar: str, close: str, volume: str) -> None:
    columns = ["timestamp", "open", "high", "low", "close", "volume"]
    bars = {"NVDA": pd.DataFrame([["2020-12-01 09:31:00", *bar.split(",")]], columns=columns)}
    with AlphaVantageSimulator(["revise:NVDA:2020-12-01:09:30:1"], bars=bars) as simulator:
        ((*_, early_close, early_volume),) = asked(simulator)
    assert (early_close, early_volume) == (close, volume)


@pytest.mark.parametrize("percent", ["1.5", "-1.5"])
def test_vendors_disagree_about_a_session(percent: str) -> None:
    def scaled(row: TextRow) -> TextRow:
        prices = [f"{Decimal(text) * (1 + Decimal(percent) / 100):.4f}" for text in row[1:5]]
        return [row[0], *prices, row[5]] if row[0].startswith("2020-12-02") else row

    assert alpha_vantage(f"disagree:NVDA:2020-12-02:{percent}") == [scaled(row) for row in recorded("2020-12")]
    for got, row in zip(yahoo(f"disagree:NVDA:{DAY}:{percent}"), recorded_rows("NVDA", DAY, NEXT), strict=True):
        assert got[1:5] == pytest.approx([(price or 0) * (1 + float(percent) / 100) for price in row[1:5]], abs=6e-5)
        assert (got[0], got[5]) == (row[0], row[5])


def test_other_sessions_agree() -> None:
    rows = recorded_rows("NVDA", "2024-08-26", DAY)
    assert yahoo(f"disagree:NVDA:{DAY}:1.5", first="2024-08-26", last=DAY) == rows


def test_minutes_without_values() -> None:
    month = recorded("2020-12")
    gone = {f"2020-12-02 10:{label:02d}:00" for label in range(1, 6)}
    assert alpha_vantage("null:NVDA:2020-12-02:10:00-10:04") == [row for row in month if row[0] not in gone]
    empty = range(epoch(f"{DAY} 10:00"), epoch(f"{DAY} 10:05"))
    day = recorded_rows("NVDA", DAY, NEXT)
    null = f"null:NVDA:{DAY}:10:00-10:04"
    assert yahoo(null) == [(row[0], *[None] * 5) if row[0] in empty else row for row in day]
    five = {row[0]: row for row in yahoo(null, interval="5m")}
    assert five[empty.start] == (empty.start, None, None, None, None, None)


def test_quiet_minutes() -> None:
    month = recorded("2020-12")
    quiet = {f"2020-12-02 10:{label:02d}:00" for label in range(1, 6)}
    silent = [[*row[:5], "0"] if row[0] in quiet else row for row in month]
    assert alpha_vantage("quiet:NVDA:2020-12-02:10:00-10:04") == silent
    span = range(epoch(f"{DAY} 10:00"), epoch(f"{DAY} 10:05"))
    day = recorded_rows("NVDA", DAY, NEXT)
    assert yahoo(f"quiet:NVDA:{DAY}:10:00-10:04") == [(*row[:5], 0) if row[0] in span else row for row in day]


def test_yahoo_drops_doubles_and_moves_bars_by_their_start() -> None:
    day = recorded_rows("NVDA", DAY, NEXT)
    noon, gone = epoch(f"{DAY} 12:00"), range(epoch(f"{DAY} 10:00"), epoch(f"{DAY} 10:45"))
    assert yahoo(f"drop:NVDA:{DAY}:10:00-10:44") == [row for row in day if row[0] not in gone]
    doubled = yahoo(f"duplicate:NVDA:{DAY}:12:00")
    assert [row for row in doubled if row[0] == noon] == [row for row in day if row[0] == noon] * 2
    first, second = [row for row in yahoo(f"conflict:NVDA:{DAY}:12:00") if row[0] == noon]
    assert first[:4] + first[5:] == second[:4] + second[5:]
    assert first[4] != second[4]
    (broken,) = [row for row in yahoo(f"ohlc:NVDA:{DAY}:12:00") if row[0] == noon]
    assert (broken[2], broken[3]) == (first[3], first[2])
    shifted = yahoo(f"shift:NVDA:{DAY}:60", first=f"{DAY} 05:00", last=f"{DAY} 20:00")
    assert shifted == [(row[0] + 3600, *row[1:]) for row in day if row[0] < epoch(f"{DAY} 19:00")]


@pytest.mark.parametrize(
    "spec", ["label:NVDA:2024-08-25", "quiet:NVDA:2024-08-27:11:07-11:07", "null:AAPL:2024-08-27:10:00-10:01"]
)
def test_a_fault_that_would_touch_nothing_is_an_error(spec: str) -> None:
    # A Sunday, the minute that the recording lacks, a stock that is not recorded.
    with pytest.raises(ValueError, match=r"no bar there|symbol without bars"):
        YahooSimulator([spec])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("revise:NVDA:2020-12-01:12:00:0", "the number of answers must be at least 1"),
        ("revise:NVDA:2020-12-01:12:00", "does not have the form revise:SYMBOL:YYYY-MM-DD:HH:MM:N"),
        ("disagree:NVDA:2020-12-01:0", "the percentage must be other than 0"),
        ("disagree:NVDA:2020-12-01:100", "does not have the form disagree:SYMBOL:YYYY-MM-DD:PERCENT"),
        ("null:NVDA:2020-12-01:10:05-10:00", "the last minute is before the first"),
        ("label:NVDA", "does not have the form label:SYMBOL:YYYY-MM-DD"),
    ],
)
def test_bad_specs(spec: str, reason: str) -> None:
    with pytest.raises(ValueError, match="bad fault") as caught:
        AlphaVantageSimulator([spec])
    assert reason in str(caught.value)
