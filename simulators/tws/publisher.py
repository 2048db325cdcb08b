"""Who is told of what happens in the book, and how often.

What belongs here: from an event to messages for the clients that TWS would tell, with the faults that these messages
meet. What does not: what happens (`book`), answers to requests (`order_answers`, `account_answers`).
"""

from collections.abc import Iterable
from decimal import Decimal

from simulators.tws import messages
from simulators.tws.account import account_values
from simulators.tws.desk import Desk
from simulators.tws.order_messages import open_order
from simulators.tws.records import (
    Charged,
    Event,
    Executed,
    Execution,
    Moved,
    Notice,
    Opened,
    Order,
    StatusChanged,
    Ticket,
)
from simulators.tws.session import Session

CENT = Decimal("0.01")


class Publisher:
    """Sends events to the order's client and to the master client, positions to who asked for them.

    While `holds_commissions`, commission reports wait for `release_commissions`.
    """

    def __init__(self, desk: Desk, master_client_id: int | None) -> None:
        self._desk = desk
        self._book = desk.book
        self._master = master_client_id
        self.holds_commissions = False
        self._held: list[str] = []

    def publish(self, events: Iterable[Event]) -> None:
        """Tells every client of what happened; executions that a fault corrects are corrected after the rest."""
        corrected: list[Execution] = []
        for event in events:
            match event:
                case Opened(order):
                    self._opened(order)
                case StatusChanged(order):
                    self._status(order)
                case Executed(execution):
                    self._executed(execution)
                    if execution.exec_id.endswith(".01") and self._desk.faults.meets("correction"):
                        corrected.append(execution)
                case Charged(execution):
                    self._charged(execution)
                case Notice(client_id, order_id, code, text):
                    for session in self._desk.sessions:
                        if session.client_id == client_id:
                            self._desk.say(session, messages.error(order_id, code, text))
                case Moved(account, symbol):
                    self._moved(account, symbol)
        for execution in corrected:
            self.publish(self._book.correct(execution.base, None, execution.price + CENT))

    def release_commissions(self) -> None:
        """Sends the commission reports that were held, of corrected executions the newest."""
        held, self._held = self._held, []
        for base in dict.fromkeys(held):
            self._send_commission(self._book.execution(base))

    def reported(self, execution: Execution) -> bool:
        """Whether the commission of the execution is not held back."""
        return execution.base not in self._held

    def exec_details(self, session: Session, request_id: int, execution: Execution) -> bytes:
        """The message of an execution."""
        instrument = self._book.instruments[execution.ticket.symbol]
        return messages.exec_details(request_id, execution, instrument, session.version)

    def open_order(self, session: Session, order: Order) -> bytes:
        """The message of an order."""
        return open_order(order, self._book.instruments[order.ticket.symbol], session.version)

    def portfolio(self, session: Session, account: str, symbol: str) -> None:
        """Sends a position and its value."""
        held, instrument = self._book.position(account, symbol), self._book.instruments[symbol]
        self._desk.say(session, messages.portfolio(account, instrument, held, self._book.mark(symbol)))

    def position(self, session: Session, account: str, symbol: str) -> None:
        """Sends a position."""
        held, instrument = self._book.position(account, symbol), self._book.instruments[symbol]
        self._desk.say(session, messages.position(account, instrument, held))

    def account_values(self, session: Session, account: str) -> None:
        """Sends the values of an account."""
        for tag, value in account_values(self._book, account).items():
            self._desk.say(session, messages.account_value(account, tag, value, "USD"))

    def _told(self, ticket: Ticket) -> list[Session]:
        return [each for each in self._desk.sessions if each.client_id in (ticket.client_id, self._master)]

    def _opened(self, order: Order) -> None:
        for session in self._told(order.ticket):
            self._desk.say(session, self.open_order(session, order))
        self._status(order)

    def _status(self, order: Order) -> None:
        times = 2 if self._desk.faults.meets("duplicate_status") else 1
        for session in self._told(order.ticket):
            self._desk.say(session, *[messages.order_status(order)] * times)

    def _executed(self, execution: Execution) -> None:
        times = 2 if self._desk.faults.meets("duplicate_executions") else 1
        for session in self._told(execution.ticket):
            self._desk.say(session, *[self.exec_details(session, -1, execution)] * times)

    def _charged(self, execution: Execution) -> None:
        if self.holds_commissions or self._desk.faults.meets("late_commission"):
            self._held.append(execution.base)
        else:
            self._send_commission(execution)

    def _send_commission(self, execution: Execution) -> None:
        for session in self._told(execution.ticket):
            self._desk.say(session, messages.commission_report(execution))

    def _moved(self, account: str, symbol: str) -> None:
        for session in self._desk.sessions:
            if session.positions:
                self.position(session, account, symbol)
            if account in session.accounts:
                self.portfolio(session, account, symbol)
                self.account_values(session, account)
