"""Every shape that files of bars come in, against the csv module, zipfile and rows written by hand."""

import gzip
import io
import json
import re
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from market.labels import LabelSide, label_evidence, prevailing_side
from market.normalise import normalise
from market.sessions import session
from resources.errors import FileNotUnderstood
from resources.feeds.file_formats import parse_file
from resources.feeds.file_formats.dual_ticker import dual_ticker_name, to_csv, to_json
from schemas.tables import KEPT, Bars, checked
from tests.support import recorded_files as recorded
from tests.support.recorded_files import FIVE, ONE, SYMBOLS, VALUES

NEW_YORK = ZoneInfo("America/New_York")
START, END = LabelSide.START, LabelSide.END

SHAPES = [
    # file, column of the time, how it is read, source, basis, side that is certain
    ("alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz", "datetime", "naive", "alpha_vantage_file", "unknown", None),
    (
        "alphavantage_1min_ext_NVDA_2020-10-26_2021-01-08.csv.gz",
        "timestamp",
        "naive",
        "alpha_vantage_file",
        "unknown",
        None,
    ),
    (
        "alphavantage_1min_ext_MSFT_2020-10-26_2021-01-08.csv.gz",
        "timestamp",
        "naive",
        "alpha_vantage_file",
        "unknown",
        None,
    ),
    (
        "intraday_extended_slice_1min_MSFT_2020-11-23_2020-12-18.csv.gz",
        "time",
        "naive",
        "alpha_vantage_file",
        "unknown",
        None,
    ),
    (
        "intraday_1min_compact_MSFT_2018-07-06_verbatim_crlf.csv",
        "timestamp",
        "naive",
        "alpha_vantage_file",
        "unknown",
        None,
    ),
    (recorded.YAHOO_1M.format("NVDA"), "datetime", "naive", "yahoo_file", "split_adjusted", None),
    (recorded.YAHOO_1M.format("MSFT"), "datetime", "naive", "yahoo_file", "split_adjusted", None),
    (recorded.YAHOO_5M.format("NVDA"), "datetime", "naive", "yahoo_file", "split_adjusted", None),
    (recorded.YAHOO_5M.format("MSFT"), "datetime", "naive", "yahoo_file", "split_adjusted", None),
    ("yahoo_1m_MSFT_2022-05-18_2022-06-15.csv.gz", "date", "offset", "yahoo_file", "split_adjusted", START),
    ("yahoo_5m_MSFT_2026-04-30_2026-05-29.csv.gz", "timestamps", "offset", "yahoo_file", "split_adjusted", START),
    ("yahoo_5m_NVDA_2026-04-30_2026-05-29.csv.gz", "timestamps", "offset", "yahoo_file", "split_adjusted", START),
    ("yahoo_5m_prepost_MSFT_2025-10_per-day-pulls.csv.gz", "datetime", "offset", "yahoo_file", "split_adjusted", START),
    ("yahoo_5m_prepost_NVDA_2025-10_per-day-pulls.csv.gz", "datetime", "offset", "yahoo_file", "split_adjusted", START),
    ("tdameritrade_5m_raw_NVDA_2022-02_onward.csv.gz", "datetime", "epoch", "epoch_file", "unknown", None),
    ("tdameritrade_5m_raw_MSFT_2022-02_onward.csv.gz", "datetime", "epoch", "epoch_file", "unknown", None),
    ("index_1min_SP500_2019-11-05_2019-11-08.csv.gz", "date", "month_first", "file", "unknown", None),
]


def instant(cell: str, how: str) -> datetime:
    if how == "epoch":
        return datetime.fromtimestamp(int(cell) / 1000, UTC)
    if how == "month_first":
        return datetime.strptime(cell, "%m/%d/%Y %H:%M").replace(tzinfo=NEW_YORK)
    found = datetime.fromisoformat(cell)
    return found.replace(tzinfo=NEW_YORK) if how == "naive" else found


