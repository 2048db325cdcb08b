"""Backups, proven by restoring them, on the embedded PostgreSQL and on TimescaleDB."""

import hashlib
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from resources.database.backups import backup, pg_programs, restore, scratch
from resources.database.backups.backup import DUMP, MANIFEST, write_backup
from resources.database.backups.pg_programs import programs_for
from resources.database.backups.restore import restore_backup, verify_backup
from resources.database.connections import CONNECTIONS
from resources.database.schema.check import schema_differences
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import (
    BackupFailed,
    BackupUnsound,
    ConfigError,
    DatabaseBusy,
    MigrationError,
    NotEmpty,
    ToolMissing,
)
from tests.support.commands import intraday, started

NOW = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
FILLED = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
SELECT at, symbol, 522.8380000000002, 523, 0.000001, 522.9, 3000000000, 'file', 'as_traded'
FROM generate_series('2024-01-03 14:30+00'::timestamptz, '2024-03-20', '7 hours') at,
     unnest(ARRAY['NVDA', 'MSFT']) symbol;
INSERT INTO bar_revisions
SELECT "timestamp", symbol, open, high, low, close, volume, source, created_at, now(), true, basis, why
FROM market_data LIMIT 3;
INSERT INTO bar_revisions SELECT * FROM bar_revisions LIMIT 1;
INSERT INTO feed_events (feed, event, why) VALUES ('yahoo', 'down', 'Ümläut, '' and "'), ('yahoo', 'up', '');
INSERT INTO gate_acceptances (session, environment, bar_size, symbols, fingerprints, reason, by, at, verdict, findings)
VALUES ('2024-01-03', 'test', '1min', '{NVDA}', '{}', 'halted', 'desk', now(), 'FAIL', '[]');
INSERT INTO stored_bar_size VALUES ('1min');
INSERT INTO orders (account, client_order_id, symbol, side, order_type, quantity, limit_price, time_in_force,
                    state, created_at)
VALUES ('DU1234567', 'nvda-1', 'NVDA', 'BUY', 'LIMIT', 100, 485.50, 'GTC', 'PARTIALLY_FILLED', '2026-11-20 14:30+00');
INSERT INTO order_events (order_id, kind, at, outcome, state, quantity, price, execution, revision, perm_id, said)
SELECT id, 'FILL', created_at, 'APPLIED', state, 40, 485.4999999999, '0000e0d5.67a1b2c3.01', 1, 2147483648, E'a\\nb'
FROM orders;
INSERT INTO fills (account, exec_id, symbol, side, quantity, price, executed_at, client_order_id)
SELECT account, '0000e0d5.67a1b2c3.01.01', symbol, side, 40, 485.4999999999, created_at, client_order_id FROM orders;
INSERT INTO fill_commissions (account, exec_id, amount, currency) SELECT account, exec_id, 0.35, 'USD' FROM fills;
INSERT INTO position_adoptions (account, symbol, quantity, price, adopted_at, who, why)
SELECT account, symbol, -10, 0, created_at, 'ada', 'by hand' FROM orders;
INSERT INTO trading_halts (account, symbol, halted, who, why) VALUES ('DU1234567', NULL, true, 'ada', '');
INSERT INTO reconciliations (account, asked_at, symbol, ours, theirs) VALUES ('DU1234567', now(), 'NVDA', 40, 30);
INSERT INTO current_positions (account, symbol, qty, market_value) VALUES ('DU1234567', 'NVDA', 30, NULL);
CREATE SCHEMA theirs; CREATE TABLE theirs.notes (note text); INSERT INTO theirs.notes VALUES (NULL), ('a'), ('a')
"""
TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'theirs') ORDER BY 1, 2"


@pytest.fixture(params=["postgres_url", "timescale_url"])
def filled(request) -> DatabaseServer:
    """A database of either kind with rows in many tables, one of which is not of this project."""
    server = DatabaseServer(request.getfixturevalue(request.param))
    migrate(server)
    with server.connect() as connection:
        connection.execute(FILLED)
    return server


@pytest.fixture
def new_name(filled) -> Iterator[Callable[[], str]]:
    """Names of databases that are dropped after the test."""
    names: list[str] = []

    def name() -> str:
        names.append(f"restored_{secrets.token_hex(6)}")
        return names[-1]

    yield name
    CONNECTIONS.close()
    with psycopg.connect(elsewhere(filled, "postgres").url, autocommit=True) as admin:
        for one in names:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(one)))


def elsewhere(server: DatabaseServer, database: str) -> DatabaseServer:
    return replace(server, url=make_conninfo(server.url, dbname=database))


def everything(server: DatabaseServer) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, read without the code under test."""
    with psycopg.connect(server.url) as connection:
        return {
            f"{schema}.{table}": sorted(
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall(),
                key=repr,
            )
            for schema, table in connection.execute(TABLES).fetchall()
        }


