"""Shows what an account holds: `intraday positions`, and `python -m oms.position_tracker`.

One view, as text and as JSON; it reads what is stored and asks no broker.
"""

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TextIO

from oms.opening import open_store
from resources.database.opening import open_server
from resources.database.server import DatabaseServer
from resources.settings import Settings, load_settings
from schemas.errors import IntradayError
from schemas.risk import Halt
from schemas.trading import Position

TITLE = "CURRENT PORTFOLIO STATUS"
LINE = "=" * 40
COLUMNS = ("symbol", "qty", "avg price", "last", "market value", "unrealized", "realized")


def positions_of(settings: Settings, server: DatabaseServer) -> tuple[str, list[Position], list[Halt]]:
    """The desk's account, what it holds and ever held, valued by the last stored bars, and what is halted."""
    store = open_store(settings, server)
    positions, halts = store.read(lambda account: (account.positions(), account.halts()))
    return store.account, positions, halts


def as_text(positions: Sequence[Position], halts: Sequence[Halt] = ()) -> str:
    """The status for people: what is held, its value and what it would bring; `?` where no bar is stored."""
    held = [position for position in positions if position.quantity]
    lines = [TITLE, LINE]
    lines += _table(held) if held else ["No active positions"]
    lines.append(f"Total Portfolio Value: {_money(_total(held, 'market_value'))}")
    lines.append(f"Total Unrealized P&L: {_money(_total(held, 'unrealized_pnl'))}")
    realized = sum((position.realized_pnl for position in positions), Decimal(0))
    if realized:
        lines.append(f"Total Realized P&L: {_money(realized)}")
    lines += [f"HALTED: {halt.symbol or 'all trading'}, by {halt.who}: {halt.why}" for halt in halts]
    return "\n".join(lines)


def as_json(account: str, positions: Sequence[Position], halts: Sequence[Halt] = ()) -> str:
    """The same for machines: money and shares as text, exact; null where it is not known."""
    told: dict[str, Any] = {
        "account": account,
        "positions": [
            {
                "symbol": one.symbol,
                "qty": str(one.quantity),
                "avg_price": str(one.average_price),
                "cost_basis": str(one.cost_basis),
                "last_price": _text(one.last_price),
                "priced_at": None if one.priced_at is None else one.priced_at.isoformat(),
                "market_value": _text(one.market_value),
                "unrealized_pnl": _text(one.unrealized_pnl),
                "realized_pnl": str(one.realized_pnl),
                "commissions": str(one.commissions),
            }
            for one in positions
        ],
        "total_value": _text(_total(positions, "market_value")),
        "total_unrealized_pnl": _text(_total(positions, "unrealized_pnl")),
        "halts": [{"symbol": one.symbol, "at": one.at.isoformat(), "who": one.who, "why": one.why} for one in halts],
    }
    return json.dumps(told, indent=2)


def main(out: TextIO = sys.stdout) -> int:
    """Print the status of the desk's account; the exit status."""
    try:
        settings = load_settings()
        _, positions, halts = positions_of(settings, open_server(settings.home))
    except IntradayError as error:
        sys.stderr.write(f"{error.sentence()}\n")
        return 2
    out.write(as_text(positions, halts) + "\n")
    return 0


def _table(held: Sequence[Position]) -> list[str]:
    rows = [
        (
            one.symbol,
            f"{one.quantity:,f}",
            _money(one.average_price),
            _money(one.last_price),
            _money(one.market_value),
            _money(one.unrealized_pnl),
            _money(one.realized_pnl),
        )
        for one in held
    ]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (COLUMNS, *rows)]


def _total(positions: Sequence[Position], what: str) -> Decimal | None:
    """The sum; None where one of them is not known."""
    values: list[Decimal | None] = [getattr(position, what) for position in positions]
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return "?"
    cents = round(amount, 2)
    return f"{'-' if cents < 0 else ''}${abs(cents):,.2f}"


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


if __name__ == "__main__":
    sys.exit(main())
