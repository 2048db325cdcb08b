"""Yahoo while a session goes on: the bars since an instant, asked for again and again.

Answers are not landed: the batch run after the close lands the session as the vendor has it then. How the vendor is
asked is `yahoo_charts`'s matter.
"""

import pandas as pd

from market.labels import LabelSide
from market.normalise import Provenance, empty_bars, normalise
from market.quality.columns import Columns
from market.sessions import NEW_YORK, Session
from resources.errors import NoBars
from resources.feeds.breaker import Standing
from resources.feeds.live.feed import SoFar
from resources.feeds.live.told import told
from resources.feeds.yahoo_answers import parse_chart
from resources.feeds.yahoo_charts import SOURCE, YahooCharts
from resources.market_time import MarketTime
from schemas.tables import SPLIT_ADJUSTED


class YahooLive:
    """Bars of Yahoo as they become complete.

    The last row of a chart is the running minute, merged with the running quote: it stays out until it has ended and
    settled.

    Args:
        charts: asks the vendor, once at a time: whoever polls asks again.
        settle_seconds: how long after its end a bar is complete.
        time: the market's.

    """

    name = SOURCE
    basis = SPLIT_ADJUSTED

    def __init__(self, charts: YahooCharts, settle_seconds: float, time: MarketTime) -> None:
        self._charts = charts
        self._settle = pd.Timedelta(seconds=settle_seconds)
        self._time = time

    @property
    def standing(self) -> Standing:
        """Whether it is trusted."""
        return self._charts.standing

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        """As `LiveFeed.so_far`."""
        asked_at, bar_size = self._time.now(), self._charts.bar_size
        first = max(since, session.open)
        last = max(asked_at.ceil("min"), first + bar_size.delta)
        until = asked_at - self._settle
        try:
            rows = self._charts.ask(
                symbol, first.tz_convert(NEW_YORK), last.tz_convert(NEW_YORK), lambda text: parse_chart(text, symbol)
            )
        except NoBars:
            return SoFar(Columns(empty_bars()), until)
        part = normalise(rows, session, bar_size, Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START))
        return told(part, session, bar_size, since, until)

    def wait(self, seconds: float) -> None:
        """Wait: it tells only who asks."""
        self._time.sleep(seconds)

    def close(self) -> None:
        """There is nothing to let go of: each request has a connection of its own."""
