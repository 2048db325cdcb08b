"""The summary of a portfolio, by hand."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

from oms.ledger import Ledger
from oms.portfolio import summarise
from schemas.portfolio import PortfolioSummary
from tests.support.trading import ACCOUNT, commission, fill, lines


def summary_of(ledger: Ledger, **prices: str) -> PortfolioSummary:
    """The summary at the prices given; a symbol without one is not priced."""
    positions = [
        replace(one, last_price=D(prices[one.symbol])) if one.symbol in prices else one for one in ledger.positions()
    ]
    return summarise(positions, ledger.trades(), ledger.fills())


def pair() -> Ledger:
    """NVDA: 100 bought at 10, 40 sold at 12, 10 at 9. MSFT: 20 sold short at 400. A dollar each."""
    nvda = lines("B100@10c1 S40@12c1 S10@9c1")
    msft = replace(fill(4, "S20@400"), symbol="MSFT")
    return Ledger([*nvda, msft, commission(msft, "1")])


def test_summary():
    summary = summary_of(pair(), NVDA="11", MSFT="390")
    assert summary.open_positions == 2  # 50 NVDA at 10, 20 MSFT short at 400
    exposure = summary.exposure
    assert exposure.by_symbol == {"MSFT": D(-7800), "NVDA": D(550)}
    assert (exposure.gross, exposure.net, exposure.unpriced) == (D(8350), D(-7250), ())
    money = summary.profit_and_loss
    assert money.realized == 80 - 10 - 4  # two sales less all commissions
    assert money.unrealized == 50 + 200
    assert (money.total, money.commissions) == (D(316), D(4))
    assert summary.turnover.total == 1000 + 480 + 90 + 8000
    statistics = summary.statistics
    assert (statistics.trades, statistics.wins, statistics.losses, statistics.win_rate) == (2, 1, 1, D("0.5"))
    assert statistics.average_win == statistics.largest_win == D("78.6")  # 80 less 1 and 40/100 of the purchase's 1
    assert statistics.average_loss == statistics.largest_loss == D("-11.1")  # -10 less 1 and 10/100
    assert statistics.profit_factor == D("78.6") / D("11.1")
    assert statistics.average_holding == timedelta(minutes=1, seconds=30)
    assert statistics.maximum_drawdown == D("11.1")


def test_profit_and_loss_with_a_price_missing_is_not_known_and_not_zero():
    summary = summary_of(pair(), NVDA="11")
    assert summary.exposure.by_symbol == {"MSFT": None, "NVDA": D(550)}
    assert (summary.exposure.gross, summary.exposure.net, summary.exposure.unpriced) == (None, None, ("MSFT",))
    assert (summary.profit_and_loss.unrealized, summary.profit_and_loss.total) == (None, None)
    assert summary.profit_and_loss.realized == 66


def test_a_symbol_that_is_not_held_needs_no_price():
    summary = summary_of(Ledger(lines("B100@10c1 S100@12c1")))
    assert (summary.open_positions, summary.exposure.gross, summary.exposure.by_symbol) == (0, 0, {})
    assert (summary.profit_and_loss.unrealized, summary.profit_and_loss.total) == (0, D(198))


def test_summary_of_nothing():
    summary = summary_of(Ledger())
    assert (summary.open_positions, summary.exposure.gross, summary.profit_and_loss.total) == (0, 0, 0)
    said = summary.statistics.model_dump(exclude={"trades", "wins", "losses", "maximum_drawdown"})
    assert set(said.values()) == {None}
    assert (summary.statistics.trades, summary.statistics.maximum_drawdown) == (0, 0)


def test_statistics_without_a_loss_have_no_profit_factor():
    statistics = summary_of(Ledger(lines("B100@10 S50@12 S50@10"))).statistics
    assert (statistics.trades, statistics.wins, statistics.losses) == (2, 1, 0)  # the second came out even
    assert (statistics.win_rate, statistics.profit_factor, statistics.average_loss) == (D("0.5"), None, None)


def test_the_drawdown_is_measured_from_the_highest_sum_on():
    # Trades of +30, -20, +5, -40, +100: from 30 down to -25.
    ledger = Ledger(lines("B10@10 S10@13 B10@10 S10@8 B10@10 S10@10.5 B10@10 S10@6 B10@10 S10@20"))
    assert summary_of(ledger).statistics.maximum_drawdown == 55
    losing = Ledger(lines("B10@10 S10@9 B10@10 S10@8"))
    assert summary_of(losing).statistics.maximum_drawdown == 30  # it begins at 0


def test_positions_of_two_accounts_are_added_up():
    other = replace(fill(2, "S40@11"), account="DU7654321")
    summary = summary_of(Ledger([fill(1, "B100@10"), other]), NVDA="12")
    assert (summary.open_positions, summary.exposure.by_symbol) == (2, {"NVDA": D(720)})
    assert (summary.exposure.gross, summary.exposure.net) == (D(1680), D(720))


def test_turnover_is_of_the_day_in_new_york_and_of_the_newest_words():
    late = replace(fill(1, "B10@10"), executed_at=datetime(2026, 11, 20, 0, 59, tzinfo=UTC))  # 19:59 the day before
    told = [fill(2, "S5@12"), late, fill(2, "S5@13", revision=2)]
    turnover = summary_of(Ledger(told), NVDA="10").turnover
    assert list(turnover.by_day.items()) == [(date(2026, 11, 19), D(100)), (date(2026, 11, 20), D(65))]
    assert turnover.total == 165


def test_a_summary_as_json_keeps_every_digit_and_comes_back():
    summary = summary_of(pair(), NVDA="11.10")
    written = summary.model_dump_json()
    assert PortfolioSummary.model_validate_json(written) == summary
    read = json.loads(written)
    assert read["exposure"]["by_symbol"] == {"MSFT": None, "NVDA": "555.00"}
    assert read["turnover"]["by_day"] == {"2026-11-20": "9570"}
    assert read["statistics"]["average_holding"] == "PT1M30S"
    assert ACCOUNT not in written
