"""What a symbol last cost, by the stored bars."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from market.sessions import BarSize
from resources.database.order_store import AccountTransaction
from schemas.risk import LastPrice


def last_prices(
    account: AccountTransaction, symbols: Iterable[str], bar_size: BarSize, now: datetime
) -> dict[str, LastPrice]:
    """Of each symbol the close of the last bar that is over by `now`; symbols without a stored bar are left out."""
    length = bar_size.delta.to_pytimedelta()
    begun = now - length + timedelta(microseconds=1)
    closes = account.closes(tuple(symbols), before=begun)
    return {symbol: LastPrice(symbol, close, start + length) for symbol, (close, start) in closes.items()}