@pytest.mark.parametrize(("name", "column", "how", "source", "basis", "side"), SHAPES, ids=[s[0][:40] for s in SHAPES])
def test_every_csv_shape_gives_its_rows(name, column, how, source, basis, side):
    found, expected = recorded.parsed(name), recorded.records(name)
    assert found.symbol == next(symbol for symbol in SYMBOLS if f"_{symbol}_" in name)
    assert found.rows.columns.tolist() == ["stamp", "symbol", *VALUES]
    assert str(found.rows["stamp"].dtype) == "datetime64[us, America/New_York]"
    assert [at.to_pydatetime() for at in found.rows["stamp"]] == [instant(row[column], how) for row in expected]
    wanted = recorded.values(expected)
    if source == "yahoo_file":
        wanted = [[*map(recorded.quoted, row[:4]), row[4]] for row in wanted]
    assert found.rows[list(VALUES)].to_numpy().tolist() == wanted
    assert set(found.rows["symbol"]) == {found.symbol}
    provenance = found.provenance
    assert (provenance.source, provenance.basis, provenance.side) == (source, basis, side)


def test_the_epoch_wins_over_a_foreign_clock_and_that_is_said():
    name = "tdameritrade_5m_raw_NVDA_2022-02_onward.csv.gz"
    found = recorded.parsed(name)
    behind = {
        stamp.tz_localize(None) - datetime.fromisoformat(row["date"])
        for stamp, row in zip(found.rows["stamp"], recorded.records(name), strict=True)
    }
    assert behind == {timedelta(hours=3)}
    assert "date is some clock's and is ignored" in found.said


def test_the_three_line_header_names_the_symbol():
    name = "yahoo_1m_multiheader_NVDA_2025-05-09_2025-05-16.csv.gz"
    lines = recorded.text(name).splitlines()[3:]
    (found,) = parse_file("whatever.csv", recorded.content(name), SYMBOLS)
    assert [at.to_pydatetime() for at in found.rows["stamp"]] == [datetime.fromisoformat(line[:25]) for line in lines]
    wanted = [[recorded.quoted(float(cells[i])) for i in (4, 2, 3, 1)] for cells in (line.split(",") for line in lines)]
    assert found.rows[["open", "high", "low", "close"]].to_numpy().tolist() == wanted
    assert found.rows["volume"].tolist() == [float(line.split(",")[5]) for line in lines]
    assert (found.symbol, found.provenance.source, found.provenance.side) == ("NVDA", "yahoo_file", START)


PRICES = "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume"
TICKERS = "Ticker,MSFT,NVDA,MSFT,NVDA,MSFT,NVDA,MSFT,NVDA,MSFT,NVDA"
HEADERS = {
    "price first": f"{PRICES}\n{TICKERS}\n",
    "ticker first": f"{TICKERS}\n{PRICES}\n",
}
TWO_TICKERS = (
    "Datetime,,,,,,,,,,\n"
    "2025-05-09 13:30:00+00:00,440.5,117.5,441.0,118.0,440.0,117.0,440.25,117.25,1000,2000\n"
    "2025-05-09 13:31:00+00:00,,117.75,,118.25,,117.5,,117.5,,3000\n"
)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_several_tickers_in_one_file(header):
    found = {part.symbol: part.rows for part in parse_file("pair.csv", (header + TWO_TICKERS).encode(), SYMBOLS)}
    assert found["NVDA"][list(VALUES)].to_numpy().tolist() == [
        [117.25, 118.0, 117.0, 117.5, 2000.0],
        [117.5, 118.25, 117.5, 117.75, 3000.0],
    ]
    assert found["MSFT"].loc[0, list(VALUES)].tolist() == [440.25, 441.0, 440.0, 440.5, 1000.0]
    assert found["MSFT"].loc[1, list(VALUES)].isna().all()
    (only,) = parse_file("pair.csv", (header + TWO_TICKERS).encode(), ["msft"])
    assert (only.symbol, set(only.rows["symbol"])) == ("msft", {"msft"})


def test_ninja_trader_is_utc_and_marks_the_end_of_the_bar():
    """22 of 23 sessions say END by their opening volume and by 20:00 being there; 2011-03-11 says nothing."""
    name = "ninjatrader_1min_ext_utc_SPY_2011-03.csv.gz"
    lines = [line.split(";") for line in recorded.text(name).splitlines()]
    found = recorded.parsed(name)
    wanted = [datetime.strptime(line[0], "%Y%m%d %H%M%S").replace(tzinfo=UTC) for line in lines]
    assert [at.to_pydatetime() for at in found.rows["stamp"]] == wanted
    assert found.rows[list(VALUES)].to_numpy().tolist() == [[float(cell) for cell in line[1:]] for line in lines]
    assert (found.provenance.source, found.provenance.side) == ("file", None)
    assert sides(name, ONE) == {END: 22, None: 1}


