"""The recording at a stand-in for TWS as if it were live: bars of five seconds and prices, as a clock's time passes.

What belongs here: when something is sent. What does not: what is sent (`simulator`, `bars`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from simulators.clock import ReplayClock
from simulators.tws.bars import FIVE
from simulators.tws.simulator import TwsSimulator

STANDING_SECONDS = 0.25
"""How often a clock that stands still is looked at."""


class Replay:
    """Replays at `simulator` what the time of `clock` passes, from its making on; over stops and starts of it, too."""

    def __init__(self, simulator: TwsSimulator, clock: ReplayClock) -> None:
        self._simulator = simulator
        self._clock = clock
        self._done = clock.now()

    def catch_up(self) -> None:
        """Sends what the time has passed since the last call. Not safe for several threads at once."""
        since, self._done = self._done, self._clock.now()
        for symbol in self._simulator.symbols:
            self._simulator.replay(symbol, since, self._done)

    def follow(self, over: threading.Event) -> None:
        """Sends each bar when its time comes, until the event is set."""
        while not over.is_set():
            self.catch_up()
            left, speed = FIVE - self._done.timestamp() % FIVE, self._clock.speed
            over.wait(left / speed if speed else STANDING_SECONDS)

    @contextmanager
    def following(self) -> Iterator[None]:
        """The same from a background thread, as long as the block lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self.follow, args=(over,), name="tws-replay", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
