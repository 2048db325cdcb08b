"""The monitor over real sockets: what each path answers, when the database is there and when it is not."""

import gc
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from market.sessions import calendar_days
from monitoring.facts import Sample
from monitoring.serving import hold_host, listening
from monitoring.text import status_text
from resources.errors import ConfigError
from resources.settings import load_settings
from tests.support.monitor import Served, monitor
from tests.support.monitored import Monitored

MACHINES = ("health", "live", "ready", "metrics", "status")


@dataclass
class Held:
    """Has one sample, which a test exchanges."""

    sample: Sample


@pytest.fixture
def held(streaming) -> Held:
    return Held(streaming.sampler().take())


@pytest.fixture
def served(streaming, held):
    with monitor(held, lambda: streaming.now) as found:
        yield found


def test_each_path_answers_what_it_is_for(served: Served, held, streaming):
    health = served.ask("/monitoring/health")
    assert (health.status_code, health.headers["content-type"]) == (200, "application/json")
    assert health.json()["status"] == "healthy"
    assert (served.ask("/monitoring/live").status_code, served.ask("/monitoring/ready").status_code) == (200, 200)
    status = served.ask("/monitoring/status")
    assert (status.headers["content-type"], status.text) == (
        "text/plain; charset=utf-8",
        status_text(held.sample, streaming.now),
    )
    assert (
        "data_freshness  healthy    recent_bars (NVDA (count 89, latest 2026-11-20 15:58:00 UTC), MSFT (" in status.text
    )
    page = served.ask("/monitoring/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "NVDA" in page.text
    assert served.ask("/monitoring").headers["location"].endswith("/monitoring/")


def test_what_stands_in_the_database_moves_no_cursor_and_breaks_no_line(streaming):
    before = len(status_text(streaming.sampler().take(), streaming.now).splitlines())
    streaming.execute("INSERT INTO current_positions (account, symbol) VALUES ('SIM', 'NVDA')")
    halted = "INSERT INTO trading_halts (account, symbol, halted, who, why) VALUES ('SIM', NULL, true, 'ada', %s)"
    streaming.execute(halted, ["a\x1b[2J\nhealthy  all is well\u2028"])
    lines = status_text(streaming.sampler().take(), streaming.now).splitlines()
    (said,) = [line for line in lines if "all is well" in line]
    assert (len(lines), said.strip().startswith("SIM: all trading is halted")) == (before + 1, True)
    assert all(line.isprintable() for line in lines)


def test_who_is_unhealthy_says_503_and_stays_alive(served: Served, held):
    held.sample = replace(held.sample, database_failure="it is away")
    health = served.ask("/monitoring/health")
    assert (health.status_code, health.json()["components"]["database"]["reason"]) == (503, "it is away")
    assert (served.ask("/monitoring/ready").status_code, served.ask("/monitoring/live").status_code) == (503, 200)
    assert "intraday_database_up 0.0" in served.ask("/monitoring/metrics").text


def test_who_is_degraded_says_200_and_is_ready(served: Served, held):
    held.sample = replace(held.sample, disks=tuple(replace(one, free=2 * 10**9) for one in held.sample.disks))
    health = served.ask("/monitoring/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert served.ask("/monitoring/ready").status_code == 200


def test_before_the_first_look_it_says_that_nothing_is_known(monitored: Monitored):
    with monitor(monitored.sampler(), lambda: monitored.now) as served:
        assert served.ask("/monitoring/health").status_code == served.ask("/monitoring/ready").status_code == 503
        assert served.ask("/monitoring/health").json()["components"]["database"]["reason"] == (
            "nothing has been read yet"
        )
        assert {served.ask(f"/monitoring/{path}").status_code for path in ("", "live", "metrics", "status")} == {200}


def test_after_the_calendars_end_everything_is_still_told(streaming, held):
    """Of what was read before it, and by whoever begins to look after it."""
    streaming.now = datetime.combine(calendar_days()[1] + timedelta(days=1), time(12), UTC)
    begun_after = Held(streaming.sampler().take())
    for sample in (held, begun_after):
        with monitor(sample, lambda: streaming.now) as served:
            asked = {path: served.ask(f"/monitoring/{path}") for path in ("", *MACHINES)}
        codes = {"": 200, "health": 503, "live": 200, "ready": 503, "metrics": 200, "status": 200}
        assert {path: one.status_code for path, one in asked.items()} == codes
        told = {one.name for one in text_string_to_metric_families(asked["metrics"].text)}
        assert "intraday_calendar_end_timestamp_seconds" in told
        assert not any(name.startswith("intraday_session_") for name in told)
    assert "outside the calendar" in begun_after.sample.database_failure


@pytest.mark.parametrize("path", [*MACHINES, ""])
def test_head_is_get_without_its_body(served: Served, path):
    whole, head = served.ask(f"/monitoring/{path}"), served.ask(f"/monitoring/{path}", "HEAD")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert "server" not in head.headers


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [
        ("/", "GET", 404),
        ("/docs", "GET", 404),
        ("/monitoring/nothing", "HEAD", 404),
        ("/monitoring/health", "POST", 405),
    ],
)
def test_what_is_not_there_is_said_in_json(served: Served, path, method, code):
    found = served.ask(path, method)
    assert (found.status_code, found.headers["content-type"]) == (code, "application/json")


@pytest.mark.parametrize(
    ("name", "code"),
    [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:8080", 200), ("evil.example:8080", 421), ("[", 421), ("", 421)],
)
def test_a_name_that_was_made_to_lead_here_reads_nothing(served: Served, name, code):
    found = requests.get(f"{served.url}/monitoring/status", headers={"Host": name}, timeout=30)
    assert found.status_code == code
    assert ("NVDA" in found.text) == (code == 200)


def test_who_is_served_to_other_machines_has_whatever_name_they_gave_it(streaming, held):
    with monitor(held, lambda: streaming.now, for_others=True) as served:
        found = requests.get(f"{served.url}/monitoring/status", headers={"Host": "monitor:8080"}, timeout=30)
    assert found.status_code == 200


def test_answers_are_measured_by_path_and_code(served: Served, held):
    for path in ("health", "health", "nothing", "nothing/at/all"):
        served.ask(f"/monitoring/{path}")
    served.ask("/monitoring/health", "HEAD")
    held.sample = replace(held.sample, database_failure="it is away")
    served.ask("/monitoring/health")
    families = {one.name: one for one in text_string_to_metric_families(served.ask("/monitoring/metrics").text)}
    found = families["intraday_http_request_duration_seconds"]
    counts = {
        (one.labels["path"], one.labels["code"]): one.value for one in found.samples if one.name.endswith("_count")
    }
    assert counts == {("/monitoring/health", "200"): 3, ("/monitoring/health", "503"): 1, ("other", "404"): 2}


def test_where_it_may_listen(clean_environment):
    settings = load_settings().monitoring
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        hold_host(host, settings)
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(ConfigError, match=r"INTRADAY_MONITORING__HOST"):
            hold_host(host, settings)
    clean_environment.setenv("INTRADAY_MONITORING__HOST", "0.0.0.0")
    hold_host("0.0.0.0", load_settings().monitoring)


def test_a_port_that_is_taken_or_an_address_that_is_nobodys_is_named(clean_environment):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"Port {port} on 127\.0\.0\.1 cannot be had .*Address already in use"):
            listening("127.0.0.1", port)
    with pytest.raises(ConfigError, match=r"Port 8080 on 192\.0\.2\.1 cannot be had"):
        listening("192.0.2.1", 8080)
    gc.collect()
