"""What is stored, per symbol and session, against gaps counted by hand; and `intraday db summary`."""

import json

import pandas as pd
import psycopg
import pytest

from market.sessions import BarSize, session
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.database.summary import stored_summary
from tests.support.commands import intraday

INSERT = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
VALUES (%s, %s, 1, 1, 1, 1, 1, %s, 'as_traded')
"""


def put(url: str, day: str, without: str = "", symbol: str = "NVDA", source: str = "file", size: str = "1min") -> None:
    """Store a session but for some spans of minutes, New York time, both ends included."""
    one = session(day)
    minutes = one.minutes(BarSize(size))
    clock = minutes.tz_convert("America/New_York").strftime("%H:%M")
    spans = [span.split("-") for span in without.split()]
    kept = [at for at, of in zip(minutes, clock, strict=True) if not any(a <= of <= b for a, b in spans)]
    with psycopg.connect(url) as connection:
        connection.cursor().executemany(INSERT, [(at, symbol, source) for at in kept])
        connection.execute("INSERT INTO stored_bar_size VALUES (%s) ON CONFLICT DO NOTHING", [size])


def ny(span: tuple[pd.Timestamp, pd.Timestamp] | None) -> tuple[str, str] | None:
    return span and tuple(f"{at.tz_convert('America/New_York'):%H:%M}" for at in span)


@pytest.fixture
def url(migrated_url) -> str:
    """A database of either kind with the schema in it."""
    return migrated_url


def test_gaps_are_those_of_the_exchanges_calendar(url):
    put(url, "2024-11-27")
    put(url, "2024-11-29", without="09:30-09:31 10:00-10:00 11:00-11:04 12:55-12:59", source="yahoo")  # a half day
    put(url, "2024-12-02", without="09:30-15:58")
    found = {one.session: one for one in stored_summary(DatabaseServer(url))}
    assert list(found) == ["2024-11-27", "2024-11-29", "2024-12-02"]  # not Thanksgiving, not the weekend
    whole, half, late = found.values()
    assert (whole.rows, whole.expected, whole.missing, whole.gaps, whole.longest) == (390, 390, 0, (), None)
    assert (half.rows, half.expected, half.missing, half.sources) == (197, 210, 13, ("yahoo",))
    assert [ny(gap) for gap in half.gaps] == [
        ("09:30", "09:32"),
        ("10:00", "10:01"),
        ("11:00", "11:05"),
        ("12:55", "13:00"),
    ]
    assert ny(half.longest) == ("11:00", "11:05")
    assert ny((half.first, half.last)) == ("09:32", "12:54")
    assert (late.rows, late.missing, [ny(gap) for gap in late.gaps]) == (1, 389, [("09:30", "15:59")])


def test_a_session_of_which_nothing_is_stored_is_a_gap_of_its_own(url):
    put(url, "2024-03-08")
    put(url, "2024-03-12")
    put(url, "2024-03-11", symbol="MSFT")
    server = DatabaseServer(url)
    found = {(one.symbol, one.session): one for one in stored_summary(server)}
    assert sorted(found) == [(symbol, f"2024-03-{day}") for symbol in ("MSFT", "NVDA") for day in ("08", "11", "12")]
    monday = found["NVDA", "2024-03-11"]
    assert (monday.rows, monday.missing, monday.first, ny(monday.longest)) == (0, 390, None, ("09:30", "16:00"))
    day = session("2024-03-11").day
    assert [(one.symbol, one.rows) for one in stored_summary(server, ["NVDA", "AAPL"], day, day)] == []
    assert [(one.symbol, one.rows) for one in stored_summary(server, ["MSFT", "AAPL"], day, day)] == [
        ("AAPL", 0),
        ("MSFT", 390),
    ]


def test_five_minute_bars_are_counted_as_such(postgres_url):
    migrate(DatabaseServer(postgres_url))
    put(postgres_url, "2024-03-08", without="10:00-10:14", size="5min")
    (found,) = stored_summary(DatabaseServer(postgres_url))
    assert (found.rows, found.expected, found.missing, ny(found.longest)) == (75, 78, 3, ("10:00", "10:15"))


@pytest.fixture
def command(clean_environment, postgres_url):
    """`intraday db summary` on a desk's database."""
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    return lambda *arguments: intraday("db", "summary", *arguments)


def test_the_command(command, postgres_url):
    status, said = command()
    assert (status, "holds no bars in that range" in said) == (0, True)
    put(postgres_url, "2024-11-29", without="11:00-11:04", source="<yahoo>")
    status, said = command()
    assert status == 0
    row = next(" ".join(line.split()) for line in said.splitlines() if "2024-11-29" in line)
    assert row == "NVDA 2024-11-29 205 of 210 09:30, 12:59 11:00-11:05 <yahoo>"
    status, said = command("nvda", "--from", "2024-11-27", "--to", "2024-11-29", "--json")
    first, second = json.loads(said)
    assert (first["session"], first["rows"], first["missing"]) == ("2024-11-27", 0, 390)
    assert second["gaps"] == [["2024-11-29T16:00:00+00:00", "2024-11-29T16:05:00+00:00"]]


@pytest.mark.parametrize(
    "symbol", ["x'; DROP TABLE market_data; --", "%(symbols)s", '"; DELETE FROM market_data', "{}"]
)
def test_a_symbol_is_never_sql(command, postgres_url, symbol):
    migrate(DatabaseServer(postgres_url))
    put(postgres_url, "2024-11-29")
    status, said = command("--", symbol)
    assert (status, "holds no bars of" in said) == (0, True), said
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM market_data").fetchone() == (210,)


@pytest.mark.parametrize(("option", "said"), [("yesterday", "not a date"), ("1990-01-02", "outside the calendar")])
def test_a_day_that_cannot_be_is_told(command, postgres_url, option, said):
    migrate(DatabaseServer(postgres_url))
    put(postgres_url, "2024-11-29")
    status, shown = command("--from", option)
    assert status == 2
    assert said in " ".join(shown.split())
