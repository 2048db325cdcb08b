"""`intraday orders …`: the commands. What they do is in `orders`."""

from typing import Annotated

import typer

from cli.ending import Screen, end

orders = typer.Typer(
    help="Make, modify, cancel and look at orders of a paper account; halt them.", no_args_is_help=True
)

KEPT = "What is stored of the order stands: `intraday orders list` shows it."
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
OrderId = Annotated[str, typer.Argument(metavar="ID")]
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL")]
Quantity = Annotated[str, typer.Argument(metavar="SHARES")]
Limit = Annotated[str | None, typer.Option("--limit", metavar="PRICE", help="Not at a worse price than this.")]
Stop = Annotated[str | None, typer.Option("--stop", metavar="PRICE", help="Not before the market reaches this.")]
Tif = Annotated[str, typer.Option("--tif", metavar="day|gtc|ioc", help="How long the order stands.")]
Id = Annotated[str | None, typer.Option("--id", metavar="ID", help="The order's id; made up unless given.")]
At = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="With the simulated broker: at this time, with its offset from UTC, and on."),
]
Wait = Annotated[float, typer.Option(min=0, max=600, metavar="SECONDS", help="For what becomes of it.")]
Halted = Annotated[str | None, typer.Argument(metavar="[SYMBOL]", help="Everything, unless given.")]
Why = Annotated[str, typer.Option("--why", help="For whoever asks later.")]

MADE = """Exit status: 0 the broker has it, or more; 1 it was refused or rejected, or nothing was heard; 2 it could \
not be sent, and was not."""


@orders.command(help=f"Buy SHARES of SYMBOL: at the market, or with --limit, --stop or both.\n\n{MADE}")
def buy(
    symbol: Symbol,
    shares: Quantity,
    limit: Limit = None,
    stop: Stop = None,
    tif: Tif = "day",
    client_order_id: Id = None,
    at: At = None,
    wait: Wait = 5.0,
) -> None:
    """Buy."""
    _make("BUY", symbol, shares, limit, stop, tif, client_order_id, at, wait)


@orders.command(help=f"Sell SHARES of SYMBOL, as buy does; what is not held is sold short.\n\n{MADE}")
def sell(
    symbol: Symbol,
    shares: Quantity,
    limit: Limit = None,
    stop: Stop = None,
    tif: Tif = "day",
    client_order_id: Id = None,
    at: At = None,
    wait: Wait = 5.0,
) -> None:
    """Sell."""
    _make("SELL", symbol, shares, limit, stop, tif, client_order_id, at, wait)


@orders.command()
def cancel(order: OrderId, at: At = None, wait: Wait = 5.0) -> None:
    """Ask the broker to cancel an order.

    Exit status: 0 it is cancelled, 1 it is not (yet), 2 there is none, or the broker could not be asked.
    """
    from cli.orders import cancel as command

    end(lambda: command(order, at, wait, Screen()), interrupted=KEPT)


@orders.command()
def modify(
    order: OrderId,
    shares: Annotated[
        str | None, typer.Option("--shares", metavar="SHARES", help="In all, the filled among them.")
    ] = None,
    limit: Limit = None,
    stop: Stop = None,
    at: At = None,
    wait: Wait = 5.0,
) -> None:
    """Ask the broker for other terms of an order; what is not given stays.

    Exit status: 0 it has them, 1 they were refused, or it has not got them (yet), 2 there is no such order, or its type
    has no such price, or the broker could not be asked.
    """
    from cli.orders import modify as command

    end(lambda: command(order, shares, limit, stop, at, wait, Screen()), interrupted=KEPT)


@orders.command("list")
def list_orders(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too, the last 1,000.")] = False,
    as_json: Json = False,
) -> None:
    """Show the orders that have not ended."""
    from cli.orders import list_orders as command

    end(lambda: command(Screen(), every=every, as_json=as_json))


@orders.command()
def show(order: OrderId, as_json: Json = False) -> None:
    """Show one order with its whole history."""
    from cli.orders import show as command

    end(lambda: command(order, Screen(), as_json=as_json))


@orders.command()
def halt(symbol: Halted = None, why: Why = "by hand") -> None:
    """Stop making orders, of a symbol or of all; what works at the broker stands. `intraday orders resume` ends it."""
    from cli.orders import halt as command

    end(lambda: command(symbol, why, Screen(), halted=True))


@orders.command()
def resume(symbol: Halted = None, why: Why = "by hand") -> None:
    """Allow orders again, of a symbol or of all; a halt of all ends only with all."""
    from cli.orders import halt as command

    end(lambda: command(symbol, why, Screen(), halted=False))


@orders.command()
def run() -> None:
    """Stay connected: send orders as they are made, take in fills as they come, reconcile every minute.

    One process per account; Ctrl-C ends it. Orders made while it runs go through it; fills made while none runs are
    swept in by the next command that connects.
    """
    from cli.orders import run as command

    end(lambda: command(Screen()), interrupted="Orders stand at the broker as they did; run it again to go on.")


def _make(
    side: str,
    symbol: str,
    shares: str,
    limit: str | None,
    stop: str | None,
    tif: str,
    client_order_id: str | None,
    at: str | None,
    wait: float,
) -> None:
    from cli.orders import Wanted
    from cli.orders import make as command

    wanted = Wanted(side, symbol, shares, limit, stop, tif, client_order_id)
    end(lambda: command(wanted, at, wait, Screen()), interrupted=KEPT)