@pytest.mark.parametrize("name", sorted(path.name for path in recorded.FOLDER.glob("*.zip")))
def test_lean_zips(name):
    ticker, day = name.split("_")[:2]
    midnight = datetime.strptime(day, "%Y%m%d")
    lines = recorded.lean_lines(name)
    found = recorded.parsed(name)
    wanted = [(midnight + timedelta(milliseconds=line[0])).replace(tzinfo=NEW_YORK) for line in lines]
    assert [at.to_pydatetime() for at in found.rows["stamp"]] == wanted
    assert found.rows[list(VALUES)].to_numpy().tolist() == [
        [*(cell / 10_000 for cell in line[1:5]), line[5]] for line in lines
    ]
    provenance = found.provenance
    assert (found.symbol, provenance.source, provenance.basis, provenance.side) == (
        ticker.upper(),
        "lean_file",
        "as_traded",
        START,
    )


def test_the_first_bar_after_a_split_mixes_both_scales_and_is_remarked():
    found = recorded.parsed("aapl_20140609_trade.zip")
    assert found.rows.loc[0, list(VALUES)].tolist() == [645.57, 645.57, 92.23, 92.42, 600]
    bars = normalise(found.rows, session("2014-06-09"), ONE, found.provenance).bars
    assert bars.loc[0, ["mark", "remark"]].tolist() == ["extended_hours", "bad_print"]
    assert bars["remark"].tolist().count("bad_print") == 1


@pytest.mark.parametrize(
    ("name", "symbol", "count"),
    [
        ("intraday_1min_compact_MSFT_2017-12-18.json", "MSFT", 100),
        ("intraday_15min_MSFT_2018-04-11_utf8bom.json", "MSFT", 39),
        ("intraday_5min_full_TSLA_2022-06-10.json.gz", "TSLA", 3713),
    ],
)
def test_alpha_vantage_json(name, symbol, count):
    body = json.loads(recorded.text(name))
    points = next(value for key, value in body.items() if key.startswith("Time Series"))
    found = recorded.parsed(name)
    assert (found.symbol, len(found.rows)) == (symbol, count)
    assert [f"{at:%Y-%m-%d %H:%M:%S}" for at in found.rows["stamp"]] == list(points)
    assert found.rows[list(VALUES)].to_numpy().tolist() == [
        [float(v) for v in point.values()] for point in points.values()
    ]
    assert found.provenance.source == "alpha_vantage_file"
    assert parse_file(name, recorded.content(name), ["NVDA"]) == ()


def test_yahoo_chart():
    result = json.loads(recorded.text("v8_chart_1m_AAPL_2018-05-29.json"))["chart"]["result"][0]
    found = recorded.parsed("v8_chart_1m_AAPL_2018-05-29.json")
    assert [at.timestamp() for at in found.rows["stamp"]] == result["timestamp"]
    assert found.rows["close"].tolist() == [recorded.quoted(v) for v in result["indicators"]["quote"][0]["close"]]
    assert (found.provenance.source, found.provenance.side) == ("yahoo_file", START)
    # A symbol is asked for by its own name: O=F is nobody's here.
    assert (
        parse_file("v8_chart_1m_O-F_2018-05-29.json", recorded.content("v8_chart_1m_O-F_2018-05-29.json"), SYMBOLS)
        == ()
    )
    (nulls,) = parse_file("x.json", recorded.content("v8_chart_1m_O-F_2018-05-29.json"), ["O=F"])
    assert (len(nulls.rows), int(nulls.rows["close"].isna().sum())) == (1306, 1155)


