"""`intraday live …`: the commands. What they do is in `live`."""

from typing import Annotated

import typer

from cli.default_command import DefaultCommandGroup
from cli.ending import Screen, end

INTERRUPTED = "What was told is stored; start it again to go on."


class LiveCommands(DefaultCommandGroup):
    """`intraday live` takes bars in; the others look."""

    default = "run"
    misused = 2


live = typer.Typer(cls=LiveCommands, help="Take in bars as they happen.")

Speed = Annotated[float, typer.Option(min=1, max=3600, help="How many times as fast as the market.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]

RUN_HELP = """Take in the bars of the desk's symbols while the exchange is open, from the feeds as they are \
configured; sleep while it is shut. Ctrl-C ends it, and it goes on where it ended.

[bold]Exit status[/]
0  as many sessions as asked for are stored
1  another live process works on this database
2  a person has to mend something; it is named
130  interrupted"""


@live.command(name="run", help=RUN_HELP)
def run(
    sessions: Annotated[
        int | None, typer.Option(min=1, help="End after so many sessions. [until it is interrupted]")
    ] = None,
) -> None:
    """Take in bars as they happen."""
    from cli.live import run as command

    end(lambda: command(Screen(), sessions), interrupted=INTERRUPTED)


@live.command()
def demo(
    day: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="A recorded session.")] = "2020-12-01",
    speed: Speed = 60,
) -> None:
    """Replay a recorded session as if it were live, on a desk of its own. No key, no network."""
    from cli.live import demo as command

    end(lambda: command(Screen(), day, speed), interrupted=INTERRUPTED)


@live.command()
def status(as_json: Json = False) -> None:
    """Show how the live process is doing. Exit status 1 where it is not running, or degraded."""
    from cli.live import status as command

    end(lambda: command(Screen(), as_json=as_json))


@live.command()
def watch(
    since: Annotated[int | None, typer.Option(min=0, metavar="ID", help="After this event. [from now on]")] = None,
) -> None:
    """Print each bar that consumers are told of, as JSON lines."""
    from cli.live import watch as command

    end(lambda: command(Screen(), since))
