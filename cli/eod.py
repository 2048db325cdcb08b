"""`intraday eod`: how a session's day ended, in a terminal and in files. What it amounts to: `market.end_of_day`."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.gate_table import STYLE
from cli.made import hold_made
from market.sessions import Session, latest_closed_session, session
from market.telling import measured_of, trading_hours, written_day
from resources.database.opening import open_server
from resources.end_of_day import DayEnds
from resources.errors import NotWritten, RequestNotUnderstood
from resources.landing import replace_durably
from resources.market_time import hold_over, utc_now
from resources.settings import Settings, load_settings
from schemas.end_of_day import EodCheck, EodReport, eod_schema
from schemas.quality import Verdict
from schemas.words import printable

GOOD, WARNED, BAD, UNKNOWN = 0, 1, 2, 3
"""Exit statuses; a warning is one only where that was asked for."""
WIDTH: Final = 100
"""Of a report in a text file."""


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    day: str | None = None
    output: Path | None = None
    verbose: bool = False
    as_json: bool = False
    fail_on_warn: bool = False


def eod(asked: Asked, console: Console, now: Callable[[], pd.Timestamp] = utc_now) -> int:
    """The command: 0 when the day ended well, 1 for warnings where asked, 2 when a check failed, 3 for an ERROR.

    Args:
        asked: the command line.
        console: stdout.
        now: the machine's clock.

    """
    settings = load_settings()
    hold_made(settings.home)
    day = _session(asked.day, now())
    write = None if asked.output is None else _writer(asked.output)
    ends = _day_ends(settings, now)
    (report,) = ends.reports([day])
    if asked.as_json:
        console.out(_json(report), highlight=False)
    else:
        console.print(shown(report, verbose=asked.verbose))
    try:
        ends.keep([report])
    finally:  # a report that cannot be kept is written, and one that cannot be written is kept
        if write is not None:
            write(report)
    return status_of(report, fail_on_warn=asked.fail_on_warn)


def schema(console: Console) -> int:
    """The command `intraday eod schema`: prints the JSON Schema of a report."""
    console.out(json.dumps(eod_schema(), indent=2), highlight=False)
    return GOOD


def status_of(report: EodReport, *, fail_on_warn: bool) -> int:
    """The exit status that the report calls for."""
    if report.verdict is Verdict.ERROR:
        return UNKNOWN
    if report.verdict is Verdict.FAIL:
        return BAD
    return WARNED if fail_on_warn and report.verdict is Verdict.WARN else GOOD


def shown(report: EodReport, *, verbose: bool) -> RenderableType:
    """The report for a terminal: readable at 80 columns, in a pipe and without colour.

    Args:
        report: what is told.
        verbose: what was found is said of each check, not only of those that a person has to see to.

    """
    day = session(report.session)
    parts: list[RenderableType] = [
        Text.assemble((f"End of {written_day(day)}", "bold cyan"), f", {trading_hours(day)}"),
        _table(report),
    ]
    if verbose:
        parts += [Text("What was found", "bold"), *(_item(check, check.said) for check in report.checks), Text()]
    if report.problems:
        said = [
            (check, check.recommendation if verbose else f"{check.said} {check.recommendation}")
            for check in report.problems
        ]
        parts += [Text("What to do", "bold"), *(_item(*one) for one in said), Text()]
    parts.append(Text.assemble((report.verdict.value, STYLE[report.verdict]), f"  {_total(report)}"))
    return Group(*parts)


def _table(report: EodReport) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("of", overflow="fold")
    for column in ("measured", "good"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for check in report.checks:
        table.add_row(_name(check), Text(check.of or ""), *map(Text, measured_of(check)), _verdict(check))
    return table


def _item(check: EodCheck, said: str) -> Padding:
    of = f" of {check.of}" if check.of else ""
    return Padding(Text.assemble((f"{_name(check)}{of}: ", "cyan"), printable(said)), (0, 0, 0, 2), expand=False)


def _verdict(check: EodCheck) -> Text:
    return Text("not looked at", "dim") if check.verdict is None else Text(check.verdict, STYLE[check.verdict])


def _name(check: EodCheck) -> str:
    return check.name.replace("_", " ")


def _total(report: EodReport) -> str:
    unseen = sum(check.verdict is None for check in report.checks)
    return f"{len(report.checks)} checks, {len(report.problems)} to be seen to, {unseen} not looked at."


def _session(day: str | None, now: pd.Timestamp) -> Session:
    """The session that was asked for.

    Raises:
        UnknownSession: it is no date, or the exchange does not trade that day.
        TooEarly: it is not over.

    """
    if day is None:
        return latest_closed_session(now)
    found = session(day)
    hold_over([found], now)
    return found


def _day_ends(settings: Settings, now: Callable[[], pd.Timestamp]) -> DayEnds:
    return DayEnds(settings, cache(lambda: open_server(settings.home)), now)


def _json(report: EodReport) -> str:
    return report.model_dump_json(indent=2)


def _text(report: EodReport) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(shown(report, verbose=True))
    return capture.get()


def _page(report: EodReport) -> str:
    from intraday_assets.end_of_day_page import end_of_day_page  # half a second, for those who want a page

    return end_of_day_page(report)


KINDS: Final = {".json": lambda report: f"{_json(report)}\n", ".html": _page, ".txt": _text}
"""What is written, by the ending of the file."""


def _writer(path: Path) -> Callable[[EodReport], None]:
    """What writes a report there, whole or not at all.

    Raises:
        RequestNotUnderstood: its ending names no format, there is no such folder, or it is no file.

    """
    made = KINDS.get(path.suffix)
    if made is None:
        raise RequestNotUnderstood(f"--output is {path}, whose ending names no format; allowed: {', '.join(KINDS)}.")
    if not path.parent.is_dir():
        raise RequestNotUnderstood(f"{path} cannot be written: there is no folder {path.parent}.")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise RequestNotUnderstood(f"{path} is a folder, a link or a device; --output is the name of a file.")

    def write(report: EodReport) -> None:
        try:
            replace_durably(path, made(report).encode())
        except OSError as error:
            raise NotWritten(f"{path} cannot be written: {error.strerror or error}.") from error

    return write
