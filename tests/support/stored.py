"""Puts bars into a database as they are, behind the gate's back, for tests of what is read."""

from collections.abc import Iterable

import psycopg

INSERT = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'file', 'as_traded')
"""

THROUGH_THE_VIEW = """
CREATE OR REPLACE FUNCTION longer_bars_query(bucket text, bars text DEFAULT 'market_data') RETURNS text IMMUTABLE
LANGUAGE sql AS $$ SELECT 'SELECT * FROM market_data_1d' $$
"""
"""After a test has put its own view in the place of the days: plain PostgreSQL would make them of the stored bars."""

Row = tuple[object, str, str, str, str, str, int]
"""Time, symbol, the four prices as text, volume."""


def put_bars(url: str, rows: Iterable[Row], bar_size: str = "1min") -> None:
    """Store them as bars of that length."""
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO stored_bar_size (bar_size) VALUES (%s) ON CONFLICT DO NOTHING", [bar_size])
        connection.cursor().executemany(INSERT, rows)


def bar(at: object, symbol: str = "NVDA", price: str = "10", volume: int = 1) -> Row:
    """A bar of one price."""
    return (at, symbol, price, price, price, price, volume)
