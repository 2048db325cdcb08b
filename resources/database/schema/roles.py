"""Who may do what: the roles `intraday_reader` and `intraday_writer`, and what each may do with which table.

The reader reads everything. The writer does what the code does and nothing more: what is only ever added to cannot be
changed by it, and it cannot change the schema. Nobody logs in as one; people and services are made members.
"""

from collections.abc import Iterator, Mapping
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from resources.database.queries import named_query
from resources.paths import SQL
from schemas.words import counted

READER, WRITER = "intraday_reader", "intraday_writer"
ROLES = (READER, WRITER)

WRITES: Mapping[str, tuple[LiteralString, ...]] = {
    "market_data": ("INSERT", "UPDATE", "DELETE"),
    "dual_ticker_bars": ("INSERT", "UPDATE", "DELETE"),
    "eod_summaries": ("INSERT", "UPDATE"),
    "bar_revisions": ("INSERT",),
    "data_quality_reports": ("INSERT",),
    "eod_reports": ("INSERT",),
    "feed_events": ("INSERT",),
    "gate_acceptances": ("INSERT",),
    "stored_bar_size": ("INSERT",),
    "orders": ("INSERT", "UPDATE"),
    "order_events": ("INSERT",),
    "fills": ("INSERT",),
    "fill_commissions": ("INSERT", "UPDATE"),
    "position_adoptions": ("INSERT",),
    "trading_halts": ("INSERT",),
    "reconciliations": ("INSERT", "UPDATE"),
    "current_positions": ("INSERT", "UPDATE"),
    "simulated_orders": ("INSERT", "UPDATE"),
    "simulated_fills": ("INSERT",),
    "live_bars": ("INSERT",),
    "live_state": ("INSERT", "UPDATE"),
    "alerts": ("INSERT", "UPDATE"),
    "alert_messages": ("INSERT",),
    "sensor_heartbeats": ("INSERT", "UPDATE"),
    "schema_migrations": (),
    "market_data_5min": (),
    "market_data_15min": (),
    "market_data_1h": (),
    "market_data_1d": (),
}
"""Every table and view, and what the writer does with it beside reading."""


SEQUENCES = (
    "feed_events_id_seq",
    "gate_acceptances_id_seq",
    "orders_id_seq",
    "order_events_id_seq",
    "position_adoptions_id_seq",
    "trading_halts_id_seq",
    "current_positions_id_seq",
    "live_bars_id_seq",
    "alerts_id_seq",
    "alert_messages_id_seq",
)
"""Of the numbers that tables give to their rows. Whoever may read one sees its last number, as `pg_dump` does."""


class Privilege(NamedTuple):
    """What a role may do with a table, a view or a sequence."""

    role: str
    relation: str
    may: LiteralString

    def __str__(self) -> str:
        return f"{self.may} on {self.relation} for {self.role}"


def wanted_privileges() -> Iterator[Privilege]:
    """All that the roles should have."""
    for relation in (*WRITES, *SEQUENCES):
        yield from (Privilege(role, relation, "SELECT") for role in ROLES)
        yield from (Privilege(WRITER, relation, may) for may in WRITES.get(relation, ()))


class Held(NamedTuple):
    """What the roles have on the schema's tables, views and sequences."""

    by_name: set[Privilege]
    """What was given to them."""
    by_any_way: set[Privilege]
    """The same, and what they have because everybody does, or another role that they are in."""


def held_privileges(connection: psycopg.Connection) -> Held:
    """All that the roles have."""
    parameters = {"roles": list(ROLES), "relations": [*WRITES, *SEQUENCES]}
    held = connection.execute(named_query("privileges"), parameters).fetchall()
    return Held({Privilege(*one) for *one, by_name in held if by_name}, {Privilege(*one) for *one, _ in held})


def roles_present(connection: psycopg.Connection) -> list[str]:
    """Those of the two roles that the server has."""
    found = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)]).fetchall()
    return sorted(name for (name,) in found)


def make_roles(connection: psycopg.Connection) -> list[str]:
    """Make the roles that are missing, where this user may; says what it did."""
    before = roles_present(connection)
    connection.execute((SQL / "roles.sql").read_text(encoding="utf-8"))
    return [f"created the role {role}" for role in roles_present(connection) if role not in before]


def grant_privileges(connection: psycopg.Connection) -> list[str]:
    """Give the roles that there are what they lack on the tables that there are; says what it did."""
    present = roles_present(connection)
    if not present:
        return []
    relations = {
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        )
    }
    held = held_privileges(connection).by_name
    missing = [
        one for one in wanted_privileges() if one.role in present and one.relation in relations and one not in held
    ]
    for role, relation, may in missing:
        connection.execute(
            sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(may), sql.Identifier(relation), sql.Identifier(role))
        )
    return [f"granted {counted(len(missing), 'privilege')}"] if missing else []
