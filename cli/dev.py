"""`intraday dev`: the Dagster UI and its daemon on this desk's data, for whoever works on the definitions."""

from rich.console import Console

from cli.up import serve
from cli.up_children import SERVICES


def dev(console: Console, port: int) -> int:
    """The command: `intraday up` without services; the UI can load changed definitions. Ends with Ctrl-C or SIGTERM."""
    return serve(console, port, None, (), SERVICES, reloading=True)
