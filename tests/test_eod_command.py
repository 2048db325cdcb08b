"""`intraday eod` over recorded sessions: what it says, what it writes and keeps, how it ends."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import ValidationError as NoReport
from rich.console import Console
from typer.testing import CliRunner

from cli.eod import Asked, eod
from cli.main import app
from market.sessions import BarSize
from resources.database.eod_store import EodStore
from resources.database.server import DatabaseServer
from resources.errors import ConfigError, DatabaseUnreachable, NotWritten
from schemas.end_of_day import EodReport, eod_schema
from schemas.errors import IntradayError
from schemas.quality import Verdict
from tests.support.day_facts import facts, lacking, report

PUBLISHED = json.loads((Path(__file__).parents[1] / "docs" / "eod_summary.schema.json").read_text())
HALF, SPOILED = "2020-11-27", "2020-11-24"
GAP = f"drop:NVDA:{SPOILED}:10:00-10:44"
HALTED = "INSERT INTO trading_halts (account, symbol, halted, who, why) VALUES ('SIMULATED', 'NVDA', true, 'a', 'b')"
EVENING = pd.Timestamp("2020-11-27 19:00Z")
"""An hour after the half day's close."""


def looked(*, width: int = 100, now: pd.Timestamp = EVENING, **asked: object) -> tuple[int, str]:
    """Exit status and what is printed."""
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        status = eod(Asked(**asked), console, lambda: now)  # type: ignore[arg-type]
    return status, capture.get()


def line(said: str, *words: str) -> str:
    """The line of the table that begins so."""
    return next(one for one in said.splitlines() if one.split()[: len(words)] == list(words))


def test_a_recorded_half_day_ended_well_and_a_halt_is_a_warning(desk):
    desk.run(HALF)
    status, said = looked()
    assert status == 0, said
    assert "End of Friday, 27 November 2020, 09:30 to 13:00 New York time (half day)" in said
    assert line(said, "completeness", "NVDA").split()[2:4] == ["100.0", "%"]
    assert line(said, "file", "integrity").split()[-1] == "PASS"
    assert line(said, "reconciliation").split()[-1] == "PASS"
    assert line(said, "backups").endswith("not looked at ")
    assert "What to do" not in said
    _, verbose = looked(verbose=True)
    assert "210 of 210 bars of NVDA are stored (100.0 %)." in verbose
    assert "1 of the last 1 judged session passed the gate." in verbose

    desk.execute(HALTED)
    assert looked()[0] == 0
    status, said = looked(fail_on_warn=True, width=200)
    assert (status, line(said, "reconciliation").split()[-1]) == (1, "WARN")
    assert "`intraday orders resume NVDA`" in said


def test_one_bit_of_a_landed_file_is_noticed(desk):
    desk.run(HALF)
    (path,) = desk.home.glob(f"landing/frames/*/*/*/{HALF}.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    status, said = looked(width=200)
    assert status == 2
    assert line(said, "file", "integrity").split()[-1] == "FAIL"
    assert f"1 changed since: frames/staging/1min/NVDA-MSFT/{HALF}.parquet." in said
    assert f"`intraday run {HALF} --refresh`" in said
    assert looked(day="2020-11-25", width=200)[1].count("changed since") == 0


def test_a_blocked_session_names_the_minutes_that_lack(desk):
    desk.run(SPOILED, faults=[GAP])
    status, said = looked(day=SPOILED, width=300)
    assert status == 2
    assert "0 of 390 bars of NVDA are stored (0.0 %). The gate blocks the session: missing_ratio of NVDA" in said
    assert "NVDA lacks 10:00 to 10:44 New York (15:00 to 15:44 UTC). Ask the feeds again with `intraday run" in said
    assert "0 of the last 1 judged session passed the gate." in said


def test_what_is_stored_in_part_names_the_minutes_that_are_not(desk):
    desk.run(SPOILED)
    desk.execute("DELETE FROM market_data WHERE symbol = 'MSFT' AND \"timestamp\" >= '2020-11-24 18:30Z'")
    status, said = looked(day=SPOILED, width=300)
    assert status == 2
    both = "13:30 to 15:59 New York (18:30 to 20:59 UTC)"
    assert f"240 of 390 bars of MSFT are stored (61.5 %). Missing: {both}." in said
    assert f"Ask the feeds again for {both} of MSFT: `intraday run {SPOILED} --refresh`." in said
    assert "ends on 2020-11-24 at 13:30 New York (18:30 UTC), 2 h 30 min before the close." in said
    assert line(said, "freshness", "NVDA").split()[-1] == "PASS"


def test_what_was_looked_at_is_kept(desk):
    looked(day="2020-11-25")
    looked()
    kept = desk.rows("SELECT session::text, environment, bar_size, verdict FROM eod_reports ORDER BY created_at")
    assert kept == [(day, "staging", "1min", "FAIL") for day in ("2020-11-25", HALF)]
    newest = EodStore(DatabaseServer(desk.url)).newest("staging", BarSize.ONE_MINUTE, ("NVDA", "MSFT"))
    assert newest is not None
    assert (newest.session, newest.made_at) == (HALF, EVENING)


def test_the_files_are_the_report(desk, tmp_path):
    paths = {ending: tmp_path / f"eod{ending}" for ending in (".json", ".html", ".txt")}
    told = {}
    for path in paths.values():
        path.write_text("old")
        status, printed = looked(output=path, as_json=path.suffix == ".json")
        told[path.suffix] = printed
    written = json.loads(paths[".json"].read_text())
    assert written == json.loads(told[".json"])
    Draft202012Validator(PUBLISHED).validate(written)
    assert (status, written["verdict"], EodReport.model_validate(written).session) == (2, "FAIL", HALF)
    assert "<h2>Friday, 27 November 2020</h2>" in paths[".html"].read_text()
    text = paths[".txt"].read_text()
    assert "0 of 210 bars of NVDA are stored (0.0 %)." in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert sorted(path.name for path in tmp_path.glob("eod*")) == ["eod.html", "eod.json", "eod.txt"]


def test_a_file_that_cannot_be_written_is_as_it_was(desk, tmp_path, monkeypatch):
    path = tmp_path / "eod.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"eod\.json cannot be written: No space left on device"):
        looked(output=path)
    assert (path.read_text(), [one.name for one in tmp_path.glob("eod*")]) == ("old", ["eod.json"])
    assert desk.rows("SELECT count(*) FROM eod_reports") == [(1,)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"day": "2020-11-26"}, r"2020-11-26 is no XNYS session; the next one is 2020-11-27"),
        ({"day": "20201204"}, r"'20201204' is not a date of the form YYYY-MM-DD"),
        ({"day": "yesterday"}, r"'yesterday' is not a date of the form YYYY-MM-DD"),
        ({"day": "2020-11-30"}, r"2020-11-30 is not over: .* The latest session that is over is 2020-11-27"),
        ({"day": "1999-01-04"}, r"1999-01-04 is outside the calendar"),
        ({"output": Path("eod.pdf")}, r"eod\.pdf, whose ending names no format; allowed: \.json, \.html, \.txt"),
        ({"output": Path("/nowhere/eod.json")}, r"there is no folder /nowhere"),
        ({"output": Path("folder.json")}, r"folder\.json is a folder, a link or a device"),
        ({"output": Path("link.json")}, r"link\.json is a folder, a link or a device"),
    ],
)
def test_what_cannot_be_understood_is_said_before_anything_is_done(desk, tmp_path, monkeypatch, asked, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntradayError, match=said):
        looked(**asked)
    assert desk.rows("SELECT 1 FROM eod_reports") == []


