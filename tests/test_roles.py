"""What the roles may do and may not, as users who are in them, on real servers."""

import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from monitoring.reading import Reader
from oms.adopting import adopt
from resources.database.backups.backup import write_backup
from resources.database.backups.restore import verify_backup
from resources.database.connections import CONNECTIONS
from resources.database.schema.check import schema_differences
from resources.database.schema.migrations import bring_up, migrate
from resources.database.schema.roles import READER, ROLES, WRITER, WRITES, held_privileges
from resources.database.schema.status import database_status
from resources.database.server import DatabaseServer, embedded_server
from resources.errors import DatabaseError, MigrationError
from resources.paths import SQL
from resources.settings import load_settings
from tests.support.desk import TestDesk, events, stop_embedded
from tests.support.order_desk import OrderDesk, flat_session
from tests.support.stored import put_bars

DAY = "2020-11-20"
APPENDED = (
    "bar_revisions",
    "data_quality_reports",
    "eod_reports",
    "feed_events",
    "gate_acceptances",
    "stored_bar_size",
    "order_events",
    "fills",
    "position_adoptions",
    "trading_halts",
    "simulated_fills",
    "live_bars",
    "alert_messages",
)
"""What is only ever added to."""
KEPT = (
    "eod_summaries",
    "orders",
    "fill_commissions",
    "current_positions",
    "reconciliations",
    "simulated_orders",
    "live_state",
    "alerts",
    "sensor_heartbeats",
)
"""What is added to, and brought up to date."""
RELATIONS = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""


@pytest.fixture(params=["postgres_url", "timescale_url"])
def owned(request) -> DatabaseServer:
    """A database of either kind, migrated by its owner."""
    server = DatabaseServer(request.getfixturevalue(request.param))
    migrate(server)
    return server


@pytest.fixture
def member(owned) -> Iterator[Callable[[str], DatabaseServer]]:
    """The same database, for a user who is in a role and nothing else."""
    made: list[sql.Identifier] = []

    def member_of(role: str) -> DatabaseServer:
        name = f"user_{secrets.token_hex(6)}"
        made.append(sql.Identifier(name))
        with psycopg.connect(owned.url) as admin:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(made[-1], sql.Identifier(role)))
        return replace(owned, url=f"postgresql://{name}@{owned.url.split('@', 1)[1]}")

    yield member_of
    CONNECTIONS.close()
    with psycopg.connect(owned.url) as admin:
        for one in made:
            admin.execute(sql.SQL("DROP ROLE {}").format(one))


CHANGES = (
    "DELETE FROM {}",
    "INSERT INTO {} DEFAULT VALUES",
    "TRUNCATE {}",
    "DROP TABLE {}",
    "ALTER TABLE {} ADD x int",
    "CREATE INDEX ON {} ((1))",
)


def refused(server: DatabaseServer, statement: str, table: str = "") -> bool:
    """Whether the server refuses a statement for want of rights, and for nothing else."""
    try:
        with psycopg.connect(server.url) as connection:
            text = sql.SQL(statement)  # type: ignore[arg-type]
            connection.execute(text.format(sql.Identifier(table)) if table else text)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def gives_nothing_away(server: DatabaseServer, table: str) -> bool:
    """Whether nobody has more rights on a table after this user granted all of them to everybody."""
    rights = sql.SQL("SELECT relacl::text FROM pg_class WHERE oid = {}::regclass").format(table)
    with psycopg.connect(server.url) as connection:
        before = connection.execute(rights).fetchone()
        with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(sql.SQL("GRANT ALL ON {} TO PUBLIC").format(sql.Identifier(table)))
        return connection.execute(rights).fetchone() == before


def test_every_table_and_view_has_its_rights_and_no_other(owned):
    """A migration that adds a table has to say here who may do what with it."""
    with psycopg.connect(owned.url) as connection:
        assert {name for (name,) in connection.execute(RELATIONS).fetchall()} == set(WRITES)
        by_name, held = held_privileges(connection)
        sequences = connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'").fetchall()
    assert by_name == held
    every = [*WRITES, *(name for (name,) in sequences)]
    assert {(relation, may) for role, relation, may in held if role == READER} == {(name, "SELECT") for name in every}
    writer = {(relation, may) for role, relation, may in held if role == WRITER and may != "SELECT"}
    assert writer == {
        *((table, may) for table in ("market_data", "dual_ticker_bars") for may in ("INSERT", "UPDATE", "DELETE")),
        *((name, "INSERT") for name in APPENDED),
        *((name, may) for name in KEPT for may in ("INSERT", "UPDATE")),
    }


