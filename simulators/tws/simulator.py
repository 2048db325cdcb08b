"""The TWS stand-in, and what a test or a person can make happen at it.

What belongs here: starting and stopping, and the controls. What does not: answers to clients (`desk` and what it
handles requests with), the rules of the book (`book`).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Self

import pandas as pd

from simulators.histories import Histories
from simulators.recordings import load_yahoo_bars, yahoo_symbols
from simulators.tws import messages
from simulators.tws.account_answers import AccountAnswers
from simulators.tws.bars import Bar
from simulators.tws.book import Book
from simulators.tws.data_answers import DataAnswers
from simulators.tws.desk import Desk
from simulators.tws.faults import Fault, FaultQueue, parse_fault
from simulators.tws.notices import TEXTS
from simulators.tws.order_answers import OrderAnswers
from simulators.tws.publisher import Publisher
from simulators.tws.records import MANUAL_CLIENT, MSFT, NVDA, Event, Executed, Execution, Instrument, Order, Ticket
from simulators.tws.requests import Kind, Request
from simulators.tws.sockets import HOST

PRICES = {"NVDA": "485.00", "MSFT": "415.00"}
VERSIONS = range(170, 179)
DATA_LOST = 1101
Key = int | str
"""An order's permId, or its orderRef, which names the newest that has it."""
Number = Decimal | int | str


