"""What the benchmarks work on: recorded sessions laid onto as many later sessions as are wanted."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from market.sessions import BarSize, Session, sessions_between
from simulators.recordings import load_bars

SYMBOLS = ("NVDA", "MSFT")
ONE = BarSize.ONE_MINUTE
RECORDINGS = Path(__file__).parents[1] / "simulators" / "recordings"
RECORDED = sessions_between(date(2020, 11, 30), date(2020, 12, 23))
"""The recorded sessions that last the whole day."""
LATEST = date(2026, 9, 30)


def whole_days(count: int) -> list[Session]:
    """The last `count` sessions up to `LATEST` that last the whole day."""
    years = count // 240 + 2
    found = sessions_between(date(LATEST.year - years, 1, 2), LATEST)
    return [session for session in found if not session.is_half_day][-count:]


def vendor_history(count: int, symbol: str) -> pd.DataFrame:
    """One symbol's bars as `AlphaVantageSimulator(bars=…)` takes them, extended hours too: text, END-of-minute stamps.

    The recorded sessions there and back, so that no price jumps overnight, each with some more shares, so that no
    session's bars are those of another.
    """
    recorded = load_bars(symbol)
    stamps = pd.to_datetime(recorded["timestamp"])
    by_day = dict(list(recorded.assign(stamp=stamps).groupby((stamps - pd.Timedelta(minutes=1)).dt.date)))
    round_trip = [*RECORDED, *reversed(RECORDED)]
    parts = [
        _moved(by_day[origin.day], origin, day, place)
        for place, (day, origin) in enumerate(zip(whole_days(count), _repeated(round_trip, count), strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def _repeated(sessions: Sequence[Session], count: int) -> list[Session]:
    return [sessions[place % len(sessions)] for place in range(count)]


def _moved(bars: pd.DataFrame, origin: Session, day: Session, more: int) -> pd.DataFrame:
    stamps = bars["stamp"] + (pd.Timestamp(day.day) - pd.Timestamp(origin.day))
    volume = pd.to_numeric(bars["volume"]) + more
    return bars.assign(timestamp=stamps.dt.strftime("%Y-%m-%d %H:%M:%S"), volume=volume.astype("str")).drop(
        columns="stamp"
    )
