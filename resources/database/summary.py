"""What is stored, per symbol and session, held against the exchange's calendar.

One query groups the bars by day; which minutes there should have been is `market.sessions`' to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import psycopg
from psycopg.rows import class_row

from market.sessions import NEW_YORK, BarSize, Session, sessions_between
from resources.database.queries import named_query
from resources.database.server import DatabaseServer

Span = tuple[pd.Timestamp, pd.Timestamp]
"""Missing bars: the start of the first, inclusive, and the end of the last, exclusive; UTC."""


@dataclass(frozen=True)
class StoredDay:
    """What the query says of a symbol's day."""

    symbol: str
    day: date
    rows: int
    first: pd.Timestamp
    last: pd.Timestamp
    sources: list[str]
    gap_begins: list[pd.Timestamp]
    gap_ends: list[pd.Timestamp]


@dataclass(frozen=True)
class SessionSummary:
    """What is stored of a symbol's session."""

    symbol: str
    session: str
    """New York date."""
    rows: int
    expected: int
    """Bars that the exchange's calendar asks for."""
    first: pd.Timestamp | None
    """Start of the first stored bar, UTC; None: there is none."""
    last: pd.Timestamp | None
    sources: tuple[str, ...]
    gaps: tuple[Span, ...]
    missing: int
    """Bars in the gaps."""

    @property
    def longest(self) -> Span | None:
        """The longest gap, the first of equal ones."""
        return max(self.gaps, key=lambda gap: gap[1] - gap[0], default=None)


def stored_summary(
    server: DatabaseServer, symbols: Sequence[str] = (), first: date | None = None, last: date | None = None
) -> list[SessionSummary]:
    """A summary per symbol and session, by symbol and day; empty where nothing is stored in the range.

    Args:
        server: a database with the schema.
        symbols: which; all where none is named.
        first: New York day, inclusive; None: the first that is stored.
        last: New York day, inclusive; None: the last that is stored.

    Raises:
        UnknownSession: the calendar does not reach that far.

    """
    with server.connect() as connection:
        size = _bar_size(connection)
        if size is None:
            return []
        rows = _days(connection, size, symbols, first, last)
    if not rows:
        return []
    sessions = sessions_between(first or min(row.day for row in rows), last or max(row.day for row in rows))
    stored = {(row.symbol, row.day): row for row in rows}
    return [
        _summary(symbol, session, size, stored.get((symbol, session.day)))
        for symbol in sorted({*symbols, *(row.symbol for row in rows)})
        for session in sessions
    ]


def gaps_of(session: Session, size: BarSize, bars: Span | None, inner: Sequence[Span]) -> list[Span]:
    """The spans of a session in which bars are missing.

    Args:
        session: the session.
        size: how long a bar is.
        bars: the starts of the first and of the last bar that there is; None: there is none.
        inner: the starts of the bars on both sides of each gap between these two.

    """
    if bars is None:
        return [(session.open, session.close)]
    spans = [(before + size.delta, after) for before, after in inner]
    spans = [(session.open, bars[0]), *spans, (bars[1] + size.delta, session.close)]
    return [(max(begin, session.open), min(end, session.close)) for begin, end in spans if _inside(session, begin, end)]


def _inside(session: Session, begin: pd.Timestamp, end: pd.Timestamp) -> bool:
    return max(begin, session.open) < min(end, session.close)


def _bar_size(connection: psycopg.Connection) -> BarSize | None:
    row = connection.execute("SELECT bar_size FROM stored_bar_size").fetchone()
    return None if row is None else BarSize(row[0])


def _days(
    connection: psycopg.Connection, size: BarSize, symbols: Sequence[str], first: date | None, last: date | None
) -> list[StoredDay]:
    parameters = {
        "symbols": list(symbols),
        "first": "-infinity" if first is None else pd.Timestamp(first, tz=NEW_YORK),
        "last": "infinity" if last is None else pd.Timestamp(last, tz=NEW_YORK) + pd.DateOffset(days=1),
        "bar_size": size.delta.to_pytimedelta(),
    }
    with connection.cursor(row_factory=class_row(StoredDay)) as cursor:
        return cursor.execute(named_query("stored_summary"), parameters).fetchall()


def _summary(symbol: str, session: Session, size: BarSize, row: StoredDay | None) -> SessionSummary:
    bars = None if row is None else (pd.Timestamp(row.first), pd.Timestamp(row.last))
    inner = (
        [] if row is None else [*zip(map(pd.Timestamp, row.gap_begins), map(pd.Timestamp, row.gap_ends), strict=True)]
    )
    gaps = gaps_of(session, size, bars, inner)
    return SessionSummary(
        symbol=symbol,
        session=session.key,
        rows=0 if row is None else row.rows,
        expected=len(session.minutes(size)),
        first=bars and bars[0],
        last=bars and bars[1],
        sources=() if row is None else tuple(row.sources),
        gaps=tuple(gaps),
        missing=sum(-((begin - end) // size.delta) for begin, end in gaps),
    )
