"""`follow` on the embedded PostgreSQL: whatever becomes of the line, each committed event comes once, in order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import psycopg
import pytest

from resources import following
from resources.database.retries import ATTEMPTS
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, DatabaseUnreachable, MigrationError, RequestNotUnderstood
from resources.following import LiveEvent, follow
from tests.support.observed import execute, tell

OPEN = datetime(2020, 12, 15, 14, 30, tzinfo=UTC)
PATIENT = 20.0
"""Seconds; a test that waits for so long has lost an event, and is given None."""
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%WHERE id > %'
"""
LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def url(postgres_url) -> str:
    migrate(DatabaseServer(postgres_url))
    return postgres_url


def at(minute: int) -> datetime:
    return OPEN + timedelta(minutes=minute)


def numbers(events: Iterator[LiveEvent | None], count: int) -> list[int]:
    """The ids of the next so many."""
    return [event.id for event in islice(events, count)]


class Before:
    """Has something happen once, just before a method of a connection is called for such a statement."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[], object], word: str = "") -> None:
        self.acted = False
        original = getattr(psycopg.Connection, method)

        def called(connection: psycopg.Connection, *arguments, **named):
            if not self.acted and word in str(arguments):
                self.acted = True
                act()
            return original(connection, *arguments, **named)

        monkeypatch.setattr(psycopg.Connection, method, called)


def test_the_backlog_and_then_what_comes(url):
    first = [tell(url, at(0)), tell(url, at(1), "withheld"), tell(url, at(0), "revised")]
    with closing(follow(url, 0, heartbeat=PATIENT)) as events:
        found = list(islice(events, 3))
        assert [(one.id, one.event, one.timestamp) for one in found] == [
            (first[0], "published", at(0)),
            (first[1], "withheld", at(1)),
            (first[2], "revised", at(0)),
        ]
        assert (found[1].session, found[1].why, found[1].missing) == (date(2020, 12, 15), "a test", [])
        later = [tell(url, at(2)), tell(url, at(3))]
        assert numbers(events, 2) == later


def test_from_an_id_on_and_from_now_on(url):
    told = [tell(url, at(minute)) for minute in range(4)]
    with closing(follow(url, told[1])) as events:
        assert numbers(events, 2) == told[2:]
    with closing(follow(url, heartbeat=0.01)) as events:
        assert next(events) is None
    with closing(follow(url, heartbeat=PATIENT)) as events, pytest.MonkeyPatch.context() as patch:
        Before(patch, "notifies", lambda: tell(url, at(4)))
        assert numbers(events, 1) == [told[-1] + 1]


@pytest.mark.parametrize(("method", "word"), [("execute", "LISTEN"), ("notifies", "")])
def test_what_comes_between_listening_reading_and_waiting_is_not_lost(url, monkeypatch, method, word):
    """Before it listens, and after it has read and before it waits; without the notification it would wait for long."""
    monkeypatch.setattr(following, "LOOK_AGAIN_SECONDS", 3 * PATIENT)
    told = [tell(url, at(0))]
    Before(monkeypatch, method, lambda: told.append(tell(url, at(1))), word)
    with closing(follow(url, 0, heartbeat=PATIENT)) as events:
        assert numbers(events, 2) == told


def test_only_what_is_committed_is_told_and_together(url):
    with closing(follow(url, 0, heartbeat=0.01)) as events, psycopg.connect(url) as writer:
        insert = "INSERT INTO live_bars (event, \"timestamp\", session) VALUES ('published', %s, '2020-12-15')"
        writer.execute(insert, [at(0)])
        assert next(events) is None
        writer.rollback()
        writer.execute(insert, [at(1)])
        writer.execute(insert, [at(2)])
        assert next(events) is None
        writer.commit()
        assert [one.timestamp for one in events_only(events, 2)] == [at(1), at(2)]


def events_only(events: Iterator[LiveEvent | None], count: int) -> list[LiveEvent]:
    return list(islice((one for one in events if one is not None), count))


@pytest.mark.parametrize("when", ["between two events", "while it waits"])
def test_a_line_that_is_cut_loses_and_repeats_nothing(url, monkeypatch, when):
    told = [tell(url, at(minute)) for minute in range(3)]

    def cut() -> None:
        execute(url, KILL)
        told.append(tell(url, at(3)))

    if when == "while it waits":
        Before(monkeypatch, "notifies", cut)
    with closing(follow(url, 0, heartbeat=PATIENT)) as events:
        found = numbers(events, 2)
        if when == "between two events":
            cut()
        found += numbers(events, 2)
        assert found == told
        told.append(tell(url, at(4)))
        assert numbers(events, 1) == told[-1:]


def test_cut_again_and_again_while_another_writes(url):
    stop = threading.Event()

    def cut() -> None:
        while not stop.is_set():
            execute(url, KILL)
            stop.wait(0.02)

    def write() -> None:
        for minute in range(150):
            told.append(tell(url, at(minute)))

    told: list[int] = []
    writer, cutter = threading.Thread(target=write), threading.Thread(target=cut)
    with closing(follow(url, 0, heartbeat=PATIENT)) as events:
        writer.start()
        cutter.start()
        try:
            found = numbers(events, 150)
        finally:
            stop.set()
            writer.join()
            cutter.join()
    assert found == told


def test_a_consumer_that_comes_back_with_its_last_id_misses_none(url):
    told, last = [], 0
    found: list[int] = []
    for minute in range(0, 9, 3):
        told += [tell(url, at(minute + more)) for more in range(3)]
        with closing(follow(url, last, heartbeat=PATIENT)) as events:
            found += numbers(events, 2)
            last = found[-1]
    with closing(follow(url, last, heartbeat=PATIENT)) as events:
        found += numbers(events, 3)
    assert found == told


def test_a_long_backlog_is_read_in_parts(url):
    execute(
        url,
        'INSERT INTO live_bars (event, "timestamp", session) '
        "SELECT 'published', '2020-12-15 14:30Z'::timestamptz + n * INTERVAL '1 minute', '2020-12-15' "
        "FROM generate_series(1, 2500) n",
    )
    with closing(follow(url, 0, heartbeat=0.01)) as events:
        assert numbers(events, 2500) == list(range(1, 2501))
        assert next(events) is None


def test_a_heartbeat_lets_the_consumer_do_other_work(url):
    with closing(follow(url, heartbeat=0.01)) as events:
        assert [next(events) for _ in range(3)] == [None] * 3
        number = tell(url, at(0))
        assert events_only(events, 1)[0].id == number
        assert next(events) is None


def test_it_looks_again_even_if_nothing_wakes_it(url, monkeypatch):
    monkeypatch.setattr(following, "LOOK_AGAIN_SECONDS", 0.01)
    execute(url, "ALTER TABLE live_bars DISABLE TRIGGER tell")
    Before(monkeypatch, "notifies", lambda: tell(url, at(0)))
    with closing(follow(url, 0, heartbeat=PATIENT)) as events:
        assert numbers(events, 1) == [1]


def test_the_end_leaves_no_connection(url):
    tell(url, at(0))
    ((before,),) = execute(url, LISTENING)
    with closing(follow(url, 0)) as events:
        next(events)
        assert execute(url, LISTENING) == [(before + 1,)]
    assert execute(url, LISTENING) == [(before,)]


def test_times_are_utc_whatever_the_server_is_set_to(url, monkeypatch):
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    tell(url, at(0))
    with closing(follow(url, 0)) as events:
        event = next(events)
    assert str(event.timestamp) == "2020-12-15 14:30:00+00:00"
    assert event.at.utcoffset() == timedelta(0)


def test_nobody_there_is_told_after_some_attempts():
    waits: list[float] = []
    events = follow("postgresql://127.0.0.1:1/none", sleep=waits.append)
    with pytest.raises(DatabaseUnreachable, match=f"It was tried {ATTEMPTS} times") as caught:
        next(events)
    assert caught.value.retry_helps
    assert len(waits) == ATTEMPTS - 1


def test_a_server_that_goes_away_for_good_is_told(url):
    """The line is cut, and the database takes no other."""
    told = tell(url, at(0))
    ((name,),) = execute(url, "SELECT current_database()")
    with closing(follow(url, 0)) as events, psycopg.connect(url.replace(name, "postgres"), autocommit=True) as admin:
        assert next(events).id == told
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        with pytest.raises(DatabaseError, match="not currently accepting connections"):
            next(events)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": -1}, "since is -1; it is the id of an event"),
        ({"since": "7"}, "since is '7'"),
        ({"since": True}, "since is True"),
        ({"heartbeat": 0}, "heartbeat is 0; it is a number of seconds above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(asked, said):
    with pytest.raises(RequestNotUnderstood, match=said):
        follow("postgresql://127.0.0.1:1/none", **asked)


def test_an_id_that_was_never_told_is_of_another_database(url):
    tell(url, at(0))
    with pytest.raises(RequestNotUnderstood, match=r"since is 2, and the newest event of .* is 1\."):
        next(follow(url, 2))


def test_a_database_without_the_schema_is_told(postgres_url):
    with pytest.raises(MigrationError, match="lacks tables"):
        next(follow(postgres_url))
