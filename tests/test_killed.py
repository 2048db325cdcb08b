"""A load that is killed, or whose server is, at any point of it: every session is as it was or as it should be, nothing
is lost or there twice, and the next load ends as if nothing had happened.

The points are bytes on the wire between the loader and its server, other ones in each run of the tests. What was tried
is printed with its seed; `KILL_SEED` repeats it. There are a few by default, 200 with `-m long`.
"""

import os
import random
import secrets
import shutil
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from market.sessions import session
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.database.session_store import LOCK_CLASS, TURN_CLASS
from tests.support.loaders import Loading, Nursery
from tests.support.recorded import vendor_files
from tests.support.timescale import TimescaleServer
from tests.support.wire import Wire

VICTIMS = ("the loader", "the server", "both")
TABLES = ("market_data", "dual_ticker_bars", "bar_revisions", "data_quality_reports", "eod_summaries")
BY_DAY = """
SELECT (timestamp AT TIME ZONE 'America/New_York')::date::text, to_jsonb(row) - 'created_at' - 'revised_at'
FROM {} row ORDER BY 1, timestamp, symbol
"""
KEPT = {
    **{table: BY_DAY.format(table) for table in ("market_data", "dual_ticker_bars", "bar_revisions")},
    "reports": "SELECT session::text, report FROM data_quality_reports ORDER BY session, created_at",
    "summaries": "SELECT session::text, to_jsonb(row) - 'created_at' FROM eod_summaries row ORDER BY session, symbol",
}
CONNECTED = 2_500
"""Bytes after which a load has spoken with its server; one that finds nobody at its start says so at once."""
ROWS = ("market_data", "dual_ticker_bars", "bar_revisions")
"""What one transaction writes."""

State = dict[str, dict[str, list[object]]]
"""By session, the rows of each kind, without the times at which they were stored."""


class Scene:
    """A database in which some sessions are stored, and a load that changes them and adds others."""

    days: ClassVar[Sequence[str]]
    together: ClassVar[int]
    """Sessions of one transaction."""

    def __init__(self, server: TimescaleServer, url: str, folder: Path, nursery: Nursery) -> None:
        self.server, self.url, self.folder, self.nursery = server, url, folder, nursery
        self.home, self.saved = folder / "home", folder / "saved"
        self.home.mkdir()
        migrate(DatabaseServer(url))
        self.store_old()
        shutil.copytree(self.home, self.saved)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE SCHEMA saved")
            for table in TABLES:
                connection.execute(f"CREATE TABLE saved.{table} AS TABLE {table}")  # type: ignore[arg-type]
        self.old = self.state()
        with Wire(url) as wire:
            self.done(self.store_new(wire.url))
            self.bytes = wire.passed
        self.new = self.state()
        self.done(self.store_new(url))
        self.again = self.state()

    @abstractmethod
    def store_old(self) -> None:
        """What was there before."""

    @abstractmethod
    def store_new(self, url: str) -> Loading:
        """Begin the load."""

    def done(self, loading: Loading) -> None:
        status = loading.wait()
        assert (status, loading.said if status else "") == (0, "")

    def reset(self) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(self.saved, self.home)
        with psycopg.connect(self.url) as connection:
            connection.execute(f"TRUNCATE {', '.join(TABLES)}")  # type: ignore[arg-type]
            for table in TABLES:
                connection.execute(f"INSERT INTO {table} SELECT * FROM saved.{table}")  # type: ignore[arg-type]  # noqa: S608

    def state(self) -> State:
        """What is stored, once no transaction works on it any more."""
        found: State = {day: {kind: [] for kind in KEPT} for day in self.days}
        locks = [[lock, session(day).day.toordinal()] for lock in (TURN_CLASS, LOCK_CLASS) for day in self.days]
        with psycopg.connect(self.url) as connection:
            connection.cursor().executemany("SELECT pg_advisory_xact_lock(%s, %s)", locks)
        with psycopg.connect(self.url) as connection:
            for kind, query in KEPT.items():
                for day, row in connection.execute(query).fetchall():  # type: ignore[call-overload]
                    found[day][kind].append(row)
        return found

    def struck(self, point: int, victim: str) -> None:
        """Load anew, strike at a point, and hold what is there then, and what is there after the next load."""
        self.reset()
        with Wire(self.url) as wire:

            def strike() -> None:
                if victim != "the server":
                    loading.kill()
                if victim != "the loader":
                    self.server.kill()
                wire.cut()
                if victim != "the loader":
                    self.server.start_again()

            wire.at(point, strike)
            loading = self.store_new(wire.url)
            if victim == "the server":
                self.done(loading)  # it waits for the server, and completes by itself
                self.hold_complete()
            else:
                assert loading.wait() in (0, -9)
        self.hold_whole()
        self.done(self.store_new(self.url))
        self.hold_complete()

    def hold_whole(self) -> None:
        """Every session is as it was or as it should be, and so are those that are stored together."""
        found = self.state()
        for start in range(0, len(self.days), self.together):
            group = self.days[start : start + self.together]
            rows, old, new = (
                [{kind: state[day][kind] for kind in ROWS} for day in group] for state in (found, self.old, self.new)
            )
            assert rows in (old, new)
            for day in group:
                kept = found[day]
                assert kept["reports"] in (self.old[day]["reports"], self.new[day]["reports"])
                assert kept["summaries"] in (self.old[day]["summaries"], self.new[day]["summaries"])
                if rows == new:
                    assert kept["reports"] == self.new[day]["reports"]
                else:
                    assert kept["summaries"] == self.old[day]["summaries"]

    def hold_complete(self) -> None:
        """Equal to what an undisturbed load leaves; what is judged a second time may be judged as the second time."""
        found = self.state()
        for day, kept in found.items():
            assert kept["reports"] in (self.new[day]["reports"], self.again[day]["reports"])
            assert {**kept, "reports": None} == {**self.new[day], "reports": None}


