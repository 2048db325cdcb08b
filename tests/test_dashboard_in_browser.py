"""The dashboard in Chromium: on a phone and on a desk, to eyes, ears and fingers, and while it makes itself anew."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from market.sessions import session
from monitoring.dashboard import dashboard
from monitoring.facts import Facts
from monitoring.sampling import Sampler
from resources.database.feed_event_store import FeedStanding
from resources.database.server import DatabaseServer
from resources.settings import load_settings
from tests.support.browser import DESKTOP, PHONE, Browser, Window
from tests.support.desk import TestDesk
from tests.support.live import Clock, live_service, recorded_feed
from tests.support.monitor_server import Shelf, monitor
from tests.support.served_page import ServedPage, served
from tests.support.watched import ALL_RED, NOW, at, health, quiet, red_sample, sample

pytestmark = pytest.mark.usefixtures("clean_environment")


def long_names() -> Facts:
    """Names in which no line may be broken."""
    long = 240 * "x"
    facts = quiet()
    return replace(
        facts,
        feeds={long: FeedStanding(long, "down", None, 1, long)},
        feed_events=tuple(replace(one, feed=long, why=long) for one in facts.feed_events),
        heartbeats={long: NOW},
    )


PAGES = {
    "data": lambda: dashboard(sample(quiet()), health(), NOW),
    "empty": lambda: dashboard(sample(None, database_failure="No route to the host."), health(), NOW),
    "long": lambda: dashboard(sample(long_names()), health(), NOW),
    "red": lambda: dashboard(red_sample(), health(ALL_RED), NOW),
}
SECONDS = 5
"""After which the page asks again, as it is configured."""
TRIES = 10
PLACE = "document.getElementById('accounts-name').getBoundingClientRect().top"


@pytest.fixture
def page(clean_environment: pytest.MonkeyPatch) -> Iterator[ServedPage]:
    """All well, on a port."""
    with served(PAGES["data"]()) as found:
        yield found


def time_passes(window: Window) -> None:
    """So much that the page asks. It would give up an answer that is on its way, so it must not be waiting for one."""
    window.do(lambda one: one.clock.run_for(SECONDS * 1000))


def asked_again(window: Window) -> None:
    """Let time pass until the page has asked and was answered: then it has taken in what it was answered before."""
    from playwright.sync_api import Page, TimeoutError

    def answered(one: Page) -> bool:
        try:
            with one.expect_response("**/*", timeout=3_000):
                one.clock.run_for(SECONDS * 1000)
        except TimeoutError:  # it was still busy with the last answer, and has set itself no time yet
            return False
        return True

    assert any(window.do(answered) for _ in range(TRIES)), "the page does not ask again"


def says(window: Window, where: str, text: str) -> None:
    """Wait for it: what the page has asked for is on its way."""
    from playwright.sync_api import expect

    window.do(lambda page: expect(page.locator(where)).to_contain_text(text, timeout=30_000))


@pytest.mark.parametrize(("size", "dark"), [(PHONE, True), (DESKTOP, False)], ids=["phone", "desktop"])
@pytest.mark.parametrize("state", PAGES)
def test_nobody_is_kept_out(browser: Browser, state, size, dark):
    with served(PAGES[state]()) as page, browser.window(page.url, size, dark=dark) as window:
        assert window.overflow() == 0
        assert window.troubles() == []
        window.hold_headings()
        window.hold_keyboard()
        assert window.said == window.refused == []
        assert page.paths == {"/"}


def test_without_javascript_everything_is_there(browser: Browser, page: ServedPage):
    with browser.window(page.url) as window, browser.window(page.url, javascript=False) as without:
        assert without.text == window.text
        assert without.text.startswith("Intraday NVDA, MSFT staging As of 16:32:05 UTC")


def test_the_page_makes_itself_anew_under_the_hands_of_whoever_reads_it(browser: Browser, page: ServedPage):
    later = replace(sample(quiet()), taken_at=at("11:32:10"))
    with browser.window(page.url, PHONE, clock=True) as window:

        def reads(one) -> None:
            one.locator("#feeds summary").press("Enter")
            one.evaluate("document.getElementById('accounts-name').kept = true; scrollTo(0, 900)")

        window.do(reads)
        place = window.do(lambda one: one.evaluate(PLACE))
        page.html = dashboard(later, health({"feeds": ALL_RED["feeds"]}), at("11:32:10"))
        time_passes(window)
        says(window, "#looked", "16:32:10 UTC")
        says(window, "#status", "Neither alpha_vantage nor yahoo answers.")
        assert window.do(lambda one: one.title()) == "\N{MULTIPLICATION SIGN} Intraday NVDA, MSFT"
        assert window.do(
            lambda one: one.evaluate(
                "[document.activeElement.id, document.getElementById('feeds-more').open, "
                "document.getElementById('accounts-name').kept]"
            )
        ) == ["feeds-summary", True, True]
        assert window.do(lambda one: one.evaluate(PLACE)) == pytest.approx(place, abs=1)
        assert window.said == []


def test_what_has_the_focus_keeps_it_where_it_moves(browser: Browser, page: ServedPage):
    page.html = dashboard(sample(quiet()), health({"dagster": ALL_RED["dagster"]}), NOW)
    with browser.window(page.url, clock=True) as window:
        window.do(lambda one: one.locator("#reason-dagster").focus())
        page.html = PAGES["red"]()
        time_passes(window)
        says(window, "#status", "Somebody must act now")
        assert window.do(lambda one: one.evaluate("document.activeElement.id")) == "reason-dagster"


def test_a_monitor_that_goes_silent_is_shouted_about_once_until_it_answers(browser: Browser, page: ServedPage):
    with browser.window(page.url, clock=True) as window:
        shout = "The monitor does not answer. All of this is of 16:32:05 UTC."
        page.away = True
        time_passes(window)
        says(window, "#silence", shout)
        assert window.do(lambda one: one.title()) == "No answer \N{EN DASH} \N{CHECK MARK} Intraday NVDA, MSFT"
        assert window.troubles() == []
        window.do(lambda one: one.evaluate("document.getElementById('silence').firstChild.kept = true"))
        page.away, page.status, page.html = False, 503, "busy"
        asked_again(window)
        asked_again(window)
        assert window.do(lambda one: one.evaluate("document.getElementById('silence').firstChild.kept"))
        page.status, page.html = 200, PAGES["red"]()
        asked_again(window)
        says(window, "#status", "Somebody must act now")
        window.do(lambda one: one.locator("#silence").wait_for(state="hidden"))
        assert window.do(lambda one: one.title()) == "\N{MULTIPLICATION SIGN} Intraday NVDA, MSFT"


def test_a_session_as_the_live_process_takes_it_in(browser: Browser, desk: TestDesk):
    """Two sessions by the batch run, one of them blocked; then the first twenty minutes of the third live."""
    desk.run("2020-11-23", "2020-11-24", faults=["drop:NVDA:2020-11-24:10:00-10:44"])
    day = session("2020-11-25")
    clock = Clock(day.open - pd.Timedelta(minutes=5))
    delays = {("NVDA", day.open + pd.Timedelta(minutes=5)): pd.Timedelta(days=1)}
    delays["MSFT", day.open + pd.Timedelta(minutes=10)] = pd.Timedelta(minutes=3)
    service, _ = live_service(desk, clock, recorded_feed(clock, day, delays=delays))
    server = DatabaseServer(desk.url)
    sampler = Sampler(load_settings(), lambda: server, server.shown, now=clock.now)
    shelf = Shelf(sampler.sample)

    def look(at: pd.Timestamp) -> None:
        if at >= day.open + pd.Timedelta(minutes=22):
            shelf.sample = sampler.take()
            raise KeyboardInterrupt

    clock.watch = look
    with pytest.raises(KeyboardInterrupt):
        service.run()
    with monitor(shelf) as url, browser.window(url, PHONE) as window:
        for said in (
            "Wednesday, 25 November, 09:30 (14:30 UTC) to 16:00 (21:00 UTC)",
            "NVDA, 1 of 21 bars missing so far",
            "missing 09:35",
            "MSFT, none of 21 bars missing so far",
            "late 09:40",
            "Tuesday, 24 November: FAIL, blocked",
            "Monday, 23 November: PASS",
            "State streaming",
        ):
            assert said in window.text
        assert window.overflow() == 0
        assert window.troubles() == window.said == window.refused == []
