"""How a day ended as a web page: what a person reads from it, on a phone and on a desktop, however the day was."""

from dataclasses import replace

import pytest

from intraday_assets.end_of_day_page import end_of_day_page
from market.day_facts import Backups, Books, DayEvents, DayFacts, Landed, Room, SymbolDay, Today, Unknown
from schemas.broker import Compared
from schemas.end_of_day import EodReport
from schemas.quality import Span
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.day_facts import BLOCKED, FULL, HALF, ago, facts, lacking, report
from tests.support.html import Page
from tests.support.served_page import served

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>`\"'&"
LONG = f"bars/{'staging-' * 20}/2020-11-24.parquet"


def empty() -> DayFacts:
    """Nothing was ever stored, judged, landed or traded."""
    nothing = Unknown("Not looked at: eod.backup_folder is not set.")
    whole = Span(first="2020-11-27T14:30:00+00:00", last="2020-11-27T17:59:00+00:00", bars=210)
    today = Today(facts().today.room, Landed(0, (), 0), nothing, Books("SIMULATED", (), None, traded=False))
    symbols = tuple(SymbolDay(symbol, 0, (whole,), None) for symbol in ("NVDA", "MSFT"))
    return replace(facts(HALF, history=(), symbols=symbols), today=today)


def red() -> DayFacts:
    """Nothing is as it should be."""
    today = Today(
        room=(Room("home", f"/srv/{'very-long-' * 12}", 5), Room("landing", "/srv/landing", 10**8)),
        landed=Landed(7, (LONG,), 3, 5),
        backups=Backups("/srv/back ups", None, ("cut.backup",)),
        books=Books("DU***67", (Compared("NVDA", 30, 42),), ago(1)),  # type: ignore[arg-type]
    )
    blocked = tuple(replace(BLOCKED, session=f"2020-11-{day}") for day in (24, 23, 20))
    events = DayEvents({"alpha_vantage": 12}, (HOSTILE,), 3)
    return facts(
        symbols=(replace(lacking("NVDA", 300), newest=FULL.open), replace(lacking("MSFT", 390, first=0), newest=None)),
        history=blocked,
        events=events,
        today=vars_of(today),
    )


def vars_of(today: Today) -> dict[str, object]:
    return {"room": today.room, "landed": today.landed, "backups": today.backups, "books": today.books}


DAYS = {"data": lambda: facts(symbols=(lacking("NVDA", 7), lacking("MSFT", 0))), "empty": empty, "red": red}


@pytest.fixture(params=DAYS)
def day(request) -> EodReport:
    return report(DAYS[request.param]())


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_whole_and_to_everybody(browser: Browser, day, size, dark):
    with served(end_of_day_page(day)) as page, browser.window(page.url, size, dark=dark) as window:
        assert window.overflow() == 0
        assert window.troubles() == []
        assert window.said == window.refused == []
        window.hold_headings()
        window.hold_keyboard()


def test_it_says_what_to_do_with_the_command_to_type(browser: Browser):
    with served(end_of_day_page(report(red()))) as page, browser.window(page.url, PHONE) as window:
        text = window.text
        commands = window.do(lambda shown: shown.locator("code").all_inner_texts())
    assert "Tuesday, 24 November 2020" in text
    assert "FAIL" in text
    assert "11 checks of 11 to be seen to." in text
    assert "NVDA lacks" not in text
    assert "intraday positions adopt NVDA --why …" in commands
    assert "intraday db backup '/srv/back ups/'" in commands


def test_a_good_day_says_so_and_shows_its_minutes():
    page = Page(end_of_day_page(report(DAYS["data"]())))
    assert "Nothing that was looked at needs a person." in page.text
    assert "What to do" not in page.text
    assert "10:00 to 10:06 (7 bars)" in page.text
    assert (
        "383 of 390 bars of NVDA are stored (98.2 %). Missing: 10:00 to 10:06 New York (15:00 to 15:06 UTC)."
        in page.text
    )
    labels = [attributes.get("aria-label", "") for name, attributes in page.tags if name == "svg"]
    assert labels[0] == "7 of 390 bars of NVDA missing"


def test_a_half_day_is_one():
    assert "2020-11-27, 09:30 to 13:00 New York time (half day)" in Page(end_of_day_page(report(empty()))).text


def test_what_was_not_looked_at_is_neither_good_nor_bad():
    text = Page(end_of_day_page(report(empty()))).text
    assert text.count("not looked at") >= 3
    assert "Not looked at: eod.backup_folder is not set." in text


def test_what_others_wrote_stays_text():
    html = end_of_day_page(report(red()))
    page = Page(html)
    assert {"script", "img", "link", "iframe", "form"}.isdisjoint(name for name, _ in page.tags)
    assert "<script>" in page.text
    assert FULL.key in page.text