def sides(name: str, size) -> dict[LabelSide | None, int]:
    found = recorded.parsed(name)
    days = dict(iter(found.rows.groupby(found.rows["stamp"].dt.date)))
    evidence = [
        label_evidence(pd.DatetimeIndex(days[s.day]["stamp"]), days[s.day]["volume"], s, size)
        for s in recorded.sessions_of(found)
    ]
    return dict(Counter(each.side for each in evidence))


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz", ONE, {END: 5}),
        ("alphavantage_1min_ext_NVDA_2020-10-26_2021-01-08.csv.gz", ONE, {END: 52}),
        ("alphavantage_1min_ext_MSFT_2020-10-26_2021-01-08.csv.gz", ONE, {END: 52}),
        ("intraday_extended_slice_1min_MSFT_2020-11-23_2020-12-18.csv.gz", ONE, {END: 19}),
        ("intraday_5min_full_TSLA_2022-06-10.json.gz", FIVE, {END: 20}),
        # 100 minutes of an afternoon. That one is 16:00 says nothing: in those years it may be the closing auction.
        ("intraday_1min_compact_MSFT_2017-12-18.json", ONE, {None: 1}),
        ("intraday_1min_compact_MSFT_2018-07-06_verbatim_crlf.csv", ONE, {None: 1}),
        # 15 minutes are no bar size here; 09:30 being there says START at any. The first day begins at 12:45.
        ("intraday_15min_MSFT_2018-04-11_utf8bom.json", FIVE, {None: 1, START: 1}),
        (recorded.YAHOO_1M.format("NVDA"), ONE, {START: 6}),
        (recorded.YAHOO_1M.format("MSFT"), ONE, {START: 6}),
        (recorded.YAHOO_5M.format("NVDA"), FIVE, {START: 6}),
        (recorded.YAHOO_5M.format("MSFT"), FIVE, {START: 6}),
        ("tdameritrade_5m_raw_NVDA_2022-02_onward.csv.gz", FIVE, {START: 323}),
        ("tdameritrade_5m_raw_MSFT_2022-02_onward.csv.gz", FIVE, {START: 233}),
        ("index_1min_SP500_2019-11-05_2019-11-08.csv.gz", ONE, {START: 4}),
    ],
)
def test_the_label_side_of_every_recorded_file_without_a_certain_one(name, size, expected):
    assert sides(name, size) == expected
    found = recorded.parsed(name)
    days = dict(iter(found.rows.groupby(found.rows["stamp"].dt.date)))
    said = [side for side in expected if side is not None]
    assert prevailing_side(days, recorded.sessions_of(found), size) is (said[0] if said else None)


@pytest.mark.parametrize("name", [shape[0] for shape in SHAPES if shape[0].startswith(("yahoo", "td", "alpha"))])
def test_every_row_of_every_session_ends_up_marked_or_kept(name):
    found = recorded.parsed(name)
    size = FIVE if "_5m_" in name else ONE
    days = dict(iter(found.rows.groupby(found.rows["stamp"].dt.date)))
    sessions = recorded.sessions_of(found)[:8]
    for each in sessions:
        side = prevailing_side(days, sessions, size)
        bars = normalise(found.rows, each, size, found.provenance, side if found.provenance.side is None else None).bars
        assert len(checked(bars, Bars)) == len(days[each.day])


def test_start_and_end_labels_of_a_session_normalise_to_the_same_bars():
    name = "alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz"
    ends = recorded.text(name)
    head, *lines = ends.splitlines()
    moved = [
        re.sub(r"^[^,]+", lambda at: f"{datetime.fromisoformat(at[0]) - timedelta(minutes=1)}", line) for line in lines
    ]
    (by_start,) = parse_file("MSFT.csv", "\n".join([head, *moved]).encode(), SYMBOLS)
    by_end = recorded.parsed(name)
    for day in recorded.sessions_of(by_end):
        first, second = (normalise(part.rows, day, ONE, part.provenance) for part in (by_end, by_start))
        assert (first.side, second.side) == (END, START)
        pd.testing.assert_frame_equal(first.bars, second.bars)


@pytest.mark.parametrize(("symbol", "zeros", "wild"), [("NVDA", 3408, 38), ("MSFT", 2799, 1)])
def test_every_peculiarity_of_the_2024_files_is_remarked(symbol, zeros, wild):
    name = recorded.YAHOO_1M.format(symbol)
    found, rows = recorded.parsed(name), recorded.records(name)
    bars = pd.concat([normalise(found.rows, each, ONE, found.provenance).bars for each in recorded.sessions_of(found)])
    assert len(bars) == len(rows)
    remarks = Counter(name for remark in bars["remark"] for name in remark.split())
    assert zeros == sum(float(row["volume"]) == 0 for row in rows)
    expected = {"zero_volume": zeros, "bad_print": wild} | ({"duplicate_conflicting": 2} if symbol == "NVDA" else {})
    assert remarks == expected
    by_hand = [recorded.values((row,))[0] for row in rows]
    assert wild == sum(low < 0.9 * min(o, c) or high > 1.1 * max(o, c) for o, high, low, c, _ in by_hand)
    kept = bars[bars["mark"] == KEPT]
    assert len(kept) == 6 * 390 - 1  # 2024-08-27 11:07 is missing
    assert set(kept["remark"]) == {""}
    if symbol == "NVDA":
        twice = bars[bars["remark"].str.contains("duplicate")]
        assert twice["close"].tolist() == [116.949, 116.9492]
        assert set(twice["timestamp"]) == {pd.Timestamp("2024-08-28 19:59", tz="America/New_York")}


