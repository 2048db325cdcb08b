"""`intraday gate …`: the commands. What they do is in `gate`, `gate_table` and `gate_accept`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.default_command import DefaultCommandGroup
from cli.ending import Screen, end


class BarSizes(StrEnum):
    """Lengths of bars; `market.sessions.BarSize`, which takes a second to import."""

    ONE_MINUTE = "1min"
    FIVE_MINUTES = "5min"


class GateCommands(DefaultCommandGroup):
    """`intraday gate …`; a blocked session is 2, so what cannot be understood is 3."""

    default = "judge"
    misused = 3


gate = typer.Typer(cls=GateCommands, help="Hold sessions to the quality gate: those of files, or this desk's.")

GATE_HELP = """Hold sessions to the quality gate and show what it finds. Nothing is stored.

With FILE, the sessions in those files, without a database; otherwise those that this desk has landed, the latest one \
unless told which.

[bold]Exit status[/]
0  every session may pass, perhaps with warnings
1  there are warnings, and --fail-on-warn was given
2  a session is blocked
3  an error: it cannot be judged, or its verdict is ERROR"""


@gate.command("judge", help=GATE_HELP)
def gate_judge(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Files of bars in any shape that a feed reads; no database is needed."),
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Only this session.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="Sessions from this day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Sessions up to this day.")] = None,
    environment: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose thresholds: prod (production), staging or ci. [the desk's]"),
    ] = None,
    max_missing: Annotated[
        float | None, typer.Option(min=0, max=1, help="Fail above this share of missing bars, whatever is configured.")
    ] = None,
    fail_on_warn: Annotated[bool, typer.Option("--fail-on-warn", help="Exit with 1 where there are warnings.")] = False,
    json_path: Annotated[
        str | None, typer.Option("--json", metavar="PATH", help="Write the report, or an array of them; - is stdout.")
    ] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", metavar="PATH", help="Write a page for a browser.")
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Judge only this one; may be repeated.")] = None,
    bar_size: Annotated[BarSizes | None, typer.Option(help="Length of the bars. [the files']")] = None,
) -> None:
    """Hold sessions to the quality gate and show what it finds."""
    from cli.gate import Asked
    from cli.gate import gate as command

    if session is not None and (first is not None or last is not None):
        raise typer.BadParameter("it does not go with --from and --to", param_hint="--session")
    size = None if bar_size is None else bar_size.value
    asked = Asked(
        files=files or (),
        session=session,
        first=first,
        last=last,
        environment=environment,
        max_missing=max_missing,
        fail_on_warn=fail_on_warn,
        json_path=json_path,
        html_path=html_path,
        symbols=symbol or (),
        bar_size=size,
    )
    end(lambda: command(asked, Screen(), Screen(stderr=True)), failed=3)


@gate.command("accept")
def gate_accept(
    session: Annotated[str, typer.Argument(metavar="YYYY-MM-DD")],
    reason: Annotated[str, typer.Option(help="Why its bars are good enough.")],
    by: Annotated[str | None, typer.Option(help="Who says so; the operating system's user unless given.")] = None,
) -> None:
    """Let a blocked SESSION pass, for the bars that were judged. It is kept for ever who did, when and why."""
    from cli.gate_accept import accept, operating_system_user

    end(lambda: accept(session, reason, operating_system_user() if by is None else by, Screen()), failed=3)


@gate.command("schema")
def gate_schema() -> None:
    """Print the JSON Schema of a report."""
    from cli.gate import schema as command

    end(lambda: command(Screen()), failed=3)
