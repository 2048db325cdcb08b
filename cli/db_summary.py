"""`intraday db summary`: what is stored, per symbol and session."""

import json
from collections.abc import Sequence
from datetime import date

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from market.telling import new_york
from resources.database.opening import open_server
from resources.database.summary import SessionSummary, stored_summary
from resources.settings import load_settings
from schemas.errors import UnknownSession
from schemas.words import counted


def summary(symbols: Sequence[str], first: str | None, last: str | None, console: Console, *, as_json: bool) -> int:
    """The command."""
    server = open_server(load_settings().home)
    wanted = [symbol.strip().upper() for symbol in symbols]
    found = stored_summary(server, wanted, _day(first), _day(last))
    if as_json:
        console.out(json.dumps([_plain(one) for one in found], indent=1), highlight=False)
    elif found:
        console.print(_table(found))
        console.print(f"{counted(sum(one.rows for one in found), 'bar')} in {server.shown}.", highlight=False)
    else:
        of = f" of {', '.join(wanted)}" if wanted else ""
        console.print(f"{server.shown} holds no bars{escape(of)} in that range.", highlight=False)
    return 0


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UnknownSession(f"{text!r} is not a date of the form YYYY-MM-DD.") from None


def _table(found: Sequence[SessionSummary]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("symbol", "session", "bars", "first, last"):
        table.add_column(column, no_wrap=True)
    for column in ("gaps", "source"):
        table.add_column(column, overflow="fold")
    for one in found:
        colour = "green" if not one.missing else "red" if not one.rows else "yellow"
        table.add_row(
            escape(one.symbol),
            one.session,
            f"[{colour}]{one.rows}[/] of {one.expected}",
            f"{_clock(one.first)}, {_clock(one.last)}" if one.rows else "",
            _gaps(one),
            escape(", ".join(one.sources)),
        )
    table.caption = "Times are New York's; of a gap the first missing minute and the first after it."
    return table


def _gaps(one: SessionSummary) -> str:
    if one.longest is None:
        return ""
    longest = f"{_clock(one.longest[0])}-{_clock(one.longest[1])}"
    return longest if len(one.gaps) == 1 else f"{len(one.gaps)}, longest {longest}"


def _clock(at: pd.Timestamp | None) -> str:
    return "" if at is None else new_york(at)


def _plain(one: SessionSummary) -> dict[str, object]:
    """For machines: stamps in UTC."""
    return {
        "symbol": one.symbol,
        "session": one.session,
        "rows": one.rows,
        "expected": one.expected,
        "first": one.first and one.first.isoformat(),
        "last": one.last and one.last.isoformat(),
        "missing": one.missing,
        "gaps": [[begin.isoformat(), end.isoformat()] for begin, end in one.gaps],
        "sources": list(one.sources),
    }