class TwsSimulator:
    """A broker's book behind a loopback port that `ib_async` and `ib_insync` connect to, as `with` block or by start().

    Orders fill at `prices`: a market order at once, a limit order when it is marketable, a stop when it was triggered;
    a stock without a price lets its orders rest until `price` or `fill`. The book outlives `stop` and `restart`. `now`
    gives the aware time, in executions and for pacing. `bars` replaces the recordings that history is answered from, a
    table per symbol as in `YahooSimulator`; volumes come in `lots` of so many shares. The `master_client_id`
    hears of all orders. `faults` are specs (see `faults.FORMS`) or faults.

    Controls may be called from any thread; what they send is in the clients' sockets when they return. Raises
    ValueError for a server version that is not 170 to 178, and for a bad fault. A client that speaks only older
    versions gets its own highest.
    """

    def __init__(
        self,
        faults: Iterable[str | Fault] = (),
        port: int = 0,
        *,
        accounts: Iterable[str] = ("DU1234567",),
        instruments: Iterable[Instrument] = (NVDA, MSFT),
        prices: Mapping[str, Number] = PRICES,
        money: Decimal = Decimal(1_000_000),
        server_version: int = 176,
        master_client_id: int | None = None,
        bars: Mapping[str, pd.DataFrame] | None = None,
        lots: int = 1,
        paced: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if server_version not in VERSIONS:
            raise ValueError(f"the server version {server_version} is not between {VERSIONS[0]} and {VERSIONS[-1]}")
        self.faults = tuple(parse_fault(each) if isinstance(each, str) else each for each in faults)
        queue = FaultQueue(self.faults)
        self._book = Book(accounts, instruments, {each: Decimal(at) for each, at in prices.items()}, money, now)
        self._book.pieces = queue.pieces
        self._desk = Desk(self._book, queue, port, server_version, now)
        self._publisher = Publisher(self._desk, master_client_id)
        load = {symbol: partial(load_yahoo_bars, symbol) for symbol in yahoo_symbols()}
        self._data = DataAnswers(self._desk, Histories(load, bars, (), "start"), lots, paced=paced)
        for answers in (
            OrderAnswers(self._desk, self._publisher),
            AccountAnswers(self._desk, self._publisher),
            self._data,
        ):
            self._desk.handlers |= answers.handlers
        self._lock = self._desk.lock

    # Running.

    @property
    def host(self) -> str:
        """The address to connect to."""
        return HOST

    @property
    def port(self) -> int:
        """The port, the same over restarts; raises RuntimeError before the first start."""
        return self._desk.port

    def start(self) -> Self:
        """Binds the port and serves from a background thread; raises OSError where the port is taken."""
        self._desk.start("tws")
        return self

    def stop(self) -> None:
        """Cuts all clients and closes the port; does nothing when stopped. The book stays."""
        self._desk.stop()

    def restart(self) -> None:
        """The nightly restart: clients are cut, the port is there again, the book stays."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # What stands in the book, and what was asked.

    @property
    def orders(self) -> tuple[Order, ...]:
        """All orders ever, in the order of arrival, as they are now."""
        with self._lock:
            return self._book.orders

    @property
    def executions(self) -> tuple[Execution, ...]:
        """The executions of the day after their last corrections."""
        with self._lock:
            return self._book.executions

    def order(self, key: Key) -> Order:
        """The order of that name; raises KeyError where there is none."""
        with self._lock:
            return self._book.order(key)

    def position(self, symbol: str, account: str | None = None) -> Decimal:
        """How many shares the account has, the first account unless one is named; short ones are negative."""
        with self._lock:
            return self._book.position(account or self._book.accounts[0], symbol).quantity

    @property
    def symbols(self) -> tuple[str, ...]:
        """The stocks that are traded."""
        return tuple(self._book.instruments)

    @property
    def clients(self) -> tuple[int, ...]:
        """The ids of the clients that are connected."""
        with self._lock:
            return tuple(session.client_id for session in self._desk.sessions)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Everything that clients sent after the handshake and that was seen."""
        with self._lock:
            return tuple(self._desk.log)

    def wait_for(self, kind: Kind, count: int = 1, timeout: float = 10) -> None:
        """Waits until so many requests of a kind were dealt with since the beginning; raises TimeoutError."""
        with self._lock:
            if not self._desk.heard.wait_for(
                lambda: [each.kind for each in self._desk.log].count(kind) >= count, timeout
            ):
                raise TimeoutError(f"{count} requests {kind.name} did not come in {timeout:g} s")

    # What happens to orders.

    def price(self, symbol: str, value: Number | None) -> None:
        """The stock trades at `value`: stops trigger, marketable orders fill. None: it does not trade, orders rest."""
        self._happen(lambda book: book.price(symbol, None if value is None else Decimal(value)))

    def fill(self, key: Key, shares: Number | None = None, price: Number | None = None) -> None:
        """Fills shares of an order, all that remain unless said, at the stock's price unless said.

        A cancelled order fills too. Raises ValueError for more than remain, and where there is no price.
        """
        with self._lock:
            order = self._book.order(key)
            at = self._book.prices.get(order.ticket.symbol) if price is None else Decimal(price)
            if at is None:
                raise ValueError(f"{order.ticket.symbol} has no price, so the fill needs one")
            much = order.remaining if shares is None else Decimal(shares)
            self._publisher.publish(self._book.fill(order.perm_id, much, at))

    def reject(self, key: Key, code: int = 201, reason: str = "stand-in") -> None:
        """Rejects an open order without fills."""
        text = TEXTS[code].format(reason)
        self._happen(lambda book: book.reject(book.order(key).perm_id, code, text))

    def cancel(self, key: Key, reason: str = "") -> None:
        """The system cancels an open order: error 202 though no client asked."""
        self._happen(lambda book: book.end(book.order(key).perm_id, reason, "Cancelled by System"))

    def hold_cancels(self, held: bool = True) -> None:
        """From now on cancels wait as PendingCancel, until `confirm_cancel` or `refuse_cancel`."""
        with self._lock:
            self._book.hold_cancels = held

    def confirm_cancel(self, key: Key) -> None:
        """A cancel that waited is done."""
        self._happen(lambda book: book.end(book.order(key).perm_id))

    def refuse_cancel(self, key: Key) -> None:
        """A cancel that waited is refused, the order works on."""
        self._happen(lambda book: book.resume(book.order(key).perm_id))

    def refuse_cancels_with(self, code: int) -> None:
        """Cancels of orders that are done are refused with 10148, or with 161."""
        with self._lock:
            self._book.refused_cancel_code = code

    def hold(self, key: Key, why: str = "locate") -> None:
        """An open order is held back, PreSubmitted with `whyHeld`; an empty reason lets it go."""
        self._happen(lambda book: book.hold(book.order(key).perm_id, why))

    def correct(self, exec_id: str, shares: Number | None = None, price: Number | None = None) -> None:
        """A corrected execution: same base, next revision. Zero shares take the execution back."""
        much, at = (None if each is None else Decimal(each) for each in (shares, price))
        self._happen(lambda book: book.correct(exec_id.rpartition(".")[0], much, at))

    def repeat(self, exec_id: str) -> None:
        """Sends an execution again, as it stands."""
        self._happen(lambda book: [Executed(book.execution(exec_id.rpartition(".")[0]))])

    def hold_commissions(self, held: bool = True) -> None:
        """From now on commissions wait for `release_commissions`."""
        with self._lock:
            self._publisher.holds_commissions = held

    def release_commissions(self) -> None:
        """Sends the commissions that waited."""
        with self._lock:
            self._publisher.release_commissions()

    def trade_manually(self, symbol: str, action: str, shares: Number, price: Number) -> None:
        """A person trades in TWS: client 0, no order id, no orderRef."""
        with self._lock:
            account, quantity, limit = self._book.accounts[0], Decimal(shares), Decimal(price)
            ticket = Ticket(MANUAL_CLIENT, 0, account, symbol, action, quantity, "LMT", limit)
            self._publisher.publish(self._book.place(ticket, match=False))
            self._publisher.publish(self._book.fill(self._book.orders[-1].perm_id, quantity, limit))

    def expire(self) -> None:
        """The session closes: DAY orders end."""
        self._happen(lambda book: book.expire())

    def new_day(self) -> None:
        """Executions and completed orders so far are yesterday's: nobody is told of them any more."""
        with self._lock:
            self._book.new_day()

    def rewind_order_ids(self) -> None:
        """Ids of orders that are done may come again, and clients that connect are told to begin with low ones."""
        with self._lock:
            self._book.rewind_ids()

    # What happens to connections.

    def add_fault(self, fault: str | Fault) -> None:
        """One more fault from now on; raises ValueError for a bad spec."""
        with self._lock:
            self._desk.faults.add(parse_fault(fault) if isinstance(fault, str) else fault)
            self._book.pieces = self._desk.faults.pieces

    def cut(self, client_id: int | None = None) -> None:
        """Closes the connection of a client, of all unless one is named."""
        with self._lock:
            for session in self._desk.sessions:
                if client_id in (None, session.client_id):
                    self._desk.close(session.peer)

    def silence(self, silent: bool = True) -> None:
        """The clients that are connected hear nothing any more, though what they ask for is done."""
        with self._lock:
            for session in self._desk.sessions:
                session.silent = silent

    def notice(self, code: int, key: Key | None = None, text: str | None = None) -> None:
        """Says an error or a warning to all clients, or about an order to its client; the text is IB's unless given.

        1101 (data lost) ends all real-time bars.
        """
        said = TEXTS[code] if text is None else text
        with self._lock:
            owner, order_id = None, -1
            if key is not None:
                ticket = self._book.order(key).ticket
                owner, order_id = ticket.client_id, ticket.order_id
            for session in self._desk.sessions:
                if owner in (None, session.client_id):
                    self._desk.say(session, messages.error(order_id, code, said))
                if code == DATA_LOST:
                    session.bars.clear()

    # Market data.

    def push_bar(self, symbol: str, bar: Bar) -> None:
        """Sends a bar of five seconds to all who asked for those of the stock."""
        with self._lock:
            self._data.push(symbol, bar)

    def replay(self, symbol: str, since: datetime, until: datetime) -> None:
        """Sends the bars of five seconds that ended between these aware times, made of the recorded minutes.

        The stock trades at the close of each.
        """
        with self._lock:
            for bar in self._data.replay(symbol, since, until):
                self.push_bar(symbol, bar)
                self._publisher.publish(self._book.price(symbol, Decimal(str(bar.close))))

    def bust_bars(self, symbol: str) -> None:
        """A bust ends the real-time bars of the stock: error 10225, and no more bars until they are asked for anew."""
        with self._lock:
            for session in self._desk.sessions:
                for request_id in [number for number, asked in session.bars.items() if asked == symbol]:
                    del session.bars[request_id]
                    self._desk.say(session, messages.error(request_id, 10225, TEXTS[10225]))

    def _happen(self, what: Callable[[Book], Iterable[Event]]) -> None:
        with self._lock:
            self._publisher.publish(what(self._book))
