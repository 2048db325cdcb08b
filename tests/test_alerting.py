"""People are told once, again while it stands, and once when it is over, over real sockets; and no secret with it."""

import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest

from resources.alerting.telling import Alerting, open_alerting, tell_at_once
from resources.database.alert_store import AlertStore
from resources.database.server import DatabaseServer
from resources.errors import AlertNotSent, ConfigError
from resources.settings import load_settings
from resources.settings_sections import AlertsSettings
from schemas.alerts import Alert, AlertKind
from tests.support.people import PASSWORD, SECRET_PATH, USER, Hook, Letters, hook, mail_server

CERTIFICATE = Path(__file__).parent / "support" / "loopback.pem"
BEGAN = datetime(2025, 11, 24, 15, 0, tzinfo=UTC)
ENCRYPTIONS = ["none", "starttls", "tls"]


@pytest.fixture
def settings(clean_environment) -> AlertsSettings:
    return load_settings().alerts.model_copy(update={"timeout_seconds": 5.0})


@pytest.fixture
def post() -> Iterator[Hook]:
    with hook() as server:
        yield server


class Clock:
    """Stands still unless it is put forward."""

    def __init__(self) -> None:
        self.time = BEGAN

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **how: float) -> None:
        self.time += timedelta(**how)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(migrated_postgres_url) -> DatabaseServer:
    return DatabaseServer(migrated_postgres_url)


@pytest.fixture
def alerting(server, settings, post, clock) -> Alerting:
    return open_alerting(settings, server, {"ALERT_WEBHOOK_URL": post.url}, clock)


def down(says: str = "The primary feed yahoo is down.", feed: str = "yahoo") -> Alert:
    return Alert(f"feed_down:{feed}", AlertKind.FEED_DOWN, BEGAN, says, "Look at `intraday feeds`.")


def missing(*sessions: str) -> Alert:
    said = f"missing: {', '.join(sessions)}"
    return Alert("sessions_missing", AlertKind.SESSIONS_MISSING, BEGAN, said, "Run them.", sessions)


