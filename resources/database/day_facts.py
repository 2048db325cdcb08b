"""What the database knows of days that have ended: `market.day_facts`, read for many sessions at once.

What it amounts to is judged in `market.end_of_day`; what is known beside the database: `resources.end_of_day`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import pandas as pd
import psycopg

from market.day_facts import Books, DayEvents, Judgement, SymbolDay, Unknown
from market.quality.verdicts import COUNTS_MISSING
from market.sessions import BarSize, Session, sessions_before
from resources.database.order_store import OrderStore, shown_account, traded_account
from resources.database.queries import named_query
from resources.database.server import DatabaseServer
from resources.database.session_store import refuse_other_bar_size
from resources.database.summary import stored_summary
from resources.settings import Settings
from schemas.quality import Action, Span


def stored_days(
    server: DatabaseServer, sessions: Sequence[Session], symbols: Sequence[str], bar_size: BarSize
) -> dict[str, tuple[SymbolDay, ...]]:
    """What is stored of each session, by its key.

    Args:
        server: the database.
        sessions: ascending.
        symbols: of which.
        bar_size: the desk's.

    Raises:
        OtherBarSize: the database holds bars of another length.

    """
    with server.connect() as connection:
        refuse_other_bar_size(connection, server.shown, bar_size)
        bars = _bars(connection, sessions, symbols)
        lacking = [symbol for symbol in symbols if not bars[sessions[0].key, symbol].stored]
        before = connection.execute(named_query("last_bars"), {"symbols": lacking, "before": sessions[0].open})
        newest = {symbol: pd.Timestamp(at) + bar_size.delta for symbol, at, _ in before}
    missing = _missing(server, [one for one in sessions if _lacks(one, symbols, bars, bar_size)], symbols, bar_size)
    days: dict[str, tuple[SymbolDay, ...]] = {}
    for session in sessions:
        of_day = {symbol: bars[session.key, symbol] for symbol in symbols}
        newest |= {symbol: one.last + bar_size.delta for symbol, one in of_day.items() if one.last is not None}
        days[session.key] = tuple(
            SymbolDay(symbol, one.stored, missing.get((session.key, symbol), ()), newest.get(symbol))
            for symbol, one in of_day.items()
        )
    return days


class _Bars(NamedTuple):
    stored: int
    last: pd.Timestamp | None
    """Start of the last one, UTC."""


_BarsOf = Mapping[tuple[str, str], _Bars]
"""By session key and symbol."""


def _bars(connection: psycopg.Connection, sessions: Sequence[Session], symbols: Sequence[str]) -> _BarsOf:
    asked = {
        "sessions": [one.key for one in sessions],
        "firsts": [one.open for one in sessions],
        "lasts": [one.close for one in sessions],
        "first": sessions[0].open,
        "last": sessions[-1].close,
        "symbols": list(symbols),
    }
    return {
        (day, symbol): _Bars(stored, None if last is None else pd.Timestamp(last))
        for day, symbol, stored, last in connection.execute(named_query("bars_of_days"), asked)
    }


def _lacks(session: Session, symbols: Sequence[str], bars: _BarsOf, bar_size: BarSize) -> bool:
    expected = len(session.minutes(bar_size))
    return any(bars[session.key, symbol].stored < expected for symbol in symbols)


def _missing(
    server: DatabaseServer, lacking: Sequence[Session], symbols: Sequence[str], bar_size: BarSize
) -> dict[tuple[str, str], tuple[Span, ...]]:
    """By session key and symbol, the bars that are not stored; most sessions have them all and are not looked at."""
    found = stored_summary(server, symbols, lacking[0].day, lacking[-1].day) if lacking else []
    gaps = {(one.session, one.symbol): one.gaps for one in found}
    return {
        (session.key, symbol): tuple(
            Span(
                first=begin.isoformat(),
                last=(end - bar_size.delta).isoformat(),
                bars=-((begin - end) // bar_size.delta),
            )
            for begin, end in gaps.get((session.key, symbol), ((session.open, session.close),))
        )
        for session in lacking
        for symbol in symbols
    }


def gate_history(
    server: DatabaseServer, sessions: Sequence[Session], settings: Settings
) -> dict[str, tuple[Judgement, ...]]:
    """By session key, the newest judgements of the last sessions that were judged up to it, newest session first.

    No further back than twice as many sessions as are wanted: of a desk that ran now and then it may be fewer.
    """
    most = settings.eod.gate_sessions
    before = list(islice(sessions_before(sessions[0]), 2 * most))
    asked = {
        "rule": COUNTS_MISSING,
        "first": (before or [sessions[0]])[-1].open,
        "last": sessions[-1].open,
        "environment": settings.environment,
        "bar_size": settings.bar_size.value,
        "symbols": list(settings.symbols),
    }
    with server.connect() as connection:
        judged = [_judgement(*row) for row in connection.execute(named_query("gate_history"), asked)]
    return {session.key: tuple([one for one in judged if one.session <= session.key][:most]) for session in sessions}


def _judgement(
    day: object, action: str, blocking: list[str], not_computed: list[str], lacking: dict[str, list[dict[str, object]]]
) -> Judgement:
    gaps = {symbol: tuple(map(Span.model_validate, found)) for symbol, found in lacking.items() if found}
    return Judgement(str(day), Action(action), tuple(blocking), tuple(not_computed), gaps)


def day_events(server: DatabaseServer, sessions: Sequence[Session]) -> dict[str, DayEvents]:
    """By session key, what went wrong on its New York day."""
    asked = {"first": sessions[0].midnights[0], "last": sessions[-1].midnights[1]}
    with server.connect() as connection:
        rows = connection.execute(named_query("day_troubles"), asked).fetchall()
    return {session.key: _events([row[1:] for row in rows if _on(session, row[0])]) for session in sessions}


def _on(session: Session, at: pd.Timestamp) -> bool:
    midnight, next_one = session.midnights
    return bool(midnight <= at < next_one)


def _events(rows: Sequence[tuple[str, str]]) -> DayEvents:
    of: Mapping[str, list[str]] = {kind: [what for is_kind, what in rows if is_kind == kind] for kind, _ in rows}
    return DayEvents(Counter(of.get("down", ())), tuple(of.get("quarantined", ())), len(of.get("withheld", ())))


def books(server: DatabaseServer, settings: Settings) -> Books | Unknown:
    """Both books of the account that orders go to, as they were last compared: the broker is not asked."""
    account = traded_account(settings, server)
    if account is None:
        return Unknown("No account of Interactive Brokers is configured, or was traded before.")
    compared, halts, orders = OrderStore(server, account).read(
        lambda of: (of.reconciled(), of.halts(), of.orders(limit=1))
    )
    asked_at = min((one.asked_at for one in compared), default=None)
    return Books(shown_account(account), tuple(compared), asked_at, tuple(halts), bool(orders))
