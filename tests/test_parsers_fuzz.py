"""Bytes that nobody meant to write: a parser answers with typed errors or with rows that satisfy their model."""

import gzip
import io
import json
from functools import cache
from warnings import catch_warnings, simplefilter

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from market.labels import LabelSide
from market.normalise import Provenance, normalise
from market.sessions import session
from resources.errors import MalformedPayload
from resources.feeds import alpha_vantage_answers, yahoo_answers
from resources.feeds.file_formats import parse_file
from resources.feeds.file_formats.dual_ticker import to_csv, to_json
from schemas.errors import IntradayError, LabelSideUnclear, UnknownSession
from schemas.tables import Bars, checked
from tests.support import recorded_files as recorded
from tests.support.recorded_files import ONE

SYMBOLS = ("NVDA", "MSFT", "AAPL", "SPY", "TSLA")
NAMES = ("NVDA.csv", "NVDA.csv.gz", "NVDA.json", "NVDA.parquet", "nvda_20240828_trade.zip", "bars.csv")
DAYS = 3
"""How many days of the rows that came out are normalised."""

fuzzed = settings(
    max_examples=200, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def must_fit(rows: pd.DataFrame, provenance: Provenance) -> None:
    """Whatever day the rows are of, their bars satisfy the model, or the refusal is a typed one."""
    for day in list(dict.fromkeys(rows["stamp"].dt.date))[:DAYS]:
        try:
            bars = normalise(rows, session(f"{day}"), ONE, provenance).bars
        except (LabelSideUnclear, UnknownSession):
            continue
        assert len(checked(bars, Bars)) == (rows["stamp"].dt.date == day).sum()


def file_holds(name: str, content: bytes) -> None:
    with catch_warnings():
        simplefilter("error")
        try:
            parts = parse_file(name, content, SYMBOLS)
        except IntradayError as error:
            refusal = str(error)
            parts = ()
        else:
            refusal = name
    assert refusal.startswith(name)
    assert "\n" not in refusal
    for part in parts:
        assert part.symbol in SYMBOLS
        must_fit(part.rows, part.provenance)


def first_lines(name: str, count: int = 12) -> bytes:
    return "".join(recorded.text(name).splitlines(keepends=True)[:count]).encode()


@cache
def short_files() -> dict[str, bytes]:
    """A few rows of every shape, as they are recorded."""
    found = recorded.parsed(recorded.YAHOO_1M.format("NVDA"))
    bars = normalise(found.rows, session("2024-08-28"), ONE, found.provenance).bars.head(8)
    table = io.BytesIO()
    bars.to_parquet(table)
    yahoo = io.BytesIO()
    pd.read_csv(io.BytesIO(first_lines("yahoo_5m_NVDA_2026-04-30_2026-05-29.csv.gz"))).to_parquet(yahoo)
    chart = json.loads(recorded.text("v8_chart_1m_AAPL_2018-05-29.json"))
    result = chart["chart"]["result"][0]
    result["timestamp"] = result["timestamp"][:6]
    result["indicators"]["quote"][0] = {key: cells[:6] for key, cells in result["indicators"]["quote"][0].items()}
    answer = json.loads(recorded.text("intraday_1min_compact_MSFT_2017-12-18.json"))
    answer["Time Series (1min)"] = dict(list(answer["Time Series (1min)"].items())[:6])
    return {
        "alphavantage_NVDA.csv": first_lines("alphavantage_1min_ext_NVDA_2020-10-26_2021-01-08.csv.gz"),
        "yahoo_NVDA.csv": first_lines(recorded.YAHOO_1M.format("NVDA")),
        "offset_MSFT.csv": first_lines("yahoo_1m_MSFT_2022-05-18_2022-06-15.csv.gz"),
        "header.csv": first_lines("yahoo_1m_multiheader_NVDA_2025-05-09_2025-05-16.csv.gz"),
        "symbol.csv": first_lines("yahoo_5m_prepost_NVDA_2025-10_per-day-pulls.csv.gz"),
        "epoch_NVDA.csv": first_lines("tdameritrade_5m_raw_NVDA_2022-02_onward.csv.gz"),
        "ninja_SPY.csv": first_lines("ninjatrader_1min_ext_utc_SPY_2011-03.csv.gz"),
        "index_SPY.csv": first_lines("index_1min_SP500_2019-11-05_2019-11-08.csv.gz"),
        "packed_NVDA.csv.gz": gzip.compress(first_lines(recorded.YAHOO_1M.format("NVDA")), mtime=0),
        "aapl_20140605_trade.zip": recorded.content("aapl_20140605_trade.zip"),
        "chart.json": json.dumps(chart).encode(),
        "answer.json": json.dumps(answer).encode(),
        "dual.csv": to_csv(bars).encode(),
        "dual.json": to_json(bars).encode(),
        "dual.parquet": table.getvalue(),
        "yahoo_NVDA.parquet": yahoo.getvalue(),
    }


def mutated(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """The content with bytes flipped, put in or taken out at places given as parts of its length."""
    changed = bytearray(content)
    for how, part, given_bytes in changes:
        at = int(part * len(changed))
        if how == "insert":
            changed[at:at] = given_bytes
        elif how == "delete":
            del changed[at : at + 1 + len(given_bytes)]
        else:
            changed[at : at + len(given_bytes)] = given_bytes
    return bytes(changed)


BITS = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from([b",", b";", b"\n", b'"', b"-", b"9" * 9, b"nan", b"1e999", b"null", b"\x00", b"{}", b"\\ud800"]),
    st.just(b"Infinity"),
)  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete"]), st.floats(0, 1, exclude_max=True), BITS), max_size=6
)


