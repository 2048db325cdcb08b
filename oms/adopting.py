"""A person takes the broker's word for a position that drifted: a line of the ledger, and the drift's halt is over."""

from decimal import Decimal

from oms.prices import last_prices
from oms.recording import WHO, Recorder
from oms.service import OrderService
from resources.database.order_store import AccountTransaction
from resources.errors import OrderRefused
from schemas.trading import Adoption, OrderInvalid


def adopt(service: OrderService, symbol: str, who: str, why: str, price: Decimal | None = None) -> Adoption:
    """Take a symbol's position to be what the broker said when the books were last compared.

    Args:
        service: of the account.
        symbol: which.
        who: decides.
        why: they do.
        price: what the shares are taken to have cost; the last close unless given.

    Raises:
        OrderRefused: the books agree, or the ledger has changed since they were compared, or there is no price.
        OrderInvalid: the price is none.

    """
    if price is not None and not (price.is_finite() and price >= 0):
        raise OrderInvalid(f"The price {price} is not allowed; give 0 or more.")

    def adopted(account: AccountTransaction) -> Adoption:
        compared = next((one for one in account.reconciled() if one.symbol == symbol), None)
        ours = next((one.quantity for one in account.positions() if one.symbol == symbol), Decimal(0))
        if compared is None or compared.theirs == ours:
            raise OrderRefused(f"{symbol} does not differ from what the broker said last: there is nothing to adopt.")
        if compared.ours != ours:
            raise OrderRefused(f"{symbol} has changed since it was compared: `intraday positions reconcile` first.")
        last = last_prices(account, [symbol], service.bar_size, service.now()).get(symbol)
        if price is None and last is None:
            raise OrderRefused(f"No bar of {symbol} is stored: say with --price what the shares cost.")
        cost = price if price is not None else last.price if last is not None else Decimal(0)
        line = Adoption(0, account.account, symbol, compared.theirs - ours, cost, service.now(), who, why)
        account.adopt(line)
        if any((halt.symbol, halt.who) == (symbol, WHO) for halt in account.halts()):  # a person's stands
            account.say_halted(symbol, who, f"adopted: {why}", halted=False)
        account.keep_reconciliation(service.now(), symbol, compared.theirs, compared.theirs)
        recorder = Recorder(account, service.bar_size, service.now())
        recorder.adopted(symbol)
        recorder.finish()
        return line

    return service.store.within(adopted)
