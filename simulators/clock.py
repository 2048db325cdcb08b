"""The time at a stand-in that replays its recording as if it were live.

What belongs here: turning the machine's time into replayed time. What does not: which bars exist at that time (the
vendors' modules).
"""

import time
from collections.abc import Callable

import pandas as pd

NEW_YORK = "America/New_York"


class ReplayClock:
    """Begins at `start`, an aware time, when it is made, and runs `speed` times as fast as the machine; 0 stands still.

    `monotonic` gives the machine's time in seconds. Raises ValueError for a naive start and for a negative speed.
    """

    def __init__(
        self, start: pd.Timestamp, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if start.tzinfo is None:
            raise ValueError(f"the clock's start {start} has no time zone")
        if not 0 <= speed <= 1e6:
            raise ValueError(f"the speed {speed:g} is not between 0 and 1000000")
        self._start = start
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()

    def now(self) -> pd.Timestamp:
        """The time at the stand-in, in New York."""
        passed = (self._monotonic() - self._began) * self._speed
        return (self._start + pd.Timedelta(seconds=passed)).tz_convert(NEW_YORK)
