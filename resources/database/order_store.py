"""Keeps orders and what happened to them, the ledger of fills, positions and halts: what an account is, in one place.

Everything that changes together is one transaction, which `within` lends; one at a time has it, so that what was read
in it still holds when it is written. What events and fills amount to is the business of `oms`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

from resources.database.order_rows import (
    KeptEvent,
    KeptOrder,
    adoption_of,
    commission_of,
    fill_of,
    halt_of,
    kept_event_of,
    kept_order_of,
    order_row,
    position_of,
    position_row,
)
from resources.database.queries import named_query
from resources.database.retries import repeatable, with_retries
from resources.database.server import DatabaseServer
from resources.errors import OrderRefused, UnknownOrder
from resources.ib.values import masked
from resources.settings import Settings
from schemas.broker import Compared
from schemas.order_events import OrderEvent, Outcome
from schemas.risk import Halt
from schemas.trading import Adoption, Commission, Fill, Order, OrderState, Position

ACCOUNT_LOCK: Final = 0x61636374
""""acct": with the account, the lock of a transaction that changes what it has."""
DRIVER_LOCK: Final = 0x64726976
""""driv": the same of the process that speaks to its broker."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LedgerLines:
    """What positions are folded from."""

    fills: list[Fill]
    commissions: list[Commission]
    adoptions: list[Adoption]

    def __iter__(self) -> Iterator[Fill | Commission | Adoption]:
        return chain(self.fills, self.commissions, self.adoptions)


@dataclass(frozen=True, slots=True)
class Reconciled(Compared):
    """What two books said of a symbol, and when."""

    asked_at: datetime


@dataclass(frozen=True)
class OrderStore:
    """What one account is."""

    server: DatabaseServer
    account: str
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    """Waits that many seconds between two attempts."""

    def within(self, work: Callable[["AccountTransaction"], Result]) -> Result:
        """Do the work in one transaction, one at a time; tried again where the line broke, so it may be done twice.

        Raises:
            DatabaseError: it was not done, or nobody knows.

        """

        def done() -> Result:
            with self.server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute(named_query("lock_account"), {"class": ACCOUNT_LOCK, "account": self.account})
                return work(AccountTransaction(cursor, self.account))

        return with_retries(done, self.sleep)

    def read(self, work: Callable[["AccountTransaction"], Result]) -> Result:
        """The same for those who only look: nobody waits for them."""

        def done() -> Result:
            with self.server.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return work(AccountTransaction(cursor, self.account))

        return with_retries(done, self.sleep)

    @contextmanager
    def driving(self) -> Iterator[Callable[[], bool] | None]:
        """Be the one process that speaks to the account's broker while the block runs; None where another is.

        What is given tells whether it still is: the claim ends with its connection.
        """
        asked = {"class": DRIVER_LOCK, "account": self.account}
        with self.server.outside_transactions() as connection:
            row = connection.execute(named_query("drive_account"), asked).fetchone()

            def still() -> bool:
                try:
                    return connection.execute("SELECT 1").fetchone() is not None
                except psycopg.Error:
                    return False

            yield still if row and row[0] else None


