"""`intraday load`: what passes the gate is stored as the files have it, what does not is named; nothing is lost."""

import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from cli.load import load
from market.sessions import Session
from resources import earlier, loading
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, DatabaseUnreachable, NoBars
from resources.feeds.loadable import LoadableFiles, open_files
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.load_desk import LoadingDesk
from resources.loading import Loader, overlapped
from resources.settings import load_settings
from tests.support.commands import intraday
from tests.support.desk import TestDesk
from tests.support.recorded import SYMBOLS, rows, session_rows

DAYS = ("2020-11-16", "2020-11-17", "2020-11-18", "2020-11-19", "2020-11-20")
HEADER = "timestamp,open,high,low,close,volume"
TABLES = ("market_data", "dual_ticker_bars")
EVERYTHING = {
    "market_data": "SELECT xmin::text, * FROM market_data ORDER BY timestamp, symbol",
    "dual_ticker_bars": "SELECT xmin::text, * FROM dual_ticker_bars ORDER BY timestamp, symbol",
    "bar_revisions": "SELECT * FROM bar_revisions",
    "reports": "SELECT xmin::text, * FROM data_quality_reports ORDER BY timestamp, created_at",
    "summaries": "SELECT xmin::text, * FROM eod_summaries ORDER BY session, symbol",
}

Line = dict[str, str]
Edit = Callable[[Line], Line | None]


def loaded(*paths: Path, limit: int | None = None, now: str | None = None) -> tuple[int, str]:
    """Status and what was said, on one screen line a sentence."""
    said = io.StringIO()
    clock = {} if now is None else {"now": lambda: pd.Timestamp(now)}
    status = load(list(paths), Console(file=said, width=300), limit=limit, **clock)
    return status, said.getvalue()


def vendor_file(path: Path, symbol: str, days: Sequence[str], edit: Edit = lambda line: line) -> Path:
    """The recorded rows of some days as the vendor's CSV, newest first, each passed through `edit`."""
    lines = [edit(dict(row)) for row in rows(symbol) if row["timestamp"][:10] in days]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\r\n".join([HEADER, *[",".join(line.values()) for line in lines if line is not None], ""])
    path.write_text(text, newline="")
    return path


def pair(folder: Path, days: Sequence[str] = DAYS, name: str = "{}.csv") -> list[Path]:
    return [vendor_file(folder / name.format(symbol), symbol, days) for symbol in SYMBOLS]


def without(day: str, first: str, last: str) -> Edit:
    """Drops a day's rows of these END-of-minute labels, both included."""
    return lambda line: None if f"{day} {first}" <= line["timestamp"] <= f"{day} {last}" else line


def of(said: str, table: str) -> list[int]:
    """The numbers of a table's row: sent, new, revised, unchanged, removed."""
    (line,) = [line for line in said.splitlines() if line.split()[:1] == [table]]
    return [int(number.replace(",", "")) for number in line.split()[1:]]


def everything(desk: TestDesk) -> dict[str, list[tuple[object, ...]]]:
    return {name: desk.rows(query) for name, query in EVERYTHING.items()}


def landed(desk: TestDesk) -> dict[str, bytes]:
    folders = [desk.home / "landing" / name for name in ("bars", "frames", "quality_reports")]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(desk.home)): path.read_bytes() for path in files}


def stored_days(desk: TestDesk) -> set[str]:
    """The days of which dual_ticker_bars has rows."""
    found = desk.rows("SELECT DISTINCT (timestamp AT TIME ZONE 'America/New_York')::date::text FROM dual_ticker_bars")
    return {str(day) for (day,) in found}


def raw(desk: TestDesk) -> Path:
    return desk.home / "landing" / "raw"


def loader(desk: TestDesk, *paths: Path) -> tuple[Loader, list[Session]]:
    """What the command makes, without its screen."""
    settings = load_settings()
    files = LoadableFiles(open_files(paths, settings), settings, pd.Timestamp.now("UTC"))
    list(files.read())
    gate, landing = load_gate(settings.environment), LandingZone(settings.landing_url)
    server = DatabaseServer(desk.url)
    return Loader(LoadingDesk(settings.symbols, settings.bar_size, gate, landing, server, files.feed)), files.sessions


