"""The console command `intraday`: its commands, and how a failure is shown."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from resources.errors import first_line
from resources.paths import FILES
from schemas.errors import IntradayError

STORAGE = ("sqlalchemy", "dagster_postgres")
"""Packages whose failures are the database's, told by name: to import them takes a second."""

app = typer.Typer(
    help="Intraday bars of a pair of stocks, through a quality gate, into TimescaleDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(help="Stand-ins for the vendors, on loopback.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON = "json"


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

    _end(lambda: command(Console()))


@app.command()
def run(
    first: Day,
    last: LastDay = None,
    refresh: Refresh = False,
) -> None:
    """Materialise the sessions from FIRST to LAST as one run. Exit status 1 when a session did not pass."""
    from cli.run import run as command

    _end(lambda: command(first, last or first, Console(), refresh=refresh))


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
    _end(lambda: command(first, last, Console(), ending=ending.value, seed=made_up, refresh=refresh))


@app.command()
def feeds(
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print the counters in Prometheus' format.")] = False,
    reset: Annotated[str | None, typer.Option(metavar="FEED", help="Trust a feed again that is left alone.")] = None,
) -> None:
    """Show in what state the feeds are and what they went through."""
    from cli.feeds import feeds as command

    _end(lambda: command(Console(), prometheus=prometheus, reset=reset))


@app.command()
def quote(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Defaults to all.")] = None,
) -> None:
    """Show the last price of the desk's symbols at Alpha Vantage."""
    from cli.feeds import quote as command

    _end(lambda: command(symbols or [], Console()))


@app.command()
def dev(port: Port = 3000) -> None:
    """Open the Dagster UI on this desk's data; on the demonstration's when there is no Alpha Vantage key."""
    from cli.dev import dev as command

    _end(lambda: command(Console(), port))


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

    _end(lambda: command(Console(), Options(port, fault or [], plan, start, speed), labels))


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

    _end(lambda: command(Console(), Options(port, fault or [], plan, start, speed), same_bars=same_bars))


def main() -> None:
    """Run what the command line says."""
    load_dotenv(FILES / ".env")
    app()


def _end(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; a failure is one sentence and 2, an interruption 130."""
    complain = Console(stderr=True)
    try:
        status = command()
    except IntradayError as error:
        complain.print(f"[red]{escape(error.sentence())}[/]", highlight=False)
        status = 2
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in STORAGE:
            raise
        said = escape(f"{type(error).__name__}: {first_line(error)}. A retry may help.")
        complain.print(f"[red]{said}[/]", highlight=False)
        status = 2
    except KeyboardInterrupt:
        complain.print("Interrupted. What was stored is whole; run it again to go on.")
        status = 130
    sys.exit(status)
