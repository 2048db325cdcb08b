"""The orders that a connection has heard of: by which id which reference goes, and what was asked about them.

Kept over reconnects of one object: a status carries no reference, and an order id that was used is never used again.
"""

from dataclasses import dataclass
from decimal import Decimal

from resources.ib.wire import ListedOrder
from schemas.trading import Order, OrderState, Terms


@dataclass(slots=True)
class KnownOrder:
    """What is known of one order."""

    account: str
    reference: str | None
    time_in_force: str
    order_id: int = 0
    """0 for a completed order, and for one entered by hand."""
    client_id: int = -1
    perm_id: int = 0
    works: bool = False
    """The broker said that it has it."""
    refused: str = ""
    """What was said of it, or of a modification, while it worked: the status that follows tells which."""
    cancelling: bool = False
    """We asked for it."""
    terms: Terms | None = None
    """As TWS listed them last."""
    modifying: Terms | None = None
    """Those that we asked for, and that TWS has not listed since."""
    ended: OrderState | None = None
    filled: Decimal = Decimal(0)


class KnownOrders:
    """The orders of all clients, as far as they were heard of."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[int, int], KnownOrder] = {}
        self._by_perm_id: dict[int, KnownOrder] = {}
        self.highest_id = 0
        """The highest order id that any client was seen to use."""

    def placing(self, order: Order, order_id: int, client_id: int) -> None:
        """An order of ours is about to be sent under that id."""
        known = KnownOrder(order.account, order.client_order_id, order.time_in_force.value, order_id, client_id)
        self._by_id[client_id, order_id] = known
        self.saw(order_id)

    def listed(self, listed: ListedOrder) -> KnownOrder:
        """An order as TWS lists it."""
        known = self.find(listed.order_id, listed.client_id, listed.perm_id)
        if known is None:
            known = KnownOrder(listed.account, None, listed.time_in_force)
        known.account, known.time_in_force = listed.account, listed.time_in_force
        known.reference = listed.reference or known.reference
        if not listed.completed and listed.order_id > 0:
            known.order_id, known.client_id = listed.order_id, listed.client_id
            self._by_id[listed.client_id, listed.order_id] = known
            self.saw(listed.order_id)
        self.identify(known, listed.perm_id)
        return known

    def identify(self, known: KnownOrder, perm_id: int) -> None:
        """The broker's permanent number of an order, where it says one."""
        if perm_id:
            known.perm_id = perm_id
            self._by_perm_id[perm_id] = known

    def find(self, order_id: int, client_id: int, perm_id: int) -> KnownOrder | None:
        """An order by its permanent number, else by the id that its client gave it."""
        known = self._by_perm_id.get(perm_id)
        return self._by_id.get((client_id, order_id)) if known is None else known

    def of_client(self, reference: str, client_id: int) -> KnownOrder | None:
        """The newest order of that reference which this client placed, and so may modify or cancel."""
        found = [one for (owner, _), one in self._by_id.items() if owner == client_id and one.reference == reference]
        return found[-1] if found else None

    def saw(self, order_id: int) -> None:
        """That id is taken."""
        self.highest_id = max(self.highest_id, order_id)
