"""The market's time, and waiting in it: the machine's, or a replay's that runs faster."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from market.sessions import Session, latest_closed_session
from resources.errors import TooEarly


def utc_now() -> pd.Timestamp:
    """The machine's clock."""
    return pd.Timestamp.now(tz="UTC")


def hold_over(sessions: Iterable[Session], now: pd.Timestamp) -> None:
    """Refuse sessions that are not over.

    Raises:
        TooEarly: names the first that is not, and the latest that can be had.

    """
    early = next((session for session in sessions if session.close >= now), None)
    if early is not None:
        raise TooEarly(
            f"{early.key} is not over: it closes at {early.close:%Y-%m-%d %H:%M} UTC. "
            f"The latest session that is over is {latest_closed_session(now).key}."
        )


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
