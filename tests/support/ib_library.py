"""The client library that the tests drive the TWS stand-in with: `ib_async`, or `ib_insync` where that is installed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

try:
    import ib_async as ib
except ImportError:
    import ib_insync as ib

from simulators.tws import TwsSimulator

IS_IB_ASYNC = ib.__name__ == "ib_async"
NVDA = ib.Stock("NVDA", "SMART", "USD")
MSFT = ib.Stock("MSFT", "SMART", "USD")


@contextmanager
def connected(tws: TwsSimulator, client_id: int = 7, **options: Any) -> Iterator[Any]:
    """A client of the library that is connected; it ends with the block, however that ends."""
    client = ib.IB()
    client.connect(tws.host, tws.port, clientId=client_id, **{"timeout": 10, **options})
    try:
        yield client
    finally:
        client.disconnect()


def buy(shares: int, ref: str, **terms: Any) -> Any:
    """A market order."""
    return ib.MarketOrder("BUY", shares, orderRef=ref, **terms)


def limit(action: str, shares: int, price: float, ref: str, **terms: Any) -> Any:
    """A limit order."""
    return ib.LimitOrder(action, shares, price, orderRef=ref, **terms)


def until(client: Any, happened: Callable[[], bool], timeout: float = 10) -> None:
    """Runs the client's loop until something is so; raises TimeoutError.

    `waitOnUpdate` in a loop would miss what arrives in the turn of the loop in which it begins to wait.
    """

    async def wait() -> None:
        done = asyncio.get_running_loop().create_future()

        def look(*_: Any) -> None:
            if not done.done() and happened():
                done.set_result(None)

        events = (client.updateEvent, client.disconnectedEvent)
        for event in events:
            event.connect(look)
        try:
            look()
            await asyncio.wait_for(done, timeout)
        finally:
            for event in events:
                event.disconnect(look)

    ib.util.run(wait())


def filled(client: Any, contract: Any, order: Any) -> Any:
    """Places an order and waits until it is filled."""
    trade = client.placeOrder(contract, order)
    until(client, lambda: trade.orderStatus.status == "Filled")
    return trade


def settle(client: Any) -> None:
    """Lets everything arrive that the server has sent: the answer to a question comes after it."""
    client.reqCurrentTime()