def databases(server: DatabaseServer) -> set[str]:
    with psycopg.connect(elsewhere(server, "postgres").url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_what_is_restored_is_equal_and_goes_on_working(filled, new_name, tmp_path):
    before = everything(filled)
    assert {name: len(rows) for name, rows in before.items() if rows}.keys() >= {"public.market_data", "theirs.notes"}
    file, manifest = write_backup(filled, tmp_path, NOW)
    assert file == tmp_path / "intraday-20260102T030405Z.backup"
    assert {name: content.rows for name, content in manifest.tables.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    with filled.connect() as connection:
        connection.execute("DELETE FROM market_data WHERE symbol = 'NVDA'")
    target, _ = restore_backup(filled, file, new_name())
    assert everything(target) == before
    assert schema_differences(target, None) == []  # tables, indexes, trigger, hypertables, rights: all of it
    with psycopg.connect(target.url) as connection:
        insert = "INSERT INTO feed_events (feed, event, why) VALUES ('yahoo', 'up', '') RETURNING id"
        assert connection.execute(insert).fetchone() == (3,)
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connection.transaction():
            connection.execute("UPDATE gate_acceptances SET reason = 'x'")
        connection.execute(
            "INSERT INTO market_data SELECT '2025-06-03 14:30+00', 'NVDA', 1, 1, 1, 1, 1, 'f', now(), 'unknown'"
        )
        if manifest.timescaledb:
            chunks = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'market_data'"
            assert connection.execute(chunks).fetchone() == (5,)  # four of the rows, one of the new bar
    assert verify_backup(filled, file) == manifest


def test_it_takes_the_place_of_a_database_without_rows(filled, new_name, tmp_path):
    before = everything(filled)
    file, _ = write_backup(filled, tmp_path / "one.backup", NOW)
    empty = elsewhere(filled, new_name())
    with psycopg.connect(elsewhere(filled, "postgres").url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name_of(empty))))
    migrate(empty)
    names = databases(filled)
    restore_backup(empty, file)
    assert everything(empty) == before
    assert databases(filled) == names


def test_rows_written_meanwhile_are_in_the_next_backup(filled, tmp_path, monkeypatch):
    """The dump and the checksums are of one moment, and nobody has to stop for them."""
    before = everything(filled)
    real = backup.reading

    @contextmanager
    def interrupted(*arguments):
        with psycopg.connect(filled.url) as other:
            other.execute("DELETE FROM market_data WHERE symbol = 'NVDA'")
            other.execute("INSERT INTO theirs.notes VALUES ('later')")
        with real(*arguments) as dump:
            yield dump

    monkeypatch.setattr(backup, "reading", interrupted)
    file, manifest = write_backup(filled, tmp_path, NOW)
    assert manifest.tables["public.market_data"].rows == len(before["public.market_data"])
    assert manifest.tables["theirs.notes"].rows == 3
    assert verify_backup(filled, file) == manifest


def name_of(server: DatabaseServer) -> str:
    return str(conninfo_to_dict(server.url)["dbname"])


def test_what_holds_rows_is_never_touched(filled, new_name, tmp_path):
    file, _ = write_backup(filled, tmp_path / "one.backup", NOW)
    before, names = everything(filled), databases(filled)
    with pytest.raises(NotEmpty, match="--into"):
        restore_backup(filled, file)
    with pytest.raises(NotEmpty, match="There is a database"):
        restore_backup(filled, file, name_of(filled))
    with pytest.raises(BackupFailed, match="exists already"):
        write_backup(filled, file, NOW)
    assert (everything(filled), databases(filled)) == (before, names)


