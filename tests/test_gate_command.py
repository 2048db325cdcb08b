"""`intraday gate`, called in this process: what it judges, what it prints and writes, and how it ends."""

import json
import re
import shlex
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.gate import Asked, gate
from cli.gate_commands import BarSizes
from cli.gate_table import show
from cli.main import app
from market.frames import build_frame
from market.normalise import normalise
from market.quality.fingerprint import fingerprints
from market.sessions import BarSize, session
from market.synthetic import synthetic_bars
from resources.feeds.file_formats.dual_ticker import to_csv, to_json
from resources.feeds.file_sessions import FileSessions
from resources.landing import LandingZone
from resources.shelf import Shelf
from schemas.quality import QualityReport
from tests.support import recorded, recorded_files, rule_table
from tests.support.recorded_files import FIVE, ONE

PAIR = ("NVDA", "MSFT")
pytestmark = pytest.mark.usefixtures("clean_environment")


def judged(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["gate", *map(str, arguments)], env={"COLUMNS": "80", "NO_COLOR": "1"})


def recorded_file(name: str) -> Path:
    folder = recorded_files.PAIR if (recorded_files.PAIR / name).exists() else recorded_files.FOLDER
    return folder / name


def yahoo(folder: Path, symbol: str, without: tuple[str, ...] = (), day: str = "2024-08-28") -> Path:
    """One session of the recorded 2024 minutes as a file, some New York minutes left out."""
    head, *lines = recorded_files.text(recorded_files.YAHOO_1M.format(symbol)).splitlines()
    gone = tuple(f",{day} {minute}" for minute in without)
    kept = [line for line in lines if f",{day}" in line and not (gone and line[line.index(",") :].startswith(gone))]
    path = folder / f"{symbol}_{day}.csv"
    path.write_text("\n".join([head, *kept]) + "\n")
    return path


def test_a_file_that_is_passed_over_is_named(tmp_path):
    """Two files have the session; the one whose name sorts last is judged, and that is said."""
    bad = yahoo(tmp_path, "NVDA", without=("10:0",))
    good = bad.rename(tmp_path / "NVDA_1.csv"), yahoo(tmp_path, "NVDA")
    found = judged(*good)
    assert found.exit_code == 0
    said = "".join(found.output.split())
    assert "1sessionofNVDAisin" in said
    assert "NVDA_1.csvand" in said


@pytest.fixture
def spoiled(tmp_path) -> tuple[Path, Path]:
    """NVDA lacks 10:00 to 10:09 and 13:45 of 2024-08-28; MSFT is as recorded."""
    return yahoo(tmp_path, "NVDA", ("10:0", "13:45")), yahoo(tmp_path, "MSFT")


# What it says


