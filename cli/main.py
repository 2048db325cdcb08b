"""The console command `intraday`: its commands. The groups are modules beside it."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from cli.db import db
from cli.ending import STORED, UNWRITTEN, Screen, end, hold_readable
from cli.eod_commands import EodCommands, eod
from cli.gate_commands import GateCommands, gate
from cli.live_commands import live
from cli.monitor_commands import MONITOR_HELP, STATUS_HELP, monitor, status
from cli.orders_commands import orders
from cli.positions_commands import positions
from cli.simulate_commands import Port, simulate
from resources.paths import FILES

app = typer.Typer(
    help="Intraday bars of a pair of stocks, through a quality gate, into TimescaleDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(simulate, name="simulate")
app.add_typer(gate, name="gate")
app.add_typer(eod, name="eod")
app.add_typer(db, name="db")
app.add_typer(orders, name="orders")
app.add_typer(positions, name="positions")
app.add_typer(live, name="live")
app.command(help=MONITOR_HELP)(monitor)
app.command(help=STATUS_HELP)(status)


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON = "json"


class BarLengths(StrEnum):
    """Lengths in which bars can be read; `resources.database.bar_reader.BarLength`."""

    ONE_MINUTE = "1min"
    FIVE_MINUTES = "5min"
    FIFTEEN_MINUTES = "15min"
    ONE_HOUR = "1h"
    ONE_DAY = "1d"


class ExportFormat(StrEnum):
    """What kind of file bars are exported to; `resources.bar_files.FileFormat`."""

    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


LOAD_HELP = """Store the sessions in files of bars that the quality gate lets pass, in both tables.

Without FILES, those that lie in the desk's folder raw/, where a person or [bold]intraday fetch[/] put them. Loading \
the same again changes nothing; a file with other values revises what is stored.

[bold]Exit status[/]
0  every session is stored
1  something was refused: a session that the gate blocks, a file that cannot be read; it is named
2  nothing could be loaded: no files, no database"""

Day = Annotated[str, typer.Argument(metavar="YYYY-MM-DD")]
LastDay = Annotated[str | None, typer.Argument(metavar="[YYYY-MM-DD]", help="Defaults to the first.")]
Refresh = Annotated[bool, typer.Option(help="Ask the vendors again for what is landed.")]


@app.command()
def demo() -> None:
    """Run the main job on recorded sessions, two of them spoiled on purpose. No key, no network, no Docker."""
    from cli.demo import demo as command

    end(lambda: command(Screen()), interrupted=STORED)


@app.command()
def run(
    first: Day,
    last: LastDay = None,
    refresh: Refresh = False,
) -> None:
    """Materialise the sessions from FIRST to LAST as one run. Exit status 1 when a session did not pass."""
    from cli.run import run as command

    end(lambda: command(first, last or first, Screen(), refresh=refresh), interrupted=STORED)


@app.command()
def backfill(
    first: Annotated[str | None, typer.Argument(metavar="[YYYY-MM-DD]")] = None,
    last: LastDay = None,
    session: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Only this session.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The same as the first.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The same as the last.")] = None,
    refresh: Refresh = False,
) -> None:
    """Materialise years of sessions, one run a month. Exit status 1 when a session did not pass."""
    from cli.backfill import backfill as command

    begins = [day for day in (first, session, start) if day is not None]
    ends = [day for day in (last, session, until) if day is not None]
    if len(begins) != 1 or len(ends) > 1:
        raise typer.BadParameter("give a first day and perhaps a last one, or --from and --to, or --session")
    end(lambda: command(begins[0], (ends or begins)[0], Screen(), refresh=refresh), interrupted=STORED)


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
    end(
        lambda: command(first, last, Screen(), ending=ending.value, seed=made_up, refresh=refresh),
        interrupted=UNWRITTEN,
    )


@app.command(help=LOAD_HELP)
def load(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES]...", help="Files of bars in any shape that a feed reads.")
    ] = None,
    limit_files: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N of the files, by name.")
    ] = None,
) -> None:
    """Store the sessions in files of bars that the quality gate lets pass."""
    from cli.load import load as command

    end(lambda: command(files or [], Screen(), limit=limit_files), interrupted=STORED)


@app.command()
def feeds(
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print the counters in Prometheus' format.")] = False,
    reset: Annotated[str | None, typer.Option(metavar="FEED", help="Trust a feed again that is left alone.")] = None,
) -> None:
    """Show in what state the feeds are and what they went through."""
    from cli.feeds import feeds as command

    end(lambda: command(Screen(), prometheus=prometheus, reset=reset))


@app.command()
def doctor(
    area: Annotated[
        str | None, typer.Argument(metavar="[AREA]", help="feeds, ib, database, monitoring, disk or clock. [all]")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Spend a request of the Alpha Vantage key to try it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Look at what the system needs, a line each: exit status 1 when something does not work."""
    from cli.doctor import doctor as command

    end(lambda: command(Screen(), area, ask=ask, as_json=as_json))


@app.command()
def quote(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Defaults to all.")] = None,
) -> None:
    """Show the last price of the desk's symbols at Alpha Vantage."""
    from cli.feeds import quote as command

    end(lambda: command(symbols or [], Screen()))


@app.command()
def dev(port: Port = 3000) -> None:
    """Open the Dagster UI on this desk's data; on the demonstration's when there is no Alpha Vantage key."""
    from cli.dev import dev as command

    end(lambda: command(Screen(), port))


@app.command()
def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the Dagster UI, on loopback.")] = 3000,
    monitor_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the monitoring. [monitoring.port]")
    ] = None,
    added: Annotated[list[str] | None, typer.Option("--with", metavar="SERVICE", help="Run this too: orders.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE", help="Leave this out: live or monitor.")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Show how it is doing instead of starting it.")] = False,
) -> None:
    """Run everything on this machine: database, Dagster with its daemon, monitoring, live; Ctrl-C ends it.

    What dies is started again. Without an Alpha Vantage key it is the demonstration's desk, and live is left out.
    """
    from cli.up import status as show
    from cli.up import up as command

    end(lambda: show(Screen()) if status else command(Screen(), port, monitor_port, added or [], without or []))


@app.command()
def export(
    output: Annotated[str, typer.Option("--output", "-o", metavar="PATH", help="The file; - is stdout, for CSV.")],
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="From this New York day, YYYY-MM-DD, or time with its offset from UTC."
        ),
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Up to this day, which is included, or time, which is not.")
    ],
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Defaults to those of the desk.")
    ] = None,
    bar_size: Annotated[BarLengths, typer.Option(help="Length of the bars.")] = BarLengths.ONE_MINUTE,
    file_format: Annotated[
        ExportFormat | None, typer.Option("--format", help="What kind of file is written. [the ending of PATH]")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Prices as decimals in Parquet and Arrow too; in CSV they always are.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write stored bars to a file, which appears whole or not at all. Exit status 1 when there are none."""
    from cli.export import Asked
    from cli.export import export as command

    asked = Asked(
        symbols=symbols or (),
        start=start,
        end=until,
        bar_size=bar_size.value,
        file_format=None if file_format is None else file_format.value,
        output=output,
        exact=exact,
        force=force,
    )
    end(lambda: command(asked, Screen(stderr=True)), interrupted=UNWRITTEN)


def main() -> None:
    """Run what the command line says."""
    load_dotenv(FILES / ".env")
    misused = {"gate": GateCommands.misused, "eod": EodCommands.misused}
    hold_readable(sys.argv[1:], misused.get(next(iter(sys.argv[1:]), ""), 2))
    app()
