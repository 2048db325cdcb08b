"""What an order goes through, from the wish to the money: the service and the simulated broker on a real database.

Every bar is flat, NVDA at 500.00 and MSFT at 200.00, unless a test says otherwise. An order costs a dollar.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal as D

import psycopg
import pytest

from oms.adopting import adopt
from oms.ledger import Ledger
from oms.lifecycle import replay
from oms.portfolio import summarise
from oms.service import OrderService
from oms.simulated import SimulatedBroker
from resources.database.order_store import AccountTransaction
from resources.database.simulated_book_store import SimulatedBookStore
from resources.errors import (
    BrokerRefused,
    BrokerUnreachable,
    DatabaseError,
    DatabaseFull,
    OrderRefused,
    SubmitUnclear,
    UnknownOrder,
)
from schemas.broker import (
    BrokerBook,
    BrokerEvent,
    HeldPosition,
    Link,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.trading import (
    Fill,
    Order,
    OrderInvalid,
    OrderState,
    Side,
    Terms,
)
from tests.support.order_desk import OrderDesk, new_york

APPEND_ONLY = ("order_events", "fills", "position_adoptions", "trading_halts")


@pytest.fixture
def desk(order_desk) -> OrderDesk:
    """It is 10:00 in New York, and the service is connected."""
    order_desk.service.connect()
    order_desk.said.clear()
    return order_desk


@dataclass
class Scripted:
    """A simulated broker that tells more than it knows, or that fails, where a test says so."""

    simulated: SimulatedBroker
    says: list[BrokerEvent] = field(default_factory=list)
    holds: list[HeldPosition] | None = None
    """In the place of its positions."""
    fails: list[tuple[bool, Exception]] = field(default_factory=list)
    """How the next orders that are placed fail, and whether they arrived."""
    placed: list[str] = field(default_factory=list)
    refuses: str | None = None
    """Its words for every modification."""
    loses: bool = False
    """Modifications do not arrive."""
    modified: list[D] = field(default_factory=list)
    """The quantities that were asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.simulated, name)

    def events(self, timeout: float) -> list[BrokerEvent]:
        told = [*self.says, *self.simulated.events(timeout)]
        self.says.clear()
        return told

    def book(self) -> BrokerBook:
        book = self.simulated.book()
        return book if self.holds is None else replace(book, positions=tuple(self.holds))

    def place(self, order: Order) -> None:
        self.placed.append(order.client_order_id)
        arrives, failure = self.fails.pop(0) if self.fails else (True, None)
        if arrives:
            self.simulated.place(order)
        if failure is not None:
            raise failure

    def modify(self, order: Order) -> None:
        self.modified.append(order.quantity)
        if self.refuses is not None:
            now = self.simulated.now()
            self.says.append(ModifyRefused(order.client_order_id, now, self.refuses, order.terms))
        elif not self.loses:
            self.simulated.modify(order)


@pytest.fixture
def scripted(desk) -> Scripted:
    desk.restart(Scripted)
    desk.service.connect()
    return desk.service.broker


# The life of an order


def test_creation(desk):
    """The intent is stored before anybody is told."""
    desk.service.submit(desk.order("BUY", 100, limit="499.50", name="first"))
    kept = desk.kept("first")
    assert (kept.state, kept.filled, kept.created_at) == (OrderState.PENDING, 0, new_york("10:00"))
    assert kept.order == desk.order("BUY", 100, limit="499.50", name="first")
    assert desk.history("first") == []
    assert desk.broker.book().orders == ()


def test_submit(desk):
    """It is marked as sent, then sent; the broker says that it works."""
    desk.service.submit(desk.order("BUY", 100, limit="499.50", name="first"))
    desk.service.turn()
    assert desk.history("first") == [("SUBMIT", "SUBMITTED")]
    desk.service.turn()
    assert desk.history("first") == [("SUBMIT", "SUBMITTED"), ("ACCEPT", "ACCEPTED")]
    assert [one.client_order_id for one in desk.broker.book().orders] == ["first"]
    assert desk.said == ["first SUBMIT → SUBMITTED", "first ACCEPT → ACCEPTED"]


def test_fill(desk):
    name = desk.sent(desk.order("BUY", 100))
    desk.bar("10:00", "501.25 502 500 501")
    desk.turn_at("10:01")
    assert (desk.kept(name).state, desk.kept(name).filled) == (OrderState.FILLED, 100)
    assert desk.history(name) == [("SUBMIT", "SUBMITTED"), ("ACCEPT", "ACCEPTED"), ("FILL", "FILLED")]
    position = desk.position()
    assert (position.quantity, position.average_price, position.cost_basis) == (100, D("501.25"), D("50125.00"))
    assert position.commissions == 1


def test_partial_fill(desk):
    desk.bar("10:00", "500 500 500 500", volume=500)  # of which an order has 25 to 50
    name = desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    some = desk.kept(name)
    assert some.state is OrderState.PARTIALLY_FILLED
    assert 25 <= some.filled <= 50
    assert desk.position().quantity == some.filled
    desk.turn_at("10:02")
    assert (desk.kept(name).state, desk.position().quantity, desk.position().commissions) == (OrderState.FILLED, 100, 1)


def test_cancel(desk):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_cancel(name, "ada")
    assert desk.kept(name).state is OrderState.PENDING_CANCEL  # the broker decides
    desk.service.turn()
    desk.service.turn()
    assert desk.kept(name).state is OrderState.CANCELLED
    assert desk.history(name)[-2:] == [("CANCEL_REQUEST", "PENDING_CANCEL"), ("CANCEL", "CANCELLED")]
    assert desk.events(name)[-2].event.said == "by ada"
    desk.bar("10:05", "490 490 490 490")
    desk.turn_at("10:10")
    assert desk.position().quantity == 0


def test_a_cancel_that_comes_too_late_leaves_the_order_filled(desk):
    name = desk.sent(desk.order("BUY", 100))
    desk.service.request_cancel(name, "ada")
    desk.at("10:01")  # the bar was faster
    desk.service.turn()
    desk.service.turn()
    assert desk.kept(name).state is OrderState.FILLED
    assert desk.position().quantity == 100
    with pytest.raises(OrderRefused, match="order-1 is FILLED: there is nothing to cancel"):
        desk.service.request_cancel(name, "ada")


