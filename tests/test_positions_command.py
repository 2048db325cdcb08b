"""`intraday positions` and `python -m oms.position_tracker`: what is held, what the broker says, what is adopted."""

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.positions import shown
from oms.position_tracker import as_json, as_text
from schemas.risk import Halt
from schemas.trading import Position
from tests.support import commands
from tests.support.order_desk import OrderDesk, new_york

ROOT = Path(__file__).parents[1]
FRESH = """CURRENT PORTFOLIO STATUS
========================================
No active positions
Total Portfolio Value: $0.00
Total Unrealized P&L: $0.00
"""
HOSTILE = "[red]'; DROP TABLE orders; --[/] \\ $(x) {0} %s"


@pytest.fixture
def desk(order_desk, clean_environment) -> OrderDesk:
    """The desk that the commands find in their environment."""
    clean_environment.setenv("TIMESCALEDB_URL", order_desk.url)
    return order_desk


def positions(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["positions", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def words(found: Result) -> str:
    return " ".join(found.output.split())


def pair(desk: OrderDesk) -> None:
    """100 NVDA bought at 500 and 50 MSFT sold short at 200, a dollar each; they close at 510 and 190."""
    desk.service.connect()
    desk.sent(desk.order("BUY", 100))
    desk.sent(desk.order("SELL", 50, "MSFT"))
    desk.turn_at("10:01")
    desk.bar("15:59", "510 510 510 510")
    desk.bar("15:59", "190 190 190 190", symbol="MSFT")


# What is held


def test_of_a_fresh_desk(desk):
    found = positions()
    assert (found.exit_code, found.stdout, found.stderr) == (0, FRESH, "")
    assert commands.intraday("positions") == (0, FRESH)


def test_of_a_fresh_desk_by_the_module(desk):
    done = subprocess.run(
        [sys.executable, "-m", "oms.position_tracker"], cwd=ROOT, text=True, capture_output=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, FRESH, "")


def test_the_module_says_in_a_sentence_what_is_wrong(desk, clean_environment):
    clean_environment.setenv("INTRADAY_OMS__BROKER", "telephone")
    done = subprocess.run(
        [sys.executable, "-m", "oms.position_tracker"], cwd=ROOT, text=True, capture_output=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "oms.broker" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_of_what_is_held(desk):
    pair(desk)
    found = positions()
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout == (
        "CURRENT PORTFOLIO STATUS\n"
        "========================================\n"
        "symbol  qty  avg price     last  market value  unrealized  realized\n"
        "  NVDA  100    $500.00  $510.00    $51,000.00   $1,000.00    -$1.00\n"
        "  MSFT  -50    $200.00  $190.00    -$9,500.00     $500.00    -$1.00\n"
        "Total Portfolio Value: $41,500.00\n"
        "Total Unrealized P&L: $1,500.00\n"
        "Total Realized P&L: -$2.00\n"
    )


def test_what_is_no_longer_held_is_in_the_realized_total_only(desk):
    pair(desk)
    desk.bar("10:01", "503 503 503 503")
    desk.sent(desk.order("SELL", 100))
    desk.turn_at("10:02")
    lines = positions().stdout.splitlines()
    assert not [line for line in lines if "NVDA" in line]
    assert lines[-1] == "Total Realized P&L: $297.00"  # 300, and three dollars of commission


def test_as_json_every_digit_is_there(desk):
    pair(desk)
    told = json.loads(positions("--json").stdout)
    assert told["account"] == "SIMULATED"
    nvda, msft = told["positions"]
    assert {name: D(value) for name, value in nvda.items() if name not in ("symbol", "priced_at")} == {
        "qty": 100,
        "avg_price": 500,
        "cost_basis": 50_000,
        "last_price": 510,
        "market_value": 51_000,
        "unrealized_pnl": 1_000,
        "realized_pnl": -1,
        "commissions": 1,
    }
    assert (nvda["symbol"], nvda["priced_at"]) == ("NVDA", "2020-12-01T20:59:00+00:00")
    assert (msft["symbol"], D(msft["qty"]), D(msft["unrealized_pnl"])) == ("MSFT", -50, 500)
    assert (D(told["total_value"]), D(told["total_unrealized_pnl"]), told["halts"]) == (41_500, 1_500, [])


def test_as_json_of_a_fresh_desk(desk):
    told = json.loads(positions("--json").stdout)
    assert [(one["symbol"], one["qty"], one["market_value"]) for one in told["positions"]] == [
        ("NVDA", "0", "0"),
        ("MSFT", "0", "0"),
    ]
    assert (told["total_value"], told["total_unrealized_pnl"]) == ("0", "0")


def test_without_a_stored_bar_the_value_is_not_known_and_not_zero(desk):
    pair(desk)
    desk.execute("DELETE FROM market_data WHERE symbol = 'MSFT'")
    lines = positions().stdout.splitlines()
    assert lines[4].split() == ["MSFT", "-50", "$200.00", "?", "?", "?", "-$1.00"]
    assert lines[5:7] == ["Total Portfolio Value: ?", "Total Unrealized P&L: ?"]
    told = json.loads(positions("--json").stdout)
    assert (told["positions"][1]["market_value"], told["total_value"]) == (None, None)


def test_what_is_halted_is_said_as_it_was_typed(desk):
    desk.store.within(lambda account: account.say_halted("NVDA", "ada", HOSTILE, halted=True))
    assert positions().stdout == FRESH + f"HALTED: NVDA, by ada: {HOSTILE}\n"
    (halt,) = json.loads(positions("--json").stdout)["halts"]
    assert (halt["symbol"], halt["who"], halt["why"]) == ("NVDA", "ada", HOSTILE)


def test_money_is_rounded_for_people_and_never_a_negative_zero():
    held = Position("SIMULATED", "NVDA", D(3), D("100.005"), D("300.015"), last_price=D("100.004"))
    lines = as_text([held]).splitlines()
    assert lines[3].split() == ["NVDA", "3", "$100.00", "$100.00", "$300.01", "$0.00", "$0.00"]
    assert json.loads(as_json("SIMULATED", [held]))["positions"][0]["unrealized_pnl"] == "-0.003"
    large = replace(held, quantity=D("1234567"), last_price=D("1000"), cost_basis=D(2_000_000_000))
    assert as_text([large]).splitlines()[3].split()[1::3] == ["1,234,567", "$1,234,567,000.00"]
    everything = [Halt(None, new_york("10:00"), "ada", "to look")]
    assert as_text([], everything).splitlines()[-1] == "HALTED: all trading, by ada: to look"


# In a few numbers


def test_summary(desk):
    """40 of the 100 NVDA are sold at 503: 3 dollars a share, less the dollar of the sale and 40/100 of another."""
    pair(desk)
    desk.bar("10:01", "503 503 503 503")
    desk.sent(desk.order("SELL", 40))
    desk.turn_at("10:02")
    found = positions("summary")
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        "exposure",
        "  gross: 40,100.00",
        "  net: 21,100.00",
        "  by symbol: MSFT -9,500.00, NVDA 30,600.00",
        "  unpriced: none",
        "profit and loss",
        "  realized: 117.00",
        "  unrealized: 1,100.00",
        "  total: 1,217.00",
        "  commissions: 3.00",
        "turnover",
        "  total: 80,120.00",
        "  by day: 2020-12-01 80,120.00",
        "statistics",
        "  trades: 1",
        "  wins: 1",
        "  losses: 0",
        "  win rate: 1.00",
        "  average win: 118.60",
        "  average loss: ?",
        "  largest win: 118.60",
        "  largest loss: ?",
        "  profit factor: ?",
        "  average holding: 0:01:00",
        "  maximum drawdown: 0.00",
    ]
    told = json.loads(positions("summary", "--json").stdout)
    assert (told["open_positions"], D(told["profit_and_loss"]["total"])) == (2, 1217)


def test_summary_of_a_fresh_desk(desk):
    lines = positions("summary").stdout.splitlines()
    assert lines[:5] == ["exposure", "  gross: 0.00", "  net: 0.00", "  by symbol: none", "  unpriced: none"]


def test_a_summary_shows_no_negative_zero():
    assert (shown(D("-0.003")), shown(D("-0.006"))) == ("0.00", "-0.01")


# Whether the broker agrees


def drifted(desk: OrderDesk) -> None:
    """The broker lost a fill: by its books nothing of NVDA is held."""
    pair(desk)
    desk.execute("DELETE FROM simulated_fills WHERE symbol = 'NVDA'")


def test_reconcile_where_the_books_agree(desk):
    pair(desk)
    found = positions("reconcile")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "MSFT: -50 by our ledger, -50 at the broker",
        "NVDA: 100 by our ledger, 100 at the broker",
    ]
    assert all(line.endswith("UTC): they agree.") for line in lines)


def test_reconcile_of_nothing(desk):
    found = positions("reconcile")
    assert found.exit_code == 0
    assert "they differ" not in found.stdout


def test_a_drift_is_shown_halts_the_symbol_and_ends_when_it_is_adopted(desk):
    drifted(desk)
    found = positions("reconcile")
    assert found.exit_code == 1
    assert "NVDA is halted: NVDA: 100 by our ledger, 0 at the broker; adopt it, or find the fills" in words(found)
    assert "NVDA: 100 by our ledger, 0 at the broker" in words(found)
    assert "UTC): they differ." in words(found)
    assert "HALTED: NVDA, by oms: drift of -100" in positions().stdout
    adopted = positions("adopt", "nvda", "--why", HOSTILE, "--price", "501.50")
    assert adopted.exit_code == 0
    assert words(adopted) == "NVDA: -100 shares at 501.50 are adopted; orders are allowed again."
    assert "HALTED" not in positions().stdout
    assert desk.rows("SELECT why FROM position_adoptions") == [(HOSTILE,)]
    assert positions("reconcile").exit_code == 0
    assert desk.position().realized_pnl == 150 - 1


def test_an_adoption_says_what_is_still_halted(desk):
    drifted(desk)
    positions("reconcile")
    desk.store.within(lambda account: account.say_halted(None, "ada", "lunch", halted=True))
    adopted = positions("adopt", "nvda", "--why", "sold by hand", "--price", "501.50")
    assert words(adopted) == "NVDA: -100 shares at 501.50 are adopted; still halted by ada (lunch)."


def test_where_another_process_drives_what_that_one_was_told_last_is_shown(desk):
    drifted(desk)
    assert positions("reconcile").exit_code == 1
    with desk.store.driving() as mine:
        assert mine is not None
        found = positions("reconcile")
    assert found.exit_code == 1
    assert "NVDA: 100 by our ledger, 0 at the broker" in words(found)


@pytest.mark.parametrize("price", ["nan", "inf", "-1", "abc", "1e3", ""])
def test_an_adoption_at_a_price_that_is_none_is_refused(desk, price):
    drifted(desk)
    positions("reconcile")
    found = positions("adopt", "NVDA", "--why", "x", f"--price={price}")
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"--price '{price}' is not understood; give digits" in words(found)
    assert desk.rows("SELECT count(*) FROM position_adoptions") == [(0,)]


@pytest.mark.parametrize("symbol", ["MSFT", "TSLA", "[red]x[/]", "x'; DROP TABLE orders; --"])
def test_where_nothing_differs_there_is_nothing_to_adopt(desk, symbol):
    drifted(desk)
    positions("reconcile")
    found = positions("adopt", symbol, "--why", "x")
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"{symbol.upper()} does not differ from what the broker said last" in words(found)


def test_an_adoption_needs_a_reason(desk):
    found = positions("adopt", "NVDA")
    assert found.exit_code == 2
    assert "--why" in words(found)


@pytest.mark.parametrize("command", [(), ("reconcile",), ("adopt",)])
def test_help(command):
    found = positions(*command, "--help")
    assert found.exit_code == 0
    assert ("Exit status: 0" in words(found)) == bool(command)
