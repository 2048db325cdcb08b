"""The console command `intraday`: its commands, and how a failure is shown."""

import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from resources.errors import first_line
from resources.paths import FILES
from schemas.errors import IntradayError

app = typer.Typer(
    help="Intraday bars of a pair of stocks, through a quality gate, into TimescaleDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(help="Stand-ins for the vendors, on loopback.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")

Day = Annotated[str, typer.Argument(metavar="YYYY-MM-DD")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Loopback port.")]


@app.command()
def demo() -> None:
    """Run the main job on recorded sessions, two of them spoiled on purpose. No key, no network, no Docker."""
    from cli.demo import demo as command

    _end(lambda: command(Console()))


@app.command()
def run(
    first: Day,
    last: Annotated[str | None, typer.Argument(metavar="[YYYY-MM-DD]", help="Defaults to the first.")] = None,
    refresh: Annotated[bool, typer.Option(help="Ask the vendor again for months that are landed.")] = False,
) -> None:
    """Materialise the sessions from FIRST to LAST as one run. Exit status 1 when a session did not pass."""
    from cli.run import run as command

    _end(lambda: command(first, last or first, Console(), refresh=refresh))


@app.command()
def dev(port: Port = 3000) -> None:
    """Open the Dagster UI on this desk's data; on the demonstration's when there is no Alpha Vantage key."""
    from cli.dev import dev as command

    _end(lambda: command(Console(), port))


@simulate.command("alpha-vantage")
def simulate_alpha_vantage(
    port: Port = 0,
    fault: Annotated[list[str] | None, typer.Option(help="For example drop:NVDA:2020-11-24:10:00-10:44.")] = None,
) -> None:
    """Serve recorded bars in Alpha Vantage's wire format."""
    from cli.simulate import alpha_vantage as command

    _end(lambda: command(Console(), port, fault or []))


def main() -> None:
    """Run what the command line says."""
    load_dotenv(FILES / ".env")
    app()


def _end(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; a failure is one sentence and 2, an interruption 130."""
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    complain = Console(stderr=True)
    try:
        status = command()
    except IntradayError as error:
        complain.print(f"[red]{escape(error.sentence())}[/]", highlight=False)
        status = 2
    except (OSError, SQLAlchemyError, DagsterPostgresException) as error:
        said = escape(f"{type(error).__name__}: {first_line(error)}. A retry may help.")
        complain.print(f"[red]{said}[/]", highlight=False)
        status = 2
    except KeyboardInterrupt:
        complain.print("Interrupted. What was stored is whole; run it again to go on.")
        status = 130
    sys.exit(status)
