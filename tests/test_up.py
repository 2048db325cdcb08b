"""`intraday up` as a person has it: started, used, hurt, ended. Without a key, so on the demonstration's desk."""

import http.client
import json
import os
import re
import signal
import socket
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from cli.up import status as show
from cli.up import up as command
from resources.database.server import running_server
from resources.errors import ConfigError
from tests.support.up import Up, intraday_up

SESSION = "2020-11-16"


@pytest.fixture
def home(clean_environment, tmp_path) -> Path:
    """A home without a key; what this process itself runs has the same."""
    clean_environment.delenv("ALPHA_VANTAGE_API_KEY")
    return tmp_path / "home"


def another(port: int = 3000, added: tuple[str, ...] = ()) -> int:
    """A second one, in this process: whatever is wrong is to be refused before anything is started."""
    return command(Console(file=StringIO()), port, None, [*added], [])


def kill(up: Up, *names: str) -> dict[str, int]:
    """End children as the kernel does when memory runs out; returns their numbers."""
    pids = {name: told["pid"] for name, told in up.told().items() if name in names}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    return pids


def rows(up: Up) -> list[tuple[str, int]]:
    url = running_server(up.desk / "postgres", "intraday").url
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT (\"timestamp\" AT TIME ZONE 'America/New_York')::date::text, count(*) FROM market_data "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()


def answer(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    got = connection.getresponse()
    found = got.status, got.read()
    connection.close()
    return found


def test_started_used_hurt_stopped_and_started_again(home):
    with intraday_up(home) as up:
        up.wait_until_said("All of it runs.")
        assert answer(up.port, "/")[0] == 200
        status, health = answer(up.monitor_port, "/monitoring/health")
        assert (status, json.loads(health)["components"]["dagster"]["watched"]) == (200, True)
        run = up.launch(partition=SESSION)
        pids = kill(up, "monitor", "webserver", "daemon")
        up.wait_for(*pids, unlike=pids)
        up.wait(lambda: up.status(run) == "SUCCESS", "the run did not succeed")
        assert rows(up) == [(SESSION, 780)]
        assert len(pids) == 3

        with pytest.raises(ConfigError, match=rf"runs on {up.desk} already \(process {up.process.pid}\)"):
            another()
        said = StringIO()
        assert show(Console(file=said, width=200)) == 0
        assert re.search(r"webserver +ready +\d+ +since .* was killed by SIGKILL, 1 in a row", said.getvalue())

        assert up.end(signal.SIGINT) == 0
        assert up.left() == []
        assert not (up.desk / "postgres" / "postmaster.pid").exists()
        for port in (up.port, up.monitor_port):
            with socket.create_server(("127.0.0.1", port)):
                pass  # nobody holds it

    with intraday_up(home) as again:  # the machine's memory runs out while it starts
        again.wait_for("database", "prepare")
        assert rows(again) == [(SESSION, 780)]
        again.process.kill()
        again.wait_until_nothing_is_left()


def test_what_cannot_run_is_refused_before_anything_is_started(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} cannot be used .* name another one with --port"):
            another(port)
    with pytest.raises(ConfigError, match="There is no service 'dagster'; allowed: monitor, live, orders"):
        another(added=("dagster",))
    assert not (home / "demo" / "postgres").exists()
    assert show(Console(file=StringIO())) == 1


def test_a_home_whose_path_is_too_long_for_a_socket_is_refused(home, clean_environment):
    clean_environment.setenv("INTRADAY_HOME", str(home / ("long" * 30)))
    with pytest.raises(ConfigError, match="too long for a socket's name: set INTRADAY_HOME"):
        another()


@pytest.mark.long
def test_each_child_comes_back_alone_and_a_run_without_a_process_is_ended(home):
    with intraday_up(home, "--with", "live", "--with", "orders") as up:
        up.wait_until_said("All of it runs.")
        for name in ("database", "code", "webserver", "daemon", "monitor", "live", "orders"):
            pids = kill(up, name)
            up.wait_for(*up.told(), unlike=pids)
        server = int((up.desk / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        held = up.told()["database"]["pid"]
        os.kill(server, signal.SIGKILL)
        up.wait_for(*up.told(), unlike={"database": held})
        run = up.launch(**{"asset_partition_range_start": "2020-11-16", "asset_partition_range_end": "2020-12-04"})
        up.wait(lambda: up.status(run) == "STARTED", "the run did not start")
        pids = kill(up, "code")
        up.wait_for("code", unlike=pids)
        up.wait(lambda: up.status(run) == "FAILURE", "nobody ended the run")
        assert all(count in (780, 420) for _, count in rows(up))
        assert up.end(signal.SIGTERM) == 0
        assert up.left() == []


@pytest.mark.long
def test_a_stop_ends_the_run_that_goes_on_and_the_next_start_does_it_anew(home):
    asked = {"asset_partition_range_start": "2020-11-16", "asset_partition_range_end": "2020-12-04"}
    with intraday_up(home) as up:
        up.wait_until_said("All of it runs.")
        run = up.launch(**asked)
        up.wait(lambda: up.status(run) == "STARTED", "the run did not start")
        assert up.end(signal.SIGINT) == 0
        assert up.left() == []
    with intraday_up(home) as up:
        up.wait_until_said("All of it runs.")
        up.wait(lambda: up.status(run) in ("CANCELED", "FAILURE"), "the run was not ended")
        assert all(count in (780, 420) for _, count in rows(up))
        again = up.launch(**asked)
        up.wait(lambda: up.status(again) == "FAILURE", "the second run did not end")  # two sessions are spoiled
        assert len(rows(up)) == 12
        up.process.send_signal(signal.SIGINT)
        up.wait_until_said("Stopping")
        assert up.end(signal.SIGINT) == 0
        assert up.left() == []