class OfFiles(Scene):
    """`intraday load`: two sessions that are corrected, then two that are new."""

    days = ("2020-11-16", "2020-11-17", "2020-11-18", "2020-11-19")
    together = 2

    def store_old(self) -> None:
        self.files = vendor_files(self.folder / "new", self.days, corrected=True)
        self.done(self.load(self.url, vendor_files(self.folder / "old", self.days[:2], corrected=False)))

    def store_new(self, url: str) -> Loading:
        return self.load(url, self.files)

    def load(self, url: str, files: list[str]) -> Loading:
        environment = {"INTRADAY_HOME": str(self.home), "TIMESCALEDB_URL": url}
        return self.nursery.start("load_files", environment, paths=files, at_once=self.together)


class OfTheStore(Scene):
    """`SessionStore.replace_all`: six sessions of one price, four of which had another."""

    days = ("2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10")
    together = 6

    def store_old(self) -> None:
        self.done(self.replace(self.url, self.days[:4], 10.0))

    def store_new(self, url: str) -> Loading:
        return self.replace(url, self.days, 20.0)

    def replace(self, url: str, days: Sequence[str], price: float) -> Loading:
        return self.nursery.start("replace_sessions", url=url, desk="test", ranges=[days], price=price)


@pytest.fixture(params=[OfFiles, OfTheStore])
def scene(request, own_server, own_url, nursery, clean_environment, tmp_path) -> Scene:
    return request.param(own_server, own_url, tmp_path, nursery)


def strike_at_random(scene: Scene, count: int) -> None:
    """The victims in turn, each with points that are drawn from the whole of the load."""
    seed = os.environ.get("KILL_SEED") or secrets.token_hex(4)
    draw = random.Random(seed)
    for number in range(count):
        point, victim = draw.randrange(CONNECTED, scene.bytes), VICTIMS[number % len(VICTIMS)]
        print(f"KILL_SEED={seed} {number}: {victim} at byte {point} of {scene.bytes}")  # noqa: T201
        scene.struck(point, victim)


def test_a_load_that_is_struck_anywhere_leaves_whole_sessions(scene):
    strike_at_random(scene, 3)


@pytest.mark.long
def test_a_load_that_is_struck_at_two_hundred_points_leaves_whole_sessions(scene):
    strike_at_random(scene, 100)
