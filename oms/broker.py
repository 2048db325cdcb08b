"""The one way in which a broker is spoken to. `oms.simulated` and `resources.ib` stand behind it; nothing else does.

Every broker is a queue of events and a few requests. An order's truth is what the events and the book say, never what
`place` returned: that a request was handed over says nothing of what became of it.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.broker import AccountValues, BrokerBook, BrokerEvent
from schemas.trading import Order


class Broker(Protocol):
    """A paper account at a broker.

    Errors are of the tree in `resources.errors`: `BrokerUnreachable` (retry helps), `BrokerRefused` (a person has to
    mend something), `SubmitUnclear` (handed over, perhaps: ask, never send again).
    """

    @property
    def account(self) -> str:
        """The account that is traded."""
        ...

    def connect(self) -> None:
        """Connect and be ready for orders; events begin to queue.

        Raises:
            BrokerUnreachable: nobody answers.
            BrokerRefused: not this port, not this account, the client id is in use.

        """
        ...

    def close(self) -> None:
        """Let go; nothing is cancelled. Does nothing when there is no connection."""
        ...

    def events(self, timeout: float) -> Sequence[BrokerEvent]:
        """What was reported since the last call, in the order in which it came; waits up to `timeout` seconds for one.

        A `LinkChanged` among them is about the broker's own way to its market.

        Raises:
            BrokerUnreachable: the connection broke, and all that was reported before was given.

        """
        ...

    def book(self) -> BrokerBook:
        """Ask for all orders, fills and positions of the account.

        Raises:
            BrokerUnreachable: one of the questions was not answered: nothing is concluded from the others.

        """
        ...

    def account_values(self) -> AccountValues:
        """Ask what the account is worth.

        Raises:
            BrokerUnreachable: no answer.

        """
        ...

    def place(self, order: Order) -> None:
        """Hand a new order over, with its `client_order_id` as reference.

        Raises:
            BrokerUnreachable: it was not sent.
            SubmitUnclear: whether it arrived is not known.

        """
        ...

    def modify(self, order: Order) -> None:
        """Ask for other terms of the working order of the same `client_order_id`; whether it has them, the events say.

        It may be asked again, and never makes a new order. Raises as `place` does.
        """
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask for an order to be cancelled; whether it is, the events say.

        Raises:
            BrokerUnreachable: it was not sent.

        """
        ...
