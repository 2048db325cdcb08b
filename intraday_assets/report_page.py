"""Reports as a web page that needs nothing but itself: no other file, no network, no JavaScript.

Here: what the page says, in the order in which it says it. How it looks stands in `resources/pages`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from intraday_assets.quality_charts import verdict_calendar, year_until
from market.quality.rule import spans
from market.quality.rules import RULES
from market.quality.verdicts import judged, verdict_history
from market.sessions import BarSize, Session, session
from market.telling import trading_hours, written_day
from resources.pages.page import number, rendered
from resources.pages.strips import Strip, hour_marks, strip
from schemas.quality import Action, Attempt, Finding, QualityReport, Span, Verdict, gravest_first

FIRST_OF_CALENDAR = 40
"""From how many sessions on a calendar says more than the table."""

MEANS = {
    Action.CONTINUE: "The session may be stored.",
    Action.WARN: "The session may be stored, with this warning.",
    Action.BLOCK: "The session is kept out of the database.",
}
QUESTIONS = {rule.name: rule.question for rule in RULES}


def report_page(reports: Sequence[QualityReport], title: str) -> str:
    """The page of one session or of several, as HTML.

    Args:
        reports: in the order in which they are shown; at least one.
        title: of the page.

    """
    pages = [SessionView(report, f"session-{place}") for place, report in enumerate(reports, 1)]
    counts = {verdict: sum(report.verdict is verdict for report in reports) for verdict in reversed(Verdict)}
    return rendered("quality_report.html", title=title, sessions=pages, counts=counts, calendar=_calendar(reports))


@dataclass(frozen=True)
class Gauge:
    """A measurement against its thresholds: places on a bar, per cent from its left."""

    measured: float
    warn: float | None
    fail: float | None


@dataclass(frozen=True)
class FindingView:
    """A finding as a row of a table."""

    finding: Finding
    bar_size: BarSize

    @property
    def question(self) -> str:
        """What its rule asks; empty for a rule that is no more."""
        return QUESTIONS.get(self.finding.rule, "")

    @property
    def gauge(self) -> Gauge | None:
        """None where there is nothing to draw."""
        return gauge(self.finding)

    @property
    def thresholds(self) -> str:
        """From where on the gate warns, and fails: `warn > 0.005, fail > 0.01`."""
        side = "<" if at_least(self.finding) else ">"
        named = {"warn": self.finding.warn, "fail": self.finding.fail}
        if self.finding.warn == self.finding.fail:
            del named["warn"]
        return ", ".join(f"{name} {side} {number(value)}" for name, value in named.items() if value is not None)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The bars at fault; reports of version 1 name them one by one."""
        return spans(pd.DatetimeIndex(self.finding.held_against, tz="UTC"), self.bar_size.delta)


@dataclass(frozen=True)
class SessionView:
    """A report as a part of the page."""

    report: QualityReport
    anchor: str

    @property
    def session(self) -> Session:
        """The exchange's."""
        return session(self.report.session)

    @property
    def day(self) -> str:
        """The session's New York date as people write it."""
        return written_day(self.session)

    @property
    def hours(self) -> str:
        """When the exchange trades."""
        return trading_hours(self.session)

    @property
    def means(self) -> str:
        """What becomes of the session."""
        if self.report.accepted is not None:
            return "The session may be stored because a person accepted it."
        return MEANS[self.report.action]

    @property
    def strips(self) -> list[Strip]:
        """One a symbol."""
        return [strip_of(self.report, symbol) for symbol in self.report.symbols]

    @property
    def hour_marks(self) -> list[tuple[str, float]]:
        """The full hours of the session, and where they are on a strip, per cent."""
        return hour_marks(self.session)

    @property
    def families(self) -> list[tuple[str, Verdict, list[FindingView]]]:
        """The findings by family, as the rules stand, with each family's gravest verdict."""
        return list(_families(self.report))

    @property
    def problems(self) -> list[FindingView]:
        """The findings that do not pass."""
        return [row for _, _, rows in self.families for row in rows if row.finding.verdict is not Verdict.PASS]

    @property
    def attempts(self) -> list[tuple[Attempt, "SessionView | None"]]:
        """What came of asking each feed, and what the gate says of its bars alone."""
        return [
            (one, None if one.report is None else SessionView(one.report, f"{self.anchor}-attempt-{place}"))
            for place, one in enumerate(self.report.attempts, 1)
        ]


def strip_of(report: QualityReport, symbol: str) -> Strip:
    """What is missing of a symbol, and which bars something else is held against."""
    bar_size = BarSize(report.bar_size)
    stamps = judged(report).missing.get(symbol)
    others = {
        finding.rule: spans(pd.DatetimeIndex(finding.held_against, tz="UTC"), bar_size.delta)
        for finding in report.findings
        if finding.symbol == symbol and finding.verdict is not Verdict.PASS and finding.family != "completeness"
    }
    missing = None if stamps is None else spans(stamps, bar_size.delta)
    return strip(symbol, session(report.session), bar_size, missing, others)


def gauge(finding: Finding) -> Gauge | None:
    """Where a measurement and its thresholds stand on a bar from nought to a little more than the greatest of them."""
    known = [abs(value) for value in (finding.measured, finding.warn, finding.fail) if value is not None]
    if finding.measured is None or len(known) < 2 or not all(map(_finite, known)):
        return None
    whole = max(known) * 1.1 or 1.0
    warn, fail = (None if one is None else round(100 * abs(one) / whole, 2) for one in (finding.warn, finding.fail))
    return Gauge(round(100 * abs(finding.measured) / whole, 2), warn, fail)


def at_least(finding: Finding) -> bool:
    """Whether the thresholds are the least that passes: by their order, or by what became of the measurement."""
    measured, warn, fail = finding.measured, finding.warn, finding.fail
    if warn is not None and fail is not None and warn != fail:
        return warn > fail
    limit = warn if fail is None else fail
    if measured is None or limit is None or measured == limit:
        return False
    return (measured > limit) == (finding.verdict is Verdict.PASS)


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


def _families(report: QualityReport) -> Iterator[tuple[str, Verdict, list[FindingView]]]:
    bar_size = BarSize(report.bar_size)
    for family in dict.fromkeys(finding.family for finding in report.findings):
        found = [finding for finding in report.findings if finding.family == family]
        worst = Verdict.worst(finding.verdict for finding in found)
        yield family, worst, [FindingView(finding, bar_size) for finding in gravest_first(found)]


def _calendar(reports: Sequence[QualityReport]) -> tuple[str, str] | None:
    """A calendar as an image's address and its description; None for a few sessions, or those of different desks."""
    desks = {(report.environment, report.bar_size, report.symbols) for report in reports}
    if len(reports) < FIRST_OF_CALENDAR or len(desks) != 1:
        return None
    found = [judged(report) for report in reports]
    last = max(one.session.day for one in found)
    of_year = verdict_history(*year_until(last), BarSize(reports[0].bar_size), reports[0].symbols, found)
    drawn = verdict_calendar(of_year, last, f"Verdicts of the year until {last}")
    return drawn.data, drawn.title
