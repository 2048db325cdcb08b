"""Asks Yahoo for a chart through `yfinance`, and catches the answer on its way.

What `Ticker.history` makes of an outage is an empty frame or a stale one, and of repeated stamps a single one, so its
frame is not used: the answer itself is. `yfinance` does what it is good at: cookies, crumb, the right request.
"""

import logging
import threading
import warnings
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

import pandas as pd
import yfinance
from curl_cffi import requests as curl
from yfinance.data import YfData

from resources.errors import NoBars, Outage
from resources.feeds.yahoo_answers import raise_refusal
from resources.paths import machine_state

CHART: Final = "/v8/finance/chart/"
ONE_AT_A_TIME: Final = threading.Lock()
"""`yfinance` keeps its session and settings globally."""


class Transport(curl.Session):  # type: ignore[type-arg]
    """The session that `yfinance` is handed: our address and time limit, and the answers that came last."""

    def __init__(self, base_url: str, timeout: float) -> None:
        super().__init__(impersonate="chrome")
        self._base = urlsplit(base_url)
        self._timeout = timeout
        self.bars: tuple[int, str] | None = None
        self.time_zone: tuple[int, str] | None = None
        """Before the first request for bars of a symbol, `yfinance` asks for its time zone."""

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """As `yfinance` asks, but from the configured address and within the configured time."""
        parts = urlsplit(url)
        if self._base.hostname not in (None, "query2.finance.yahoo.com"):
            url = parts._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()
        answer = super().request(method, url, *args, **{**options, "timeout": self._timeout})
        if parts.path.startswith(CHART):
            kind = "bars" if "period1" in (options.get("params") or {}) else "time_zone"
            setattr(self, kind, (answer.status_code, answer.text))
        return answer


def chart(
    base_url: str, timeout: float, symbol: str, interval: str, first: pd.Timestamp, last: pd.Timestamp, what: str
) -> str:
    """The text of a chart answer with status 200, which may have no bars.

    Args:
        base_url: Yahoo's address, or a stand-in's.
        timeout: seconds for each request.
        symbol: the ticker.
        interval: as Yahoo names it, `1m` or `5m`.
        first: the beginning of the window, inclusive.
        last: its end, exclusive.
        what: what was asked for, as messages name it.

    Raises:
        FeedError: one of its kinds, by status and text.

    """
    with ONE_AT_A_TIME:
        transport, broke = _asked(base_url, timeout, symbol, interval, first, last)
    answer = transport.bars or transport.time_zone
    if answer is not None:
        try:
            raise_refusal(*answer, what)
        except NoBars:
            if transport.bars is None or transport.bars[0] != HTTPStatus.OK:
                raise  # else an empty window is an answer, and is landed
    if transport.bars is None:
        reason = type(broke).__name__ if broke else "no request for bars went out"
        raise Outage(f"Yahoo did not answer {what}: {reason}.")
    return transport.bars[1]


def _asked(
    base_url: str, timeout: float, symbol: str, interval: str, first: pd.Timestamp, last: pd.Timestamp
) -> tuple[Transport, Exception | None]:
    """What went over the line, and what `yfinance` raised."""
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # it says "possibly delisted" of every outage
    yfinance.set_tz_cache_location(str(machine_state("yfinance")))
    yfinance.config.debug.hide_exceptions = False
    cast("Any", YfData.cache_get).cache_clear()  # one failure would be answered from there for ever
    transport = Transport(base_url, timeout)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # yfinance 1.7 on pandas 3.1; nothing of ours
            yfinance.Ticker(symbol, session=transport).history(
                start=first, end=last, interval=interval, prepost=True, actions=False, auto_adjust=False, keepna=True,
                timeout=timeout,
            )  # fmt: skip
    except Exception as error:  # whatever it makes of the answer, the answer itself says more
        return transport, error
    finally:
        transport.close()
    return transport, None
