"""The monitor's own server in a thread of the test, on a free port of 127.0.0.1. What it answers is not here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from monitoring.app import ROOT, monitoring_app
from monitoring.facts import Sample
from monitoring.serving import MonitoringServer, address_of, listening


@dataclass
class Shelf:
    """A sample that a test exchanges for another."""

    sample: Sample


@contextmanager
def monitor(shelf: Shelf) -> Iterator[str]:
    """The dashboard's address; the clock stands where the sample was taken."""

    def now() -> datetime:
        return shelf.sample.taken_at

    ready, listener = threading.Event(), listening("127.0.0.1", 0)
    server = MonitoringServer(monitoring_app(shelf, now), ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="monitor")
    thread.start()
    try:
        ready.wait()
        yield f"{address_of(listener)}{ROOT}/"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