@fuzzed
@given(st.sampled_from(NAMES), st.binary(max_size=300))
@example("NVDA.csv", b"")
@example("NVDA.csv", b"timestamp,open,high,low,close,volume\n2024-08-28 09:30:00,1,1,1,1,1e308\n")
@example("NVDA.json", b"[" * 100_000)
@example("NVDA.json", b'[{"timestamp": "2024-08-28T13:30:00Z", "symbol": "\\ud800", "source": "\\ud800", "basis": 1}]')
@example("NVDA.json", b'{"chart": {"result": [{"timestamp": [1e400]}]}}')
@example("NVDA.json", b"9" * 5000)
@example("NVDA.json", b"[" + b"9" * 5000 + b"]")
def test_any_bytes_under_any_name(name, content):
    file_holds(name, content)


@fuzzed
@given(st.sampled_from(["", "PAR1", "PK\x03\x04", "\x1f\x8b", "{", "[", "20110301 090100;"]), st.binary(max_size=120))
def test_bytes_that_begin_like_a_known_kind(begins, content):
    for name in ("NVDA.csv", "nvda_20240828_trade.zip"):
        file_holds(name, begins.encode("latin-1") + content)


TIMES = ("2024-08-28 09:30:00", "2024-08-28 09:31:00", "1724851800000", "2024-08-28T13:30:00+00:00", "8/28/2024 9:30")
CELLS = st.one_of(
    st.sampled_from(["", "nan", "1.5", "-1", "1e308", "100", "NVDA", "yahoo", "unknown", "9" * 30, *TIMES]),
    st.sampled_from(["2024-11-03 01:30:00", "2024-03-10 02:30:00", "9999-01-01 00:00:00"]),
    st.text(max_size=6),
)
ODD_ROWS = st.lists(st.lists(CELLS, min_size=12, max_size=12), max_size=5)
COLUMNS = ["timestamp", "datetime", "Date", "symbol", "open", "high", "low", "close", "volume", "source", "basis", ""]


@fuzzed
@given(
    st.permutations(COLUMNS),
    st.integers(1, len(COLUMNS)),
    st.lists(st.lists(CELLS, min_size=12, max_size=12), max_size=5),
)
def test_tables_of_odd_cells(columns, count, rows):
    text = io.StringIO()
    table = pd.DataFrame([row[:count] for row in rows], columns=columns[:count], dtype="object")
    try:
        table.to_csv(text, index=False)
    except UnicodeEncodeError:
        return
    file_holds("NVDA.csv", text.getvalue().encode(errors="replace"))
    file_holds("NVDA.json", json.dumps(table.to_dict("records")).encode())


@pytest.mark.parametrize("name", list(short_files()))
@settings(fuzzed, max_examples=120)
@given(changes=CHANGES)
def test_recorded_files_with_faults(name, changes):
    file_holds(name, mutated(short_files()[name], changes))


