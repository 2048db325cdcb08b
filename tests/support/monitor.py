"""A monitor that listens on loopback, in a thread of the test, and who asks it.

Here: serving and asking. Not here: what is served (monitored.py has desks).
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread

import requests

from monitoring.app import Samples, monitoring_app
from monitoring.serving import MonitoringServer, address_of, listening


@dataclass(frozen=True)
class Served:
    """Where it listens."""

    url: str

    def ask(self, path: str, method: str = "GET") -> requests.Response:
        """An answer; redirects are not followed."""
        return requests.request(method, f"{self.url}{path}", timeout=30, allow_redirects=False)


@contextmanager
def monitor(samples: Samples, now: Callable[[], datetime], *, for_others: bool = False) -> Iterator[Served]:
    """Serve until the end of the block."""
    ready = Event()
    with closing(listening("127.0.0.1", 0)) as listener:
        server = MonitoringServer(monitoring_app(samples, now, for_others=for_others), ready.set)
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert ready.wait(60)
            yield Served(address_of(listener))
        finally:
            server.should_exit = True
            thread.join()
