"""The console command `intraday`: its commands, and how a failure is shown."""

import sys
from typing import Annotated

import typer
from dotenv import load_dotenv
from rich.console import Console

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
def demo() -> int:
    """Run the main job on recorded sessions, two of them spoiled on purpose. No key, no network, no Docker."""
    from cli.demo import demo as command

    return command(Console())


@app.command()
def run(
    first: Day,
    last: Annotated[str | None, typer.Argument(metavar="[YYYY-MM-DD]", help="Defaults to the first.")] = None,
    refresh: Annotated[bool, typer.Option(help="Ask the vendor again for months that are landed.")] = False,
) -> int:
    """Materialise the sessions from FIRST to LAST as one run. Exit status 1 when a session did not pass."""
    from cli.run import run as command

    return command(first, last or first, Console(), refresh=refresh)


@app.command()
def dev(port: Port = 3000) -> int:
    """Open the Dagster UI on this desk's data; on the demonstration's when there is no Alpha Vantage key."""
    from cli.dev import dev as command

    return command(Console(), port)


@simulate.command("alpha-vantage")
def simulate_alpha_vantage(
    port: Port = 0,
    fault: Annotated[list[str] | None, typer.Option(help="For example drop:NVDA:2020-11-24:10:00-10:44.")] = None,
) -> int:
    """Serve recorded bars in Alpha Vantage's wire format."""
    from cli.simulate import alpha_vantage as command

    return command(Console(), port, fault or [])


def main() -> None:
    """Run the command; a failure is one sentence and exit status 2, an interruption exit status 130."""
    load_dotenv(FILES / ".env")
    try:
        sys.exit(app(standalone_mode=False))
    except IntradayError as error:
        _fail(error.sentence())
    except (typer.Exit, SystemExit):
        raise
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted. What was stored is whole; run it again to go on.")
        sys.exit(130)


def _fail(sentence: str) -> None:
    Console(stderr=True).print(f"[red]{sentence}[/]", highlight=False)
    sys.exit(2)
