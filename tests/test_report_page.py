"""The report as a web page: what a person without our code, our network or our eyes can read from it."""

import asyncio
import base64
import hashlib
from itertools import pairwise

import pytest

from intraday_assets.report_page import at_least, gauge, report_page
from schemas.quality import Acceptance, Attempt, Finding, QualityReport, Span, Verdict
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.html import Page
from tests.support.served_page import served

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>\"'&"


def finding(rule: str, verdict: str, measured: float | None, message: str, **more: object) -> Finding:
    family = more.pop("family", "completeness")
    return Finding(rule=rule, family=family, verdict=Verdict(verdict), measured=measured, message=message, **more)


def gap(verdict: str = "FAIL", message: str = "NVDA misses 47 of 390 bars.") -> Finding:
    """NVDA without 10:00 to 10:44, 11:30 and 15:59 of 24 November 2020 in New York, which is 5 h behind UTC."""
    missing = [f"2020-11-24T15:{minute:02}:00+00:00" for minute in range(45)]
    missing += ["2020-11-24T16:30:00+00:00", "2020-11-24T20:59:00+00:00"]
    spans = [Span(first=missing[0], last=missing[44], bars=45)] + [Span(first=s, last=s, bars=1) for s in missing[45:]]
    return finding(
        "missing_ratio", verdict, 47 / 390, message, symbol="NVDA", warn=0.005, fail=0.01, held_against=missing,
        spans=spans,
    )  # fmt: skip


def report(*findings: Finding, session: str = "2020-11-24", **more: object) -> QualityReport:
    return QualityReport(
        session=session, environment="prod", bar_size="1min", symbols=("NVDA", "MSFT"),
        bars_in={"NVDA": 343, "MSFT": 390}, missing={"NVDA": 47, "MSFT": 0}, findings=findings,
        fingerprints={"bars/NVDA": "ab" * 32}, **more,
    )  # fmt: skip


@pytest.fixture
def spoiled() -> QualityReport:
    """Missing minutes and a bad bar, a rule that nobody asked, and a second feed that was asked."""
    bad_bar = finding(
        "ohlc_relations", "FAIL", 1, "1 MSFT bar breaks the order of its prices: 11:15.", family="prices",
        symbol="MSFT", warn=0, fail=0, held_against=["2020-11-24T16:15:00+00:00"],
    )  # fmt: skip
    alone = report(gap(message="Of the fallback, NVDA misses 47 bars."))
    return report(
        gap(), bad_bar, finding("missing_ratio", "PASS", 0, "MSFT misses none.", symbol="MSFT", warn=0.005, fail=0.01),
        not_asked={"cross_feed_agreement": "no second feed has the session"},
        attempts=[Attempt(symbol="NVDA", feed="yahoo", said="answered with 343 bars", report=alone)],
    )  # fmt: skip


def test_the_page_needs_nothing_but_itself(spoiled):
    page = Page(report_page([spoiled], "Quality"))
    assert {"script", "link", "iframe", "object", "form"}.isdisjoint(name for name, _ in page.tags)
    sources = [value for _, given in page.tags for name, value in given.items() if name in ("src", "href", "data")]
    assert all(value.startswith(("#", "data:image/svg+xml;base64,")) for value in sources)
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
    assert "url(" not in report_page([spoiled], "Quality")
    assert "@import" not in report_page([spoiled], "Quality")
    policies = [given["content"] for given in page.of("meta") if given.get("http-equiv") == "Content-Security-Policy"]
    allowed = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert not any("style" in given for _, given in page.tags)


def test_what_vendors_and_people_wrote_is_text(spoiled):
    accepted = Acceptance(by=HOSTILE, reason=HOSTILE, at=HOSTILE, fingerprints={}, findings=(HOSTILE,))
    hostile = report(
        finding(HOSTILE, "FAIL", 1, HOSTILE, family=HOSTILE, symbol=HOSTILE),
        accepted=accepted, not_asked={HOSTILE: HOSTILE}, attempts=[Attempt(symbol=HOSTILE, feed=HOSTILE, said=HOSTILE)],
    )  # fmt: skip
    hostile = hostile.model_copy(update={"environment": HOSTILE, "fingerprints": {"x": HOSTILE}, "symbols": (HOSTILE,)})
    page = Page(report_page([hostile, spoiled], HOSTILE))
    assert page.of("script") == page.of("img") == []
    assert page.text.count(HOSTILE) > 10
    assert {name for name, _ in page.tags} == {
        name for name, _ in Page(report_page([hostile, spoiled], "Quality")).tags
    }


def test_the_page_says_what_was_found_in_new_york_time(spoiled):
    text = Page(report_page([spoiled], "Quality of a session")).text
    assert text.startswith("Quality of a session")
    for said in (
        "Tuesday, 24 November 2020",
        "FAIL BLOCK The session is kept out of the database.",
        "2020-11-24, 09:30 to 16:00 New York time",
        "NVDA , 47 of 390 bars missing",
        "missing 10:00 to 10:44 (45 bars) , 11:30 , 15:59",
        "MSFT , none of 390 bars missing",
        "ohlc_relations 11:15",
        "0.1205 warn > 0.005, fail > 0.01",
        "cross_feed_agreement no second feed has the session",
        "NVDA from yahoo",
        "answered with 343 bars",
        "Of the fallback, NVDA misses 47 bars.",
        "Not a pass: nobody looked.",
        "bars/NVDA " + "ab" * 32,
    ):
        assert said in text
    assert "15:44" not in text