def test_the_afternoon_of_a_half_day_is_marked():
    for symbol, after in (("NVDA", 30), ("MSFT", 25)):
        found = recorded.parsed(f"tdameritrade_5m_raw_{symbol}_2022-02_onward.csv.gz")
        bars = normalise(found.rows, session("2022-11-25"), FIVE, found.provenance).bars
        assert Counter(bars["mark"]) == {KEPT: 42, "extended_hours": after}
        afternoon = bars["timestamp"] >= pd.Timestamp("2022-11-25 13:00", tz="America/New_York")
        assert set(bars.loc[afternoon, "mark"]) == {"extended_hours"}


def test_what_comes_twice_is_marked_and_not_dropped():
    """503 rows of NVDA are equal repetitions of others."""
    found = recorded.parsed("tdameritrade_5m_raw_NVDA_2022-02_onward.csv.gz")
    marks: Counter[str] = Counter()
    for each in recorded.sessions_of(found):
        if each.key in {
            "2022-11-22",
            "2022-12-22",
            "2022-12-29",
            "2023-01-12",
            "2023-02-16",
            "2023-04-05",
        } or each.month in ("2022-11", "2022-12", "2023-01", "2023-02", "2023-03", "2023-04"):
            marks.update(normalise(found.rows, each, FIVE, found.provenance).bars["mark"])
    assert marks["duplicate_equal"] == 503
    assert marks["duplicate_conflicting"] == 0


# Packing and Parquet


HEAD = "timestamp,open,high,low,close,volume\n"
ROWS = HEAD + "2024-08-23 09:30:00,1,2,0.5,1.5,100\n2024-08-23 09:31:00,1.5,,nan,1.25,50\n"


@pytest.mark.parametrize(
    "content", [ROWS.encode(), gzip.compress(ROWS.encode(), mtime=0), b"\xef\xbb\xbf" + ROWS.encode()]
)
def test_gzip_is_told_by_content_and_a_byte_order_mark_is_no_name(content):
    (found,) = parse_file("NVDA.csv", content, SYMBOLS)
    assert found.rows["close"].tolist() == [1.5, 1.25]
    assert found.rows["high"].isna().tolist() == [False, True]


def test_a_file_that_is_not_newest_first_is_not_taken_for_alpha_vantages():
    backwards = HEAD + "".join(reversed(ROWS.splitlines(keepends=True)[1:]))
    sources = [parse_file("NVDA.csv", text.encode(), SYMBOLS)[0].provenance.source for text in (ROWS, backwards)]
    assert sources == ["file", "alpha_vantage_file"]


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def frame(stamps: list[str], **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.DatetimeIndex(stamps, name="Datetime"))


def test_parquet_of_the_flat_shapes_is_read_as_the_csv_is():
    for name in (recorded.YAHOO_5M.format("MSFT"), "tdameritrade_5m_raw_MSFT_2022-02_onward.csv.gz"):
        table = pd.read_csv(io.StringIO(recorded.text(name)))
        (found,) = parse_file(name.replace(".csv.gz", ".parquet"), parquet(table), SYMBOLS)
        pd.testing.assert_frame_equal(found.rows, recorded.parsed(name).rows)
        assert found.provenance == recorded.parsed(name).provenance


def test_parquet_of_yfinance_frames():
    stamps = ["2025-05-09 13:30+00:00", "2025-05-09 13:31+00:00"]
    one = frame(stamps, Open=[1.0, 2.0], High=[3.0, 3.0], Low=[1.0, 1.0], Close=[2.0, np.nan], Volume=[10.0, 20.0])
    (found,) = parse_file("NVDA.parquet", parquet(one), SYMBOLS)
    assert found.rows["stamp"].dt.strftime("%H:%M").tolist() == ["09:30", "09:31"]
    assert found.rows.loc[0, list(VALUES)].tolist() == [1.0, 3.0, 1.0, 2.0, 10.0]
    assert (found.provenance.source, found.provenance.side) == ("yahoo_file", START)
    (nameless,) = parse_file("NVDA.parquet", parquet(one.rename_axis(None)), SYMBOLS)
    pd.testing.assert_frame_equal(nameless.rows, found.rows)
    both = pd.concat({"NVDA": one, "MSFT": one + 1}, axis="columns")
    for pair in (both, both.swaplevel(axis="columns")):
        parts = {part.symbol: part for part in parse_file("pair.parquet", parquet(pair), SYMBOLS)}
        pd.testing.assert_frame_equal(parts["NVDA"].rows, found.rows)
        assert parts["MSFT"].rows["volume"].tolist() == [11.0, 21.0]