def test_an_order_that_was_not_sent_is_cancelled_at_once_and_never_sent(desk, scripted):
    desk.service.submit(desk.order("BUY", 100, name="first"))
    desk.service.request_cancel("first", "ada")
    desk.service.turn()
    assert desk.history("first") == [("CANCEL_REQUEST", "CANCELLED")]
    assert scripted.placed == []


def test_modify(desk):
    """The order stands as it did until the broker has taken its new terms; what is not given stays."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    wanted = desk.service.request_modify(name, "ada", limit_price=D("499.50"))
    assert wanted == Terms(D(100), D("499.50"))
    desk.service.turn()  # asks the broker
    assert (desk.kept(name).order.limit_price, desk.kept(name).modification.terms) == (D("499"), wanted)
    desk.service.turn()
    kept = desk.kept(name)
    assert (kept.state, kept.order.terms, kept.modification) == (OrderState.ACCEPTED, wanted, None)
    assert desk.history(name)[-2:] == [("MODIFY_REQUEST", "ACCEPTED"), ("MODIFY", "ACCEPTED")]
    assert desk.said[-2:] == [
        f"{name} MODIFY_REQUEST 100 shares, limit 499.50 → ACCEPTED: by ada",
        f"{name} MODIFY 100 shares, limit 499.50 → ACCEPTED",
    ]
    desk.bar("10:05", "499.40 499.40 499.40 499.40")
    desk.turn_at("10:10")
    assert (desk.kept(name).state, desk.position().average_price) == (OrderState.FILLED, D("499.40"))
    replayed(desk)


def test_modifications_add_up(desk, scripted):
    """The next modification goes on from the one that has not been answered."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", limit_price=D("499.50"))
    desk.service.turn()  # asks the broker
    assert desk.service.request_modify(name, "ada", quantity=D(150)) == Terms(D(150), D("499.50"))
    desk.service.turn()
    desk.service.turn()
    assert (desk.kept(name).order.terms, desk.kept(name).modification) == (Terms(D(150), D("499.50")), None)
    assert desk.service.request_modify(name, "ada", limit_price=D("499")) == Terms(D(150), D("499"))  # and back
    replayed(desk)


def test_a_modification_of_a_partly_filled_order_keeps_its_fills(desk):
    desk.bar("10:00", "500 500 500 500", volume=500)  # of which an order has 25 to 50
    name = desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    some = desk.kept(name).filled
    desk.service.request_modify(name, "ada", quantity=D(150))
    desk.service.turn()
    desk.turn_at("10:03")
    assert 25 <= some <= 50
    assert (desk.kept(name).state, desk.kept(name).filled, desk.position().quantity) == (OrderState.FILLED, 150, 150)


def test_an_order_that_was_not_sent_is_sent_as_modified(desk, scripted):
    desk.service.submit(desk.order("BUY", 100, limit="499", name="first"))
    desk.service.request_modify("first", "ada", quantity=D(60), limit_price=D("498"))
    assert desk.history("first") == [("MODIFY", "PENDING")]
    desk.service.turn()
    (resting,) = scripted.simulated.book().orders
    assert (resting.terms, scripted.modified) == (Terms(D(60), D("498")), [])


def test_an_order_is_sent_as_it_is_when_it_is_marked(desk, scripted, monkeypatch):
    """A modification may come between the look at what is to be sent and the mark."""
    desk.service.submit(desk.order("BUY", 100, limit="499", name="first"))
    within, late = type(desk.store).within, [True]

    def modifying(store, work):
        if late.pop() if late else False:
            desk.service.request_modify("first", "ada", quantity=D(60))
        return within(store, work)

    monkeypatch.setattr(type(desk.store), "within", modifying)
    desk.service.turn()
    assert [one.terms.quantity for one in scripted.simulated.book().orders] == [60]


def test_a_modification_that_the_broker_refuses_leaves_the_order_as_it_was(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    scripted.refuses = "201: margin"
    desk.service.turn()
    desk.service.turn()
    kept = desk.kept(name)
    assert (kept.state, kept.order.quantity, kept.modification) == (OrderState.ACCEPTED, 100, None)
    assert desk.said[-1] == f"{name} MODIFY_REFUSED 200 shares, limit 499 → ACCEPTED: 201: margin"
    scripted.refuses = None
    desk.service.request_modify(name, "ada", quantity=D(200))  # the same again is another question
    desk.service.turn()
    desk.service.turn()
    assert desk.kept(name).order.quantity == 200
    replayed(desk)


def test_a_modification_that_comes_too_late_for_the_fills_is_refused(desk):
    name = desk.sent(desk.order("BUY", 100))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(150))
    desk.at("10:01")  # the bar was faster: the broker, asked to modify, fills first
    desk.service.turn()
    desk.service.turn()
    assert (desk.kept(name).state, desk.position().quantity) == (OrderState.FILLED, 100)
    with pytest.raises(OrderRefused, match=f"{name} is FILLED: there is nothing to modify"):
        desk.service.request_modify(name, "ada", quantity=D(200))


@pytest.mark.parametrize(
    ("changed", "refusal", "said"),
    [
        ({"quantity": D(100)}, OrderRefused, "order-1 asks for 100 shares already: there is nothing to modify"),
        ({"quantity": D(40)}, OrderRefused, "40 shares are filled, so 40 cannot be ordered; cancel the rest"),
        ({"limit_price": D(500)}, OrderInvalid, "A MARKET order has no limit price; 500 was given"),
        ({"quantity": D("1.5")}, OrderInvalid, "The quantity 1.5 is not allowed"),
        ({"quantity": D(2_000)}, OrderRefused, r"it could make 2000 shares of NVDA, and 1000 are allowed"),
    ],
)
def test_a_modification_that_cannot_be_is_refused_and_not_stored(desk, changed, refusal, said):
    desk.bar("10:00", "500 500 500 500", volume=500)  # 40 of which are this order's
    name = desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    assert desk.kept(name).filled == 40
    before = desk.history(name)
    with pytest.raises(refusal, match=said):
        desk.service.request_modify(name, "ada", **changed)
    assert desk.history(name) == before
    with pytest.raises(UnknownOrder, match="There is no order nobody-s"):
        desk.service.request_modify("nobody-s", "ada", **changed)


