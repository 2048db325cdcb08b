"""`intraday monitor` and `intraday status`: the commands. What they do is in `cli.monitor`."""

from typing import Annotated

import typer

from cli.ending import Screen, end

MONITOR_HELP = """Serve how the desk is doing: a page for people, [bold]/monitoring/metrics[/] for Prometheus, \
[bold]/monitoring/health[/] for whoever watches. The database is only read. Ctrl-C ends it.

[bold]Exit status[/]
0  it was ended
2  it could not begin: the port is taken, a setting is wrong; it is named"""

STATUS_HELP = """Show how the desk is doing, as [bold]/monitoring/status[/] does; no monitor has to run for it.

[bold]Exit status[/]
0  healthy, or degraded: it works
1  unhealthy: somebody must act now
2  it could not be looked at: a setting is wrong; it is named"""


def monitor(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to listen: loopback, or monitoring.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="0 is any free one. [default: monitoring.port]")
    ] = None,
) -> None:
    """Serve how the desk is doing."""
    from cli.monitor import monitor as command

    end(lambda: command(Screen(), host, port))


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False) -> None:
    """Show how the desk is doing."""
    from cli.monitor import status as command

    end(lambda: command(Screen(), as_json=as_json))
