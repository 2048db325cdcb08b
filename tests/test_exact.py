"""What goes in comes out, from file to file: decimals, volumes and instants, through every way in and every way out, on
a server that is set to something else than anybody would want.
"""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from psycopg import sql

from market.sessions import BarSize, session
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.market_bars import market_bars
from tests.support.commands import intraday
from tests.support.recorded import SYMBOLS
from tests.support.tables import UNMARKED

DAY = session("2020-11-16")
HOSTILE = ("TimeZone = 'Asia/Tokyo'", "DateStyle = 'German, DMY'", "extra_float_digits = -15", "lc_numeric = 'C'")
ODD = {"open": "0.1", "high": "123456.789012345", "low": "1e-7", "close": "522.8380000000002"}
PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")

Bar = dict[str, str]


def many_digits(minute: int) -> Bar:
    """A bar of 16 digits, no two alike; a volume beyond 2^31 and one of nothing."""
    low = 100_0000000000000 + minute * 618_033_988_749 % 1_000_000_000_000
    values = {"low": low, "open": low + 1, "close": low + 23_456_789, "high": low + 123_456_789}
    prices = {name: f"{value // 10**13}.{value % 10**13:013d}" for name, value in values.items()}
    return {name: prices[name] for name in PRICES} | {"volume": str(0 if minute == 7 else 2**31 + 10**9 + minute)}


BARS = [many_digits(minute) for minute in range(390)]


def csv_file(path: Path) -> str:
    """A session as Alpha Vantage writes it: naive New York stamps, the end of each minute."""
    stamps = pd.date_range("2020-11-16 09:31:00", "2020-11-16 16:00:00", freq="min").strftime("%Y-%m-%d %H:%M:%S")
    lines = [",".join([at, *bar.values()]) for at, bar in zip(stamps, BARS, strict=True)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *reversed(lines), ""]))
    return str(path)


@pytest.fixture
def url(timescale_url, new_desk) -> str:
    new_desk(timescale_url)
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        for setting in HOSTILE:
            name = sql.Identifier(admin.info.dbname)
            admin.execute(sql.SQL("ALTER DATABASE {} SET " + setting).format(name))  # type: ignore[arg-type]
    return timescale_url


Read = list[tuple[str, list[Decimal]]]


def read_back(url: str, path: Path) -> tuple[Read, Read]:
    """NVDA's bars as `market_bars` and as `intraday export` give them."""
    asked = ("2020-11-16", "2020-11-16")
    exact = market_bars("NVDA", *asked, exact=True, database=url)
    floats = market_bars("NVDA", *asked, database=url)
    assert all(floats[name].tolist() == [float(price) for price in exact[name]] for name in PRICES)
    stamps = exact["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S%z").str.replace("+0000", "+00:00")
    read = [(at, list(map(Decimal, row))) for at, *row in zip(stamps, *[exact[name] for name in VALUES], strict=True)]
    path.unlink(missing_ok=True)
    done = intraday("export", "NVDA", "--from", asked[0], "--to", asked[1], "-o", str(path))
    assert done[0] == 0, done
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return read, [(line[0], list(map(Decimal, line[2:7]))) for line in lines]


def test_digit_by_digit_from_file_to_file(url, tmp_path, monkeypatch):
    """In by `intraday load` and revised by a live minute; out by `market_bars` and `intraday export`."""
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    status, said = intraday("load", *[csv_file(tmp_path / f"{symbol}.csv") for symbol in SYMBOLS])
    assert (status, "1 session: 1 stored" in said) == (0, True), said
    stamps = pd.date_range("2020-11-16 14:30", periods=390, freq="min").strftime("%Y-%m-%dT%H:%M:%S+00:00")
    expected = [(at, list(map(Decimal, bar.values()))) for at, bar in zip(stamps, BARS, strict=True)]
    assert read_back(url, tmp_path / "bars.csv") == (expected, expected)
    live = {**ODD, "volume": "9007199254740991"}
    bar = {"timestamp": DAY.minutes(BarSize.ONE_MINUTE)[5:6], "symbol": "NVDA", **UNMARKED}
    bars = pd.DataFrame(bar | {name: float(value) for name, value in live.items()})
    SessionStore(DatabaseServer(url), "staging", BarSize.ONE_MINUTE, SYMBOLS).upsert(bars)
    expected[5] = (stamps[5], list(map(Decimal, live.values())))
    assert read_back(url, tmp_path / "bars.csv") == (expected, expected)
