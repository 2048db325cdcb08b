"""Writes sql/schema.txt: what the migrations make of an empty database. `python -m tests.support.schema_lines`."""

import shutil
import tempfile
from pathlib import Path

from resources.database.schema.check import schema_lines
from resources.database.schema.migrations import migrate
from resources.database.server import embedded_server
from resources.paths import SQL
from tests.support.desk import stop_embedded


def main() -> None:
    """Migrate an empty embedded PostgreSQL and write down what is there."""
    folder = Path(tempfile.mkdtemp(prefix="intraday-schema-"))
    try:
        server = embedded_server(folder / "postgres", "schema")
        migrate(server)
        with server.connect() as connection:
            text = "\n".join(sorted(schema_lines(connection))) + "\n"
        (SQL / "schema.txt").write_text(text, encoding="utf-8")
    finally:
        stop_embedded(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
