"""The password of the database is nowhere but in the environment: not on the screen, in no process list, no error, no
file, no log of the server's, no row of Dagster's; whether what was asked for goes well or not.
"""

import gzip
import secrets
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import psycopg
import pytest
from psycopg import sql

from tests.support.commands import intraday
from tests.support.recorded import vendor_files

DAY = "2020-11-16"
PLANTED = "Zq7Kx9Wv"
"""What is looked for: it stays as it is however the rest of the password is quoted."""
PASSWORD = f"p@{PLANTED}/:%"
WRONG = f"no@{PLANTED}/:%"


@pytest.fixture
def given(own_server, own_url, new_desk) -> Iterator[Callable[..., None]]:
    """Sets the desk's address to one with a password, which the server checks; it writes down what it is told."""
    role = f"role_{secrets.token_hex(6)}"
    name = sql.Identifier(role)
    with psycopg.connect(own_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(name, PASSWORD))
        admin.execute(sql.SQL("ALTER ROLE {} SET log_statement = 'all'").format(name))
        admin.execute(sql.SQL("ALTER ROLE {} SET log_parameter_max_length_on_error = -1").format(name))
        own_server.ask_for_password(role)
        admin.execute("SELECT pg_reload_conf()")
        desk = new_desk(own_url)

        def give(password: str = PASSWORD) -> None:
            address = f"{role}:{quote(password, safe='')}@127.0.0.1:{own_url.rpartition(':')[2]}"
            desk.configure(
                TIMESCALEDB_URL=f"postgresql://{address}",
                INTRADAY_DAGSTER_URL=f"postgresql+psycopg2://{address}",
                INTRADAY_FEEDS__PRIMARY="files",
            )

        give.home = desk.home  # type: ignore[attr-defined]
        yield give
        with psycopg.connect(own_url, autocommit=True) as inside:
            inside.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
        admin.execute(sql.SQL("REASSIGN OWNED BY {} TO postgres").format(name))
        admin.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def process_list() -> Iterator[set[str]]:
    """Every command line of this machine, seen while the test goes on."""
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield seen
    ended.set()
    watcher.join()


def text_of(path: Path) -> str:
    """What a person finds in a file."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return "".join(packed.read(name).decode(errors="replace") for name in packed.namelist())
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")


def rows_of(url: str) -> str:
    """Every row of every table of a database."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        found = []
        for table in tables:
            text = sql.SQL("SELECT string_agg(row::text, ' ') FROM {} row").format(sql.Identifier(*table))
            found.append(str(connection.execute(text).fetchone()))
    return "".join(found)


def test_a_password_is_seen_nowhere(own_server, own_url, given, process_list, tmp_path):
    given()
    files = vendor_files(given.home / "landing" / "raw", [DAY])
    backup = str(tmp_path / "backup")
    done = {
        " ".join(command): intraday(*command)
        for command in (
            ("load", *files),
            ("run", DAY),
            ("export", "NVDA", "--from", DAY, "--to", DAY, "-o", str(tmp_path / "bars.csv")),
            ("db", "backup", backup),
            ("db", "verify", backup),
        )
    }
    assert {command: status for command, (status, said) in done.items() if status} == {}
    assert any("pg_dump" in command for command in process_list)
    assert any("pg_restore" in command for command in process_list)
    written = [*given.home.rglob("*"), *tmp_path.rglob("*")]
    everything = {
        "screen": "".join(said for _, said in done.values()),
        "processes": "".join(process_list),
        "log": own_server.log,
        "rows": rows_of(own_url),
        **{str(path): text_of(path) for path in written if path.is_file()},
    }
    assert "INSERT INTO event_logs" in everything["log"] or "event_logs" in everything["rows"]
    assert [where for where, text in everything.items() if PLANTED in text] == []


def test_a_password_that_does_not_open_is_not_shown_either(own_server, given, process_list, tmp_path):
    given(WRONG)
    files = vendor_files(tmp_path / "files", [DAY])
    commands = (
        ("load", *files),
        ("run", DAY),
        ("export", "NVDA", "--from", DAY, "--to", DAY, "-o", str(tmp_path / "bars.csv")),
        ("db", "backup", str(tmp_path / "backup")),
    )
    for command in commands:
        status, said = intraday(*command)
        refused = "password authentication failed" in " ".join(said.split())
        assert (command[0], status, refused, "Traceback" in said) == (command[0], 2, True, False), said
        assert PLANTED not in said
    written = "".join(text_of(path) for path in given.home.rglob("*") if path.is_file())
    assert PLANTED not in written + own_server.log + "".join(process_list)
