"""The real yfinance client against the Yahoo stand-in: what a desk would get of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
import yfinance as yf
from curl_cffi import requests as curl

from simulators.clock import ReplayClock
from simulators.yahoo import YahooSimulator
from tests.support.yahoo import Row, recorded_rows

# yfinance 1.7.0 on pandas 3.1; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    """The yfinance module, with nothing left of earlier use: neither time zones, cookies nor answers."""
    from yfinance.cache import get_tz_cache
    from yfinance.data import SingletonMeta, YfData

    SingletonMeta._instances.clear()

    yf.set_tz_cache_location(str(tmp_path))
    for symbol in ("NVDA", "MSFT"):
        get_tz_cache().store(symbol, None)
    hidden = yf.config.debug.hide_exceptions
    yf.config.debug.hide_exceptions = False
    YfData.cache_get.cache_clear()
    yield yf
    YfData.cache_get.cache_clear()
    yf.config.debug.hide_exceptions = hidden


@contextlib.contextmanager
def history_from(client: Any, simulator: YahooSimulator) -> Iterator[Any]:
    """A function like Ticker.history whose every request goes to the stand-in."""

    class Redirected(curl.Session):
        def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
            parts = urlsplit(url)
            query = f"?{parts.query}" if parts.query else ""
            return super().request(method, f"{simulator.url}{parts.path}{query}", *args, **options)

    def history(symbol: str, **options: Any) -> pd.DataFrame:
        ticker = client.Ticker(symbol, session=session)
        return ticker.history(**{"interval": "1m", "prepost": True, "auto_adjust": False, "actions": False} | options)

    with contextlib.closing(Redirected(impersonate="chrome")) as session:
        yield history


def as_rows(frame: pd.DataFrame) -> list[Row]:
    """A frame of the client as the rows that were recorded."""
    seconds = [int(stamp.timestamp()) for stamp in frame.index]
    columns = (frame[name].tolist() for name in ("Open", "High", "Low", "Close", "Volume"))
    return list(zip(seconds, *columns, strict=True))


def test_a_session_is_the_recorded_rows(client: Any) -> None:
    with YahooSimulator() as simulator, history_from(client, simulator) as history:
        frame = history("NVDA", start="2024-08-26", end="2024-08-27")
        outcomes = [(record.range, record.interval, record.outcome) for record in simulator.requests]
        assert simulator.side_requests > 0
    assert str(frame.index.tz) == "America/New_York"
    assert as_rows(frame) == recorded_rows("NVDA", "2024-08-26", "2024-08-27")
    assert outcomes == [("1d", "1d", "bars"), (None, "1m", "bars")]


@pytest.mark.parametrize("size", ["1m", "5m"])
def test_regular_hours_of_several_days(client: Any, size: str) -> None:
    with YahooSimulator() as simulator, history_from(client, simulator) as history:
        frame = history("MSFT", start="2024-08-23", end="2024-08-31", interval=size, prepost=False)
    expected = recorded_rows("MSFT", "2024-08-23", "2024-08-31", size)
    hours = [stamp.strftime("%H:%M") for stamp in pd.to_datetime([row[0] for row in expected], unit="s", utc=True)]
    # 09:30 to 16:00 New York summer time.
    regular = [row for row, hour in zip(expected, hours, strict=True) if "13:30" <= hour < "20:00"]
    assert [row[:5] for row in as_rows(frame)] == [row[:5] for row in regular]


def test_a_throttled_client_is_told_so(client: Any) -> None:
    with YahooSimulator(["answer:429_edge:2"]) as simulator, history_from(client, simulator) as history:
        with pytest.raises(client.exceptions.YFRateLimitError):
            history("NVDA", start="2024-08-26", end="2024-08-27")
        assert [record.outcome for record in simulator.requests] == ["answer:429_edge:2"] * 2


def test_the_client_asks_again_after_one_error(client: Any) -> None:
    with YahooSimulator(["status:500:1"]) as simulator, history_from(client, simulator) as history:
        frame = history("NVDA", start="2024-08-26", end="2024-08-27")
        outcomes = [record.outcome for record in simulator.requests]
    assert as_rows(frame) == recorded_rows("NVDA", "2024-08-26", "2024-08-27")
    assert outcomes == ["status:500:1", "bars", "bars"]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2024-08-20", "2024-08-30", "Only 8 days worth"),
        ("2024-07-01", "2024-07-02", "within the last 30 days"),
        ("2024-08-24", "2024-08-26", "no price data found"),
    ],
)
def test_refused_and_empty_windows(client: Any, start: str, end: str, said: str) -> None:
    missing = pytest.raises(client.exceptions.YFPricesMissingError, match=said)
    with YahooSimulator() as simulator, history_from(client, simulator) as history, missing:
        history("NVDA", start=start, end=end)


def test_live_the_forming_minute_comes_last_and_off_the_grid(client: Any) -> None:
    now = pd.Timestamp("2024-08-26 10:03:27", tz="America/New_York")
    with YahooSimulator(clock=ReplayClock(now, 0)) as simulator, history_from(client, simulator) as history:
        frame = history("NVDA", start="2024-08-26", end="2024-08-27")
    assert frame.index[-1] == now
    assert as_rows(frame.iloc[:-1]) == recorded_rows("NVDA", "2024-08-26", "2024-08-26 10:03")
