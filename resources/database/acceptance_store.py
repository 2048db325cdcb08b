"""Keeps what people accepted: blocked sessions that are stored on somebody's word.

Whether a word counts is decided by the gate, with the policy of its environment and the fingerprints of the bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from market.sessions import BarSize, Session
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from schemas.quality import Acceptance, Finding, QualityReport


@dataclass(frozen=True)
class AcceptanceStore:
    """The table `gate_acceptances`, to which rows are only ever added."""

    server: DatabaseServer

    def keep(self, report: QualityReport, acceptance: Acceptance) -> None:
        """Append a person's word on the session of a report, with the findings that it is about."""
        row = {
            "session": report.session,
            "environment": report.environment,
            "bar_size": report.bar_size,
            "symbols": list(report.symbols),
            "fingerprints": Jsonb(acceptance.fingerprints),
            "reason": acceptance.reason,
            "by": acceptance.by,
            "at": acceptance.at,
            "verdict": report.verdict.value,
            "findings": Jsonb(
                [finding.model_dump(mode="json") for finding in report.findings if report.blocks(finding)]
            ),
        }
        with self.server.connect() as connection:
            connection.execute(named_query("keep_gate_acceptance"), row)

    @repeatable
    def latest(
        self, session: Session, environment: str, bar_size: BarSize, symbols: Sequence[str]
    ) -> Acceptance | None:
        """The last word on a session of a desk, whatever bars it was about; None where nobody gave one."""
        about = {
            "session": session.key,
            "environment": environment,
            "bar_size": bar_size.value,
            "symbols": list(symbols),
        }
        with self.server.connect() as connection:
            row = connection.execute(named_query("newest_gate_acceptance"), about).fetchone()
        if row is None:
            return None
        by, reason, at, fingerprints, accepted = row
        findings = tuple(Finding.model_validate(one).message for one in accepted)
        return Acceptance(by=by, reason=reason, at=at.isoformat(), fingerprints=fingerprints, findings=findings)