# Our own


def own_bars() -> pd.DataFrame:
    """Of recorded rows: NVDA from Yahoo with a gap filled by another feed, MSFT from Yahoo."""
    tables = []
    for symbol in ("NVDA", "MSFT"):
        found = recorded.parsed(recorded.YAHOO_1M.format(symbol))
        tables.append(normalise(found.rows, session("2024-08-28"), ONE, found.provenance).bars)
    bars = pd.concat(tables, ignore_index=True)
    filled = bars.index[(bars["symbol"] == "NVDA") & (bars["mark"] == KEPT)][100]
    bars.loc[filled, ["source", "role"]] = ["alpha_vantage", "repair"]
    bars.loc[filled, "close"] = 1 / 3
    return bars


@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "csv.gz"])
def test_our_own_files_give_the_same_bars_again(ending):
    bars = own_bars()
    text = to_json(bars) if ending == "json" else to_csv(bars)
    content = {"parquet": parquet(bars), "csv.gz": gzip.compress(text.encode())}.get(ending, text.encode())
    parts = parse_file(dual_ticker_name(pd.Timestamp("2024-08-28 21:00", tz="UTC"), ending), content, SYMBOLS)
    assert [(part.symbol, part.provenance.source, part.provenance.side) for part in parts] == [
        ("NVDA", "yahoo_file", START),
        ("NVDA", "alpha_vantage", START),
        ("MSFT", "yahoo_file", START),
    ]
    assert sum(len(part.rows) for part in parts) == len(bars)
    again = pd.concat([normalise(part.rows, session("2024-08-28"), ONE, part.provenance).bars for part in parts])
    compared = ["timestamp", "symbol", *VALUES, "source", "basis"]
    first, second = (
        table[table["mark"] == KEPT].sort_values(["symbol", "timestamp"], ignore_index=True)[compared]
        for table in (bars, again)
    )
    pd.testing.assert_frame_equal(first, second)


def test_the_text_of_our_own_files():
    bars = own_bars().head(1)
    head, row, *_ = to_csv(bars).split("\n")
    assert head == "timestamp,symbol,open,high,low,close,volume,source,basis,role,why,mark,remark"
    first = "2024-08-28T08:00:00+00:00,NVDA,"
    assert row.startswith(first)
    (written,) = json.loads(to_json(bars))
    assert list(written) == head.split(",")
    assert written["timestamp"] == "2024-08-28T08:00:00+00:00"
    assert (
        dual_ticker_name(pd.Timestamp("2024-08-28 20:00", tz="America/New_York"), "csv")
        == "dual_ticker_20240829_000000.csv"
    )


# What cannot be understood


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, text in members.items():
            packed.writestr(name, text)
    return buffer.getvalue()