def answer_holds(text: str) -> None:
    """Each parser of a vendor's answer on one text."""
    rows: list[tuple[pd.DataFrame, Provenance]] = []
    calls = (
        lambda: rows.append((alpha_vantage_answers.parse_answer(text, "NVDA"), Provenance("a", "as_traded"))),
        lambda: rows.append((yahoo_answers.parse_chart(text, "NVDA"), Provenance("y", "as_traded", LabelSide.START))),
        lambda: rows.append((yahoo_answers.parse_chart(text, "AAPL"), Provenance("y", "as_traded", LabelSide.START))),
        lambda: alpha_vantage_answers.parse_quote(text, "NVDA"),
        lambda: alpha_vantage_answers.raise_refusal(text, "NVDA"),
        *(lambda status=status: yahoo_answers.raise_refusal(status, text, "NVDA") for status in (200, 404, 429, 500)),
    )
    refusals = []
    for call in calls:
        try:
            with catch_warnings():
                simplefilter("error")
                call()
        except IntradayError as error:
            refusals.append(str(error))
    assert "\n" not in "".join(refusals)
    for table, provenance in rows:
        assert not table.select_dtypes("float64").isin([float("inf"), float("-inf")]).any(axis=None)
        must_fit(table, provenance)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["NVDA", "1.5"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["chart", "result", "error", "meta", "symbol", "timestamp", "indicators", "quote", "open", "high", "low",
             "close", "volume", "Meta Data", "Time Series (1min)", "1. open", "Global Quote", "05. price", "Note",
             "description", "2024-08-28 09:30:00"]
        ), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@fuzzed
@given(VALUES)
def test_answers_that_are_any_json(value):
    answer_holds(json.dumps(value))


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@fuzzed
@given(st.lists(ODD, min_size=5, max_size=5), st.integers(-1, 2**33), st.text(max_size=25))
@example([1.0, 1.0, 1.0, 1.0, 1e400], 1724851800, "2024-08-28 09:30:00")
@example(["\ud800"] * 5, 1724851800, "\ud800")
@example([[], [], [], [], []], 1724851800, "2024-03-10 02:30:00")
def test_charts_and_answers_of_odd_values(cells, second, stamp):
    named = dict(zip(("open", "high", "low", "close", "volume"), cells, strict=True))
    quote = {key: [cell] for key, cell in named.items()}
    result = {"meta": {"symbol": "NVDA"}, "timestamp": [second], "indicators": {"quote": [quote]}}
    answer_holds(json.dumps({"chart": {"result": [result]}}))
    point = {f"{number}. {key}": cell for number, (key, cell) in enumerate(named.items(), 1)}
    answer_holds(json.dumps({"Time Series (1min)": {stamp: point}}))
    answer_holds("timestamp,open,high,low,close,volume\n" + ",".join([stamp, *map(str, cells)]) + "\n")
    fields = {"01. symbol": "NVDA", "05. price": cells[0], "06. volume": cells[1], "07. latest trading day": stamp}
    answer_holds(json.dumps({"Global Quote": fields}))


@pytest.mark.parametrize("name", ["alphavantage_NVDA.csv", "chart.json", "answer.json"])
@fuzzed
@given(changes=CHANGES)
def test_recorded_answers_with_faults(name, changes):
    answer_holds(mutated(short_files()[name], changes).decode(errors="replace"))


def test_a_line_with_too_many_cells_loses_none_of_them_unsaid():
    text = "timestamp,open,high,low,close,volume\n2024-08-28 09:30:00,1,2,0.5,1.5,100,7\n"
    with pytest.raises(MalformedPayload, match="more cells than its header"):
        alpha_vantage_answers.parse_answer(text, "NVDA")


def test_volumes_of_a_chart_keep_their_digits():
    """100,000,008 is a single-precision number whose shortest decimal is 100,000,010: true of prices only."""
    quote = {**{key: [257.0799865722656] for key in ("open", "high", "low", "close")}, "volume": [100_000_008]}
    result = {"meta": {"symbol": "NVDA"}, "timestamp": [1724851800], "indicators": {"quote": [quote]}}
    rows = yahoo_answers.parse_chart(json.dumps({"chart": {"result": [result]}}), "NVDA")
    assert rows.loc[0, ["close", "volume"]].tolist() == [257.08, 100_000_008]


def test_the_files_are_bars_before_anything_is_changed():
    """Otherwise the tests above would try nothing."""
    for name, content in short_files().items():
        assert parse_file(name, content, SYMBOLS), name
