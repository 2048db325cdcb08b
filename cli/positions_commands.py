"""`intraday positions …`: the commands. What they do is in `positions`."""

from typing import Annotated

import typer

from cli.ending import Screen, end

positions = typer.Typer(help="What a paper account holds, and whether the broker agrees.", invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@positions.callback()
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show what the account holds, valued by the last stored bars."""
    if context.invoked_subcommand is None:
        from cli.positions import show as command

        end(lambda: command(Screen(), as_json=as_json))


@positions.command()
def summary(as_json: Json = False) -> None:
    """Show exposure, profit and loss, turnover, and how the closed trades did."""
    from cli.positions import summary as command

    end(lambda: command(Screen(), as_json=as_json))


@positions.command()
def reconcile() -> None:
    """Ask the broker what the account holds; a symbol that differs is halted until somebody adopts it.

    Where another process drives the account, what that one was told last is shown.

    Exit status: 0 both agree, 1 they differ, 2 the broker could not be asked.
    """
    from cli.positions import reconcile as command

    end(lambda: command(Screen()))


@positions.command()
def adopt(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    why: Annotated[str, typer.Option("--why", help="Why the position is what the broker says.")],
    price: Annotated[
        str | None, typer.Option(metavar="PRICE", help="What the shares are taken to have cost. [the last close]")
    ] = None,
) -> None:
    """Take a symbol's position to be what the broker said when they were last reconciled, and allow orders again.

    It becomes a line of the ledger with your name and reason.

    Exit status: 0 it is adopted, 2 there is nothing to adopt.
    """
    from cli.positions import adopt as command

    end(lambda: command(symbol, why, price, Screen()))
