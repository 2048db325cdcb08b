"""The feed failure sensor under Dagster's real daemon, its runs in PostgreSQL: one outage is one run."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from cli.instance import open_instance
from cli.instance_home import sqlalchemy_url
from intraday_assets.sensors import OUTAGE_TAG
from market.sessions import NEW_YORK, Session, latest_closed_session, sessions_before
from resources.settings import load_settings
from simulators.yahoo import YahooSimulator
from tests.support.people import hook
from tests.support.recorded import HALF_DAYS, SYMBOLS, counts, start_labelled

ROOT = Path(__file__).parents[1]
WHOLE_DAYS = sorted(counts(SYMBOLS[0]).keys() - HALF_DAYS)
PATIENCE = 90
"""Seconds after which the test gives up; it takes a few."""


def bars_until(latest: Session) -> dict[str, pd.DataFrame]:
    """The recorded whole days as if they had been the last sessions; of a half day the first half."""
    sessions = [latest, *islice(sessions_before(latest), len(WHOLE_DAYS) - 1)]
    moved_to = dict(zip(map(str, reversed(WHOLE_DAYS)), sessions, strict=True))
    return {symbol: _moved(start_labelled(symbol), moved_to) for symbol in SYMBOLS}


def _moved(bars: pd.DataFrame, moved_to: Mapping[str, Session]) -> pd.DataFrame:
    parts = []
    for day, part in bars.groupby(bars["timestamp"].str[:10]):
        if day in moved_to:
            session = moved_to[str(day)]
            stamps = session.key + part["timestamp"].str[10:]
            close = f"{session.close.tz_convert(NEW_YORK):%Y-%m-%d %H:%M:%S}"
            parts.append(part.assign(timestamp=stamps)[stamps < close])
    return pd.concat(parts, ignore_index=True)


@contextmanager
def daemon(log: Path) -> Iterator[None]:
    """Dagster's daemon over the project's workspace, with all that it starts."""
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml"]
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(happened: Callable[[], object], log: Path) -> None:
    """Return when it has."""
    pulse = threading.Event()
    for _ in range(PATIENCE * 10):
        if happened():
            return
        pulse.wait(0.1)
    raise AssertionError(log.read_text()[-4000:])


def why_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str | None]:
    """What its steps said."""
    ends = [one.dagster_event.step_failure_data for one in instance.all_logs(run.run_id) if one.dagster_event
            and one.dagster_event.is_step_failure]  # fmt: skip
    return [end.user_failure_data.description for end in ends if end.user_failure_data]


@pytest.fixture
def instance(desk) -> Iterator[dg.DagsterInstance]:
    desk.configure(INTRADAY_DAGSTER_URL=sqlalchemy_url(desk.url), DAGSTER_HOME=str(desk.home / "dagster"))
    opened = open_instance(load_settings())
    yield opened
    opened.dispose()


def test_an_outage_launches_one_run_over_the_fallback_and_a_restart_launches_none(desk, instance, tmp_path):
    missing = latest_closed_session(pd.Timestamp.now(tz="UTC"))
    desk.configure(INTRADAY_BREAKER__FAILURES="1")
    assert not desk.run("2020-11-23", faults=["status:500:99"]).success  # the outage: the primary is left alone now
    log = tmp_path / "daemon.log"

    def beat() -> list[tuple[object, ...]]:
        return desk.rows("SELECT at FROM sensor_heartbeats WHERE sensor = 'feed_failure'")

    def launched() -> list[dg.DagsterRun]:
        return [run for run in instance.get_runs() if OUTAGE_TAG in run.tags]

    with YahooSimulator(bars=bars_until(missing), reach_days=None) as yahoo, hook() as people:
        desk.configure(
            ALERT_WEBHOOK_URL=people.url,
            INTRADAY_YAHOO__BASE_URL=yahoo.url,
            INTRADAY_FEEDS__FALLBACK="yahoo",
            INTRADAY_FIRST_SESSION=missing.key,
            INTRADAY_BREAKER__FAILURES="3",
        )
        with daemon(log):
            wait_until(lambda: any(run.is_finished for run in launched()), log)
        (run,) = launched()
        assert run.status is dg.DagsterRunStatus.SUCCESS, why_failed(instance, run)
        assert run.tags["dagster/asset_partition_range_start"] == missing.key
        assert desk.rows("SELECT DISTINCT source FROM market_data") == [("yahoo",)]
        before = beat()
        desk.execute("DELETE FROM market_data")  # as if it were missing still
        desk.execute("DELETE FROM data_quality_reports")
        with daemon(log):
            wait_until(lambda: beat() != before, log)
        assert [one.run_id for one in launched()] == [run.run_id]
        down = [one["alerts"][0]["kind"] for one in people.told].count("feed_down")
        assert down == 1