def test_the_reader_reads_everything_and_writes_nothing(owned, member):
    reader = member(READER)
    tables = [name for name in WRITES if not name.startswith("market_data_")]
    for name in WRITES:
        assert not refused(reader, "TABLE {}", name)
    for name in tables:
        for change in CHANGES:
            assert refused(reader, change, name), (change, name)
        assert gives_nothing_away(reader, name)
    assert refused(reader, "CREATE TABLE mine (x int)")
    assert migrate(reader).applied == ()  # it only looks
    assert database_status(reader).left_out[0].startswith(("Hypertables", "Longer bars"))
    assert schema_differences(reader, None) == []


def test_the_writer_runs_a_whole_session_and_changes_no_more_than_that(owned, member, new_desk):
    writer = member(WRITER)
    desk: TestDesk = new_desk(writer.url)
    first = desk.run(DAY)
    assert first.success
    assert {event for event in ("market_data", "dual_ticker_bars", "eod_summaries") if events(first, event)} == {
        "market_data",
        "dual_ticker_bars",
        "eod_summaries",
    }
    assert desk.rows("SELECT count(*) FROM market_data") == [(780,)]
    assert desk.run(
        DAY, refresh=True, faults=["drop:NVDA:2020-11-20:10:00-10:01"]
    ).success  # rows go, and leave a trace
    assert desk.rows("SELECT count(*) FROM bar_revisions") == [(2,)]
    for name in [name for name in WRITES if not name.startswith("market_data_")]:
        assert all(refused(writer, change, name) for change in CHANGES[2:]), name
        assert gives_nothing_away(writer, name)
    for name in ("bar_revisions", "gate_acceptances", "data_quality_reports", "feed_events", "stored_bar_size"):
        assert refused(writer, "DELETE FROM {}", name)
    for change in (
        "bar_revisions SET close = 1",
        "gate_acceptances SET reason = 'x'",
        "data_quality_reports SET verdict = 'PASS'",
    ):
        assert refused(writer, "UPDATE " + change)
    assert refused(writer, "CREATE TABLE mine (x int)")
    assert refused(writer, "DELETE FROM eod_summaries")
    assert refused(writer, "INSERT INTO schema_migrations VALUES (9000, '', '')")


def test_the_writer_trades_and_changes_no_more_than_that(owned, member, clean_environment):
    """Orders, fills, cancels, a halt, a drift that is adopted: all that the order service does."""
    put_bars(owned.url, flat_session())
    desk = OrderDesk(member(WRITER).url, load_settings().oms)
    with desk.store.driving() as mine:
        assert mine is not None
        assert mine()
        desk.service.connect()
        filled = desk.sent(desk.order("BUY", 100))
        waits = desk.sent(desk.order("BUY", 50, limit="499"))
        desk.service.turn()
        desk.service.request_cancel(waits, "ada")
        desk.turn_at("10:01")
        desk.service.turn()
    assert (desk.kept(filled).state, desk.kept(waits).state) == ("FILLED", "CANCELLED")
    assert desk.position().quantity == 100
    with psycopg.connect(owned.url) as owner:  # somebody trades past us, and the broker tells no fill
        owner.execute("DELETE FROM simulated_fills")
    desk.service.reconcile()
    assert adopt(desk.service, "NVDA", "ada", "sold by hand").quantity == -100
    for name in APPENDED:
        assert refused(desk.server, "DELETE FROM {}", name), name
    for change in ("order_events SET reason = ''", "fills SET quantity = 1", "trading_halts SET halted = false"):
        assert refused(desk.server, "UPDATE " + change), change
    for name in KEPT:
        assert refused(desk.server, "DELETE FROM {}", name), name


def test_the_reader_sees_orders_and_positions_and_trades_nothing(owned, member, clean_environment):
    put_bars(owned.url, flat_session())
    desk = OrderDesk(owned.url, load_settings().oms)
    desk.service.connect()
    name = desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    looks = OrderDesk(member(READER).url, desk.settings)
    assert [one.quantity for one in looks.store.read(lambda account: account.positions())] == [100, 0]
    assert looks.kept(name).state == "FILLED"
    assert len(looks.events(name)) == 3
    with pytest.raises(DatabaseError, match="permission denied"):
        looks.service.submit(looks.order("SELL", 10))


def test_a_writer_is_told_when_the_owner_has_to_migrate(owned, member, tmp_path):
    writer = member(WRITER)
    folder = Path(shutil.copytree(SQL, tmp_path / "sql"))
    (folder / "migrations" / "0999_more.sql").write_text("CREATE TABLE more (x int);")
    with pytest.raises(
        MigrationError, match=r"lacks 0999_more, .*user_.* may not .* let its owner run `intraday db migrate`"
    ):
        migrate(writer, folder)


def test_what_is_given_too_much_or_too_little_is_a_difference(owned):
    with psycopg.connect(owned.url) as connection:
        connection.execute("GRANT UPDATE ON bar_revisions TO intraday_writer")
        connection.execute("REVOKE SELECT ON market_data_1h FROM intraday_reader")
    assert schema_differences(owned, None) == [
        "Missing: SELECT on market_data_1h for intraday_reader.",
        "Too much: UPDATE on bar_revisions for intraday_writer.",
    ]
    assert bring_up(owned).done == ("granted 1 privilege",)


