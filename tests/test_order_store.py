"""What the database keeps of an account: what is written comes back, each account by itself, one change at a time."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import psycopg
import pytest

from resources.database.order_store import (
    AccountTransaction,
    LedgerLines,
    OrderStore,
    Reconciled,
    accounts_kept,
    driven,
)
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, OrderRefused, UnknownOrder
from schemas.order_events import EventKind, OrderEvent, Outcome
from schemas.trading import Adoption, Commission, Order, OrderState, Position
from tests.support.stored import bar, put_bars
from tests.support.trading import ACCOUNT, OPEN, fill, order

OTHER = "DU7654321"


@pytest.fixture
def server(migrated_postgres_url) -> DatabaseServer:
    return DatabaseServer(migrated_postgres_url)


@pytest.fixture
def store(server) -> OrderStore:
    return OrderStore(server, ACCOUNT, sleep=lambda seconds: None)


def event(kind: str, name: str = "nvda-1", **more) -> OrderEvent:
    return OrderEvent(name, EventKind(kind), OPEN, **more)


def make(store: OrderStore, *orders, at: datetime = OPEN) -> None:
    def made(account: AccountTransaction) -> None:
        for number, one in enumerate(orders):
            account.add_order(one, at + timedelta(seconds=number))

    store.within(made)


def add(store: OrderStore, one: OrderEvent, state: str, filled: int = 0, outcome: Outcome = Outcome.APPLIED) -> None:
    store.within(lambda account: account.add_event(one, outcome, "", OrderState(state), D(filled)))


# Orders and their histories


def test_an_order_comes_back_as_it_was_made(store):
    make(store, order(100))
    kept = store.read(lambda account: account.order("nvda-1"))
    assert kept.order == kept.first == order(100)
    assert (kept.state, kept.filled, kept.created_at, kept.to_cancel) == (OrderState.PENDING, 0, OPEN, False)
    assert kept.working.remaining == 100


def test_an_id_is_taken_once_whatever_the_account(server, store):
    make(store, order(100))
    for taken in (store, OrderStore(server, OTHER)):
        with pytest.raises(OrderRefused, match="There is an order nvda-1 already; give another id"):
            make(taken, order(50))


def test_an_order_of_another_account_is_nobodys(server, store):
    make(store, order(100))
    other = OrderStore(server, OTHER)
    with pytest.raises(UnknownOrder, match="There is no order nvda-1 of this account"):
        other.read(lambda account: account.order("nvda-1"))
    assert other.read(lambda account: (account.orders(9), account.open_orders(), account.events("nvda-1"))) == (
        [],
        [],
        [],
    )
    add(other, event("ACCEPT"), "ACCEPTED")
    assert store.read(lambda account: account.order("nvda-1")).state is OrderState.PENDING


def test_an_event_comes_back_as_it_happened_and_moves_the_order(store):
    make(store, order(100))
    happened = event(
        "FILL",
        quantity=D("40"),
        price=D("485.2500"),
        stop_price=D(1),
        execution="0000e0d5.67a1b2c3.01",
        revision=1,
        perm_id=2**40,
        said="[red]'; --",
    )
    add(store, happened, "PARTIALLY_FILLED", 40)
    add(store, event("NOTICE", said="399"), "PARTIALLY_FILLED", 40, Outcome.QUARANTINED)
    first, second = store.read(lambda account: account.events("nvda-1"))
    assert (first.event, first.outcome, first.state) == (happened, Outcome.APPLIED, OrderState.PARTIALLY_FILLED)
    assert str(first.event.price) == "485.2500"
    assert second.outcome is Outcome.QUARANTINED
    kept = store.read(lambda account: account.order("nvda-1"))
    assert (kept.state, kept.filled, kept.working.remaining) == (OrderState.PARTIALLY_FILLED, 40, 60)


def test_a_modified_order_stands_as_modified_last_and_was_made_as_it_was(store):
    make(store, order(100))
    add(store, event("MODIFY", quantity=D(150), price=D("486")), "ACCEPTED")
    add(store, event("MODIFY", quantity=D(120), price=D("487")), "ACCEPTED")
    add(store, event("MODIFY", quantity=D(1), price=D("1")), "ACCEPTED", 0, Outcome.QUARANTINED)
    kept = store.read(lambda account: account.order("nvda-1"))
    assert kept.first == order(100)
    assert kept.order == order(120, limit="487")


def test_an_order_is_to_be_cancelled_from_our_request_until_the_broker_refuses(store):
    def to_cancel() -> bool:
        return store.read(lambda account: account.order("nvda-1")).to_cancel

    make(store, order(100))
    add(store, event("CANCEL_REQUEST", perm_id=7), "PENDING_CANCEL")  # the broker's own word
    assert not to_cancel()
    add(store, event("CANCEL_REQUEST"), "PENDING_CANCEL")
    assert to_cancel()
    add(store, event("CANCEL_REFUSED"), "ACCEPTED")
    assert not to_cancel()
    add(store, event("CANCEL_REQUEST"), "PENDING_CANCEL")
    assert to_cancel()


def test_a_modification_is_open_from_our_request_until_it_is_answered(store):
    def asked() -> tuple[str | None, D]:
        kept = store.read(lambda account: account.order("nvda-1"))
        return kept.modification and str(kept.modification.terms), kept.working.remaining

    def add_terms(kind: str, quantity: int, outcome: Outcome = Outcome.APPLIED) -> None:
        add(store, event(kind, quantity=D(quantity), price=D("486")), "ACCEPTED", 40, outcome)

    make(store, order(100))
    assert asked() == (None, 100)
    add_terms("MODIFY_REQUEST", 150)
    assert asked() == ("150 shares, limit 486", 110)  # it may be taken, and counts as if it were
    add_terms("MODIFY_REQUEST", 20, Outcome.QUARANTINED)
    add_terms("MODIFY", 100)  # the broker's word of something else
    add_terms("MODIFY_REFUSED", 150, Outcome.QUARANTINED)
    assert asked() == ("150 shares, limit 486", 110)
    add_terms("MODIFY_REFUSED", 150)
    assert asked() == (None, 60)
    add_terms("MODIFY_REQUEST", 150)
    first = store.read(lambda account: account.order("nvda-1")).modification
    add_terms("MODIFY_REQUEST", 200)
    add_terms("MODIFY", 150)  # the first was taken, the second is not answered
    assert asked() == ("200 shares, limit 486", 160)
    add_terms("MODIFY", 200)
    assert asked() == (None, 160)
    add_terms("MODIFY_REQUEST", 150)
    again = store.read(lambda account: account.order("nvda-1")).modification
    assert (again.terms, again.asked_at) == (first.terms, OPEN)
    assert again.number > first.number  # another question


def test_orders_are_listed_by_time_the_newest_of_them(store):
    names = [f"n-{number}" for number in range(5)]
    make(store, *(order(100, name=name) for name in names))
    add(store, event("REJECT", "n-1"), "REJECTED")

    def listed(found) -> list[str]:
        return [one.order.client_order_id for one in found]

    assert listed(store.read(lambda account: account.orders(3))) == names[2:]
    assert listed(store.read(lambda account: account.open_orders())) == ["n-0", "n-2", "n-3", "n-4"]
    assert set(store.read(lambda account: account.known(["n-1", "n-4", "n-9"]))) == {"n-1", "n-4"}


def test_how_many_were_made_and_which_asks_for_the_same(store):
    make(store, order(100, name="one"), order(100, name="two"), order(101, name="three"))  # a second apart

    def asked(after: int, now: int, like: Order | None = None) -> tuple[int, str | None]:
        bounds = OPEN + timedelta(seconds=after), OPEN + timedelta(seconds=now)
        wanted = like or order(100, name="new")
        return store.read(lambda account: (account.orders_since(*bounds), account.alike(wanted, *bounds)))

    assert asked(-1, 9) == (3, "two")
    assert asked(0, 9) == (2, "two")  # the first bound is not in it, the last is
    assert asked(1, 2) == (1, None)
    assert asked(-1, 0) == (1, "one")
    for other in (order(100, limit="485.51"), order(99), replace(order(100), symbol="MSFT")):
        assert asked(-1, 9, other)[1] is None
    add(store, event("REJECT", "two"), "REJECTED")
    assert asked(-1, 9)[1] == "one"


# The ledger and what is held


def test_the_ledger_comes_back_line_by_line(store):
    bought, sold = fill(1, "B100@10.12345678", name="nvda-1"), replace(fill(2, "S5@400"), symbol="MSFT", perm_id=7)
    adopted = Adoption(0, ACCOUNT, "NVDA", D(-30), D("19.5"), OPEN, "ada", "by hand")

    def told(account: AccountTransaction) -> list[object]:
        return [
            account.add_fill(sold),
            account.add_fill(bought),
            account.add_fill(bought),
            account.keep_commission(Commission(bought.exec_id, D("1.01"))),
            account.keep_commission(Commission(bought.exec_id, D("1.01"))),
            account.keep_commission(Commission(bought.exec_id, D("1.02"))),
            account.keep_commission(Commission("not.known.01", D(1))),
            account.adopt(adopted),
        ]

    assert store.within(told) == [True, True, False, "NVDA", None, "NVDA", None, None]
    lines = store.read(lambda account: account.ledger())
    (line,) = lines.adoptions
    assert lines == LedgerLines([bought, sold], [Commission(bought.exec_id, D("1.02"))], [line])
    assert replace(line, adoption_id=0) == adopted
    assert store.read(lambda account: account.ledger(["MSFT"])) == LedgerLines([sold], [], [])


def test_a_position_comes_back_valued_by_the_last_bar_before_a_moment(server, store):
    start = datetime(2026, 11, 20, 15, tzinfo=UTC)
    put_bars(server.url, [bar(start, price="11"), bar(start + timedelta(minutes=1), price="12")])
    held = Position(ACCOUNT, "NVDA", D(100), D("10.5"), D(1050), D("-2.5"), D("2.5"))
    store.within(lambda account: account.keep_position(held))
    now = store.read(lambda account: account.positions())
    assert now == [replace(held, last_price=D(12), priced_at=start + timedelta(minutes=1))]
    earlier = store.read(lambda account: account.positions(before=start + timedelta(minutes=1)))
    assert earlier == [replace(held, last_price=D(11), priced_at=start)]
    assert store.read(lambda account: account.positions(before=start)) == [held]


def test_positions_are_opened_once(store):
    def opened(account: AccountTransaction) -> None:
        account.open_positions(["NVDA", "MSFT"])

    store.within(opened)
    store.within(lambda account: account.keep_position(Position(ACCOUNT, "NVDA", D(5), D(1), D(5))))
    store.within(opened)
    assert [(one.symbol, one.quantity) for one in store.read(lambda account: account.positions())] == [
        ("NVDA", 5),
        ("MSFT", 0),
    ]


def test_the_accounts_that_are_kept(server, store):
    assert accounts_kept(server) == ["SIMULATED"]
    store.within(lambda account: account.open_positions(["NVDA"]))
    assert accounts_kept(server) == [ACCOUNT, "SIMULATED"]


def test_the_last_close_before_a_moment(server, store):
    start = datetime(2026, 11, 20, 15, tzinfo=UTC)
    put_bars(server.url, [bar(start, price="11"), bar(start, "MSFT", price="400")])
    found = store.read(lambda account: account.closes(["NVDA", "TSLA"], before=start + timedelta(seconds=1)))
    assert found == {"NVDA": (D(11), start)}
    assert store.read(lambda account: account.closes(["NVDA"], before=start)) == {}


# Halts and comparisons


def test_the_last_word_on_each_symbol_is_what_is_halted(store):
    def say(symbol: str | None, halted: bool, why: str = "x") -> None:
        store.within(lambda account: account.say_halted(symbol, "ada", why, halted=halted))

    def halted() -> list[str | None]:
        return [one.symbol for one in store.read(lambda account: account.halts())]

    say("NVDA", True, "first")
    say(None, True)
    say("NVDA", True, "second")
    assert halted() == [None, "NVDA"]
    assert store.read(lambda account: account.halts())[1].why == "second"
    say(None, False)
    assert halted() == ["NVDA"]
    say("MSFT", False)
    say("NVDA", False)
    assert halted() == []
    say("NVDA", True)
    assert halted() == ["NVDA"]


def test_halts_are_of_one_account(server, store):
    store.within(lambda account: account.say_halted(None, "ada", "x", halted=True))
    assert OrderStore(server, OTHER).read(lambda account: account.halts()) == []


def test_what_the_books_said_last(store):
    later = OPEN + timedelta(minutes=1)
    store.within(lambda account: account.keep_reconciliation(OPEN, "NVDA", D(1), D(2)))
    store.within(lambda account: account.keep_reconciliation(later, "NVDA", D(3), D(3)))
    store.within(lambda account: account.keep_reconciliation(OPEN, "MSFT", D(0), D(0)))
    assert store.read(lambda account: account.reconciled()) == [
        Reconciled("MSFT", D(0), D(0), OPEN),
        Reconciled("NVDA", D(3), D(3), later),
    ]


# Transactions


def test_what_fails_in_the_middle_is_not_kept_in_part(store):
    def broken(account: AccountTransaction) -> None:
        account.add_order(order(100), OPEN)
        account.add_fill(fill(1, "B100@10"))
        raise OrderRefused("no")

    with pytest.raises(OrderRefused):
        store.within(broken)
    assert store.read(lambda account: (account.orders(9), account.ledger().fills)) == ([], [])


def test_one_at_a_time_changes_an_account(server, store):
    """Who comes second sees what the first has done: a count that both read is never the same."""
    seen: list[int] = []

    def counted(account: AccountTransaction) -> None:
        seen.append(len(account.orders(99)))
        account.add_order(order(100, name=f"n-{len(seen)}"), OPEN)

    threads = [threading.Thread(target=store.within, args=[counted]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == list(range(8))


def test_two_accounts_do_not_wait_for_each_other(server, store):
    other = OrderStore(server, OTHER)
    made = store.within(lambda _: other.within(lambda account: account.add_order(order(1), OPEN)))
    assert made is None


def test_who_only_looks_waits_for_nobody_and_changes_nothing(store):
    found = store.within(lambda account: (account.add_order(order(100), OPEN), store.read(lambda a: a.orders(9)))[1])
    assert found == []  # it is not committed yet
    with pytest.raises(DatabaseError, match="read-only"):
        store.read(lambda account: account.add_order(order(50, name="x"), OPEN))


def test_a_transaction_whose_line_breaks_is_done_again(store, monkeypatch):
    attempts: list[int] = []

    def work(account: AccountTransaction) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise psycopg.OperationalError("the line was cut")
        return "done"

    assert store.within(work) == "done"
    assert len(attempts) == 3


def test_it_can_be_seen_whether_a_process_speaks_for_an_account(store, server):
    assert not driven(server)
    with store.driving():
        assert driven(server)
    assert not driven(server)


def test_one_process_drives_an_account_until_its_connection_ends(server, store):
    with store.driving() as mine:
        assert mine is not None
        assert mine()
        with store.driving() as second:
            assert second is None
        with OrderStore(server, OTHER).driving() as elsewhere:
            assert elsewhere is not None
        with psycopg.connect(server.url) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            )
        assert not mine()
        with store.driving() as third:
            assert third is not None
    with store.driving() as after:
        assert after is not None
