"""The views of longer bars, on the embedded PostgreSQL and on TimescaleDB: hand-computed answers and `aggregate`'s."""

import re
from decimal import Decimal

import pandas as pd
import psycopg
import pytest
from psycopg import sql

from market.aggregate import aggregate
from market.sessions import BarSize, session
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from tests.support.tables import UNMARKED

VIEWS = ("market_data_5min", "market_data_15min", "market_data_1h", "market_data_1d")
COLUMNS = ["timestamp", "symbol", "open", "high", "low", "close", "volume", "bars"]
INSERT = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'file', 'as_traded')
"""


@pytest.fixture
def url(migrated_url) -> str:
    """A database of either kind with the schema in it."""
    return migrated_url


def put(url: str, bars: list[tuple[object, ...]]) -> None:
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(INSERT, bars)


def read(url: str, view: str, *symbols: str) -> list[tuple[object, ...]]:
    """Rows of a view by time and symbol; stamps as New York writes them."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TIME ZONE 'America/New_York'")
        query = sql.SQL('SELECT * FROM {} ORDER BY "timestamp", symbol').format(sql.Identifier(view))
        rows = connection.execute(query).fetchall()
    return [(f"{at:%m-%d %H:%M}", symbol, *rest) for at, symbol, *rest in rows if symbol in (symbols or {symbol})]


def bar(at: str, symbol: str, prices: str, volume: int) -> tuple[object, ...]:
    return (f"{at} America/New_York", symbol, *map(Decimal, prices.split()), volume)


def test_every_view_has_the_same_columns(url):
    with psycopg.connect(url) as connection:
        for view in VIEWS:
            cursor = connection.execute(sql.SQL("TABLE {}").format(sql.Identifier(view)))
            assert [column.name for column in cursor.description or ()] == COLUMNS
            types = connection.execute(
                "SELECT data_type FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
                [view],
            ).fetchall()
            stamp, text, price, whole = ("timestamp with time zone",), ("text",), ("numeric",), ("bigint",)
            assert types == [stamp, text, price, price, price, price, whole, whole]


def test_answers_computed_by_hand(url):
    """Missing minutes, a volume beyond 32 bits, exact decimals, hours that begin at half past, and two symbols."""
    put(
        url,
        [
            bar("2024-01-03 10:31", "NVDA", "12.5 13.000001 11 12", 3_000_000_000),  # not in order of time
            bar("2024-01-03 09:30", "NVDA", "10.1 10.3 10.0 10.2", 100),
            bar("2024-01-03 09:34", "NVDA", "10.2 10.2 9.9 9.95", 50),  # 9:31 to 9:33 are missing
            bar("2024-01-03 09:36", "NVDA", "9.9 10 9.8 9.85", 1),
            bar("2024-01-03 10:29", "NVDA", "9.8 9.9 9.7 9.75", 7),
            bar("2024-01-03 09:31", "MSFT", "370 371 369 370.5", 5),
        ],
    )
    d = Decimal
    later = (d("12.5"), d("13.000001"), d(11), d(12), 3_000_000_000, 1)
    msft = ("MSFT", d(370), d(371), d(369), d("370.5"), 5, 1)
    assert read(url, "market_data_5min") == [
        ("01-03 09:30", *msft),
        ("01-03 09:30", "NVDA", d("10.1"), d("10.3"), d("9.9"), d("9.95"), 150, 2),
        ("01-03 09:35", "NVDA", d("9.9"), d("10"), d("9.8"), d("9.85"), 1, 1),
        ("01-03 10:25", "NVDA", d("9.8"), d("9.9"), d("9.7"), d("9.75"), 7, 1),
        ("01-03 10:30", "NVDA", *later),
    ]
    assert read(url, "market_data_15min", "NVDA") == [
        ("01-03 09:30", "NVDA", d("10.1"), d("10.3"), d("9.8"), d("9.85"), 151, 3),
        ("01-03 10:15", "NVDA", d("9.8"), d("9.9"), d("9.7"), d("9.75"), 7, 1),
        ("01-03 10:30", "NVDA", *later),
    ]
    assert read(url, "market_data_1h") == [
        ("01-03 09:30", *msft),
        ("01-03 09:30", "NVDA", d("10.1"), d("10.3"), d("9.7"), d("9.75"), 158, 4),
        ("01-03 10:30", "NVDA", *later),
    ]
    assert read(url, "market_data_1d") == [
        ("01-03 00:00", *msft),
        ("01-03 00:00", "NVDA", d("10.1"), d("13.000001"), d("9.7"), d(12), 3_000_000_158, 5),
    ]


