"""What happens to an order, as a row of its history, and what became of the row. Records only.

Rows are appended in the order in which they were learnt and never change; `oms.lifecycle` rebuilds an order from them.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class EventKind(StrEnum):
    """What happened. Ours are SUBMIT, MODIFY and CANCEL_REQUEST, all else is the broker's, who may report those too."""

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
    MODIFY = "MODIFY"
    """Quantity and prices are replaced by those of the event."""
    CANCEL_REQUEST = "CANCEL_REQUEST"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CANCEL = "CANCEL"
    REJECT = "REJECT"
    """Refused, by the broker or by a limit of ours."""
    EXPIRE = "EXPIRE"
    NOTICE = "NOTICE"
    """Words that change nothing, such as IB's 399."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something that happened to an order of ours."""

    client_order_id: str
    kind: EventKind
    at: datetime
    """When, in the words of who tells it; rows keep the order in which they were learnt, whatever this says."""
    quantity: Decimal = Decimal(0)
    """Shares: of the execution; as modified; in a report all that the broker counts as filled."""
    price: Decimal | None = None
    """Of the execution; the limit as modified."""
    stop_price: Decimal | None = None
    """As modified."""
    execution: str | None = None
    """What identifies the execution."""
    revision: int = 0
    """Of the execution."""
    perm_id: int | None = None
    said: str = ""
    """The teller's own words."""

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
