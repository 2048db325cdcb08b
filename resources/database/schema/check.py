"""Is a database exactly at this code's schema? Every difference, in words; nothing is changed.

`sql/schema.txt` says what the schema is made of: a line per table, column, index, constraint, trigger and function.
A test holds it to what the migrations make; `python -m tests.support.schema_lines` writes it anew.
"""

from pathlib import Path

import psycopg

from resources.database.queries import named_query
from resources.database.schema.migrations import missing_migrations, read_migrations
from resources.database.schema.roles import WRITES, held_privileges, roles_present, wanted_privileges
from resources.database.schema.timescale import COMPRESSED, lacking, retention, schema_basis
from resources.database.server import DatabaseServer
from resources.errors import MigrationError
from resources.paths import SQL
from schemas.words import counted

FUNCTIONS = ("longer_bars", "longer_bars_query", "refuse_change")


def schema_differences(server: DatabaseServer, retention_days: int | None, folder: Path = SQL) -> list[str]:
    """What the database lacks, has too much or has differently, a sentence each; empty where it is as it should be.

    Args:
        server: the database.
        retention_days: after how many days bars should be deleted; None: never. Looked at where the licence has it.
        folder: where the SQL files are.

    """
    with server.connect() as connection:
        basis = schema_basis(connection)
        try:
            missing = missing_migrations(connection, basis, read_migrations(folder / "migrations"))
        except MigrationError as error:
            return [str(error)]
        found = [f"Migration {migration.name} is missing." for migration in missing]
        expected = (folder / "schema.txt").read_text(encoding="utf-8").splitlines()
        if not missing:
            found += _compared(schema_lines(connection), set(expected))
        found += [f"Missing: {what}." for what in lacking(connection, basis)]
        if basis.licensed:
            found += _other_retention(retention(connection), retention_days)
        return found + _privilege_differences(connection)


def schema_lines(connection: psycopg.Connection) -> set[str]:
    """What the schema in the database is made of."""
    parameters = {"relations": list(WRITES), "functions": list(FUNCTIONS)}
    return {line for (line,) in connection.execute(named_query("schema_lines"), parameters).fetchall()}


def _compared(found: set[str], expected: set[str]) -> list[str]:
    missing = [f"Missing: {line}." for line in sorted(expected - found)]
    return missing + [f"Not of this code: {line}." for line in sorted(found - expected)]


def _other_retention(held: dict[str, int], wanted: int | None) -> list[str]:
    return [
        f"{name} is kept {_span(held.get(name))} and should be kept {_span(wanted)}."
        for name in COMPRESSED
        if held.get(name) != wanted
    ]


def _span(days: int | None) -> str:
    return "for ever" if days is None else f"for {counted(days, 'day')}"


def _privilege_differences(connection: psycopg.Connection) -> list[str]:
    """Of the roles that the server has; whether it has them is the administrator's matter, and `db status` says it."""
    present = roles_present(connection)
    held = held_privileges(connection)
    wanted = {privilege for privilege in wanted_privileges() if privilege.role in present}
    return [f"Missing: {one}." for one in sorted(wanted - held.by_name)] + [
        f"Too much: {one}." for one in sorted(held.by_any_way - wanted)
    ]
