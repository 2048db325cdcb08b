"""Reports as a web page that needs nothing but itself: no other file, no network, no JavaScript.

Here: what the page says, in the order in which it says it. How it looks stands in `templates/report.html`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd

from intraday_assets.quality_charts import verdict_calendar, year_until
from market.quality.rule import spans
from market.quality.rules import RULES
from market.quality.verdicts import judged, verdict_history
from market.sessions import NEW_YORK, BarSize, Session, session
from schemas.quality import Action, Attempt, Finding, QualityReport, Span, Verdict, gravest_first

TEMPLATES = Path(__file__).parent / "templates"
FIRST_OF_CALENDAR = 40
"""From how many sessions on a calendar says more than the table."""

MARKS = {Verdict.PASS: "\N{CHECK MARK}", Verdict.WARN: "!", Verdict.FAIL: "\N{MULTIPLICATION SIGN}", Verdict.ERROR: "?"}
"""What tells verdicts apart beside their colours."""
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
    template = _environment().get_template("report.html")
    return template.render(title=title, sessions=pages, counts=counts, marks=MARKS, calendar=_calendar(reports))


@dataclass(frozen=True)
class Stretch:
    """Consecutive minutes of a strip, in bars from its left."""

    start: float
    bars: float


@dataclass(frozen=True)
class Strip:
    """The minutes of a session of one symbol."""

    symbol: str
    bars: int
    """Which the session should have."""
    missing: tuple[Span, ...] | None
    """None where nobody counted them."""
    gaps: tuple[Stretch, ...]
    faults: tuple[tuple[str, tuple[Span, ...], tuple[Stretch, ...]], ...]
    """Other bars that a rule holds against the symbol: the rule, the bars, and those of them that lie on the strip."""

    @property
    def count(self) -> int:
        """Of missing bars."""
        return sum(span.bars for span in self.missing or ())


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
        return f"{self.session.day:%A, %-d %B %Y}"

    @property
    def hours(self) -> str:
        """When the exchange trades."""
        half = " (half day)" if self.session.is_half_day else ""
        return f"{new_york(self.session.open)} to {new_york(self.session.close)} New York time{half}"

    @property
    def means(self) -> str:
        """What becomes of the session."""
        if self.report.accepted is not None:
            return "The session may be stored because a person accepted it."
        return MEANS[self.report.action]

    @property
    def strips(self) -> list[Strip]:
        """One a symbol."""
        return [strip(self.report, symbol) for symbol in self.report.symbols]

    @property
    def hour_marks(self) -> list[tuple[str, float]]:
        """The full hours of the session, and where they are on a strip, per cent."""
        opened, closed = self.session.open, self.session.close
        hours = pd.date_range(opened.ceil("h"), closed, freq="h")
        return [(new_york(hour), round(100 * ((hour - opened) / (closed - opened)), 3)) for hour in hours]

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


def strip(report: QualityReport, symbol: str) -> Strip:
    """What is missing of a symbol, and which bars something else is held against."""
    of_session, bar_size = session(report.session), BarSize(report.bar_size)
    stamps = judged(report).missing.get(symbol)
    missing = None if stamps is None else spans(stamps, bar_size.delta)
    others = {
        finding.rule: spans(pd.DatetimeIndex(finding.held_against, tz="UTC"), bar_size.delta)
        for finding in report.findings
        if finding.symbol == symbol and finding.verdict is not Verdict.PASS and finding.family != "completeness"
    }
    return Strip(
        symbol,
        len(of_session.minutes(bar_size)),
        missing,
        _stretches(missing or (), of_session, bar_size),
        tuple((rule, found, _stretches(found, of_session, bar_size)) for rule, found in others.items() if found),
    )


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


def new_york(stamp: str | pd.Timestamp) -> str:
    """A UTC instant as `10:44`."""
    return f"{pd.Timestamp(stamp).tz_convert(NEW_YORK):%H:%M}"


def stretch_of_time(span: Span) -> str:
    """A span in New York time: `10:00 to 10:44 (45 bars)`."""
    if span.bars == 1:
        return new_york(span.first)
    return f"{new_york(span.first)} to {new_york(span.last)} ({span.bars} bars)"


def number(value: float | None) -> str:
    """A number for a person: whole ones as they are, others with four digits."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:,.0f}" if _finite(value) and value == round(value) else f"{value:.4g}"


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


def _families(report: QualityReport) -> Iterator[tuple[str, Verdict, list[FindingView]]]:
    bar_size = BarSize(report.bar_size)
    for family in dict.fromkeys(finding.family for finding in report.findings):
        found = [finding for finding in report.findings if finding.family == family]
        worst = Verdict.worst(finding.verdict for finding in found)
        yield family, worst, [FindingView(finding, bar_size) for finding in gravest_first(found)]


def _stretches(of: Sequence[Span], of_session: Session, bar_size: BarSize) -> tuple[Stretch, ...]:
    """Those that lie in the session."""
    places = ((pd.Timestamp(span.first) - of_session.open) / bar_size.delta for span in of)
    bars = len(of_session.minutes(bar_size))
    return tuple(Stretch(place, span.bars) for place, span in zip(places, of, strict=True) if 0 <= place < bars)


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


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # what vendors and people wrote never becomes markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "stretch": stretch_of_time}
    return environment
