"""What of the schema needs TimescaleDB, and of that what needs its licence: what is there, and what is lacking.

Hypertables are there under every licence (`sql/timescaledb.sql`). Continuous aggregates, compression and retention need
the licence `timescale`; under `apache` the longer bars are plain views of the same names.
"""

from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from resources.database.queries import named_query
from schemas.words import counted

HYPERTABLES = ("data_quality_reports", "dual_ticker_bars", "market_data")
COMPRESSED = ("dual_ticker_bars", "market_data")
"""Also what retention is about. Judgements are small, and kept."""
LICENSED = "timescale"

EXISTING = "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema()"
COMPRESSING = f"{EXISTING} AND compression_enabled"
AGGREGATES = "SELECT view_name FROM timescaledb_information.continuous_aggregates WHERE view_schema = current_schema()"
LONGER_BARS = "SELECT name, longer_bars_query(in_timescaledb) FROM longer_bars()"
RETENTION = """
SELECT hypertable_name, extract(day FROM (config->>'drop_after')::interval)::integer
FROM timescaledb_information.jobs
WHERE proc_name = 'policy_retention' AND hypertable_schema = current_schema()
"""

AGGREGATE = """
DROP VIEW {name};
CREATE MATERIALIZED VIEW {name}
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS {query} WITH NO DATA;
SELECT add_continuous_aggregate_policy({literal}, start_offset => NULL, end_offset => INTERVAL '1 day',
                                       schedule_interval => INTERVAL '15 minutes')
"""
COMPRESSION = """
ALTER TABLE {name} SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol',
                        timescaledb.compress_orderby = '"timestamp"');
SELECT add_compression_policy({literal}, INTERVAL '7 days')
"""
FORGETTING = "SELECT add_retention_policy({literal}, make_interval(days => {days}))"
KEEPING = "SELECT remove_retention_policy({literal})"


@dataclass(frozen=True)
class SchemaBasis:
    """What a database and its server offer to the schema."""

    begun: bool
    """Some migration was applied."""
    owned: bool
    """This user may change the schema."""
    version: str | None
    """TimescaleDB's, where it is in the database."""
    offered: bool
    """The server has TimescaleDB's files."""
    addable: bool
    """This user may add it."""
    preloaded: bool
    """The server loads it at its start, without which it cannot be used."""
    licence: str | None

    @property
    def usable(self) -> bool:
        """Whether the database has the extension or can have it."""
        return self.version is not None or (self.offered and self.preloaded and self.addable)

    @property
    def licensed(self) -> bool:
        """Whether continuous aggregates, compression and retention can be had."""
        return self.version is not None and self.licence == LICENSED


def schema_basis(connection: psycopg.Connection) -> SchemaBasis:
    """Look, without changing anything."""
    with connection.cursor(row_factory=class_row(SchemaBasis)) as cursor:
        found = cursor.execute(named_query("schema_state")).fetchone()
    assert found is not None
    return found


def lacking(connection: psycopg.Connection, basis: SchemaBasis) -> list[str]:
    """What could be there and is not, in words; retention, which a person sets, is not looked at."""
    return lacking_hypertables(connection, basis) or lacking_licensed(connection, basis)


def lacking_hypertables(connection: psycopg.Connection, basis: SchemaBasis) -> list[str]:
    """What `sql/timescaledb.sql` would add."""
    if not basis.usable:
        return []
    if basis.version is None:
        return ["the extension timescaledb", *(f"hypertable {name}" for name in HYPERTABLES)]
    existing = _names(connection, EXISTING)
    return [f"hypertable {name}" for name in HYPERTABLES if name not in existing]


def lacking_licensed(connection: psycopg.Connection, basis: SchemaBasis) -> list[str]:
    """What `use_licence` would add."""
    if not basis.licensed:
        return []
    compressing = _names(connection, COMPRESSING)
    views = [f"continuous aggregate {name}" for name, _ in _plain_views(connection)]
    return views + [f"compression of {name}" for name in COMPRESSED if name not in compressing]


def use_licence(connection: psycopg.Connection) -> list[str]:
    """Put continuous aggregates in the places of the views and compress what is a week old, once; says what it did."""
    done = []
    for name, query in _plain_views(connection):
        connection.execute(about(AGGREGATE, name, query=query))
        done.append(f"made {name} a continuous aggregate")
    compressing = _names(connection, COMPRESSING)
    for name in COMPRESSED:
        if name not in compressing:
            connection.execute(about(COMPRESSION, name))
            done.append(f"{name} is compressed after a week")
    return done


def keep_for(connection: psycopg.Connection, days: int | None) -> list[str]:
    """Delete bars older than that many days from now on; None keeps them for ever. Says what it changed."""
    done = []
    held = retention(connection)
    for name in COMPRESSED:
        if held.get(name) == days:
            continue
        if name in held:
            connection.execute(about(KEEPING, name))
        if days is not None:
            connection.execute(about(FORGETTING, name, days=sql.Literal(days)))
        done.append(f"{name} is kept " + ("for ever" if days is None else f"for {counted(days, 'day')}"))
    return done


def retention(connection: psycopg.Connection) -> dict[str, int]:
    """After how many days a hypertable's rows are deleted; those that are kept for ever are not in it."""
    return dict(connection.execute(RETENTION).fetchall())


def about(text: LiteralString, name: str, **parts: sql.Composable) -> sql.Composed:
    """A statement about a table or view."""
    return sql.SQL(text).format(name=sql.Identifier(name), literal=sql.Literal(name), **parts)


def _plain_views(connection: psycopg.Connection) -> list[tuple[str, sql.SQL]]:
    """Views of longer bars that are no continuous aggregates, each with the query that makes one of it."""
    aggregates = _names(connection, AGGREGATES)
    found = connection.execute(LONGER_BARS).fetchall()
    return [(name, sql.SQL(cast(LiteralString, query))) for name, query in found if name not in aggregates]


def _names(connection: psycopg.Connection, query: LiteralString) -> set[str]:
    return {name for (name,) in connection.execute(query).fetchall()}