def test_a_spoiled_session_in_full(spoiled):
    done = judged(*spoiled, "--environment", "production")
    assert (done.exit_code, done.stderr) == (2, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "2024-08-28 · 379 NVDA, 390 MSFT bars of 1min · thresholds of prod"
    rows = [line.split() for line in lines if line.endswith("FAIL")]
    assert rows == [
        ["missing_ratio", "NVDA", "0.0282", "0.005", "0.01", "FAIL"],  # 11 of 390
        ["longest_gap", "NVDA", "600", "180", "300", "FAIL"],
    ]
    assert "  NVDA  10:00-10:09 (10), 13:45" in lines
    assert lines[-1] == "FAIL  2024-08-28 is blocked: nothing of it is stored."
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout


def test_what_passed_is_told_by_family_and_what_was_not_asked_with_the_reason(spoiled, clean_environment):
    clean_environment.setenv("INTRADAY_QUALITY__OFF_GRID__SEVERITY", "off")
    words = " ".join(judged(*spoiled).stdout.split())
    assert "prices price_values, ohlc_relations" in words
    assert "timestamps duplicates, outside_session" in words
    assert "completeness timestamp_overlap" in words
    _, _, not_asked = words.partition("Not asked")
    assert "off_grid: the configuration switches it off." in not_asked


def test_several_sessions_are_a_line_each_and_only_the_odd_ones_in_full(tmp_path, spoiled):
    done = judged(*spoiled, yahoo(tmp_path, "NVDA", day="2024-08-29"), yahoo(tmp_path, "MSFT", day="2024-08-29"))
    lines = [line.strip() for line in done.stdout.splitlines()]
    first, second = (
        next(line.split() for line in lines if line.startswith(day)) for day in ("2024-08-28", "2024-08-29")
    )
    assert first[:8] == ["2024-08-28", "NVDA", "MSFT", "769", "11", "FAIL", "NVDA", "misses"]
    assert second == ["2024-08-29", "NVDA", "MSFT", "780", "0", "PASS"]
    assert lines[-1] == "2 sessions: 1 PASS, 1 FAIL; 1 blocked."
    assert done.stdout.count("is blocked") == 1
    assert max(map(len, lines)) <= 80


def written(key: str, verdict: str, **more: object) -> QualityReport:
    """A report by hand: 60 one-minute bars of NVDA are gone where it fails."""
    finding = {
        "rule": "longest_gap",
        "family": "completeness",
        "symbol": "NVDA",
        "verdict": verdict,
        "message": "A gap.",
    }
    return QualityReport.model_validate(
        {
            "session": key,
            "environment": "staging",
            "bar_size": "1min",
            "symbols": ("NVDA",),
            "bars_in": {"NVDA": 330},
            "missing": {"NVDA": 60},
            "findings": (finding,),
            "fingerprints": {},
            **more,
        }
    )


def printed(*reports: QualityReport) -> str:
    console = Console(file=StringIO(), width=80)
    show(reports, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_of_many_odd_sessions_the_gravest_twelve_are_told_in_full():
    days = [f"2024-08-{day:02}" for day in range(1, 21)]
    said = printed(*(written(day, "FAIL" if day > "2024-08-11" else "WARN") for day in days))
    assert [line.split()[1] for line in said.splitlines() if " is blocked" in line] == days[11:]
    assert [line.split()[1] for line in said.splitlines() if "may be used" in line] == days[:3]
    assert "8 more did not pass without question" in said
    assert said.rstrip().endswith("20 sessions: 11 WARN, 9 FAIL; 9 blocked.")


def test_who_accepted_a_session_and_what_the_feeds_said_are_shown():
    said = [one.message for one in written("2024-08-28", "FAIL").findings]
    accepted = {"by": "the desk", "reason": "trading was halted", "at": "2024-08-28T21:00Z", "fingerprints": {},
                "findings": said}  # fmt: skip
    attempts = ({"symbol": "NVDA", "feed": "alpha_vantage", "said": "It did not answer."},)
    words = " ".join(printed(written("2024-08-28", "FAIL", accepted=accepted, attempts=attempts)).split())
    assert "Accepted the desk trading was halted (2024-08-28T21:00Z)" in words
    assert "Feeds NVDA alpha_vantage It did not answer." in words
    assert words.endswith("FAIL 2024-08-28 may be used: the desk accepted it.")


# What is judged


@pytest.mark.parametrize(
    ("name", "keys", "symbols"),
    [
        ("alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz", ("2019-02-11", "2019-02-15"), ["MSFT"]),
        ("yahoo_1m_multiheader_NVDA_2025-05-09_2025-05-16.csv.gz", ("2025-05-09", "2025-05-16"), ["NVDA"]),
        (recorded_files.YAHOO_1M.format("NVDA"), ("2024-08-23", "2024-08-30"), ["NVDA"]),
        ("yahoo_5m_NVDA_2026-04-30_2026-05-29.csv.gz", ("2026-04-30", "2026-05-29"), ["NVDA"]),
        ("intraday_5min_full_TSLA_2022-06-10.json.gz", ("2022-05-13", "2022-06-10"), ["TSLA"]),
        ("v8_chart_1m_AAPL_2018-05-29.json", ("2018-05-29", "2018-05-29"), ["AAPL"]),
        ("aapl_20140609_trade.zip", ("2014-06-09", "2014-06-09"), ["AAPL"]),
        ("spy_20230803_trade.zip", ("2023-08-03", "2023-08-03"), ["SPY"]),
        ("intraday_1min_compact_MSFT_2018-07-06_verbatim_crlf.csv", ("2018-07-06", "2018-07-06"), ["MSFT"]),
    ],
)
def test_every_shape_of_file_is_judged_as_whose_bars_it_is(name, keys, symbols):
    place = FileSessions([recorded_file(name)], PAIR, (), None)
    there = place.sessions
    assert (there[0].key, there[-1].key) == keys
    assert place.bar_size == ("5min" if "_5m" in name else "1min")
    report = json.loads(judged(recorded_file(name), "--session", keys[0], "--json", "-").stdout)
    assert (report["session"], report["symbols"], report["bar_size"]) == (keys[0], symbols, place.bar_size)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_what_fetch_writes_is_judged_as_a_pair(tmp_path, ending):
    bars = synthetic_bars(session("2026-11-18"), ONE, PAIR, 1)
    path = tmp_path / f"dual_ticker_20261118_220000.{ending}"
    if ending == "parquet":
        bars.to_parquet(path)
    else:
        path.write_text(to_csv(bars) if ending == "csv" else to_json(bars))
    done = judged(path, "--json", "-")
    report = QualityReport.model_validate_json(done.stdout)
    assert report.symbols == PAIR
    assert report.bars_in == {"NVDA": 390, "MSFT": 390}
    assert done.exit_code == 0
    assert judged(path, "--environment", "prod").exit_code == 2  # nobody traded them


def test_a_symbol_of_a_pair_alone(spoiled):
    done = judged(*spoiled, "--symbol", "msft", "--json", "-")
    assert (done.exit_code, json.loads(done.stdout)["symbols"]) == (0, ["MSFT"])


def test_a_file_whose_name_says_it_only_to_who_knows(tmp_path):
    path = recorded_file("index_1min_SP500_2019-11-05_2019-11-08.csv.gz")
    assert judged(path).exit_code == 3
    reports = json.loads(judged(path, "--symbol", "SP500", "--json", "-").stdout)
    assert [report["session"] for report in reports] == ["2019-11-05", "2019-11-06", "2019-11-07", "2019-11-08"]


def test_minutes_are_judged_as_five_minutes_where_asked(spoiled):
    done = judged(*spoiled, "--bar-size", "5min", "--json", "-")
    assert json.loads(done.stdout)["bars_in"] == {"NVDA": 76, "MSFT": 78}  # 10:00 and 10:05 have no minute left


def test_a_hole_in_a_file_is_held_against_it_and_its_ends_are_not(tmp_path):
    days = {"NVDA": ("2024-08-26", "2024-08-28"), "MSFT": ("2024-08-26", "2024-08-27", "2024-08-28", "2024-08-30")}
    files = [yahoo(tmp_path, symbol, day=day) for symbol in PAIR for day in days[symbol]]
    done = judged(*files, "--json", "-")
    found = {report["session"]: report for report in json.loads(done.stdout)}
    assert {key: report["symbols"] for key, report in found.items()} == {
        "2024-08-26": ["NVDA", "MSFT"],
        "2024-08-27": ["NVDA", "MSFT"],
        "2024-08-28": ["NVDA", "MSFT"],
        "2024-08-30": ["MSFT"],
    }
    assert found["2024-08-27"]["missing"] == {"NVDA": 390, "MSFT": 1}
    assert found["2024-08-27"]["action"] == "BLOCK"
    assert "In no file: 2024-08-29." in done.stderr


def test_earlier_sessions_of_the_files_warm_the_frame(tmp_path):
    """The frame is the one that is built by hand of the day and of the two before it."""
    days = [session(key) for key in ("2024-08-26", "2024-08-27", "2024-08-28")]
    files = [yahoo(tmp_path, "NVDA", day=day.key) for day in days]
    alone = json.loads(judged(files[-1], "--json", "-").stdout)["fingerprints"]
    found = json.loads(judged(*files, "--json", "-").stdout)[-1]["fingerprints"]
    parsed = recorded_files.parsed(recorded_files.YAHOO_1M.format("NVDA"))
    bars = [normalise(parsed.rows, day, ONE, parsed.provenance).bars for day in days]
    frame = build_frame(bars[-1], bars[:-1], days[-1], ONE, ("NVDA",))
    assert found["frame/NVDA"] == fingerprints("frame", frame)["frame/NVDA"]
    assert found["bars/NVDA"] == alone["bars/NVDA"]
    assert found["frame/NVDA"] != alone["frame/NVDA"]


def test_a_range_of_a_files_sessions():
    name = recorded_file("alphavantage_1min_MSFT_2019-02-11_2019-02-15.csv.gz")
    for options, keys in (
        (["--session", "2019-02-14"], ["2019-02-14"]),
        (["--from", "2019-02-14"], ["2019-02-14"]),
        (["--from", "2019-02-12", "--to", "2019-02-13"], ["2019-02-12", "2019-02-13"]),
    ):
        reports = json.loads(judged(name, *options, "--json", "-").stdout)
        reports = reports if isinstance(reports, list) else [reports]
        assert [report["session"] for report in reports] == keys
    # Two minutes are missing: 14:32 and 14:37 as the vendor labels their ends.
    assert "MSFT  14:31, 14:36" in judged(name, "--session", "2019-02-14").stdout


def test_stamps_that_contradict_each_other_are_a_report(tmp_path):
    lines = yahoo(tmp_path, "NVDA").read_text().splitlines()
    opening = next(line for line in lines if " 09:30:00" in line)
    lines.append(opening.replace(" 09:30:00", " 20:00:00"))  # only end labels reach 20:00, and 09:30 has the volume
    path = tmp_path / "NVDA_both.csv"
    path.write_text("\n".join(lines) + "\n")
    done = judged(path)
    assert done.exit_code == 3
    assert "The stamps contradict each other" in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("ERROR  2024-08-28 is blocked")


# How it ends


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 2),  # staging: 2 %
        (["--max-missing", "0.03", "--symbol", "MSFT"], 0),
        (["--environment", "ci"], 2),  # the gap of ten minutes
        (["--max-missing", "0", "--symbol", "MSFT"], 0),
    ],
)
def test_exit_status_of_the_spoiled_pair(spoiled, options, status):
    assert judged(*spoiled, *options).exit_code == status


