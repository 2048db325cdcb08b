"""What Prometheus is told. Counters are read from stored facts: they survive restarts and add up over processes."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from resources.database.feed_event_store import FeedEventStore


class FeedEventsCollector(Collector):
    """`feed_events_total{feed, event}`: changes of feed state, failovers and repairs.

    Args:
        store: where they are kept.

    """

    def __init__(self, store: FeedEventStore) -> None:
        self._store = store

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The counter as it stands."""
        counter = CounterMetricFamily(
            "feed_events", "What the feeds went through: up, down, probing, failover, repair.", labels=["feed", "event"]
        )
        for row in self._store.counts():
            counter.add_metric([row.feed, row.event], row.count)
        yield counter


def exposition(store: FeedEventStore) -> str:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(FeedEventsCollector(store))
    return generate_latest(registry).decode()
