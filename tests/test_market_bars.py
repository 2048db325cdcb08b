"""`market_bars` on the embedded PostgreSQL and on TimescaleDB, against rows that the tests wrote themselves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from market.sessions import BarSize, session
from resources.database import arrow_connections
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import (
    ConfigError,
    DatabaseError,
    MigrationError,
    OtherBarSize,
    RequestNotUnderstood,
    UnknownSymbol,
)
from resources.market_bars import market_bars
from tests.support.stored import bar, put_bars

CHECKOUT = Path(__file__).parents[1]
SHARED = ["timestamp", "symbol", "open", "high", "low", "close", "volume"]


@pytest.fixture
def url(migrated_url) -> Iterator[str]:
    """A database of either kind with the schema in it."""
    yield migrated_url
    arrow_connections.CONNECTIONS.close()


@pytest.fixture
def plain(migrated_postgres_url) -> Iterator[str]:
    """One on the embedded PostgreSQL."""
    yield migrated_postgres_url
    arrow_connections.CONNECTIONS.close()


def minutes(day: str) -> list[datetime]:
    return [at.to_pydatetime() for at in session(day).minutes(BarSize.ONE_MINUTE)]


def stamps(bars: pd.DataFrame) -> list[str]:
    return [f"{at:%Y-%m-%d %H:%M}" for at in bars["timestamp"]]


def test_bars_by_time_and_symbol_with_their_types(url):
    """Written out of order; what a vendor wrote with up to 15 digits is the same float64."""
    put_bars(
        url,
        [
            ("2024-01-03 14:31Z", "NVDA", "522.838", "523.1", "522", "522.99", 3_000_000_000),
            ("2024-01-03 14:30Z", "NVDA", "0.1", "0.3", "0.000001", "0.2", 0),
            ("2024-01-03 14:30Z", "MSFT", "370.5", "371.25", "370.000000", "371", 2**62),
            ("2024-01-03 14:32Z", "AAPL", "1", "1", "1", "1", 1),
        ],
    )
    bars = market_bars(["nvda", " MSFT "], "2024-01-03", "2024-01-03", database=url)
    expected = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2024-01-03 14:30Z"] * 2 + ["2024-01-03 14:31Z"]).as_unit("us"),
            "symbol": ["MSFT", "NVDA", "NVDA"],
            "open": [370.5, 0.1, 522.838],
            "high": [371.25, 0.3, 523.1],
            "low": [370.0, 0.000001, 522.0],
            "close": [371.0, 0.2, 522.99],
            "volume": [2**62, 0, 3_000_000_000],
            "source": "file",
            "basis": "as_traded",
        }
    )
    pd.testing.assert_frame_equal(bars, expected, check_exact=True)
    assert str(bars["timestamp"].dtype) == "datetime64[us, UTC]"
    table = market_bars(["NVDA", "MSFT"], "2024-01-03", "2024-01-03", into="arrow", database=url)
    pd.testing.assert_frame_equal(table.to_pandas(), expected, check_exact=True)
    assert table.schema.metadata == {
        b"intraday.symbols": b"NVDA,MSFT",
        b"intraday.start": b"2024-01-03T05:00:00+00:00",
        b"intraday.end": b"2024-01-04T05:00:00+00:00",
        b"intraday.bar_size": b"1min",
    }
    with market_bars(["NVDA", "MSFT"], "2024-01-03", "2024-01-03", into="batches", database=url) as reader:
        assert pa.Table.from_batches(list(reader)).equals(table)


@pytest.mark.parametrize(
    "price",
    ["522.8380000000002", "0.1", "123456789012345678.12345678901234567890", "0.00000000000000000001", "1.5000", "-2"],
)
def test_exact_prices_are_the_decimals_that_went_in(url, price):
    put_bars(url, [bar("2024-01-03 14:30Z", price=price)])
    asked = ("NVDA", "2024-01-03", "2024-01-03")
    (row,) = market_bars(*asked, into="arrow", exact=True, database=url).to_pylist()
    assert [row[name] for name in ("open", "high", "low", "close")] == [Decimal(price)] * 4
    bars = market_bars(*asked, exact=True, database=url)
    assert [f"{one:f}" for one in bars.loc[0, ["open", "high", "low", "close"]]] == [price] * 4
    (row,) = market_bars(*asked, into="arrow", database=url).to_pylist()
    assert row["close"] == float(price)
    (row,) = market_bars(*asked, "1d", into="arrow", exact=True, database=url).to_pylist()
    assert row["close"] == Decimal(price)


@pytest.mark.parametrize("price", ["0.000000000000000000001", "1000000000000000000", "NaN"])
def test_a_price_that_does_not_fit_is_refused_and_never_rounded(plain, price):
    put_bars(plain, [bar("2024-01-03 14:30Z", price=price)])
    with pytest.raises(DatabaseError, match=r"does not fit decimal128\(38, 20\)"):
        market_bars("NVDA", "2024-01-03", "2024-01-03", into="arrow", exact=True, database=plain)
    (read,) = market_bars("NVDA", "2024-01-03", "2024-01-03", exact=True, database=plain)["open"]
    assert str(read) == str(Decimal(price))


def test_bounds_are_new_york_days_or_instants(url):
    """The last minute of one New York day, the first of the next, and what lies around an instant."""
    put_bars(
        url, [bar(at) for at in ("2024-01-03 04:59Z", "2024-01-03 05:00Z", "2024-01-04 04:59Z", "2024-01-04 05:00Z")]
    )

    def found(start: object, end: object) -> list[str]:
        return stamps(market_bars("NVDA", start, end, database=url))  # type: ignore[arg-type]

    assert found("2024-01-03", "2024-01-03") == ["2024-01-03 05:00", "2024-01-04 04:59"]
    assert found("2024-01-03T05:00Z", "2024-01-04T04:59Z") == ["2024-01-03 05:00"]
    assert found(datetime(2024, 1, 3, 5, 0, 1, tzinfo=UTC), "2024-01-04T05:00:00.000001Z") == [
        "2024-01-04 04:59",
        "2024-01-04 05:00",
    ]
    assert found("2024-01-04", "2024-01-05") == ["2024-01-04 05:00"]


@pytest.mark.parametrize(
    ("day", "first", "last", "count"),
    [
        ("2024-03-08", "14:30", "20:59", 390),
        ("2024-03-11", "13:30", "19:59", 390),  # summer time since the day before
        ("2024-11-01", "13:30", "19:59", 390),
        ("2024-11-04", "14:30", "20:59", 390),
        ("2024-11-29", "14:30", "17:59", 210),  # half a day
    ],
)
def test_sessions_around_changes_of_clocks_and_half_days(plain, day, first, last, count):
    days = {"2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04", "2024-11-29"}
    put_bars(plain, [bar(at) for one in days for at in minutes(one)])
    bars = market_bars("NVDA", day, day, database=plain)
    assert (stamps(bars)[0], stamps(bars)[-1], len(bars)) == (f"{day} {first}", f"{day} {last}", count)
    (whole,) = market_bars("NVDA", day, day, "1d", into="arrow", database=plain).to_pylist()
    assert whole["bars"] == count


def test_longer_bars_are_made_of_the_stored_ones(url):
    put_bars(
        url,
        [
            ("2024-01-03 14:30Z", "NVDA", "10.1", "10.3", "10.0", "10.2", 3_000_000_000),
            ("2024-01-03 14:34Z", "NVDA", "10.2", "10.2", "9.9", "9.95", 50),
            ("2024-01-03 14:45Z", "NVDA", "9.9", "10", "9.8", "9.85", 1),
            ("2024-01-03 15:30Z", "NVDA", "12", "13", "11", "12.5", 7),
        ],
    )

    def found(bar_size: str, **asked: object) -> list[tuple[object, ...]]:
        bars = market_bars("NVDA", "2024-01-03", "2024-01-03", bar_size, database=url, **asked)  # type: ignore[call-overload]
        assert list(bars.columns) == [*SHARED, "bars"]
        assert bars.dtypes.iloc[-2:].tolist() == [np.dtype("int64")] * 2
        return [(f"{row[0]:%H:%M}", *row[2:]) for row in bars.itertuples(index=False)]

    third, fourth = (9.9, 10.0, 9.8, 9.85, 1, 1), (12.0, 13.0, 11.0, 12.5, 7, 1)
    both = (10.1, 10.3, 9.9, 9.95, 3_000_000_050, 2)
    assert found("5min") == [("14:30", *both), ("14:45", *third), ("15:30", *fourth)]
    assert found("15min") == [("14:30", *both), ("14:45", *third), ("15:30", *fourth)]
    assert found("1h") == [("14:30", 10.1, 10.3, 9.8, 9.85, 3_000_000_051, 3), ("15:30", *fourth)]
    assert found("1d") == [("05:00", 10.1, 13.0, 9.8, 12.5, 3_000_000_058, 4)]
    assert str(found("1d", exact=True)) == (
        "[('05:00', Decimal('10.1'), Decimal('13'), Decimal('9.8'), Decimal('12.5'), 3000000058, 4)]"
    )


def test_a_database_of_longer_bars_serves_those_and_refuses_shorter_ones(plain):
    put_bars(plain, [bar("2024-01-03 14:30Z"), bar("2024-01-03 14:35Z")], "5min")
    asked = ("NVDA", "2024-01-03", "2024-01-03")
    assert list(market_bars(*asked, "5min", database=plain).columns) == [*SHARED, "source", "basis"]
    assert market_bars(*asked, "15min", database=plain)["bars"].tolist() == [2]
    with pytest.raises(OtherBarSize, match=r"holds 5min bars, of which no 1min bars can be made; allowed: 5min, 15min"):
        market_bars(*asked, database=plain)


def test_no_bars_in_the_range_is_an_empty_table_of_the_same_types(url):
    put_bars(url, [bar("2024-01-03 14:30Z")])
    for bar_size in ("1min", "1h"):
        there = market_bars("NVDA", "2024-01-03", "2024-01-03", bar_size, database=url)
        for start in ("2023-01-03", "2024-01-04"):
            empty = market_bars("NVDA", start, start, bar_size, database=url)
            assert len(empty) == 0
            pd.testing.assert_series_equal(empty.dtypes, there.dtypes)


def test_a_typing_error_is_not_taken_for_no_data(url):
    with pytest.raises(UnknownSymbol, match="holds no bar of NVDA; the symbols that it holds: none at all"):
        market_bars("NVDA", "2024-01-03", "2024-01-03", database=url)
    put_bars(url, [bar("2024-01-03 14:30Z"), bar("2019-01-03 14:30Z", "MSFT")])
    with pytest.raises(UnknownSymbol, match="holds no bar of MSTF, NVDX; the symbols that it holds: MSFT, NVDA"):
        market_bars(["NVDA", "NVDX", "MSTF"], "2024-01-03", "2024-01-03", database=url)
    assert len(market_bars(["NVDA", "MSFT"], "2024-01-03", "2024-01-03", database=url)) == 1


NASTY = ["X'); DROP TABLE MARKET_DATA; --", 'A"B', "\\'); SELECT 1; --", "{A,B}", "%(SYMBOLS)S", "É{0}漢", "$1", "NULL"]


@pytest.mark.parametrize("hostile", [False, True])
def test_a_symbol_is_never_read_as_sql(plain, hostile):
    if hostile:
        with psycopg.connect(plain, autocommit=True) as connection:
            name = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL("ALTER DATABASE {} SET standard_conforming_strings = off").format(name))
    put_bars(plain, [bar("2024-01-03 14:30Z")])
    for symbol in NASTY:
        with pytest.raises(UnknownSymbol):
            market_bars([symbol], "2024-01-03", "2024-01-03", database=plain)
        put_bars(plain, [bar("2024-01-03 14:30Z", symbol)])
        assert market_bars([symbol], "2024-01-03", "2024-01-03", database=plain)["symbol"].tolist() == [symbol]
    every = market_bars(["NVDA", *NASTY], "2024-01-03", "2024-01-03", database=plain)["symbol"]
    assert sorted(every) == sorted(["NVDA", *NASTY])


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"symbols": []}, RequestNotUnderstood, r"symbols are \[\]; name one or more"),
        ({"symbols": ["NVDA", " "]}, RequestNotUnderstood, r"symbols are \['NVDA', ''\]"),
        ({"symbols": None}, RequestNotUnderstood, r"symbols are \[None\]; name one or more"),
        ({"symbols": [3]}, RequestNotUnderstood, r"symbols are \[3\]; name one or more"),
        ({"symbols": b"A"}, RequestNotUnderstood, r"symbols are \[65\]; name one or more"),
        ({"symbols": "A\0"}, RequestNotUnderstood, r"symbols are \['A.x00'\]; name one or more"),
        ({"symbols": "\udce9"}, RequestNotUnderstood, r"symbols are \['.udce9'\]; name one or more"),
        ({"database": 3}, RequestNotUnderstood, "database is a int; it is an address"),
        ({"bar_size": "2min"}, RequestNotUnderstood, "bar_size is '2min'; allowed: 1min, 5min, 15min, 1h, 1d"),
        ({"bar_size": 'market_data"; DROP TABLE market_data; --'}, RequestNotUnderstood, "bar_size is"),
        ({"into": "polars"}, RequestNotUnderstood, "into is 'polars'; allowed: pandas, arrow, batches"),
        ({"database": "host=h password=SECRET0"}, ConfigError, "database must have the form postgresql://"),
    ],
)
def test_what_makes_no_sense_is_refused(plain, asked, kind, said):
    given = {"symbols": "NVDA", "start": "2024-01-03", "end": "2024-01-03", "database": plain} | asked
    with pytest.raises(kind, match=said) as refused:
        market_bars(**given)
    assert "SECRET0" not in str(refused.value)


def test_a_database_without_the_schema_is_left_as_it_is(postgres_url):
    said = "lacks tables, views or functions that this code reads: `intraday db migrate` makes them"
    with pytest.raises(MigrationError, match=said):
        market_bars("NVDA", "2024-01-03", "2024-01-03", database=postgres_url)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    migrate(DatabaseServer(postgres_url))
    put_bars(postgres_url, [bar("2024-01-03 14:30Z")])
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP FUNCTION longer_bars")
    with pytest.raises(MigrationError, match=said):
        market_bars("NVDA", "2024-01-03", "2024-01-03", "1h", database=postgres_url)


def test_a_view_that_is_gone_is_told(timescale_url):
    migrate(DatabaseServer(timescale_url))
    put_bars(timescale_url, [bar("2024-01-03 14:30Z")])
    with psycopg.connect(timescale_url) as connection:
        connection.execute("DROP VIEW market_data_1h")
    with pytest.raises(MigrationError, match="lacks tables, views or functions that this code reads"):
        market_bars("NVDA", "2024-01-03", "2024-01-03", "1h", database=timescale_url)
    arrow_connections.CONNECTIONS.close()


def test_a_database_ahead_of_the_code_is_refused_in_the_words_of_the_other_commands(url):
    put_bars(url, [bar("2024-01-03 14:30Z")])
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO schema_migrations (number, name, sha256) VALUES (9000, '9000_later', '')")
    with pytest.raises(MigrationError) as elsewhere:
        migrate(DatabaseServer(url))
    with pytest.raises(MigrationError) as here:
        market_bars("NVDA", "2024-01-03", "2024-01-03", database=url)
    assert str(here.value) == str(elsewhere.value)
    assert str(here.value).startswith("The database has migration 9000, this code ends at ")


def test_a_role_that_may_only_select_can_read_and_another_is_told_what_it_lacks(plain):
    put_bars(plain, [bar("2024-01-03 14:30Z")])
    role = sql.Identifier("only_reads")
    with psycopg.connect(plain, autocommit=True) as admin:
        for statement in (
            "CREATE ROLE {} LOGIN",
            "GRANT SELECT ON market_data, stored_bar_size, schema_migrations, market_data_1d TO {}",
            "ALTER ROLE {} SET default_transaction_read_only = on",
        ):
            admin.execute(sql.SQL(statement).format(role))
    try:
        reader = plain.replace("postgres:@", "only_reads:@", 1)
        assert reader != plain
        for bar_size in ("1min", "1d"):
            assert len(market_bars("NVDA", "2024-01-03", "2024-01-03", bar_size, database=reader)) == 1
        with psycopg.connect(plain, autocommit=True) as admin:
            admin.execute(sql.SQL("REVOKE SELECT ON stored_bar_size FROM {}").format(role))
        with pytest.raises(DatabaseError, match="permission denied for table stored_bar_size"):
            market_bars("NVDA", "2024-01-03", "2024-01-03", "1h", database=reader)
    finally:
        arrow_connections.CONNECTIONS.close()
        with psycopg.connect(plain, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP OWNED BY {}").format(role))
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


def test_what_the_server_is_set_to_changes_nothing(url, monkeypatch):
    put_bars(url, [bar("2024-01-03 14:30Z", "É", "0.1"), bar("2024-01-04 04:59Z", "É", "0.2")])
    asked = ("É", "2024-01-03", "2024-01-03")
    before = [market_bars(*asked, bar_size, into="arrow", database=url) for bar_size in ("1min", "1h", "1d")]
    arrow_connections.CONNECTIONS.close()
    with psycopg.connect(url, autocommit=True) as admin:
        for setting in (
            "TimeZone = 'Asia/Tokyo'",
            "DateStyle = 'German, DMY'",
            "extra_float_digits = -15",
            "client_encoding = 'LATIN1'",
            "lc_numeric = 'C'",
        ):
            name = sql.Identifier(admin.info.dbname)
            admin.execute(sql.SQL("ALTER DATABASE {} SET " + setting).format(name))  # type: ignore[arg-type]
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    after = [market_bars(*asked, bar_size, into="arrow", database=url) for bar_size in ("1min", "1h", "1d")]
    assert after == before
    assert before[0].column("timestamp").to_pylist() == [
        datetime(2024, 1, 3, 14, 30, tzinfo=UTC),
        datetime(2024, 1, 4, 4, 59, tzinfo=UTC),
    ]
    assert before[2].column("bars").to_pylist() == [2]
