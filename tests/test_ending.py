"""How commands end: a sentence, a status, and whether another attempt would help."""

import errno
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

from cli.desk import sessions_asked_for
from cli.ending import end
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import MayNotRead, NoBars, TooEarly
from resources.feeds.loadable import open_files
from resources.settings import load_settings
from tests.support.commands import INTRADAY, intraday
from tests.support.stored import bar, put_bars

DAY = ("--from", "2024-01-03", "--to", "2024-01-03")
NOBODY = 65534


def ended(command: Callable[[], int], capsys: pytest.CaptureFixture[str], **how: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exit:
        end(command, **how)  # type: ignore[arg-type]
    return int(str(exit.value.code)), " ".join(capsys.readouterr().err.split())


@pytest.fixture(autouse=True)
def answer_to_sigterm() -> Iterator[None]:
    """What pytest had before."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who may read nothing of this test's."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_interrupt_and_each_command_says_what_is_left(capsys, how):
    def command() -> int:
        signal.raise_signal(how)
        return 0

    assert ended(command, capsys) == (130, "Interrupted.")
    assert ended(command, capsys, interrupted="No file was written.") == (130, "Interrupted. No file was written.")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "A retry would not help."),
        (errno.ENOSPC, "A retry would not help."),
        (errno.EROFS, "A retry would not help."),
        (errno.ECONNRESET, "A retry may help."),
        (errno.ETIMEDOUT, "A retry may help."),
    ],
)
def test_a_refusal_of_the_operating_system_is_told_from_what_passes(capsys, number, hint):
    def command() -> int:
        raise OSError(number, os.strerror(number), "/some/where")

    status, said = ended(command, capsys)
    assert (status, os.strerror(number) in said, "'/some/where'" in said, hint in said) == (2, True, True, True), said


@pytest.mark.parametrize(("command", "status"), [("load", 2), ("gate", 3)])
@pytest.mark.parametrize(
    ("typed", "shown"), [(b"caf\xe9.csv", r"caf\xe9.csv"), ("\U0001f600".encode() + b"\xff", r"😀\xff")]
)
def test_an_argument_that_is_not_utf_8_is_one_sentence(command, status, typed, shown):
    done = subprocess.run([INTRADAY.encode(), command.encode(), typed], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (status, "")
    assert " ".join(done.stderr.split()).startswith(f"{shown} is not UTF-8: type it in UTF-8;")


def test_what_is_typed_in_utf_8_goes_through():
    done = subprocess.run([INTRADAY, "load", "näh\U0001f600.csv", "--help"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_place_that_cannot_be_written_is_named_with_what_to_do(postgres_url, clean_environment, tmp_path):
    """`/sys` takes no file of anybody's, root's included."""
    migrate(DatabaseServer(postgres_url))
    put_bars(postgres_url, [bar("2024-01-03 14:30Z")])
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    status, said = intraday("export", "NVDA", *DAY, "-o", "/sys/bars.csv")
    assert status == 2
    assert "/sys/bars.csv cannot be written (Permission denied): name another place with --output" in said
    assert "A retry would not help." in " ".join(said.split())
    (tmp_path / "file").write_text("")
    status, said = intraday("db", "backup", f"{tmp_path}/file/backups/")
    assert status == 2
    assert f"The folder {tmp_path}/file/backups cannot be made (Not a directory): name another." in " ".join(
        said.split()
    )
    assert "A retry would not help." in " ".join(said.split())


def test_a_folder_or_a_file_that_may_not_be_read_is_named_and_no_retry_is_advised(clean_environment, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o000)
    clean_environment.setenv("INTRADAY_FILES__FOLDER", str(secret))
    settings = load_settings()
    with unprivileged(), pytest.raises(MayNotRead, match=f"may not list the folder {secret}") as refused:
        open_files([], settings)
    assert refused.value.sentence().endswith("A retry would not help.")
    with unprivileged(), pytest.raises(MayNotRead, match=f"{secret}/NVDA.csv cannot be looked for: Permission denied"):
        open_files([secret / "NVDA.csv"], settings)
    kept = tmp_path / "NVDA.csv"
    kept.write_text("")
    kept.chmod(0o000)
    files = open_files([kept], settings)
    with unprivileged(), pytest.raises(MayNotRead, match=f"may not read {kept}: allow it"):
        files.all_parts(files.files()[0])
    with pytest.raises(NoBars, match=f"There is no {kept}/more.csv"):
        open_files([kept / "more.csv"], settings)


@pytest.mark.usefixtures("clean_environment")
def test_a_session_that_is_not_over_is_refused_by_name():
    settings = load_settings()

    def asked(first: str, last: str, now: str) -> list[str]:
        return [one.key for one in sessions_asked_for(first, last, settings, lambda: pd.Timestamp(now))]

    assert asked("2024-01-03", "2024-01-04", "2024-01-04 21:00:01Z") == ["2024-01-03", "2024-01-04"]
    said = (
        r"2024-01-04 is not over: it closes at 2024-01-04 21:00 UTC. The latest session that is over is 2024-01-03\. "
        r"A retry may help\."
    )
    for first, now in (("2024-01-04", "2024-01-04 15:00Z"), ("2024-01-02", "2024-01-04 20:59:59Z")):
        with pytest.raises(TooEarly) as early:
            asked(first, "2024-01-05", now)
        assert re.fullmatch(said, early.value.sentence())


def test_a_backfill_of_a_session_that_is_not_over_begins_nothing(clean_environment, tmp_path):
    ahead = (pd.Timestamp.now("America/New_York") + pd.Timedelta(days=14)).strftime("%Y-%m-%d")
    status, said = intraday("backfill", "2020-11-20", ahead)
    assert (status, "is not over: it closes at" in said) == (2, True), said
    assert not (tmp_path / "home").exists()  # no database, no run
