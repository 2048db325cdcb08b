"""Opens the database of a desk, ready to be worked on. Which one it is: `server`; what its schema is: `schema`."""

from pathlib import Path

from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer, find_server


def open_server(home: Path) -> DatabaseServer:
    """The desk's database, at this code's schema.

    Raises:
        ConfigError: as of `find_server`.
        MigrationError: as of `migrate`.

    """
    server = find_server(home)
    migrate(server)
    return server