def test_a_database_in_use_is_not_replaced(filled, new_name, tmp_path):
    file, _ = write_backup(filled, tmp_path / "one.backup", NOW)
    empty = elsewhere(filled, new_name())
    with psycopg.connect(elsewhere(filled, "postgres").url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name_of(empty))))
    names = databases(filled)
    with psycopg.connect(empty.url), pytest.raises(DatabaseBusy, match="in use by others"):
        restore_backup(empty, file)
    assert databases(filled) == names
    assert everything(empty) == {}


@pytest.mark.parametrize("at", ["table_contents", "_refuse_rows"])
def test_an_interrupted_restore_leaves_nothing(postgres_url, tmp_path, monkeypatch, at):
    """Ctrl-C while the rows are compared, and while the empty database stands aside for the restored one."""
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    names, calls = databases(server), []
    real = getattr(restore, at)

    def interrupted(*arguments):
        calls.append(arguments)
        if at == "table_contents" or len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(restore, at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(server, file)
    assert databases(server) == names
    assert schema_differences(server, None) == []


def rewritten(file: Path, change: Callable[[bytes, dict[str, object]], bytes]) -> None:
    """Write the archive anew with another dump; the manifest's checksum of it is made to fit where `change` does so."""
    with zipfile.ZipFile(file) as archive:
        dump, manifest = archive.read(DUMP), json.loads(archive.read(MANIFEST))
    dump = change(dump, manifest)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(DUMP, dump)
        archive.writestr(MANIFEST, json.dumps(manifest))


def flipped(dump: bytes, _: dict[str, object]) -> bytes:
    return dump[:-1000] + bytes([dump[-1000] ^ 1]) + dump[-999:]


def cut_with_a_new_checksum(dump: bytes, manifest: dict[str, object]) -> bytes:
    dump = dump[: len(dump) // 2]
    manifest["sha256"] = hashlib.sha256(dump).hexdigest()
    return dump


def unknown_manifest(dump: bytes, manifest: dict[str, object]) -> bytes:
    del manifest["tables"]
    return dump


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (lambda file: os.truncate(file, file.stat().st_size - 100), BackupUnsound, "cut short"),
        (lambda file: os.truncate(file, 3000), BackupUnsound, "cut short"),
        (lambda file: os.truncate(file, 0), BackupUnsound, "no backup"),
        (lambda file: file.write_text("a letter"), BackupUnsound, "no backup"),
        (lambda file: file.write_bytes(flipped(file.read_bytes(), {})), BackupUnsound, "altered|no backup"),
        (lambda file: rewritten(file, flipped), BackupUnsound, "another checksum"),
        (lambda file: rewritten(file, unknown_manifest), BackupUnsound, "does not understand"),
        (lambda file: rewritten(file, cut_with_a_new_checksum), BackupFailed, "pg_restore failed"),
        (lambda file: file.unlink(), BackupFailed, "cannot be read"),
    ],
)
def test_a_file_that_is_not_what_was_backed_up_is_refused(postgres_url, tmp_path, spoil, error, said):
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    names = databases(server)
    spoil(file)
    with pytest.raises(error, match=said):
        verify_backup(server, file)
    with pytest.raises(error, match=said):
        restore_backup(server, file, "restored_never")
    assert databases(server) == names


def test_another_dump_in_a_backup_is_found_by_its_rows(filled, tmp_path):
    """Someone who makes the file's own checksum fit as well is found out by what comes of it."""
    file, _ = write_backup(filled, tmp_path / "one.backup", NOW)
    with filled.connect() as connection:
        connection.execute(
            "UPDATE market_data SET close = close + 0.0000001 WHERE symbol = 'MSFT' AND \"timestamp\" < '2024-01-04'"
        )
        connection.execute("DELETE FROM bar_revisions")
    other, manifest = write_backup(filled, tmp_path / "two.backup", NOW)
    with zipfile.ZipFile(other) as archive:
        dump = archive.read(DUMP)

    def exchanged(_: bytes, kept: dict[str, object]) -> bytes:
        kept["sha256"] = manifest.sha256
        return dump

    rewritten(file, exchanged)
    names = databases(filled)
    said = r"public.bar_revisions has 0 rows and had 4; public.market_data has other values\."
    with pytest.raises(BackupUnsound, match=said):
        verify_backup(filled, file)
    assert databases(filled) == names


