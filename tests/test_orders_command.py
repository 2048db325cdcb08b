"""`intraday orders`, as a person uses it: what it prints and stores, and how it ends.

With `--at` the market of 2020-12-01 is the simulated one: every bar is flat, NVDA at 500.00 and MSFT at 200.00.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support import commands
from tests.support.order_desk import OrderDesk, new_york

TEN = "2020-12-01T10:00:00-05:00"
HOSTILE = "[red]'; DROP TABLE orders; --[/] \\ $(x) 'é' {0} %s"


@pytest.fixture
def desk(order_desk, clean_environment) -> OrderDesk:
    """The desk that the commands find in their environment."""
    clean_environment.setenv("TIMESCALEDB_URL", order_desk.url)
    clean_environment.setenv("INTRADAY_OMS__SIMULATION__SLIPPAGE_BPS", "0")
    return order_desk


def orders(*arguments: str, width: int = 200) -> Result:
    return CliRunner().invoke(app, ["orders", *arguments], env={"COLUMNS": str(width), "NO_COLOR": "1"})


def words(found: Result) -> str:
    """All that was printed, on one line."""
    return " ".join(found.output.split())


def listed(*arguments: str) -> dict[str, dict[str, object]]:
    """The orders of `list --json`, by id."""
    found = orders("list", "--json", *arguments)
    assert found.exit_code == 0
    return {one["client_order_id"]: one for one in json.loads(found.stdout)}


# What it does


def test_buy_shows_what_became_of_the_order_at_the_close(desk):
    found = orders("buy", "NVDA", "100", "--id", "mine", "--at", TEN)
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines()[:2] == ["mine SUBMIT → SUBMITTED", "mine ACCEPT → ACCEPTED"]
    assert "mine FILL 100 at 500.00 → FILLED, 100 of 100" in found.stdout
    row = next(line for line in found.stdout.splitlines() if line.startswith(" mine  "))
    assert row.split() == ["mine", "2020-12-01", "15:00:00", "BUY", "100", "NVDA,", "market", "DAY", "100", "FILLED"]


@pytest.mark.parametrize(
    ("options", "what", "state"),
    [
        (["--limit", "500.50"], "BUY 100 NVDA, limit 500.50 DAY", "FILLED"),
        (["--limit", "499"], "BUY 100 NVDA, limit 499 DAY", "EXPIRED"),
        (["--stop", "501"], "BUY 100 NVDA, stop 501 DAY", "EXPIRED"),
        (["--stop", "500", "--limit", "501"], "BUY 100 NVDA, limit 501, stop 500 DAY", "FILLED"),
        (["--limit", "499", "--tif", "gtc"], "BUY 100 NVDA, limit 499 GTC", "ACCEPTED"),
        (["--limit", "499", "--tif", "IOC"], "BUY 100 NVDA, limit 499 IOC", "CANCELLED"),
    ],
)
def test_kinds_of_orders(desk, options, what, state):
    found = orders("buy", "nvda", "100", *options, "--at", TEN)
    assert found.exit_code == 0
    assert what in words(found)
    (kept,) = listed("--all").values()
    assert kept["state"] == state


def test_sell_sells_short_what_is_not_held(desk):
    assert orders("sell", "MSFT", "50", "--at", TEN).exit_code == 0
    assert desk.position("MSFT").quantity == -50


def test_without_an_id_one_is_made_up(desk):
    assert orders("buy", "NVDA", "1", "--at", TEN).exit_code == 0
    (name,) = listed("--all")
    assert len(name) == 8


def test_a_refusal_is_one_sentence_and_nothing_is_stored(desk):
    found = orders("buy", "NVDA", "1001", "--at", TEN)
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == (
        "BUY 1001 NVDA is refused: it could make 1001 shares of NVDA, and 1000 are allowed (position_shares). "
        "A retry would not help.\n"
    )
    assert listed("--all") == {}


def test_without_at_it_is_now_and_the_bars_of_2020_are_stale(desk):
    found = orders("buy", "NVDA", "1")
    assert found.exit_code == 1
    assert "(data_age_seconds)" in words(found) or "the exchange is closed" in words(found)


def test_the_same_order_again_is_taken_for_a_slip_and_an_id_is_taken_once(desk):
    assert orders("buy", "NVDA", "100", "--id", "mine", "--at", TEN).exit_code == 0
    again = orders("buy", "NVDA", "100", "--at", TEN)
    assert again.exit_code == 1
    assert "mine asked for the same less than 10 s ago (repeat_seconds)" in words(again)
    taken = orders("sell", "NVDA", "1", "--id", "mine", "--at", TEN)
    assert taken.exit_code == 1
    assert "There is an order mine already; give another id." in words(taken)


def test_cancel(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    found = orders("cancel", "mine", "--at", "2020-12-01T16:00:00-05:00")
    assert found.exit_code == 0
    assert "CANCELLED" in found.stdout
    again = orders("cancel", "mine", "--at", "2020-12-01T16:00:00-05:00")
    assert again.exit_code == 1
    assert "mine is CANCELLED: there is nothing to cancel." in words(again)


def test_time_never_runs_backwards_in_a_command_after_the_close(desk):
    """What a session ends with is looked at by its close, or by the time given where that is later."""
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    assert orders("cancel", "mine", "--at", "2020-12-01T17:00:00-05:00").exit_code == 0
    assert max(one.event.at for one in desk.events("mine")) == new_york("17:00")


def test_modify(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    found = orders("modify", "mine", "--limit", "499.50", "--shares", "150", "--at", "2020-12-01T11:00:00-05:00")
    assert (found.exit_code, found.stderr) == (0, "")
    lines = found.stdout.splitlines()
    assert lines[0].startswith("mine MODIFY_REQUEST 150 shares, limit 499.50 → ACCEPTED: by ")
    assert lines[1] == "mine MODIFY 150 shares, limit 499.50 → ACCEPTED"
    assert "BUY 150 NVDA, limit 499.50" in words(found)
    assert (listed()["mine"]["quantity"], listed()["mine"]["limit_price"]) == ("150", "499.50")
    history = [line.split()[2:7] for line in orders("show", "mine").stdout.splitlines() if line.startswith(" 2020")]
    assert history[2][:4] == ["MODIFY_REQUEST", "150", "499.50", "ACCEPTED"]
    assert history[3] == ["MODIFY", "150", "499.50", "ACCEPTED"]


def test_a_modified_stop_is_in_the_history(desk):
    order = ["--limit", "510", "--stop", "505", "--tif", "gtc", "--id", "mine", "--at", TEN]
    assert orders("buy", "NVDA", "100", *order).exit_code == 0
    assert orders("modify", "mine", "--stop", "506", "--at", TEN).exit_code == 0
    assert "MODIFY 100 510 stop 506 ACCEPTED" in words(orders("show", "mine"))
    told = json.loads(orders("show", "mine", "--json").stdout)
    assert (told["events"][-1]["price"], told["events"][-1]["stop_price"]) == ("510", "506")


def test_a_modification_that_is_not_to_be_had(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    same = orders("modify", "mine", "--shares", "100", "--at", TEN)
    assert same.exit_code == 1
    assert "mine asks for 100 shares, limit 499 already: there is nothing to modify." in words(same)
    desk.bar("15:58", "498 498 498 498")
    desk.execute("UPDATE simulated_orders SET reached = placed_at")
    late = orders("modify", "mine", "--shares", "50", "--at", "2020-12-01T15:59:30-05:00")
    assert late.exit_code == 1
    assert listed("--all")["mine"]["state"] == "FILLED"


def test_a_modification_that_nobody_answers_is_shown_as_asked_for(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--id", "mine", "--tif", "gtc", "--at", TEN)
    with desk.store.driving():  # by a process that hangs
        found = orders("modify", "mine", "--shares", "50", "--at", TEN, "--wait", "0")
    assert found.exit_code == 1
    assert "BUY 100 NVDA, limit 499 (asked for: 50 shares, limit 499)" in words(found)


def test_cancel_of_an_order_that_was_filled_meanwhile(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    desk.bar("15:59", "498 498 498 498")
    desk.execute("UPDATE simulated_orders SET reached = placed_at")
    found = orders("cancel", "mine", "--at", "2020-12-01T16:00:00-05:00")
    assert found.exit_code == 1
    assert listed("--all")["mine"]["state"] == "FILLED"


def test_list(desk):
    assert orders("list").stdout == "No open orders; --all shows those that have ended.\n"
    assert orders("list", "--all").stdout == "No orders.\n"
    orders("buy", "NVDA", "100", "--id", "done", "--at", TEN)
    orders("buy", "NVDA", "5", "--limit", "499", "--tif", "gtc", "--id", "waits", "--at", TEN)
    assert list(listed()) == ["waits"]
    assert list(listed("--all")) == ["done", "waits"]
    assert "done" not in orders("list").stdout
    assert listed()["waits"] == {
        "client_order_id": "waits",
        "account": "SIMULATED",
        "symbol": "NVDA",
        "side": "BUY",
        "order_type": "LIMIT",
        "quantity": "5",
        "limit_price": "499",
        "stop_price": None,
        "time_in_force": "GTC",
        "state": "ACCEPTED",
        "filled": "0",
        "created_at": "2020-12-01T15:00:00+00:00",
    }


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_narrow_screen_nothing_of_an_order_is_cut_off(desk, width):
    name = "a" * 20 + "b" * 20
    orders("buy", "NVDA", "100", "--limit", "501", "--stop", "500", "--id", name, "--at", TEN)
    for command in (["list", "--all"], ["show", name]):
        found = orders(*command, width=width)
        assert "…" not in found.output
        assert max(map(len, found.output.splitlines())) <= width
        assert "FILLED" in found.output
        assert found.output.count("a") >= 20
        assert found.output.count("b") >= 20


def test_show_tells_the_whole_history(desk):
    orders("buy", "NVDA", "100", "--id", "mine", "--at", TEN)
    found = orders("show", "mine")
    assert found.exit_code == 0
    history = [line.split() for line in found.stdout.splitlines() if line.startswith(" 2020-12-01")]
    assert history == [
        ["2020-12-01", "15:00:00", "SUBMIT", "SUBMITTED"],
        ["2020-12-01", "15:00:00", "ACCEPT", "ACCEPTED"],
        ["2020-12-01", "15:01:00", "FILL", "100", "500.00", "FILLED"],
    ]
    told = json.loads(orders("show", "mine", "--json").stdout)
    assert (told["state"], told["filled"], told["created_at"]) == ("FILLED", "100", "2020-12-01T15:00:00+00:00")
    last = told["events"][-1]
    assert (last["kind"], last["outcome"], last["quantity"], last["price"]) == ("FILL", "APPLIED", "100", "500.00")
    assert (last["at"], last["execution"], last["revision"]) == (
        "2020-12-01T15:01:00+00:00",
        "sim.mine.202012011500",
        1,
    )


def test_halt_and_resume(desk):
    assert words(orders("halt", "--why", "to look")) == "All trading is halted."
    refused = orders("buy", "NVDA", "1", "--at", TEN)
    assert refused.exit_code == 1
    assert "all trading has been halted since" in words(refused)
    assert "(to look)" in words(refused)
    assert words(orders("halt", "nvda", "--why", "a split")) == "NVDA is halted."
    resumed = orders("resume")
    assert (resumed.exit_code, resumed.stdout.splitlines()[0]) == (0, "All trading is allowed again.")
    assert "Still halted: NVDA, by " in resumed.stdout
    assert orders("buy", "MSFT", "1", "--at", TEN).exit_code == 0
    assert orders("buy", "NVDA", "1", "--at", TEN).exit_code == 1
    assert words(orders("resume", "NVDA")) == "NVDA is allowed again."
    assert orders("buy", "NVDA", "1", "--at", TEN).exit_code == 0


def test_only_what_is_traded_can_be_halted(desk):
    found = orders("halt", "TSLA")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "TSLA is not traded here; allowed: NVDA, MSFT." in words(found)


# What it does not understand


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["NVDA", "1.5"], 2, "The quantity 1.5 is not allowed; give a whole number of shares above 0."),
        (["NVDA", "0"], 2, "The quantity 0 is not allowed"),
        (["NVDA", "-3"], 2, "No such option"),
        (["--", "NVDA", "-3"], 2, "SHARES '-3' is not understood; give digits, as in 100 or 485.50."),
        (["NVDA", "abc"], 2, "SHARES 'abc' is not understood"),
        (["NVDA", "nan"], 2, "SHARES 'nan' is not understood"),
        (["NVDA", "1e9"], 2, "SHARES '1e9' is not understood"),
        (["NVDA", "1_000"], 2, "SHARES '1_000' is not understood"),
        (["NVDA", "\N{ARABIC-INDIC DIGIT ONE}"], 2, "is not understood; give digits"),
        (["NVDA", ""], 2, "SHARES '' is not understood"),
        (["NVDA", "9" * 60], 1, "1000 are allowed (position_shares)"),
        (["NVDA", "1", "--limit", "0"], 2, "The limit price 0 is not allowed"),
        (["NVDA", "1", "--limit", "0.001"], 2, "The limit price 0.001 is not allowed; give a multiple of 0.01"),
        (["NVDA", "1", "--limit", "inf"], 2, "--limit 'inf' is not understood"),
        (["NVDA", "1", "--limit", "-500"], 2, "--limit '-500' is not understood"),
        (["NVDA", "1", "--stop", "nan"], 2, "--stop 'nan' is not understood"),
        (["NVDA", "1", "--stop", "9" * 40], 2, "is not allowed; give a multiple of 0.01 above 0, below 10,000,000."),
        (["NVDA", "1", "--limit", "10"], 1, "its limit price 10 is 98.0% from the last close 500.00"),
        (["TSLA", "1"], 1, "TSLA is not traded here; allowed: NVDA, MSFT (symbols)"),
        ([HOSTILE, "1"], 1, f"{HOSTILE.upper()} is not traded here"),
        (["NVDA", "1", "--tif", "x"], 2, "--tif x is not understood; allowed: day, gtc, ioc."),
        (["NVDA", "1", "--tif", HOSTILE], 2, f"--tif {HOSTILE} is not understood"),
        (["NVDA", "1", "--id", "a b"], 2, "The order id 'a b' is not understood; allowed: up to 40 letters"),
        (["NVDA", "1", "--id", ""], 2, "The order id '' is not understood"),
        (["NVDA", "1", "--id", "-x"], 2, "The order id '-x' is not understood"),
        (["NVDA", "1", "--id", "x" * 41], 2, "is not understood; allowed: up to 40 letters, digits and .-_:"),
        (["NVDA", "1", "--id", "é"], 2, "The order id 'é' is not understood"),
        (["NVDA", "1", "--id", "[red]x[/]"], 2, "The order id '[red]x[/]' is not understood"),
        (["NVDA", "1", "--id", "x'; DROP TABLE orders; --"], 2, 'DROP TABLE orders; --" is not understood'),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_bad_input_is_named_and_nothing_is_stored(desk, arguments, status, said):
    found = orders("buy", "--at", TEN, *arguments, width=400)
    assert (found.exit_code, found.stdout) == (status, "")
    assert " ".join(said.split()) in words(found)
    assert "Traceback" not in found.output
    assert desk.rows("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "Nothing is to be modified: give --shares, --limit or --stop."),
        (["--shares", "many"], 2, "--shares 'many' is not understood; give digits"),
        (["--shares", "0"], 2, "The quantity 0 is not allowed"),
        (["--stop", "500"], 2, "A LIMIT order has no stop price; 500 was given."),
        (["--limit", "0.001"], 2, "The limit price 0.001 is not allowed; give a multiple of 0.01"),
        (["--limit", "10"], 1, "its limit price 10 is 98.0% from the last close 500.00"),
        (["--shares", "1001"], 1, "it could make 1001 shares of NVDA, and 1000 are allowed (position_shares)"),
    ],
)
def test_a_modification_that_is_not_understood_is_not_stored(desk, arguments, status, said):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    before = desk.history("mine")
    found = orders("modify", "mine", *arguments, "--at", TEN, width=400)
    assert (found.exit_code, found.stdout) == (status, "")
    assert said in words(found)
    assert desk.history("mine") == before


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2020-12-01T10:00:00", "give a time with its offset, as in 2020-12-01T10:00:00-05:00."),
        ("2020-12-01", "give a time with its offset"),
        ("soon", "--at soon is not understood"),
        (HOSTILE, f"--at {HOSTILE} is not understood"),
        ("0001-01-01T00:00:00+14:00", "is not understood"),
        ("0001-06-01T00:00:00+00:00", "is not a date"),
        ("1999-06-01T00:00:00+00:00", "1999-05-31 is outside the calendar"),
        ("9999-12-31T23:59:59-05:00", "is not understood"),
        ("2020-12-05T12:00:00-05:00", "2020-12-05 is no XNYS session; the next one is 2020-12-07."),
        ("2020-12-25T12:00:00-05:00", "2020-12-25 is no XNYS session"),
    ],
)
def test_a_time_that_cannot_be_is_refused(desk, at, said):
    for command in (["buy", "NVDA", "1"], ["modify", "mine", "--shares", "1"], ["cancel", "mine"]):
        found = orders(*command, "--at", at)
        assert (found.exit_code, found.stdout) == (2, "")
        assert said in words(found)


def test_before_the_open_and_after_the_close_the_exchange_is_closed(desk):
    for clock in ("09:29:59", "16:00:00"):
        found = orders("buy", "NVDA", "1", "--at", f"2020-12-01T{clock}-05:00")
        assert found.exit_code == 1
        assert "the exchange is closed" in words(found)


@pytest.mark.parametrize("name", ["nobody-s", "[red]x[/]", "x'; DROP TABLE orders; --", "%s", "..", "é"])
def test_an_order_of_nobody(desk, name):
    for command in (["show"], ["cancel"], ["modify", "--shares", "1"]):
        found = orders(*command, name)
        assert found.exit_code == 2
        assert f"There is no order {name} of this account." in words(found)


def test_words_are_shown_as_they_were_typed(desk):
    orders("halt", "--why", HOSTILE)
    refused = orders("buy", "NVDA", "1", "--at", TEN)
    assert f"({HOSTILE})" in words(refused)
    orders("halt", "NVDA", "--why", HOSTILE)
    assert f"({HOSTILE})" in words(orders("resume"))


@pytest.mark.parametrize("wait", ["-1", "601", "x", "nan"])
def test_a_wait_that_cannot_be_is_refused(desk, wait):
    assert orders("buy", "NVDA", "1", "--wait", wait).exit_code == 2


def test_without_patience_the_order_is_sent_all_the_same(desk):
    assert orders("buy", "NVDA", "1", "--wait", "0", "--id", "mine", "--at", TEN).exit_code == 0
    assert listed("--all")["mine"]["state"] == "FILLED"


def test_at_is_for_the_simulated_broker(desk, clean_environment):
    clean_environment.setenv("INTRADAY_OMS__BROKER", "ib")
    clean_environment.setenv("INTRADAY_IB__ACCOUNT", "DU1234567")
    found = orders("buy", "NVDA", "1", "--at", TEN)
    assert found.exit_code == 2
    assert "--at is for the simulated broker; oms.broker is ib." in words(found)


# Several processes


@contextmanager
def driven(desk: OrderDesk) -> Iterator[None]:
    """Another process drives the account meanwhile."""
    desk.service.connect()
    stop = threading.Event()

    def drive(mine: Callable[[], bool]) -> None:
        while not stop.is_set() and mine():
            desk.service.turn()

    with desk.store.driving() as mine, ThreadPoolExecutor(1) as pool:
        assert mine is not None
        turning = pool.submit(drive, mine)
        try:
            yield
        finally:
            stop.set()
            turning.result(60)


def test_an_order_that_is_made_while_another_process_drives_goes_through_that_one(desk):
    with driven(desk):
        found = orders("buy", "NVDA", "100", "--limit", "499", "--id", "mine", "--at", TEN)
    assert found.exit_code == 0
    assert "SUBMITTED" not in found.stdout  # the other one says it
    assert desk.said == ["mine SUBMIT → SUBMITTED", "mine ACCEPT → ACCEPTED"]


def test_a_cancel_that_is_asked_for_while_another_process_drives_goes_through_that_one(desk):
    with driven(desk):
        orders("buy", "NVDA", "100", "--limit", "499", "--id", "mine", "--at", TEN)
        assert orders("cancel", "mine", "--at", TEN).exit_code == 0
    assert desk.said[-1].startswith("mine CANCEL → CANCELLED")


def test_a_modification_that_is_asked_for_while_another_process_drives_goes_through_that_one(desk):
    with driven(desk):
        orders("buy", "NVDA", "100", "--limit", "499", "--id", "mine", "--at", TEN)
        assert orders("modify", "mine", "--limit", "498", "--at", TEN).exit_code == 0
    assert desk.said[-1] == "mine MODIFY 100 shares, limit 498 → ACCEPTED"


def test_who_drives_may_end_and_leave_the_order_to_who_waits(desk):
    def leave(ready: threading.Event, made: threading.Event) -> None:
        with desk.store.driving() as mine:
            assert mine is not None
            ready.set()
            made.wait(60)

    ready, made, pulse = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(leave, ready, made)
        assert ready.wait(60)

        def watch() -> None:
            while not desk.rows("SELECT 1 FROM orders WHERE state = 'PENDING'") and not pulse.wait(0.05):
                pass
            made.set()

        watching = pool.submit(watch)
        found = orders("buy", "NVDA", "100", "--id", "mine", "--at", TEN)
        pulse.set()
        other.result(60)
        watching.result(60)
    assert found.exit_code == 0
    assert listed("--all")["mine"]["state"] == "FILLED"


def test_two_commands_at_once(desk):
    with ThreadPoolExecutor(3) as pool:
        sold = [pool.submit(commands.intraday, "orders", "buy", "NVDA", f"{n}", "--at", TEN) for n in (10, 20, 30)]
        ended = [one.result() for one in sold]
    assert [status for status, _ in ended] == [0, 0, 0], ended
    assert {(one["quantity"], one["state"]) for one in listed("--all").values()} == {
        ("10", "FILLED"),
        ("20", "FILLED"),
        ("30", "FILLED"),
    }
    assert desk.position().quantity == 60


@contextmanager
def running() -> Iterator["subprocess.Popen[str]"]:
    """`intraday orders run`, once it says that it does."""
    with commands.started("orders", "run") as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "Orders of the account are sent from here. Ctrl-C ends it.\n"
            yield process
        finally:
            process.kill()


def test_run_ends_with_ctrl_c_and_nothing_is_lost(desk):
    orders("buy", "NVDA", "100", "--limit", "499", "--tif", "gtc", "--id", "mine", "--at", TEN)
    for number in (signal.SIGINT, signal.SIGTERM):
        with running() as process:
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
            assert process.returncode == 130
            assert "Orders stand at the broker as they did; run it again to go on." in " ".join(said.split())
            assert "Traceback" not in said
    assert listed()["mine"]["state"] == "ACCEPTED"


def test_a_second_process_cannot_run_and_its_orders_go_through_the_first(desk):
    with running():
        second = orders("run")
        assert second.exit_code == 2
        assert "Another process drives this account already; there is one at a time." in words(second)
        # It is driven by the clock of today, for which an order of 2020 is too old.
        found = orders("buy", "NVDA", "100", "--id", "mine", "--at", TEN, "--wait", "60")
        assert found.exit_code == 1
        assert "REJECTED" in found.stdout
    assert desk.events("mine")[-1].event.said == "not sent within 30 s (intent_seconds)"


@pytest.mark.parametrize("command", ["buy", "sell", "modify", "cancel", "list", "show", "halt", "resume", "run"])
def test_help(command):
    found = orders(command, "--help")
    assert found.exit_code == 0
    if command in ("buy", "modify", "cancel"):
        assert "Exit status: 0" in words(found)
