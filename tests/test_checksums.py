"""The landing zone's checksums: a file of which one bit is another is named; nothing that was landed ever is."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from market.day_facts import Landed
from resources import landing
from resources.checksums import verified
from resources.errors import LandingFailed
from resources.landing import LandingZone, RawAnswer

ROOT = Path(__file__).parents[1]
TABLE = pd.DataFrame({"timestamp": pd.DatetimeIndex(["2020-11-23"], tz="UTC").as_unit("us"), "close": [1.5]})


@pytest.fixture
def zone(tmp_path) -> LandingZone:
    """One of each kind of file."""
    made = LandingZone(str(tmp_path))
    made.land_answer("alpha_vantage/h/1min/NVDA/2020-11", "csv", RawAnswer(pd.Timestamp("2020-12-01", tz="UTC"), "a"))
    made.write_table("bars", "staging/1min/NVDA-MSFT", "2020-11-23", TABLE)
    made.write_text("quality_reports", "staging/1min/NVDA-MSFT", "2020-11-23", "qc_report.json", "{}")
    return made


def landed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sha256")


def notes(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.sha256"))


def test_what_was_landed_is_sound(zone, tmp_path):
    assert verified(tmp_path) == Landed(sound=3, changed=(), unchecked=0)
    expected = [f".{path.name}.{hashlib.sha256(path.read_bytes()).hexdigest()}.sha256" for path in landed(tmp_path)]
    assert notes(tmp_path) == sorted(expected)


def test_any_bit_that_is_another_is_found(zone, tmp_path):
    for path in landed(tmp_path):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            for bit in (0, 7):
                flipped = bytearray(whole)
                flipped[place] ^= 1 << bit
                path.write_bytes(flipped)
                name = path.relative_to(tmp_path).as_posix()
                assert verified(tmp_path) == Landed(sound=2, changed=(name,), unchecked=0)
        path.write_bytes(whole)
    assert verified(tmp_path).changed == ()


def test_a_file_that_was_landed_before_checksums_were_kept_is_unchecked(zone, tmp_path):
    old = landed(tmp_path)[0]
    for note in old.parent.glob(".*.sha256"):
        note.unlink()
    (tmp_path / "raw" / "by a person.csv").write_text("x")
    assert verified(tmp_path) == Landed(sound=2, changed=(), unchecked=2)
    zone.write_table("bars", "staging/1min/NVDA-MSFT", "2020-11-23", TABLE)
    assert verified(tmp_path) == Landed(sound=3, changed=(), unchecked=1)


def test_a_file_that_is_landed_anew_has_the_new_checksum_only(zone, tmp_path):
    for text in ("{}", '{"a": 1}', '{"a": 2}', "{}"):
        zone.write_text("quality_reports", "staging/1min/NVDA-MSFT", "2020-11-23", "qc_report.json", text)
        (folder,) = tmp_path.glob("quality_reports/*/*/*/*")
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert notes(folder) == [f".qc_report.json.{digest}.sha256"]
    assert verified(tmp_path).changed == ()


def test_files_of_one_folder_are_told_apart(zone, tmp_path):
    """One name begins with another's: neither loses its checksum to the other."""
    for name in ("a", "a.b", "a.b.c"):
        for text in ("1", "2"):
            zone.write_text("x", "s", "d", name, text)
    assert verified(tmp_path) == Landed(sound=6, changed=(), unchecked=0)
    assert len(notes(tmp_path / "x")) == 3


@pytest.mark.parametrize("replaced", [True, False])
def test_a_machine_that_stops_in_between_is_no_change(zone, tmp_path, replaced):
    """Killed just before, or just after, the file takes its place: with both checksums beside it."""
    script = """
import os, sys
from pathlib import Path
from resources.checksums import noted
path = Path(sys.argv[1])
with noted(path, b"new"):
    if sys.argv[2] == "True":
        path.write_bytes(b"new")
    os._exit(9)
"""
    (path,) = tmp_path.glob("quality_reports/*/*/*/*/qc_report.json")
    assert (
        subprocess.run([sys.executable, "-c", script, str(path), str(replaced)], cwd=ROOT, check=False).returncode == 9
    )
    assert path.read_text() == ("new" if replaced else "{}")
    assert len(notes(path.parent)) == 2
    assert verified(tmp_path) == Landed(sound=3, changed=(), unchecked=0)
    zone.write_text("quality_reports", "staging/1min/NVDA-MSFT", "2020-11-23", "qc_report.json", "newer")
    assert len(notes(path.parent)) == 1


def test_what_could_not_be_landed_leaves_no_checksum(zone, tmp_path, monkeypatch):
    before = notes(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(landing, "replace_durably", full)
    with pytest.raises(LandingFailed, match="No space left"):
        zone.write_text("quality_reports", "staging/1min/NVDA-MSFT", "2020-11-23", "qc_report.json", "new")
    assert (notes(tmp_path), verified(tmp_path).changed) == (before, ())


def test_no_more_is_read_than_may_be_the_newest_first(zone, tmp_path):
    files = landed(tmp_path)
    for age, path in enumerate(files):
        os.utime(path, times=(1_600_000_000 - age, 1_600_000_000 - age))
    files[2].write_bytes(files[2].read_bytes()[::-1])
    os.utime(files[2], times=(1_500_000_000, 1_500_000_000))
    sizes = [path.stat().st_size for path in files]
    assert verified(tmp_path, sum(sizes[:2])) == Landed(sound=2, changed=(), unchecked=0, left=1)
    assert verified(tmp_path, sizes[0]) == Landed(sound=1, changed=(), unchecked=0, left=2)
    assert len(verified(tmp_path).changed) == 1


def test_what_is_written_just_now_is_no_landed_file(tmp_path):
    zone = LandingZone(str(tmp_path))
    zone.write_text("x", "s", "d", "a", "1")
    (tmp_path / "x" / "s" / "d" / f"a.{'0' * 32}.intraday.part").write_text("hal")
    assert verified(tmp_path) == Landed(sound=1, changed=(), unchecked=0)
    assert verified(tmp_path / "not there") == Landed(sound=0, changed=(), unchecked=0)


def test_an_object_store_has_no_notes():
    zone = LandingZone("memory://checksums")
    where = zone.write_text("x", "s", "d", "a", "1")
    assert where == "memory:///checksums/x/s/d/a"
    assert zone.files.find(zone.root) == ["/checksums/x/s/d/a"]
    zone.files.rm(zone.root, recursive=True)
