"""What people and Prometheus are told of: can stored facts be read, has Dagster an instance to show."""

from collections.abc import Iterator

from resources.database.feed_event_store import FeedEventStore
from resources.database.server import DatabaseServer, libpq_url
from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.errors import DatabaseError
from schemas.words import counted


def metrics(around: Surroundings) -> Iterator[Finding]:
    """The facts that counters are made of; the counters themselves are made by `intraday monitor`."""
    server = around.database("metrics")
    if isinstance(server, Finding):
        yield server
        return
    try:
        counts = FeedEventStore(server).counts()
    except DatabaseError as error:
        yield Finding("metrics", Outcome.FAIL, str(error), "see the line about the database")
        return
    events = counted(sum(one.count for one in counts), "event")
    yield Finding("metrics", Outcome.OK, f"stored facts can be read and counted: {events} of feeds")


def dagster(around: Surroundings) -> Iterator[Finding]:
    """Dagster's instance: where its runs are kept."""
    url, folder = around.environment.get("INTRADAY_DAGSTER_URL", ""), around.settings.home / "dagster"
    if not url:
        there = (folder / "dagster.yaml").exists()
        said = f"instance in {folder}" if there else "no run was ever started here"
        advice = "" if there else "`intraday run` or `intraday dev` makes the instance"
        yield Finding("dagster", Outcome.OK if there else Outcome.WARN, said, advice)
        return
    server = DatabaseServer(libpq_url(url))
    try:
        with server.connect():
            yield Finding("dagster", Outcome.OK, f"runs are kept in {server.shown}")
    except DatabaseError as error:
        yield Finding("dagster", Outcome.FAIL, str(error), "mend INTRADAY_DAGSTER_URL, or start that server")