def test_an_order_that_is_to_be_cancelled_is_not_modified(desk, monkeypatch, scripted):
    monkeypatch.setattr(scripted, "cancel", lambda name: None, raising=False)
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_cancel(name, "ada")
    with pytest.raises(OrderRefused, match="PENDING_CANCEL allows no MODIFY_REQUEST"):
        desk.service.request_modify(name, "ada", quantity=D(50))


def test_a_modification_is_no_order_and_counts_as_what_it_may_come_to(desk):
    desk.limits(orders_per_minute=2, position_shares=100)
    name = desk.sent(desk.order("BUY", 40, limit="499"))
    desk.sent(desk.order("BUY", 50, limit="499"))
    desk.service.connect()
    desk.service.request_modify(name, "ada", quantity=D(50))  # neither too many orders, nor the same again
    with pytest.raises(OrderRefused, match="it could make 101 shares"):
        desk.service.request_modify(name, "ada", quantity=D(51))
    desk.limits(orders_per_minute=9, position_shares=100)
    with pytest.raises(OrderRefused, match="it could make 101 shares"):  # what is asked for is on order
        desk.service.submit(desk.order("BUY", 1, limit="499"))


def test_what_is_filled_of_a_modified_order_is_held_and_not_on_order_any_more(desk):
    desk.limits(position_shares=100)
    desk.service.connect()
    desk.bar("10:00", "500 500 500 500", volume=500)
    name = desk.sent(desk.order("BUY", 60))
    desk.turn_at("10:01")
    assert 25 <= desk.kept(name).filled <= 50
    desk.service.request_modify(name, "ada", quantity=D(100))
    with pytest.raises(OrderRefused, match="it could make 101 shares"):
        desk.service.request_modify(name, "ada", quantity=D(101))


