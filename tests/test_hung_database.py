"""An embedded database that hangs or has died, for whoever only looks: it is neither waited for nor started.

Here: SIGSTOP and SIGQUIT to a real server. A server of a network that never answers is in test_monitoring_health.py.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from market.sessions import session
from resources.database.connections import UNLESS_SAID
from resources.database.opening import open_server
from resources.database.server import attached_server
from resources.doctor.database import database
from resources.doctor.findings import Outcome, Surroundings
from resources.end_of_day import DayEnds
from resources.errors import DatabaseUnreachable
from resources.in_time import in_time
from resources.market_time import utc_now
from resources.settings import load_settings
from schemas.quality import Verdict
from tests.support.commands import intraday, started
from tests.support.desk import stop_embedded

PATIENCE_SECONDS = 60


@contextmanager
def held(home: Path) -> Iterator[psutil.Process]:
    """The embedded server of a home, held by another process."""
    holder = started("db", "hold")
    try:
        assert holder.stdout.readline()
        yield psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split()[0]))
    finally:
        holder.send_signal(signal.SIGINT)
        holder.communicate(timeout=PATIENCE_SECONDS)


@contextmanager
def unused(home: Path) -> Iterator[None]:
    """Who runs the tests has asked for the server too, and must not keep it running."""
    yield
    stop_embedded(home / "postgres")


@contextmanager
def hung(postmaster: psutil.Process) -> Iterator[None]:
    """It and all of its processes stop answering: they accept connections and say nothing."""
    stopped = [postmaster, *postmaster.children()]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@pytest.fixture
def home(clean_environment, tmp_path) -> Path:
    clean_environment.setenv("INTRADAY_MONITORING__REFRESH_SECONDS", "0.05")
    clean_environment.setenv("INTRADAY_MONITORING__PROBE_SECONDS", "2")
    clean_environment.setitem(UNLESS_SAID, "connect_timeout", 2)
    return tmp_path / "home"


def around() -> Surroundings:
    return Surroundings(load_settings(), {}, utc_now, lambda folder: 0, ask=False)


@contextmanager
def monitored() -> Iterator[str]:
    """A monitor's address."""
    process = started("monitor", "--port", "0")
    try:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/monitoring/", process.stdout.readline())
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def in_patience(work):
    """What it returns or raises; a hang is a failure and keeps no test from ending."""
    return in_time(work, PATIENCE_SECONDS, AssertionError("it hangs"))


@pytest.mark.slow
def test_who_looks_at_a_database_that_hangs_says_so_and_ends(home):
    with held(home) as postmaster, unused(home), hung(postmaster):
        status, said = intraday("status")
        assert status == 1
        assert re.search(r"the embedded PostgreSQL (does not answer in time|cannot be reached)", said), said
        with monitored() as url:
            assert requests.get(f"{url}live", timeout=PATIENCE_SECONDS).status_code == 200
            assert requests.get(f"{url}ready", timeout=PATIENCE_SECONDS).status_code == 503
        (found,) = in_patience(lambda: [*database(around())])
        assert (found.outcome, "cannot be reached" in found.said) == (Outcome.FAIL, True)
        with pytest.raises(DatabaseUnreachable, match=r"the embedded PostgreSQL cannot be reached: .*timeout"):
            in_patience(lambda: open_server(home))


@pytest.mark.slow
def test_a_day_whose_database_hangs_midway_is_told_and_not_kept(home):
    """The connection is there already: no time limit of connecting helps."""
    with held(home) as postmaster, unused(home):
        settings = load_settings()
        server = open_server(home)
        ends = DayEnds(settings, lambda: server, seconds=0.5)
        with hung(postmaster):
            (report,) = in_patience(lambda: ends.reports([session("2020-11-27")]))
            assert report.verdict is Verdict.ERROR
            with pytest.raises(DatabaseUnreachable, match=r"did not answer within 0\.5 s: the report is not kept"):
                in_patience(lambda: ends.keep([report]))


@pytest.mark.slow
def test_who_only_looks_at_a_database_that_died_does_not_start_it(home):
    with held(home) as postmaster:
        assert intraday("db", "migrate")[0] == 0
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(PATIENCE_SECONDS)
    with monitored() as url:
        status, said = intraday("status")
        assert (status, f"The embedded PostgreSQL in {home / 'postgres'} does not run" in said) == (1, True)
        assert requests.get(f"{url}ready", timeout=PATIENCE_SECONDS).status_code == 503
        (found,) = database(around())
        assert (found.outcome, "does not run" in found.said) == (Outcome.WARN, True)
        with pytest.raises(DatabaseUnreachable, match="does not run"):
            attached_server(home)
        with held(home):
            while requests.get(f"{url}ready", timeout=PATIENCE_SECONDS).status_code == 503:
                pass  # it looks again, and finds the one that was started
            assert intraday("status")[0] == 0
