"""The market's time, and waiting in it: the machine's, or a replay's that runs faster."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd


def utc_now() -> pd.Timestamp:
    """The machine's clock."""
    return pd.Timestamp.now(tz="UTC")


@dataclass(frozen=True)
class MarketTime:
    """A clock, and how to wait by it; all seconds are its own."""

    now: Callable[[], pd.Timestamp] = utc_now
    """UTC."""
    sleep: Callable[[float], None] = time.sleep
    """Waits that many seconds."""
    speed: float = 1.0
    """How many of its seconds are one of the machine's, by which a message is waited for."""

    def until(self, instant: pd.Timestamp) -> float:
        """The seconds until an instant; 0 when it is past."""
        return max(0.0, (instant - self.now()).total_seconds())

    def seconds(self) -> float:
        """The time as seconds since 1970."""
        return self.now().timestamp()


MACHINE: Final = MarketTime()
