"""A disk that fills while sessions are loaded: a typed error that asks for room, whole sessions, and with room the next
load ends as if nothing had happened. On disks that are really full.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from tests.support.loaders import FAILED
from tests.support.recorded import SYMBOLS, session_rows, vendor_files
from tests.support.small_disk import SmallDisk, small_disk

DAYS = ("2020-11-16", "2020-11-17", "2020-11-18", "2020-11-19", "2020-11-20", "2020-11-23")
BY_DAY = """
SELECT (timestamp AT TIME ZONE 'America/New_York')::date::text, count(*) FROM {} GROUP BY 1 ORDER BY 1
"""


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


@pytest.fixture
def disk(own_server) -> Iterator[SmallDisk]:
    """One that the server may write to."""
    with tempfile.TemporaryDirectory(prefix="intraday-disk-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "disk").mkdir()
        with small_disk(folder / "disk", 64, own_server.user) as mounted:
            (mounted.folder / "tables").mkdir(mode=0o700)
            os.chown(mounted.folder / "tables", own_server.user, -1)
            yield mounted


@pytest.fixture
def url(own_server, disk) -> Iterator[str]:
    """A database whose tables are on that disk; the server's log of what it does is elsewhere."""
    name = f"test_{secrets.token_hex(8)}"
    database, space = sql.Identifier(name), sql.Identifier(f"space_{name}")
    with psycopg.connect(own_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(space, str(disk.folder / "tables")))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 TABLESPACE {}").format(database, space))
    migrate(DatabaseServer(own_server.url(name)))
    yield own_server.url(name)
    with psycopg.connect(own_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        admin.execute(sql.SQL("DROP TABLESPACE {}").format(space))


def hold_loaded(url: str, days: tuple[str, ...]) -> None:
    """These days are stored whole in both tables, and nothing else."""
    bars = {day: sum(len(session_rows(symbol)[day]) for symbol in SYMBOLS) for day in days}
    assert rows(url, BY_DAY.format("market_data")) == list(bars.items())
    assert rows(url, BY_DAY.format("dual_ticker_bars")) == [(day, 780) for day in days]
    assert rows(url, "SELECT count(*) FROM bar_revisions") == [(0,)]


def test_the_servers_disk_fills_in_the_middle_of_a_load(disk, url, nursery, clean_environment, tmp_path):
    environment = {"INTRADAY_HOME": str(tmp_path / "home"), "TIMESCALEDB_URL": url}
    load = partial(nursery.start, "load_files", environment, at_once=2)
    assert load(paths=vendor_files(tmp_path / "first", DAYS[:2])).wait() == 0
    files = vendor_files(tmp_path / "files", DAYS)
    disk.fill(left=600_000)
    full = load(paths=files)
    assert full.wait() == FAILED
    assert "DatabaseFull: " in full.said
    assert "has no room left on its disk (could not extend file" in full.said
    assert "make room first. A retry would not help." in full.said
    assert "Attempt" not in full.said
    hold_loaded(url, DAYS[: len(rows(url, BY_DAY.format("market_data")))])
    assert len(rows(url, BY_DAY.format("market_data"))) < len(DAYS)
    disk.make_room()
    assert load(paths=files).wait() == 0
    hold_loaded(url, DAYS)


def test_the_desks_own_disk_is_full(disk, timescale_url, nursery, clean_environment, tmp_path):
    """Where files are landed: one sentence, no half file, and the sessions are whole."""
    home = disk.folder / "home"
    home.mkdir()
    environment = {"INTRADAY_HOME": str(home), "TIMESCALEDB_URL": timescale_url}
    load = partial(nursery.start, "load_files", environment, at_once=2)
    files = vendor_files(tmp_path / "files", DAYS)
    disk.fill(left=200_000)
    full = load(paths=files)
    assert full.wait() == FAILED
    assert "LandingFailed: " in full.said
    assert "cannot be written: No space left on device. A retry would not help." in full.said
    assert list(home.rglob("*.part")) == []
    hold_loaded(timescale_url, DAYS[: len(rows(timescale_url, BY_DAY.format("market_data")))])
    disk.make_room()
    assert load(paths=files).wait() == 0
    hold_loaded(timescale_url, DAYS)
