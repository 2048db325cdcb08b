"""What fills, commissions and adoptions amount to: FIFO, to the cent."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest

from oms.ledger import Ledger
from schemas.trading import Commission, Lot, Position
from tests.support.trading import ACCOUNT, OPEN, SYMBOL, adoption, commission, fill, lines

# The worked examples of FIFO, checked with another ledger: fills, then quantity, average price and realized.
EXAMPLES = {
    "A": ("B100@10c1 S100@12c1", "0", "0", "198"),
    "B": ("B100@10 B100@12 S150@15", "50", "12", "650"),
    "C": ("S100@20c1 B40@18c1 B60@21c1", "0", "0", "17"),
    "D": ("B100@10c1 S150@11c1.5", "-50", "11", "97.5"),
    "E": ("S50@20 B80@19", "30", "19", "50"),
    "F": ("S100@20 S100@22 B150@18", "-50", "22", "400"),
    "G": ("B10@100c1 S10@101c1 B10@102c1 S10@101c1", "0", "0", "-4"),
    "H": ("B40@190c1 B60@190.5c1 S30@191c1 S70@189c1", "0", "0", "-74"),
    "H after its third fill": ("B40@190c1 B60@190.5c1 S30@191c1", "70", "190.428571", "27"),
}


def held(*of) -> Position:
    """The one position of a scene's lines."""
    return Ledger(of).position(ACCOUNT, SYMBOL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_profit_and_loss(example):
    words, quantity, average, realized = EXAMPLES[example]
    position = held(*lines(words))
    assert position.quantity == D(quantity)
    assert round(position.average_price, 6) == D(average)
    assert position.realized_pnl == D(realized)


def test_unrealized_profit_and_loss_is_what_the_open_lots_would_bring_at_the_last_price():
    bought = held(*lines("B100@10c1 B100@12c1 S150@15c1"))
    assert bought.unrealized_pnl is None  # no price is known, which is not zero
    priced = replace(bought, last_price=D("11.50"))
    assert (priced.cost_basis, priced.market_value, priced.unrealized_pnl) == (D(600), D(575), D(-25))
    short = replace(held(*lines("S100@20 S100@22 B150@18")), last_price=D(25))
    assert (short.cost_basis, short.market_value, short.unrealized_pnl) == (D(-1100), D(-1250), D(-150))


def test_nothing_is_held_of_a_symbol_without_lines():
    assert held() == Position(ACCOUNT, SYMBOL)
    assert Ledger().positions() == ()


def test_lots_keep_their_price_and_time():
    position = held(*lines("B100@10 B100@12 S150@15"))
    assert position.lots == (Lot(D(50), D(12), OPEN + timedelta(minutes=2)),)


def test_a_sale_through_zero_closes_the_long_lots_and_opens_a_short_one():
    ledger = Ledger(lines("B100@10c1 S150@11c1.5"))
    position = ledger.position(ACCOUNT, SYMBOL)
    assert position.lots == (Lot(D(-50), D(11), OPEN + timedelta(minutes=2)),)
    (trade,) = ledger.trades()
    assert (trade.quantity, trade.entry, trade.exit, trade.gross) == (D(100), D(10), D(11), D(100))
    assert trade.commission == D(2)  # 1 of the purchase and 100/150 of the sale's 1.5
    assert (trade.net, position.realized_pnl) == (D(98), D("97.5"))  # the short lot's 0.5 is paid already


def test_closed_trades_go_from_fill_to_fill():
    trades = Ledger(lines("B40@190c1 B60@190.5c1 S30@191c1 S70@189c1")).trades()
    assert [(one.quantity, one.entry, one.exit, one.gross) for one in trades] == [
        (D(30), D(190), D(191), D(30)),
        (D(10), D(190), D(189), D(-10)),
        (D(60), D("190.5"), D(189), D(-90)),
    ]
    assert [one.held for one in trades] == [timedelta(minutes=two) for two in (2, 3, 2)]
    assert sum(one.commission for one in trades) == D(4)  # thirds and sevenths, and not a digit lost
    assert sum(one.net for one in trades) == D(-74)


def test_a_short_trade_earns_when_the_price_falls():
    trades = Ledger(lines("S100@20c1 B40@18c1 B60@21c1")).trades()
    assert [(one.quantity, one.gross, one.commission) for one in trades] == [
        (D(-40), D(80), D("1.4")),
        (D(-60), D(-60), D("1.6")),
    ]


def test_a_commission_that_comes_late_or_again_counts_once_as_it_was_last():
    bought, sold = fill(1, "B100@10"), fill(2, "S100@12")
    early = commission(sold, "1")
    assert held(early, bought).realized_pnl == 0  # of a fill that is not known yet
    assert held(early, bought, sold).realized_pnl == D(199)
    assert held(early, bought, sold, commission(bought, "1"), commission(sold, "1.25")).realized_pnl == D("197.75")


def test_a_correction_replaces_its_execution_and_the_lots_are_matched_anew():
    first, second, sale = lines("B100@10 B100@12 S150@15")
    smaller = fill(1, "B60@11", revision=2)
    assert held(first, second, sale, smaller) == held(smaller, second, sale)
    assert held(first, second, sale, smaller).realized_pnl == 60 * 4 + 90 * 3
    assert held(smaller, second, sale, first).realized_pnl == 60 * 4 + 90 * 3  # the older word comes last
    assert held(first, second, sale, fill(1, "B0@0", revision=2)).quantity == -50  # undone


def test_a_commission_of_an_earlier_revision_stands_until_that_of_the_correction_comes():
    first, corrected = fill(1, "B100@10"), fill(1, "B90@10", revision=2)
    told = [first, commission(first, "1"), corrected]
    assert held(*told).commissions == 1
    assert held(*told, commission(corrected, "0.9")).commissions == D("0.9")
    assert held(*told, commission(corrected, "0.9"), commission(first, "1")).commissions == D("0.9")
    assert held(*told, fill(1, "B0@0", revision=3)).commissions == 0  # undone, and its cost with it


def test_fills_of_one_second_are_matched_by_their_ids_whichever_came_first():
    low, high, sale = fill(1, "B10@10", minute=1), fill(2, "B10@20", minute=1), fill(3, "S10@30")
    assert held(low, high, sale) == held(high, low, sale) == held(sale, high, low)
    assert held(high, low, sale).realized_pnl == 200


def test_fills_are_matched_by_time_whatever_their_ids():
    assert held(fill(3, "S10@30", minute=3), fill(1, "B10@10", minute=2), fill(2, "B10@20", minute=1)).lots == (
        Lot(D(10), D(10), OPEN + timedelta(minutes=2)),
    )


def test_a_fill_that_is_told_again_changes_nothing():
    told = [*lines("B100@10c1 S150@11c1.5"), adoption(1, "30@9", minute=9)]
    assert held(*told, *told) == held(*told)
    assert held(*told, fill(2, "S90@12")) == held(*told)  # the first word of a revision stands


def test_an_adoption_is_booked_as_shares_that_changed_hands_at_its_price():
    bought = lines("B100@10 B100@12")
    less = held(*bought, adoption(1, "-120@15", minute=9))
    assert (less.quantity, less.average_price, less.realized_pnl) == (D(80), D(12), D(560))
    more = held(*bought, adoption(1, "50@14", minute=9))
    assert (more.quantity, more.cost_basis, more.realized_pnl) == (D(250), D(2900), D(0))


def test_the_new_shares_of_a_split_are_adopted_at_no_cost():
    position = held(*lines("B10@1200"), adoption(1, "90@0", minute=9))
    assert (position.quantity, position.average_price, position.cost_basis) == (D(100), D(120), D(12000))


def test_accounts_and_symbols_are_apart():
    bought = fill(1, "B100@10")
    other = replace(fill(2, "S40@11"), symbol="MSFT")
    elsewhere = replace(fill(3, "S40@11"), account="DU7654321")
    found = [(one.account, one.symbol, one.quantity) for one in Ledger([elsewhere, bought, other]).positions()]
    assert found == [(ACCOUNT, "MSFT", -40), (ACCOUNT, "NVDA", 100), ("DU7654321", "NVDA", -40)]


def test_trades_of_all_symbols_come_by_when_they_were_closed():
    nvda = lines("B10@10 S5@11")
    msft = [replace(fill(number, words), symbol="MSFT") for number, words in ((3, "B10@20"), (4, "S5@21"))]
    late = fill(5, "S5@12")
    assert [one.symbol for one in Ledger([*msft, *nvda, late]).trades()] == ["NVDA", "MSFT", "NVDA"]


def test_the_parts_of_a_commission_are_the_whole_however_many_digits_it_has():
    trades = Ledger(lines("B30@10c1.000000000001 S10@11 S10@11 S10@11")).trades()
    assert [one.commission for one in trades] == [D("0.333333333"), D("0.333333334"), D("0.333333333001")]


def test_fills_that_count_are_the_newest_words_of_what_was_not_undone():
    first, second = fill(1, "B100@10"), fill(2, "B5@10")
    corrected, undone = fill(1, "B90@10", revision=2), fill(2, "B0@0", revision=2)
    assert list(Ledger([first, second, corrected, undone, Commission("else", D(1))]).fills()) == [corrected]
