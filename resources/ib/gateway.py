"""A login at Interactive Brokers, ready to be asked: connected, answering, on paper.

What belongs here: the steps from a socket to an account, the same for orders, history and bars, over as many connects
as there are. What is asked then is not known here.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum

from resources.errors import BrokerError, BrokerUnreachable, ConfigError
from resources.ib.connection import Address, Client, Connection, Result
from resources.ib.paper import account_of, hold_port, live_allowed
from resources.ib.questions import Question
from resources.ib.wire import Incoming, Kind, plain
from resources.settings_sections import IBSettings


class Role(IntEnum):
    """What is added to `ib.client_id`, so that processes which run side by side do not take each other's id."""

    ORDERS = 0
    HISTORY = 1
    BARS = 2
    DOCTOR = 3


class Gateway:
    """One client of TWS or IB Gateway.

    Args:
        settings: host, port, client id, account, time limit.
        role: which client it is.
        listen: is handed every message, on the connection's thread.
        broke: is told why the connection ended, where nobody closed it.
        environment: where the second switch for real money is looked up.

    Raises:
        ConfigError: no host is configured.

    """

    def __init__(
        self,
        settings: IBSettings,
        role: Role,
        listen: Callable[[Incoming], None] = lambda message: None,
        broke: Callable[[BrokerError], None] = lambda why: None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        if settings.host is None:
            raise ConfigError(
                "ib.host is not set: Interactive Brokers is used where INTRADAY_IB__HOST, or ib.host in config/, says "
                "on which machine TWS or IB Gateway runs."
            )
        self.address = Address(settings.host, settings.port, settings.client_id + role, settings.timeout_seconds)
        self.account = ""
        """The account that is traded, once connected."""
        self._settings = settings
        self._live = live_allowed(settings.allow_live, environment)
        self._listen = listen
        self._broke = broke
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, see that it answers, and that it is paper; an older connection is let go.

        Raises:
            NotPaper: the port, or the account, is one of real money.
            BrokerRefused: the client id is in use, or the account is not the login's.
            BrokerUnreachable: nobody answers.

        """
        self.close()
        hold_port(self.address.port, live=self._live)
        connection = Connection(self.address, self._listen, self._broke)
        connection.open()
        self._connection = connection
        try:
            accounts = connection.run(lambda client: list(client.getAccounts()))
            self.account = account_of(accounts, self._settings.account, live=self._live)
            self.time()
        except BrokerError:
            self.close()
            raise

    def close(self) -> None:
        """Let go; does nothing where there is no connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def time(self) -> datetime:
        """IB's time: the round trip that says that it answers, which an open port does not.

        Raises:
            BrokerUnreachable: no answer.

        """
        answer = self.ask(Question(frozenset(), Kind.TIME), lambda client: client.reqCurrentTime())
        return datetime.fromtimestamp(int(plain(answer)[-1][2]), UTC)

    def run(self, action: Callable[[Client], Result]) -> Result:
        """Do something with the library's client; raises `BrokerUnreachable` where there is no connection."""
        return self._connected().run(action)

    def post(self, action: Callable[[Client], None]) -> None:
        """As `run`, from within `listen`: it is done after the message."""
        if self._connection is not None:
            self._connection.post(action)

    def ask(self, question: Question, send: Callable[[Client], None]) -> list[Incoming]:
        """Send a request and wait for its answer; raises `BrokerUnreachable` or `AnsweredWithError`."""
        return self._connected().ask(question, send)

    def request(self, kinds: frozenset[int], end: Kind, send: Callable[[Client, int], None]) -> list[Incoming]:
        """As `ask`, for requests that have an id."""
        number = self.run(lambda client: int(client.getReqId()))
        return self.ask(Question(kinds, end, number), lambda client: send(client, number))

    def _connected(self) -> Connection:
        if self._connection is None:
            raise BrokerUnreachable(f"There is no connection to {self.address}: connect first.")
        return self._connection