def test_what_was_halted_is_neither_modified_nor_is_a_modification_sent(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    halted(desk, "NVDA")
    desk.service.turn()
    assert scripted.modified == []
    assert desk.said[-1].endswith(
        "MODIFY_REFUSED 200 shares, limit 499 → ACCEPTED: halted by ada before it was sent (to look)"
    )
    with pytest.raises(OrderRefused, match="NVDA has been halted"):
        desk.service.request_modify(name, "ada", quantity=D(50))


def test_a_modification_that_is_too_old_is_not_sent(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    desk.turn_at("10:00:30.000001")
    assert (scripted.modified, desk.kept(name).modification) == ([], None)
    assert desk.events(name)[-1].event.said == "not sent within 30 s (intent_seconds)"


def test_a_modification_that_the_broker_never_got_is_asked_for_again(desk, scripted):
    """By this process once its book shows the old terms, and by the next one."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    scripted.loses = True
    for _ in range(2):
        desk.service.turn()
    assert scripted.modified == [200]
    desk.service.reconcile()
    desk.service.turn()
    assert scripted.modified == [200] * 2
    desk.restart(Scripted)
    desk.service.connect()
    for _ in range(2):
        desk.service.turn()
    assert (desk.kept(name).order.quantity, desk.kept(name).modification) == (200, None)


def test_a_modification_whose_answer_was_lost_is_found_in_the_book_and_not_asked_for_again(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    desk.service.turn()
    assert scripted.modified == [200]
    desk.restart(Scripted)
    desk.service.connect()
    desk.service.turn()
    assert (desk.kept(name).order.quantity, desk.kept(name).modification) == (200, None)
    assert desk.service.broker.modified == []


def test_a_modification_of_which_nobody_knows_whether_it_arrived_is_asked_about(desk, scripted, monkeypatch):
    def unclear(order):
        raise SubmitUnclear("cut")

    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(200))
    monkeypatch.setattr(scripted, "modify", unclear)
    with pytest.raises(BrokerUnreachable, match=f"Whether {name} arrived is not known"):
        desk.service.turn()


class Forgetful(Scripted):
    """As IB, it does not say what an order stood with that has ended."""

    def events(self, timeout: float) -> list[BrokerEvent]:
        return [self._known(one) for one in super().events(timeout)]

    def book(self) -> BrokerBook:
        book = super().book()
        return replace(book, orders=tuple(map(self._known, book.orders)))

    def _known(self, told: BrokerEvent) -> BrokerEvent:
        ended = isinstance(told, OrderReport) and told.state.ended
        return replace(told, terms=None) if ended else told


@pytest.mark.parametrize(("asked", "filled"), [(150, 150), (60, 60), (150, 100), (60, 100)])
def test_an_order_that_was_filled_while_nobody_listened_is_filled_whether_it_was_modified_or_not(desk, asked, filled):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(asked))
    if filled == asked:  # it was taken
        desk.broker.modify(replace(desk.kept(name).order, quantity=D(asked)))
    desk.bar("10:05", "498 498 498 498")
    desk.restart(Forgetful)
    desk.at("10:10")
    desk.service.connect()
    assert (desk.kept(name).state, desk.kept(name).filled) == (OrderState.FILLED, filled)
    assert desk.position().quantity == filled
    replayed(desk)


def ended_there(desk: OrderDesk, name: str, filled: int, ending: OrderState) -> None:
    """Another process, to which the broker says how the order ended, and nothing of its terms."""
    desk.restart(Forgetful)
    desk.broker.events(0)
    told = replace(
        desk.broker.book(),
        orders=(OrderReport(name, ending, desk.clock(), D(filled)),),
        fills=(fill_of(desk, name, "9001", filled),),
        positions=(HeldPosition("NVDA", D(filled), D(499)),),
    )
    desk.service.broker.book = lambda: told
    desk.service.connect()


@pytest.mark.parametrize("later", [(), (50,), (50, 99)])
@pytest.mark.parametrize(
    ("taken", "filled", "ending", "ends"),
    [
        (150, 150, OrderState.FILLED, OrderState.FILLED),
        (60, 60, OrderState.FILLED, OrderState.FILLED),
        (150, 145, OrderState.CANCELLED, OrderState.CANCELLED),
        (150, 100, OrderState.CANCELLED, OrderState.CANCELLED),
        (150, 149, OrderState.FILLED, OrderState.CANCELLED),  # a share was taken back
    ],
)
def test_fills_show_what_the_broker_had_taken_of_all_that_was_asked_for(desk, taken, filled, ending, ends, later):
    """Nobody heard that it had, and other terms were asked for, which it never got."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    for quantity in (taken, *later):
        desk.service.request_modify(name, "ada", quantity=D(quantity))
    for _ in range(2):  # the second time it is no news
        ended_there(desk, name, filled, ending)
        kept = desk.kept(name)
        assert (kept.state, kept.filled, kept.order.quantity) == (ends, filled, taken)
        assert (kept.modification is None) is (later == ())
    assert [str(one.event.kind) for one in desk.events(name)].count("MODIFY") == 1
    replayed(desk)


def test_terms_that_no_fill_shows_are_not_taken_for_those_of_an_order_that_ended(desk):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_modify(name, "ada", quantity=D(150))
    ended_there(desk, name, 50, OrderState.CANCELLED)
    kept = desk.kept(name)
    assert (kept.state, kept.filled, kept.order.quantity) == (OrderState.CANCELLED, 50, 100)


def test_an_order_that_a_person_modifies_in_tws_stands_as_it_is_there(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    terms = Terms(D(70), D("498.50"))
    scripted.says = [OrderReport(name, OrderState.ACCEPTED, desk.clock(), terms=terms)]
    desk.service.turn()
    assert (desk.kept(name).order.terms, scripted.modified) == (terms, [])
    replayed(desk)


def test_a_modification_whose_commit_was_not_heard_is_made_once_and_not_refused(desk, monkeypatch):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    with cut_after_the_commit(monkeypatch, 1):
        assert desk.service.request_modify(name, "ada", quantity=D(50)) == Terms(D(50), D("499"))
    assert desk.history(name)[-1] == ("MODIFY_REQUEST", "ACCEPTED")


def test_an_order_of_nobody_cannot_be_cancelled(desk):
    with pytest.raises(UnknownOrder, match="There is no order nobody-s"):
        desk.service.request_cancel("nobody-s", "ada")


def test_reject(desk, scripted):
    """The broker's word; a limit of ours refuses before anything is stored."""
    scripted.fails = [(False, None)]
    name = desk.sent(desk.order("BUY", 100))
    scripted.says = [OrderReport(name, OrderState.REJECTED, desk.clock(), said="201 no margin")]
    desk.service.turn()
    assert desk.kept(name).state is OrderState.REJECTED
    assert desk.events(name)[-1].event.said == "201 no margin"
    assert desk.position().quantity == 0
    with pytest.raises(OrderRefused, match="5000 shares of NVDA, and 1000 are allowed"):
        desk.service.submit(desk.order("BUY", 5000, name="too-large"))
    with pytest.raises(UnknownOrder):
        desk.kept("too-large")


def test_expire(desk):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.turn_at("15:59:59")
    assert desk.kept(name).state is OrderState.ACCEPTED
    desk.turn_at("16:00")
    assert desk.history(name)[-1] == ("EXPIRE", "EXPIRED")
    assert desk.events(name)[-1].event.said == "the session closed"


def test_profit_and_loss(desk):
    """100 bought at 500, 40 of them sold at 510, two dollars of commission; the rest is worth 505."""
    desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    desk.bar("10:01", "510 510 510 510")
    desk.sent(desk.order("SELL", 40))
    desk.turn_at("10:02")
    desk.bar("10:02", "505 505 505 505")
    desk.at("10:03")
    position = desk.position()
    assert (position.quantity, position.average_price, position.cost_basis) == (60, 500, 30_000)
    assert (position.realized_pnl, position.commissions) == (40 * 10 - 2, 2)
    assert (position.last_price, position.priced_at) == (505, new_york("10:02"))
    assert (position.market_value, position.unrealized_pnl) == (60 * 505, 60 * 5)


def test_summary(desk):
    """The same, and 50 MSFT sold short at 200 that cost 190 now."""
    test_profit_and_loss(desk)
    desk.sent(desk.order("SELL", 50, "MSFT"))
    desk.turn_at("10:04")
    desk.bar("10:04", "190 190 190 190", symbol="MSFT")
    desk.at("10:05")
    lines = desk.store.read(lambda account: account.ledger())
    ledger = Ledger(lines)
    summary = summarise([desk.position("NVDA"), desk.position("MSFT")], ledger.trades(), ledger.fills())
    assert summary.open_positions == 2
    assert summary.exposure.by_symbol == {"NVDA": 60 * 500, "MSFT": -50 * 190}
    assert (summary.exposure.gross, summary.exposure.net) == (39_500, 20_500)
    assert summary.profit_and_loss.realized == 398 - 1
    assert summary.profit_and_loss.unrealized == 0 + 50 * 10
    assert summary.turnover.total == 50_000 + 20_400 + 10_000
    assert (summary.statistics.trades, summary.statistics.wins) == (1, 1)


# What is sent, and what is not


def test_an_intent_that_is_too_old_is_not_sent(desk, scripted):
    desk.service.submit(desk.order("BUY", 100, name="old"))
    desk.turn_at("10:00:30.000001")
    assert desk.kept("old").state is OrderState.REJECTED
    assert desk.events("old")[-1].event.said == "not sent within 30 s (intent_seconds)"
    desk.service.submit(desk.order("BUY", 100, name="in-time"))
    desk.clock.stands += timedelta(seconds=30)
    desk.service.turn()
    assert scripted.placed == ["in-time"]


def test_an_intent_that_the_close_overtakes_is_not_sent(desk, scripted):
    """A broker would keep it for the next session."""
    desk.at("15:59:59")
    desk.service.submit(desk.order("BUY", 100, name="late"))
    desk.turn_at("16:00")
    assert (desk.kept("late").state, scripted.placed) == (OrderState.REJECTED, [])
    assert desk.events("late")[-1].event.said == "the exchange closed before it was sent"


def test_an_order_that_works_although_it_ended_here_halts_its_symbol(desk, scripted):
    """As one that the broker only came to read once it had said that it has none: no limit counts it."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    ended, works = (OrderReport(name, state, desk.clock()) for state in (OrderState.CANCELLED, OrderState.ACCEPTED))
    scripted.says = [ended, works]
    desk.service.turn()
    with pytest.raises(OrderRefused, match=f"NVDA has been halted since .* by oms .{name}: CANCELLED allows no ACCEPT"):
        desk.service.submit(desk.order("BUY", 1))


def test_a_cancel_that_the_broker_never_got_is_asked_for_again(desk, scripted, monkeypatch):
    """Its book says that the order works, and nothing of a cancel."""
    asked: list[str] = []
    monkeypatch.setattr(scripted, "cancel", asked.append, raising=False)
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.request_cancel(name, "ada")
    for _ in range(2):
        desk.service.turn()
    assert asked == [name]
    desk.service.reconcile()
    desk.service.turn()
    assert asked == [name] * 2


def test_what_was_halted_between_the_intent_and_the_sending_is_not_sent(desk, scripted):
    desk.service.submit(desk.order("BUY", 100, name="first"))
    halted(desk, None)
    desk.service.turn()
    assert desk.kept("first").state is OrderState.REJECTED
    assert desk.events("first")[-1].event.said == "halted by ada before it was sent (to look)"
    assert scripted.placed == []


def halted(desk: OrderDesk, symbol: str | None, say: bool = True) -> None:
    desk.store.within(lambda account: account.say_halted(symbol, "ada", "to look", halted=say))


def test_halt_and_resume(desk):
    halted(desk, "NVDA")
    with pytest.raises(OrderRefused, match=r"NVDA has been halted since .* by ada \(to look\)"):
        desk.service.submit(desk.order("BUY", 100))
    desk.service.submit(desk.order("BUY", 100, "MSFT"))
    halted(desk, None)
    with pytest.raises(OrderRefused, match="all trading has been halted"):
        desk.service.submit(desk.order("BUY", 50, "MSFT"))
    halted(desk, None, say=False)
    with pytest.raises(OrderRefused, match="NVDA has been halted"):  # its own halt stands
        desk.service.submit(desk.order("BUY", 100))
    halted(desk, "NVDA", say=False)
    desk.service.submit(desk.order("BUY", 100))


def test_a_halt_leaves_what_works_at_the_broker(desk):
    name = desk.sent(desk.order("BUY", 100))
    halted(desk, None)
    desk.turn_at("10:01")
    assert desk.kept(name).state is OrderState.FILLED
    assert desk.position().quantity == 100


def test_the_same_order_twice_within_seconds_is_taken_for_a_slip(desk):
    desk.service.submit(desk.order("BUY", 100, name="first"))
    desk.at("10:00:09")
    with pytest.raises(OrderRefused, match="first asked for the same less than 10 s ago"):
        desk.service.submit(desk.order("BUY", 100))
    desk.service.submit(desk.order("BUY", 101))
    desk.at("10:00:10")
    desk.service.submit(desk.order("BUY", 100))


def test_more_orders_than_allowed_in_a_minute(desk):
    desk.limits(orders_per_minute=3)
    for quantity in (1, 2, 3):
        desk.service.submit(desk.order("BUY", quantity))
    with pytest.raises(OrderRefused, match="3 orders were made in the last minute"):
        desk.service.submit(desk.order("BUY", 4))
    desk.at("10:01")
    desk.service.submit(desk.order("BUY", 4))


def test_what_is_on_order_counts_before_it_is_filled_and_no_more_once_it_has_ended(desk):
    desk.limits(position_shares=100)
    name = desk.sent(desk.order("BUY", 60, limit="490"))
    desk.service.turn()
    with pytest.raises(OrderRefused, match="it could make 101 shares"):
        desk.service.submit(desk.order("BUY", 41, limit="490"))
    desk.service.request_cancel(name, "ada")
    desk.service.turn()
    desk.service.turn()
    desk.service.submit(desk.order("BUY", 100, limit="490"))


def test_two_processes_that_make_orders_at_once_stay_within_the_limit_together(desk):
    desk.limits(position_shares=100)
    orders = [desk.order("BUY", 30 + one) for one in range(6)]
    passed: list[D] = []

    def make(order: Order) -> None:
        try:
            desk.service.submit(order)
            passed.append(order.quantity)
        except OrderRefused:
            pass

    threads = [threading.Thread(target=make, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(passed) in (2, 3)
    assert sum(passed) <= 100
    assert {kept.order.quantity for kept in open_orders(desk)} == set(passed)


def open_orders(desk: OrderDesk) -> list:
    return desk.store.read(lambda account: account.open_orders())


def test_outside_of_the_session_nothing_is_ordered(desk):
    for clock, day in (
        ("09:29:59", "2020-12-01"),
        ("16:00", "2020-12-01"),
        ("12:00", "2020-12-05"),
        ("12:00", "2199-01-01"),
    ):
        desk.at(clock, day)
        with pytest.raises(OrderRefused, match="the exchange is closed"):
            desk.service.submit(desk.order("BUY", 100))


def test_stale_data_stop_an_order(desk):
    desk.execute("DELETE FROM market_data WHERE \"timestamp\" >= '2020-12-01 14:57+00'")  # the last ends at 9:57
    desk.service.submit(desk.order("BUY", 100))
    desk.at("10:00:01")
    with pytest.raises(OrderRefused, match=r"ended 181 s ago, more than 180 \(data_age_seconds\)"):
        desk.service.submit(desk.order("BUY", 50))


# Nothing is sent twice, nothing is lost


def test_nobody_sends_twice(desk):
    """Two processes that both believe that they drive the account."""
    desk.service.submit(desk.order("BUY", 100, name="first"))
    desk.restart(Scripted)
    one = desk.service
    desk.restart(Scripted)
    one.link = desk.service.link = Link.RESTORED

    def turn(service: OrderService) -> None:
        with suppress(BrokerUnreachable):  # found marked by the other one
            service.turn()

    threads = [threading.Thread(target=turn, args=[service]) for service in (one, desk.service)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [*one.broker.placed, *desk.service.broker.placed] == ["first"]


def test_an_order_of_which_nobody_knows_whether_it_arrived_is_asked_about_and_not_sent_again(desk, scripted):
    scripted.fails = [(True, SubmitUnclear("cut")), (False, SubmitUnclear("cut"))]
    for name, order in (
        ("arrived", desk.order("BUY", 100, name="arrived")),
        ("lost", desk.order("BUY", 50, name="lost")),
    ):
        desk.service.submit(order)
        with pytest.raises(BrokerUnreachable, match=f"Whether {name} arrived is not known"):
            desk.service.turn()
        assert desk.kept(name).state is OrderState.SUBMITTED
    desk.service.connect()
    assert desk.kept("arrived").state is OrderState.ACCEPTED
    assert desk.kept("lost").state is OrderState.CANCELLED
    assert desk.events("lost")[-1].event.said == "the broker was asked and does not have it"
    desk.turn_at("10:01")
    assert desk.kept("arrived").state is OrderState.FILLED
    assert scripted.placed == ["arrived", "lost"]


def test_a_process_that_dies_before_it_sends_leaves_the_intent_to_the_next_one(desk):
    desk.service.submit(desk.order("BUY", 100, name="first"))
    desk.restart()
    desk.at("10:00:20")
    desk.service.connect()
    desk.service.turn()
    desk.turn_at("10:02")
    assert desk.kept("first").state is OrderState.FILLED


def test_fills_of_while_nobody_listened_are_swept_in(desk):
    name = desk.sent(desk.order("BUY", 100))
    desk.at("10:30")
    desk.restart()
    desk.service.connect()
    assert desk.kept(name).state is OrderState.FILLED
    assert (desk.position().quantity, desk.position().commissions) == (100, 1)


def test_a_day_order_that_the_broker_forgot_after_its_session_is_expired(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.execute("DELETE FROM simulated_orders")
    desk.at("16:00")
    desk.service.connect()
    assert desk.kept(name).state is OrderState.EXPIRED


@contextmanager
def cut_after_the_commit(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """The line breaks after the block's commit of that number, so that nobody knows whether it was done."""
    commit, left = psycopg.Connection.commit, [number]

    def cut(connection: psycopg.Connection) -> None:
        commit(connection)
        left[0] -= 1
        if left[0] == 0:
            raise psycopg.OperationalError("the line was cut")

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "commit", cut)
        yield
    assert left[0] <= 0


def test_a_partly_filled_day_order_that_the_broker_forgot_is_expired_too(desk, scripted):
    """Its fills are still told of; before the close they would mean that it works."""
    for clock, volume in (("10:00", 500), ("10:01", 0)):
        desk.bar(clock, "500 500 500 500", volume)
    name = desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    desk.execute("DELETE FROM simulated_orders")
    desk.service.connect()
    assert desk.kept(name).state is OrderState.PARTIALLY_FILLED
    desk.at("16:00")
    desk.service.connect()
    assert desk.kept(name).state is OrderState.EXPIRED
    assert desk.position().quantity == desk.kept(name).filled > 0


def test_a_submit_whose_commit_was_not_heard_is_made_once_and_not_refused(desk, monkeypatch):
    """It is tried again, and must not take its own first attempt for somebody else's order."""
    with cut_after_the_commit(monkeypatch, 1):
        desk.service.submit(desk.order("BUY", 100, name="first"))
    assert [kept.order.client_order_id for kept in open_orders(desk)] == ["first"]
    desk.at("10:00:20")
    with pytest.raises(OrderRefused, match="There is an order first already"):
        desk.service.submit(desk.order("BUY", 100, name="first"))


def test_a_mark_whose_commit_was_not_heard_is_asked_about(desk, monkeypatch, scripted):
    """Whether it was sent is not known any more: as if the sending had been unclear."""
    desk.service.submit(desk.order("BUY", 100, name="first"))
    with cut_after_the_commit(monkeypatch, 3), pytest.raises(BrokerUnreachable, match="first"):
        desk.service.turn()  # commits that the broker was asked, that orders were read, that one is marked
    desk.service.connect()
    assert desk.kept("first").state is OrderState.CANCELLED
    assert scripted.placed == []


def test_a_cancel_whose_commit_was_not_heard_is_told(desk, monkeypatch):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    desk.service.turn()
    desk.service.request_cancel(name, "ada")
    with cut_after_the_commit(monkeypatch, 3):
        desk.service.turn()  # commits that the broker was asked, that orders were read, that one is cancelled there
    desk.service.turn()
    assert desk.kept(name).state is OrderState.CANCELLED


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("kept", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("at", range(12))
def test_killed_at_any_commit_nothing_is_lost_or_doubled(desk, monkeypatch, at, kept):
    """Whatever the last thing was that reached the disk, the next process comes to the same books."""
    desk.service.submit(desk.order("BUY", 100, name="first"))
    commit, left = psycopg.Connection.commit, [at]

    def killing(connection: psycopg.Connection) -> None:
        left[0] -= 1
        if left[0] == -1 and not kept:
            raise Killed
        commit(connection)
        if left[0] == -1:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "commit", killing)
        try:
            for clock in ("10:00:10", "10:01", "10:01:10"):
                desk.turn_at(clock)
        except Killed:
            pass
    desk.restart()
    desk.clock.stands = max(desk.clock.stands, new_york("10:00:20"))
    desk.service.connect()
    desk.service.turn()
    desk.turn_at("10:05")
    order, position = desk.kept("first"), desk.position()
    theirs = {one.symbol: one.quantity for one in desk.broker.book().positions}
    assert order.state in (OrderState.FILLED, OrderState.CANCELLED)  # marked, not sent, asked about
    assert position.quantity == order.filled == theirs.get("NVDA", 0)
    assert position.quantity == (100 if order.state is OrderState.FILLED else 0)
    assert len(desk.broker.book().orders) <= 1
    assert desk.rows("SELECT count(*) FROM reconciliations WHERE ours <> theirs") == [(0,)]
    replayed(desk)


def replayed(desk: OrderDesk) -> None:
    """Hold the state of every order to what its events amount to."""
    for kept in desk.store.read(lambda account: account.orders(1000)):
        progress = replay(kept.first, [one.event for one in desk.events(kept.order.client_order_id)])
        assert (progress.state, progress.filled, progress.order) == (kept.state, kept.filled, kept.order)
        assert progress.wanted == (kept.modification.terms if kept.modification else None)


def test_the_state_of_every_order_is_what_its_events_amount_to(desk, scripted):
    desk.bar("10:00", "500 500 500 500", volume=500)
    filled = desk.sent(desk.order("BUY", 100))
    waits = desk.sent(desk.order("BUY", 50, limit="499"))
    cancelled = desk.sent(desk.order("SELL", 10, limit="505"))
    desk.service.turn()
    desk.service.request_cancel(cancelled, "ada")
    desk.turn_at("10:01")
    replayed(desk)
    scripted.says = [
        fill_of(desk, waits, "9001", 60),  # more than was ordered
        OrderReport(waits, OrderState.ACCEPTED, desk.clock(), said="399 at the open"),
        OrderReport(filled, OrderState.CANCELLED, desk.clock()),
    ]
    desk.turn_at("10:02")
    replayed(desk)
    states = {kept.order.client_order_id: kept.state.value for kept in desk.store.read(lambda a: a.orders(9))}
    assert states[cancelled] == "CANCELLED"
    desk.turn_at("16:00")
    replayed(desk)


def fill_of(desk: OrderDesk, name: str, number: str, quantity: int, revision: int = 1) -> Fill:
    at = desk.clock()
    return Fill(f"x.{number}.{revision:02}", "SIMULATED", "NVDA", Side.BUY, D(quantity), D(500), at, name)


def test_an_overfill_is_in_the_ledger_quarantined_for_the_order_and_halts_the_symbol(desk, scripted):
    name = desk.sent(desk.order("BUY", 50, limit="499"))
    scripted.says = [fill_of(desk, name, "9001", 60)]
    desk.service.turn()
    assert desk.position().quantity == 60  # the money is true, whatever the order allows
    assert desk.kept(name).filled == 0
    reason = "Overfill: 60 shares would be filled, 50 were ordered."
    assert [one.reason for one in desk.events(name) if one.reason] == [reason]
    with pytest.raises(OrderRefused, match=r"NVDA has been halted since .* by oms"):
        desk.service.submit(desk.order("BUY", 1))
    assert any("NVDA is halted" in line for line in desk.said)


def test_a_fill_that_is_told_again_and_a_correction_of_it(desk, scripted):
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    scripted.says = [fill_of(desk, name, "1", 60), fill_of(desk, name, "1", 60)]
    desk.service.turn()
    assert (desk.kept(name).filled, desk.position().quantity) == (60, 60)
    scripted.says = [fill_of(desk, name, "1", 40, revision=2), fill_of(desk, name, "1", 60)]
    desk.service.turn()
    assert (desk.kept(name).filled, desk.position().quantity) == (40, 40)
    assert desk.rows("SELECT count(*) FROM fills") == [(2,)]


def test_a_fill_of_an_order_that_is_not_ours_is_in_the_ledger(desk, scripted):
    scripted.says = [replace(fill_of(desk, "", "7", 5), client_order_id=None)]
    desk.service.turn()
    assert desk.position().quantity == 5
    assert "BUY 5 NVDA at 500, of an order that is not ours" in desk.said


def test_while_the_brokers_own_link_is_lost_nothing_is_sent(desk, scripted):
    scripted.says = [LinkChanged(Link.LOST, desk.clock(), "1100")]
    desk.service.turn()
    desk.service.submit(desk.order("BUY", 100, name="first"))
    desk.service.turn()
    assert scripted.placed == []
    scripted.says = [LinkChanged(Link.RESTORED, desk.clock(), "1102")]
    desk.service.turn()
    assert scripted.placed == ["first"]


def test_what_happened_while_the_link_was_lost_is_asked_for_however_short_that_was(desk, scripted):
    scripted.says = [LinkChanged(Link.LOST, desk.clock(), "1100"), LinkChanged(Link.RESTORED, desk.clock(), "1102")]
    scripted.holds = [HeldPosition("NVDA", D(30), D(480))]
    desk.service.turn()
    assert [halt.symbol for halt in desk.store.read(lambda account: account.halts())] == ["NVDA"]


def test_a_link_that_is_lost_while_connecting_is_lost(desk, scripted):
    scripted.says = [LinkChanged(Link.LOST, desk.clock(), "2110")]
    desk.service.connect()
    desk.service.submit(desk.order("BUY", 100))
    desk.service.turn()
    assert (desk.service.link, scripted.placed) == (Link.LOST, [])


def test_an_order_that_was_rejected_after_a_part_was_filled_ends(desk, scripted, monkeypatch):
    """The rejection itself may be one of a modification; that the broker has it no more says the book."""
    name = desk.sent(desk.order("BUY", 100, limit="499"))
    rejected = OrderReport(name, OrderState.REJECTED, desk.clock(), said="201: margin")
    scripted.says = [fill_of(desk, name, "1", 60), rejected]
    desk.service.turn()
    assert desk.kept(name).state is OrderState.PARTIALLY_FILLED
    held = (HeldPosition("NVDA", D(60), D(500)),)
    book = replace(scripted.simulated.book(), orders=(rejected,), positions=held)
    monkeypatch.setattr(Scripted, "book", lambda _: book)
    desk.service.connect()
    assert (desk.kept(name).state, desk.kept(name).filled) == (OrderState.CANCELLED, 60)
    assert desk.events(name)[-1].event.said == "the broker says REJECTED"


def test_a_broker_of_another_account_is_not_listened_to(desk):
    """As when a paper account is made anew, under another number."""
    desk.restart(lambda simulated: replace(simulated, books=SimulatedBookStore(desk.server, "SIM-OTHER")))
    with pytest.raises(BrokerRefused, match=r"trades SI\*\*\*ER, and the orders are those of SI\*\*\*ED"):
        desk.service.connect()


# Positions


def test_current_positions_are_there_from_the_start(order_desk):
    query = "SELECT account, symbol, qty, avg_price, market_value, unrealized_pnl FROM current_positions ORDER BY id"
    assert order_desk.rows(query) == [("SIMULATED", "NVDA", 0, 0, 0, 0), ("SIMULATED", "MSFT", 0, 0, 0, 0)]


def test_current_positions_are_kept_with_the_fill_in_one_transaction(desk, monkeypatch):
    name = desk.sent(desk.order("BUY", 100))
    desk.at("10:01")

    def stored() -> list[tuple[object, ...]]:
        return desk.rows(
            "SELECT (SELECT count(*) FROM fills), (SELECT count(*) FROM fill_commissions), qty, avg_price, cost_basis, "
            "commissions, market_value, unrealized_pnl, last_price, priced_at FROM current_positions "
            "WHERE symbol = 'NVDA'"
        )

    def full(account: AccountTransaction, position: object) -> None:
        raise DatabaseFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(AccountTransaction, "keep_position", full)
        with pytest.raises(DatabaseError):
            desk.service.turn()
    assert stored() == [(0, 0, 0, 0, 0, 0, 0, 0, None, None)]
    assert desk.kept(name).state is OrderState.SUBMITTED
    desk.service.turn()  # what was told is not forgotten
    assert stored() == [(1, 1, 100, 500, 50_000, 1, 50_000, 0, 500, new_york("10:00"))]
    assert desk.kept(name).state is OrderState.FILLED


def test_the_kept_position_is_the_fold_of_the_ledger(desk):
    for clock, side, quantity, price in (
        ("10:00", "BUY", 100, "500"),
        ("10:01", "BUY", 50, "503"),
        ("10:02", "SELL", 120, "501"),
        ("10:03", "SELL", 80, "499"),
    ):
        desk.bar(clock, f"{price} {price} {price} {price}")
        desk.turn_at(clock)
        desk.sent(desk.order(side, quantity))
    desk.turn_at("10:04")
    kept = desk.position()
    # 100 at 500 and 50 at 503, less 120 at 501 (100 * 1 - 20 * 2), less 30 at 499 (-30 * 4); 50 short at 499; 4 orders.
    assert (kept.quantity, kept.average_price, kept.realized_pnl) == (-50, 499, 100 - 40 - 120 - 4)


@pytest.mark.parametrize("change", ["UPDATE {} SET account = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_happened_cannot_be_changed(order_desk, table, change):
    column = "reason" if table == "order_events" else "account"
    with pytest.raises(psycopg.errors.RaiseException, match=table):
        order_desk.execute(change.format(table).replace("account", column))


def test_an_order_that_has_a_history_cannot_go(desk):
    desk.sent(desk.order("BUY", 100))
    for statement in ("DELETE FROM orders", "TRUNCATE orders", "TRUNCATE orders CASCADE"):
        with pytest.raises(psycopg.Error):
            desk.execute(statement)


# Whether the broker agrees


def test_books_that_agree(desk):
    desk.sent(desk.order("BUY", 100))
    desk.turn_at("10:01")
    assert [(one.symbol, one.ours, one.theirs) for one in desk.service.reconcile()] == [
        ("MSFT", 0, 0),
        ("NVDA", 100, 100),
    ]
    assert desk.store.read(lambda account: account.halts()) == []


def test_fills_that_come_while_the_books_are_compared_are_no_drift(desk, scripted, monkeypatch):
    """The positions were asked before the last fill came, three times in a row."""
    ours, moving = scripted.simulated, [1, 2, 3]

    def book(_: Scripted) -> BrokerBook:
        held = desk.position().quantity
        if moving:
            scripted.says = [replace(fill_of(desk, "", str(moving.pop()), 5), client_order_id=None)]
        return replace(ours.book(), positions=(HeldPosition("NVDA", held, D(500)),))

    monkeypatch.setattr(Scripted, "book", book)
    assert [one.drift for one in desk.service.reconcile()] == [0, 0]
    assert desk.store.read(lambda account: account.halts()) == []


def test_a_drift_halts_the_symbol_until_it_is_adopted(desk, scripted):
    scripted.holds = [HeldPosition("NVDA", D(30), D(480))]
    desk.service.reconcile()
    with pytest.raises(OrderRefused, match=r"NVDA .* by oms \(drift of 30: NVDA: 0 by our ledger, 30 at the broker\)"):
        desk.service.submit(desk.order("BUY", 1))
    desk.service.submit(desk.order("BUY", 1, "MSFT"))
    line = adopt(desk.service, "NVDA", "ada", "bought by hand")
    assert (line.quantity, line.price, line.who, line.why) == (30, 500, "ada", "bought by hand")
    assert (desk.position().quantity, desk.position().cost_basis) == (30, 15_000)
    assert desk.rows("SELECT symbol, quantity, price, who, why FROM position_adoptions") == [
        ("NVDA", 30, 500, "ada", "bought by hand")
    ]
    desk.service.submit(desk.order("BUY", 1))
    with pytest.raises(OrderRefused, match="NVDA does not differ from what the broker said last"):
        adopt(desk.service, "NVDA", "ada", "again")


def test_to_adopt_does_not_end_the_halt_of_a_person(desk, scripted):
    desk.store.within(lambda account: account.say_halted("NVDA", "ada", "earnings", halted=True))
    scripted.holds = [HeldPosition("NVDA", D(30), D(480))]
    desk.service.reconcile()
    adopt(desk.service, "NVDA", "bob", "bought by hand")
    with pytest.raises(OrderRefused, match=r"NVDA has been halted since .* by ada \(earnings\)"):
        desk.service.submit(desk.order("BUY", 1))


def test_a_drift_is_adopted_at_the_price_that_a_person_gives(desk, scripted):
    scripted.holds = [HeldPosition("MSFT", D(-10), D(200))]
    desk.service.reconcile()
    assert adopt(desk.service, "MSFT", "ada", "sold by hand", D("201.50")).price == D("201.50")
    assert desk.position("MSFT").average_price == D("201.50")


def test_a_drift_of_a_symbol_without_bars_needs_a_price(desk, scripted):
    scripted.holds = [HeldPosition("AAPL", D(5), D(100))]
    desk.service.reconcile()
    with pytest.raises(OrderRefused, match="No bar of AAPL is stored: say with --price"):
        adopt(desk.service, "AAPL", "ada", "a gift")
    assert adopt(desk.service, "AAPL", "ada", "a gift", D(0)).quantity == 5


def test_what_has_changed_since_the_books_were_compared_is_compared_again_first(desk, scripted):
    scripted.holds = [HeldPosition("NVDA", D(30), D(480))]
    desk.service.reconcile()
    scripted.says = [replace(fill_of(desk, "", "7", 5), client_order_id=None)]
    desk.service.turn()
    with pytest.raises(OrderRefused, match="NVDA has changed since it was compared"):
        adopt(desk.service, "NVDA", "ada", "bought by hand")