def test_what_a_role_has_only_because_everybody_has_it_is_missing(owned):
    """It goes when that is taken back; and what everybody may change, the reader may change too."""
    with psycopg.connect(owned.url) as connection:
        connection.execute("GRANT SELECT, DELETE ON market_data TO PUBLIC")
        connection.execute("REVOKE SELECT ON market_data FROM intraday_reader")
    too_much = "Too much: DELETE on market_data for intraday_reader."
    assert schema_differences(owned, None) == ["Missing: SELECT on market_data for intraday_reader.", too_much]
    assert bring_up(owned).done == ("granted 1 privilege",)
    assert schema_differences(owned, None) == [too_much]
    with psycopg.connect(owned.url) as connection:
        connection.execute("REVOKE ALL ON market_data FROM PUBLIC")
    assert schema_differences(owned, None) == []


def test_the_monitor_needs_no_more_than_the_reader_and_could_change_nothing_as_the_owner(
    owned, member, clean_environment
):
    put_bars(owned.url, flat_session())
    moment = datetime(2020, 12, 1, 21, 0, tzinfo=UTC)
    reader = Reader(load_settings(), lambda: member(READER), lambda: moment)
    assert [bars.stored for bars in reader.facts().bars] == [390, 390]
    assert reader.counts().ingested == {("NVDA", "file"): 390, ("MSFT", "file"): 390}
    with (
        pytest.raises(DatabaseError, match="cannot execute INSERT in a read-only transaction"),
        replace(reader, server=lambda: owned).reading(2) as (cursor, _),
    ):
        cursor.execute("INSERT INTO feed_events (feed, event, why) VALUES ('yahoo', 'down', '')")


@pytest.mark.parametrize("role", ROLES)
def test_a_backup_needs_no_more_than_the_reader(owned, member, tmp_path, role):
    with psycopg.connect(owned.url) as connection:
        connection.execute("INSERT INTO feed_events (feed, event, why) VALUES ('yahoo', 'down', '')")
        connection.execute(
            "INSERT INTO market_data SELECT '2024-01-03 14:30Z', 'NVDA', 1, 1, 1, 1, 1, 'f', now(), 'unknown'"
        )
    file, manifest = write_backup(member(role), tmp_path / "one.backup", pd.Timestamp("2026-01-02", tz="UTC"))
    assert manifest.tables["public.feed_events"].rows == manifest.tables["public.market_data"].rows == 1
    assert verify_backup(owned, file) == manifest


@pytest.fixture
def own_cluster() -> Iterator[DatabaseServer]:
    """A PostgreSQL of its own that nobody migrated on: roles belong to the whole server."""
    folder = Path(tempfile.mkdtemp(prefix="intraday-roles-"))
    yield embedded_server(folder / "postgres", "one")
    CONNECTIONS.close()
    stop_embedded(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


def roles(server: DatabaseServer) -> set[str]:
    with psycopg.connect(server.url) as connection:
        return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}


def test_without_the_right_to_make_roles_an_administrator_is_told_what_to_run(own_cluster):
    with psycopg.connect(own_cluster.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE modest LOGIN")
        admin.execute("CREATE DATABASE modest OWNER modest")
    modest = DatabaseServer(make_conninfo(own_cluster.url, user="modest", dbname="modest"))
    assert migrate(modest).applied
    assert not roles(own_cluster) & set(ROLES)
    assert schema_differences(modest, None) == []
    (said,) = (one for one in database_status(modest).left_out if one.startswith("Missing roles"))
    with psycopg.connect(own_cluster.url, autocommit=True) as admin:
        admin.execute(said.split("runs ")[1].split(" and `")[0])  # type: ignore[call-overload]
    assert len(schema_differences(modest, None)) == 115
    assert bring_up(modest).done == ("granted 115 privileges",)
    assert schema_differences(modest, None) == []


def test_two_databases_of_a_server_make_the_roles_at_once(own_cluster):
    """The second waits for the first, and does not fail on what it then finds."""
    with psycopg.connect(own_cluster.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE two")
    other = DatabaseServer(make_conninfo(own_cluster.url, dbname="two"))
    failed: list[BaseException] = []

    def second() -> None:
        try:
            migrate(other)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=second)
    with psycopg.connect(own_cluster.url) as first, psycopg.connect(own_cluster.url, autocommit=True) as watcher:
        first.execute("CREATE ROLE intraday_reader NOLOGIN")
        thread.start()
        pulse = threading.Event()
        while watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None and thread.is_alive():
            pulse.wait(0.05)
        assert thread.is_alive()
        first.commit()
    thread.join(60)
    assert failed == []
    assert roles(own_cluster) >= set(ROLES)
    assert migrate(own_cluster).done[-1] == "granted 115 privileges"
