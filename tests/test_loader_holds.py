"""The loader stores nothing on a failed, missing, stale or forged report, whichever way it is reached.

Every way meets the same session: 45 minutes of NVDA are missing, its bars and frame are landed, and the gate's newest
judgement of them is FAIL. What the tests put in the place of the landed report differs.
"""

import io
import json
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from cli.gate_accept import accept
from cli.instance_home import sqlalchemy_url
from cli.run import run
from market.sessions import BarSize, session
from resources.database.judgement import hold_newest
from resources.database.report_store import ReportStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.database.session_store import TURN_CLASS, SessionStore
from resources.errors import Blocked, NotJudged, NotLanded, OtherJudgement
from resources.landing import LandingZone
from schemas.quality import QualityReport
from simulators.alpha_vantage import AlphaVantageSimulator
from tests.support.backfill import backfilled
from tests.support.desk import TestDesk, failure

DAY = "2020-11-24"
GAP = f"drop:NVDA:{DAY}:10:00-10:44"
SHELF = "staging/1min/NVDA-MSFT"
SYMBOLS = ("NVDA", "MSFT")
LOADERS = ["market_data", "dual_ticker_bars"]
LENIENT = {"INTRADAY_QUALITY__MISSING_RATIO__FAIL": "0.5", "INTRADAY_QUALITY__LONGEST_GAP__FAIL": "9999"}
SAID = {
    "failed": "NVDA misses 45 of 390 bars",
    "missing": "No quality_reports of 2020-11-24 have been made yet",
    "stale": "The report of 2020-11-24 (WARN) is an older one; the newest that is kept says FAIL",
    "forged": "The report of 2020-11-24 (PASS) is none that the gate made; the newest that is kept says FAIL",
    "verdict alone forged": "its verdict is PASS, its findings amount to FAIL",
    "cut": "The landed report of 2020-11-24 (staging/1min/NVDA-MSFT) cannot be used",
    "of version 1": "it is of version 1, not 2",
}
"""By what is wrong with the landed report, what a person is told of it."""
FOUR = ("failed", "missing", "stale", "forged")


