"""`intraday export`, as a person runs it: the file is whole or not there, and holds what was stored."""

import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from market.sessions import BarSize, session
from resources.feeds.files import FilesFeed
from tests.support.commands import INTRADAY, intraday
from tests.support.cutting import cutting_proxy
from tests.support.stored import THROUGH_THE_VIEW, bar, put_bars

RANGE = ("--from", "2024-01-03", "--to", "2024-01-03")
BARS = [
    ("2024-01-03 14:31Z", "NVDA", "522.8380000000002", "523.10", "522", "522.99", 3_000_000_000),
    ("2024-01-03 14:30Z", "NVDA", "0.1", "0.3", "0.000001", "0.2", 0),
    ("2024-01-03 14:30Z", "MSFT", "370.5", "371.25", "370.000000", "123456789.12345678901234", 5),
]
AS_CSV = """\
timestamp,symbol,open,high,low,close,volume,source,basis
2024-01-03T14:30:00+00:00,MSFT,370.5,371.25,370.000000,123456789.12345678901234,5,file,as_traded
2024-01-03T14:30:00+00:00,NVDA,0.1,0.3,0.000001,0.2,0,file,as_traded
2024-01-03T14:31:00+00:00,NVDA,522.8380000000002,523.10,522,522.99,3000000000,file,as_traded
"""


@pytest.fixture
def url(migrated_url, clean_environment) -> str:
    """The desk's database, with three bars in it."""
    return with_bars(migrated_url, clean_environment)


@pytest.fixture
def plain(migrated_postgres_url, clean_environment) -> str:
    """The same on the embedded PostgreSQL."""
    return with_bars(migrated_postgres_url, clean_environment)


def with_bars(url: str, environment: pytest.MonkeyPatch) -> str:
    put_bars(url, BARS)
    environment.setenv("TIMESCALEDB_URL", url)
    return url


