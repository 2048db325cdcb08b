"""The console command `intraday`: its commands, and how a failure is shown."""

import os
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from cli.default_command import DefaultCommandGroup
from resources.errors import first_line
from resources.paths import FILES
from schemas.errors import IntradayError

STORAGE = ("sqlalchemy", "dagster_postgres")
"""Packages whose failures are the database's, told by name: to import them takes a second."""


class BarSizes(StrEnum):
    """Lengths of bars; `market.sessions.BarSize`, which takes a second to import."""

    ONE_MINUTE = "1min"
    FIVE_MINUTES = "5min"


class GateCommands(DefaultCommandGroup):
    """`intraday gate …`; a blocked session is 2, so what cannot be understood is 3."""

    default = "judge"
    misused = 3


app = typer.Typer(
    help="Intraday bars of a pair of stocks, through a quality gate, into TimescaleDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(help="Stand-ins for the vendors, on loopback.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")
gate = typer.Typer(cls=GateCommands, help="Hold sessions to the quality gate: those of files, or this desk's.")
app.add_typer(gate, name="gate")


class Screen(Console):
    """A screen that may be closed before all is said, as by `| head`; the exit status is still that of the work."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON = "json"


GATE_HELP = """Hold sessions to the quality gate and show what it finds. Nothing is stored.

With FILE, the sessions in those files, without a database; otherwise those that this desk has landed, the latest one \
unless told which.

[bold]Exit status[/]
0  every session may pass, perhaps with warnings
1  there are warnings, and --fail-on-warn was given
2  a session is blocked
3  an error: it cannot be judged, or its verdict is ERROR"""

Day = Annotated[str, typer.Argument(metavar="YYYY-MM-DD")]
LastDay = Annotated[str | None, typer.Argument(metavar="[YYYY-MM-DD]", help="Defaults to the first.")]
Refresh = Annotated[bool, typer.Option(help="Ask the vendors again for what is landed.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Loopback port.")]
Faults = Annotated[list[str] | None, typer.Option(help="For example drop:NVDA:2020-11-24:10:00-10:44.")]
PlanFile = Annotated[Path | None, typer.Option(metavar="FILE", help="A YAML file of faults per vendor.")]
Speed = Annotated[float | None, typer.Option(help="Replay as if live, this many times as fast as it was.")]
Start = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="Replay as if live, from this New York time. Defaults to the first bar."
    ),
]


@app.command()
def demo() -> None:
    """Run the main job on recorded sessions, two of them spoiled on purpose. No key, no network, no Docker."""
    from cli.demo import demo as command

    _end(lambda: command(Screen()))


@app.command()
def run(
    first: Day,
    last: LastDay = None,
    refresh: Refresh = False,
) -> None:
    """Materialise the sessions from FIRST to LAST as one run. Exit status 1 when a session did not pass."""
    from cli.run import run as command

    _end(lambda: command(first, last or first, Screen(), refresh=refresh))


@app.command()
def fetch(
    first: Annotated[
        str | None, typer.Argument(metavar="[YYYY-MM-DD]", help="Defaults to the last session that is over.")
    ] = None,
    last: LastDay = None,
    ending: Annotated[Format, typer.Option("--format", help="What kind of file is written.")] = Format.CSV,
    mock_data: Annotated[bool, typer.Option("--mock-data", help="Make bars up instead of asking anybody.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Which bars --mock-data makes up; 0 unless given.")] = None,
    refresh: Refresh = False,
) -> None:
    """Write the bars of the sessions from FIRST to LAST into a file under raw/. Exit status 1 when some are missing."""
    from cli.fetch import fetch as command

    if seed is not None and not mock_data:
        raise typer.BadParameter("it goes with --mock-data", param_hint="--seed")
    made_up = (seed or 0) if mock_data else None
    _end(lambda: command(first, last, Screen(), ending=ending.value, seed=made_up, refresh=refresh))


@app.command()
def feeds(
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print the counters in Prometheus' format.")] = False,
    reset: Annotated[str | None, typer.Option(metavar="FEED", help="Trust a feed again that is left alone.")] = None,
) -> None:
    """Show in what state the feeds are and what they went through."""
    from cli.feeds import feeds as command

    _end(lambda: command(Screen(), prometheus=prometheus, reset=reset))


@app.command()
def quote(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Defaults to all.")] = None,
) -> None:
    """Show the last price of the desk's symbols at Alpha Vantage."""
    from cli.feeds import quote as command

    _end(lambda: command(symbols or [], Screen()))


@app.command()
def dev(port: Port = 3000) -> None:
    """Open the Dagster UI on this desk's data; on the demonstration's when there is no Alpha Vantage key."""
    from cli.dev import dev as command

    _end(lambda: command(Screen(), port))


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
    _end(lambda: command(asked, Screen(), Screen(stderr=True)), failed=3)


@gate.command("accept")
def gate_accept(
    session: Day,
    reason: Annotated[str, typer.Option(help="Why its bars are good enough.")],
    by: Annotated[str | None, typer.Option(help="Who says so; the operating system's user unless given.")] = None,
) -> None:
    """Let a blocked SESSION pass, for the bars that were judged. It is kept for ever who did, when and why."""
    from cli.gate_accept import accept, operating_system_user

    _end(lambda: accept(session, reason, operating_system_user() if by is None else by, Screen()), failed=3)


@gate.command("schema")
def gate_schema() -> None:
    """Print the JSON Schema of a report."""
    from cli.gate import schema as command

    _end(lambda: command(Screen()), failed=3)


@simulate.command("alpha-vantage")
def simulate_alpha_vantage(
    port: Port = 0,
    fault: Faults = None,
    plan: PlanFile = None,
    speed: Speed = None,
    start: Start = None,
    labels: Annotated[str, typer.Option(metavar="start|end", help="Which end of a bar its stamp marks.")] = "end",
) -> None:
    """Serve recorded bars in Alpha Vantage's wire format."""
    from cli.simulate import Options
    from cli.simulate import alpha_vantage as command

    _end(lambda: command(Screen(), Options(port, fault or [], plan, start, speed), labels))


@simulate.command("yahoo")
def simulate_yahoo(
    port: Port = 0,
    fault: Faults = None,
    plan: PlanFile = None,
    speed: Speed = None,
    start: Start = None,
    same_bars: Annotated[bool, typer.Option("--same-bars", help="Those of the Alpha Vantage stand-in.")] = False,
) -> None:
    """Serve recorded bars in the wire format of Yahoo's chart API."""
    from cli.simulate import Options
    from cli.simulate import yahoo as command

    _end(lambda: command(Screen(), Options(port, fault or [], plan, start, speed), same_bars=same_bars))


def main() -> None:
    """Run what the command line says."""
    load_dotenv(FILES / ".env")
    app()


def _end(command: Callable[[], int], failed: int = 2) -> NoReturn:
    """Run a command and exit with its status; a failure is one sentence and `failed`, an interruption 130."""
    complain = Console(stderr=True)
    try:
        status = command()
    except IntradayError as error:
        complain.print(f"[red]{escape(error.sentence())}[/]", highlight=False)
        status = failed
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in STORAGE:
            said = escape(f"{type(error).__name__}: {first_line(error)}. A retry may help.")
            complain.print(f"[red]{said}[/]", highlight=False)
        else:
            traceback.print_exc()  # a fault of ours: Python's own status, 1, says something else of most commands
        status = failed
    except KeyboardInterrupt:
        complain.print("Interrupted. What was stored is whole; run it again to go on.")
        status = 130
    sys.exit(status)
