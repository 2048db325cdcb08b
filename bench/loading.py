"""How fast bars get into `market_data`, beside `psql \\copy` of the same rows and beside other ways to write.

`python -m bench.loading`, or with fewer rows `python -m bench.loading 200000`. What is timed is the loader's own path:
a transaction, the encoder, the table writer with its count at the end; sessions and CSV files are made before. Peers
that take long load a part of the rows, and so does our side beside them. Each repetition runs all sides in turn, on a
table that was emptied, with the catalogs vacuumed; what is compared are medians. The server: `bench.server.SETTINGS`.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pandas as pd
import psycopg
import psycopg2
import psycopg2.extras
import sqlalchemy

from bench.measure import Row, Side, heading, say, show, side_by_side, timed
from bench.server import benchmark_database, benchmark_server
from bench.workload import ONE, SYMBOLS, vendor_history, whole_days
from market.sessions import Session
from resources.database.server import DatabaseServer
from resources.database.session_store import SessionStore
from resources.database.table_writer import MARKET_DATA, TABLES, Day, TableWriter
from tests.support.tables import UNMARKED
from tests.support.timescale import debian_bin_dir

ROWS = 1_000_000
PART, SOME = 50_000, 100_000
REPETITIONS = 5
BARS_A_DAY = 390 * len(SYMBOLS)
COLUMNS = list(TABLES[MARKET_DATA])
WAL_AT_MOST = 1_000_000
MEMORY_AT_MOST = 16.0
LIVE = {2: 5.0, 500: 25.0}
"""Milliseconds that 99 of 100 upserts of so many symbols may take."""
LIVE_DAYS = 6
CATALOGS = ("pg_class", "pg_attribute", "pg_depend", "pg_type", "pg_index", "pg_constraint", "pg_statistic")


def main(rows: int = ROWS) -> None:
    """Print the tables."""
    count = -(-rows // BARS_A_DAY)
    days = days_of(bars(count), whole_days(count))
    with tempfile.TemporaryDirectory() as folder, benchmark_server() as url, benchmark_database(url) as server:
        bench = Loading(server, Path(folder), days)
        heading(f"Loading {sum(len(day.rows) for day in days):,} bars")
        show(bench.against_the_server())
        show(bench.against_others(days[: PART // BARS_A_DAY]))
        bench.memory(count // 4)
        bench.live()
        heading("What chunks and indexes cost the first load")
        part = days[: SOME // BARS_A_DAY]
        show(bench.chunks(part))
        show(bench.indexes(part))


class Loading:
    """The sides that are compared, on one database."""

    def __init__(self, server: DatabaseServer, folder: Path, days: Sequence[Day]) -> None:
        self.server, self.days = server, days
        self.psql = debian_bin_dir() / "psql"
        self.csv = written(days, folder / "bars.csv")
        self.corrected = [day._replace(rows=corrected(day.rows)) for day in days]
        self.corrected_csv = written(self.corrected, folder / "corrected.csv")

    def against_the_server(self) -> list[Row]:
        """First load, the same again, one bar in a hundred corrected; and how much WAL the same again writes."""
        names = ("copy", "first", "again", "corrected", "upsert")
        times: dict[str, list[float]] = {name: [] for name in names}
        wal: list[int] = []
        for _ in range(REPETITIONS):
            times["copy"].append(timed(Side("", self.copy, self.empty)))
            times["first"].append(timed(Side("", self.load, self.empty)))
            before = self.wal()
            times["again"].append(timed(Side("", self.load)))
            wal.append(self.wal() - before)
            times["corrected"].append(timed(Side("", lambda: self.load(self.corrected))))
            times["upsert"].append(timed(Side("", self.upsert_all)))
        took = {name: median(seconds) for name, seconds in times.items()}
        say(f"WAL of loading the same again: {median(wal) / 1000:.0f} kB (at most {WAL_AT_MOST / 1000:.0f})")
        return [
            Row("first load", took["first"], "psql \\copy", took["copy"], 1.0),
            Row("the same again", took["again"], "psql \\copy", took["copy"], 0.95),
            Row("1 % corrected", took["corrected"], "an upsert of everything", took["upsert"], 0.5),
        ]

    def against_others(self, days: Sequence[Day]) -> list[Row]:
        """A part of the rows, as others write them."""
        rows = pd.concat([day.rows[COLUMNS] for day in days], ignore_index=True)
        rows = rows.assign(volume=rows["volume"].astype("int64"), why=None)
        with self.server.connect() as connection:
            connection.execute(PSYSCALE_TABLE)
        return side_by_side(
            f"first load of {len(rows):,} bars",
            Side("ours", lambda: self.load(days), self.empty),
            [
                (Side("pandas to_sql", lambda: self.to_sql(rows), self.empty), 1 / 12),
                (Side("psycopg2 execute_values, upsert", lambda: self.execute_values(rows), self.empty), 1 / 12),
                (Side("PsyscaleDB's method", lambda: self.psyscale(rows), self.empty), 1 / 2),
            ],
            3,
        )

    def memory(self, count: int) -> None:
        """What a process of its own holds at most while it loads, over the data that it loads."""
        self.empty()
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, self.server.url, str(count)], check=True, capture_output=True, text=True
        )
        say(f"memory while loading, over the data: {float(done.stdout):.1f} MiB (at most {MEMORY_AT_MOST:.0f})")

    def live(self) -> None:
        """One minute of so many symbols, upserted and committed, into a database that holds years."""
        store = SessionStore(self.server, "bench", ONE, SYMBOLS)
        minutes = [
            minute + pd.Timedelta(days=day)
            for day in range(1, LIVE_DAYS + 1)
            for minute in whole_days(1)[0].minutes(ONE)
        ]
        for symbols, at_most in LIVE.items():
            names = [*SYMBOLS, *(f"S{number}" for number in range(symbols))][:symbols]
            like = self.days[-1].rows.iloc[[0] * symbols].reset_index(drop=True).assign(symbol=names)
            like = like.assign(**UNMARKED)
            took = []
            for minute in minutes:
                tick = like.assign(timestamp=minute).astype({"timestamp": like["timestamp"].dtype})
                took.append(1000 * timed(Side("", lambda tick=tick: store.upsert(tick))))
            steps = quantiles(took[20:], n=100)
            say(
                f"a minute of {symbols} symbols, upserted and committed: p50 {steps[49]:.2f} ms, "
                f"p99 {steps[98]:.2f} ms (at most {at_most:.0f}); {len(took):,} minutes, fsync on"
            )

    def chunks(self, part: Sequence[Day]) -> list[Row]:
        """Of some of the rows: chunks of a week, a month and a quarter."""

        def load() -> None:
            self.load(part)

        def of(days: int) -> Callable[[], None]:
            def prepare() -> None:
                self.empty()
                with self.server.connect() as connection:
                    connection.execute(
                        "SELECT set_chunk_time_interval('market_data', make_interval(days => %s))", [days]
                    )

            return prepare

        others = [(Side(f"{days}-day chunks", load, of(days)), None) for days in (7, 90)]
        rows = side_by_side("30-day chunks", Side("ours", load, of(30)), others, 3)
        of(30)()
        return rows

    def indexes(self, part: Sequence[Day]) -> list[Row]:
        """Of some of the rows: without any further index, beside one more."""

        def load() -> None:
            self.load(part)

        index = {"(timestamp DESC)": '"timestamp" DESC', "(symbol, timestamp)": 'symbol, "timestamp"'}

        def with_index(columns: str | None) -> Callable[[], None]:
            def prepare() -> None:
                self.empty()
                with self.server.connect() as connection:
                    connection.execute("DROP INDEX IF EXISTS further")
                    if columns:
                        connection.execute(f"CREATE INDEX further ON market_data ({columns})")  # type: ignore[arg-type]

            return prepare

        others = [(Side(f"and an index {name}", load, with_index(on)), None) for name, on in index.items()]
        rows = side_by_side("the key alone", Side("ours", load, with_index(None)), others, 3)
        with_index(None)()
        return rows

    def load(self, days: Sequence[Day] = ()) -> None:
        """Our side: what `SessionStore.replace_all` does once the gate has been asked."""
        with self.server.connect() as connection:
            TableWriter(connection, MARKET_DATA, SYMBOLS).replace(days or self.days)

    def copy(self) -> None:
        """`psql \\copy` of the CSV."""
        self._psql(f"\\copy market_data ({', '.join(COLUMNS)}) FROM '{self.csv}' (FORMAT csv)")

    def upsert_all(self) -> None:
        """The usual way to load again: all of it into a temporary table, then INSERT … ON CONFLICT DO UPDATE."""
        values = [name for name in COLUMNS if name not in ("timestamp", "symbol")]
        into = ", ".join(f"{name} = excluded.{name}" for name in values)
        self._psql(
            f"CREATE TEMP TABLE incoming AS SELECT {', '.join(COLUMNS)} FROM market_data WITH NO DATA",  # noqa: S608
            f"\\copy incoming FROM '{self.corrected_csv}' (FORMAT csv)",
            f"INSERT INTO market_data ({', '.join(COLUMNS)}) SELECT * FROM incoming "  # noqa: S608
            f'ON CONFLICT ("timestamp", symbol) DO UPDATE SET {into}',
        )

    def to_sql(self, rows: pd.DataFrame) -> None:
        """As pandas' documentation shows it, in batches of many rows."""
        engine = sqlalchemy.create_engine(self.server.url.replace("postgresql://", "postgresql+psycopg2://", 1))
        with engine.begin() as connection:
            rows.to_sql("market_data", connection, if_exists="append", index=False, method="multi", chunksize=1000)
        engine.dispose()

    def execute_values(self, rows: pd.DataFrame) -> None:
        """The batch script of many a project."""
        text = (
            f"INSERT INTO market_data ({', '.join(COLUMNS)}) VALUES %s "  # noqa: S608
            'ON CONFLICT ("timestamp", symbol) DO UPDATE SET close = excluded.close, volume = excluded.volume'
        )
        connection = psycopg2.connect(self.server.url)
        with connection, connection.cursor() as cursor:
            values = rows.astype("object").itertuples(index=False, name=None)
            psycopg2.extras.execute_values(cursor, text, values, page_size=1000)
        connection.close()

    def psyscale(self, rows: pd.DataFrame) -> None:
        """What PsyscaleDB's `upsert_series` does, which itself needs a later Python: rows one by one into a temporary
        table, a symbol at a time, then an upsert into a hypertable of doubles."""
        for number, (_, one) in enumerate(rows.groupby("symbol")):
            values = one[["timestamp", "open", "high", "low", "close", "volume"]].assign(rth=0)
            with psycopg.connect(self.server.url) as connection, connection.cursor() as cursor:
                cursor.execute(PSYSCALE_BUFFER)
                with cursor.copy("COPY buffer FROM STDIN") as copy:
                    for row in values.itertuples(index=False, name=None):
                        copy.write_row(row)
                cursor.execute(PSYSCALE_UPSERT, [number])

    def empty(self) -> None:
        """An empty table, and a server that has nothing left to do."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute("TRUNCATE market_data, bar_revisions")
            connection.execute(
                "DO $$ BEGIN IF to_regclass('psyscale') IS NOT NULL THEN TRUNCATE psyscale; END IF; END $$"
            )
            for catalog in CATALOGS:
                connection.execute(f"VACUUM {catalog}")  # type: ignore[arg-type]
            connection.execute("CHECKPOINT")

    def wal(self) -> int:
        """Bytes that were written ahead so far."""
        with psycopg.connect(self.server.url) as connection:
            (position,) = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone() or (0,)
        return int(position)

    def _psql(self, *commands: str) -> None:
        wanted = [part for command in commands for part in ("-c", command)]
        subprocess.run([self.psql, "-q", "-X", "-v", "ON_ERROR_STOP=1", self.server.url, *wanted], check=True)


PSYSCALE_TABLE = """
CREATE TABLE psyscale (pkey integer NOT NULL, dt timestamptz NOT NULL, rth smallint NOT NULL, close float8 NOT NULL,
                       open float8, high float8, low float8, volume float8, vwap float8, ticks integer,
                       PRIMARY KEY (pkey, dt));
