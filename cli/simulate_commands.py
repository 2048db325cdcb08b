"""`intraday simulate …`: the commands. What they do is in `simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.ending import Screen, end

simulate = typer.Typer(help="Stand-ins for the vendors, on loopback.", no_args_is_help=True)

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

    end(lambda: command(Screen(), Options(port, fault or [], plan, start, speed), labels))


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

    end(lambda: command(Screen(), Options(port, fault or [], plan, start, speed), same_bars=same_bars))


@simulate.command("tws")
def simulate_tws(
    port: Port = 0,
    fault: Annotated[list[str] | None, typer.Option(help="For example ambiguous_submit:1.")] = None,
    plan: PlanFile = None,
    speed: Speed = None,
    start: Start = None,
    account: Annotated[list[str] | None, typer.Option(help="Account number. Defaults to DU1234567.")] = None,
) -> None:
    """Be a TWS for its API's clients: orders, positions, recorded bars."""
    from cli.simulate import Options
    from cli.simulate_tws import tws as command

    end(lambda: command(Screen(), Options(port, fault or [], plan, start, speed), account or ["DU1234567"]))