def test_a_warning_is_a_status_only_where_asked(tmp_path):
    path = yahoo(tmp_path, "NVDA", ("10:00", "10:20", "10:40", "11:00", "11:20"))  # 5 of 390: 1.3 %
    assert judged(path).exit_code == 0
    assert judged(path, "--fail-on-warn").exit_code == 1
    assert judged(path, "--max-missing", "0.0128").exit_code == 2
    assert judged(path, "--max-missing", "0.0129", "--fail-on-warn").exit_code == 1
    clean = yahoo(tmp_path, "MSFT")
    assert judged(clean, "--fail-on-warn").exit_code == 0


def test_max_missing_wins_over_the_configuration_and_warns_no_later(spoiled, clean_environment):
    clean_environment.setenv("INTRADAY_QUALITY__MISSING_RATIO__FAIL", "0.5")
    report = json.loads(judged(*spoiled, "--max-missing", "0.004", "--json", "-").stdout)
    found = {f["symbol"]: f for f in report["findings"] if f["rule"] == "missing_ratio"}
    assert (found["NVDA"]["warn"], found["NVDA"]["fail"], found["NVDA"]["verdict"]) == (0.004, 0.004, "FAIL")
    assert found["MSFT"]["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "There is no nowhere.csv."),
        (["NVDA.csv", "--session", "2024-08-29"], "No file has a session of 2024-08-29; they have 2024-08-28"),
        (["NVDA.csv", "--session", "2024-08-25"], "There is no XNYS session"),
        (["NVDA.csv", "--session", "yesterday"], "YYYY-MM-DD"),
        (["NVDA.csv", "--symbol", "AAPL"], "there are no regular-hours bars of AAPL; there are NVDA"),
        (["NVDA.csv", "--environment", "live"], "--environment is 'live'; allowed: ci, prod, staging, production"),
        (["NVDA.csv", "--max-missing", "1.5"], "--max-missing"),
        (["NVDA.csv", "--max-missing", "many"], "--max-missing"),
        (["NVDA.csv", "--session", "2024-08-28", "--from", "2024-08-28"], "--session"),
        (["NVDA.csv", "--frob"], "--frob"),
        (["NVDA.csv", "--json", "nowhere/report.json"], "nowhere/report.json"),
        (["broken.csv"], "broken.csv, line 3, column close: 'abc' is no number."),
        (["15.json"], "its bars are 15 minutes long; 1 minute or 5 minutes can be judged"),
        (["NVDA_5m.csv.gz", "NVDA.csv"], "say with --bar-size which to judge"),
        (["NVDA_5m.csv.gz", "--bar-size", "1min"], "of which no bars of 1 minute can be made"),
        (["weekend.csv"], "no bar lies in the regular hours of a session"),
        (["."], ". is a folder: name the files in it."),
        (["accept", "2024-08-28"], "--reason"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_judged_is_a_sentence_and_3(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    yahoo(tmp_path, "NVDA").rename("NVDA.csv")
    head = "symbol,timestamp,open,high,low,close,volume\n"
    Path("broken.csv").write_text(f"{head}NVDA,2024-08-28 09:30:00,1,1,1,1,5\nNVDA,2024-08-28 09:31:00,1,1,1,abc,5\n")
    Path("weekend.csv").write_text(f"{head}NVDA,2024-08-31 09:30:00,1,1,1,1,5\n")
    Path("15.json").write_bytes(recorded_files.content("intraday_15min_MSFT_2018-04-11_utf8bom.json"))
    Path("NVDA_5m.csv.gz").write_bytes(recorded_files.content("yahoo_5m_NVDA_2026-04-30_2026-05-29.csv.gz"))
    done = judged(*arguments)
    assert done.exit_code == 3
    assert said.replace(" ", "") in "".join(done.stderr.replace("│", "").split())
    assert "Traceback" not in done.output


# What it writes


def test_one_report_is_an_object_and_several_are_an_array(tmp_path, spoiled):
    path = tmp_path / "report.json"
    done = judged(*spoiled, "--json", path)
    assert QualityReport.model_validate_json(path.read_text()).session == "2024-08-28"
    assert "FAIL  2024-08-28 is blocked" in done.stdout
    judged(*spoiled, yahoo(tmp_path, "NVDA", day="2024-08-29"), "--json", path)
    assert [report["session"] for report in json.loads(path.read_text())] == ["2024-08-28", "2024-08-29"]


def test_json_on_stdout_leaves_the_table_to_stderr(spoiled):
    done = judged(*spoiled, "--json", "-")
    assert json.loads(done.stdout)["verdict"] == "FAIL"
    assert "FAIL  2024-08-28 is blocked" in done.stderr


def test_the_page_is_of_the_same_reports(tmp_path, spoiled, monkeypatch):
    page = ModuleType("intraday_assets.report_page")
    page.report_page = lambda reports, title: f"{title}|{reports[0].verdict}"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, page.__name__, page)
    assert judged(*spoiled, "--html", tmp_path / "page.html").exit_code == 2
    assert (tmp_path / "page.html").read_text() == "Quality of NVDA and MSFT, 2024-08-28|FAIL"


# What the desk has landed


def land(key: str, without: tuple[str, ...] = (), role: str = "primary") -> None:
    """The recorded Alpha Vantage session and its frame, where a run would have put them."""
    day, zone = session(key), LandingZone(str(Path("home/landing").resolve()))
    tables = []
    for symbol in PAIR:
        rows = recorded.vendor_rows(symbol)
        provenance = recorded_files.parsed(f"alphavantage_1min_ext_{symbol}_2020-10-26_2021-01-08.csv.gz").provenance
        bars = normalise(rows[~rows["stamp"].dt.strftime("%H:%M").isin(without)], day, ONE, provenance).bars
        tables.append(bars)
    bars = pd.concat(tables, ignore_index=True)
    bars["role"] = pd.Series(role, bars.index, "str")
    shelf = Shelf(zone, "staging", ONE, PAIR)
    shelf.keep_bars(day, bars)
    shelf.keep_frame(day, build_frame(bars, [], day, ONE, PAIR))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_landed_sessions_are_judged_by_other_thresholds_and_nothing_is_stored(home):
    land("2020-11-24", without=("10:05", "11:05", "12:05", "13:05", "14:05"))  # 5 of 390: 1.3 %
    before = sorted(path.name for path in home.rglob("*"))
    done = judged("--session", "2020-11-24", "--json", "-")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["verdict"], report["environment"]) == (0, "WARN", "staging")
    assert report["missing"] == {"NVDA": 5, "MSFT": 5}
    done = judged("--session", "2020-11-24", "--environment", "production")
    assert done.exit_code == 2
    assert "NVDA  10:04, 11:04, 12:04, 13:04, 14:04" in done.stdout  # the vendor labels ends
    assert sorted(path.name for path in home.rglob("*")) == before


def test_max_missing_is_of_the_fallbacks_bars_too(home):
    land("2020-11-24", without=("10:05", "11:05", "12:05", "13:05", "14:05"), role="fallback")  # 10 % may be missing
    assert judged("--session", "2020-11-24").exit_code == 0
    assert judged("--session", "2020-11-24", "--max-missing", "0.01").exit_code == 2


def test_what_is_not_landed_is_named_with_what_to_do(home):
    land("2020-11-24")
    done = judged("--from", "2020-11-23", "--to", "2020-11-25")
    assert done.exit_code == 3
    assert "PASS  2020-11-24 may be used." in done.stdout
    said = " ".join(done.stdout.split())
    assert "Not landed on this desk: 2020-11-23, 2020-11-25." in said
    assert "intraday run 2020-11-23 2020-11-25" in said


def test_a_symbol_of_the_desk_alone_and_no_other(home):
    land("2020-11-24")
    done = judged("--session", "2020-11-24", "--symbol", "MSFT", "--json", "-")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["symbols"], report["verdict"]) == (0, ["MSFT"], "PASS")
    done = judged("--session", "2020-11-24", "--symbol", "AAPL")
    assert (done.exit_code, "AAPL is not one of the desk's symbols: NVDA, MSFT." in done.stderr) == (3, True)


