"""`intraday eod …`: the commands. What they do is in `eod`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.default_command import DefaultCommandGroup
from cli.ending import Screen, end


class EodCommands(DefaultCommandGroup):
    """`intraday eod …`; a day that ended badly is 2, so what cannot be understood is 3."""

    default = "look"
    misused = 3


eod = typer.Typer(cls=EodCommands, help="Look at how a day ended, and say what to do about it.")

EOD_HELP = """Look at how a session's day ended: a table of checks, and what to do about those that do not hold.

The report is kept, so that monitoring tells of it. No vendor and no broker is asked. Disks, landed files, backups and \
positions are of today: they are looked at for the latest session only.

[bold]Exit status[/]
0  the day ended well, perhaps with warnings
1  there are warnings, and --fail-on-warn was given
2  a check failed
3  an error: something could not be looked at, or the report could not be written or kept"""


@eod.command("look", help=EOD_HELP)
def look(
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="Of this session; the last that is over unless given."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the report too: .json, .html or .txt; replaces it."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say of each check what was found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    fail_on_warn: Annotated[bool, typer.Option("--fail-on-warn", help="Exit with 1 where there are warnings.")] = False,
) -> None:
    """Look at how a session's day ended."""
    from cli.eod import Asked
    from cli.eod import eod as command

    asked = Asked(day, output, verbose=verbose, as_json=as_json, fail_on_warn=fail_on_warn)
    end(lambda: command(asked, Screen()), failed=3)


@eod.command("schema")
def schema() -> None:
    """Print the JSON Schema of a report."""
    from cli.eod import schema as command

    end(lambda: command(Screen()), failed=3)
