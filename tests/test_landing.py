"""The landing zone: whole files or none, newest answers, any fsspec file system."""

import fsspec
import pandas as pd
import pytest

from resources.errors import NotLanded
from resources.landing import LandingZone, RawAnswer


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
    assert zone.latest_answer(shelf) is None
    zone.land_answer(shelf, "csv", answer("second\r\n", "2021-01-02 10:00:00.000002"))
    zone.land_answer(shelf, "csv", answer("first", "2021-01-02 10:00:00.000001"))
    latest = zone.latest_answer(shelf)
    assert (latest.text, latest.fetched_at) == ("second\r\n", pd.Timestamp("2021-01-02 10:00:00.000002", tz="UTC"))
    assert len(zone.files.glob(f"{zone.root}/raw/{shelf}/*")) == 2


def test_tables_and_texts_come_back(zone):
    table = pd.DataFrame({"timestamp": pd.DatetimeIndex(["2020-11-23"], tz="UTC").as_unit("us"), "close": [1.5]})
    zone.write_table("bars", "1min", "2020-11-23", table)
    zone.write_table("bars", "1min", "2020-11-23", table.assign(close=2.5))
    pd.testing.assert_frame_equal(zone.read_table("bars", "1min", "2020-11-23"), table.assign(close=2.5))
    zone.write_text("quality_reports", "1min", "2020-11-23", "{}")
    assert zone.read_text("quality_reports", "1min", "2020-11-23") == "{}"


def test_what_no_run_has_made_is_named(zone):
    with pytest.raises(NotLanded, match=r"No frames of 2020-11-24 \(1min\)"):
        zone.read_table("frames", "1min", "2020-11-24")


def test_a_write_that_breaks_leaves_the_old_file(tmp_path, monkeypatch):
    zone = LandingZone(str(tmp_path))
    zone.write_text("quality_reports", "1min", "2020-11-23", "old")

    def broken(path: str, content: bytes) -> None:
        with open(path, "wb") as file:  # noqa: PTH123  (fsspec hands over a string)
            file.write(content[:1])
        raise OSError("disk full")

    monkeypatch.setattr(zone.files, "pipe_file", broken)
    with pytest.raises(OSError, match="disk full"):
        zone.write_text("quality_reports", "1min", "2020-11-23", "new")
    assert zone.read_text("quality_reports", "1min", "2020-11-23") == "old"