def test_a_backup_of_newer_code_or_of_a_newer_server_is_refused(postgres_url, tmp_path):
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    later = shutil.copy(file, tmp_path / "later.backup")

    def newer(key: str, value: object) -> Callable[[bytes, dict[str, object]], bytes]:
        return lambda dump, manifest: manifest.update({key: value}) or dump

    rewritten(file, newer("migrations", [9000]))
    with pytest.raises(MigrationError, match="migration 9000"):
        restore_backup(server, file, "restored_never")
    rewritten(later, newer("server", 99))
    with pytest.raises(BackupFailed, match="of PostgreSQL 99, and this server is older"):
        verify_backup(server, later)
    rewritten(later, newer("timescaledb", "0.0.1"))
    rewritten(later, newer("server", 1))
    with pytest.raises(BackupFailed, match=r"needs TimescaleDB 0\.0\.1"):
        verify_backup(server, later)


def test_a_pg_dump_that_is_older_than_the_server_is_told(monkeypatch, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 13.4 (Debian 13.4-1)'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(pg_programs, "DEBIAN", tmp_path / "none")
    monkeypatch.setattr(pg_programs, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "which", lambda name: str(folder / name))
    assert programs_for(13).folder == folder
    with pytest.raises(ToolMissing, match=r"server is PostgreSQL 17 and the newest pg_dump here is 13 .*client-17"):
        programs_for(17)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissing, match="there is no pg_dump here"):
        programs_for(17)


def test_a_name_that_ends_like_a_folder_is_one(clean_environment, postgres_url, tmp_path):
    migrate(DatabaseServer(postgres_url))
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    status, said = intraday("db", "backup", f"{tmp_path}/new/backups/")
    assert status == 0, said
    (file,) = (tmp_path / "new" / "backups").iterdir()
    assert file.name.endswith(".backup")
    assert intraday("db", "verify", str(file))[0] == 0


def test_a_failed_or_interrupted_backup_leaves_no_file(postgres_url, tmp_path):
    server = DatabaseServer(postgres_url)
    migrate(server)
    with pytest.raises(BackupFailed, match="cannot be written: No such file"):
        write_backup(server, tmp_path / "no" / "folder", NOW)
    waiting = """
import sys
import pandas as pd
from pathlib import Path
from resources.database.backups import backup
from resources.database.server import DatabaseServer
def stopped(connection):
    print("here", flush=True)
    sys.stdin.read()
backup.table_contents = stopped
backup.write_backup(DatabaseServer(sys.argv[1]), Path(sys.argv[2]), pd.Timestamp.now("UTC"))
"""
    command = [sys.executable, "-c", waiting, postgres_url, str(tmp_path / "one.backup")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        parts = list(tmp_path.glob(".*.part"))
        assert [stat.S_IMODE(part.stat().st_mode) for part in parts] == [0o600]
        assert not (tmp_path / "one.backup").exists()
        child.send_signal(signal.SIGINT)
        child.wait(60)
    assert list(tmp_path.iterdir()) == []


STANDING = """#!/bin/sh
[ "$1" = --version ] && echo "$0 (PostgreSQL) {major}.0" && exit
echo $$ > {here}.new && mv {here}.new {here}
exec sleep 1000
"""


@pytest.fixture
def standing(tmp_path, clean_environment, postgres_url) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], int]]]:
    """Starts a command on a backup, and returns when it stands in the middle of pg_restore, with whose number."""
    folder, here, began = tmp_path / "bin", tmp_path / "here", []
    with psycopg.connect(postgres_url) as connection:
        major = programs_for(connection.info.server_version // 10_000).major  # those on PATH come before its equals
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(STANDING.format(here=here, major=major))
        (folder / name).chmod(0o755)
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)

    def start(*command: str) -> tuple[subprocess.Popen[str], int]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
            process, pulse = started(*command), threading.Event()
        while not here.exists():
            assert process.poll() is None, process.communicate()
            pulse.wait(0.02)
        began.append(int(here.read_text()))
        here.unlink()
        return process, began[-1]

    yield start
    for pid in began:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("verify",), "Interrupted. Nothing is proven; what it was tried in is dropped."),
        (
            ("restore", "--into", "restored_never"),
            "Interrupted. The backup is in its place as a whole, or nothing of it.",
        ),
    ],
)
def test_an_interruption_of_the_command_leaves_no_database(standing, postgres_url, tmp_path, how, command, said):
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    names = databases(server)
    process, _ = standing("db", command[0], str(file), *command[1:])
    assert len(databases(server)) == len(names) + 1
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, " ".join(errors.split())) == (130, said)
    assert databases(server) == names