def test_a_desk_that_nobody_made_is_not_made_to_be_looked_at(clean_environment, tmp_path):
    clean_environment.setenv("INTRADAY_HOME", str(tmp_path))
    clean_environment.delenv("TIMESCALEDB_URL", raising=False)
    clean_environment.setattr("cli.eod._day_ends", lambda *_: pytest.fail("it looks"))
    with pytest.raises(ConfigError, match=f"There is no database in {tmp_path} to look at"):
        eod(Asked(), Console(file=io.StringIO()), lambda: EVENING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--nonsense"], ["--date"], ["--date", "2020-11-26"], ["--output", "eod.pdf"]])
def test_a_misuse_is_no_failed_day(clean_environment, words):
    assert CliRunner().invoke(app, ["eod", *words]).exit_code == 3


def test_a_database_that_is_gone_is_an_error_and_the_rest_is_told(clean_environment, tmp_path):
    clean_environment.setenv("TIMESCALEDB_URL", "postgresql://nobody:secret@127.0.0.1:1/x")
    console = Console(file=(out := io.StringIO()), width=200)
    with pytest.raises(DatabaseUnreachable):
        eod(Asked(), console, lambda: EVENING)
    said = out.getvalue()
    assert line(said, "disk", "home").split()[-1] == "PASS"
    assert line(said, "completeness").split()[-1] == "ERROR"
    assert "secret" not in said
    assert CliRunner().invoke(app, ["eod"]).exit_code == 3


def test_the_published_schema_is_the_models():
    again = "write it anew: .venv/bin/intraday eod schema > docs/eod_summary.schema.json"
    assert eod_schema() == PUBLISHED, again
    assert json.loads(CliRunner().invoke(app, ["eod", "schema"]).stdout) == PUBLISHED
    Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["title"] == "End of day, version 1"


SPOIL: dict[str, Callable[[dict[str, object]], object]] = {
    "no verdict": lambda made: made.pop("verdict"),
    "unknown verdict": lambda made: made.update(verdict="FINE"),
    "another version": lambda made: made.update(version=2),
    "another key": lambda made: made.update(note="by hand"),
    "no checks": lambda made: made.update(checks=[]),
    "another check": lambda made: made["checks"][0].update(name="mood"),  # type: ignore[index]
    "no value": lambda made: made["checks"][0].pop("value"),  # type: ignore[index]
    "no word on what to do": lambda made: made["checks"][0].update(recommendation=""),  # type: ignore[index]
    "no date": lambda made: made.update(session="tomorrow"),
    "bars of no known size": lambda made: made.update(bar_size="7min"),
    "no symbols": lambda made: made.update(symbols=[]),
    "nothing said": lambda made: made["checks"][0].update(said=""),  # type: ignore[index]
}


@pytest.mark.parametrize("spoil", SPOIL)
def test_it_refuses_what_is_no_report(spoil):
    made = report(facts(symbols=(lacking("NVDA", 45), lacking("MSFT", 0))))
    written = json.loads(made.model_dump_json())
    Draft202012Validator(PUBLISHED).validate(written)
    assert (EodReport.model_validate(written), made.verdict) == (made, Verdict.FAIL)
    SPOIL[spoil](written)
    with pytest.raises(ValidationError):
        Draft202012Validator(PUBLISHED).validate(written)


def test_a_reports_days_and_bars_are_those_of_the_exchange():
    written = json.loads(report(facts()).model_dump_json())
    assert set(get_args(EodReport.model_fields["bar_size"].annotation)) == set(BarSize)
    for spoiled in ({"session": "2020-11-31"}, {"session": "20201124"}, {"bar_size": "7min"}, {"symbols": []}):
        with pytest.raises(NoReport):
            EodReport.model_validate(written | spoiled)
