"""`intraday db prepare` and `hold`: what services need before they start."""

from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from resources.database.opening import open_server
from resources.database.server import embedded_folder, hold_embedded
from resources.settings import load_settings


def prepare(console: Console) -> int:
    """The command: 0, when both databases are ready."""
    from cli.instance import open_instance  # takes a second to import, which the others do without

    settings = load_settings()
    server = open_server(settings.home)
    with open_instance(settings) as instance:
        instance.upgrade()
    console.print(f"{escape(server.shown)} and Dagster's database are ready.", highlight=False)
    return 0


def hold(console: Console) -> NoReturn:
    """The command."""
    folder = embedded_folder(load_settings().home)
    hold_embedded(folder, lambda: console.print(f"The embedded PostgreSQL in {folder} runs.", highlight=False))
