"""Requests to Alpha Vantage, with the key and the plan's entitlement: for sessions that are over, running ones, quotes.

What an answer says is in `alpha_vantage_answers`, what is done with it the feeds' matter.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import requests

from market.sessions import BarSize
from resources.errors import FeedError, KeyRefused
from resources.feeds.alpha_vantage_answers import KEY_VARIABLE, Quote, parse_quote, raise_refusal
from resources.feeds.breaker import Standing
from resources.feeds.line import Line
from resources.http import get_text, keep_keys_out_of_logs
from resources.settings_sections import AlphaVantageSettings

Answer = TypeVar("Answer")
SOURCE: Final = "alpha_vantage"


class AlphaVantageClient:
    """Asks Alpha Vantage.

    Args:
        settings: address, time limit, what the plan includes.
        key: the API key; empty is refused at the first request.
        line: carries the requests.

    """

    def __init__(self, settings: AlphaVantageSettings, key: str, line: Line) -> None:
        self.settings = settings
        self._key = key
        self._line = line
        keep_keys_out_of_logs()
        self._session = requests.Session()
        self._refused: FeedError | None = None

    @property
    def standing(self) -> Standing:
        """Whether it is trusted."""
        return self._line.standing

    def bars(
        self, symbol: str, bar_size: BarSize, extent: Mapping[str, str], what: str, read: Callable[[str], Answer]
    ) -> Answer:
        """What `read` makes of an answer with bars; one that it cannot read is asked for again.

        Args:
            symbol: the ticker.
            bar_size: the interval asked for.
            extent: `outputsize`, and `month` where it is one.
            what: what is asked for, as messages name it.
            read: raises MalformedPayload for what it cannot read.

        Raises:
            FeedError: there is no answer.

        """
        parameters = {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": symbol,
            "interval": bar_size.value,
            **extent,
            "adjusted": "false",
            "extended_hours": str(self.settings.extended_hours).lower(),
            "datatype": self.settings.datatype,
        }
        return self._ask(parameters, what, read)

    def quote(self, symbol: str) -> Quote:
        """A symbol's last price, as recent as the plan's entitlement has it.

        Raises:
            FeedError: there is none to be had.

        """
        parameters = {"function": "GLOBAL_QUOTE", "symbol": symbol, "datatype": self.settings.datatype}
        return self._ask(parameters, f"the quote of {symbol}", lambda text: parse_quote(text, symbol))

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _ask(self, parameters: Mapping[str, str], what: str, read: Callable[[str], Answer]) -> Answer:
        if self._refused is not None:
            raise self._refused
        if not self._key:
            raise KeyRefused(f"There is no Alpha Vantage key: put one into {KEY_VARIABLE}, or set feeds.primary.")
        settings = self.settings
        entitled = {} if settings.entitlement == "none" else {"entitlement": settings.entitlement}
        sent = {**parameters, **entitled, "apikey": self._key}

        def attempt() -> Answer:
            url = f"{settings.base_url}/query"
            text = get_text(self._session, url, sent, settings.timeout_seconds, self._key)
            raise_refusal(text, what)
            return read(text)

        try:
            return self._line.ask(attempt)
        except KeyRefused as error:
            self._refused = error  # no other request of this key would fare better
            raise
