"""The gate's verdict on every recorded session, against a file that a person has read, and against what is known of the
recordings from counting their rows."""

from functools import cache

import pytest

from schemas.quality import Finding, QualityReport, Verdict
from tests.support import verdicts
from tests.support.verdicts import ABSENT, RECORDINGS, Recording

EACH = pytest.mark.parametrize(
    "recording", RECORDINGS, ids=lambda one: f"{one.name}-{'-'.join(one.symbols)}-{one.bar_size}"
)


@cache
def reports(recording: Recording) -> dict[str, QualityReport | None]:
    return dict(verdicts.reports(recording))


def recorded(name: str, symbols: str, bar_size: str = "1min") -> dict[str, QualityReport | None]:
    (found,) = [
        one for one in RECORDINGS if (one.name, " ".join(one.symbols), one.bar_size.value) == (name, symbols, bar_size)
    ]
    return reports(found)


def found_by(rule: str, report: QualityReport | None, symbol: str) -> list[Finding]:
    assert report is not None
    return [finding for finding in report.findings if (finding.rule, finding.symbol) == (rule, symbol)]


def missing(report: QualityReport | None) -> dict[str, int]:
    assert report is not None
    return report.missing


@EACH
def test_every_recorded_session_is_judged_as_written_down(recording):
    judged = [
        (row.session, row.verdict, row.fired, row.missing)
        for day, report in reports(recording).items()
        for row in [verdicts.row(recording, day, report)]
    ]
    about = (recording.name, " ".join(recording.symbols), recording.bar_size.value)
    written = [
        (row.session, row.verdict, row.fired, row.missing)
        for row in verdicts.answers()
        if (row.recording, row.symbols, row.bar_size) == about
    ]
    assert judged == written


def test_whatever_did_not_pass_is_explained():
    rows = verdicts.answers()
    assert len({row.key for row in rows}) == len(rows) > 600
    assert [row.key for row in rows if row.verdict != "PASS" and len(row.explained) < 20] == []
    assert {row.verdict for row in rows} <= {"PASS", "WARN", "FAIL", ABSENT}  # no rule crashes on what was recorded


# What is known of the recordings, counted in their files


def test_the_alpha_vantage_pair_lacks_one_minute_in_52_sessions():
    sessions = recorded("alpha_vantage_2020", "NVDA MSFT")
    assert len(sessions) == 52
    lacking = {day: missing(report) for day, report in sessions.items() if any(missing(report).values())}
    assert lacking == {"2020-12-29": {"NVDA": 1, "MSFT": 0}}
    assert {report.verdict for report in sessions.values() if report} == {Verdict.PASS}


def test_the_half_days_end_at_one():
    sessions = recorded("alpha_vantage_2020", "NVDA MSFT")
    for day in ("2020-11-27", "2020-12-24"):
        report = sessions[day]
        assert report is not None
        assert report.bars_in == {"NVDA": 210, "MSFT": 210}
        assert [finding.verdict for finding in found_by("outside_session", report, "NVDA")] == [Verdict.PASS]


def test_two_minutes_of_february_2019_are_named():
    """The vendor labels ends: 14:32 and 14:37 are the bars that begin a minute earlier."""
    report = recorded("alpha_vantage_2019", "MSFT")["2019-02-14"]
    (finding,) = found_by("missing_ratio", report, "MSFT")
    assert finding.held_against == ("2019-02-14T19:31:00+00:00", "2019-02-14T19:36:00+00:00")
    assert finding.verdict is Verdict.WARN


@pytest.mark.parametrize(("symbol", "absent", "evening"), [("NVDA", 29, 30), ("MSFT", 24, 25)])
def test_td_ameritrade_at_thanksgiving(symbol, absent, evening):
    sessions = recorded("td_ameritrade_2022", symbol, "5min")
    assert missing(sessions["2022-11-23"]) == {symbol: absent}
    half = sessions["2022-11-25"]
    assert half is not None
    assert half.bars_in == {symbol: 42}
    (cut,) = found_by("outside_session", half, symbol)
    assert cut.message.startswith(f"{evening} {symbol} bars of extended hours were cut, 0 lie outside the half day")


@pytest.mark.parametrize(
    ("symbol", "repeated", "days"),
    [
        ("NVDA", 503, "2022-11-22 2022-12-22 2022-12-29 2023-01-12 2023-02-16 2023-04-05"),
        ("MSFT", 269, "2022-11-22 2022-12-22 2022-12-29"),
    ],
)
def test_td_ameritrade_repeats_itself(symbol, repeated, days):
    sessions = recorded("td_ameritrade_2022", symbol, "5min")
    counts = {
        day: finding.measured or 0.0
        for day, report in sessions.items()
        if report is not None
        for finding in found_by("duplicates", report, symbol)
        if finding.measured
    }
    blocked = {
        day for day in counts if any(f.verdict is Verdict.FAIL for f in found_by("duplicates", sessions[day], symbol))
    }
    assert blocked == set(days.split())
    assert sum(counts.values()) == repeated


def test_td_ameritrade_has_no_10th_of_february():
    sessions = recorded("td_ameritrade_2022", "NVDA", "5min")
    assert [day for day, report in sessions.items() if report is None] == ["2023-02-10"]


def test_yahoo_in_august_2024():
    sessions = recorded("yahoo_2024", "NVDA MSFT")
    lacking = {day: missing(report) for day, report in sessions.items() if any(missing(report).values())}
    assert lacking == {"2024-08-27": {"NVDA": 1, "MSFT": 1}}
    assert all(not any(missing(report).values()) for report in recorded("yahoo_2024", "NVDA MSFT", "5min").values())


def test_yahoo_in_may_2022_begins_and_ends_at_noon():
    sessions = recorded("yahoo_2022", "MSFT")
    assert "2022-05-30" not in sessions
    lacking = {day: missing(report)["MSFT"] for day, report in sessions.items() if missing(report)["MSFT"]}
    assert lacking == {"2022-05-18": 150, "2022-06-15": 210}  # 09:30 to 11:59; 12:30 to 15:59


def test_yahoo_in_may_2026():
    sessions = recorded("yahoo_2026", "NVDA MSFT", "5min")
    assert len(sessions) == 21
    assert all(report is not None and not any(report.missing.values()) for report in sessions.values())
    last = sessions["2026-05-29"]
    (stub,) = found_by("outside_session", last, "NVDA")
    assert stub.message.startswith("1 NVDA bars of extended hours were cut, 0 lie outside")


@pytest.mark.parametrize(
    ("name", "symbols", "bar_size", "counted"),
    [  # those within the session: at 16:00 of 2026-05-29 each symbol has a stub of volume 0 too
        ("yahoo_2022", "MSFT", "1min", {"MSFT": 12}),
        ("yahoo_2026", "NVDA MSFT", "5min", {"NVDA": 14, "MSFT": 5}),
    ],
)
def test_yahoos_bars_without_volume_are_found(name, symbols, bar_size, counted):
    found = dict.fromkeys(counted, 0)
    for report in recorded(name, symbols, bar_size).values():
        for symbol in counted:
            found[symbol] += sum(len(finding.held_against) for finding in found_by("zero_volume", report, symbol))
    assert found == counted
