"""The schema as an administrator looks after it: `intraday db migrate`, `status`, `check`; who needs which right."""

import os
import subprocess

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from resources.database.schema.check import schema_differences, schema_lines
from resources.database.schema.migrations import migrate, read_migrations
from resources.database.schema.status import database_status
from resources.database.server import DatabaseServer
from resources.paths import SQL
from tests.support.commands import INTRADAY, intraday

DIFFERENT = [
    ("DROP INDEX feed_events_by_feed", "Missing: index feed_events_by_feed: feed_events USING btree (feed, id DESC)."),
    ("ALTER TABLE feed_events ALTER why DROP NOT NULL", "Missing: column feed_events.why text not null."),
    ("ALTER TABLE eod_summaries DROP vwap", "Missing: column eod_summaries.vwap double precision."),
    ("ALTER TABLE eod_summaries ADD x int", "Not of this code: column eod_summaries.x integer."),
    ("DROP VIEW market_data_1h", "Missing: view market_data_1h."),
    ("DROP TRIGGER append_only ON gate_acceptances", "Missing: trigger gate_acceptances.append_only enabled."),
    (
        "ALTER TABLE gate_acceptances DISABLE TRIGGER append_only",
        "Not of this code: trigger gate_acceptances.append_only disabled.",
    ),
    (
        "ALTER TABLE market_data DROP CONSTRAINT market_data_basis_check",
        "Missing: constraint market_data.market_data_basis_check CHECK",
    ),
    ("DELETE FROM schema_migrations WHERE number = 6", "Migration 0006_unread_index is missing."),
    ("INSERT INTO schema_migrations VALUES (9000, 'x', 'x')", "The database has migration 9000"),
    ("UPDATE schema_migrations SET sha256 = 'x' WHERE number = 2", "0002_reports.sql was changed after it was applied"),
]


@pytest.fixture(params=["postgres_url", "timescale_url"])
def server(request) -> DatabaseServer:
    """A database of either kind with the schema in it."""
    found = DatabaseServer(request.getfixturevalue(request.param))
    migrate(found)
    return found


def test_the_written_schema_is_what_the_migrations_make(server):
    """`python -m tests.support.schema_lines` writes it."""
    with server.connect() as connection:
        assert sorted(schema_lines(connection)) == (SQL / "schema.txt").read_text().splitlines()
    assert schema_differences(server, None) == []


@pytest.mark.parametrize(("change", "said"), DIFFERENT)
def test_every_difference_is_named(postgres_url, change, said):
    server = DatabaseServer(postgres_url)
    migrate(server)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(change)
        if "DROP VIEW" not in change:  # somebody else's table is none of ours
            connection.execute("CREATE TABLE somebody_elses (x int)")
    assert any(one.startswith(said) for one in schema_differences(server, None))


def test_a_missing_hypertable_is_a_difference_until_it_is_migrated(timescale_url):
    server = DatabaseServer(timescale_url)
    with psycopg.connect(timescale_url) as connection:
        connection.execute("CREATE TABLE elsewhere (x int)")
        for path in sorted((SQL / "migrations").glob("*.sql")):
            connection.execute(path.read_text())  # type: ignore[call-overload]
        connection.execute(
            "CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for one in read_migrations(SQL / "migrations"):
            connection.execute("INSERT INTO schema_migrations VALUES (%s, %s, %s)", [one.number, one.name, one.sha256])
    assert "Missing: the extension timescaledb." in schema_differences(server, None)
    assert "run `intraday db migrate`" in database_status(server).left_out[0]
    assert "added hypertable market_data" in migrate(server).done
    assert schema_differences(server, None) == []


def test_a_database_that_lacks_nothing_is_only_read(server):
    """Also by a user who may write nothing, and while another migrates."""
    reading = DatabaseServer(make_conninfo(server.url, options="-c default_transaction_read_only=on"))
    with psycopg.connect(server.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [0x696E7472])
        assert migrate(reading).applied == ()
    with psycopg.connect(server.url) as connection:
        connection.execute("DROP TABLE schema_migrations CASCADE")
    with pytest.raises(Exception, match="read-only transaction"):
        migrate(reading)


def test_the_status_names_what_is_there_and_what_is_not(server):
    status = database_status(server)
    assert [one.name for one in status.migrations] == sorted(path.stem for path in (SQL / "migrations").glob("*.sql"))
    assert all(one.at is not None and one.known for one in status.migrations)
    assert status.bar_size is None
    assert status.roles == ("intraday_reader", "intraday_writer")
    if status.timescaledb:
        assert [(one.name, one.chunks, one.interval.days) for one in status.hypertables] == [
            ("data_quality_reports", 0, 365),
            ("dual_ticker_bars", 0, 30),
            ("market_data", 0, 30),
        ]
        assert status.left_out == (
            "Longer bars are plain views, nothing is compressed and nothing deleted by age: that needs TimescaleDB "
            "under the licence timescale, and this server's is apache.",
        )
    else:
        assert status.left_out[0] == "Hypertables are plain tables: the server does not have TimescaleDB."
    with server.connect() as connection:
        connection.execute("INSERT INTO stored_bar_size VALUES ('5min')")
        connection.execute("INSERT INTO schema_migrations VALUES (9000, 'later', '')")
    status = database_status(server)
    assert status.bar_size == "5min"
    assert [(one.name, one.known) for one in status.migrations[-1:]] == [("later", False)]


def test_the_commands(clean_environment, postgres_url):
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url.replace("postgres:@", "postgres:s3cret@"))
    assert intraday("db", "check")[0] == 1
    status, said = intraday("db", "status")
    assert (status, "0001_bars  missing: run `intraday db migrate`" in said) == (0, True)
    status, said = intraday("db", "migrate", "--create-only")
    assert (status, "Applied 0001_bars." in said) == (0, True)
    assert intraday("db", "migrate")[1].startswith("Nothing was missing.")
    assert intraday("db", "check")[0] == 0
    status, said = intraday("db", "status")
    assert (status, "0006_unread_index  applied 20" in said, "s3cret" in said) == (0, True, False)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9000, 'later', '')")
    for command in ("migrate", "summary"):
        status, said = intraday("db", command)
        assert (status, "The database has migration 9000" in said) == (2, True)
    status, said = intraday("db", "check")
    assert (status, "The database has migration 9000" in said) == (1, True)


def test_two_processes_migrate_at_once(clean_environment, postgres_url):
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    running = [
        subprocess.Popen([INTRADAY, "db", "migrate"], env=dict(os.environ), text=True, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sorted("Applied 0001_bars." in one for one in said) == [False, False, True]
    assert schema_differences(DatabaseServer(postgres_url), None) == []


@pytest.mark.parametrize("name", ["x'; DROP TABLE market_data; --", '"; DROP DATABASE postgres; --', "%s {} $1", "-rf"])
def test_a_name_of_a_file_or_database_is_never_sql(clean_environment, postgres_url, tmp_path, name):
    """Nor an option of a program."""
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    intraday("db", "migrate")
    file = str(tmp_path / name)
    assert intraday("db", "backup", file)[0] == 0
    assert intraday("db", "verify", file)[0] == 0
    status, said = intraday("db", "restore", file, f"--into={name}")
    try:
        assert status == 0, said
        with psycopg.connect(make_conninfo(postgres_url, dbname=name)) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (name,)
        assert schema_differences(DatabaseServer(postgres_url), None) == []
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
