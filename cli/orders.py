"""`intraday orders`: what the commands do. What an order goes through is in `oms.service`."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape

from cli.ending import complain_of
from cli.gate_accept import operating_system_user
from cli.order_tables import event_told, order_told, show_history, show_orders
from market.sessions import session_at
from oms.driving import Driver
from oms.opening import SIMULATED, MarketClock, open_service
from oms.service import OrderService
from resources.database.opening import open_server
from resources.database.order_rows import KeptOrder
from resources.errors import ConfigError, OrderRefused
from resources.settings import Settings, load_settings
from schemas.trading import Order, OrderInvalid, OrderState, OrderType, Side, TimeInForce

LISTED: Final = 1_000
POLL_SECONDS: Final = 0.2
RECONCILE_SECONDS: Final = 60
UNHEARD: Final = (OrderState.PENDING, OrderState.SUBMITTED)
NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """An order as it was typed."""

    side: str
    symbol: str
    shares: str
    limit: str | None
    stop: str | None
    tif: str
    client_order_id: str | None

    def order(self, account: str) -> Order:
        """The order.

        Raises:
            OrderInvalid: naming what was typed and what is allowed.

        """
        types = {(False, False): "MARKET", (True, False): "LIMIT", (False, True): "STOP", (True, True): "STOP_LIMIT"}
        if self.tif.upper() not in TimeInForce.__members__:
            raise OrderInvalid(f"--tif {self.tif} is not understood; allowed: day, gtc, ioc.")
        return Order(
            client_order_id=secrets.token_hex(4) if self.client_order_id is None else self.client_order_id,
            account=account,
            symbol=self.symbol.strip().upper(),
            side=Side(self.side),
            order_type=OrderType(types[self.limit is not None, self.stop is not None]),
            quantity=number("SHARES", self.shares),
            limit_price=None if self.limit is None else number("--limit", self.limit),
            stop_price=None if self.stop is None else number("--stop", self.stop),
            time_in_force=TimeInForce(self.tif.upper()),
        )


def make(wanted: Wanted, at: str | None, wait: float, console: Console) -> int:
    """The command: an order, and what the broker makes of it."""
    settings = load_settings()
    clock = MarketClock(_moment(at, settings))
    with service_of(settings, console, clock) as service:
        order = wanted.order(service.store.account)
        name = order.client_order_id
        with driver_of(service) as driver:
            try:
                service.submit(order)
            except OrderRefused as error:
                complain_of(error)
                return 1
            kept = _followed(service, driver, name, wait, clock, lambda kept: kept.state not in UNHEARD)
        show_orders([kept], console)
        if kept.state in UNHEARD:
            console.print(f"Nothing was heard of it in {wait:g} s; `intraday orders show {name}` says what comes.")
    return 1 if kept.state in (*UNHEARD, OrderState.REJECTED) else 0


def cancel(name: str, at: str | None, wait: float, console: Console) -> int:
    """The command: ask for a cancel, and wait for the answer."""
    settings = load_settings()
    clock = MarketClock(_moment(at, settings))
    with service_of(settings, console, clock) as service, driver_of(service) as driver:
        try:
            service.request_cancel(name, operating_system_user())
        except OrderRefused as error:
            complain_of(error)
            return 1
        kept = _followed(service, driver, name, wait, clock, lambda kept: kept.state.ended or not kept.to_cancel)
        show_orders([kept], console)
    return 0 if kept.state is OrderState.CANCELLED else 1


def modify(
    name: str, shares: str | None, limit: str | None, stop: str | None, at: str | None, wait: float, console: Console
) -> int:
    """The command: ask for other terms, and wait for the answer."""
    typed = {"--shares": ("quantity", shares), "--limit": ("limit_price", limit), "--stop": ("stop_price", stop)}
    given = {term: number(option, text) for option, (term, text) in typed.items() if text is not None}
    if not given:
        raise OrderInvalid("Nothing is to be modified: give --shares, --limit or --stop.")
    settings = load_settings()
    clock = MarketClock(_moment(at, settings))
    with service_of(settings, console, clock) as service, driver_of(service) as driver:
        try:
            terms = service.request_modify(name, operating_system_user(), **given)
        except OrderRefused as error:
            complain_of(error)
            return 1
        kept = _followed(service, driver, name, wait, clock, lambda kept: kept.state.ended or kept.modification is None)
        show_orders([kept], console)
    return 0 if kept.order.terms == terms else 1


def list_orders(console: Console, *, every: bool, as_json: bool) -> int:
    """The command: orders as a table, or as JSON."""
    with service_of(load_settings(), console, MarketClock()) as service:
        kept = service.store.read(lambda account: account.orders(LISTED) if every else account.open_orders())
    if as_json:
        console.out(json.dumps([order_told(one) for one in kept], indent=2), highlight=False)
    elif kept:
        show_orders(kept, console)
    else:
        console.print("No orders." if every else "No open orders; --all shows those that have ended.")
    return 0


def show(name: str, console: Console, *, as_json: bool) -> int:
    """The command: one order and all that happened to it."""
    with service_of(load_settings(), console, MarketClock()) as service:
        kept, events = service.store.read(lambda account: (account.order(name), account.events(name)))
    if as_json:
        told = order_told(kept) | {"events": [event_told(one) for one in events]}
        console.out(json.dumps(told, indent=2), highlight=False)
        return 0
    show_orders([kept], console)
    show_history(events, console)
    return 0


def halt(symbol: str | None, why: str, console: Console, *, halted: bool) -> int:
    """The command: halt or resume."""
    settings = load_settings()
    symbol = None if symbol is None else _traded(symbol, settings)
    with service_of(settings, console, MarketClock()) as service:
        service.store.within(lambda account: account.say_halted(symbol, operating_system_user(), why, halted=halted))
        halts = service.store.read(lambda account: account.halts())
    console.print(f"{symbol or 'All trading'} is {'halted' if halted else 'allowed again'}.")
    for one in halts if not halted else ():
        console.print(
            f"Still halted: {one.symbol or 'all trading'}, by {one.who} ({escape(one.why)}).", highlight=False
        )
    return 0


def run(console: Console) -> int:
    """The command: drive the account until it is interrupted."""
    with service_of(load_settings(), console, MarketClock()) as service, service.store.driving() as mine:
        if mine is None:
            raise OrderRefused("Another process drives this account already; there is one at a time.")
        console.print("Orders of the account are sent from here. Ctrl-C ends it.", highlight=False)
        driver = Driver(service, mine, time.sleep, connected=False)
        while True:
            due = time.monotonic() + RECONCILE_SECONDS
            driver.until(lambda until=due: time.monotonic() >= until)  # type: ignore[misc]
            driver.reconcile()


def _followed(
    service: OrderService,
    driver: Driver | None,
    name: str,
    wait: float,
    clock: MarketClock,
    heard: Callable[[KeptOrder], bool],
) -> KeptOrder:
    """The order once something was heard of it, or the time is up; where the market stands still, at its close."""
    ends = time.monotonic() + wait

    def look() -> KeptOrder:
        return service.store.read(lambda account: account.order(name))

    def done() -> bool:
        return heard(look()) or time.monotonic() >= ends

    def drive(by: Driver) -> None:
        by.until(done)
        if clock.stands is not None:
            clock.stands = max(clock.stands, session_at(pd.Timestamp(clock.stands)).close.to_pydatetime())
            service.reconcile()  # takes in what came of it, and sends nothing

    if driver is not None:
        drive(driver)
    while not done():
        time.sleep(POLL_SECONDS)
        with driver_of(service) as ours:  # whoever drove may have ended meanwhile
            if ours is not None:
                drive(ours)
    return look()


@contextmanager
def service_of(settings: Settings, console: Console, clock: MarketClock) -> Iterator[OrderService]:
    """The desk's order service, not connected."""
    server = open_server(settings.home)
    service = open_service(settings, server, lambda line: console.print(escape(line), highlight=False), clock)
    try:
        yield service
    finally:
        service.broker.close()


