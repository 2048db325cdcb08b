"""A portfolio read back, and a fill taken in, where ten thousand fills are stored: beside a bare round trip.

`python -m bench.positions`. What is held is a row a symbol, so reading it does not depend on the fills; a fill more
reads and folds its symbol's ledger anew, and commits.
"""

from datetime import timedelta
from itertools import count
from statistics import median

from bench.ledger import ACCOUNT, COST, FILLS, SYMBOL, absolute, busy
from bench.measure import REPETITIONS, Row, Side, Work, heading, show, timed
from bench.server import benchmark_database, benchmark_server
from market.sessions import BarSize
from oms.recording import Recorder
from resources.database.order_store import AccountTransaction, OrderStore
from schemas.broker import BrokerEvent
from schemas.trading import Commission, Fill

READ_AT_MOST, TAKE_AT_MOST = 0.005, 0.5
"""Seconds."""


def main() -> None:
    """Measure and print."""
    with benchmark_server() as url, benchmark_database(url) as server:
        store = OrderStore(server, ACCOUNT)
        store.within(lambda account: account.open_positions([SYMBOL, "MSFT"]))
        fills = busy(FILLS + 100)
        store.within(lambda account: take(account, fills[:FILLS]))
        more = count(FILLS)
        heading(f"{FILLS} fills of one symbol stored")
        rows = [
            measured("positions read", lambda: store.read(lambda account: account.positions()), READ_AT_MOST),
            measured("halts read: a round trip", lambda: store.read(lambda account: account.halts()), READ_AT_MOST),
            measured(
                "one fill more, folded and committed",
                lambda: store.within(lambda account: take(account, [fills[next(more)]])),
                TAKE_AT_MOST,
            ),
        ]
        show(rows)


def measured(what: str, work: Work, limit: float) -> Row:
    """A row beside the time that it may take."""
    return absolute(what, median(timed(Side("store", work)) for _ in range(REPETITIONS)), limit)


def take(account: AccountTransaction, fills: list[Fill]) -> None:
    """Take in what a broker tells."""
    recorder = Recorder(account, BarSize.ONE_MINUTE, fills[-1].executed_at + timedelta(seconds=1))
    told: list[BrokerEvent] = [line for fill in fills for line in (fill, Commission(fill.exec_id, COST))]
    recorder.take(told)
    recorder.finish()


if __name__ == "__main__":
    main()
