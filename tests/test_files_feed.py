"""The feed of files: which file a session is taken from, and what is said when there is none."""

import gzip
import json
import logging
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from market.labels import LabelSide
from market.sessions import session
from market.synthetic import synthetic_bars
from resources.errors import FileNotUnderstood, NoBars
from resources.feeds.file_formats.dual_ticker import to_csv, to_json
from resources.feeds.files import FilesFeed
from schemas.tables import KEPT, Bars, checked
from tests.support import recorded_files as recorded
from tests.support.recorded_files import FIVE, ONE, VALUES

PAIR = ("NVDA", "MSFT")
DAY = session("2024-08-28")
HEAD = "timestamp,open,high,low,close,volume\n"


def copied(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(recorded.content(name))


def kept(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[bars["mark"] == KEPT].reset_index(drop=True)


def test_a_recorded_session(tmp_path):
    copied(tmp_path, *(recorded.YAHOO_1M.format(symbol) for symbol in PAIR))
    feed = FilesFeed(str(tmp_path), PAIR, ONE)
    for symbol in PAIR:
        name = recorded.YAHOO_1M.format(symbol)
        found = feed.session_bars(symbol, DAY)
        rows = [row for row in recorded.records(name) if row["datetime"].startswith(DAY.key)]
        regular = [row for row in rows if "09:30" <= row["datetime"][11:16] < "16:00"]
        assert len(checked(found.bars, Bars)) == len(rows)
        wanted = [[*map(recorded.quoted, cells[:4]), cells[4]] for cells in recorded.values(tuple(regular))]
        assert kept(found.bars)[list(VALUES)].to_numpy().tolist() == wanted
        assert (found.side, found.origin) == (LabelSide.START, name)
        assert set(found.bars["source"]) == {"yahoo_file"}
        assert set(found.bars["symbol"]) == {symbol}


def test_end_labels_are_held_to_their_month(tmp_path):
    name = "alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz"
    copied(tmp_path, name)
    found = FilesFeed(str(tmp_path), PAIR, ONE).session_bars("MSFT", session("2019-02-14"))
    # Two minutes are missing: 14:32 and 14:37 as the vendor labels them.
    assert (found.side, len(kept(found.bars))) == (LabelSide.END, 388)
    gone = session("2019-02-14").minutes(ONE).difference(found.bars["timestamp"]).tz_convert("America/New_York")
    assert gone.strftime("%H:%M").tolist() == ["14:31", "14:36"]


def test_end_labels_of_five_minutes_are_moved_by_five(tmp_path):
    copied(tmp_path, "intraday_5min_full_TSLA_2022-06-10.json.gz")
    found = FilesFeed(str(tmp_path), ["TSLA"], FIVE).session_bars("TSLA", session("2022-06-10"))
    bars = kept(found.bars)
    local = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert (found.side, local.iloc[0], local.iloc[-1], len(bars)) == (LabelSide.END, "09:30", "15:55", 78)
    series = json.loads(recorded.text("intraday_5min_full_TSLA_2022-06-10.json.gz"))["Time Series (5min)"]
    assert bars["close"].iloc[0] == float(series["2022-06-10 09:35:00"]["4. close"])


def test_minutes_become_five_minutes_and_what_is_marked_stays_visible(tmp_path):
    name = recorded.YAHOO_1M.format("NVDA")
    copied(tmp_path, name)
    found = FilesFeed(str(tmp_path), PAIR, FIVE).session_bars("NVDA", DAY)
    bars = kept(checked(found.bars, Bars))
    by_yahoo = [
        recorded.values((row,))[0]
        for row in recorded.records(recorded.YAHOO_5M.format("NVDA"))
        if row["datetime"].startswith(DAY.key) and "09:30" <= row["datetime"][11:16] < "16:00"
    ]
    wanted = [[*map(recorded.quoted, cells[:4]), cells[4]] for cells in by_yahoo]
    assert bars[list(VALUES)].to_numpy().tolist() == wanted
    marks = Counter(found.bars["mark"])
    rows = [row for row in recorded.records(name) if row["datetime"].startswith(DAY.key)]
    assert marks == {KEPT: 78, "extended_hours": len(rows) - 390}
    assert found.bars["remark"].str.contains("duplicate_conflicting").sum() == 2


def test_five_minute_files_are_no_minutes(tmp_path):
    copied(tmp_path, recorded.YAHOO_5M.format("NVDA"))
    with pytest.raises(NoBars, match=r"1min bars of NVDA of 2024-08-28\. .*yahoo_5m.* has it in bars of 5 minutes\."):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", DAY)
    # A file that has minutes is not hidden by one that sorts after it.
    copied(tmp_path, recorded.YAHOO_1M.format("NVDA"))
    assert len(kept(FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", DAY).bars)) == 390


def test_the_name_that_sorts_last_wins(tmp_path):
    for name, seed in (("dual_ticker_20240101_000000.csv", 1), ("dual_ticker_20240102_000000.csv", 2)):
        (tmp_path / name).write_text(to_csv(synthetic_bars(DAY, ONE, PAIR, seed)))
    found = FilesFeed(str(tmp_path), PAIR, ONE).session_bars("MSFT", DAY)
    wanted = synthetic_bars(DAY, ONE, ["MSFT"], 2)
    assert found.bars["close"].tolist() == wanted["close"].tolist()
    assert found.origin == "dual_ticker_20240102_000000.csv"
    assert set(found.bars["source"]) == {"synthetic"}
    assert set(found.bars["basis"]) == {"as_traded"}


def test_a_session_of_two_sources_keeps_both(tmp_path):
    bars = synthetic_bars(DAY, ONE, PAIR, 3)
    bars.loc[100:110, "source"] = "yahoo"
    (tmp_path / "dual.json").write_text(to_json(bars))
    for symbol in PAIR:
        found = checked(FilesFeed(str(tmp_path), PAIR, ONE).session_bars(symbol, DAY).bars, Bars)
        wanted = bars[bars["symbol"] == symbol].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, wanted)
        longer = FilesFeed(str(tmp_path), PAIR, FIVE).session_bars(symbol, DAY).bars
        assert len(checked(longer, Bars)) == 78


@pytest.mark.parametrize(
    ("column", "value", "says"), [("source", "yahoo", "same minute"), ("basis", "unknown", "bases")]
)
def test_sources_that_overlap_and_bases_that_mix_are_refused(tmp_path, column, value, says):
    bars = synthetic_bars(DAY, ONE, ["NVDA"], 3)
    other = bars.tail(5).assign(**{column: value})
    both = [bars, other] if column == "source" else [bars.head(-5), other]
    (tmp_path / "both.csv").write_text(to_csv(pd.concat(both, ignore_index=True)))
    with pytest.raises(FileNotUnderstood, match=rf"both\.csv: of 2024-08-28 it has bars of .* {says}"):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", DAY)


def test_lean_zips_are_taken_by_their_names(tmp_path):
    copied(tmp_path, *(path.name for path in recorded.FOLDER.glob("*.zip")))
    (tmp_path / "aapl_20140610_trade.zip").write_bytes(b"nobody opens this")
    feed = FilesFeed(str(tmp_path), ("AAPL", "GOOG"), ONE)
    found = feed.session_bars("AAPL", session("2014-06-06"))
    regular = [line for line in recorded.lean_lines("aapl_20140606_trade.zip") if 34_200_000 <= line[0] < 57_600_000]
    assert kept(found.bars)["close"].tolist() == [line[4] / 10_000 for line in regular]
    half = feed.session_bars("GOOG", session("2015-12-24")).bars
    early = [line for line in recorded.lean_lines("goog_20151224_trade.zip") if 34_200_000 <= line[0] < 46_800_000]
    assert len(kept(half)) == len(early)
    with pytest.raises(FileNotUnderstood, match="aapl_20140610"):
        feed.session_bars("AAPL", session("2014-06-10"))


# Where there is nothing, or nothing that can be read


def test_no_folder_and_no_file_name_the_folder(tmp_path):
    with pytest.raises(NoBars, match=r"There is no folder .*nowhere"):
        FilesFeed(str(tmp_path / "nowhere"), PAIR, ONE).session_bars("NVDA", DAY)
    (tmp_path / "deeper").mkdir()
    copied(tmp_path / "deeper", recorded.YAHOO_1M.format("NVDA"))
    (tmp_path / "notes.txt").write_text("NVDA")
    with pytest.raises(NoBars, match=rf"No file in {tmp_path} has 1min bars of NVDA of 2024-08-28"):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", DAY)
    copied(tmp_path, recorded.YAHOO_1M.format("NVDA"))
    with pytest.raises(NoBars, match="2024-09-03"):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", session("2024-09-03"))
    with pytest.raises(NoBars, match="of MSFT"):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("MSFT", DAY)


def test_rows_outside_regular_hours_are_no_session(tmp_path):
    (tmp_path / "NVDA.csv").write_text(f"{HEAD}{DAY.key} 04:00:00,1,2,1,2,5\n{DAY.key} 04:01:00,1,2,1,2,5\n")
    with pytest.raises(NoBars):
        FilesFeed(str(tmp_path), PAIR, ONE).session_bars("NVDA", DAY)


def test_a_broken_file_stops_only_what_no_other_file_has(tmp_path, caplog):
    copied(tmp_path, recorded.YAHOO_1M.format("NVDA"))
    (tmp_path / "zz_NVDA.csv").write_text(f"{HEAD}{DAY.key} 09:30:00,1,2,1,many,5\n")
    feed = FilesFeed(str(tmp_path), PAIR, ONE)
    with caplog.at_level(logging.WARNING, "intraday.files"):
        assert len(kept(feed.session_bars("NVDA", DAY).bars)) == 390
        assert len(kept(feed.session_bars("NVDA", session("2024-08-29")).bars)) == 390
    (said,) = caplog.messages
    assert said == f"{tmp_path}/zz_NVDA.csv, line 2, column close: 'many' is no number."
    with pytest.raises(FileNotUnderstood, match=r"zz_NVDA\.csv, line 2"):
        feed.session_bars("NVDA", session("2024-09-03"))
    with pytest.raises(NoBars):  # its name says that it is not about MSFT
        feed.session_bars("MSFT", session("2024-09-03"))
    (tmp_path / "zzz.csv").write_text("what, is, this")
    with pytest.raises(FileNotUnderstood, match=r"zzz\.csv"):
        feed.session_bars("MSFT", session("2024-09-03"))


def test_a_clock_that_was_decided_upon_is_told(tmp_path, caplog):
    copied(tmp_path, "tdameritrade_5m_raw_MSFT_2022-02_onward.csv.gz")
    with caplog.at_level(logging.INFO, "intraday.files"):
        found = FilesFeed(str(tmp_path), PAIR, FIVE).session_bars("MSFT", session("2022-11-25"))
    assert "date is some clock's and is ignored" in caplog.text
    assert len(kept(found.bars)) == 42
    assert found.extended_rows == 25


# What is read how often


def test_each_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    read: list[str] = []

    def parse(name, content, symbols):
        read.append(name.rsplit("/", 1)[-1])
        return recorded.parse_file(name, content, symbols)

    monkeypatch.setattr("resources.feeds.folder.parse_file", parse)
    monkeypatch.setattr("resources.feeds.folder.ROWS_REMEMBERED", 1)
    path = tmp_path / "dual.csv"
    path.write_text(to_csv(synthetic_bars(DAY, ONE, PAIR, 1)))
    feed = FilesFeed(str(tmp_path), PAIR, ONE)
    first = feed.session_bars("NVDA", DAY).bars["close"].tolist()
    feed.session_bars("MSFT", DAY)
    with pytest.raises(NoBars):
        feed.session_bars("NVDA", session("2024-08-29"))
    assert read == ["dual.csv"]
    path.write_text(to_csv(synthetic_bars(DAY, ONE, PAIR, 2)) + "\n")
    assert feed.session_bars("NVDA", DAY).bars["close"].tolist() != first
    assert read == ["dual.csv", "dual.csv"]
    # Another file comes: the older one goes from memory, but what days it has is not forgotten.
    (tmp_path / "e.csv.gz").write_bytes(
        gzip.compress(to_csv(synthetic_bars(session("2024-08-29"), ONE, PAIR, 2)).encode())
    )
    feed.session_bars("NVDA", session("2024-08-29"))
    assert read == ["dual.csv", "dual.csv", "e.csv.gz"]
    with pytest.raises(NoBars):
        feed.session_bars("NVDA", session("2024-08-30"))
    assert len(read) == 3
    feed.session_bars("NVDA", DAY)
    assert read[3:] == ["dual.csv"]


def test_a_folder_may_be_an_object_store():
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe_file("/bars-of-a-test/dual.csv", to_csv(synthetic_bars(DAY, ONE, PAIR, 1)).encode())
    assert len(FilesFeed("memory://bars-of-a-test", PAIR, ONE).session_bars("NVDA", DAY).bars) == 390


def test_synthetic_bars_do_not_hide_real_ones(tmp_path):
    """The synthetic file is newer and its name sorts last."""
    day = session("2024-08-27")
    copied(tmp_path, recorded.YAHOO_1M.format("NVDA"))
    made_up = synthetic_bars(day, ONE, ("NVDA",), 1)
    (tmp_path / "zz_dual_ticker_20991231_000000.csv").write_text(to_csv(made_up))
    feed = FilesFeed(str(tmp_path), ("NVDA",), ONE)
    assert set(feed.session_bars("NVDA", day).bars["source"]) == {"yahoo_file"}
    (tmp_path / recorded.YAHOO_1M.format("NVDA")).unlink()
    assert set(feed.session_bars("NVDA", day).bars["source"]) == {"synthetic"}
