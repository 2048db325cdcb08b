"""`intraday db backup`, `verify` and `restore`."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape

from resources.database.backups.backup import Manifest, make_folder, write_backup
from resources.database.backups.restore import restore_backup, verify_backup
from resources.database.server import find_server
from resources.errors import BackupUnsound
from resources.settings import load_settings
from schemas.words import counted


def backup(path: str, console: Console) -> int:
    """The command; a folder that is missing is made."""
    server = find_server(load_settings().home)
    if path.endswith("/"):
        make_folder(Path(path))
    file, manifest = write_backup(server, Path(path), pd.Timestamp.now("UTC").floor("s"))
    size = decimal(file.stat().st_size)
    console.print(f"{escape(str(file))}: {_contents(manifest)} of {server.shown}, {size}.", highlight=False)
    return 0


def verify(path: Path, console: Console) -> int:
    """The command: 0 when the backup is proven, 1 when it is not what was backed up."""
    server = find_server(load_settings().home)
    try:
        manifest = verify_backup(server, path)
    except BackupUnsound as error:
        return _unsound(error, console)
    console.print(
        f"{escape(str(path))} is proven: restored, it has the {_contents(manifest)} of {manifest.made_at}.",
        highlight=False,
    )
    return 0


def restore(path: Path, into: str | None, console: Console) -> int:
    """The command: 0 when the backup is restored, 1 when it is not what was backed up."""
    server = find_server(load_settings().home)
    try:
        target, manifest = restore_backup(server, path, into)
    except BackupUnsound as error:
        return _unsound(error, console)
    where = f"the database {into} beside {server.shown}" if into else target.shown
    console.print(
        f"{escape(where)} holds the {_contents(manifest)} of {manifest.made_at}, proven after restoring.",
        highlight=False,
    )
    return 0


def _contents(manifest: Manifest) -> str:
    return f"{counted(manifest.rows, 'row')} in {counted(len(manifest.tables), 'table')}"


def _unsound(error: BackupUnsound, console: Console) -> int:
    console.print(f"[red]{escape(error.sentence())}[/]", highlight=False)
    return 1
