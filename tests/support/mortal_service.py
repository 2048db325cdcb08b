"""An order service in a process of its own that can be killed by SIGKILL anywhere, between two steps by number.

Here: the process, and how a test tells it to go on. Not here: what happens to the orders (simulators.tws), what a test
expects.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from market.sessions import BarSize
from oms.service import OrderService
from resources.database.order_store import AccountTransaction, OrderStore
from resources.database.server import DatabaseServer
from resources.errors import BrokerUnreachable
from resources.ib.broker import InteractiveBrokers
from resources.settings_sections import OmsSettings
from tests.support.forks import forking
from tests.support.ib import ib_settings

Result = TypeVar("Result")
ANSWER_SECONDS = 0.3
"""How long the service waits for TWS: what is silent is silent for this long."""


class Mortal:
    """Counts points, and dies at one of them."""

    def __init__(self, at: int | None) -> None:
        self._left = at

    def point(self) -> None:
        """A place where the process may die."""
        if self._left is None:
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class MortalStore(OrderStore):
    """Dies before a transaction, in it, before its commit, or after it."""

    mortal: Mortal

    def within(self, work: Callable[[AccountTransaction], Result]) -> Result:
        def mortal_work(account: AccountTransaction) -> Result:
            self.mortal.point()
            result = work(account)
            self.mortal.point()
            return result

        result = super().within(mortal_work)
        self.mortal.point()
        return result


class MortalBroker:
    """Dies before a request to the broker, or after it."""

    def __init__(self, broker: InteractiveBrokers, mortal: Mortal) -> None:
        self._broker = broker
        self._mortal = mortal

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._broker, name)
        if not callable(asked):
            return asked

        def mortal(*arguments: Any) -> Any:
            self._mortal.point()
            answer = asked(*arguments)
            self._mortal.point()
            return answer

        return mortal


def open_mortal(
    server: DatabaseServer, account: str, port: int, settings: OmsSettings, now: datetime, die_at: int | None
) -> OrderService:
    """An order service of the account at the stand-in on the port."""
    mortal = Mortal(die_at)
    store = MortalStore(server, account)
    object.__setattr__(store, "mortal", mortal)
    broker = InteractiveBrokers(ib_settings(port=port, account=account, timeout_seconds=ANSWER_SECONDS))
    spoken_to: Any = MortalBroker(broker, mortal)
    return OrderService(
        store, spoken_to, settings, ("NVDA", "MSFT"), BarSize.ONE_MINUTE, lambda: now, say=lambda line: None
    )


def _serve(pipe: Connection, service: Callable[[], OrderService]) -> None:
    """Turn whenever told to; a connection that broke is made anew at the next turn."""
    driven, connected = service(), False
    with suppress(EOFError):
        while pipe.recv():
            try:
                if not connected:
                    driven.broker.close()
                    driven.connect()
                    connected = True
                driven.broker.account_values()  # what was sent before this answer has been heard
                driven.turn()
                pipe.send(True)
            except BrokerUnreachable:
                connected = False
                pipe.send(False)
    driven.broker.close()


def _main(pipe: Connection, *about: Any) -> None:
    _serve(pipe, lambda: open_mortal(*about))


class MortalService:
    """The service's process: alive or not."""

    def __init__(self, *about: Any) -> None:
        self._pipe, theirs = forking().Pipe()
        self._process = forking().Process(target=_main, args=(theirs, *about), daemon=True)
        self._process.start()
        theirs.close()

    def turn(self) -> bool | None:
        """Let it take a turn: whether it did; False where the broker could not be reached, None where it is dead."""
        try:
            self._pipe.send(True)
            done: bool = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            return None
        return done

    def kill(self) -> None:
        """Kill it where it stands."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def end(self) -> None:
        """Let it end by itself."""
        with suppress(OSError):
            self._pipe.send(False)
        self._process.join()
        self._pipe.close()
