"""Drives an account: turn after turn, connecting again where the connection breaks, until there is nothing to wait for.

Which process may, the database says: one at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from oms.service import OrderService
from resources.database.order_store import Reconciled
from resources.errors import BrokerError, BrokerRefused, BrokerUnreachable, DatabaseUnreachable, NotPaper
from schemas.broker import Link

TURN_SECONDS: Final = 0.2
"""How long a turn waits for the broker to speak: the longest that an order of another process waits to be sent."""
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass
class Driver:
    """The process that speaks to the broker of an account.

    Args:
        service: the account's orders.
        mine: whether this process still is the one that may.
        sleep: waits that many seconds between two attempts to connect.

    """

    service: OrderService
    mine: Callable[[], bool]
    sleep: Callable[[float], None]
    connected: bool = True
    """Whether the service is."""
    _attempts: int = field(default=0, init=False)

    def until(self, done: Callable[[], bool]) -> None:
        """Turn, once at least, until it is done; a broken connection is made anew, after a second, two, up to a minute.

        Raises:
            BrokerRefused: a person has to mend something. Where a connection broke it is tried again, too: TWS holds
                the client id of one that it has not seen end, and has no account before it has logged in again.
            DatabaseUnreachable: the claim to the account went with the connection to the database.
            DatabaseError: what was told could not be stored; it is asked for at the next connect.

        """
        while True:
            if not self.mine():
                raise DatabaseUnreachable("The claim to the account ended with its connection to the database.")
            try:
                if not self.connected:
                    self.service.connect()
                    self.connected, self._attempts = True, 0
                self.service.turn(TURN_SECONDS)
            except BrokerUnreachable as error:
                self._pause(error)
            except BrokerRefused as error:
                if not self._attempts or isinstance(error, NotPaper):
                    raise
                self._pause(error)
            if done():
                return

    def reconcile(self) -> None:
        """Compare with the broker, unless the connection is broken, or its link: what mends them compares."""
        if self.connected and self.service.link is not Link.LOST:
            try:
                self.service.reconcile()
            except BrokerUnreachable as error:
                self._pause(error)

    def _pause(self, error: BrokerError) -> None:
        self.connected = False
        self.service.broker.close()
        self._attempts += 1
        wait = min(FIRST_WAIT_SECONDS * 2 ** (self._attempts - 1), LONGEST_WAIT_SECONDS)
        self.service.say(f"{error} It is tried again in {wait:.0f} s.")
        self.sleep(wait)


def reconciled(service: OrderService) -> list[Reconciled]:
    """What both books say of each symbol: asked now, or by the process that drives the account a minute ago at most.

    Raises:
        BrokerError: the broker could not be asked; nothing is concluded.

    """
    with service.store.driving() as mine:
        if mine is not None:
            try:
                service.connect()  # which compares
            finally:
                service.broker.close()
    return service.store.read(lambda account: account.reconciled())
