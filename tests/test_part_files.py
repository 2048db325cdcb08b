"""What a killed process leaves of a file is removed by the next one, and what another one is writing is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd

from resources.database.backups.backup import write_backup
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.landing import LandingZone
from resources.part_files import part_file, remove_abandoned
from tests.support.commands import intraday
from tests.support.stored import bar, put_bars

NOW = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
WRITING = """
import sys
from pathlib import Path
from resources.part_files import part_file
with part_file(Path(sys.argv[1])) as (part, file):
    file.write(b"half")
    file.flush()
    print(part, flush=True)
    sys.stdin.read()
"""


def writing(place: Path) -> "subprocess.Popen[str]":
    """A process that has begun to write a file, and waits."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITING, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def killed(place: Path) -> Path:
    """What is left of a writer that was killed."""
    with writing(place) as child:
        assert child.stdout is not None
        part = Path(child.stdout.readline().strip())
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert part.read_bytes() == b"half"
    return part


def test_what_nobody_holds_is_removed_and_what_is_being_written_stays(tmp_path, caplog):
    left, other = killed(tmp_path / "a.csv"), killed(tmp_path / "b.csv")
    theirs = tmp_path / f"holiday.mkv.{32 * '0'}.part"
    theirs.write_text("somebody else's")
    with writing(tmp_path / "a.csv") as child:
        assert child.stdout is not None
        assert child.stdin is not None
        live = Path(child.stdout.readline().strip())
        remove_abandoned(tmp_path, "a.csv")
        assert {*tmp_path.iterdir()} == {live, other, theirs}
        remove_abandoned(tmp_path)
        assert {*tmp_path.iterdir()} == {live, theirs}
        child.stdin.close()
    assert {*tmp_path.iterdir()} == {theirs}  # and whoever ends by itself leaves nothing
    assert f"{left} is removed: a process that was killed had left it behind." in caplog.text


def test_a_part_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    real, made = os.open, []

    def overtaken(path: Path, *how: int) -> int:
        descriptor = real(path, *how)
        made.append(path)
        if len(made) == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", overtaken)
    with part_file(tmp_path / "a.csv") as (part, file):
        file.write(b"whole")
        file.flush()
        assert (len(made), made[-1], part.read_bytes()) == (2, part, b"whole")


def test_the_next_command_over_the_same_target_clears_away(postgres_url, clean_environment, tmp_path):
    server = DatabaseServer(postgres_url)
    migrate(server)
    put_bars(postgres_url, [bar("2024-01-03 14:30Z")])
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    files, backups, landed = tmp_path / "files", tmp_path / "backups", tmp_path / "landing" / "bars" / "shelf"
    for folder in (files, backups, landed):
        folder.mkdir(parents=True)
    left, another = killed(files / "bars.csv"), killed(files / "others.csv")
    day = ("--from", "2024-01-03", "--to", "2024-01-03")
    status, said = intraday("export", "NVDA", *day, "-o", str(files / "bars.csv"))
    assert (status, f"{left} is removed" in said) == (0, True)
    assert {*files.iterdir()} == {files / "bars.csv", another}
    killed(backups / ".intraday-20250101T000000Z.backup")
    file, _ = write_backup(server, backups, NOW)
    assert {*backups.iterdir()} == {file}
    killed(landed / "2024-01-02.parquet")
    zone = LandingZone(str(tmp_path / "landing"))
    zone.write_file("bars/shelf/2024-01-03.parquet", b"whole")
    assert [path.name for path in landed.iterdir() if path.suffix != ".sha256"] == ["2024-01-03.parquet"]


def test_a_file_system_without_locks_is_written_and_not_swept(tmp_path, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    left = killed(tmp_path / "a.csv")
    monkeypatch.setattr("fcntl.flock", none)
    remove_abandoned(tmp_path)
    with part_file(tmp_path / "a.csv") as (part, _):
        assert {*tmp_path.iterdir()} == {left, part}
