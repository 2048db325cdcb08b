"""Opens the desk for a command: Dagster's instance on its own database, and the demonstration with its stand-in.

What a command sets for its children goes through the environment, so that `dagster dev` sees what the command saw.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, urlsplit

import dagster as dg

from resources.database.feed_event_store import FeedEventStore
from resources.database.migrations import migrate
from resources.database.server import embedded_server, find_server, pid_exists
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE
from resources.feeds.opening import Feeds
from resources.landing import LandingZone, replace_durably
from resources.paths import DEPLOY
from resources.settings import Settings, load_settings
from simulators.alpha_vantage import AlphaVantageSimulator

DEMO_FAULTS = ("drop:NVDA:2020-11-24:10:00-10:44", "ohlc:MSFT:2020-12-02:11:15")
"""What the demonstration's feed does wrong, so that the gate can be seen at work."""
PROCESS_TAG = "intraday/process"
SPOILED = frozenset({"2020-11-24", "2020-12-02"})
DEMO_FIRST, DEMO_LAST = "2020-11-16", "2020-12-04"


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's instance under INTRADAY_HOME, its runs and events in PostgreSQL; also what `dagster dev` will use."""
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    config = folder / "dagster.yaml"
    if not config.exists() or config.read_text(encoding="utf-8") != text:
        replace_durably(config, text.encode())  # a daemon that reads half of it would store its runs elsewhere
    os.environ["DAGSTER_HOME"] = str(folder)
    if not os.environ.get("INTRADAY_DAGSTER_URL"):
        server = embedded_server(settings.home / "postgres", "dagster")
        os.environ["INTRADAY_DAGSTER_URL"] = sqlalchemy_url(server.url)
    instance = dg.DagsterInstance.get()
    _end_runs_of_the_dead(instance)
    return instance


def open_feeds(settings: Settings) -> Feeds:
    """The feeds of a desk."""
    return Feeds(settings, LandingZone(settings.landing_url), open_events(settings))


def open_events(settings: Settings) -> FeedEventStore:
    """What happened to the feeds of a desk."""
    server = find_server(settings.home)
    migrate(server)
    return FeedEventStore(server)


def process_tag() -> dict[str, str]:
    """Marks a run as that of this process, so that a later one can tell when it died."""
    return {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}"}


def _end_runs_of_the_dead(instance: dg.DagsterInstance) -> None:
    """Record runs whose command was killed as failed; nobody else would, and they would seem to run for ever."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        host, _, pid = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == socket.gethostname() and not pid_exists(int(pid)):
            instance.report_run_failed(run, f"The process {pid} that ran it was ended. Run it again to go on.")


def sqlalchemy_url(url: str) -> str:
    """A libpq URL for SQLAlchemy with psycopg2, as dagster-postgres needs: `postgresql://` alone means psycopg 3."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0]
    query = f"?host={quote(host, safe='/')}" if host else ""
    return f"postgresql+psycopg2://{parts.netloc}{parts.path}{query}"


@contextmanager
def demonstration(faults: Sequence[str] = DEMO_FAULTS) -> Iterator[AlphaVantageSimulator]:
    """A desk of its own under INTRADAY_HOME/demo: embedded database, recorded bars, a feed that spoils some of them."""
    home = load_settings().home / "demo"
    saved = dict(os.environ)
    with AlphaVantageSimulator(faults=faults) as simulator:
        for name in [name for name in os.environ if name.startswith(("INTRADAY_", "TIMESCALEDB_"))]:
            del os.environ[name]  # nothing of the real desk: no landing zone, no database, no symbols
        direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1"]))
        os.environ.update(
            {
                "no_proxy": direct,
                "NO_PROXY": direct,
                "INTRADAY_HOME": str(home),
                "INTRADAY_ENVIRONMENT": "staging",
                "INTRADAY_ALPHA_VANTAGE__BASE_URL": simulator.url,
                "INTRADAY_ALPHA_VANTAGE__PLAN": "premium_1200",
                "INTRADAY_FEEDS__FALLBACK": "none",
                KEY_VARIABLE: "demonstration",
            }
        )
        try:
            yield simulator
        finally:
            os.environ.clear()
            os.environ.update(saved)
