"""Names that would be SQL if anything took them for it: of symbols, of files and of databases, on every way in and out.
They are only names: what they say is not done, and what they name is found by them.
"""

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.sessions import BarSize, session
from resources.database.backups.backup import write_backup
from resources.database.backups.restore import restore_backup, verify_backup
from resources.database.connections import CONNECTIONS
from resources.database.report_store import ReportStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.database.summary import stored_summary
from resources.market_bars import market_bars
from schemas.tables import FEATURES
from tests.support.commands import intraday
from tests.support.tables import UNMARKED

NAMES = (
    "X'); DROP TABLE MARKET_DATA; --",
    'X"; DROP TABLE MARKET_DATA; --',
    "\\'); DROP TABLE MARKET_DATA; --",
    "{0}%S%(SYMBOLS)S$1",
    "É漢'\"",
)
DAY = session("2024-01-03")
NOW = pd.Timestamp("2026-01-02 03:04:05", tz="UTC")


@pytest.fixture(params=["postgres_url", "timescale_url"])
def server(request) -> DatabaseServer:
    """A database of either kind with one bar of NVDA in it."""
    found = DatabaseServer(request.getfixturevalue(request.param))
    migrate(found)
    store(found, "NVDA").upsert(bars("NVDA"))
    return found


def store(server: DatabaseServer, symbol: str) -> SessionStore:
    return SessionStore(server, "test", BarSize.ONE_MINUTE, (symbol,))


def bars(symbol: str, price: float = 1.0) -> pd.DataFrame:
    one = {"timestamp": DAY.minutes(BarSize.ONE_MINUTE)[:1], "symbol": symbol, "volume": 1.0, **UNMARKED}
    return pd.DataFrame(one | dict.fromkeys(("open", "high", "low", "close"), price))


def stored(url: str) -> list[tuple[object, ...]]:
    """Read without the code under test."""
    with psycopg.connect(url) as connection:
        return connection.execute('SELECT symbol, close FROM market_data ORDER BY symbol COLLATE "C"').fetchall()


@pytest.mark.parametrize("name", NAMES)
def test_a_symbol_is_only_a_symbol(server, name):
    """Live, as a session in both tables, replaced, summarised, read."""
    assert store(server, name).upsert(bars(name)).added == 1
    for price in (2.0, 3.0):
        given = bars(name, price)
        frame = given[["timestamp", "symbol"]].assign(**dict.fromkeys(FEATURES, 0.5)).assign(close=price, volume=1.0)
        frame = frame.assign(missing=False)
        report = Gate("test", []).judge(Evidence(DAY, BarSize.ONE_MINUTE, (name,), given, frame))
        ReportStore(server).keep_reports([report])
        assert store(server, name).replace(DAY, report, given, frame)["market_data"].revised == 1
        assert ReportStore(server).summarise_all([(DAY, report)], BarSize.ONE_MINUTE)["symbol"].tolist() == [name]
    assert stored(server.url) == sorted([("NVDA", 1), (name, 3)])
    assert [one.rows for one in stored_summary(server, [name])] == [1]
    read = market_bars(name, "2024-01-03", "2024-01-03", database=server.url)
    assert (read["symbol"].tolist(), read["close"].tolist()) == ([name], [3.0])


def test_the_name_of_a_database_or_of_a_file_is_only_a_name(server, tmp_path):
    """Of a backup, of what is restored from it, and of an export."""
    before = stored(server.url)
    name = NAMES[1] + NAMES[2]
    file, _ = write_backup(server, tmp_path / f"{name}.backup", NOW)
    assert (file.name, verify_backup(server, file).tables["public.market_data"].rows) == (f"{name}.backup", 1)
    CONNECTIONS.close()
    try:
        restored, _ = restore_backup(server, file, name)
        assert conninfo_to_dict(restored.url)["dbname"] == name
        assert stored(restored.url) == stored(server.url) == before
    finally:
        CONNECTIONS.close()
        with psycopg.connect(make_conninfo(server.url, dbname="postgres"), autocommit=True) as admin:
            names = {one for (one,) in admin.execute("SELECT datname FROM pg_database").fetchall()}
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    assert name in names


def test_an_export_of_and_into_such_names(postgres_url, clean_environment, tmp_path):
    server = DatabaseServer(postgres_url)
    migrate(server)
    clean_environment.setenv("TIMESCALEDB_URL", server.url)
    for name in NAMES:
        store(server, name).upsert(bars(name))
    asked = ("export", *NAMES, "--from", DAY.key, "--to", DAY.key, "-o")
    file = tmp_path / f"{NAMES[0]}.parquet"
    status, said = intraday(*asked, str(file))
    assert status == 0, said
    assert set(pd.read_parquet(file)["symbol"]) == set(NAMES)
    status, said = intraday(*asked, str(tmp_path / "bars.csv"))
    assert (status, "has no place in CSV" in said, "Traceback" in said) == (2, True, False), said
    assert stored(server.url) == sorted((name, 1) for name in NAMES)