@pytest.fixture
def judged(desk: TestDesk) -> TestDesk:
    """A desk whose gate passed the session, with lenient thresholds, and then failed the same bars and frame."""
    with pytest.MonkeyPatch.context() as lenient:
        for name, value in LENIENT.items():
            lenient.setenv(name, value)
        assert desk.run(DAY, faults=[GAP], assets=["bars", "frames", "quality_reports"]).success
    older = landed(desk).read_text()
    assert not desk.run(DAY, faults=[GAP], assets=["quality_reports"]).success
    newest = landed(desk).read_text()
    desk.reports = {  # type: ignore[attr-defined]
        "failed": newest,
        "missing": None,
        "stale": older,
        "forged": forged(newest),
        "verdict alone forged": newest.replace(
            '"verdict": "FAIL",\n  "action": "BLOCK"', '"verdict": "PASS",\n  "action": "CONTINUE"'
        ),
        "cut": newest[: len(newest) // 2],
        "of version 1": older.replace('"version": 2', '"version": 1'),
    }
    return desk


def landed(desk: TestDesk) -> Path:
    """Where the session's report is landed."""
    return desk.home / "landing" / "quality_reports" / SHELF / DAY / "qc_report.json"


def forged(text: str) -> str:
    """A report edited until it says PASS throughout, of the same bars and frame."""
    content = json.loads(text)
    for finding in content["findings"]:
        finding["verdict"] = "PASS"
    return json.dumps({**content, "verdict": "PASS", "action": "CONTINUE"})


def put(desk: TestDesk, wrong: str) -> None:
    """Put a report in the place of the landed one."""
    text = desk.reports[wrong]  # type: ignore[attr-defined]
    landed(desk).unlink(missing_ok=True)
    if text is not None:
        landed(desk).write_text(text)


def stored(desk: TestDesk) -> list[tuple[object, ...]]:
    """How many rows the two hypertables hold."""
    return desk.rows("SELECT (SELECT count(*) FROM market_data), (SELECT count(*) FROM dual_ticker_bars)")


def test_the_loader_assets_alone_as_one_session_and_as_a_range(judged):
    for wrong, said in SAID.items():
        put(judged, wrong)
        for last in (None, "2020-11-25"):
            result = judged.run(DAY, last, assets=LOADERS)
            assert (wrong, result.success) == (wrong, False)
            assert said in failure(result)
            assert "A retry would not help." in failure(result) or wrong == "failed"
        assert (wrong, stored(judged)) == (wrong, [(0, 0)])


def test_a_backfill_by_dagsters_daemon(judged):
    for wrong in FOUR:
        put(judged, wrong)
        ((status, logged),) = backfilled([DAY, "2020-11-25"], LOADERS)
        assert (wrong, status, SAID[wrong] in logged) == (wrong, dg.DagsterRunStatus.FAILURE, True)
        assert (wrong, stored(judged)) == (wrong, [(0, 0)])


def test_a_run_of_everything_but_the_gate(judged):
    """Bars and frames are made, the gate is left out, and the landed report is about just these bars and this frame."""
    for wrong in FOUR:
        put(judged, wrong)
        result = judged.run(DAY, faults=[GAP], assets=["bars", "frames", *LOADERS, "eod_summaries"])
        assert SAID[wrong] in failure(result)
        assert (wrong, stored(judged)) == (wrong, [(0, 0)])
    assert "PASS" not in str(judged.rows("SELECT DISTINCT verdict FROM eod_summaries"))


def test_the_commands(judged):
    """`intraday run` judges again whatever report lies there; `intraday gate accept` takes no one's word for it."""
    judged.configure(INTRADAY_DAGSTER_URL=sqlalchemy_url(judged.url), DAGSTER_HOME=str(judged.home / "dagster"))
    printed = Console(file=io.StringIO(), width=300)
    for wrong, refused in {"missing": NotLanded, "stale": OtherJudgement, "forged": OtherJudgement}.items():
        put(judged, wrong)
        with pytest.raises(refused):
            accept(DAY, "it looks well", "the risk desk", printed)
    assert judged.rows("SELECT count(*) FROM gate_acceptances") == [(0,)]
    put(judged, "forged")
    with AlphaVantageSimulator(faults=[GAP]) as simulator:
        judged.configure(INTRADAY_ALPHA_VANTAGE__BASE_URL=simulator.url)
        assert run(DAY, DAY, printed, refresh=False) == 1
    assert SAID["failed"] in printed.file.getvalue()
    assert stored(judged) == [(0, 0)]


def test_the_session_store_holds_each_report_against_those_that_are_kept(judged):
    """Called as a program of one's own would call it, with the very bars and frame that were judged."""
    zone, day, server = LandingZone(str(judged.home / "landing")), session(DAY), DatabaseServer(judged.url)
    bars, frame = (zone.read_table(name, SHELF, DAY) for name in ("bars", "frames"))
    store = SessionStore(server, "staging", BarSize.ONE_MINUTE, SYMBOLS)
    for wrong, refused in {"failed": Blocked, "stale": OtherJudgement, "forged": OtherJudgement}.items():
        report = QualityReport.model_validate_json(judged.reports[wrong])
        with pytest.raises(refused):
            store.replace(day, report, bars, frame)
        if refused is OtherJudgement:  # a summary would tell of a verdict that nobody gave
            with pytest.raises(refused):
                ReportStore(server).summarise_all([(day, report)], BarSize.ONE_MINUTE)
    stale = QualityReport.model_validate_json(judged.reports["stale"])
    judged.execute("DELETE FROM data_quality_reports")  # another database, to which nobody brought the judgements
    with pytest.raises(NotJudged, match="No judgement of 2020-11-24 is kept in the database"):
        store.replace(day, stale, bars, frame)
    assert stored(judged) == [(0, 0)]
    ReportStore(server).keep_reports([stale])
    assert {name: change.added for name, change in store.replace(day, stale, bars, frame).items()} == {
        "market_data": 735, "dual_ticker_bars": 780,
    }  # fmt: skip


def test_of_many_reports_each_is_held(postgres_url):
    """Held in one go, and the one that is none of the gate's is named, wherever it stands."""
    server, days = DatabaseServer(postgres_url), [session(f"2020-11-{day}") for day in (23, 24, 25)]
    migrate(server)
    reports = [
        QualityReport(
            session=day.key, environment="staging", bar_size="1min", symbols=SYMBOLS, bars_in={}, missing={},
            findings=(), fingerprints={"bars/NVDA": "it's \\ \"quoted\""},
        )
        for day in days
    ]  # fmt: skip
    kept = ReportStore(server)
    assert kept.keep_reports(reports) == 3
    judged = list(zip(days, reports, strict=True))
    for place, (day, report) in enumerate(judged):
        edited = [*judged[:place], (day, report.model_copy(update={"missing": {"NVDA": 1}})), *judged[place + 1 :]]
        elsewhere = [(day, report.model_copy(update={"environment": "prod"})), *judged]
        with server.connect() as connection:
            hold_newest(connection, judged)
            with pytest.raises(OtherJudgement, match=f"The report of {day.key} .* is none that the gate made"):
                hold_newest(connection, edited)
            with pytest.raises(NotJudged, match=f"No judgement of {day.key} is kept in the database .prod, 1min"):
                hold_newest(connection, elsewhere)
    assert kept.keep_reports([reports[1].model_copy(update={"missing": {"NVDA": 1}})])
    with server.connect() as connection, pytest.raises(OtherJudgement, match=r"of 2020-11-24 .* is an older one"):
        hold_newest(connection, judged)


def test_one_run_at_a_time_judges_a_session(postgres_url):
    server, day = DatabaseServer(postgres_url), session(DAY)
    store = SessionStore(server, "staging", BarSize.ONE_MINUTE, SYMBOLS)
    with store.turn(day), server.connect() as another:
        mine, other = (
            another.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [TURN_CLASS, one.day.toordinal()]).fetchone()
            for one in (day, session("2020-11-25"))
        )
    assert (mine, other) == ((False,), (True,))