GOOD = "2024-08-23 09:30:00,1,2,0.5,1.5,100\n"
LOW = ("open", "low", "close", "volume")
OWN = "timestamp,symbol,open,high,low,close,volume,source,basis\n"
WRONG = [
    (
        "NVDA.csv",
        HEAD + GOOD * 15 + "2024-08-23 09:31:00,1,2,0.5,abc,100\n",
        "line 17, column close: 'abc' is no number.",
    ),
    (
        "NVDA.csv",
        HEAD + GOOD + "\n\n" + "2024-08-23 09:31:00,1,x,0.5,1,100\n",
        "line 5, column high: 'x' is no number.",
    ),
    ("NVDA.csv", HEAD + GOOD + "2024-08-23 09:31:00,1,1_0,0.5,1,100\n", "line 3, column high: '1_0' is no number."),
    ("NVDA.csv", HEAD + GOOD + "2024-08-23 09:31:00,1,inf,0.5,1,100\n", "line 3, column high: 'inf' is no number."),
    (
        "NVDA.csv",
        HEAD + GOOD + "2024-08-23 09:31:00,1,2,0.5,-12.3456789012345678,100\n",
        "line 3, column close: '-12.3456789012345678' has more than 17 digits and would be rounded.",
    ),
    (
        "NVDA.json",
        json.dumps([{"timestamp": "2024-08-23 09:30:00", "high": "1234567890123456.78", **dict.fromkeys(LOW, 1)}]),
        "object 1, column high: '1234567890123456.78' has more than 17 digits and would be rounded.",
    ),
    (
        "NVDA.csv",
        HEAD + GOOD + "yesterday,1,2,0.5,1.5,100\n",
        "line 3, column timestamp: 'yesterday' is no time like '2024-08-23 09:30:00' in line 2.",
    ),
    ("NVDA.csv", HEAD + "2024-08-23,1,2,0.5,1.5,100\n", "line 2, column timestamp: '2024-08-23' is no time of a day; "),
    (
        "NVDA.csv",
        HEAD + "2024-13-23 09:30:00,1,2,0.5,1.5,100\n",
        "line 2, column timestamp: '2024-13-23 09:30:00' is no time of a day; ",
    ),
    (
        "NVDA.csv",
        HEAD + GOOD + "2024-08-23 09:30:00+00:00,1,2,0.5,1.5,100\n",
        "line 3, column timestamp: '2024-08-23 09:30:00+00:00' is no time like",
    ),
    (
        "NVDA.csv",
        HEAD + "2024-03-10 02:30:00,1,2,0.5,1.5,100\n",
        "line 2, column timestamp: '2024-03-10 02:30:00' is no time that New York's clock showed just once.",
    ),
    ("NVDA.csv", HEAD + GOOD + ",1,2,0.5,1.5,100\n", "line 3, column timestamp: an empty cell is no time like"),
    (
        "NVDA.csv",
        HEAD + "1016-01-01 09:30:00,1,2,0.5,1.5,100\n",
        "line 2, column timestamp: '1016-01-01 09:30:00' is not between 1990 and 2100.",
    ),
    (
        "NVDA.csv",
        "datetime,open,high,low,close,volume\n100000000000,1,2,0.5,1.5,100\n",
        "line 2, column datetime: '100000000000' is not between 1990 and 2100.",
    ),
    (
        "NVDA.csv",
        "timestamp,open,high,low,close\n" + GOOD[:-5] + "\n",
        "line 1: there is no column volume; there is timestamp, open, high, low, close.",
    ),
    ("NVDA.csv", "open,high,low,close,volume\n1,2,3,4,5\n", "line 1: there is no column timestamp or "),
    ("NVDA.csv", "Close," + HEAD + "7," + GOOD, "any of the columns Close, close could be the close; keep one."),
    ("NVDA.csv", HEAD + GOOD + "2024-08-23 09:31:00,1,2,0.5,1.5\n", "line 3: it has 5 cells, and should have 6."),
    ("NVDA.csv", "", "it is empty."),
    ("NVDA.csv", "\r\n \n", "it is empty."),
    (
        "NVDA.csv",
        (HEAD + GOOD).encode() + b"2024-08-23 09:31:00,1,2,\xff,1.5,1\n",
        "line 3: the byte 0xff there is not UTF-8 text.",
    ),
    ("NVDA.csv", gzip.compress(ROWS.encode(), mtime=0)[:-12], "its gzip is broken ("),
    ("NVDA.parquet", b"PAR1 and nothing more", "its Parquet is broken ("),
    (
        "NVDA.parquet",
        parquet(
            pd.DataFrame(
                {
                    "Datetime": pd.to_datetime(["2024-08-23 09:30"] * 2),
                    "open": ["1", "b"],
                    "high": 2.0,
                    "low": 1.0,
                    "close": 1.0,
                    "volume": 1,
                }
            )
        ),
        "row 2, column open: 'b' is no number.",
    ),
    ("NVDA.json", '{"a": 1,\n "b" 2}', "line 2, character 6: it is no JSON ("),
    ("NVDA.json", "[1, 2]", "object 1: it should be an object with timestamp, "),
    (
        "NVDA.json",
        '{"Note": "Thank you! 5 calls per minute"}',
        "Alpha Vantage refused what this file holds: Thank you! 5 calls per minute",
    ),
    (
        "NVDA.json",
        '{"quotes": []}',
        "it is neither an answer of Alpha Vantage nor a chart of Yahoo nor an array of bars: ",
    ),
    (
        "x.json",
        '{"Meta Data": {"2. Symbol": "NVDA", "6. Time Zone": "UTC"}, "Time Series (1min)": {}}',
        "its times are in the zone 'UTC'; US/Eastern is read.",
    ),
    (
        "x.json",
        '{"Meta Data": {"2. Symbol": "NVDA"}, "Time Series (1min)": {"2024-08-23 09:30:00": '
        '{"1. open": "1", "2. high": "1", "3. low": "1", "4. close": "no", "5. volume": "1"}}}',
        "bar 1, column close: 'no' is no number.",
    ),
    ("nvda_20240823_trade.zip", b"PK\x03\x04 broken", "its zip is broken (BadZipFile)."),
    ("nvda_20240823_trade.zip", zipped(a="1", b="2"), "the zip holds 2 files, and should hold one."),
    (
        "nvda_20240823_quote.zip",
        zipped(a="1"),
        "the only zips that are read are Lean's, called SYMBOL_YYYYMMDD_trade.zip.",
    ),
    (
        "nvda_20240823_trade.zip",
        zipped(a="34200000,1,1,1,1,1\n86400000,1,1,1,1,1"),
        "line 2, column milliseconds: '86400000' is no number of milliseconds since midnight.",
    ),
    (
        "nvda_20240823_trade.zip",
        zipped(a="34200000,1,1,1,1,1\n34260000,1,1,1,1,q"),
        "line 2, column volume: 'q' is no number.",
    ),
    (
        "bars.csv",
        ROWS,
        "nothing in it says whose bars these are, and its name names no symbol; "
        "call it for example NVDA_1m.csv, or give it a column symbol.",
    ),
    ("NVDA_MSFT.csv", ROWS, "nothing in it says whose bars these are, and its name names NVDA and MSFT; "),
    ("bars.csv", "symbol," + HEAD + "NVDA," + GOOD + " ," + GOOD, "line 3, column symbol: an empty cell is no symbol."),
    (
        "dual.csv",
        OWN + "2024-08-23 09:30:00,NVDA,1,2,0.5,1.5,100,yahoo,unknown\n",
        "line 2, column timestamp: '2024-08-23 09:30:00' is no time with an offset from UTC",
    ),
    (
        "dual.csv",
        OWN + "2024-08-23T13:30:00+00:00,NVDA,1,2,0.5,1.5,100,yahoo,raw\n",
        "line 2, column basis: 'raw' is none of as_traded, split_adjusted, unknown.",
    ),
    (
        "dual.csv",
        OWN + "2024-08-23T13:30:00+00:00,NVDA,1,2,0.5,1.5,100,,unknown\n",
        "line 2, column source: an empty cell is no name of a feed",
    ),
]


