"""Takes what a broker tells into an account: history, ledger and positions, all of it or nothing.

What belongs here: one transaction's worth of events. What does not: where they come from (`oms.service`), what they
mean for an order (`oms.lifecycle`) and for a position (`oms.ledger`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from market.sessions import BarSize
from oms.ledger import Ledger
from oms.lifecycle import Progress, apply, events_of, replay
from oms.prices import last_prices
from resources.database.order_store import AccountTransaction
from schemas.broker import BrokerEvent
from schemas.order_events import OF_TERMS, EventKind, OrderEvent, Outcome
from schemas.trading import Commission, Fill

WHO: Final = "oms"
MONEY: Final = (EventKind.FILL, EventKind.CORRECTION)


@dataclass
class Recorder:
    """An account that is told things, while one transaction holds it; `finish` it before the transaction ends.

    Args:
        account: the account, locked.
        bar_size: of the stored bars, which positions are valued by.
        now: the time at the account's market.

    """

    account: AccountTransaction
    bar_size: BarSize
    now: datetime
    said: list[str] = field(default_factory=list, init=False)
    """What happened, a line each for people; what says nothing new is not among them."""
    _progress: dict[str, Progress | None] = field(default_factory=dict, init=False)
    _touched: set[str] = field(default_factory=set, init=False)

    def progress(self, client_order_id: str) -> Progress | None:
        """How far an order has come, by all its events; None where the account has no such order."""
        if client_order_id not in self._progress:
            kept = self.account.known([client_order_id]).get(client_order_id)
            events = (one.event for one in self.account.events(client_order_id)) if kept else ()
            self._progress[client_order_id] = replay(kept.first, events) if kept else None
        return self._progress[client_order_id]

    def take(self, told: Iterable[BrokerEvent]) -> None:
        """Take what a broker tells, in that order."""
        for one in told:
            if isinstance(one, Fill):
                self._take_fill(one)
            elif isinstance(one, Commission):
                symbol = self.account.keep_commission(one)
                self._touched |= {symbol} if symbol else set()
            for event in events_of(one):
                self.happened(event)

    def against(self, event: OrderEvent) -> str:
        """Why the event would be quarantined; empty where it would not be."""
        progress = self.progress(event.client_order_id)
        return "" if progress is None else apply(progress, event).reason

    def happened(self, event: OrderEvent) -> Outcome:
        """Let an event have its effect on its order, and keep it unless it is known; no order, no history."""
        progress = self.progress(event.client_order_id)
        if progress is None:
            return Outcome.DUPLICATE
        step = apply(progress, event)
        self._progress[event.client_order_id] = step.progress
        if step.outcome is Outcome.DUPLICATE:
            return step.outcome
        after = step.progress
        self.account.add_event(event, step.outcome, step.reason, after.state, after.filled)
        self._say(event, step.outcome, step.reason, after)
        if step.outcome is Outcome.QUARANTINED and event.kind in (*MONEY, EventKind.ACCEPT):
            why = f"{event.client_order_id}: {step.reason}"
            self.account.say_halted(after.order.symbol, WHO, why, halted=True)
            self.said.append(f"{after.order.symbol} is halted: {why}")
        return step.outcome

    def adopted(self, symbol: str) -> None:
        """The ledger of a symbol has a line that no broker told of."""
        self._touched.add(symbol)

    def finish(self) -> None:
        """Fold the positions that anything was told of anew and keep them."""
        if not self._touched:
            return
        lines = self.account.ledger(sorted(self._touched))
        prices = last_prices(self.account, self._touched, self.bar_size, self.now)
        ledger = Ledger(lines)
        positions = [ledger.position(self.account.account, symbol) for symbol in sorted(self._touched)]
        for position in positions:
            price = prices.get(position.symbol)
            if price is not None:
                start = price.known_at - self.bar_size.delta.to_pytimedelta()
                position = replace(position, last_price=price.price, priced_at=start)
            self.account.keep_position(position)
        self._touched.clear()

    def _take_fill(self, fill: Fill) -> None:
        if not self.account.add_fill(fill):
            return
        self._touched.add(fill.symbol)
        if fill.client_order_id is None or self.progress(fill.client_order_id) is None:
            whose = fill.client_order_id or "an order that is not ours"
            self.said.append(f"{fill.side} {fill.quantity} {fill.symbol} at {fill.price}, of {whose}")

    def _say(self, event: OrderEvent, outcome: Outcome, reason: str, after: Progress) -> None:
        what = f"{event.client_order_id} {event.kind}"
        if event.kind in MONEY:
            what += f" {event.quantity} at {event.price}"
        elif event.kind in OF_TERMS:
            what += f" {event.terms}"
        ending = f": {event.said}" if event.said else ""
        if outcome is Outcome.QUARANTINED:
            self.said.append(f"{what} is quarantined: {reason}")
        else:
            filled = f", {after.filled} of {after.order.quantity}" if after.filled else ""
            self.said.append(f"{what} → {after.state}{filled}{ending}")
