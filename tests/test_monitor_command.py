"""`intraday monitor` and `intraday status` as a person starts them."""

import json
import re
import signal
import socket

import pytest
import requests

from tests.support.commands import intraday, started
from tests.support.monitored import Monitored


@pytest.fixture
def desk(clean_environment, migrated_postgres_url) -> Monitored:
    clean_environment.setenv("TIMESCALEDB_URL", migrated_postgres_url)
    clean_environment.setenv("INTRADAY_MONITORING__REFRESH_SECONDS", "0.05")
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "30")
    return Monitored(migrated_postgres_url)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_it_says_where_it_is_answers_and_ends_when_told_to(desk, how):
    process = started("monitor", "--port", "0")
    try:
        line = process.stdout.readline()
        (url,) = re.findall(r"^Monitoring at (http://127\.0\.0\.1:\d+/monitoring/) \(Ctrl-C ends it\)$", line)
        assert requests.get(f"{url}live", timeout=30).json() == {"status": "alive"}
        while requests.get(f"{url}ready", timeout=30).status_code == 503:
            pass  # it has not looked yet
        desk.execute("INSERT INTO feed_events (feed, event, why) VALUES ('alpha_vantage', 'probing', 'x')")
        while requests.get(f"{url}health", timeout=30).json()["components"]["feeds"]["status"] != "offline":
            pass
    finally:
        process.send_signal(how)
        said, complained = process.communicate(timeout=60)
    assert (process.returncode, said, complained) == (0, "", "")


def test_a_port_that_is_taken_is_said(desk):
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, said = intraday("monitor", "--port", str(other.getsockname()[1]))
    assert status == 2
    assert "cannot be had" in said
    assert "--port" in said


def test_other_machines_are_not_let_in_by_a_word(desk):
    status, said = intraday("monitor", "--host", "0.0.0.0", "--port", "0")
    assert status == 2
    assert "INTRADAY_MONITORING__HOST" in said


def test_where_there_is_no_database_none_is_made(clean_environment, tmp_path):
    for command in (["status"], ["monitor", "--port", "0"]):
        status, said = intraday(*command)
        assert status == 2
        assert "There is no database in" in said
    assert not (tmp_path / "home").exists()


def test_status_tells_what_a_monitor_would(desk, clean_environment):
    status, said = intraday("status")
    assert status == 0
    assert said.startswith("degraded  ")
    assert "feeds           alpha_online nvda missing, msft missing" in said
    status, said = intraday("status", "--json")
    assert (status, json.loads(said)["components"]["live"]) == (0, {"status": "healthy", "state": "never"})
    clean_environment.setenv("TIMESCALEDB_URL", "postgresql://me:hunter2secret@127.0.0.1:1/x")
    status, said = intraday("status")
    assert status == 1
    assert "unhealthy  postgresql" not in said.splitlines()[0]
    assert "127.0.0.1:1/x cannot be reached" in said
    assert "hunter2secret" not in said
