"""Bars of five seconds as they happen, for as long as a connection lives; asked for anew where IB lets them go.

What longer bars they make is not known here.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from resources.errors import BrokerError
from resources.http import shown
from resources.ib import codes
from resources.ib.connection import Client
from resources.ib.gateway import Gateway, Role
from resources.ib.library import stock
from resources.ib.mailbox import Mailbox
from resources.ib.values import needed
from resources.ib.wire import Incoming, Kind, Message, kind_of, request_id
from resources.settings_sections import IBSettings
from schemas.broker import Link, LinkChanged

SECONDS: Final = 5
BUST: Final = 10225


class DataTrouble(StrEnum):
    """Why bars of a symbol do not come."""

    PACED = "asked too often"
    COMPETING = "another session of the same login takes the data"
    BUST = "a bust ended them; they are asked for anew"
    NOT_PERMITTED = "the login has no permission for them"
    REFUSED = "refused"


TROUBLES: Final = {
    420: DataTrouble.PACED,
    10197: DataTrouble.COMPETING,
    BUST: DataTrouble.BUST,
    354: DataTrouble.NOT_PERMITTED,
    10089: DataTrouble.NOT_PERMITTED,
    10167: DataTrouble.NOT_PERMITTED,
    10168: DataTrouble.NOT_PERMITTED,
}


@dataclass(frozen=True, slots=True)
class FiveSecondBar:
    """Five seconds of a symbol's trades."""

    symbol: str
    start: datetime
    """UTC."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    """As TWS counts it: shares, or lots of 100 where its API settings say so."""
    average: Decimal
    """Weighted by volume."""
    trades: int


@dataclass(frozen=True, slots=True)
class DataNotice:
    """Bars of a symbol do not come, or may not."""

    symbol: str
    trouble: DataTrouble
    reported_at: datetime
    said: str
    """IB's words, with its code."""


DataEvent = FiveSecondBar | DataNotice | LinkChanged


class RealTimeBars:
    """A subscription to bars of five seconds.

    Args:
        settings: where TWS is.
        symbols: whose bars.
        now: the clock.
        environment: where the second switch for real money is looked up.

    Raises:
        ConfigError: no host is configured.

    """

    def __init__(
        self,
        settings: IBSettings,
        symbols: Sequence[str],
        now: Callable[[], datetime],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._symbols = tuple(symbols)
        self._primary_exchanges = settings.primary_exchanges
        self._now = now
        self.gateway = Gateway(settings, Role.BARS, self._heard, self._broke, environment)
        """The connection, open from `connect` on; history may be asked for over it."""
        self._asked: dict[int, str] = {}
        """By request, whose bars."""
        self._mailbox: Mailbox[DataEvent] = Mailbox()

    def connect(self) -> None:
        """Connect and ask for bars of all symbols; again after a connection broke. Raises as `Gateway.open` does."""
        self._mailbox.reopen()
        self.gateway.open()
        self.gateway.run(self._subscribe)

    def close(self) -> None:
        """Let go."""
        self.gateway.close()

    def events(self, timeout: float) -> Sequence[DataEvent]:
        """What came since the last call, in order; waits up to `timeout` seconds for one.

        Raises:
            BrokerError: nothing more comes, because the connection broke.

        """
        return self._mailbox.take(timeout)

    # On the connection's thread.

    def _subscribe(self, client: Client) -> None:
        self._asked.clear()
        for symbol in self._symbols:
            self._ask(client, symbol)

    def _ask(self, client: Client, symbol: str) -> None:
        number = int(client.getReqId())
        self._asked[number] = symbol
        client.reqRealTimeBars(number, stock(symbol, self._primary_exchanges), SECONDS, "TRADES", False, [])

    def _heard(self, message: Incoming) -> None:
        number, kind = request_id(message), kind_of(message)
        if isinstance(message, tuple) and kind == Kind.REAL_TIME_BAR and number in self._asked:
            self._mailbox.put(_bar(self._asked[number], message))
        elif isinstance(message, tuple) and kind == Kind.ERROR:
            self._error(number, int(message[3]), message[4])

    def _error(self, number: int | None, code: int, text: str) -> None:
        said = f"{code}: {shown(text)}"
        if code in codes.LINKS:
            self._mailbox.put(LinkChanged(codes.LINKS[code], self._now(), said))
            if codes.LINKS[code] is Link.RESTORED_EMPTY:
                self.gateway.post(self._subscribe)
        elif number in self._asked and not codes.is_warning(code):
            symbol = self._asked[number]
            trouble = TROUBLES.get(code, DataTrouble.REFUSED)
            self._mailbox.put(DataNotice(symbol, trouble, self._now(), said))
            if trouble is DataTrouble.BUST:
                del self._asked[number]
                self.gateway.post(lambda client: self._ask(client, symbol))

    def _broke(self, why: BrokerError) -> None:
        self._mailbox.end(why)


def _bar(symbol: str, message: Message) -> FiveSecondBar:
    start, *values = message[3:10]
    opened, high, low, close, volume, average = map(needed, values)
    return FiveSecondBar(
        symbol, datetime.fromtimestamp(int(start), UTC), opened, high, low, close, volume, average, int(message[10])
    )
