"""The time at a stand-in that replays its recording as if it were live.

What belongs here: turning the machine's time into replayed time. What does not: which bars exist at that time (the
vendors' modules).
"""

import time
from collections.abc import Callable

import pandas as pd

NEW_YORK = "America/New_York"


class ReplayClock:
    """Shows `start`, an aware time, when it is made, and runs `speed` times as fast as the machine; 0 stands still.

    `monotonic` gives the machine's time in seconds. With `began`, a reading of it, the clock showed `start` then: so
    several processes of a machine have the same clock. Raises ValueError for a naive start and for a negative speed.
    """

    def __init__(
        self,
        start: pd.Timestamp,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError(f"the clock's start {start} has no time zone")
        if not 0 <= speed <= 1e6:
            raise ValueError(f"the speed {speed:g} is not between 0 and 1000000")
        self.start = start
        self.speed = speed
        self._monotonic = monotonic
        self.began = monotonic() if began is None else began
        """The machine's second at which it showed its start."""

    def now(self) -> pd.Timestamp:
        """The time at the stand-in, in New York."""
        passed = (self._monotonic() - self.began) * self.speed
        return (self.start + pd.Timedelta(seconds=passed)).tz_convert(NEW_YORK)
