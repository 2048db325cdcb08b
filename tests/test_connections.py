"""Connections are kept between transactions, and a kept one is never worse than a new one."""

import os
import secrets
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from resources.database.connections import KEPT_PER_DATABASE, Connections
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, DatabaseFull, DatabaseUnreachable

PID = "SELECT pg_backend_pid()"


@pytest.fixture(params=["postgres_url", "timescale_url"])
def url(request) -> str:
    return request.getfixturevalue(request.param)


def backend(url: str) -> int:
    """The server's process behind the next transaction."""
    with DatabaseServer(url).connect() as connection:
        return connection.execute(PID).fetchone()[0]


def test_one_backend_serves_one_transaction_after_the_other(url):
    assert backend(url) == backend(url)


def test_a_failed_transaction_leaves_nothing_and_the_connection_is_kept(url):
    before = backend(url)
    with pytest.raises(DatabaseError, match="no_such_table"), DatabaseServer(url).connect() as connection:
        connection.execute("CREATE TABLE half (x int); SELECT * FROM no_such_table")
    with DatabaseServer(url).connect() as connection:
        assert connection.execute("SELECT to_regclass('half'), pg_backend_pid()").fetchone() == (None, before)


def test_a_backend_that_was_ended_meanwhile_is_replaced(url):
    """As after a restart of the server: the next call works, and does not tell of a connection that is gone."""
    before = backend(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 10000)", [before])
    assert backend(url) != before


def test_open_transactions_starve_no_other(url):
    """More at once than are kept; those that are too many end with their transaction."""
    first, second = at_once(url, KEPT_PER_DATABASE + 2), at_once(url, KEPT_PER_DATABASE + 2)
    assert len(first) == len(second) == KEPT_PER_DATABASE + 2
    assert len(first & second) == KEPT_PER_DATABASE


def at_once(url: str, count: int) -> set[int]:
    """The backends of so many transactions that are open together."""
    with ExitStack() as opened:
        connections = [opened.enter_context(DatabaseServer(url).connect()) for _ in range(count)]
        return {connection.execute(PID).fetchone()[0] for connection in connections}


def test_threads_never_share_a_connection(url):
    server, seen, barrier = DatabaseServer(url), [], threading.Barrier(8)

    def work() -> None:
        for _ in range(20):
            with server.connect() as connection:
                (pid,) = connection.execute(PID).fetchone()
                barrier.wait(30)
                seen.append(pid)
            barrier.wait(30)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(set(seen[start : start + 8])) == 8 for start in range(0, 160, 8))


def test_utc_whatever_the_server_and_the_last_user_say(url):
    with psycopg.connect(url, autocommit=True) as admin:
        (name,) = admin.execute("SELECT current_database()").fetchone()
        admin.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(sql.Identifier(name)))
    asked = "SELECT current_setting('TimeZone'), timestamptz '2024-01-03 14:30Z'::text"
    with pytest.raises(DatabaseError), DatabaseServer(url).connect() as connection:  # takes back what it had set
        connection.execute("SELECT no_such_function()")
    for _ in range(2):
        with DatabaseServer(url).connect() as connection:
            assert connection.execute(asked).fetchone() == ("UTC", "2024-01-03 14:30:00+00")


def test_a_connection_that_is_not_as_it_was_taken_is_not_kept(url):
    with DatabaseServer(url).connect() as connection:
        connection.autocommit = True
    with DatabaseServer(url).connect() as connection:
        assert not connection.autocommit


def test_a_forked_child_leaves_the_parents_connections_alone(url):
    """The child has its own; the parent's backend is not told to end when the child does."""
    script = """
import os, sys
from resources.database.server import DatabaseServer
server = DatabaseServer(sys.argv[1])
def pid():
    with server.connect() as connection:
        return connection.execute("SELECT pg_backend_pid()").fetchone()[0]
before = pid()
child = os.fork()
if child == 0:
    sys.exit(0 if pid() != before else 7)
_, status = os.waitpid(child, 0)
sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {pid() == before}")
"""
    assert run(script, url) == ("0 True", "", 0)


def test_a_process_that_kept_connections_ends_without_a_word(url):
    script = """
import sys, threading
from resources.database.server import DatabaseServer
def work():
    with DatabaseServer(sys.argv[1]).connect() as connection:
        connection.execute("SELECT 1")
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    assert run(script, url) == ("", "", 0)


def run(script: str, url: str) -> tuple[str, str, int]:
    """What a process of its own prints; warnings are errors in it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", script, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    return done.stdout, done.stderr, done.returncode


def test_connections_are_closed_on_demand(url):
    own = Connections()
    connection = own.take(url)
    own.give_back(url, connection)
    own.close()
    assert connection.closed


def test_a_full_disk_and_a_full_server_have_their_own_sentences(timescale_url):
    server = DatabaseServer(timescale_url)
    with pytest.raises(DatabaseFull, match="has no room left on its disk") as full, server.connect() as connection:
        connection.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")
    assert not full.value.retry_helps
    role, secret = f"few_{secrets.token_hex(4)}", "hunter2"
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        name = sql.Identifier(role)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 0").format(name))
        try:
            limited = DatabaseServer(timescale_url.replace("postgres@", f"{role}:{secret}@"))
            with pytest.raises(DatabaseUnreachable, match="has no free connection") as crowded, limited.connect():
                raise AssertionError("the role may have no connection")
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(name))
    assert crowded.value.retry_helps
    assert secret not in str(crowded.value)
