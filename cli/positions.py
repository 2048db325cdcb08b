"""`intraday positions`: what the commands do. How positions come to be is in `oms.ledger`."""

from decimal import Decimal

from rich.console import Console
from rich.markup import escape

from cli.gate_accept import operating_system_user
from cli.orders import number, service_of
from oms.adopting import adopt as adopt_drift
from oms.driving import reconciled
from oms.ledger import Ledger
from oms.opening import MarketClock, open_store
from oms.portfolio import summarise
from oms.position_tracker import as_json as positions_as_json
from oms.position_tracker import as_text, positions_of
from resources.database.opening import open_server
from resources.settings import load_settings


def show(console: Console, *, as_json: bool) -> int:
    """The command: what is held."""
    settings = load_settings()
    account, positions, halts = positions_of(settings, open_server(settings.home))
    told = positions_as_json(account, positions, halts) if as_json else as_text(positions, halts)
    console.out(told, highlight=False)
    return 0


def summary(console: Console, *, as_json: bool) -> int:
    """The command: the portfolio in a few numbers."""
    settings = load_settings()
    store = open_store(settings, open_server(settings.home))
    positions, lines = store.read(lambda account: (account.positions(), account.ledger()))
    ledger = Ledger(lines)
    told = summarise(positions, ledger.trades(), ledger.fills())
    if as_json:
        console.out(told.model_dump_json(indent=2), highlight=False)
        return 0
    for heading, part in told.model_dump(exclude={"open_positions"}).items():
        console.print(f"[bold]{heading.replace('_', ' ')}[/]")
        for name, value in part.items():
            console.print(f"  {name.replace('_', ' ')}: {shown(value)}", highlight=False)
    return 0


def shown(value: object) -> str:
    """A number of the summary: money in cents, `?` where it is not known."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "?"
    return f"{value:z,.2f}" if isinstance(value, Decimal) else str(value)


def reconcile(console: Console) -> int:
    """The command: compare with the broker."""
    with service_of(load_settings(), console, MarketClock()) as service:
        compared = reconciled(service)
    for one in compared:
        agrees = "[red]differ[/]" if one.drift else "agree"
        console.print(f"{one} ({one.asked_at:%Y-%m-%d %H:%M:%S} UTC): they {agrees}.", highlight=False)
    if not compared:
        console.print("Nothing is held, here or there.")
    return int(any(one.drift for one in compared))


def adopt(symbol: str, why: str, price: str | None, console: Console) -> int:
    """The command: a person's decision about a drift."""
    given: Decimal | None = None if price is None else number("--price", price)
    with service_of(load_settings(), console, MarketClock()) as service:
        adopted = adopt_drift(service, symbol.strip().upper(), operating_system_user(), why, given)
        halts = service.store.read(lambda account: account.halts())
    held = [halt for halt in halts if halt.symbol in (None, adopted.symbol)]
    follows = f"still halted by {held[0].who} ({held[0].why})" if held else "orders are allowed again"
    said = f"{adopted.symbol}: {adopted.quantity:f} shares at {adopted.price} are adopted; {follows}."
    console.print(escape(said), highlight=False)
    return 0