def rows(server: DatabaseServer, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_it_is_told_once_again_after_hours_and_once_when_it_is_over(alerting, post, clock, server):
    for _ in range(3):
        alerting.stands(down())
        alerting.tell()
        clock.forward(hours=1)
    assert [one["title"] for one in post.told] == ["intraday: The primary feed yahoo is down."]
    assert post.texts == [
        "*intraday: The primary feed yahoo is down.*\nThe primary feed yahoo is down.\nSince 2025-11-24 15:00 UTC.\n"
        "What to do: Look at `intraday feeds`."
    ]
    clock.forward(hours=1)
    alerting.tell()
    alerting.tell()
    assert [one["title"] for one in post.told[1:]] == ["intraday: still: The primary feed yahoo is down."]
    clock.forward(minutes=5)
    for _ in range(2):
        alerting.over("feed_down:yahoo")
        alerting.tell()
    clock.forward(hours=5)
    alerting.tell()
    assert post.texts[2:] == [
        "*intraday: over: The primary feed yahoo is down.*\nOver: The primary feed yahoo is down.\n"
        "Since 2025-11-24 15:00 UTC, until 2025-11-24 19:05 UTC."
    ]
    assert post.told[2]["alerts"] == [
        {
            "key": "feed_down:yahoo", "kind": "feed_down", "state": "over", "since": "2025-11-24T15:00:00+00:00",
            "until": "2025-11-24T19:05:00+00:00", "says": "The primary feed yahoo is down.",
            "advice": "Look at `intraday feeds`.", "sessions": [], "told_before": 2,
        }
    ]  # fmt: skip
    assert rows(server, "SELECT told, resolved_at IS NULL, owed FROM alerts") == [(3, False, [])]
    assert rows(server, "SELECT count(*) FROM alert_messages") == [(3,)]


def test_what_is_over_is_not_begun_anew_by_who_saw_it_late_but_another_time_is(alerting, post, clock, server):
    alerting.stands(down())
    clock.forward(minutes=2)
    alerting.over("feed_down:yahoo")
    alerting.stands(down())
    assert rows(server, "SELECT count(*) FROM alerts") == [(1,)]
    clock.forward(minutes=2)
    again = Alert("feed_down:yahoo", AlertKind.FEED_DOWN, clock(), "It is down again.", "")
    alerting.stands(again)
    alerting.tell()
    assert [one["title"] for one in post.told] == [
        "intraday: over: The primary feed yahoo is down.", "intraday: It is down again.",
    ]  # fmt: skip


def test_a_session_that_is_added_is_told_at_once_and_one_that_came_is_not(alerting, post, clock):
    for sessions in (("2025-11-20", "2025-11-21"), ("2025-11-21",), ("2025-11-21", "2025-11-24"), ("2025-11-24",)):
        alerting.stands(missing(*sessions))
        alerting.tell()
        clock.forward(minutes=5)
    assert [one["alerts"][0]["sessions"] for one in post.told] == [
        ["2025-11-20", "2025-11-21"], ["2025-11-21", "2025-11-24"],
    ]  # fmt: skip


def test_a_run_that_failed_is_told_once_and_forgotten_after_a_week(alerting, post, clock, server):
    alerting.stands(Alert("run_failed:job", AlertKind.RUN_FAILED, BEGAN, "job failed.", "Look."))
    for _ in range(8):
        alerting.tell()
        clock.forward(days=1)
    assert len(post.told) == 1
    assert rows(server, "SELECT resolved_at IS NULL FROM alerts") == [(True,)]
    alerting.tell()
    assert rows(server, "SELECT resolved_at IS NULL FROM alerts") == [(False,)]
    assert len(post.told) == 1


def test_what_is_to_be_forgotten_is_not_taken_for_what_begins_anew(alerting, post, clock):
    """A weekly job that fails every week is told every week."""
    for _ in range(3):
        alerting.stands(Alert("run_failed:job", AlertKind.RUN_FAILED, clock(), "job failed.", "Look."))
        alerting.tell()
        clock.forward(days=7, seconds=1)
    assert len(post.told) == 3


def test_two_processes_that_see_the_same_tell_it_once(server, settings, post, clock):
    """Each with connections of its own, at the same moment, again and again."""
    start = threading.Barrier(4)

    def one() -> None:
        mine = open_alerting(settings, server, {"ALERT_WEBHOOK_URL": post.url}, clock)
        start.wait()
        mine.stands(down())
        mine.tell()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    open_alerting(settings, server, {"ALERT_WEBHOOK_URL": post.url}, clock).tell()  # whoever came first was not alone
    assert len(post.told) == 1
    assert rows(server, "SELECT count(*), sum(told) FROM alerts") == [(1, 1)]


@pytest.mark.parametrize("status", [500, 404, 302, None])
def test_what_a_channel_does_not_take_is_kept_over_a_restart_and_sent_later(
    server, settings, post, clock, caplog, status
):
    quick = settings.model_copy(update={"timeout_seconds": 0.2})
    environment = {"ALERT_WEBHOOK_URL": post.url}
    post.status = status
    with caplog.at_level(logging.DEBUG):
        first = open_alerting(quick, server, environment, clock)
        first.stands(down())
        first.stands(missing("2025-11-21"))
        first.tell()
    said = "did not answer within 0.2 s" if status is None else f"answered with status {status}"
    warned = [record.getMessage() for record in caplog.records if record.name == "intraday.alerts"]
    assert warned == [f"the webhook at 127.0.0.1 {said}. It is sent again."]  # the second is not tried in vain
    assert "PLANTED" not in caplog.text
    post.status = 204
    open_alerting(settings, server, environment, clock).tell()
    assert len(post.told) == 2
    assert post.paths == [SECRET_PATH] * 2


def test_a_webhook_that_is_not_there_fails_no_one(server, settings, clock, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    alerting = open_alerting(settings, server, {"ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}{SECRET_PATH}"}, clock)
    alerting.stands(down())
    alerting.tell()
    assert "the webhook at 127.0.0.1 did not answer: ConnectionError. It is sent again." in caplog.text
    assert rows(server, "SELECT owed FROM alerts") == [(["webhook"],)]


def test_an_hour_has_so_many_messages_and_the_last_sums_up_the_rest(server, settings, post, clock):
    few = settings.model_copy(update={"messages_per_hour": 3})
    alerting = open_alerting(few, server, {"ALERT_WEBHOOK_URL": post.url}, clock)
    for number in range(7):
        alerting.stands(down(f"Feed {number} is down.", f"feed{number}"))
    alerting.tell()
    assert [one["title"] for one in post.told] == [
        "intraday: Feed 0 is down.", "intraday: Feed 1 is down.",
        "intraday: 5 alerts in one message, for there were many",
    ]  # fmt: skip
    assert re.findall(r"^- intraday: Feed (\d) is down\.$", post.texts[2], flags=re.MULTILINE) == list("23456")
    alerting.stands(down("Feed 7 is down.", "feed7"))
    alerting.tell()
    assert len(post.told) == 3
    clock.forward(minutes=61)
    alerting.tell()
    assert [one["title"] for one in post.told[3:]] == ["intraday: Feed 7 is down."]


def test_what_changes_while_it_is_sent_is_told_again(alerting, clock, server):
    """It is over before the message that it stands was taken."""
    (channel,) = alerting.channels
    alerting.stands(down())
    (read,) = alerting.store.owed(channel.name)
    alerting.over("feed_down:yahoo")
    alerting.store.took(channel.name, [read], clock())
    assert rows(server, "SELECT told, owed FROM alerts") == [(1, ["webhook"])]


Sent = Callable[[str], tuple[Alerting, Letters]]


@pytest.fixture
def mailing(server, settings, clock, monkeypatch) -> Iterator[Sent]:
    """Opens the alerting of a desk whose mail server speaks with this encryption."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with ExitStack() as stack:

        def start(encryption: str) -> tuple[Alerting, Letters]:
            letters = Letters()
            certificate = None if encryption == "none" else CERTIFICATE
            port = stack.enter_context(mail_server(letters, encryption, certificate))
            mail = settings.mail.model_copy(
                update={
                    "host": "127.0.0.1", "port": port, "encryption": encryption, "username": USER,
                    "sender": "desk@example.org", "recipients": ("ann@example.org", "bob@example.org"),
                }
            )  # fmt: skip
            with_mail = settings.model_copy(update={"mail": mail})
            return open_alerting(with_mail, server, {"ALERT_SMTP_PASSWORD": PASSWORD}, clock), letters

        yield start


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
def test_mail_goes_to_everybody_by_every_encryption(mailing, encryption):
    alerting, letters = mailing(encryption)
    alerting.stands(down("The primary feed yahoo is down:\nno answer “timeout” — é."))
    alerting.tell()
    (envelope,) = letters.letters
    assert (envelope.mail_from, envelope.rcpt_tos) == ("desk@example.org", ["ann@example.org", "bob@example.org"])
    letter = message_from_bytes(envelope.content)
    assert letter["To"] == "ann@example.org, bob@example.org"
    assert "yahoo" in str(letter["Subject"])
    body = letter.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "no answer “timeout” — é." in body
    assert "What to do: Look at `intraday feeds`." in body


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_mail_server_that_nobody_trusts_is_told_nothing(mailing, monkeypatch, caplog, encryption):
    monkeypatch.delenv("SSL_CERT_FILE")
    alerting, letters = mailing(encryption)
    alerting.stands(down())
    alerting.tell()
    assert letters.letters == []
    assert "did not take a mail: SSLCertVerificationError" in caplog.text


def test_a_mail_server_that_refuses_gets_it_later_and_the_password_is_not_said(mailing, caplog, server):
    alerting, letters = mailing("starttls")
    letters.refuses = f"554 no, {PASSWORD}"
    alerting.stands(down())
    alerting.tell()
    assert "did not take a mail: SMTPDataError" in caplog.text
    assert PASSWORD not in caplog.text
    letters.refuses = ""
    alerting.tell()
    assert len(letters.letters) == 1
    assert rows(server, "SELECT told, owed FROM alerts") == [(1, [])]


def test_one_recipient_that_is_unknown_does_not_write_to_the_others_again_and_again(mailing, caplog):
    alerting, letters = mailing("none")
    letters.unknown = {"bob@example.org"}
    alerting.stands(down())
    for _ in range(2):
        alerting.tell()
    assert [envelope.rcpt_tos for envelope in letters.letters] == [["ann@example.org"]]
    assert "takes no mail for bob@example.org" in caplog.text


def test_a_mail_server_that_says_nothing_is_not_waited_for(server, settings, clock, caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mail = settings.mail.model_copy(
            update={"host": "127.0.0.1", "port": silent.getsockname()[1], "sender": "a@b.c", "recipients": ("d@e.f",)}
        )
        quick = settings.model_copy(update={"mail": mail, "timeout_seconds": 0.2})
        alerting = open_alerting(quick, server, {}, clock)
        alerting.stands(down())
        alerting.tell()
    assert "timed out. It is sent again." in caplog.text
    assert rows(server, "SELECT owed FROM alerts") == [(["mail"],)]


def test_a_channel_that_fails_holds_up_no_other(mailing, settings, post, server, clock):
    """And is not what the other is told again for."""
    with_mail, letters = mailing("none")
    letters.refuses = "451 later"
    environment = {"ALERT_SMTP_PASSWORD": PASSWORD, "ALERT_WEBHOOK_URL": post.url}
    alerting = open_alerting(with_mail.settings, server, environment, clock)
    alerting.stands(down())
    for _ in range(2):
        alerting.tell()
    assert (len(post.told), len(letters.letters)) == (1, 0)
    letters.refuses = ""
    alerting.tell()
    assert (len(post.told), len(letters.letters)) == (1, 1)


def test_secrets_are_in_no_row_and_no_message(server, settings, post, clock):
    environment = {
        "ALERT_WEBHOOK_URL": post.url, "ALPHA_VANTAGE_API_KEY": "PLANTEDKEY42", "TIMESCALEDB_PASSWORD": "PLANTEDdb",
        "SHORT_KEY": "a",
    }  # fmt: skip
    alerting = open_alerting(settings, server, environment, clock)
    alerting.stands(
        down(
            f"{post.url} of PLANTEDKEY42 failed: https://x.org/q?apikey=PLANTEDother&f=1, "
            "postgresql://me:PLANTEDelse@host/db, account DU1234542, password PLANTEDdb."
        )
    )
    alerting.tell()
    (text,) = post.texts
    assert "*** of *** failed: https://x.org/q?apikey=***&f=1, postgresql://me:***@host/db, account DU***42" in text
    kept = rows(server, "SELECT alerts::text FROM alerts")
    assert "PLANTED" not in f"{text}{kept}{alerting!r}{alerting.channels!r}"


@pytest.mark.parametrize(
    "url", ["hooks.example.org/PLANTED", "ftp://example.org/PLANTED", "https:///PLANTED", "http://["]
)
def test_a_webhook_that_is_no_address_is_refused_without_repeating_it(server, settings, clock, url):
    with pytest.raises(ConfigError, match="ALERT_WEBHOOK_URL must be an address") as caught:
        open_alerting(settings, server, {"ALERT_WEBHOOK_URL": url}, clock)
    assert "PLANTED" not in str(caught.value)


def test_a_mail_user_without_a_password_is_refused(server, settings, clock):
    mail = settings.mail.model_copy(update={"host": "127.0.0.1", "username": USER})
    with pytest.raises(ConfigError, match="ALERT_SMTP_PASSWORD is not in the environment"):
        open_alerting(settings.model_copy(update={"mail": mail}), server, {}, clock)


def test_without_a_channel_it_is_kept_for_whoever_looks(server, settings, clock):
    alerting = open_alerting(settings, server, {}, clock)
    alerting.stands(down())
    alerting.tell()
    (standing,) = AlertStore(server).standing()
    assert (standing.key, standing.says, standing.told) == ("feed_down:yahoo", "The primary feed yahoo is down.", 0)


def test_where_the_database_cannot_keep_it_it_is_told_at_once(settings, post, caplog):
    environment = {"ALERT_WEBHOOK_URL": post.url, "X_PASSWORD": "PLANTED!"}
    tell_at_once(down("It broke: PLANTED!"), settings, environment)
    assert post.told[0]["title"] == "intraday: It broke: ***"
    post.status = 500
    tell_at_once(down(), settings, environment)
    assert "answered with status 500" in caplog.text


def test_a_message_that_was_not_sent_may_be_sent_again():
    assert AlertNotSent("x").sentence() == "x A retry may help."