def many(url: str, rows: int) -> None:
    """A view of as many bars as wanted."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW market_data_1d AS SELECT TIMESTAMPTZ '2001-01-01 00:00Z' + n * INTERVAL '1 minute' "  # type: ignore[arg-type]  # noqa: S608
            "AS \"timestamp\", 'NVDA'::text AS symbol, n::numeric AS open, 1::numeric AS high, 1::numeric AS low, "
            f"1::numeric AS close, n::bigint AS volume, 1::bigint AS bars FROM generate_series(1, {rows}) AS n"
        )
        connection.execute(THROUGH_THE_VIEW)


def read(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path.read_bytes()).read_all()


def test_csv_has_the_digits_that_are_stored(url, tmp_path):
    status, said = intraday("export", *RANGE, "--output", str(tmp_path / "bars.csv"))
    assert (status, (tmp_path / "bars.csv").read_text()) == (0, AS_CSV)
    assert said.startswith("3 rows, 0.0 MB, ")
    assert said.endswith(f" s: {tmp_path}/bars.csv\n")
    done = subprocess.run([INTRADAY, "export", *RANGE, "-o", "-"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, AS_CSV, "")


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_columnar_files_have_types_metadata_and_on_demand_the_decimals(url, tmp_path, ending):
    for exact in (False, True):
        path = tmp_path / f"{exact}.{ending}"
        status, said = intraday("export", "msft", "NVDA", *RANGE, "-o", str(path), *(["--exact"] if exact else []))
        assert status == 0, said
        table = read(path)
        price = pa.decimal128(38, 20) if exact else pa.float64()
        assert table.schema.types == [
            pa.timestamp("us", "UTC"),
            pa.string(),
            *[price] * 4,
            pa.int64(),
            pa.string(),
            pa.string(),
        ]
        about = {key: value for key, value in table.schema.metadata.items() if key.startswith(b"intraday.")}
        assert about == {
            b"intraday.symbols": b"MSFT,NVDA",
            b"intraday.start": b"2024-01-03T05:00:00+00:00",
            b"intraday.end": b"2024-01-04T05:00:00+00:00",
            b"intraday.bar_size": b"1min",
        }
        rows = table.to_pylist()
        assert [row["symbol"] for row in rows] == ["MSFT", "NVDA", "NVDA"]
        assert rows[2]["timestamp"] == datetime(2024, 1, 3, 14, 31, tzinfo=UTC)
        assert rows[2]["volume"] == 3_000_000_000
        wanted = ["123456789.12345678901234", "0.2", "522.99"]
        assert [row["close"] for row in rows] == [Decimal(one) if exact else float(one) for one in wanted]


def test_longer_bars_and_instants(plain, tmp_path):
    path = tmp_path / "bars.csv"
    asked = ("NVDA", "--from", "2024-01-03T14:30:00Z", "--to", "2024-01-03T14:31:00Z", "-o", str(path))
    assert intraday("export", *asked)[0] == 0
    assert path.read_text().splitlines()[1:] == [AS_CSV.splitlines()[2]]
    assert intraday("export", *asked, "--bar-size", "1h", "--force")[0] == 0
    assert path.read_text() == (
        "timestamp,symbol,open,high,low,close,volume,bars\n"
        "2024-01-03T14:30:00+00:00,NVDA,0.1,523.10,0.000001,522.99,3000000000,2\n"
    )


def test_what_is_exported_as_csv_is_a_file_that_the_feed_reads(plain, tmp_path):
    day = session("2024-11-29")
    at = list(day.minutes(BarSize.ONE_MINUTE))
    prices = [f"{370 + place / 100:.2f}" for place in range(210)]
    put_bars(plain, [bar(one.to_pydatetime(), "MSFT", price) for one, price in zip(at, prices, strict=True)])
    (tmp_path / "files").mkdir()
    path = tmp_path / "files" / "bars.csv"
    assert intraday("export", "MSFT", "--from", day.key, "--to", day.key, "-o", str(path))[0] == 0
    bars = FilesFeed(str(path.parent), ("NVDA", "MSFT"), BarSize.ONE_MINUTE).session_bars("MSFT", day).bars
    assert list(bars["timestamp"]) == at
    assert bars["close"].tolist() == [float(price) for price in prices]
    assert set(bars["source"]) == {"file"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--from", "2023-01-03", "--to", "2023-01-03"), 1, "no 1min bars of NVDA, MSFT from 2023-01-03 to 2023-01-03"),
        (("NVDX", *RANGE), 2, "holds no bar of NVDX; the symbols that it holds: MSFT, NVDA. A retry would not help."),
        (("--from", "2024-01-03T14:30", "--to", "2024-01-03"), 2, "start is 2024-01-03T14:30:00, without a time zone"),
        (("--from", "2024-01-04", "--to", "2024-01-03"), 2, "There is no time from 2024-01-04 to 2024-01-03"),
        (("--bar-size", "2min", *RANGE), 2, "'2min' is not one of"),
        (("--format", "xlsx", *RANGE), 2, "'xlsx' is not one of"),
    ],
)
def test_without_bars_there_is_no_file(plain, tmp_path, arguments, status, said):
    done, told = intraday("export", *arguments, "-o", str(tmp_path / "bars.parquet"))
    assert (done, said in told) == (status, True), told
    assert list(tmp_path.glob("bars*")) == []


def test_a_place_that_cannot_be_meant_is_refused_before_anything_is_asked(plain, tmp_path):
    there = tmp_path / "bars.parquet"
    there.write_text("old")
    (tmp_path / "link.csv").symlink_to(there)
    os.mkfifo(tmp_path / "pipe.csv")
    for output, said in (
        (there, "bars.parquet exists already; --force replaces it."),
        (tmp_path / "nowhere" / "bars.csv", f"there is no folder {tmp_path}/nowhere."),
        (tmp_path / "home.csv", "is a folder; --output is the name of a file."),
        (tmp_path / "bars.txt", "bars.txt names no format: give --format, one of parquet, csv, arrow."),
        (tmp_path / "link.csv", "link.csv is a link or a device"),
        (tmp_path / "pipe.csv", "pipe.csv is a link or a device"),
    ):
        (tmp_path / "home.csv").mkdir(exist_ok=True)
        status, told = intraday("export", *RANGE, "-o", str(output))
        assert (status, said in " ".join(told.split())) == (2, True), told
    assert there.read_text() == "old"
    status, told = intraday("export", *RANGE, "-o", "-", "--format", "parquet")
    assert (status, "only csv goes to stdout" in told) == (2, True)
    assert intraday("export", *RANGE, "-o", str(there), "--force")[0] == 0
    assert len(read(there)) == 3
    assert intraday("export", *RANGE, "-o", str(tmp_path / "bars.txt"), "--format", "csv")[0] == 0
    assert (tmp_path / "bars.txt").read_text() == AS_CSV


def test_an_empty_database_is_not_migrated(postgres_url, clean_environment, tmp_path):
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    status, said = intraday("export", *RANGE, "-o", str(tmp_path / "bars.csv"))
    assert (status, "`intraday db migrate` makes them" in said) == (2, True)


def test_a_wire_that_is_cut_leaves_the_old_file(migrated_timescale_url, clean_environment, tmp_path):
    with_bars(migrated_timescale_url, clean_environment)
    many(migrated_timescale_url, 400_000)
    path = tmp_path / "bars.parquet"
    path.write_text("old")
    with cutting_proxy(migrated_timescale_url, 25_000_000) as cut:
        clean_environment.setenv("TIMESCALEDB_URL", cut)
        asked = ("NVDA", "--from", "2000-01-01", "--to", "2030-01-01", "--bar-size", "1d", "-o", str(path), "--force")
        status, said = intraday("export", *asked)
    assert (status, "broke off" in said, "A retry may help." in said) == (2, True, True), said
    assert (path.read_text(), list(tmp_path.glob("bars*"))) == ("old", [path])


def test_a_disk_that_is_full_leaves_nothing(plain, tmp_path):
    many(plain, 200_000)
    asked = ("NVDA", "--from", "2000-01-01", "--to", "2030-01-01", "--bar-size", "1d", "-o", str(tmp_path / "bars.csv"))
    done = subprocess.run(
        [INTRADAY, "export", *asked],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, "File too large" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("bars*")) == []


ENDLESS = """
import os, signal, sys
import cli.export
def interrupted(reader, file, file_format, seen):
    for batch in reader:
        file.write(b"half")
        file.flush()
        assert list(__import__("pathlib").Path(sys.argv[-1]).parent.glob("bars*"))
        os.kill(os.getpid(), signal.SIGINT)
cli.export.write_bars = interrupted
from cli.main import main
main()
"""


def test_an_interruption_leaves_nothing(plain, tmp_path):
    path = str(tmp_path / "bars.parquet")
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS, "export", *RANGE, "-o", path], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "Interrupted." in done.stderr) == (130, True), done.stderr
    assert list(tmp_path.glob("bars*")) == []


def test_a_reader_of_stdout_that_has_enough_ends_it_quietly(plain):
    many(plain, 200_000)
    asked = ("NVDA", "--from", "2000-01-01", "--to", "2030-01-01", "--bar-size", "1d", "-o", "-")
    with subprocess.Popen([INTRADAY, "export", *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as export:
        assert export.stdout is not None
        assert export.stdout.readline().startswith(b"timestamp,symbol")
        export.stdout.close()
        assert export.stderr is not None
        said = export.stderr.read()
    assert (export.returncode, said) == (0, b"")