def test_without_words_the_latest_session_that_is_over(home):
    land("2020-11-24")
    console = Console(file=StringIO())
    status = gate(Asked(), console, console, now=pd.Timestamp("2020-11-25 12:00", tz="America/New_York"))
    assert (status, console.file.getvalue()[:10]) == (0, "2020-11-24")  # type: ignore[attr-defined]


# The command itself


def shell_blocks() -> list[list[str]]:
    """The words of every `intraday gate` in a block of shell of the document."""
    blocks = re.findall(r"```sh\n(.*?)```", rule_table.DOCUMENT.read_text(), flags=re.DOTALL)
    return [shlex.split(line, comments=True)[2:] for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("words", shell_blocks(), ids=" ".join)
def test_the_commands_of_the_document_do_what_it_says(words, home, spoiled, monkeypatch):
    for path, symbol in zip(spoiled, PAIR, strict=True):
        path.rename(f"{symbol}_1m.csv")
    words = [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    landed = any(word.endswith(".csv") for word in words) or words == ["schema"]
    assert judged(*words).exit_code == ({"schema": 0}.get(words[0], 2) if landed else 3)
    if "qc_report.json" in words:
        assert json.loads(Path("qc_report.json").read_text())["verdict"] == "FAIL"


def test_the_documents_table_of_rules_is_theirs():
    assert rule_table.document_with_table() == rule_table.DOCUMENT.read_text(), (
        "write it anew: python -m tests.support.rule_table"
    )


def test_accept_is_handed_what_was_said(monkeypatch):
    heard = []
    other = ModuleType("cli.gate_accept")
    other.operating_system_user = lambda: "nobody"  # type: ignore[attr-defined]
    other.accept = lambda *words: heard.append(words[:3]) or 2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, other.__name__, other)
    assert judged("accept", "2024-08-28", "--reason", "halted", "--by", "the desk").exit_code == 2
    assert judged("accept", "2024-08-28", "--reason", "halted").exit_code == 2
    assert heard == [("2024-08-28", "halted", "the desk"), ("2024-08-28", "halted", "nobody")]


def test_help_tells_the_options_the_statuses_and_the_other_commands():
    said = judged("--help").stdout
    for word in ("FILE", "--max-missing", "--fail-on-warn", "accept", "schema", "2  a session is blocked"):
        assert word in said
    assert " judge " not in said


def test_the_lengths_of_bars_are_the_markets():
    assert [size.value for size in BarSizes] == [size.value for size in BarSize]
    assert FIVE.value == BarSizes.FIVE_MINUTES.value


def test_neither_dagster_nor_a_database_driver_is_imported():
    unwanted = {"dagster", "sqlalchemy", "psycopg", "yfinance"}
    code = f"import sys, cli.main, cli.gate; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