@contextmanager
def driver_of(service: OrderService) -> Iterator[Driver | None]:
    """This process as the one that speaks to the broker, connected; None where another does."""
    with service.store.driving() as mine:
        if mine is None:
            yield None
            return
        service.connect()
        yield Driver(service, mine, time.sleep)


def _moment(at: str | None, settings: Settings) -> datetime | None:
    if at is None:
        return None
    if settings.oms.broker != SIMULATED:
        raise ConfigError(f"--at is for the simulated broker; oms.broker is {settings.oms.broker}.")
    try:
        given = datetime.fromisoformat(at)
        moment = given.astimezone(UTC) if given.tzinfo is not None else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise OrderInvalid(
            f"--at {at} is not understood; give a time with its offset, as in 2020-12-01T10:00:00-05:00."
        )
    session_at(pd.Timestamp(moment))  # a day without a session is refused
    return moment


def number(name: str, typed: str) -> Decimal:
    """A number that was typed as this.

    Raises:
        OrderInvalid: it is not written in digits.

    """
    if not NUMBER.fullmatch(typed.strip()):
        raise OrderInvalid(f"{name} {typed!r} is not understood; give digits, as in 100 or 485.50.")
    return Decimal(typed)


def _traded(symbol: str, settings: Settings) -> str:
    wanted = symbol.strip().upper()
    if wanted not in settings.symbols:
        raise OrderRefused(f"{wanted} is not traded here; allowed: {', '.join(settings.symbols)}.")
    return wanted
