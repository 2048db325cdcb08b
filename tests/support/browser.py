"""Debian's Chromium for the tests: pages as people have them before their eyes, under their fingers and in their ears.

Here: one browser for the session, windows of it, and what is asked of every page. Nothing that it asks for leaves this
machine. Not here: what a page of ours should say.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:  # half a second, for which only those tests wait that look at a page
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page, Playwright, Route, ViewportSize

PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
DESKTOP: Final[ViewportSize] = {"width": 1440, "height": 900}
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SERIOUS: Final = ("serious", "critical")
HEADINGS: Final = "nodes => nodes.map(one => Number(one.tagName[1]))"
FOCUS: Final = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  return {
    name: one === document.body ? '' : (one.id || one.textContent.trim().slice(0, 60) || one.tagName),
    seen: parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none' && box.width > 0 && box.height > 0,
  };
}"""
REACHABLE: Final = "a[href], button, input, select, textarea, summary, [tabindex='0']"
"""What a person can do something with, or has to scroll."""

Answer = TypeVar("Answer")


class NoBrowser(Exception):
    """There is no Chromium here to look with; the message says why."""


@dataclass
class Window:
    """A page that is open."""

    _thread: ThreadPoolExecutor
    _page: Page
    said: list[str] = field(default_factory=list)
    """What the page wrote on its console: errors, and what its own policy refused."""
    refused: list[str] = field(default_factory=list)
    """The addresses off this machine that it asked for."""

    def do(self, what: Callable[[Page], Answer]) -> Answer:
        """Something with Playwright's page."""
        return self._thread.submit(what, self._page).result()

    @property
    def text(self) -> str:
        """What can be read, words apart by single spaces."""
        return " ".join(self.do(lambda page: page.locator("body").inner_text()).split())

    def picture(self, path: Path) -> None:
        """All of the page, as a PNG."""
        self.do(lambda page: page.screenshot(path=path, full_page=True))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wide: int = self.do(
            lambda page: page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )
        return wide

    def troubles(self) -> list[str]:
        """What axe finds that would keep somebody out: `rule (impact): elements`."""
        from axe_playwright_python.sync_playwright import Axe

        found: dict[str, Any] = self.do(lambda page: Axe().run(page)).response
        return [
            f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes']]}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
        ]

    def headings(self) -> list[int]:
        """The levels of those that are shown, in their order."""
        return self.do(lambda page: page.locator(":is(h1, h2, h3, h4, h5, h6):visible").evaluate_all(HEADINGS))

    def hold_headings(self) -> None:
        """There is one of the first level, it comes first, and none is left out on the way down."""
        levels = self.headings()
        assert (levels[0], levels.count(1)) == (1, 1), levels
        assert all(after - before <= 1 for before, after in pairwise(levels)), levels

    def reached(self) -> list[str]:
        """What Tab comes to, in its order; each must show that it is there."""
        found: list[str] = []
        for _ in range(1 + self.do(lambda page: page.locator(REACHABLE).locator("visible=true").count())):
            self.do(lambda page: page.keyboard.press("Tab"))
            focus: dict[str, Any] = self.do(lambda page: page.evaluate(FOCUS))
            if not focus["name"]:
                break
            assert focus["seen"], f"{focus['name']} has the focus and does not show it"
            found.append(focus["name"])
        return found

    def hold_keyboard(self) -> None:
        """Tab comes to everything that a person can do something with."""
        wanted = self.do(lambda page: page.locator(REACHABLE).locator("visible=true").count())
        reached = self.reached()
        assert len(reached) == wanted, f"{wanted} to be reached, and Tab comes to {reached}"


@dataclass
class Browser:
    """Chromium, in a thread of its own: Playwright leaves an asyncio loop running in the one that it is called from."""

    _thread: ThreadPoolExecutor
    _chromium: Chromium

    @contextmanager
    def window(
        self,
        url: str,
        size: ViewportSize = DESKTOP,
        *,
        javascript: bool = True,
        dark: bool = False,
        clock: bool = False,
    ) -> Iterator[Window]:
        """A window on a page, without cookies or cache of others.

        With a `clock`, a test may let the time of the page run ahead (`page.clock`).
        """

        def opened() -> Page:
            context = self._chromium.new_context(
                viewport=size, java_script_enabled=javascript, color_scheme="dark" if dark else "light"
            )
            return context.new_page()

        window = Window(self._thread, self._thread.submit(opened).result())

        def loopback_only(route: Route) -> None:
            if urlsplit(route.request.url).hostname == "127.0.0.1":
                route.continue_()
            else:
                window.refused.append(route.request.url)
                route.abort()

        def went(page: Page) -> None:
            page.on("console", lambda one: window.said.append(f"{one.type}: {one.text}"))
            page.on("pageerror", lambda error: window.said.append(f"error: {error}"))
            page.context.route("**/*", loopback_only)
            if clock:
                page.clock.install()
            page.goto(url)

        try:
            window.do(went)
            yield window
        finally:
            window.do(lambda page: page.context.close())


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; NoBrowser where there is none."""
    from playwright.sync_api import Error, sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise NoBrowser("chromium is not installed: apt-get install chromium.")

    def started() -> tuple[Playwright, Chromium]:
        playwright = sync_playwright().start()
        try:
            return playwright, playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        except Error as error:
            playwright.stop()
            raise NoBrowser(f"{program} does not start: {error}") from error

    with ThreadPoolExecutor(1, thread_name_prefix="browser") as thread:
        playwright, browser = thread.submit(started).result()
        try:
            yield Browser(thread, browser)
        finally:
            thread.submit(browser.close).result()
            thread.submit(playwright.stop).result()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser. Skips where there is none, but fails in CI."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(chromium())
        except NoBrowser as none:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no browser to look with: {none}")
        yield found