def hold_recorded(desk: TestDesk, days: Iterable[str]) -> None:
    """What is stored is what the recording says, digit by digit."""
    stored = {
        (str(symbol), str(at)): values
        for symbol, at, *values in desk.rows(
            "SELECT symbol, to_char(timestamp AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI'), open, high, low, "
            "close, volume FROM market_data"
        )
    }
    expected = {
        (symbol, f"{day} {minute}"): [Decimal(bar[name]) for name in ("open", "high", "low", "close", "volume")]
        for symbol in SYMBOLS
        for day, bars in session_rows(symbol).items()
        if day in days
        for minute, bar in bars.items()
    }
    assert stored == expected


def test_every_bar_is_stored_as_it_stands_and_the_second_time_nothing_changes(desk, tmp_path):
    status, said = loaded(*pair(tmp_path))
    assert status == 0
    hold_recorded(desk, DAYS)
    bars = sum(len(session_rows(symbol)[day]) for symbol in SYMBOLS for day in DAYS)
    assert of(said, "market_data") == [bars, bars, 0, 0, 0]
    assert of(said, "dual_ticker_bars") == [3900, 3900, 0, 0, 0]  # every exchange minute, whether a bar came or not
    every = sum(len([row for row in rows(symbol) if row["timestamp"][:10] in DAYS]) for symbol in SYMBOLS)
    assert f"{every:,} rows in: {bars:,} bars of sessions that are stored, {every - bars:,} outside" in said
    assert "2 files, 0 refused in part or whole. 5 sessions: 5 stored, 0 refused." in said
    before = everything(desk)
    status, said = loaded(*pair(tmp_path))
    assert (status, of(said, "market_data"), of(said, "dual_ticker_bars")) == (
        0,
        [bars, 0, 0, bars, 0],
        [3900, 0, 0, 3900, 0],
    )
    assert everything(desk) == before


def test_a_run_of_the_same_sessions_from_the_same_files_changes_nothing(desk):
    pair(raw(desk))
    assert loaded()[0] == 0
    before, tables = everything(desk), landed(desk)
    assert len(before["reports"]) == 5
    assert len(before["summaries"]) == 10
    desk.configure(INTRADAY_FEEDS__PRIMARY="files")
    assert desk.run(DAYS[0], DAYS[-1]).success
    assert everything(desk) == before
    assert landed(desk) == tables


def test_a_load_of_what_a_run_has_stored_changes_nothing(desk):
    pair(raw(desk))
    desk.configure(INTRADAY_FEEDS__PRIMARY="files")
    assert desk.run(DAYS[0], DAYS[-1]).success
    before, tables = everything(desk), landed(desk)
    assert loaded()[0] == 0
    assert everything(desk) == before
    assert landed(desk) == tables


def test_a_session_is_judged_and_warmed_alike_whether_it_comes_alone_or_after_others(new_desk, postgres_url, tmp_path):
    found = []
    for alone in (False, True):
        desk = new_desk(postgres_url)
        for days in [[day] for day in DAYS] if alone else [DAYS]:
            assert loaded(*pair(tmp_path / days[0] / str(alone), days))[0] == 0
        reports = desk.rows("SELECT report FROM data_quality_reports ORDER BY timestamp")
        found.append((reports, desk.contents()))
        desk.execute("TRUNCATE market_data, dual_ticker_bars, data_quality_reports, eod_summaries, bar_revisions")
    assert found[0] == found[1]


def test_a_blocked_session_is_named_with_its_reason_and_the_others_are_stored(desk, tmp_path):
    spoiled = vendor_file(tmp_path / "NVDA.csv", "NVDA", DAYS, without(DAYS[2], "10:00:00", "10:44:00"))
    status, said = loaded(spoiled, vendor_file(tmp_path / "MSFT.csv", "MSFT", DAYS))
    assert status == 1
    assert f"{DAYS[2]} The gate blocks it. NVDA misses 45 of 390 bars" in said
    assert "5 sessions: 4 stored, 1 refused." in said
    hold_recorded(desk, {*DAYS} - {DAYS[2]})
    assert stored_days(desk) == {*DAYS} - {DAYS[2]}
    verdicts = dict(desk.rows("SELECT session::text, verdict || ' ' || action FROM data_quality_reports"))
    assert verdicts == dict.fromkeys(DAYS, "PASS CONTINUE") | {DAYS[2]: "FAIL BLOCK"}


