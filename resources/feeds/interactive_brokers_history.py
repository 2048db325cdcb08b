"""Requests for history to Interactive Brokers, within its limits; for sessions that are over and for running ones.

Which connection they go over, and when it is made, is the feeds' matter; what an answer says
`interactive_brokers_answers`'s.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pandas as pd

from market.sessions import NEW_YORK, BarSize
from resources.errors import BrokerError, BrokerRefused, FeedRefused, Outage
from resources.feeds.interactive_brokers_answers import INTERVALS, answer_text, parse_bars, refusal
from resources.feeds.rate_limit import RateLimit, Window
from resources.ib.connection import Client
from resources.ib.gateway import Gateway
from resources.ib.library import stock
from resources.ib.questions import AnsweredWithError
from resources.ib.wire import Kind, plain
from resources.market_time import MarketTime
from resources.paths import machine_state
from resources.settings_sections import IBSettings

SOURCE: Final = "interactive_brokers"
ALL: Final = Window(60, 600.0)
OF_SYMBOL: Final = Window(5, 2.0)
ALIKE: Final = Window(1, 15.0)
"""The limits on history: of all requests, of those about one contract, of those that are the same."""


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """What goes wrong with the connection or a request, as a feed's failure."""
    try:
        yield
    except AnsweredWithError as error:
        raise refusal(error.code, error.said, what) from None
    except BrokerRefused as error:
        raise FeedRefused(f"Interactive Brokers was not asked for {what}: {error}") from None
    except BrokerError as error:
        raise Outage(f"Interactive Brokers did not answer {what}: {error}") from None


class History:
    """Asks for the bars of a day.

    Args:
        gateway: the connection, which is open when a request goes out.
        settings: primary exchanges, the unit of volumes.
        bar_size: the interval asked for.
        time: the market's.
        longest_wait: seconds; a turn that is further away is not waited for.

    """

    def __init__(
        self, gateway: Gateway, settings: IBSettings, bar_size: BarSize, time: MarketTime, longest_wait: float
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._bar_size = bar_size
        self._time = time
        self._longest_wait = longest_wait

    def wait_for_turn(self, symbol: str, end: pd.Timestamp) -> None:
        """Keep to the limits on history, which all processes of this machine share.

        Raises:
            NotAsked: the next turn is far away.

        """
        alike = f"{symbol} {_end(end)} {self._bar_size}"
        for key, window in ((alike, ALIKE), (symbol, OF_SYMBOL), ("", ALL)):
            RateLimit(
                machine_state() / "requests.sqlite3",
                str(self._gateway.address),
                key,
                [window],
                clock=self._time.seconds,
                sleep=self._time.sleep,
                longest_wait=self._longest_wait,
            ).wait_for_turn()

    def ask(self, symbol: str, end: pd.Timestamp) -> str:
        """The bars of the New York day up to an instant, as an answer is landed; times as seconds, which need no zone.

        Raises:
            BrokerError: there is no answer, or it is a refusal.
            MalformedPayload: it cannot be read.

        """
        interval = INTERVALS[self._bar_size]

        def send(client: Client, number: int) -> None:
            contract = stock(symbol, self._settings.primary_exchanges)
            client.reqHistoricalData(number, contract, _end(end), "1 D", interval, "TRADES", 0, 2, False, [])

        text = answer_text(plain(self._gateway.request(frozenset(), Kind.HISTORY, send))[-1])
        parse_bars(text, symbol, self._settings.volume_unit)
        return text


def _end(end: pd.Timestamp) -> str:
    return f"{end.tz_convert(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"