@pytest.mark.parametrize(("name", "content", "says"), WRONG)
def test_what_cannot_be_understood_is_named(name, content, says):
    content = content.encode() if isinstance(content, str) else content
    with pytest.raises(FileNotUnderstood) as refused:
        parse_file(f"raw/{name}", content, SYMBOLS)
    assert str(refused.value).startswith(f"raw/{name}")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("522.8380000000002", 522.8380000000002),
        ("0.10000000000000001", 0.1),  # how a float64 is written with seventeen digits
        ("12.50000000000000000000000", 12.5),
        ("0.00000000000000000000012", 1.2e-22),
        ("   1.5                       ", 1.5),
        ("-1.2345678901234567e+00001", -12.345678901234567),
    ],
)
def test_a_number_that_a_float64_holds_is_read_however_long_it_is_written(written, value):
    text = HEAD + f"2024-08-23 09:30:00,{written},2,0.5,1.5,100\n"
    (found,) = parse_file("NVDA.csv", text.encode(), SYMBOLS)
    assert found.rows["open"].tolist() == [value]


def test_a_file_about_nobody_here_gives_no_rows():
    assert parse_file("AMD_1m.csv", ROWS.encode(), SYMBOLS) == ()
    assert parse_file("bars.csv", ("symbol," + HEAD + "AMD," + GOOD).encode(), SYMBOLS) == ()
    assert parse_file("amd_20240823_trade.zip", zipped(a="not,bars"), SYMBOLS) == ()
    assert parse_file("NVDA.csv", HEAD.encode(), SYMBOLS) == ()


@pytest.mark.parametrize(
    "name", ["raw/NVDA_1m.csv", "nvda.csv", "alphavantage_1min_ext_NVDA_2020.csv.gz", "x-nvda-y.csv"]
)
def test_the_name_tells_the_symbol(name):
    (found,) = parse_file(name, ROWS.encode(), SYMBOLS)
    assert found.symbol == "NVDA"
