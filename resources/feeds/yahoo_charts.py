"""Requests for charts to Yahoo; the same for weeks that are over and for a running session.

How `yfinance` is made to ask is `yahoo_client`'s matter, what an answer says `yahoo_answers`'s.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import pandas as pd

from market.sessions import BarSize
from resources.feeds.breaker import Standing
from resources.feeds.line import Line
from resources.feeds.yahoo_answers import INTERVALS
from resources.settings_sections import YahooSettings

Answer = TypeVar("Answer")
SOURCE: Final = "yahoo"


class YahooCharts:
    """Asks Yahoo.

    Args:
        settings: address, time limit, how far back it has bars.
        line: carries the requests.
        bar_size: the interval asked for.

    """

    def __init__(self, settings: YahooSettings, line: Line, bar_size: BarSize) -> None:
        self.settings = settings
        self.bar_size = bar_size
        self._line = line

    @property
    def standing(self) -> Standing:
        """Whether it is trusted."""
        return self._line.standing

    def ask(self, symbol: str, first: pd.Timestamp, last: pd.Timestamp, read: Callable[[str], Answer]) -> Answer:
        """What `read` makes of a chart from `first` to `last`, excluded; one that it cannot read is asked for again.

        Raises:
            FeedError: there is no answer.

        """
        # Here and not above: yfinance takes a second and a half to import, and most runs never ask it.
        from resources.feeds.yahoo_client import chart

        settings, interval = self.settings, INTERVALS[self.bar_size]
        what = f"{symbol} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        return self._line.ask(
            lambda: read(chart(settings.base_url, settings.timeout_seconds, symbol, interval, first, last, what))
        )
