"""Answers written as the vendor writes them are read by the parsers alone: to the same rows as any other spelling.

A byte order mark before an answer means nothing, and makes it an unusual one: that is how both ways are asked the same.
"""

import json
from datetime import datetime
from decimal import Decimal
from functools import cache

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resources.errors import MalformedPayload
from resources.feeds.alpha_vantage_answers import parse_answer
from resources.feeds.alpha_vantage_tables import usual_rows
from tests.support import recorded

COLUMNS = ("open", "high", "low", "close", "volume")
MARK = "\ufeff"
HEADER = "timestamp,open,high,low,close,volume"
STAMP = "2020-12-01 09:31:00"


def as_json(rows: tuple[dict[str, str], ...], symbol: str = "NVDA") -> str:
    meta = {"1. Information": "Intraday", "2. Symbol": symbol, "6. Time Zone": "US/Eastern"}
    points = {row["timestamp"]: {f"{at}. {name}": row[name] for at, name in enumerate(COLUMNS, 1)} for row in rows}
    return json.dumps({"Meta Data": meta, "Time Series (1min)": points}, indent=4)


@cache
def short(kind: str) -> str:
    rows = recorded.rows("NVDA")[:4]
    if kind == "json":
        return as_json(rows)
    return "\r\n".join([HEADER, *(",".join([row["timestamp"], *(row[name] for name in COLUMNS)]) for row in rows), ""])


def outcome(text: str) -> pd.DataFrame | None:
    try:
        return parse_answer(text, "NVDA")
    except MalformedPayload:
        return None


def same_both_ways(text: str) -> None:
    one, other = outcome(text), outcome(MARK + text)
    assert (one is None) == (other is None)
    if one is not None:
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_every_recorded_row_comes_out_to_the_last_digit(kind):
    text = recorded.vendor_csv("NVDA") if kind == "csv" else as_json(recorded.rows("NVDA"))
    rows = usual_rows(text, "NVDA")
    assert rows is not None
    assert rows["stamp"].dt.tz_localize(None).dt.to_pydatetime().tolist() == [
        datetime.fromisoformat(row["timestamp"]) for row in recorded.rows("NVDA")
    ]
    assert str(rows["stamp"].dt.tz) == "America/New_York"
    assert set(rows["symbol"]) == {"NVDA"}
    for name in COLUMNS:
        wanted = [Decimal(row[name]) for row in recorded.rows("NVDA")]
        assert [Decimal(repr(value)) for value in rows[name].tolist()] == wanted


NUMBERS = (
    *(
        "8",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e5",
        " 1.5",
        "+2",
        "1.",
        ".5",
        "007",
        "",
        "None",
        "n/a",
        "1,5",
        "1_0",
        "0x10",
    ),
    *("true", "9007199254740993", "0.1000000000000000055"),
)


@pytest.mark.parametrize("cell", NUMBERS)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_odd_numbers_are_the_same_both_ways(kind, cell):
    cells = {"timestamp": STAMP, **dict.fromkeys(COLUMNS, "7.5"), "close": cell}
    text = as_json((cells,)) if kind == "json" else f"{HEADER}\n{','.join(cells.values())}\n"
    assert usual_rows(text, "NVDA") is not None or cell != "8"
    same_both_ways(text)


@pytest.mark.parametrize(
    "stamps",
    [
        ["2020-12-01T09:31:00"],
        ["2020-12-01 09:31"],
        ["2020-12-01 09:31+01"],
        ["2020-12-01 09:31:60"],
        ["2020-12-01 09:31:0", "02020-12-01 09:32:00"],
        ["2020-03-08 02:30:00"],
        ["2020-11-01 01:30:00"],
        ["2020-13-01 09:31:00"],
        ["0000-00-00 00:00:00"],
        ["9999-12-31 23:59:00"],
        ["0001-01-01 00:00:00"],
        ["2020-12-01 09:3a:00"],
        ["2020-12-01 09:31:00 "],
    ],
)
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_odd_stamps_are_the_same_both_ways(kind, stamps):
    table = tuple({"timestamp": stamp, **dict.fromkeys(COLUMNS, "7.5")} for stamp in stamps)
    lines = [",".join(cells.values()) for cells in table]
    same_both_ways(as_json(table) if kind == "json" else "\n".join([HEADER, *lines, ""]))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"2. Symbol": "NVDA"', '"2. Symbol": "MSFT"'),
        ('"US/Eastern"', '"UTC"'),
        ('"5. volume"', '"6. volume"'),
        ('"2. high"', '"open": "1", "2. high"'),
        ('"4. close": "', '"4. close": "{'),
        ('"Meta Data"', '"Meta Data": {}, "Meta Data"'),
        ('"Time Series (1min)"', '"Time Series (5min)": {}, "Time Series (1min)"'),
        ('"Time Series (1min)"', '"Error Message": "none", "Time Series (1min)"'),
    ],
)
def test_other_answers_are_the_same_both_ways(was, becomes):
    text = short("json")
    assert was in text
    same_both_ways(text.replace(was, becomes))


def test_a_stamp_that_comes_twice_is_two_rows():
    text = short("json").replace(recorded.rows("NVDA")[1]["timestamp"], recorded.rows("NVDA")[0]["timestamp"])
    assert usual_rows(text, "NVDA") is None
    assert len(parse_answer(text, "NVDA")) == 4


CHANGES = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 3), st.text('"{}[],:\\ \r\n\t0159.-+eE_NTnaiu\0é', max_size=3)),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kind", ["csv", "json"])
@settings(
    max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@example(changes=[(10_000, 0, "")])
@given(changes=CHANGES)
def test_answers_with_faults_are_the_same_both_ways(kind, changes):
    text = short(kind)
    for place, gone, put in changes:
        at = place % (len(text) + 1)
        text = text[:at] + put + text[at + gone :]
    same_both_ways(text)
