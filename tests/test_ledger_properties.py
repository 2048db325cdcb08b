"""What holds of every ledger: beside beancount's FIFO, in any order of arrival, and money neither made nor lost."""

from dataclasses import replace
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from oms.ledger import Ledger
from schemas.trading import Adoption, Commission, Fill, Position
from tests.support.beancount_fifo import booked, journal
from tests.support.trading import ACCOUNT, SYMBOL, adoption, commission, fill

QUICK = settings(max_examples=200, derandomize=True, deadline=None, database=None)
cents = st.integers(1, 99_999).map(lambda amount: D(amount) / 100)
traded = st.tuples(st.sampled_from("BS"), st.integers(1, 300), cents)
costs = st.integers(-200, 999).map(lambda amount: D(amount) / 100)  # a rebate is a negative commission


def words(what: tuple[str, int, D]) -> str:
    side, quantity, price = what
    return f"{side}{quantity}@{price}"


def position_of(ledger: Ledger) -> Position:
    return ledger.position(ACCOUNT, SYMBOL)


@QUICK
@given(st.lists(st.tuples(traded, costs), min_size=1, max_size=12))
def test_every_prefix_is_what_beancount_books(scene):
    fills = [fill(number, words(what)) for number, (what, _) in enumerate(scene, 1)]
    ledger = Ledger()
    for one, (_, cost), (lots, realized) in zip(
        fills, scene, booked(journal(fills, [cost for _, cost in scene])), strict=True
    ):
        ledger.add(one)
        ledger.add(commission(one, str(cost)))
        position = position_of(ledger)
        assert [(lot.quantity, lot.price) for lot in position.lots] == lots
        assert position.realized_pnl == realized
        assert position.cost_basis == sum(quantity * price for quantity, price in lots)


# An execution as it was told, word after word, with what each word was said to cost; and what people adopted.
executions = st.lists(
    st.lists(st.tuples(st.sampled_from("BS"), st.integers(0, 300), cents, st.none() | costs), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
)
adoptions = st.lists(st.tuples(st.integers(-200, 200).filter(bool), cents, st.integers(0, 9)), max_size=2)


def told(scene: list, adopted: list) -> tuple[list, list[tuple[Fill, D]], list[Adoption]]:
    """All lines; and, not from the code under test, which fills count and what each of them cost."""
    lines, counting = [], []
    for number, revisions in enumerate(scene, 1):
        cost = D(0)
        for revision, (side, quantity, price, paid) in enumerate(revisions, 1):
            newest = fill(number, f"{side}{quantity}@{price}", revision, minute=number * 5 % 7)  # some in one minute
            lines.append(newest)
            if paid is not None:
                cost = paid
                lines.append(commission(newest, str(paid)))
        if newest.quantity:
            counting.append((newest, cost))
    taken = [
        adoption(number, f"{quantity}@{price}", minute) for number, (quantity, price, minute) in enumerate(adopted)
    ]
    return lines + taken, counting, taken


@QUICK
@given(executions, adoptions, st.data())
def test_neither_order_nor_repetition_nor_being_asked_in_between_matters(scene, adopted, data):
    lines, counting, taken = told(scene, adopted)
    once = Ledger([one for one, _ in counting])  # the newest words alone
    for line in [*taken, *(Commission(one.exec_id, cost) for one, cost in counting)]:
        once.add(line)
    shuffled = data.draw(st.permutations(lines + data.draw(st.lists(st.sampled_from(lines), max_size=6))))
    ledger = Ledger()
    for line in shuffled:
        ledger.add(line)
        if data.draw(st.booleans()):
            position_of(ledger)
    assert position_of(ledger) == position_of(once)
    assert ledger.trades() == once.trades()
    assert sorted(one.exec_id for one in ledger.fills()) == sorted(one.exec_id for one, _ in counting)


@QUICK
@given(executions, adoptions, cents)
def test_no_money_and_no_share_is_made_or_lost(scene, adopted, price):
    lines, counting, taken = told(scene, adopted)
    ledger = Ledger(lines)
    position = replace(position_of(ledger), last_price=price)
    shares = sum((one.side.sign * one.quantity for one, _ in counting), D(0)) + sum(one.quantity for one in taken)
    spent = sum((one.side.sign * one.quantity * one.price for one, _ in counting), D(0))
    spent += sum(one.quantity * one.price for one in taken)
    costs_known = sum((cost for _, cost in counting), D(0))
    assert position.quantity == sum(lot.quantity for lot in position.lots) == shares
    assert position.commissions == costs_known
    assert position.realized_pnl + position.unrealized_pnl == shares * price - spent - costs_known
    assert len({lot.quantity > 0 for lot in position.lots}) <= 1  # never long and short at once


@QUICK
@given(executions, cents)
def test_closed_trades_are_the_realized_profit(scene, price):
    ledger = Ledger(told(scene, [])[0])
    if held := position_of(ledger).quantity:  # close everything
        last = fill(99, f"{'S' if held > 0 else 'B'}{abs(held)}@{price}", minute=99)
        ledger.add(last)
        ledger.add(commission(last, "1.01"))
    trades, position = ledger.trades(), position_of(ledger)
    assert position.quantity == 0
    assert sum((one.net for one in trades), D(0)) == position.realized_pnl
    assert sum((one.commission for one in trades), D(0)) == position.commissions
    assert all(one.opened_at <= one.closed_at for one in trades)
    assert [one.closed_at for one in trades] == sorted(one.closed_at for one in trades)
