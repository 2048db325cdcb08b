"""`intraday run`: materialise a range of sessions as one Dagster run and show what came of each."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import dagster as dg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.desk import sessions_asked_for
from cli.gate_table import STYLE
from cli.instance import open_instance, process_tag
from intraday_assets.assets.bars import NOT_PRIMARY
from intraday_assets.definitions import definitions_from
from intraday_assets.graph import BROKE, DID_NOT_PASS
from intraday_assets.jobs import MAIN_JOB
from market.sessions import Session
from resources.database.report_store import ReportStore, SessionRow
from resources.database.server import find_server
from resources.settings import Settings, load_settings
from schemas.quality import Verdict
from schemas.words import counted

RUN_ENDED_EARLY = 2
WIDTH = 60


@dataclass(frozen=True)
class RunResult:
    """What a run did."""

    sessions: list[Session]
    rows_sent: int
    """Rows of the sessions that passed, for both hypertables."""
    rows_changed: int
    """Of these tables, rows added, revised or removed."""
    did_not_pass: dict[str, str]
    """Why, by session."""
    not_primary: dict[str, str]
    """By session, what is not the primary feed's: of which symbol, from which feed, and why."""
    broke: str | None
    """Why the run ended before it had seen every session, if it did."""


class Progressing(logging.Handler):
    """Moves a progress bar by what the graph logs of each session."""

    def __init__(self, progress: Progress, total: int) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("starting", total=total)

    def emit(self, record: logging.LogRecord) -> None:
        """One session is done, or a feed makes the run wait."""
        session = getattr(record, "session", None)
        if session is None:
            self._progress.update(self._task, description=f"[dim]{escape(record.getMessage()[:WIDTH])}[/]")
        else:
            bad = getattr(record, "outcome", None) is not None
            said = f"{session} [red]did not pass[/]" if bad else f"{session} [green]passed[/]"
            self._progress.update(self._task, advance=1, description=said)


