"""`intraday load`: the sessions in files through the gate into the database, without Dagster, so that it starts fast.

What is loaded and how is `resources.loading`'s matter; here it is shown.
"""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from resources.database.opening import open_server
from resources.feeds.loadable import LoadableFiles, open_files
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.load_desk import LoadingDesk
from resources.loading import Loader, Outcome
from resources.market_time import utc_now
from resources.settings import Settings, load_settings
from schemas.quality import Action
from schemas.words import counted

STORED, REFUSED = 0, 1
"""Exit statuses."""
NAMED: Final = 20
"""Of sessions with a warning, how many are named with the reason; of refused ones all are."""
TABLES: Final = ("market_data", "dual_ticker_bars")


def load(
    paths: Sequence[Path], console: Console, *, limit: int | None, now: Callable[[], pd.Timestamp] = utc_now
) -> int:
    """The command: 0 when every session is stored, 1 when a file or a session was refused.

    Args:
        paths: files; none: those of the desk's folder.
        console: where it is shown.
        limit: how many of the files at most, the first by name.
        now: the clock.

    Raises:
        NoBars: there are no files.
        DatabaseError: the database cannot be used.
        ConfigError: the configuration cannot be used.

    """
    started = perf_counter()
    settings = load_settings()
    gate = load_gate(settings.environment)
    files = LoadableFiles(open_files(paths, settings, limit), settings, now())
    server = open_server(settings.home)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        for _ in progress.track(files.read(), total=len(files), description="files"):
            pass
        landing = LandingZone(settings.landing_url)
        desk = LoadingDesk(settings.symbols, settings.bar_size, gate, landing, server, files.feed)
        sessions = files.sessions
        gc.freeze()  # a collection need not look through all that was imported, which takes as long as ten sessions
        outcomes: list[Outcome] = []
        try:
            for outcome in progress.track(Loader(desk).load(sessions), total=len(sessions), description="sessions"):
                outcomes.append(outcome)
        finally:  # also of a load that ends early
            progress.stop()
            _show(outcomes, files, settings, console)
            _show_totals(outcomes, files, perf_counter() - started, console)
    refused = files.refused or files.left_alone or any(outcome.why for outcome in outcomes)
    return REFUSED if refused or not outcomes else STORED


def _show(outcomes: Sequence[Outcome], files: LoadableFiles, settings: Settings, console: Console) -> None:
    """What changed in each table, then what was refused and what a person should look at."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("table", no_wrap=True)
    for column in ("rows sent", "new", "revised", "unchanged", "removed"):
        table.add_column(column, justify="right", no_wrap=True)
    for name in TABLES:
        changes = [outcome.changes[name] for outcome in outcomes if name in outcome.changes]
        counts = [(one.sent, one.added, one.revised, one.unchanged, one.removed) for one in changes]
        table.add_row(name, *[f"{sum(column):,}" for column in zip(*counts, strict=True)] or ["0"] * 5)
    console.print(table)
    for said in (*files.refused.values(), *files.left_alone.values()):
        console.print(f"[red]refused[/] {escape(said)}", highlight=False, soft_wrap=True)
    for outcome in outcomes:
        if outcome.why:
            console.print(f"[red]{outcome.session.key}[/] {escape(outcome.why)}", highlight=False, soft_wrap=True)
    warned = [one for one in outcomes if not one.why and one.report.action is not Action.CONTINUE]
    for outcome in warned[:NAMED]:
        said = " ".join(outcome.report.reasons())
        console.print(f"[yellow]{outcome.session.key}[/] {escape(said)}", highlight=False, soft_wrap=True)
    if len(warned) > NAMED:
        more = counted(len(warned) - NAMED, "more session")
        console.print(f"[yellow]Stored with a warning: {more}.[/]", highlight=False)
    for said in (*files.nowhere, *files.contested):
        console.print(f"[yellow]{escape(said)}[/]", highlight=False, soft_wrap=True)


def _show_totals(outcomes: Sequence[Outcome], files: LoadableFiles, seconds: float, console: Console) -> None:
    """The statistics: where every file, every session and every row went."""
    stored = [outcome for outcome in outcomes if not outcome.why]
    refused = [outcome for outcome in outcomes if outcome.why]
    rows, marked = sum(one.rows for one in outcomes), sum(one.marked for one in stored)
    lost = sum(one.rows for one in refused)
    sessions = f"{counted(len(outcomes), 'session')}: {len(stored)} stored, {len(refused)} refused"
    left = f"; {len(files.left_alone)} left alone" if files.left_alone else ""
    console.print(
        f"{counted(len(files), 'file')}, {len(files.refused)} refused in part or whole. {sessions}{left}.",
        highlight=False,
    )
    said = f"{counted(rows, 'row')} in: {rows - lost - marked:,} bars of sessions that are stored, "
    said += f"{marked:,} outside of regular hours or marked, {lost:,} in refused sessions"
    elsewhere = [f"{count:,} {where}" for where, count in _elsewhere(rows, files).items() if count > 0]
    said += f"; beside these {', '.join(elsewhere)}" if elsewhere else ""
    console.print(f"{said}.", highlight=False)
    console.print(f"{seconds:.1f} s, {rows / seconds:,.0f} rows/s.", highlight=False)


def _elsewhere(rows: int, files: LoadableFiles) -> dict[str, int]:
    """By why, how many rows of the files did not come into a session of the load as they are."""
    rest = files.rows - files.not_taken.total() - rows
    return {**files.not_taken, "of which another file's were taken, or longer bars were made": rest}