@dataclass(frozen=True)
class AccountTransaction:
    """An account while a transaction holds it."""

    cursor: psycopg.Cursor[DictRow]
    account: str

    def add_order(self, order: Order, created_at: datetime) -> None:
        """Append an order, PENDING.

        Raises:
            OrderRefused: there is one of that id, of this account or another.

        """
        if not self._do("add_order", **order_row(order), created_at=created_at):
            raise OrderRefused(f"There is an order {order.client_order_id} already; give another id.")

    def order(self, client_order_id: str) -> KeptOrder:
        """One order.

        Raises:
            UnknownOrder: the account has none of that id.

        """
        found = self.known([client_order_id])
        if not found:
            raise UnknownOrder(f"There is no order {client_order_id} of this account.")
        return found[client_order_id]

    def known(self, client_order_ids: Iterable[str]) -> dict[str, KeptOrder]:
        """Those of the orders that the account has, by id."""
        found = self._orders(ids=list(client_order_ids), open=False, limit=None)
        return {one.order.client_order_id: one for one in found}

    def orders(self, limit: int) -> list[KeptOrder]:
        """The newest orders, oldest first."""
        return self._orders(ids=None, open=False, limit=limit)

    def open_orders(self) -> list[KeptOrder]:
        """Those that have not ended, oldest first."""
        return self._orders(ids=None, open=True, limit=None)

    def events(self, client_order_id: str) -> list[KeptEvent]:
        """All that happened to an order, in the order in which it became known."""
        return [kept_event_of(row) for row in self._ask("order_events", client_order_id=client_order_id)]

    def add_event(self, event: OrderEvent, outcome: Outcome, reason: str, state: OrderState, filled: Decimal) -> None:
        """Append what happened, and leave the order in that state, with so many shares filled."""
        self._do("add_order_event", **asdict(event), outcome=outcome, reason=reason, state=state, filled=filled)

    def orders_since(self, after: datetime, now: datetime) -> int:
        """How many were made after the one and by the other."""
        return int(self._ask("count_orders", after=after, now=now)[0]["count"])

    def alike(self, order: Order, after: datetime, now: datetime) -> str | None:
        """The id of an order that asks for the same and was made after the one and by the other."""
        found = self._ask("alike_orders", **order_row(order) | {"after": after, "now": now})
        return found[0]["client_order_id"] if found else None

    def add_fill(self, fill: Fill) -> bool:
        """Append a fill to the ledger; False where it is there."""
        return self._do("add_fill", **asdict(fill)) == 1

    def keep_commission(self, commission: Commission) -> str | None:
        """Keep what a fill cost; the symbol of the fill where that is known and the amount is news."""
        found = self._ask("keep_commission", **asdict(commission))
        return found[0]["symbol"] if found else None

    def adopt(self, adoption: Adoption) -> None:
        """Append a person's decision to the ledger; it is given its number."""
        self._do("adopt_position", **asdict(adoption))

    def ledger(self, symbols: Sequence[str] | None = None) -> LedgerLines:
        """Its lines, of some symbols or of all."""
        wanted = None if symbols is None else list(symbols)
        return LedgerLines(
            [fill_of(row) for row in self._ask("ledger_fills", symbols=wanted)],
            [commission_of(row) for row in self._ask("ledger_commissions", symbols=wanted)],
            [adoption_of(row) for row in self._ask("ledger_adoptions", symbols=wanted)],
        )

    def positions(self, before: datetime | None = None) -> list[Position]:
        """What is held, without lots, valued by the last bar that begins before then; by now unless said."""
        return [position_of(row) for row in self._ask("current_positions", before=before)]

    def keep_position(self, position: Position) -> None:
        """Make the kept position this one."""
        self._do("keep_position", **position_row(position))

    def open_positions(self, symbols: Sequence[str]) -> None:
        """Have a row, with nothing held, for each symbol that has none."""
        self._do("open_positions", symbols=list(symbols))

    def closes(self, symbols: Sequence[str], before: datetime) -> dict[str, tuple[Decimal, datetime]]:
        """Of each symbol the close and the start of the last stored bar that begins before then, where there is one."""
        rows = self._ask("last_bars", symbols=list(symbols), before=before)
        return {row["symbol"]: (row["close"], row["timestamp"]) for row in rows}

    def halts(self) -> list[Halt]:
        """What is halted, in words that may be shown."""
        return [halt_of(row) for row in self._ask("halts")]

    def say_halted(self, symbol: str | None, who: str, why: str, *, halted: bool) -> None:
        """Append a halt, or that it is over; of a symbol, or of everything."""
        self._do("add_halt", symbol=symbol, who=who, why=why, halted=halted)

    def keep_reconciliation(self, asked_at: datetime, symbol: str, ours: Decimal, theirs: Decimal) -> None:
        """Keep what two books say now."""
        self._do("keep_reconciliation", asked_at=asked_at, symbol=symbol, ours=ours, theirs=theirs)

    def reconciled(self) -> list[Reconciled]:
        """What both books said of each symbol when they were last compared; by symbol."""
        return [Reconciled(**row) for row in self._ask("reconciliations")]

    def _orders(self, **asked: object) -> list[KeptOrder]:
        return [kept_order_of(row) for row in self._ask("orders", **asked)]

    def _ask(self, query: str, **asked: object) -> list[DictRow]:
        return self.cursor.execute(named_query(query), {**asked, "account": self.account}).fetchall()

    def _do(self, query: str, **given: Any) -> int:
        return self.cursor.execute(named_query(query), {**given, "account": self.account}).rowcount


@repeatable
def driven(server: DatabaseServer) -> bool:
    """Whether a process speaks to a broker for any account of this database."""
    with server.connect() as connection:
        return connection.execute(named_query("driven"), {"class": DRIVER_LOCK}).fetchone() == (True,)


def is_simulated(account: str) -> bool:
    """Whether an account is the simulated broker's; the others are people's (`oms.account` begins with SIM)."""
    return account.startswith("SIM")


def shown_account(account: str) -> str:
    """An account as it may be shown: that of a broker with its number masked."""
    return account if is_simulated(account) else masked(account)


def accounts_kept(server: DatabaseServer) -> list[str]:
    """The accounts of which the database has positions."""
    with server.connect() as connection:
        return [account for (account,) in connection.execute(named_query("accounts_kept"))]


def traded_account(settings: Settings, server: DatabaseServer) -> str | None:
    """The account that orders go to: as configured, or the one paper account that was traded before; else None."""
    if settings.oms.broker == "simulated":
        return settings.oms.account
    if settings.ib.account is not None:
        return settings.ib.account
    kept = [account for account in accounts_kept(server) if not is_simulated(account)]
    return kept[0] if len(kept) == 1 else None