class Runs:
    """Dagster runs of the main job in this process: one instance and one set of definitions, however many runs."""

    def __init__(self, settings: Settings, tags: Mapping[str, str] | None = None) -> None:
        self._instance = open_instance(settings)
        self._job = definitions_from(settings).resolve_job_def(MAIN_JOB)
        self._tags = {**process_tag(), **(tags or {})}

    def run(
        self,
        sessions: Sequence[Session],
        *,
        refresh: bool = False,
        overviews: bool = True,
        assets: Sequence[str] | None = None,
    ) -> RunResult:
        """Materialise the sessions as one run, all its assets or some; what happens is logged, session by session."""
        result = self._job.execute_in_process(
            instance=self._instance,
            raise_on_error=False,
            asset_selection=None if assets is None else [dg.AssetKey(asset) for asset in assets],
            tags={
                **self._tags,
                "dagster/asset_partition_range_start": sessions[0].key,
                "dagster/asset_partition_range_end": sessions[-1].key,
            },
            run_config={
                "ops": {"sessions": {"config": {"refresh": refresh, "overviews": overviews}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
        sent, changed = _rows(result)
        did_not_pass, broke = _failures(result)
        return RunResult(list(sessions), sent, changed, did_not_pass, _not_primary(result), broke)


@contextmanager
def progress(console: Console, total: int) -> Iterator[None]:
    """A progress bar over the sessions that runs log while it is shown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    loggers = [logging.getLogger(name) for name in ("intraday.sessions", "intraday.feeds")]
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # it warns of the rollback that Ctrl-C cuts short
    with Progress(*columns, console=console, transient=False) as shown:
        handler = Progressing(shown, total)
        for logger in loggers:
            logger.setLevel(logging.INFO)
            logger.propagate = False
            logger.addHandler(handler)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(handler)


def run_sessions(
    sessions: list[Session],
    settings: Settings,
    console: Console,
    *,
    refresh: bool = False,
    assets: Sequence[str] | None = None,
) -> RunResult:
    """Materialise the sessions as one run of the main job, all its assets or some, with a progress bar."""
    runs = Runs(settings)
    with progress(console, len(sessions)):
        return runs.run(sessions, refresh=refresh, assets=assets)


def show_sessions(result: RunResult, settings: Settings, console: Console) -> None:
    """A row per session, then why some were not stored."""
    store = ReportStore(find_server(settings.home))
    rows = store.session_rows(result.sessions, settings.environment, settings.bar_size, settings.symbols)
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("session", no_wrap=True)
    table.add_column("minutes", justify="right")
    table.add_column("bars\nin", justify="right")
    for symbol in settings.symbols:
        table.add_column(f"missing\n{symbol}", justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("rows\nstored", justify="right")
    for row in rows:
        table.add_row(*_cells(row, settings.symbols))
    console.print(table)
    for row in rows:
        if row.blocked and row.stored:
            console.print(f"[yellow]{row.session}[/] The {row.stored} rows stored are those of an earlier run.")
    for row in rows:
        if row.verdict == "WARN" or row.accepted:
            said = " ".join((*row.reasons, *([row.accepted.sentence()] if row.accepted else [])))
            console.print(f"[yellow]{row.session}[/] {escape(said)}", highlight=False)
    for session, said in result.not_primary.items():
        console.print(f"[yellow]{session}[/] {escape(said)}", highlight=False)
    for session, why in result.did_not_pass.items():
        console.print(f"[red]{session}[/] {escape(why)}", highlight=False)


def run(first: str, last: str, console: Console, *, refresh: bool) -> int:
    """The command: 0 when every session passed, 1 when one did not, 2 when the run ended early."""
    result = run_and_show(load_settings(), first, last, console, refresh=refresh)
    return RUN_ENDED_EARLY if result.broke else int(bool(result.did_not_pass))


def run_and_show(settings: Settings, first: str, last: str, console: Console, *, refresh: bool = False) -> RunResult:
    """Run the sessions of a range, then show them and what changed."""
    result = run_sessions(sessions_asked_for(first, last, settings), settings, console, refresh=refresh)
    show_result(result, settings, console)
    return result


def show_result(result: RunResult, settings: Settings, console: Console) -> None:
    """The sessions of a run and what changed, or why it ended early."""
    if result.broke:
        console.print(f"[red]{escape(result.broke)}[/]", highlight=False)
    else:
        show_sessions(result, settings, console)
        say_changes(result, console)


def say_changes(result: RunResult, console: Console) -> None:
    """What the run changed in the database."""
    if result.rows_changed:
        console.print(
            f"{counted(result.rows_changed, 'row')} of market_data and dual_ticker_bars added, revised or removed."
        )
    elif result.rows_sent:
        console.print("Nothing changed: every row of the sessions that passed was already stored as it is.")
    else:
        console.print("Nothing was stored.")


def _cells(row: SessionRow, symbols: tuple[str, ...]) -> list[str]:
    missing = [f"{row.missing.get(symbol, 0)}" for symbol in symbols]
    marked = [f"[yellow]{count}[/]" if count != "0" else count for count in missing]
    said = "blocked" if row.blocked else "accepted" if row.accepted else ""
    style = STYLE[Verdict.WARN] if row.accepted else STYLE[Verdict(row.verdict)]
    verdict = f"[{style}]{', '.join(filter(None, (row.verdict, said)))}[/]"
    return [row.session, f"{row.minutes}", f"{row.bars_in}", *marked, verdict, f"{row.stored}"]


def _rows(result: dg.ExecuteInProcessResult) -> tuple[int, int]:
    """Rows sent to the hypertables, and rows that changed there."""
    loaded = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if "rows added" in event.materialization.metadata
    ]
    changed = [int(str(one[f"rows {what}"].value)) for one in loaded for what in ("added", "revised", "removed")]
    return sum(int(str(one["dagster/partition_row_count"].value)) for one in loaded), sum(changed)


def _not_primary(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """By session, the note of the bars asset on what other feeds gave."""
    made = [event.materialization for event in result.get_asset_materialization_events()]
    return {str(one.partition): str(one.metadata[NOT_PRIMARY].value) for one in made if NOT_PRIMARY in one.metadata}


def _failures(result: dg.ExecuteInProcessResult) -> tuple[dict[str, str], str | None]:
    """Why each session did not pass, and why the run ended before it had seen all of them, if it did."""
    for event in result.get_step_failure_events():
        failure = event.step_failure_data.user_failure_data
        if failure is None:
            error = event.step_failure_data.error
            if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
                raise KeyboardInterrupt
            inmost = error and (error.cause or error)
            return {}, inmost.message.strip() if inmost else "The run failed."
        if BROKE in failure.metadata:
            return {}, failure.description
        return cast("dict[str, str]", failure.metadata[DID_NOT_PASS].value), None
    return {}, None
