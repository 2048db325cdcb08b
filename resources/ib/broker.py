"""The paper account at Interactive Brokers as a broker: orders out, events in, the whole book on request.

It fulfils `oms.broker.Broker`. How a connection is had is `gateway`'s matter, what messages mean `translate`'s.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from resources.clock import utc_now
from resources.errors import BrokerError, BrokerRefused, BrokerUnreachable, SubmitUnclear
from resources.ib.connection import Client
from resources.ib.gateway import Gateway, Role
from resources.ib.known_orders import KnownOrders
from resources.ib.library import library, order_message, stock
from resources.ib.mailbox import Mailbox
from resources.ib.questions import Question
from resources.ib.translate import Translator, held_position
from resources.ib.values import masked, needed
from resources.ib.wire import Incoming, Kind, ListedOrder, kind_of, plain, request_id
from resources.settings_sections import IBSettings
from schemas.broker import (
    AccountValues,
    BrokerBook,
    BrokerEvent,
    CancelRefused,
    HeldPosition,
    Link,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.trading import Commission, Fill, Order

UNASKED: Final = -1
"""The request id of executions that come by themselves."""
VALUES: Final = ("NetLiquidation", "BuyingPower", "AvailableFunds")


@contextmanager
def _understanding(what: str) -> Iterator[None]:
    """What cannot be read was not answered."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise BrokerUnreachable(f"The answer about {what} was not understood: {error!r}.") from None


