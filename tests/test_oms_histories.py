"""Histories of orders, modifications, fills, cancels, rejects, disconnects, kills and restarts, made up by Hypothesis,
against the stand-in for TWS: whatever happened, in the end our books are those of the broker.

The service runs in a process of its own that is killed by SIGKILL anywhere. What is expected is read off the stand-in's
book, which knows nothing of us.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from oms.lifecycle import replay
from resources.database.order_rows import KeptEvent, KeptOrder
from resources.database.order_store import OrderStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import OrderRefused
from resources.settings import load_settings
from resources.settings_sections import OmsSettings
from schemas.order_events import EventKind, Outcome
from schemas.trading import Order, OrderState, OrderType, Side
from simulators.tws import TwsSimulator
from tests.support.mortal_service import MortalService, open_mortal

Found = TypeVar("Found")
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SYMBOLS = ("NVDA", "MSFT")
PRICE = Decimal(400)
LIMITS = {
    "position_shares": 100_000,
    "symbol_notional": 10**9,
    "total_notional": 10**9,
    "orders_per_minute": 10_000,
    "data_age_seconds": 3600,
    "repeat_seconds": 0,
}
WHICH = st.integers(0, 99)
"""Which one of those that are there. What is there depends on what a service that is killed came to do, which is not
the same twice, so nothing that Hypothesis draws may depend on it: where none is there, the step does nothing."""
numbers = count(1)


def one_of(found: Sequence[Found], which: int) -> Sequence[Found]:
    """One of them, none where there are none."""
    return [found[which % len(found)]] if found else []


class Histories(RuleBasedStateMachine):
    """One account and what happens to it."""

    server: DatabaseServer
    oms: OmsSettings

    def __init__(self) -> None:
        super().__init__()
        self.number = next(numbers)
        self.account = f"DU{os.getpid() % 100_000}{self.number:05}"
        self.tws = TwsSimulator(accounts=[self.account], prices={}, now=lambda: NOW).start()
        self.store = OrderStore(self.server, self.account)
        self.ours: list[str] = []
        self.service: MortalService | None = None
        self.heard: bool | None = None
        """Whether the last turn was taken; None where the service died."""
        self.asks = open_mortal(*self.about(None))

    def about(self, die_at: int | None) -> tuple[object, ...]:
        return self.server, self.account, self.tws.port, self.oms, NOW, die_at

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            if self.service is not None:
                self.service.kill()
            self.tws.stop()

    # What we do.

    @initialize(shares=st.integers(1, 300), limit=st.none() | st.integers(39_000, 41_000))
    def begin(self, shares: int, limit: int | None) -> None:
        """With an order that works, so that there is something to happen to."""
        self.order("NVDA", Side.BUY, shares, limit)
        self.turn()

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        shares=st.integers(1, 300),
        limit=st.none() | st.integers(39_000, 41_000),
    )
    def order(self, symbol: str, side: Side, shares: int, limit: int | None) -> None:
        name = f"{self.account}-{len(self.ours)}"
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        price = None if limit is None else Decimal(limit) / 100
        halted = {halt.symbol for halt in self.store.read(lambda account: account.halts())}
        with pytest.raises(OrderRefused, match="halted") if symbol in halted else nullcontext():
            self.asks.submit(Order(name, self.account, symbol, side, kind, Decimal(shares), price))
            self.ours.append(name)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        for name in one_of(self.ours, which):
            with suppress(OrderRefused):  # it has ended
                self.asks.request_cancel(name, "test")

    @rule(
        which=WHICH,
        shares=st.integers(1, 300),
        limit=st.none() | st.integers(39_000, 41_000),
        then=st.sampled_from(["nothing", "turn", "die"]),
        steps=st.integers(0, 12),
    )
    def modify(self, which: int, shares: int, limit: int | None, then: str, steps: int) -> None:
        for order in one_of(self.open_here(), which):
            price = None if None in (limit, order.limit_price) else Decimal(limit) / 100
            with suppress(OrderRefused):  # it is filled so far, is to be cancelled, has these terms, is halted
                self.asks.request_modify(order.client_order_id, "test", quantity=Decimal(shares), limit_price=price)
        if then == "turn":
            self.turn()
        elif then == "die":
            self.turn_and_die(steps)

    @rule()
    def turn(self) -> None:
        if self.service is None:
            self.service = MortalService(*self.about(None))
        self.heard = self.service.turn()
        if self.heard is None:
            self.service = None

    @rule(steps=st.integers(0, 40))
    def turn_and_die(self, steps: int) -> None:
        self.die()
        self.service = MortalService(*self.about(steps))
        self.turn()
        self.turn()

    @rule()
    def halt(self) -> None:
        sent = self.sent()
        self.store.within(lambda account: account.say_halted(None, "test", "test", halted=True))
        self.turn()
        assert self.sent() == sent
        self.store.within(lambda account: account.say_halted(None, "test", "test", halted=False))

    @rule()
    def die(self) -> None:
        if self.service is not None:
            self.service.kill()
            self.service = None

    # What the market and the broker do.

    @rule(which=WHICH, share=st.integers(1, 300), price=st.integers(39_000, 41_000))
    def fill(self, which: int, share: int, price: int) -> None:
        for order in one_of(self.open_there(), which):
            self.tws.fill(order.perm_id, min(Decimal(share), order.remaining), Decimal(price) / 100)

    @rule(which=WHICH, what=st.sampled_from(["reject", "cancel", "hold"]))
    def end(self, which: int, what: str) -> None:
        for order in one_of(self.open_there(), which):
            getattr(self.tws, "cancel" if what == "reject" and order.filled else what)(order.perm_id)

    @rule(which=WHICH)
    def fill_after_the_cancel(self, which: int) -> None:
        gone = [one for one in self.tws.orders if one.status == "Cancelled" and one.remaining]
        for order in one_of(gone, which):
            self.tws.fill(order.perm_id, 1, PRICE)

    @rule(which=WHICH, what=st.sampled_from(["price", "shares", "bust", "repeat"]))
    def again(self, which: int, what: str) -> None:
        for execution in one_of(self.tws.executions, which):
            if what == "repeat":
                self.tws.repeat(execution.exec_id)
            elif what == "price":
                self.tws.correct(execution.exec_id, price=execution.price + 1)
            elif execution.shares:
                self.tws.correct(execution.exec_id, shares=execution.shares - 1 if what == "shares" else 0)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(Side), shares=st.integers(1, 50))
    def somebody_else(self, symbol: str, side: Side, shares: int) -> None:
        self.tws.trade_manually(symbol, side.value, shares, PRICE)

    @rule(symbol=st.sampled_from(SYMBOLS), price=st.none() | st.integers(39_000, 41_000))
    def market(self, symbol: str, price: int | None) -> None:
        self.tws.price(symbol, None if price is None else Decimal(price) / 100)

    @rule(
        fault=st.sampled_from(
            [
                "lost:1@place_order",
                "cut:1@place_order",
                "lost:1@cancel_order",
                "cut:1@cancel_order",
                "cut:1@executions",
                "cut:1",
                "warning_399:1",
                "tif_preset:1",
                "reject:1",
                "refuse_modify:1",
                "duplicate_executions:2",
                "duplicate_status:2",
                "correction:1",
                "late_commission:1",
            ]
        )
    )
    def fault(self, fault: str) -> None:
        self.tws.add_fault(fault)

    @rule(what=st.sampled_from(["cut", "restart", "rewind_order_ids", "hold_cancels", "release_commissions", "expire"]))
    def happens(self, what: str) -> None:
        getattr(self.tws, what)()

    def open_here(self) -> list[Order]:
        return [kept.order for kept in self.store.read(lambda account: account.open_orders())]

    def open_there(self) -> list:
        return [one for one in self.tws.orders if one.status.open]

    def sent(self) -> Counter[str]:
        return Counter(one.ticket.order_ref for one in self.tws.orders if one.ticket.order_ref)

    # What must hold.

    @invariant()
    def no_order_is_doubled(self) -> None:
        assert not [name for name, times in self.sent().items() if times > 1]

    @invariant()
    def nothing_is_overfilled(self) -> None:
        """An order has no more shares than were ever asked for: which of several terms the broker took of an order that
        it says to be filled, a service that dies between two transactions has yet to conclude. It has in the end."""
        for one in self.store.read(lambda account: account.orders(1_000)):
            asked = [kept.event.quantity for kept in self.history(one) if kept.event.kind is EventKind.MODIFY_REQUEST]
            assert one.filled <= max(one.first.quantity, one.order.quantity, *asked)

    def settle(self) -> None:
        """Nothing is wrong any more, and the service looks anew, in half of the histories as a new process: the books
        are the same. They stay so where all that works is cancelled, and where a fill comes after that."""
        if self.number % 2:
            self.die()
        self.tws.cut()
        self.tws.hold_cancels(False)
        self.tws.release_commissions()
        done: list[bool | None] = []
        while done[-3:] != [True] * 3:  # what is wrong with the stand-in is used up in between
            done.append(self.turned())
            assert len(done) < 100
        self.tws.release_commissions()
        self.books_are_the_brokers()
        for one in self.open_there():
            self.asks.request_cancel(one.ticket.order_ref, "test")
        while self.open_there():
            done.append(self.turned())
            self.tws.cut()
            assert len(done) < 200
        for one in self.tws.orders:
            if one.status == "Cancelled" and one.remaining and self.state(one.ticket.order_ref) is OrderState.CANCELLED:
                self.tws.fill(one.perm_id, 1, PRICE)
        self.books_are_the_brokers()

    def history(self, kept: KeptOrder) -> list[KeptEvent]:
        return self.store.read(lambda account: account.events(kept.order.client_order_id))

    def state(self, name: str) -> OrderState:
        return self.store.read(lambda account: account.order(name)).state

    def turned(self) -> bool | None:
        self.turn()
        return self.heard

    def books_are_the_brokers(self) -> None:
        while not self.turned():
            pass  # the connection was cut
        self.positions_are_the_brokers()
        self.fills_are_the_brokers()
        self.orders_are_the_brokers()
        assert not [one for one in self.store.read(lambda account: account.halts()) if "drift" in one.why]

    def positions_are_the_brokers(self) -> None:
        held = {one.symbol: one.quantity for one in self.store.read(lambda account: account.positions())}
        assert held == {symbol: self.tws.position(symbol) for symbol in SYMBOLS}

    def fills_are_the_brokers(self) -> None:
        lines = self.store.read(lambda account: account.ledger())
        newest = {}
        for one in sorted(lines.fills, key=lambda fill: fill.revision):
            newest[one.execution] = (one.exec_id, one.quantity, one.price)
        theirs = {one.exec_id.rpartition(".")[0]: (one.exec_id, one.shares, one.price) for one in self.tws.executions}
        assert newest == theirs

    def orders_are_the_brokers(self) -> None:
        theirs = {one.ticket.order_ref: one for one in self.tws.orders}
        for kept in self.store.read(lambda account: account.orders(1_000)):
            name = kept.order.client_order_id
            history = self.history(kept)
            events = [one.event for one in history]
            again = replay(kept.first, events)
            wanted = kept.modification.terms if kept.modification else None
            assert (again.state, again.filled, again.order, again.wanted) == (
                kept.state,
                kept.filled,
                kept.order,
                wanted,
            )
            there = theirs.get(name)
            if there is None:
                assert kept.state in (OrderState.CANCELLED, OrderState.REJECTED)
                assert kept.filled == 0
                if kept.state is OrderState.CANCELLED:  # nothing ends that is still to be sent, unless as asked
                    assert {one.kind for one in events} & {EventKind.SUBMIT, EventKind.CANCEL_REQUEST}
            else:
                # A fill that comes after the order's end is money all the same, and no part of the order.
                late = [one for one in history if one.outcome is Outcome.QUARANTINED and one.event.execution]
                assert kept.filled == there.filled or late
                assert kept.filled <= kept.order.quantity
                assert kept.state.ended is not there.status.open
                if there.filled == there.ticket.quantity == kept.filled:  # as it was modified last
                    assert (kept.state, kept.order.quantity) == (OrderState.FILLED, there.ticket.quantity)
                if there.status.open:  # what was asked for was taken or refused
                    assert wanted is None
                    assert (kept.order.quantity, kept.order.limit_price) == (
                        there.ticket.quantity,
                        there.ticket.limit_price,
                    )
                assert kept.state.ended or not kept.to_cancel


@pytest.fixture
def histories(clean_environment, postgres_url) -> Callable[[], RuleBasedStateMachine]:
    server = DatabaseServer(postgres_url)
    migrate(server)
    with psycopg.connect(postgres_url) as connection:
        for symbol in SYMBOLS:
            connection.execute(
                'INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis) '
                "VALUES (%s, %s, %s, %s, %s, %s, 100, 'alpha_vantage', 'as_traded')",
                [NOW - timedelta(minutes=1), symbol, *[PRICE] * 4],
            )
    oms = load_settings().oms
    oms = oms.model_copy(update={"limits": oms.limits.model_copy(update=LIMITS)})
    return type("Histories", (Histories,), {"server": server, "oms": oms})


def run(histories: Callable[[], RuleBasedStateMachine], examples: int) -> None:
    run_state_machine_as_test(
        histories,
        settings=settings(
            max_examples=examples,
            stateful_step_count=24,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # a history of processes that die is read as it is: to shrink it takes an hour
        ),
    )


def test_an_order_is_filled_on_terms_after_which_others_were_asked_for(histories):
    """A history that Hypothesis found, step by step: nobody hears of the fills before the service dies."""
    history = histories()
    try:
        history.begin(shares=21, limit=39_300)
        history.market("NVDA", 40_572)
        history.modify(0, shares=283, limit=40_582, then="turn", steps=0)
        assert [(one.status, one.filled) for one in history.tws.orders] == [("Filled", 283)]
        history.modify(0, shares=2, limit=None, then="nothing", steps=0)
        history.modify(0, shares=279, limit=39_503, then="die", steps=10)
        history.nothing_is_overfilled()
    finally:
        history.teardown()


@pytest.mark.slow
@pytest.mark.parametrize("quarter", range(4))
def test_two_hundred_histories_end_as_the_broker_has_them(histories, quarter):
    run(histories, 50)


@pytest.mark.long
def test_two_thousand_histories_end_as_the_broker_has_them(histories):
    run(histories, 2_000)
