"""What TWS answers about orders and executions.

What belongs here: placing, changing and cancelling, and the requests for what there is. What does not: what happens to
an order (`book`), who else hears of it (`publisher`).
"""

from dataclasses import replace

from simulators.tws import messages
from simulators.tws.desk import Desk, Handler
from simulators.tws.history import Invalid, parse_time
from simulators.tws.notices import TEXTS
from simulators.tws.order_messages import completed_order
from simulators.tws.publisher import Publisher
from simulators.tws.records import MANUAL_CLIENT, Event, Execution, Notice, Order, Ticket
from simulators.tws.requests import Kind, Unsupported, named_contract, ticket
from simulators.tws.session import Session


class OrderAnswers:
    """The handlers of requests about orders and executions."""

    def __init__(self, desk: Desk, publisher: Publisher) -> None:
        self._desk, self._book, self._publisher = desk, desk.book, publisher
        self.handlers: dict[Kind, Handler] = {
            Kind.PLACE_ORDER: self._place,
            Kind.CANCEL_ORDER: lambda s, fields: publisher.publish(self._book.cancel(s.client_id, int(fields[1]))),
            Kind.GLOBAL_CANCEL: lambda _, __: publisher.publish(self._book.cancel_all()),
            Kind.IDS: lambda s, _: desk.say(s, messages.next_valid_id(self._book.next_id(s.client_id))),
            Kind.OPEN_ORDERS: lambda s, _: self._open_orders(s, everyone=False),
            Kind.ALL_OPEN_ORDERS: lambda s, _: self._open_orders(s, everyone=True),
            Kind.AUTO_OPEN_ORDERS: lambda _, __: None,
            Kind.COMPLETED_ORDERS: self._completed_orders,
            Kind.EXECUTIONS: self._executions,
        }

    def _place(self, session: Session, fields: tuple[str, ...]) -> None:
        order_id, instrument = int(fields[0]), self._book.find(*named_contract(fields[1:]))
        if instrument is None:
            self._desk.say(session, messages.error(order_id, 200, TEXTS[200]))
            return
        try:
            order = ticket(session.client_id, fields, session.version, instrument.symbol, self._book.accounts[0])
        except Unsupported as error:
            self._desk.say(session, messages.error(order_id, 321, TEXTS[321].format(error)))
            return
        self._publisher.publish(self._placed(order))

    def _placed(self, order: Ticket) -> list[Event]:
        """Places the order, with the faults that it meets: a new one, or new terms of one that is open."""
        faults = self._desk.faults
        if self._book.knows(order):
            if self._book.is_open(order) and faults.meets("refuse_modify"):
                return [Notice(order.client_id, order.order_id, 201, TEXTS[201].format("stand-in"))]
            return self._book.place(order)
        if faults.meets("reject"):
            placed = self._book.place(order, match=False)
            return [*placed, *self._book.reject(self._book.orders[-1].perm_id, 201, TEXTS[201].format("stand-in"))]
        code, text = 0, ""
        if faults.meets("tif_preset"):
            code, text, order = 10349, TEXTS[10349], replace(order, tif="DAY")
        elif faults.meets("warning_399"):
            code, text = 399, TEXTS[399].format(f"{order.action} {order.quantity} {order.symbol} NASDAQ.NMS")
        opened, *rest = self._book.place(order)
        # The state is out before the warning, so that a client that takes it for an end is not told better at once.
        return [opened, *([Notice(order.client_id, order.order_id, code, text)] if code else ()), *rest]

    def _open_orders(self, session: Session, *, everyone: bool) -> None:
        for order in self._book.open_orders:
            if everyone or order.ticket.client_id == session.client_id:
                self._desk.say(session, self._publisher.open_order(session, order), messages.order_status(order))
        self._desk.say(session, messages.open_order_end())

    def _completed_orders(self, session: Session, fields: tuple[str, ...]) -> None:
        for order in self._book.completed_orders:
            if fields[0] != "1" or not _manual(order):
                instrument = self._book.instruments[order.ticket.symbol]
                self._desk.say(session, completed_order(order, instrument, session.version))
        self._desk.say(session, messages.completed_orders_end())

    def _executions(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id = int(fields[1])
        try:
            wanted = [each for each in self._book.executions if _passes(each, fields[2:])]
        except Invalid as error:
            self._desk.say(session, messages.error(request_id, 321, TEXTS[321].format(error)))
            return
        for each in wanted:
            self._desk.say(session, self._publisher.exec_details(session, request_id, each))
        self._desk.say(session, messages.exec_details_end(request_id))
        for each in wanted:
            if self._publisher.reported(each):
                self._desk.say(session, messages.commission_report(each))


def _manual(order: Order) -> bool:
    return order.ticket.client_id == MANUAL_CLIENT and not order.ticket.order_id


def _passes(execution: Execution, filters: tuple[str, ...]) -> bool:
    """Whether the execution passes a client's filter; client 0 and empty fields let all pass."""
    client_id, account, since, symbol, _, _, side = filters
    return (
        int(client_id or 0) in (0, execution.ticket.client_id)
        and account in ("", execution.ticket.account)
        and symbol in ("", execution.ticket.symbol)
        and side in ("", execution.ticket.action, messages.SIDES[execution.ticket.action])
        and (not since or execution.time >= parse_time(since))
    )