def test_an_acceptance_is_shown_with_who_and_why(spoiled):
    found = tuple(one.message for one in spoiled.findings)
    accepted = Acceptance(
        by="A desk", reason="The halt was real.", at="2020-11-25T14:00:00+00:00", fingerprints={}, findings=found
    )
    text = Page(report_page([spoiled.model_copy(update={"accepted": accepted})], "Q")).text
    assert "FAIL WARN The session may be stored because a person accepted it." in text
    assert "Accepted by A desk at 2020-11-25T14:00:00+00:00: The halt was real." in text


def test_the_strip_has_each_gap_where_it_belongs(spoiled):
    page = Page(report_page([spoiled], "Q"))
    gaps = [(float(one["x"]), float(one["width"])) for one in page.of("rect") if one.get("class") == "gap"]
    assert gaps[:3] == [(30, 45), (120, 1.4), (389, 1.4)]
    (fault,) = [one for one in page.of("rect") if one.get("class") == "fault"]
    assert float(fault["x"]) == 105
    hours = [one["x"] for one in page.of("text")][:7]
    assert (hours[0], hours[-1]) == ("7.692%", "100.0%")


def test_a_reader_who_hears_or_sees_no_colour_misses_nothing(spoiled):
    page = Page(report_page([spoiled, report(session="2020-11-27")], "Q"))
    levels = [int(name[1]) for name, _ in page.tags if name in ("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.of("table")) == len(page.of("caption"))
    assert {one.get("scope") for one in page.of("th")} == {"col", "row"}
    for one in page.of("svg"):
        assert one.get("aria-label") or one.get("aria-hidden") == "true"
    assert any(one.get("aria-label") == "47 of 390 bars of NVDA missing" for one in page.of("svg"))
    assert [one["lang"] for one in page.of("html")] == ["en"]


def test_several_sessions_begin_with_a_table_that_leads_to_each(spoiled):
    half_day = report(finding("x", "PASS", 0, "Good."), session="2020-11-27")
    page = Page(report_page([spoiled, half_day], "Two"))
    assert "2 sessions: \N{MULTIPLICATION SIGN} FAIL 1 \N{CHECK MARK} PASS 1" in page.text
    targets = {one["id"] for one in page.of("section") if "id" in one}
    assert {one["href"].removeprefix("#") for one in page.of("a")} == targets
    assert len(targets) == 2
    assert "09:30 to 13:00 New York time (half day)" in page.text
    assert page.of("img") == []


def test_many_sessions_of_one_desk_get_a_calendar():
    days = [f"2020-11-{day:02}" for day in (*range(2, 7), *range(9, 14), *range(16, 21), 23, 24, 25, 27, 30)]
    days += [f"2020-12-{day:02}" for day in (*range(1, 5), *range(7, 12), *range(14, 19), *range(21, 25), 28, 29)]
    page = Page(report_page([report(session=day) for day in days], "Q"))
    (image,) = page.of("img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"].startswith("Verdicts of the year until 2020-12-29")


def test_a_session_that_never_reached_the_rules_has_a_page():
    broken = finding("bars", "ERROR", None, "No feed answered.", family="before the gate", final=True)
    text = Page(report_page([report(broken)], "Q")).text
    assert "? ERROR BLOCK" in text
    assert "NVDA , minutes not counted" in text
    assert "Nobody can accept it: it could not be stored." in text


def test_the_browser_leaves_no_loop_running_for_other_tests(browser: Browser):
    with served("<title>Q</title>") as page, browser.window(page.url) as window:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        assert window.do(lambda page: page.title()) == "Q"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_whole_and_to_everybody(browser: Browser, spoiled, size, dark):
    days = [f"2020-11-{day:02}" for day in (23, 25, 27, 30)]
    html = report_page([spoiled, *(report(finding("x", "WARN", 0, "Good."), session=day) for day in days)], "Q")
    with served(html) as page, browser.window(page.url, size, dark=dark) as window:
        assert window.overflow() == 0
        assert window.troubles() == []
        assert window.said == window.refused == []
        window.hold_headings()
        window.hold_keyboard()


@pytest.mark.parametrize(
    ("verdict", "measured", "warn", "fail", "least"),
    [
        ("PASS", 0.9, 0.8, 0.8, True),
        ("FAIL", 0.7, 0.8, 0.8, True),
        ("PASS", 0.0, 0.005, 0.01, False),
        ("FAIL", 2.0, 0.0, 0.0, False),
        ("PASS", 0.0, 0.0, 0.0, False),
        ("FAIL", 0.1, 0.9, 0.5, True),
        ("PASS", 5.0, None, 3.0, True),
    ],
)
def test_on_which_side_of_its_thresholds_trouble_lies(verdict, measured, warn, fail, least):
    assert at_least(finding("x", verdict, measured, "m", warn=warn, fail=fail)) is least


def test_a_gauge_ends_a_little_beyond_the_greatest_number():
    drawn = gauge(finding("x", "WARN", 50, "m", warn=25, fail=100))
    assert (drawn.measured, drawn.warn, drawn.fail) == (45.45, 22.73, 90.91)
    assert gauge(finding("x", "ERROR", None, "m", warn=25, fail=100)) is None
    assert gauge(finding("x", "PASS", float("inf"), "m", fail=1.0)) is None
