"""How days ended, as the asset graph keeps and shows it: recorded sessions through the main job."""

from datetime import date

import dagster as dg
import pandas as pd
import psycopg
import pytest

from market.sessions import BarSize, session, sessions_between
from resources import end_of_day
from resources.database.server import DatabaseServer
from resources.end_of_day import DayEnds
from resources.settings import load_settings
from schemas.end_of_day import EodReport
from schemas.quality import Verdict
from tests.support.desk import events
from tests.support.stored import bar, put_bars

WEEK = ("2020-11-23", "2020-11-27")
GAP = "drop:NVDA:2020-11-24:10:00-10:44"
HALF, ONE = "2020-11-27", BarSize.ONE_MINUTE
CHECK = dg.AssetCheckKey(dg.AssetKey("eod_summaries"), "end_of_day")


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {str(one.partition): one for one in result.get_asset_check_evaluations() if one.asset_check_key == CHECK}


def kept(desk) -> dict[str, EodReport]:
    rows = desk.rows("SELECT session::text, report FROM eod_reports ORDER BY created_at")
    return {str(day): EodReport.model_validate(report) for day, report in rows}


def verdicts(report: EodReport) -> dict[str, Verdict | None]:
    return {one.name.value: one.verdict for one in report.checks if one.of in (None, "NVDA", "home", "SIMULATED")}


def test_each_session_of_a_run_is_judged_kept_and_shown(desk):
    result = desk.run(*WEEK, faults=[GAP])
    # One of two judged sessions passed, two of three, three of four: below 80 %.
    found = kept(desk)
    assert {day: report.verdict for day, report in found.items()} == {
        "2020-11-23": Verdict.PASS,
        "2020-11-24": Verdict.FAIL,
        "2020-11-25": Verdict.FAIL,
        "2020-11-27": Verdict.FAIL,
    }
    unseen = dict.fromkeys(("disk", "file_integrity", "backups", "reconciliation"))
    assert verdicts(found["2020-11-27"]) == unseen | {
        "completeness": Verdict.PASS, "gate_history": Verdict.FAIL, "freshness": Verdict.PASS, "errors": Verdict.PASS,
    }  # fmt: skip
    assert verdicts(found["2020-11-24"])["completeness"] is Verdict.FAIL
    assert [one.value for one in found["2020-11-27"].checks if one.name == "gate_history"] == [0.75]
    asked = checks(result)
    assert {day: (one.passed, one.severity) for day, one in asked.items()} == {
        day: (day == "2020-11-23", dg.AssetCheckSeverity.WARN) for day in found
    }


def test_the_ui_shows_the_checks_and_what_to_do(desk):
    result = desk.run("2020-11-24", faults=[GAP])
    shown = events(result, "eod_summaries")["2020-11-24"].metadata
    assert shown["verdict"].value == "FAIL"
    rows = str(shown["checks"].value).splitlines()
    assert rows[0] == "| verdict | check | of | measured | good | found |"
    assert rows[2].startswith(
        "| FAIL | completeness | NVDA | 0.0 % | at least 95.0 % | 0 of 390 bars of NVDA are stored"
    )
    assert {row.count("|") for row in rows} == {7}
    advice = str(shown["recommendations"].value)
    assert "NVDA lacks 10:00 to 10:44 New York (15:00 to 15:44 UTC)." in advice
    assert "`intraday run 2020-11-24 --refresh`" in advice
    assert EodReport.model_validate(shown["end of day"].value).session == "2020-11-24"
    assert shown["dagster/partition_row_count"].value == 2
    (message,) = [one.metadata["message"].value for one in checks(result).values()]
    assert str(message).startswith("FAIL: 0 of 390 bars of NVDA are stored")


def test_a_day_that_is_mended_ends_well(desk):
    desk.run("2020-11-24", faults=[GAP])
    result = desk.run("2020-11-24", refresh=True)
    assert checks(result)["2020-11-24"].passed
    said = desk.rows("SELECT verdict FROM eod_reports ORDER BY created_at")
    assert said == [("FAIL",), ("PASS",)]
    assert "recommendations" not in events(result, "eod_summaries")["2020-11-24"].metadata


def test_a_month_takes_hardly_more_statements_than_a_session(desk, monkeypatch):
    """All sessions are looked at together; and nothing of today is touched for those of long ago."""
    put_bars(
        desk.url, [bar(at.isoformat(), symbol) for at in session(HALF).minutes(ONE) for symbol in ("NVDA", "MSFT")]
    )
    for name in ("verified", "backups_in", "books"):
        monkeypatch.setattr(end_of_day, name, lambda *_: pytest.fail("it is of today"))
    execute, asked = psycopg.Cursor.execute, [0]

    def counting(self, *arguments, **named):
        asked[0] += 1
        return execute(self, *arguments, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    counts = []
    for first in (27, 2):
        sessions = sessions_between(date(2020, 11, first), date(2020, 11, 27))
        ends = DayEnds(load_settings(), lambda: DatabaseServer(desk.url), lambda: pd.Timestamp("2020-12-05 12:00Z"))
        asked[0] = 0
        assert len(ends.reports(sessions)) == len(sessions)
        counts.append(asked[0])
    assert counts[1] - counts[0] <= 2  # where in a month bars are missing is asked once more
