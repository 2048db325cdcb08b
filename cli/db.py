"""`intraday db …`: the commands of whoever looks after the database. What they do is in the modules beside this one."""

from pathlib import Path
from typing import Annotated

import typer

from cli.ending import Screen, end

db = typer.Typer(help="Look after the database: schema, roles, backups, what is stored.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="What `intraday db backup` wrote.")]


@db.command()
def migrate(
    create_only: Annotated[
        bool,
        typer.Option("--create-only", help="Create or bring up the schema, load nothing: what migrate does anyway."),
    ] = False,
) -> None:
    """Bring the database to this code's schema: what is missing is added, in one transaction.

    Also gives the roles intraday_reader and intraday_writer their rights, and sets how long bars are kept \
(storage.retention_days) where the server's licence has it. Nothing is loaded. Run as the user who owns the tables.

    Exit status: 0 the schema is there, 2 it could not be made.
    """
    from cli.db_schema import migrate as command

    end(lambda: command(Screen()), interrupted="The schema is as it was, or all of it is there.")


@db.command()
def status() -> None:
    """Show what server and schema this desk uses, and what is left out and why.

    Exit status: 0, or 2 when the database cannot be reached.
    """
    from cli.db_schema import status as command

    end(lambda: command(Screen()))


@db.command()
def check() -> None:
    """Hold the database to this code's schema and name every difference.

    Exit status: 0 it is exactly that, 1 it differs, 2 it cannot be reached.
    """
    from cli.db_schema import check as command

    end(lambda: command(Screen()))


@db.command()
def prepare() -> None:
    """Bring this desk's database and Dagster's to what this code needs, before services start.

    What `intraday up` does first; elsewhere a step of its own, while nothing else runs. Nothing is loaded.

    Exit status: 0 both are ready, 2 one is not.
    """
    from cli.db_services import prepare as command

    end(lambda: command(Screen()), interrupted="Run it again.")


@db.command()
def hold() -> None:
    """Keep the embedded PostgreSQL running until Ctrl-C, for services that are started and ended one by one.

    Without it the server runs as long as anybody uses it.

    Exit status: 2 it did not start, or died; 130 interrupted.
    """
    from cli.db_services import hold as command

    end(lambda: command(Screen()))


@db.command()
def backup(
    path: Annotated[
        str,
        typer.Argument(
            metavar="FILE|FOLDER/", help="Where to; in a folder, which ends in /, a name with the time is chosen."
        ),
    ],
) -> None:
    """Write the whole database into one file, with the count and checksum of every table in it.

    Nobody has to stop meanwhile. The file appears whole or not at all, and never in the place of another.

    Exit status: 0 it is written, 2 it is not.
    """
    from cli.db_backup import backup as command

    end(lambda: command(path, Screen()), interrupted="No backup was written.")


@db.command()
def verify(path: BackupFile) -> None:
    """Prove a backup: restore it into a database that is then dropped, and compare every table's count and checksum.

    Exit status: 0 it is proven, 1 it is not what was backed up, 2 it could not be tried.
    """
    from cli.db_backup import verify as command

    end(lambda: command(path, Screen()), interrupted="Nothing is proven; what it was tried in is dropped.")


@db.command()
def restore(
    path: BackupFile,
    into: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Restore into a new database of this name. [the desk's, if empty]"),
    ] = None,
) -> None:
    """Restore a backup, proven as by verify, into the desk's database if that is empty, or into a new one.

    A database that holds anything is never touched. Until the backup is proven it stands beside, under another name.

    Exit status: 0 it is restored, 1 the file is not what was backed up, 2 it could not be restored.
    """
    from cli.db_backup import restore as command

    end(lambda: command(path, into, Screen()), interrupted="The backup is in its place as a whole, or nothing of it.")


@db.command()
def summary(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Defaults to all.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="Sessions from this day. [the first stored]")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Sessions up to this day. [the last stored]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show per symbol and session what is stored: bars, first and last, gaps by the exchange's calendar, sources.

    Exit status: 0, or 2 when it cannot be told.
    """
    from cli.db_summary import summary as command

    end(lambda: command(symbols or [], first, last, Screen(), as_json=as_json))
