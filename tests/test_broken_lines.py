"""A wire that is cut or goes dead in the middle, and a server that goes away: a few more attempts, then a typed error
that says whether another would help; and in either case whole sessions.
"""

import psycopg
import pytest

from market.sessions import BarSize, session
from resources.database.retries import ATTEMPTS
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.errors import DatabaseUnreachable
from tests.support.loaders import SYMBOLS, whole_session
from tests.support.wire import Wire

DAYS = [session(f"2024-01-{day:02}") for day in (3, 4, 5, 8)]
SHARES = (0.01, 0.3, 0.6, 0.9, 0.99, 0.9999)
"""Where on the way a line breaks; at the last one all that is missing is the answer to the commit."""
NO_ENDLESS_WAIT = "options=-c%20lock_timeout%3D20s"
IMPATIENT = f"?tcp_user_timeout=1000&keepalives_idle=1&keepalives_interval=1&keepalives_count=1&{NO_ENDLESS_WAIT}"
"""A minute of the usual settings is a second here, for both ends."""
STORED = """
SELECT (SELECT count(*) FROM market_data WHERE close = %(price)s),
       (SELECT count(*) FROM dual_ticker_bars WHERE close = %(price)s),
       (SELECT count(*) FROM market_data WHERE close <> %(price)s), (SELECT count(*) FROM bar_revisions)
"""


def stored(url: str, price: float) -> tuple[object, ...]:
    with psycopg.connect(url) as connection:
        return connection.execute(STORED, {"price": price}).fetchone()


class Sender:
    """A store at the far end of a wire, which sends four sessions of one price."""

    def __init__(self, url: str, wire: Wire, options: str = "") -> None:
        self.waits: list[float] = []
        self.server, self.wire = DatabaseServer(wire.url + options), wire
        self.store = SessionStore(self.server, "test", BarSize.ONE_MINUTE, SYMBOLS, sleep=self.waits.append)
        self.here = DatabaseServer(url)

    def send(self, price: float, share: float | None = None, act: object = None) -> int:
        """Store them, and do that when so much has passed of what passed the last time; returns how much passes."""
        given = [whole_session(self.here, "test", day, price) for day in DAYS]
        self.wire.at(int(self.passed * share) if share else 0, act if share else None)  # type: ignore[arg-type]
        self.store.replace_all(given)
        self.passed = self.wire.passed
        return self.passed


@pytest.fixture
def url(own_url) -> str:
    migrate(DatabaseServer(own_url))
    return own_url


def test_what_a_cut_interrupts_is_done_again(url):
    with Wire(url) as wire:
        sender = Sender(url, wire)
        sender.send(1.0)
        usual = sender.send(2.0)  # of another price than before: as much as each of the following
        for number, share in enumerate(SHARES, start=1):
            sender.passed = usual
            sender.send(2.0 + number, share, wire.cut)
            assert (share, len(sender.waits)) == (share, number)
            assert (share, stored(url, 2.0 + number)) == (share, (3120, 3120, 0, 3120 * (number + 1)))


def test_cut_each_time_it_ends_and_nothing_is_stored(url):
    with Wire(url) as wire:
        sender = Sender(url, wire)
        sender.send(1.0)
        sender.store = SessionStore(
            sender.server, "test", BarSize.ONE_MINUTE, SYMBOLS, sleep=lambda _: wire.at(100_000, wire.cut)
        )
        with pytest.raises(DatabaseUnreachable, match=rf"broke off: .*It was tried {ATTEMPTS} times") as caught:
            sender.send(2.0, 0.5, wire.cut)
    assert caught.value.retry_helps
    assert stored(url, 1.0) == (3120, 3120, 0, 0)


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_line_that_is_dead_is_noticed_by_both_ends(url, share):
    """Neither end hears from the other again. The loader comes back on another line, and finds no lock of the first."""
    with Wire(url) as wire:
        sender = Sender(url, wire, IMPATIENT)
        sender.send(1.0)
        sender.send(2.0)
        sender.send(3.0, share, wire.die)
        assert len(sender.waits) == 1
        assert stored(url, 3.0) == (3120, 3120, 0, 6240)


def test_a_line_that_is_dead_is_a_typed_error(url):
    def ask_in_vain() -> None:
        with DatabaseServer(wire.url + IMPATIENT).connect() as connection:
            wire.die()
            connection.execute("SELECT 1")

    with Wire(url) as wire, pytest.raises(DatabaseUnreachable, match=r"broke off: .*timed out") as caught:
        ask_in_vain()
    assert caught.value.retry_helps


def test_the_usual_settings_notice_it_within_a_minute_and_a_half(url):
    """Of a connection over TCP; asked of the connection and of the server."""
    with DatabaseServer(url).connect() as connection:
        here = connection.info.get_parameters()
        there = connection.execute(
            "SELECT json_object_agg(name, setting) FROM pg_settings WHERE name LIKE 'tcp_%'"
        ).fetchone()
    assert {name: here[name] for name in here if name.startswith(("keepalives_", "tcp_"))} == {
        "keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000",
    }  # fmt: skip
    assert there == (
        {"tcp_keepalives_idle": "60", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
         "tcp_user_timeout": "60000"},
    )  # fmt: skip


def test_a_load_goes_on_when_the_server_has_restarted(own_server, url, nursery, clean_environment):
    """As an administrator restarts it, in the middle; that it may be killed, too, is tried in test_killed.py."""
    about = {"desk": "test", "ranges": [[day.key for day in DAYS]]}
    with Wire(url) as wire:
        assert nursery.start("replace_sessions", url=wire.url, price=1.0, **about).wait() == 0
        wire.at(wire.passed // 2, own_server.restart)
        load = nursery.start("replace_sessions", url=wire.url, price=2.0, **about)
        assert (load.wait(), "Attempt 1 of" in load.said) == (0, True)
    assert stored(url, 2.0) == (3120, 3120, 0, 3120)


def test_a_server_that_stays_away_is_an_error_and_leaves_the_old_sessions(own_server, url):
    with Wire(url) as wire:
        sender = Sender(url, wire)
        sender.send(1.0)

        def away() -> None:
            own_server.kill()
            wire.cut()

        try:
            with pytest.raises(DatabaseUnreachable, match=f"It was tried {ATTEMPTS} times") as caught:
                sender.send(2.0, 0.5, away)
        finally:
            own_server.start_again()
    assert caught.value.retry_helps
    assert stored(url, 1.0) == (3120, 3120, 0, 0)