def test_a_day_is_new_yorks_also_when_clocks_change(url):
    """The Friday before and the Monday after both changes; 19:59 is the next day in UTC and not in New York."""
    days = ("2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04")
    put(url, [bar(f"{day} {at}", "NVDA", "1 1 1 1", 1) for day in days for at in ("04:00", "09:30", "19:59")])
    got = [(row[0], row[-1]) for row in read(url, "market_data_1d")]
    assert got == [(f"{day[5:]} 00:00", 3) for day in days]
    hours = [row[0] for row in read(url, "market_data_1h")]
    assert hours == [f"{day[5:]} {at}" for day in days for at in ("03:30", "09:30", "19:30")]
    with psycopg.connect(url) as connection:
        starts = connection.execute('SELECT DISTINCT "timestamp" FROM market_data_1d ORDER BY 1').fetchall()
    assert [f"{pd.Timestamp(at).tz_convert('UTC'):%H}" for (at,) in starts] == ["05", "04", "04", "05"]


@pytest.mark.parametrize("day", ["2024-01-03", "2024-03-11", "2024-11-29"])  # whole, after a change of clocks, half
def test_five_minutes_are_those_of_the_graph(url, day):
    """`market.aggregate` makes five-minute bars for the feeds; both say the same, minutes missing here and there."""
    one = session(day)
    minutes = one.minutes(BarSize.ONE_MINUTE)
    kept = minutes[[at % 7 != 3 for at in range(len(minutes))]]
    at = pd.Series(range(len(kept)), dtype="float64")
    low = 100 + at % 13 / 4
    bars = pd.DataFrame({"timestamp": kept, "symbol": "NVDA", "open": low + 0.5, "high": low + 2 + at % 5, "low": low})
    bars = bars.assign(close=low + 1, volume=at + 1, **UNMARKED)
    put(url, [(*row[:6], int(row[6])) for row in bars.itertuples(index=False)])
    expected = aggregate(bars, one, BarSize.FIVE_MINUTES)
    with psycopg.connect(url) as connection:
        rows = connection.execute('SELECT * FROM market_data_5min ORDER BY "timestamp"').fetchall()
    got = pd.DataFrame(rows, columns=COLUMNS)
    assert list(pd.to_datetime(got["timestamp"], utc=True)) == list(expected["timestamp"])
    for column in ("open", "high", "low", "close", "volume"):
        assert got[column].astype("float64").tolist() == expected[column].tolist()
    assert got["bars"].sum() == len(kept)


def test_the_extension_carries_a_range_down_to_the_key(timescale_url):
    migrate(DatabaseServer(timescale_url))
    put(timescale_url, [bar(f"2024-{month:02}-03 09:30", "NVDA", "1 1 1 1", 1) for month in range(1, 13)])
    asked = sql.SQL("EXPLAIN SELECT * FROM {} WHERE \"timestamp\" >= '2024-05-01' AND \"timestamp\" < '2024-05-10'")
    with psycopg.connect(timescale_url) as connection:
        for view in VIEWS:
            plan = connection.execute(asked.format(sql.Identifier(view))).fetchall()
            chunks = set(re.findall(r"on (_hyper_\d+_\d+_chunk)", str(plan)))
            assert 1 <= len(chunks) <= 2, (view, chunks)  # of twelve
