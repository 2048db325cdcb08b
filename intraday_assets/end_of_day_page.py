"""How a day ended as a web page that needs nothing but itself: no other file, no network, no JavaScript, no Dagster.

Here: what the page says, in the order in which it says it. How it looks stands in `resources/pages`.
"""

from dataclasses import dataclass

from market.sessions import BarSize, Session, session
from market.telling import measured_of, trading_hours, written_day
from resources.pages.page import rendered
from resources.pages.strips import Strip, hour_marks, strip
from schemas.end_of_day import CheckName, EodCheck, EodReport
from schemas.words import counted


def end_of_day_page(report: EodReport) -> str:
    """The page, as HTML."""
    title = f"End of day of {' and '.join(report.symbols)}, {report.session}"
    return rendered("end_of_day.html", title=title, view=DayView(report))


@dataclass(frozen=True)
class CheckView:
    """A check as a row of the table."""

    check: EodCheck

    @property
    def kind(self) -> str:
        """Which badge it has."""
        return (self.check.verdict or "idle").lower()

    @property
    def badge(self) -> str:
        """What the badge says."""
        return self.check.verdict or "not looked at"

    @property
    def name(self) -> str:
        """For people."""
        return self.check.name.replace("_", " ").capitalize()

    @property
    def measured(self) -> str:
        """The value; empty where there is none."""
        return measured_of(self.check)[0]

    @property
    def good(self) -> str:
        """What is asked for."""
        return measured_of(self.check)[1]


@dataclass(frozen=True)
class DayView:
    """A report as a page."""

    report: EodReport

    @property
    def session(self) -> Session:
        """The exchange's."""
        return session(self.report.session)

    @property
    def day(self) -> str:
        """Its New York date as people write it."""
        return written_day(self.session)

    @property
    def hours(self) -> str:
        """When the exchange traded."""
        return trading_hours(self.session)

    @property
    def means(self) -> str:
        """What the verdict amounts to."""
        problems = self.report.problems
        if not problems:
            return "Nothing that was looked at needs a person."
        return f"{counted(len(problems), 'check')} of {len(self.report.checks)} to be seen to."

    @property
    def checks(self) -> list[CheckView]:
        """All of them, as they stand."""
        return [CheckView(check) for check in self.report.checks]

    @property
    def problems(self) -> list[CheckView]:
        """Those with something to do about them, gravest first."""
        return [CheckView(check) for check in self.report.problems]

    @property
    def strips(self) -> list[Strip]:
        """The session's minutes, a symbol each of which it is known what is stored."""
        size = BarSize(self.report.bar_size)
        return [
            strip(check.of, self.session, size, check.missing, {})
            for check in self.report.checks
            if check.name is CheckName.COMPLETENESS and check.of is not None
        ]

    @property
    def hour_marks(self) -> list[tuple[str, float]]:
        """The full hours of the session, and where they are on a strip, per cent."""
        return hour_marks(self.session)
