"""Whether a command line is one that there is: for those that are written in files and on pages. Nothing is run."""

from typing import Any

import typer
from dagster._cli import cli as dagster_cli
from dagster._daemon.cli import cli as daemon_cli
from dagster_webserver.cli import dagster_webserver

from cli.main import app

COMMANDS = {
    "intraday": typer.main.get_command(app),
    "dagster": dagster_cli,
    "dagster-daemon": daemon_cli,
    "dagster-webserver": dagster_webserver,
}


def understood(words: list[str]) -> bool:
    """Whether the program takes these words, down to the last option."""
    command: Any = COMMANDS[words[0]]
    context = command.make_context(words[0], list(words[1:]), resilient_parsing=False)
    while hasattr(command, "commands"):  # typer brings a click of its own
        left = [*context._protected_args, *context.args]
        if not left:
            return bool(command.invoke_without_command)
        _, command, left = command.resolve_command(context, left)
        context = command.make_context(command.name, left, parent=context)
    return not context.args
