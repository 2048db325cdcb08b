"""What happens to an order, as a row of its history, and what became of the row. Records only.

Rows are appended in the order in which they were learnt and never change; `oms.lifecycle` rebuilds an order from them.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from schemas.trading import Terms


class EventKind(StrEnum):
    """What happened. Ours are SUBMIT and the requests, all else is the broker's, who may report those too."""

    SUBMIT = "SUBMIT"
    """It is about to be sent; from the broker: it has it and says nothing more."""
    ACCEPT = "ACCEPT"
    """It works, partly filled or not."""
    FILL = "FILL"
    """Shares changed hands, first word of the execution."""
    CORRECTION = "CORRECTION"
    """Another word of an execution, with a higher revision."""
    ALL_FILLED = "ALL_FILLED"
    """The broker counts all shares as filled; the fills come by themselves."""
    MODIFY_REQUEST = "MODIFY_REQUEST"
    """Other quantity and prices are asked for; those that stand go on until the broker has taken them."""
    MODIFY = "MODIFY"
    """Quantity and prices are those of the event: the broker has them, or the order was not sent yet."""
    MODIFY_REFUSED = "MODIFY_REFUSED"
    """Quantity and prices of the event are not to be had; those that stand go on."""
    CANCEL_REQUEST = "CANCEL_REQUEST"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CANCEL = "CANCEL"
    REJECT = "REJECT"
    """Refused, by the broker or by a limit of ours."""
    EXPIRE = "EXPIRE"
    NOTICE = "NOTICE"
    """Words that change nothing, such as IB's 399."""


OF_TERMS: Final = (EventKind.MODIFY_REQUEST, EventKind.MODIFY, EventKind.MODIFY_REFUSED)
"""Events that carry terms of their order."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something that happened to an order of ours."""

    client_order_id: str
    kind: EventKind
    at: datetime
    """When, in the words of who tells it; rows keep the order in which they were learnt, whatever this says."""
    quantity: Decimal = Decimal(0)
    """Shares: of the execution; of terms; in a report all that the broker counts as filled."""
    price: Decimal | None = None
    """Of the execution; the limit of terms."""
    stop_price: Decimal | None = None
    """Of terms."""
    execution: str | None = None
    """What identifies the execution."""
    revision: int = 0
    """Of the execution."""
    perm_id: int | None = None
    said: str = ""
    """The teller's own words."""

    @classmethod
    def of_terms(
        cls,
        client_order_id: str,
        kind: EventKind,
        at: datetime,
        terms: Terms,
        said: str = "",
        perm_id: int | None = None,
    ) -> "OrderEvent":
        """One that carries terms."""
        prices = (terms.limit_price, terms.stop_price)
        return cls(client_order_id, kind, at, terms.quantity, *prices, perm_id=perm_id, said=said)

    @property
    def terms(self) -> Terms:
        """Those that an event `OF_TERMS` carries."""
        return Terms(self.quantity, self.price, self.stop_price)

    @property
    def key(self) -> str:
        """What a repetition is known by: the same however often the broker is asked, so it holds no time.

        No unique key of a table: an order may be accepted again after a cancel that came to nothing, and a fill that
        was quarantined may fit after a correction.
        """
        if self.execution is not None:
            return f"{self.kind} {self.execution} {self.revision}"
        return f"{self.kind} {self.said}".rstrip()


class Outcome(StrEnum):
    """What became of an event."""

    APPLIED = "APPLIED"
    """It is part of the order's history."""
    DUPLICATE = "DUPLICATE"
    """It says nothing new; it is not kept."""
    QUARANTINED = "QUARANTINED"
    """It cannot follow what is known: kept with the reason, without effect on the order."""
