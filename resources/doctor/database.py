"""The database: does it answer, has it TimescaleDB, is it at this code's schema, may this user do its work."""

from collections.abc import Iterator
from typing import Final

from resources.database.queries import named_query
from resources.database.schema.check import schema_differences
from resources.database.schema.roles import WRITES
from resources.database.schema.status import DatabaseStatus, database_status
from resources.database.server import DatabaseServer
from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.errors import DatabaseError, DatabaseUnreachable
from schemas.words import counted, first_of

MIGRATE: Final = "run `intraday db migrate`"


def database(around: Surroundings) -> Iterator[Finding]:
    """All about the database, as far as it answers."""
    server = around.database("database")
    if isinstance(server, Finding):
        yield server
        return
    try:
        found = database_status(server)
    except DatabaseError as error:
        unreachable = isinstance(error, DatabaseUnreachable)
        advice = "start the server, or mend TIMESCALEDB_HOST and its companions" if unreachable else "mend what it says"
        yield Finding("database", Outcome.FAIL, str(error), advice)
        return
    details = {"address": found.address, "user": found.user, "bars": found.bar_size or "none stored yet"}
    yield Finding("database", Outcome.OK, f"{found.address}, PostgreSQL {found.server}", details=details)
    yield _extension(found)
    yield _schema(server, around)
    yield _permissions(server, found)


def _extension(found: DatabaseStatus) -> Finding:
    if found.timescaledb is None:
        advice = "use a server with TimescaleDB (docs/storage.md) where bars become many"
        return Finding("timescaledb", Outcome.WARN, " ".join(found.left_out) or "the server does not have it", advice)
    return Finding("timescaledb", Outcome.OK, f"{found.timescaledb}, licence {found.licence}")


def _schema(server: DatabaseServer, around: Surroundings) -> Finding:
    differences = schema_differences(server, around.settings.storage.retention_days)
    if not differences:
        return Finding("schema", Outcome.OK, "as this code has it")
    details = {str(number): difference for number, difference in enumerate(differences, start=1)}
    said = f"{counted(len(differences), 'difference')} from this code's schema, the first: {differences[0]}"
    return Finding("schema", Outcome.FAIL, said, f"{MIGRATE}; `intraday db check` lists all", details)


def _permissions(server: DatabaseServer, found: DatabaseStatus) -> Finding:
    wanted = [(relation, may) for relation, writes in WRITES.items() for may in ("SELECT", *writes)]
    relations, privileges = zip(*wanted, strict=True)
    parameters = {"relations": list(relations), "privileges": list(privileges)}
    with server.connect() as connection:
        lacking = [
            f"{may} on {relation}"
            for relation, may in connection.execute(named_query("lacking_privileges"), parameters)
        ]
    if lacking:
        advice = f"let an administrator run GRANT intraday_writer TO {found.user};"
        said = f"{found.user} may not {first_of(lacking, 'privilege', 3)}"
        return Finding("permissions", Outcome.FAIL, said, advice)
    return Finding("permissions", Outcome.OK, f"{found.user} may read and write what this code does")