SELECT create_hypertable('psyscale', by_range('dt'));
"""
PSYSCALE_BUFFER = """
CREATE TEMP TABLE buffer (dt timestamptz NOT NULL, open float8, high float8, low float8, close float8 NOT NULL,
                          volume float8, rth smallint NOT NULL) ON COMMIT DROP
"""
PSYSCALE_UPSERT = """
INSERT INTO psyscale (pkey, dt, rth, close, open, high, low, volume)
SELECT %s, dt, rth, close, open, high, low, volume FROM buffer
ON CONFLICT (pkey, dt) DO UPDATE SET close = excluded.close, open = excluded.open, high = excluded.high,
                                     low = excluded.low, volume = excluded.volume, rth = excluded.rth
"""
MEMORY = """
import ctypes
import gc
import sys
from pathlib import Path
import pyarrow
from bench.loading import bars, days_of
from bench.workload import SYMBOLS, whole_days
from resources.database.server import DatabaseServer
from resources.database.table_writer import TableWriter

def status(key):
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)]
    return int(line.split()[1]) / 1024

def load(days):
    with DatabaseServer(sys.argv[1]).connect() as connection:
        TableWriter(connection, "market_data", SYMBOLS).replace(days)

days = days_of(bars(int(sys.argv[2])), whole_days(int(sys.argv[2])))
load(days[:1])  # what is imported and made once is not what loading costs
gc.collect()
pyarrow.default_memory_pool().release_unused()
ctypes.CDLL(None).malloc_trim(0)  # else what making the data left behind would hide what loading takes
Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
before = status("VmRSS")
load(days[1:])
sys.stdout.write(str(status("VmHWM") - before))
"""


def bars(count: int) -> pd.DataFrame:
    """The regular hours of so many sessions as the rows of `schemas.tables.Bars`, all of them kept, by minute."""
    parts = []
    for symbol in SYMBOLS:
        told = vendor_history(count, symbol)
        stamps = pd.to_datetime(told["timestamp"]) - pd.Timedelta(minutes=1)  # they are of the END of the minute
        minute = stamps.dt.hour * 60 + stamps.dt.minute
        regular = (minute >= 9 * 60 + 30) & (minute < 16 * 60)
        stamps = stamps[regular].dt.tz_localize("America/New_York").dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        values = told.loc[regular, ["open", "high", "low", "close", "volume"]].astype("float64")
        parts.append(values.assign(timestamp=stamps, symbol=symbol))
    rows = pd.concat(parts).sort_values(["timestamp", "symbol"], ignore_index=True).assign(**UNMARKED)
    words = dict.fromkeys(("symbol", *UNMARKED), "str")
    return rows.astype(words)


def days_of(rows: pd.DataFrame, sessions: Sequence[Session]) -> list[Day]:
    """The rows, a table for each session."""
    day = rows["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
    by_day: dict[Any, pd.DataFrame] = dict(list(rows.groupby(day)))
    return [
        Day(one.key, *one.midnights, by_day[one.key].reset_index(drop=True)) for one in sessions if one.key in by_day
    ]


def corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """One row in a hundred has another close."""
    close = rows["close"].copy()
    close.iloc[::100] += 0.01
    return rows.assign(close=close.round(4))


def written(days: Sequence[Day], path: Path) -> Path:
    """The same rows as CSV."""
    rows = pd.concat([day.rows[COLUMNS] for day in days], ignore_index=True)
    rows.assign(volume=rows["volume"].astype("int64"), why=None).to_csv(path, index=False, header=False)
    return path


if __name__ == "__main__":
    start = time.perf_counter()
    main(*map(int, sys.argv[1:]))
    say(f"\n{time.perf_counter() - start:.0f} s in all")