def test_reports_of_version_1_are_still_shown(postgres_url):
    """As the database keeps them from before; none of them is landed under the name that the loader reads."""
    server, day = DatabaseServer(postgres_url), session(DAY)
    migrate(server)
    finding = {"rule": "missing_ratio", "family": "completeness", "symbol": "NVDA", "verdict": "FAIL",
               "measured": 0.115, "warn": 0.01, "fail": 0.02, "message": "NVDA misses 45 of 390 bars.",
               "held_against": []}  # fmt: skip
    report = {"version": 1, "session": DAY, "environment": "staging", "bar_size": "1min", "symbols": list(SYMBOLS),
              "bars_in": {"NVDA": 345, "MSFT": 390}, "missing": {"NVDA": 45, "MSFT": 0}, "findings": [finding],
              "fingerprints": {"bars": "1", "frame": "2"}}  # fmt: skip
    with server.connect() as connection:
        connection.execute(
            'INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report) '
            "VALUES (%s, %s, 'staging', '1min', 'FAIL', 'BLOCK', %s)", [day.open, DAY, json.dumps(report)],
        )  # fmt: skip
    (row,) = ReportStore(server).session_rows([day], "staging", BarSize.ONE_MINUTE, SYMBOLS)
    assert (row.verdict, row.blocked, row.bars_in, row.missing["NVDA"], row.reasons, row.accepted) == (
        "FAIL", True, 735, 45, ("NVDA misses 45 of 390 bars.",), None,
    )  # fmt: skip
