"""`intraday db migrate`, `status` and `check`: the schema, brought up, looked at, held to the code."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from resources.database.schema.check import schema_differences
from resources.database.schema.migrations import bring_up
from resources.database.schema.status import DatabaseStatus, MigrationState, database_status
from resources.database.server import find_server
from resources.settings import load_settings
from schemas.words import counted


def migrate(console: Console) -> int:
    """The command: 0, when what was missing is there."""
    settings = load_settings()
    server = find_server(settings.home)
    state = bring_up(server, retention_days=settings.storage.retention_days)
    for done in state.done:
        console.print(f"{done[0].upper()}{done[1:]}.", highlight=False)
    if not state.done:
        console.print("Nothing was missing.")
    console.print(f"{server.shown} has every migration of this code.", highlight=False)
    return 0


def check(console: Console) -> int:
    """The command: 0 when the database is at this code's schema, 1 when it differs."""
    settings = load_settings()
    server = find_server(settings.home)
    differences = schema_differences(server, settings.storage.retention_days)
    for difference in differences:
        console.print(escape(difference), highlight=False)
    if differences:
        console.print(
            f"{server.shown} is not at this code's schema: {counted(len(differences), 'difference')}.", highlight=False
        )
        return 1
    console.print(f"{server.shown} is at this code's schema.", highlight=False)
    return 0


def status(console: Console) -> int:
    """The command."""
    found = database_status(find_server(load_settings().home))
    extension = f"TimescaleDB {found.timescaledb} ({found.licence})" if found.timescaledb else "no TimescaleDB"
    console.print(f"[bold]{escape(found.address)}[/] as {escape(found.user)}", highlight=False)
    console.print(f"PostgreSQL {escape(found.server)}, {extension}", highlight=False)
    console.print(f"Bars: {found.bar_size or 'none stored yet'}", highlight=False)
    console.print(f"Roles: {', '.join(found.roles) or 'none'}", highlight=False)
    for migration in found.migrations:
        console.print(f"  {migration.name}  {_state(migration)}", highlight=False)
    if found.hypertables:
        console.print(_hypertables(found))
    for sentence in found.left_out:
        console.print(escape(sentence), highlight=False)
    return 0


def _state(migration: MigrationState) -> str:
    if migration.at is None:
        return "[yellow]missing[/]: run `intraday db migrate`"
    unknown = "" if migration.known else "  [red]this code does not know it: update the code[/]"
    return f"applied {migration.at:%Y-%m-%d %H:%M:%S} UTC{unknown}"


def _hypertables(found: DatabaseStatus) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("hypertable", "a chunk", "chunks", "size", "compressed", "kept"):
        table.add_column(column, no_wrap=True)
    for one in found.hypertables:
        days = found.retention.get(one.name)
        kept = "for ever" if days is None else counted(days, "day")
        compressed = "after a week" if one.compressed else "no"
        table.add_row(
            one.name, counted(one.interval.days, "day"), str(one.chunks), decimal(one.bytes), compressed, kept
        )
    return table