def test_an_interrupted_backup_says_that_there_is_none(standing, tmp_path):
    process, _ = standing("db", "backup", str(tmp_path / "two.backup"))
    assert list(tmp_path.glob(".two.backup.*.part"))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "Interrupted. No backup was written.\n")
    assert list(tmp_path.glob("*two*")) == list(tmp_path.glob(".two*")) == []


def test_what_a_killed_verify_leaves_is_dropped_by_the_next_and_a_live_one_is_not(standing, postgres_url, tmp_path):
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, manifest = write_backup(server, tmp_path / "one.backup", NOW)
    names = databases(server)
    process, _ = standing("db", "verify", str(file))
    (live,) = databases(server) - names
    assert verify_backup(server, file) == manifest
    assert databases(server) - names == {live}
    process.kill()
    process.communicate(timeout=60)
    wait_until_unlocked(server)
    status, said = intraday("db", "verify", str(file))
    assert (status, f"The database {live} is dropped: a restore that was killed" in " ".join(said.split())) == (0, True)
    assert databases(server) == names


def wait_until_unlocked(server: DatabaseServer) -> None:
    """The server notices at its own pace that a client is gone."""
    pulse = threading.Event()
    with psycopg.connect(elsewhere(server, "postgres").url, autocommit=True) as watcher:
        while watcher.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 1935897185").fetchone():
            pulse.wait(0.05)


def test_what_may_be_somebody_elses_is_named_and_stays(postgres_url, tmp_path, caplog):
    """A database of such a name that says nothing of itself, one that stepped aside, and one in which somebody is."""
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    of = name_of(server)
    theirs = [f"{of[:38]}_restoring_0123abcd", f"{of[:38]}_restoring_0123abce_empty", f"{of[:38]}_restoring_ffffffff"]
    with psycopg.connect(elsewhere(server, "postgres").url, autocommit=True) as admin:
        try:
            for name in theirs:
                admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            ours = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(theirs[2]), scratch.COMMENT)
            admin.execute(ours)
            with psycopg.connect(elsewhere(server, theirs[2]).url):
                verify_backup(server, file)
            assert set(theirs) <= databases(server)
        finally:
            for name in theirs:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    for name, why in zip(theirs, ("does not say", "does not say", "is being accessed by other users"), strict=True):
        assert [line for line in caplog.messages if f"database {name} was left behind" in line and why in line], name


