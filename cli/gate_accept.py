"""`intraday gate accept`: a person lets a blocked session pass, for the bars that were judged, with name and reason."""

import getpass
from collections.abc import Callable

import pandas as pd
from rich.console import Console

from cli.desk import sessions_asked_for
from cli.run import RUN_ENDED_EARLY, run_sessions, show_result
from market.quality.gate import bars_of
from resources.database.acceptance_store import AcceptanceStore
from resources.database.opening import open_server
from resources.database.report_store import ReportStore
from resources.errors import NotAcceptable
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.settings import load_settings
from resources.shelf import Shelf
from schemas.quality import Acceptance, QualityReport

BEHIND_THE_BARS = ("frames", "quality_reports", "market_data", "dual_ticker_bars", "eod_summaries")
"""What is made anew of the landed bars once they are accepted."""


def accept(
    session_key: str,
    reason: str,
    by: str,
    console: Console,
    now: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC").as_unit("us"),
) -> int:
    """The command: 0 when the session is stored, 1 when it did not pass all the same, 2 when the run ended early.

    Args:
        session_key: the session, YYYY-MM-DD.
        reason: why its bars are good enough.
        by: who says so.
        console: where the outcome is shown.
        now: the clock, UTC.

    Raises:
        NotAcceptable: the environment lets nobody accept, nothing blocks the session, what blocks it could not be
            stored, or a name or a reason is missing.
        NotLanded: no run has judged the session.
        OtherJudgement: the landed report is not the newest that the gate made.

    """
    for name, given, longest in (("--reason", reason, 2000), ("--by", by, 200)):
        if not given.strip():
            raise NotAcceptable(f"{name} is empty: an acceptance says who accepted and why.")
        if not given.isprintable() or len(given) > longest:
            raise NotAcceptable(f"{name} must be one line of at most {longest} printable characters.")
    settings = load_settings()
    environment = settings.environment
    sessions = sessions_asked_for(session_key, session_key, settings)
    if not load_gate(environment).policy.acceptance:
        raise NotAcceptable(
            f"{environment} lets nobody accept a blocked session (policy.acceptance in data_quality.yaml)."
        )
    server = open_server(settings.home)
    shelf = Shelf(LandingZone(settings.landing_url), environment, settings.bar_size, settings.symbols)
    report = shelf.report(sessions[0])
    ReportStore(server).hold_newest(report)
    hold_acceptable(report)
    accepted = tuple(finding.message for finding in report.findings if report.blocks(finding))
    word = Acceptance(by=by, reason=reason, at=now().isoformat(), fingerprints=bars_of(report), findings=accepted)
    AcceptanceStore(server).keep(report, word)
    result = run_sessions(sessions, settings, console, assets=BEHIND_THE_BARS)
    show_result(result, settings, console)
    return RUN_ENDED_EARLY if result.broke else int(bool(result.did_not_pass))


def hold_acceptable(report: QualityReport) -> None:
    """Refuse what is not blocked, and what no person's word could store.

    Raises:
        NotAcceptable: saying which of them.

    """
    if not report.blocked:
        by = f" on the word of {report.accepted.by}" if report.accepted else ""
        raise NotAcceptable(f"{report.session} is not blocked{by} ({report.verdict}): there is nothing to accept.")
    final = [finding for finding in report.findings if report.blocks(finding) and not finding.acceptable]
    if final:
        said = " ".join(finding.message for finding in final)
        names = ", ".join(dict.fromkeys(finding.rule for finding in final))
        raise NotAcceptable(f"{report.session} cannot be stored, whoever accepts it ({names}): {said}")


def operating_system_user() -> str:
    """Who runs the command, as the operating system knows them.

    Raises:
        NotAcceptable: it does not.

    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise NotAcceptable("The operating system does not say who you are: give --by.") from None
