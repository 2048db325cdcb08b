"""The landing zone: whole files or none, newest answers, any fsspec file system."""

import hashlib
import subprocess
import sys
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from resources.errors import ConfigError, NotLanded
from resources.landing import LandingZone, RawAnswer

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=["folder", "memory"])
def zone(request, tmp_path):
    url = str(tmp_path / "landing") if request.param == "folder" else "memory://landing"
    yield LandingZone(url)
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()


def answer(text: str, at: str) -> RawAnswer:
    return RawAnswer(pd.Timestamp(at, tz="UTC"), text)


def test_the_newest_answer_is_read_and_the_older_kept(zone):
    shelf = "alpha_vantage/127.0.0.1/1min/NVDA/2020-11"
    assert list(zone.answers(shelf)) == []
    zone.land_answer(shelf, "csv", answer("second\r\n", "2021-01-02 10:00:00.000002"))
    zone.land_answer(shelf, "csv", answer("first", "2021-01-02 10:00:00.000001"))
    latest = next(zone.answers(shelf))
    assert (latest.text, latest.fetched_at) == ("second\r\n", pd.Timestamp("2021-01-02 10:00:00.000002", tz="UTC"))
    assert len(zone.files.glob(f"{zone.root}/raw/{shelf}/*.gz")) == 2


def test_tables_and_texts_come_back(zone):
    table = pd.DataFrame({"timestamp": pd.DatetimeIndex(["2020-11-23"], tz="UTC").as_unit("us"), "close": [1.5]})
    zone.write_table("bars", "1min", "2020-11-23", table)
    zone.write_table("bars", "1min", "2020-11-23", table.assign(close=2.5))
    pd.testing.assert_frame_equal(zone.read_table("bars", "1min", "2020-11-23"), table.assign(close=2.5))
    zone.write_text("quality_reports", "1min", "2020-11-23", "qc_report.json", "{}")
    assert zone.read_text("quality_reports", "1min", "2020-11-23", "qc_report.json") == "{}"


def test_what_no_run_has_made_is_named(zone):
    with pytest.raises(NotLanded, match=r"No frames of 2020-11-24 have been made yet \(prod/1min/A-B\)"):
        zone.read_table("frames", "prod/1min/A-B", "2020-11-24")


def test_an_answer_that_was_cut_is_passed_over(tmp_path):
    zone = LandingZone(str(tmp_path))
    zone.land_answer("s", "csv", answer("whole", "2021-01-02 10:00:00.000001"))
    for at, content in (("20210103T000000.000000Z", b""), ("20210104T000000.000000Z", b"\x1f\x8b\x08")):
        (tmp_path / "raw" / "s" / f"{at}.csv.gz").write_bytes(content)
    assert next(zone.answers("s")).text == "whole"


def test_a_write_that_breaks_leaves_the_old_file_and_no_rest(tmp_path):
    """In a process that may not write more than ten bytes into a file, as on a full disk."""
    zone = LandingZone(str(tmp_path))
    zone.write_text("quality_reports", "1min", "2020-11-23", "qc_report.json", "old")
    script = """
import resource, sys
from resources.landing import LandingZone
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
LandingZone(sys.argv[1]).write_text("quality_reports", "1min", "2020-11-23", "qc_report.json", "new" * 10)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert zone.read_text("quality_reports", "1min", "2020-11-23", "qc_report.json") == "old"
    landed = sorted(path.name for path in (tmp_path / "quality_reports" / "1min" / "2020-11-23").iterdir())
    assert landed == [f".qc_report.json.{hashlib.sha256(b'old').hexdigest()}.sha256", "qc_report.json"]


def test_files_under_other_names_are_nobodys_answers(tmp_path):
    zone = LandingZone(str(tmp_path))
    zone.land_answer("s", "csv", RawAnswer(pd.Timestamp("2024-01-01", tz="UTC"), "mine"))
    (tmp_path / "raw" / "s" / "notes.csv.gz").write_bytes(b"not mine")
    assert [answer.text for answer in zone.answers("s")] == ["mine"]


@pytest.mark.parametrize("url", ["nope://bucket/x"])
def test_a_place_that_nobody_knows_is_named(url):
    with pytest.raises(ConfigError, match=r"nope://bucket/x cannot be used"):
        LandingZone(url)


def test_what_is_there_already_is_not_written_again(tmp_path):
    zone = LandingZone(str(tmp_path))
    file = tmp_path / "quality_reports" / "1min" / "2020-11-23" / "qc_report.json"
    numbers = []
    for text in ("old", "old", "new"):
        zone.write_text("quality_reports", "1min", "2020-11-23", "qc_report.json", text)
        numbers.append(file.stat().st_ino)
    assert numbers[0] == numbers[1] != numbers[2]  # a file that is replaced is another one
    assert file.read_text() == "new"