def test_an_interruption_while_the_scratch_is_dropped_waits_for_it(postgres_url, tmp_path, monkeypatch):
    server = DatabaseServer(postgres_url)
    migrate(server)
    file, _ = write_backup(server, tmp_path / "one.backup", NOW)
    names, before = databases(server), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(scratch, "CONNECTIONS", SimpleNamespace(close=lambda: signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        verify_backup(server, file)
    assert databases(server) == names
    assert signal.getsignal(signal.SIGINT) is before


def test_a_database_with_the_longest_name_is_not_taken_for_its_scratch(postgres_url, new_name_of, tmp_path):
    """PostgreSQL cuts names at 63 bytes: what is added to a name of as many must not be what is cut off."""
    server = elsewhere(DatabaseServer(postgres_url), new_name_of("漢" * 21))
    migrate(server)
    with server.connect() as connection:
        connection.execute("INSERT INTO stored_bar_size VALUES ('1min')")
    file, manifest = write_backup(server, tmp_path / "one.backup", NOW)
    assert verify_backup(server, file) == manifest
    assert everything(server)["public.stored_bar_size"]


@pytest.fixture
def new_name_of(postgres_url) -> Iterator[Callable[[str], str]]:
    """Makes a database of a name, which is dropped after the test."""
    made: list[sql.Identifier] = []
    with psycopg.connect(elsewhere(DatabaseServer(postgres_url), "postgres").url, autocommit=True) as admin:

        def make(name: str) -> str:
            made.append(sql.Identifier(name))
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(made[-1]))
            return name

        yield make
        CONNECTIONS.close()
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def test_no_secret_is_in_an_argument_and_the_programs_still_get_it(postgres_url, tmp_path):
    """What the command line shows, what environment and service file hold, and that PostgreSQL's own read it."""
    seen = tmp_path / "seen"
    (tmp_path / "pg_dump").write_text(
        f'#!/bin/sh\nexec > {seen}\necho "$@"\necho "env $PGPASSWORD"\n'
        'stat -c %a "$PGSERVICEFILE"\ncat "$PGSERVICEFILE"\n'
    )
    (tmp_path / "pg_dump").chmod(0o755)
    server = DatabaseServer("postgresql://me:p%40ss@127.0.0.1:1/it?sslpassword=Zq7%20K&oauth_client_secret=Wv9")
    with pg_programs.reading(pg_programs.Programs(tmp_path, 18), server, "1-2-3"):
        pass
    arguments, password, mode, *lines = seen.read_text().splitlines()
    assert "service=intraday" in arguments
    assert not {secret for secret in ("p@ss", "Zq7", "Wv9", "sslpassword") if secret in arguments}
    assert (password, mode, lines[0]) == ("env p@ss", "600", "[intraday]")
    assert set(lines[1:]) == {"sslpassword=Zq7 K", "oauth_client_secret=Wv9"}
    real = DatabaseServer(f"{postgres_url}&sslpassword=Zq7%20K")
    migrate(real)
    file, manifest = write_backup(real, tmp_path / "one.backup", NOW)
    assert verify_backup(real, file) == manifest
    for url in (f"{postgres_url}&sslpassword=x&service=theirs", f"{postgres_url}&sslpassword=x%0Ahost%3Devil"):
        with (
            pytest.raises(ConfigError, match="sslpassword of the address cannot be handed"),
            pg_programs.reading(pg_programs.Programs(tmp_path, 18), DatabaseServer(url), "1-2-3"),
        ):
            pass


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        (
            "postgresql://u:a@h/d",
            'FATAL: a bad day, database "data": password=a',
            'FATAL: a bad day, database "data": password=***',
        ),
        (
            "postgresql://u:pw@h/d?sslpassword=key",
            "u:pw@h sslpassword='key' monkey keys",
            "u:***@h sslpassword='***' monkey keys",
        ),
        (
            "postgresql://u:p%40w@h/d",
            "postgresql://u:p%40w@h and password = p@w",
            "postgresql://u:***@h and password = ***",
        ),
        ("postgresql://u@h/d?oauth_client_secret=s.e", 'token "s.e" or "see"', 'token "***" or "see"'),
        ("postgresql://u@h/d", "nothing", "nothing"),
    ],
)
def test_secrets_are_hidden_where_they_stand_as_ones(url, said, shown):
    assert DatabaseServer(url).redacted(said) == shown


def test_the_password_is_in_no_argument(monkeypatch, tmp_path):
    """What `ps` shows of the programs that a backup runs."""
    seen = tmp_path / "seen"
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" >> {seen}\necho "env $PGPASSWORD" >> {seen}\ncat\nexit 1\n')
        (tmp_path / name).chmod(0o755)
    server = DatabaseServer("postgresql://me:p%40ss@127.0.0.1:1/it")
    programs = pg_programs.Programs(tmp_path, 18)
    with pytest.raises(BackupFailed) as failure, pg_programs.reading(programs, server, "1-2-3"):
        pass
    with (tmp_path / "seen").open("rb") as nothing, pytest.raises(BackupFailed):
        pg_programs.fill(programs, server, nothing)
    arguments = [line for line in seen.read_text().splitlines() if not line.startswith("env ")]
    assert len(arguments) == 2
    assert all(
        "user=me" in line and "dbname=it" in line and "ss" not in line.replace("password", "") for line in arguments
    )
    assert seen.read_text().count("env p@ss\n") == 2
    assert "p@ss" not in str(failure.value)