def test_a_blocked_session_leaves_no_trace_in_the_next_ones(desk, tmp_path):
    others = [day for day in DAYS if day != DAYS[2]]
    spoiled = vendor_file(tmp_path / "NVDA.csv", "NVDA", DAYS, without(DAYS[2], "10:00:00", "10:44:00"))
    assert loaded(spoiled, vendor_file(tmp_path / "MSFT.csv", "MSFT", DAYS))[0] == 1
    found = desk.contents()
    desk.execute("TRUNCATE market_data, dual_ticker_bars, data_quality_reports, eod_summaries")
    shutil.rmtree(desk.home)
    assert loaded(*pair(tmp_path / "others", others))[0] == 0
    assert desk.contents() == found


def test_a_corrected_file_revises_and_leaves_the_old_values(desk):
    pair(raw(desk), name="{}_1.csv")
    assert loaded()[0] == 0
    (was,) = [row for row in rows("NVDA") if row["timestamp"] == f"{DAYS[1]} 10:01:00"]
    gone = without(DAYS[1], "11:01:00", "11:01:00")

    def corrected(line: Line) -> Line | None:
        changed = line | {"volume": str(int(line["volume"]) + 7)} if line["timestamp"] == was["timestamp"] else line
        return gone(changed)

    vendor_file(raw(desk) / "NVDA_2.csv", "NVDA", DAYS, corrected)
    status, said = loaded()
    assert status == 0
    assert of(said, "market_data")[1:3] == [0, 1]
    assert of(said, "market_data")[4] == 1
    traced = desk.rows("SELECT volume, removed FROM bar_revisions ORDER BY timestamp")
    assert traced[0] == (int(was["volume"]), False)
    assert [removed for _, removed in traced] == [False, True]
    assert "5 sessions of NVDA are in" in said


def test_what_another_load_stored_meanwhile_is_compared_with(desk, tmp_path, monkeypatch):
    """Judged before it and stored after it, a session has as many revisions as in turn."""
    desk.run(DAYS[0], assets=["bars"])  # makes the schema
    day = [DAYS[0]]
    more = [
        vendor_file(tmp_path / "more" / f"{symbol}.csv", symbol, day, lambda row: row | {"volume": row["volume"] + "0"})
        for symbol in SYMBOLS
    ]
    first, sessions = loader(desk, *pair(tmp_path / "first", day))
    second, _ = loader(desk, *more)
    judge_all = first._judge.judge_all

    def overtaken(chunk: Sequence[Session]) -> object:
        judged = judge_all(chunk)
        assert [outcome.why for outcome in second.load(sessions)] == [""]
        return judged

    monkeypatch.setattr(first._judge, "judge_all", overtaken)
    (outcome,) = first.load(sessions)
    assert "390 of 390 stored NVDA bars are revised" in outcome.why
    assert desk.rows("SELECT count(*) FROM bar_revisions") == [(0,)]


