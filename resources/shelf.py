"""A desk's shelf in the landing zone: the tables and reports that its runs have left there.

A desk with other thresholds, bars or symbols has another shelf, and never reads this one. How files are written so that
nobody reads half of one is `resources.landing`'s matter.
"""

import json
from dataclasses import dataclass

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from market.quality.columns import Columns
from market.quality.fingerprint import fingerprints
from market.sessions import BarSize, Session
from resources.errors import NotLanded, ReportUnreadable
from resources.landing import LandingZone
from schemas.errors import ContractBroken
from schemas.quality import REPORT_VERSION, Attempt, QualityReport
from schemas.tables import Bars, Frame, checked

BARS, FRAMES, REPORTS, SECOND = "bars", "frames", "quality_reports", "second_feed"
REPORT_NAME, FEEDS_NAME = "qc_report.json", "feeds_asked.json"


class FeedsAsked(BaseModel):
    """How a session's bars came about, landed beside them so that the gate can be asked again without the feeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bars: dict[str, str]
    """The fingerprints of the bars that came of it."""
    attempts: tuple[Attempt, ...] = ()
    second: bool = False
    """Whether another feed's bars are landed too."""


@dataclass(frozen=True)
class Shelf:
    """The landed tables and reports of one desk, by session."""

    landing: LandingZone
    environment: str
    bar_size: BarSize
    symbols: tuple[str, ...]

    @property
    def name(self) -> str:
        """Where it is, below the name of an asset."""
        return f"{self.environment}/{self.bar_size}/{'-'.join(self.symbols)}"

    def keep_bars(self, session: Session, bars: pd.DataFrame) -> str:
        """Land the bars asset's table; returns where."""
        return self.landing.write_table(BARS, self.name, session.key, bars)

    def bars(self, session: Session) -> pd.DataFrame:
        """The bars asset's table, `schemas.tables.Bars`.

        Raises:
            NotLanded: no run has made it, or only one of an older version did.

        """
        return self._table(BARS, session, Bars)

    def keep_frame(self, session: Session, frame: pd.DataFrame) -> str:
        """Land the frames asset's table; returns where."""
        return self.landing.write_table(FRAMES, self.name, session.key, frame)

    def frame(self, session: Session) -> pd.DataFrame:
        """The frames asset's table, `schemas.tables.Frame`.

        Raises:
            NotLanded: no run has made it, or only one of an older version did.

        """
        return self._table(FRAMES, session, Frame)

    def keep_feeds_asked(
        self, session: Session, bars: pd.DataFrame | Columns, attempts: tuple[Attempt, ...], second: pd.DataFrame | None
    ) -> None:
        """Land how the session's bars came about: which feeds were asked, and what another feed has of the session."""
        if second is not None:
            self.landing.write_table(SECOND, self.name, session.key, second)
        prints = fingerprints("bars", bars, self.symbols)
        asked = FeedsAsked(bars=prints, attempts=attempts, second=second is not None)
        self.landing.write_text(BARS, self.name, session.key, FEEDS_NAME, asked.model_dump_json(indent=2))

    def feeds_asked(
        self, session: Session, bars: pd.DataFrame | Columns
    ) -> tuple[tuple[Attempt, ...], pd.DataFrame | None]:
        """The attempts that led to these landed bars, and another feed's bars; nothing where that is not known."""
        try:
            text = self.landing.read_text(BARS, self.name, session.key, FEEDS_NAME)
            landed = FeedsAsked.model_validate_json(text)
            if landed.bars != fingerprints("bars", bars, self.symbols):
                return (), None
            second = self._table(SECOND, session, Bars) if landed.second else None
        except (NotLanded, ValidationError):
            return (), None
        return landed.attempts, second

    def keep_report(self, session: Session, report: QualityReport) -> str:
        """Land the gate's judgement; returns where."""
        text = report.model_dump_json(indent=2)
        return self.landing.write_text(REPORTS, self.name, session.key, REPORT_NAME, text)

    def report(self, session: Session) -> QualityReport:
        """The gate's judgement.

        Raises:
            NotLanded: no run has made it.
            ReportUnreadable: it is cut, of another version, or says what does not follow from its findings.

        """
        try:
            content = json.loads(self.landing.read_text(REPORTS, self.name, session.key, REPORT_NAME))
            version = content.get("version") if isinstance(content, dict) else None
            if version != REPORT_VERSION:
                raise ValueError(f"it is of version {version}, not {REPORT_VERSION}")
            return QualityReport.model_validate(content)
        except ValueError as error:
            said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise ReportUnreadable(
                f"The landed report of {session.key} ({self.name}) cannot be used "
                f"({said.removeprefix('Value error, ')}): materialise quality_reports again."
            ) from None

    def _table(self, asset: str, session: Session, model: type[Bars] | type[Frame]) -> pd.DataFrame:
        try:
            return checked(self.landing.read_table(asset, self.name, session.key), model)
        except ContractBroken:
            raise NotLanded(
                f"The landed {asset} of {session.key} are of an older version: materialise them again."
            ) from None
