"""`intraday backfill`: materialise a range of sessions, one Dagster run a vendor month, and say what came of it.

A month is what a vendor answers at once, and with its run goes what the process remembers of it, so that a range of
years needs the memory of a month. A range as one run, and the rows of single sessions: `cli.run`.
"""

import secrets
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.desk import sessions_asked_for
from cli.run import RUN_ENDED_EARLY, RunResult, Runs, progress, say_changes, show_result
from resources.database.report_store import ReportStore
from resources.database.server import find_server
from resources.settings import Settings, load_settings
from schemas.quality import Verdict
from schemas.words import counted

TAG = "intraday/backfill"
"""Marks the runs of one backfill; the list of runs in the UI can be filtered by it."""
NAMED = 20
"""How many sessions are named whose bars are not the primary feed's, or that passed with a warning."""


class Month(NamedTuple):
    """What came of the sessions of a vendor month."""

    result: RunResult
    warned: list[str]
    """The sessions that passed with a warning, or on a person's word."""
    missing: int
    """Bars that the sessions lack, of all symbols."""
    stored: int
    """Rows of `market_data`."""

    def cells(self) -> list[str]:
        """As a row of the table."""
        bad, warned = len(self.result.did_not_pass), len(self.warned)
        passed = 0 if self.result.broke else len(self.result.sessions) - bad
        marked = f"[yellow]{warned}[/]" if warned else "0", f"[red]{bad}[/]" if bad else "0"
        numbers = (f"{number:,}" for number in (self.missing, self.stored, self.result.rows_changed))
        return [self.result.sessions[0].month, f"{len(self.result.sessions)}", f"{passed}", *marked, *numbers]


def backfill(first: str, last: str, console: Console, *, refresh: bool) -> int:
    """The command: 0 when every session passed, 1 when one did not, 2 when it ended early."""
    settings = load_settings()
    wanted = sessions_asked_for(first, last, settings)
    months = [list(sessions) for _, sessions in groupby(wanted, key=lambda session: session.month)]
    mark = secrets.token_hex(4)
    runs = Runs(settings, {TAG: mark})
    done: list[Month] = []
    with progress(console, len(wanted)):
        for sessions in months:
            result = runs.run(sessions, refresh=refresh, overviews=sessions is months[-1])
            done.append(_month(result, settings))
            if result.broke:
                break
    if len(months) == 1:
        show_result(done[0].result, settings, console)
    else:
        _show(done, console)
        console.print(f"{len(done)} runs with the tag {TAG} = {mark}.", highlight=False)
    if done[-1].result.broke:
        return RUN_ENDED_EARLY
    return int(any(month.result.did_not_pass for month in done))


def _month(result: RunResult, settings: Settings) -> Month:
    """What a person is told of a run: no more is kept of it."""
    if result.broke:
        return Month(result, [], 0, 0)
    store = ReportStore(find_server(settings.home))
    rows = store.session_rows(result.sessions, settings.environment, settings.bar_size, settings.symbols)
    passed = [row for row in rows if row.session not in result.did_not_pass]
    warned = [row.session for row in passed if row.verdict == Verdict.WARN or row.accepted]
    missing = sum(row.missing.get(symbol, 0) for row in rows for symbol in settings.symbols)
    return Month(result, warned, missing, sum(row.stored for row in rows))


def _show(months: Sequence[Month], console: Console) -> None:
    """A row per month, then every session that did not pass, and which ones are worth a look."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("month", no_wrap=True)
    for name in ("sessions", "passed", "with a\nwarning", "did\nnot pass", "bars\nmissing", "rows\nstored"):
        table.add_column(name, justify="right")
    table.add_column("rows\nchanged", justify="right")
    for month in months:
        table.add_row(*month.cells())
    console.print(table)
    whole = _together([month.result for month in months])
    for session, why in whole.did_not_pass.items():
        console.print(f"[red]{session}[/] {escape(why)}", highlight=False)
    _name("passed with a warning", [session for month in months for session in month.warned], console)
    _name("have bars that are not the primary feed's", list(whole.not_primary), console)
    say_changes(whole, console)
    if whole.broke:
        seen = sum(len(month.result.sessions) for month in months[:-1])
        console.print(f"[red]{escape(whole.broke)}[/] It ended after {counted(seen, 'session')}.", highlight=False)


def _name(what: str, sessions: Sequence[str], console: Console) -> None:
    more = f" and {len(sessions) - NAMED} more" if len(sessions) > NAMED else ""
    if sessions:
        named = ", ".join(sessions[:NAMED])
        console.print(f"[yellow]{counted(len(sessions), 'session')} {what}:[/] {named}{more}.", highlight=False)


def _together(results: Sequence[RunResult]) -> RunResult:
    """Several runs as if they were one."""
    return RunResult(
        [session for result in results for session in result.sessions],
        sum(result.rows_sent for result in results),
        sum(result.rows_changed for result in results),
        {session: why for result in results for session, why in result.did_not_pass.items()},
        {session: said for result in results for session, said in result.not_primary.items()},
        results[-1].broke,
    )