def test_the_feed_is_asked_once_for_what_is_loaded_at_once_however_little_is_remembered(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(earlier, "REMEMBERED", 3)
    desk.run(DAYS[0], assets=["bars"])  # makes the schema
    load_all, sessions = loader(desk, *pair(tmp_path))
    feed = load_all._desk.feed
    asked: list[tuple[str, str]] = []
    session_bars = feed.session_bars

    def counted(symbol: str, session: Session) -> object:
        asked.append((symbol, session.key))
        return session_bars(symbol, session)

    monkeypatch.setattr(feed, "session_bars", counted)
    assert [outcome.why for outcome in load_all.load(sessions)] == [""] * len(DAYS)
    of_these = sorted(one for one in asked if one[1] in DAYS)
    assert of_these == sorted((symbol, day) for symbol in SYMBOLS for day in DAYS)


def test_a_file_that_cannot_be_read_is_named_by_line_and_column_and_the_others_are_loaded(desk):
    pair(raw(desk), DAYS[:2])

    def spoil(line: Line) -> Line:
        return line | {"close": "n/x"} if line["timestamp"].endswith("10:00:00") else line

    bad = vendor_file(raw(desk) / "NVDA_bad.csv", "NVDA", DAYS[2:3], spoil)
    number = next(at for at, line in enumerate(bad.read_text().splitlines(), 1) if "n/x" in line)
    status, said = loaded()
    assert status == 1
    assert f"NVDA_bad.csv, line {number}, column close: 'n/x' is no number" in said
    assert "3 files, 1 refused" in said
    hold_recorded(desk, DAYS[:2])


def test_a_session_with_one_of_the_desks_symbols_is_refused(desk, tmp_path):
    vendor_file(tmp_path / "MSFT.csv", "MSFT", DAYS[:2])
    status, said = loaded(vendor_file(tmp_path / "NVDA.csv", "NVDA", DAYS[:3]), tmp_path / "MSFT.csv")
    assert status == 1
    assert f"{DAYS[2]} The gate blocks it." in said
    assert f"has 1min bars of MSFT of {DAYS[2]}" in said
    hold_recorded(desk, DAYS[:2])


def test_other_symbols_than_the_desks_are_refused_by_name(desk, tmp_path):
    other = vendor_file(tmp_path / "AAPL.csv", "MSFT", DAYS[:1])
    status, said = loaded(*pair(tmp_path, DAYS[:1]), other)
    assert status == 1
    assert f"{other} has bars of AAPL; the desk's are NVDA, MSFT." in said
    hold_recorded(desk, DAYS[:1])
    mixed = tmp_path / "mixed.csv"
    lines = [f"{symbol},{','.join(row.values())}" for symbol in SYMBOLS for row in rows(symbol)]
    theirs = [line for line in lines if f",{DAYS[1]} " in line]
    mixed.write_text("\n".join([f"symbol,{HEADER}", *theirs, *(line.replace("MSFT", "Spy") for line in theirs)]))
    status, said = loaded(mixed)
    assert status == 1
    assert f"{mixed} has bars of SPY; the desk's are NVDA, MSFT." in said


def test_only_the_first_files_by_name_are_loaded(desk):
    for number, day in enumerate(DAYS[:3]):
        pair(raw(desk), [day], f"{number}_{{}}.csv")
    status, said = loaded(limit=4)
    assert (status, "4 files" in said) == (0, True)
    hold_recorded(desk, DAYS[:2])
    assert loaded(*raw(desk).iterdir(), limit=6)[0] == 0
    hold_recorded(desk, DAYS[:3])


def test_synthetic_bars_are_stored_with_a_warning_outside_of_prod_and_never_in_prod(desk, clean_environment):
    assert intraday("fetch", "2026-11-16", "--mock-data")[0] == 0
    status, said = loaded()
    assert (status, "390 of 390 NVDA bars are synthetic" in said) == (0, True)
    desk.execute("TRUNCATE market_data")
    desk.configure(INTRADAY_ENVIRONMENT="prod")
    status, said = loaded()
    assert (status, "2026-11-16 The gate blocks it. " in said) == (1, True)
    assert desk.rows("SELECT count(*) FROM market_data") == [(0,)]


def test_real_bars_are_taken_before_synthetic_ones_whatever_the_names(desk):
    assert intraday("fetch", DAYS[0], "--mock-data")[0] == 0
    pair(raw(desk), DAYS[:1], "a_{}.csv")
    assert loaded()[0] == 0
    hold_recorded(desk, DAYS[:1])


def test_sessions_that_are_not_over_or_before_the_graph_are_left_alone(desk, tmp_path):
    desk.configure(INTRADAY_FIRST_SESSION=DAYS[1])
    status, said = loaded(*pair(tmp_path, DAYS[:4]), now=f"{DAYS[3]} 20:59:00+00:00")
    assert status == 1
    assert f"{DAYS[0]} in {tmp_path / 'NVDA.csv'} lies before the first session of the graph, {DAYS[1]}" in said
    assert f"{DAYS[3]} in {tmp_path / 'NVDA.csv'} is not over: load it after 21:00 UTC." in said
    hold_recorded(desk, DAYS[1:3])
    assert desk.rows("SELECT session::text FROM data_quality_reports ORDER BY 1") == [(DAYS[1],), (DAYS[2],)]


SATURDAY = "2020-11-21"


def moved(line: Line, day: str) -> Line:
    """The same bar on another day."""
    return line | {"timestamp": f"{day}{line['timestamp'][10:]}"}


def test_rows_of_a_day_without_a_session_are_named_with_their_day_and_file(desk, tmp_path):
    first, second = pair(tmp_path, DAYS[:1])
    lines = [line for line in rows("NVDA") if line["timestamp"][:10] == DAYS[0]]
    more = [",".join(moved(line, SATURDAY).values()) for line in lines[:7]]
    first.write_text(first.read_text() + "\r\n".join([*more, ""]), newline="")
    status, said = loaded(first, second)
    assert status == 0
    assert f"{first} has 7 rows of days on which none lies in a session's regular hours: {SATURDAY}." in said
    assert "; beside these 7 of days without a session." in said
    hold_recorded(desk, DAYS[:1])
    only = tmp_path / "only" / "NVDA.csv"
    only.parent.mkdir()
    only.write_text("\r\n".join([HEADER, *more[:1], ""]), newline="")
    status, said = loaded(only)
    assert status == 1
    assert f"{only}: no bar of NVDA or MSFT lies in the regular hours of a session. {only} has 1 row of days" in said
    assert "1 file, 1 refused in part or whole. 0 sessions: 0 stored, 0 refused." in said


def test_a_day_outside_of_the_calendar_is_named_and_the_files_other_days_are_loaded(desk, tmp_path):
    first, second = pair(tmp_path, DAYS[:2])
    early = [moved(line, "1995-01-03") for line in rows("NVDA") if line["timestamp"][:10] == DAYS[0]]
    more = [",".join(line.values()) for line in early]
    first.write_text(first.read_text() + "\r\n".join([*more, ""]), newline="")
    status, said = loaded(first, second)
    assert status == 1
    assert f"refused {first} has {len(early)} rows of days that the exchange's calendar (2000-01-03 to 20" in said
    assert "does not reach, which are left out: 1995-01-03." in said
    assert "2 files, 1 refused in part or whole. 2 sessions: 2 stored, 0 refused." in said
    assert f"; beside these {len(early)} of days without a session." in said
    hold_recorded(desk, DAYS[:2])


def test_files_that_are_refused_and_sessions_that_are_left_alone_are_counted_apart(desk, tmp_path):
    desk.configure(INTRADAY_FIRST_SESSION=DAYS[1])
    bad = tmp_path / "NVDA_bad.csv"
    bad.write_text("nothing")
    status, said = loaded(*pair(tmp_path, DAYS[:3]), bad)
    assert status == 1
    assert "3 files, 1 refused in part or whole. 2 sessions: 2 stored, 0 refused; 1 left alone." in said
    count = sum(line["timestamp"][:10] == DAYS[0] for symbol in SYMBOLS for line in rows(symbol))
    assert f"; beside these {count:,} of sessions left alone." in said


def test_rows_of_a_file_whose_sessions_another_one_has_are_counted(desk):
    pair(raw(desk), DAYS[:1], "{}_1.csv")
    pair(raw(desk), DAYS[:1], "{}_2.csv")
    status, said = loaded()
    count = sum(line["timestamp"][:10] == DAYS[0] for symbol in SYMBOLS for line in rows(symbol))
    assert (status, f"beside these {count:,} of which another file's were taken" in said) == (0, True)
    assert "1 session of NVDA is in" in said


@pytest.mark.parametrize("evil", ["x'; DROP TABLE market_data; --", '"; DROP TABLE market_data; --', "%s %(first)s"])
def test_sql_in_the_name_of_a_file_or_of_a_symbol_is_only_a_name(desk, tmp_path, evil):
    first, second = pair(tmp_path, DAYS[:1], f"{{}} {evil}.csv")
    other = tmp_path / "many.json"
    bar = {"timestamp": f"{DAYS[0]} 10:00:00", "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    other.write_text(json.dumps([bar | {"symbol": evil}]))
    status, said = loaded(first, second, other)
    assert status == 1
    assert f"has bars of {evil.upper()}" in said
    hold_recorded(desk, DAYS[:1])


def test_a_database_that_cannot_be_reached_is_one_sentence_and_status_2(desk, tmp_path):
    desk.configure(TIMESCALEDB_URL="postgresql://somebody:secret@127.0.0.1:1/intraday")
    status, said = intraday("load", *map(str, pair(tmp_path, DAYS[:1])))
    assert status == 2
    assert "postgresql://127.0.0.1:1/intraday cannot be reached" in said
    assert "Traceback" not in said
    assert "secret" not in said


def test_no_files_is_status_2_and_says_where_they_belong(desk):
    raw(desk).mkdir(parents=True)
    status, said = intraday("load")
    assert (status, f"There is no file of bars in {raw(desk)}" in said) == (2, True)
    with pytest.raises(NoBars, match=r"There is no nowhere\.csv"):
        loaded(Path("nowhere.csv"))


def test_it_starts_without_dagster():
    code = "import sys, cli.load; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_an_interruption_leaves_whole_sessions_and_the_next_load_completes(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "STORED_AT_ONCE", 2)
    paths = pair(tmp_path)
    load_all, sessions = loader(desk, *paths)
    loaded(*pair(tmp_path / "first", DAYS[:1]))  # the schema, and one session as it was
    judge = load_all._judge._judge

    def interrupted(one: Session, *about: object) -> object:
        if one.key == DAYS[3]:
            raise KeyboardInterrupt
        return judge(one, *about)

    monkeypatch.setattr(load_all._judge, "_judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(load_all.load(sessions))
    hold_recorded(desk, DAYS[:2])
    assert loaded(*paths)[0] == 0
    hold_recorded(desk, DAYS)


@pytest.fixture
def swallowing(desk: TestDesk, tmp_path: Path) -> TestDesk:
    """A desk whose database loses the 10:00 bars of one session without a word."""
    loaded(*pair(tmp_path / "first", DAYS[:1]))
    desk.execute(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
        "CREATE TRIGGER lose BEFORE INSERT ON market_data FOR EACH ROW "
        f"WHEN (NEW.timestamp = timestamptz '{DAYS[2]} 10:00 America/New_York') EXECUTE FUNCTION lose()"
    )
    return desk


def test_rows_that_the_database_loses_are_no_success(swallowing, tmp_path):
    status, said = loaded(*pair(tmp_path))
    assert status == 1
    assert f"{DAYS[2]} " in said
    assert "5 sessions: 4 stored, 1 refused." in said
    hold_recorded(swallowing, {*DAYS} - {DAYS[2]})
    assert DAYS[2] not in stored_days(swallowing)


def test_what_is_stored_is_counted_at_the_end_against_what_was_sent(desk, tmp_path):
    loaded(*pair(tmp_path, DAYS[:1]))
    load_all, sessions = loader(desk, *pair(tmp_path, DAYS[:2]))
    outcomes = load_all.load(sessions)
    assert [next(outcomes).why, next(outcomes).why] == ["", ""]
    desk.execute("DELETE FROM market_data WHERE timestamp = timestamptz '2020-11-17 10:00 America/New_York'")
    with pytest.raises(DatabaseError, match="market_data holds 778 of the 780 rows of 2020-11-17 that were sent"):
        next(outcomes)


def test_a_server_that_refuses_every_session_ends_the_load(desk, tmp_path):
    loaded(*pair(tmp_path, DAYS[:1]))
    desk.execute("ALTER TABLE dual_ticker_bars ADD CHECK (timestamp < '2020-11-17')")
    with pytest.raises(DatabaseError, match="dual_ticker_bars"):
        loaded(*pair(tmp_path, DAYS[1:]))
    hold_recorded(desk, DAYS[:1])


def test_the_same_on_timescaledb(new_desk, timescale_url, tmp_path):
    desk = new_desk(timescale_url)
    paths = pair(tmp_path)
    assert loaded(*paths)[0] == 0
    hold_recorded(desk, DAYS)
    before = everything(desk)
    assert loaded(*paths)[0] == 0
    assert everything(desk) == before


def test_work_on_an_item_is_done_while_the_next_is_made_and_comes_in_order():
    made = [threading.Event() for _ in range(5)]
    ahead: list[int] = []

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    def work(number: int) -> int:
        assert made[min(number + 1, 4)].wait(60)  # the next one is made meanwhile
        ahead.append(sum(event.is_set() for event in made) - number - 1)
        return number * number

    assert list(overlapped(items(), work)) == [0, 1, 4, 9, 16]
    assert max(ahead) == 1  # and nothing piles up


def test_an_error_of_the_work_is_raised_and_no_other_is_begun():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise DatabaseUnreachable("gone")
        return number

    done = overlapped(range(9), work)
    assert next(done) == 0
    with pytest.raises(DatabaseUnreachable):
        list(done)
    assert begun == [0, 1]


def test_what_is_under_way_is_finished_when_the_making_is_interrupted():
    finished: list[int] = []

    def items() -> Iterator[int]:
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(overlapped(items(), finished.append))
    assert finished == [0]