class InteractiveBrokers:
    """A paper account, behind TWS or IB Gateway.

    `connect` may be called again and again: what is known of orders and their ids stays. One thread calls it.

    Args:
        settings: host, port, client id, account.
        now: the clock.
        environment: where the second switch for real money is looked up.

    Raises:
        ConfigError: no host is configured.

    """

    def __init__(
        self,
        settings: IBSettings,
        now: Callable[[], datetime] = utc_now,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._now = now
        self._primary_exchanges = settings.primary_exchanges
        self._gateway = Gateway(settings, Role.ORDERS, self._heard, self._broke, environment)
        self._orders = KnownOrders()
        self._client_id = self._gateway.address.client_id
        self._translator = Translator(self._client_id, self._orders)
        self._mailbox: Mailbox[BrokerEvent] = Mailbox()
        self._collected: list[BrokerEvent] | None = None
        """What was told since a book was begun, whether it was asked for or came by itself; None between books."""
        self._lost: LinkChanged | None = None

    @property
    def account(self) -> str:
        """The account that is traded; empty before the first connect."""
        return self._gateway.account

    def connect(self) -> None:
        """Connect, check that it is paper, learn which orders there are; raises as `oms.broker.Broker` says."""
        self._lost = None
        self._mailbox.reopen()
        self._gateway.open()
        try:
            self._translator.account = self._gateway.account
            self._list(lambda client: client.reqOpenOrders(), completed=False)
            self._ask_executions()  # they tell ids that are taken, which TWS forgets when it is restarted
        except BrokerError:
            self._gateway.close()
            raise

    def close(self) -> None:
        """Let go; orders stand as they are."""
        self._gateway.close()

    def events(self, timeout: float) -> Sequence[BrokerEvent]:
        """What was reported since the last call, in order; raises as `oms.broker.Broker` says."""
        return self._mailbox.take(timeout)

    def book(self) -> BrokerBook:
        """All orders, fills and positions of the account.

        Open orders are asked before completed ones, and these before executions: what ends meanwhile is in both lists
        and not in neither, and no order is complete whose fills are not there.
        """
        self._hold_link()
        asked_at = self._now()
        told = self._collected = []
        try:
            opened = self._list(lambda client: client.reqAllOpenOrders(), completed=False)
            self._list(lambda client: client.reqCompletedOrders(False), completed=True)
            self._ask_executions()
            positions = self._positions()
            self._gateway.time()  # commissions follow the end of the executions
            self._hold_link()
            return self._gateway.run(lambda _: self._bound(asked_at, opened, told, positions))
        finally:
            self._collected = None

    def account_values(self) -> AccountValues:
        """What the account is worth."""
        self._hold_link()

        def send(client: Client, number: int) -> None:
            client.reqAccountSummary(number, "All", ",".join(VALUES))

        answer = self._gateway.request(frozenset({Kind.ACCOUNT_SUMMARY}), Kind.ACCOUNT_SUMMARY_END, send)
        self._gateway.run(lambda client: client.cancelAccountSummary(int(plain(answer)[-1][2])))
        with _understanding("the account's values"):
            rows = [row for row in plain(answer[:-1]) if row[3] == self.account]
            said = {row[4]: (needed(row[5]), row[6]) for row in rows}
        if missing := [name for name in VALUES if name not in said]:
            raise BrokerUnreachable(f"{masked(self.account)}: the answer has no {', '.join(missing)}.")
        worth, buying_power, funds = (said[name][0] for name in VALUES)
        return AccountValues(self.account, worth, buying_power, funds, said[VALUES[0]][1])

    def place(self, order: Order) -> None:
        """Send a new order; raises as `oms.broker.Broker` says."""

        def send(client: Client) -> None:
            client.updateReqId(self._orders.highest_id + 1)
            number = int(client.getReqId())
            self._orders.placing(order, number, self._client_id)
            client.placeOrder(number, stock(order.symbol, self._primary_exchanges), order_message(order))

        self._send(order, send)

    def modify(self, order: Order) -> None:
        """Send an order again under the id that it has: TWS takes it for a modification.

        One that this client did not place, or that has ended, is refused among the events: TWS may have forgotten the
        id of an order that has ended, and would take it for a new one.
        """

        def send(client: Client) -> None:
            known = self._orders.of_client(order.client_order_id, self._client_id)
            if known is None or known.ended is not None:
                said = f"client {self._client_id} knows no order of this id that works"
                self._tell(ModifyRefused(order.client_order_id, self._now(), said, order.terms))
                return
            known.modifying = order.terms
            client.placeOrder(known.order_id, stock(order.symbol, self._primary_exchanges), order_message(order))

        self._send(order, send)

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; an order that this client did not place is refused among the events."""
        self._hold_link()

        def send(client: Client) -> None:
            known = self._orders.of_client(client_order_id, self._client_id)
            if known is None:
                said = f"client {self._client_id} knows no order of this id"
                self._tell(CancelRefused(client_order_id, self._now(), said))
                return
            client.cancelOrder(known.order_id)
            known.cancelling = True

        self._gateway.run(send)

    def _send(self, order: Order, send: Callable[[Client], None]) -> None:
        """Send it, and see it arrive: TWS answers in order, so that the time comes after it has the order."""
        self._hold_link()
        if order.account != self.account:
            raise BrokerRefused(f"The order is for {masked(order.account)}; connected is {masked(self.account)}.")
        self._gateway.run(send)
        try:
            self._gateway.time()
        except BrokerError as error:
            raise SubmitUnclear(f"{order.client_order_id} was sent; whether it arrived is not known: {error}") from None

    def _hold_link(self) -> None:
        if self._lost is not None:
            raise BrokerUnreachable(f"Nothing gets through to Interactive Brokers: {self._lost.said}")

    def _list(self, send: Callable[[Client], None], *, completed: bool) -> list[Incoming]:
        kind, end = (
            (Kind.COMPLETED_ORDER, Kind.COMPLETED_ORDERS_END) if completed else (Kind.OPEN_ORDER, Kind.OPEN_ORDERS_END)
        )
        return self._gateway.ask(Question(frozenset({kind}), end), send)

    def _ask_executions(self) -> None:
        def send(client: Client, number: int) -> None:
            client.reqExecutions(number, library().ExecutionFilter(acctCode=self.account))

        self._gateway.request(frozenset(), Kind.EXECUTIONS_END, send)

    def _positions(self) -> tuple[HeldPosition, ...]:
        answer = self._gateway.ask(
            Question(frozenset({Kind.POSITION}), Kind.POSITIONS_END), lambda client: client.reqPositions()
        )
        self._gateway.run(lambda client: client.cancelPositions())
        with _understanding("the positions"):
            rows = [row for row in plain(answer[:-1]) if row[2] == self.account]
            return tuple(filter(None, map(held_position, rows)))

    # On the connection's thread.

    def _heard(self, message: Incoming) -> None:
        asked = kind_of(message) == Kind.COMPLETED_ORDER or (
            kind_of(message) == Kind.EXECUTION and request_id(message) != UNASKED
        )
        collected = self._collected
        for event in self._translator.read(message, self._now()):
            if collected is not None:
                collected.append(event)
            if not asked:
                self._tell(event)

    def _broke(self, why: BrokerError) -> None:
        self._mailbox.end(why)

    def _tell(self, event: BrokerEvent) -> None:
        if isinstance(event, LinkChanged):
            self._lost = event if event.link is Link.LOST else None
        self._mailbox.put(event)

    def _bound(
        self,
        asked_at: datetime,
        opened: Sequence[Incoming],
        told: Sequence[BrokerEvent],
        positions: tuple[HeldPosition, ...],
    ) -> BrokerBook:
        """The answers as one book: what was told last of an order, an execution, a commission counts."""
        orders: dict[tuple[int | None, str | None], OrderReport] = {}
        for listed in opened:
            if isinstance(listed, ListedOrder) and listed.account == self.account:
                report = self._translator.listed(listed, asked_at)
                orders[report.perm_id, report.client_order_id] = report
        completed = [one for one in told if isinstance(one, OrderReport) and one.state.ended]
        orders |= {(one.perm_id, one.client_order_id): one for one in completed}
        fills = {one.exec_id: one for one in told if isinstance(one, Fill)}
        commissions = {one.exec_id: one for one in told if isinstance(one, Commission)}
        return BrokerBook(
            account=self.account,
            asked_at=asked_at,
            orders=tuple(orders.values()),
            fills=tuple(sorted(fills.values(), key=lambda fill: (fill.executed_at, fill.exec_id))),
            commissions=tuple(commissions.values()),
            positions=positions,
        )
