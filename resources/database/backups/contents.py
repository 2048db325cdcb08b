"""What the tables of a database hold, in a form that two databases can be compared by: counts and checksums.

A checksum is the sum of the hashes of a table's rows as text, so that the order of rows does not matter and equal rows
count as often as they occur. Row text and hash are the same on every supported PostgreSQL.
"""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg import sql

from resources.database.queries import named_query
from schemas.words import counted

SAY_NOTHING = ("schema_migrations", "current_positions")
"""Tables whose rows are there from the start: which migrations were applied, and positions, nothing without fills."""


class TableContent(NamedTuple):
    """How many rows a table has, and their checksum."""

    rows: int
    checksum: str


def table_contents(connection: psycopg.Connection) -> dict[str, TableContent]:
    """The content of every table, by `schema.table`, as one transaction sees it."""
    connection.execute("SET LOCAL DateStyle = 'ISO'")
    connection.execute("SET LOCAL IntervalStyle = 'postgres'")
    connection.execute("SET LOCAL extra_float_digits = 1")
    connection.execute("SET LOCAL TimeZone = 'UTC'")
    found = {}
    for schema, name in _tables(connection):
        query = sql.SQL(
            'SELECT count(*), coalesce(sum(hashtextextended("a row"::text, 0)), 0)::text FROM {} AS "a row"'
        )
        row = connection.execute(query.format(sql.Identifier(schema, name))).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = TableContent(*row)
    return found


def is_empty(connection: psycopg.Connection) -> bool:
    """Whether no table holds a row that says something."""
    for schema, name in _tables(connection):
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, name))
        if name not in SAY_NOTHING and connection.execute(query).fetchone() == (True,):
            return False
    return True


def content_differences(expected: Mapping[str, TableContent], found: Mapping[str, TableContent]) -> list[str]:
    """Which tables differ, and how, in words."""
    said = []
    for name in sorted(expected.keys() | found.keys()):
        old, new = expected.get(name), found.get(name)
        if old is None or new is None:
            said.append(f"{name} {'is missing' if new is None else 'was not there'}")
        elif old.rows != new.rows:
            said.append(f"{name} has {counted(new.rows, 'row')} and had {old.rows:,}")
        elif old != new:
            said.append(f"{name} has other values")
    return said


def _tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(named_query("kept_tables")).fetchall()
