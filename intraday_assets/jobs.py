"""The jobs beside the main one, which makes sessions: they look after the desk.

What they check is in `resources.doctor` and `resources.verification`; when they run is in `schedules`.
"""

from typing import Final

import dagster as dg

from intraday_assets.failures import failure
from market.sessions import latest_closed_session
from resources.dagster_resources import DatabaseResource, GateResource, LandingResource
from resources.desk import Desk
from resources.doctor.findings import Finding, Outcome
from resources.doctor.registry import examine, this_machine
from resources.errors import DatabaseError
from resources.market_time import utc_now
from resources.settings import Settings
from resources.verification import verify_newest_backup, verify_sessions
from schemas.words import counted

MAIN_JOB: Final = "sessions_job"
READINESS_JOB: Final = "readiness_job"
VERIFICATION_JOB: Final = "verification_job"


def readiness_job(settings: Settings) -> dg.JobDefinition:
    """Whether everything is there that a session needs; fails where something is not."""

    @dg.op(description="What `intraday doctor` looks at. No request is spent on a vendor that counts them.")
    def readiness(context: dg.OpExecutionContext) -> None:
        found = list(examine(this_machine(settings, ask=False)))
        metadata = {"findings": dg.MetadataValue.table([_row(finding) for finding in found])}
        failed = [finding for finding in found if finding.outcome is Outcome.FAIL]
        if failed:
            said = " ".join(f"{finding.name}: {finding.said} → {finding.advice}." for finding in failed)
            raise failure(said, metadata, retry_helps=False)
        context.add_output_metadata(metadata)

    @dg.job(name=READINESS_JOB, description="Before the open: is everything there that the session needs?")
    def job() -> None:
        readiness()

    return job


def verification_job(settings: Settings) -> dg.JobDefinition:
    """Whether what is stored is what was landed and judged, and whether the newest backup is sound."""

    @dg.op(description="Stored rows against landed bars, landed bars against the judgement; the newest backup.")
    def verification(
        context: dg.OpExecutionContext, landing: LandingResource, gate: GateResource, database: DatabaseResource
    ) -> None:
        server = database.server()
        desk = Desk(settings.symbols, settings.bar_size, gate.gate(), landing.zone(), server)
        verified = verify_sessions(desk, settings.first_session, latest_closed_session(utc_now()).day)
        metadata: dict[str, dg.MetadataValue] = {"sessions compared": dg.MetadataValue.int(verified.sessions)}
        differences = list(verified.differences)
        if settings.eod.backup_folder is not None:
            try:
                newest = verify_newest_backup(server, settings.home / settings.eod.backup_folder)
                metadata["backup proven"] = dg.MetadataValue.text(newest)
            except DatabaseError as error:
                differences.append(str(error))
        if differences:
            listed = dg.MetadataValue.md("\n".join(f"- {said}" for said in differences))
            said = f"{counted(len(differences), 'difference')}. {' '.join(differences)}"
            raise failure(said, {**metadata, "differences": listed}, retry_helps=False)
        context.add_output_metadata(metadata)

    @dg.job(name=VERIFICATION_JOB, description="Once a week: is what is stored what was landed and judged?")
    def job() -> None:
        verification()

    return job


def _row(finding: Finding) -> dg.TableRecord:
    return dg.TableRecord(
        {"what": finding.name, "outcome": finding.outcome.value, "said": finding.said, "advice": finding.advice}
    )
