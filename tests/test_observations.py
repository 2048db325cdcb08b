"""`observations` on the embedded PostgreSQL and on TimescaleDB: sessions as runs and live store them."""

import math
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from resources import observations
from resources.database import arrow_connections
from resources.database.order_store import OrderStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import (
    DatabaseUnreachable,
    ExtraMissing,
    MigrationError,
    NothingToObserve,
    RequestNotUnderstood,
    UnknownSymbol,
)
from resources.following import follow
from schemas.errors import RangeNotUnderstood
from schemas.tables import FEATURES
from schemas.trading import Position
from tests.support import recorded
from tests.support.observed import BLOCKS, PASSES, execute, judge, store, store_live

PAIR = ("NVDA", "MSFT")
DAY = "2020-12-15"
ASKED = {"pair": PAIR, "account": "SIMULATED"}


@pytest.fixture(params=["postgres_url", "timescale_url"])
def url(request) -> Iterator[str]:
    """A database of either kind with the schema in it."""
    found: str = request.getfixturevalue(request.param)
    migrate(DatabaseServer(found))
    yield found
    arrow_connections.CONNECTIONS.close()


@pytest.fixture
def plain(postgres_url) -> Iterator[str]:
    """One on the embedded PostgreSQL."""
    migrate(DatabaseServer(postgres_url))
    yield postgres_url
    arrow_connections.CONNECTIONS.close()


def vendor_bar(symbol: str, day: str, clock: str) -> list[np.float32]:
    """The five values that the vendor's file has of a New York minute."""
    row = recorded.session_rows(symbol)[day][clock]
    return [np.float32(row[name]) for name in ("open", "high", "low", "close", "volume")]


def first_vwap(symbol: str, day: str) -> np.float32:
    """After the first minute: the mean of its high, low and close."""
    row = recorded.session_rows(symbol)[day]["09:30"]
    return np.float32(math.fsum(float(row[name]) for name in ("high", "low", "close")) / 3)


def hold(url: str, symbol: str, quantity: int, account: str = "SIMULATED") -> None:
    held = Position(account, symbol, Decimal(quantity))
    OrderStore(DatabaseServer(url), account).within(lambda kept: kept.keep_position(held))


def stamps(window: observations.ObservationWindow) -> list[str]:
    return [str(at)[:16] for at in window.timestamps]


def test_the_newest_minute_of_a_stored_session_has_the_numbers_of_the_vendors_file(url):
    store(url, DAY)
    hold(url, "NVDA", 200)
    hold(url, "MSFT", -30)
    hold(url, "MSFT", 7, account="DU1234567")
    at = datetime(2020, 12, 15, 21, 3, 30, tzinfo=UTC)
    seen = observations.latest(**ASKED, database=url, now=lambda: at)
    assert seen.timestamp == datetime(2020, 12, 15, 20, 59, tzinfo=UTC)
    assert seen.timestamp.utcoffset() == timedelta(0)
    assert (seen.session, seen.final, seen.age, seen.version) == (date(2020, 12, 15), True, timedelta(seconds=210), 1)
    assert (seen.values.shape, seen.values.dtype, seen.mask.dtype) == ((28,), np.float32, bool)
    assert list(seen.values[:5]) == vendor_bar("NVDA", DAY, "15:59")
    assert list(seen.values[13:18]) == vendor_bar("MSFT", DAY, "15:59")
    clock = [math.sin(math.tau * 15 / 24), math.cos(math.tau * 15 / 24), math.sin(math.tau * 59 / 60)]
    assert list(seen.values[9:12]) == list(np.float32(clock))
    assert list(seen.values[22:25]) == list(np.float32(clock))
    assert list(seen.values[26:]) == [200, -30]
    assert seen.mask.all()
    assert np.array_equal(seen.filled, seen.values)
    assert seen.names[:2] == ("NVDA.open", "NVDA.high")
    assert seen.names[25:] == ("MSFT.minute_cos", "NVDA.position", "MSFT.position")


def test_the_order_of_the_symbols_is_the_one_asked_for(url):
    store(url, DAY)
    hold(url, "NVDA", 200)
    one, other = (observations.latest(pair, account="SIMULATED", database=url) for pair in (PAIR, ["msft", " nvda "]))
    assert list(other.values[:13]) == list(one.values[13:26])
    assert list(other.values[13:26]) == list(one.values[:13])
    assert list(other.values[26:]) == [0, 200]
    assert other.names[0] == "MSFT.open"
    one, other = (observations.window(DAY, DAY, pair, database=url) for pair in (PAIR, ("MSFT", "NVDA")))
    assert np.array_equal(other.values, np.hstack([one.values[:, 13:], one.values[:, :13]]), equal_nan=True)
    assert (other.names[0], other.names[13]) == ("MSFT.open", "NVDA.open")


def test_what_is_not_there_is_nan_and_false_and_filled_is_what_the_space_contains(url):
    store(url, DAY, ("MSFT", "20:59"))
    execute(url, "DELETE FROM current_positions WHERE symbol = 'MSFT'")
    seen = observations.latest(**ASKED, database=url)
    assert seen.timestamp == datetime(2020, 12, 15, 20, 59, tzinfo=UTC)
    there = [*[True] * 13, *[False] * 9, *[True] * 4, True, False]
    assert list(seen.mask) == there
    assert list(np.isnan(seen.values)) == [not one for one in there]
    assert list(seen.filled[13:22]) == [0] * 9
    assert seen.filled.dtype == np.float32
    assert seen.filled in observations.space()
    assert seen.values not in observations.space()


def test_a_window_is_the_minutes_of_its_sessions_as_arrays(url):
    """The first minutes of a session have no indicators yet: nothing was stored before it."""
    store(url, DAY, ("NVDA", "14:32"))
    found = observations.window(DAY, DAY, PAIR, database=url)
    assert (found.values.shape, found.values.dtype, found.values.flags.c_contiguous) == ((390, 26), np.float32, True)
    assert (found.mask.shape, found.mask.dtype, found.timestamps.dtype) == ((390, 26), bool, np.dtype("M8[us]"))
    assert found.timestamps[0] == np.datetime64("2020-12-15T14:30")
    assert set(np.diff(found.timestamps)) == {np.timedelta64(60, "s")}
    for row, clock in ((0, "09:30"), (1, "09:31"), (389, "15:59")):
        assert list(found.values[row, :5]) == vendor_bar("NVDA", DAY, clock)
        assert list(found.values[row, 13:18]) == vendor_bar("MSFT", DAY, clock)
    assert [found.values[0, 8], found.values[0, 21]] == [first_vwap("NVDA", DAY), first_vwap("MSFT", DAY)]
    assert not found.mask[2, :9].any()
    assert found.mask[2, 9:18].all()
    rsi = FEATURES.index("rsi")
    assert list(found.mask[:, 13 + rsi]) == [False] * 14 + [True] * 376
    assert list(found.mask[:, rsi]) == [False] * 15 + [True] * 375  # it is without the third bar
    assert np.array_equal(found.mask, ~np.isnan(found.values))
    newest = observations.latest(**ASKED, database=url)
    assert list(newest.values[:26]) == list(found.values[-1])
    assert newest.names[:26] == found.names


def test_the_range_is_of_new_york_days_or_instants(url):
    store(url, DAY)
    assert stamps(observations.window("2020-12-15T14:30Z", "2020-12-15T14:32Z", PAIR, database=url)) == [
        "2020-12-15T14:30",
        "2020-12-15T14:31",
    ]
    assert len(observations.window("2020-12-15T09:31-05:00", date(2020, 12, 15), PAIR, database=url).values) == 389
    none = observations.window("2020-12-12", "2020-12-13", PAIR, database=url)
    assert (none.values.shape, none.mask.shape, none.timestamps.shape) == ((0, 26), (0, 26), (0,))
    assert none.timestamps.dtype == np.dtype("M8[us]")
    for start, end in ((DAY, "2020-12-14"), ("2020-12-15T14:30", DAY)):
        with pytest.raises(RangeNotUnderstood):
            observations.window(start, end, PAIR, database=url)


def test_clocks_that_change_and_half_days(url):
    """New York's winter time began on 2020-11-01; on 2020-11-27 the exchange closed at 13:00."""
    for day in ("2020-10-30", "2020-11-02", "2020-11-27"):
        store(url, day)
    found = observations.window("2020-10-30", "2020-11-27", PAIR, database=url)
    assert len(found.values) == 390 + 390 + 210
    edges = [stamps(found)[row] for row in (0, 389, 390, 779, 780, 989)]
    assert edges == [
        "2020-10-30T13:30",
        "2020-10-30T19:59",
        "2020-11-02T14:30",
        "2020-11-02T20:59",
        "2020-11-27T14:30",
        "2020-11-27T17:59",
    ]
    sine = np.float32(math.sin(math.tau * 9 / 24))  # of nine o'clock in New York, summer and winter
    assert [found.values[row, 9] for row in (0, 390, 780)] == [sine] * 3
    seen = observations.latest(**ASKED, database=url)
    assert (seen.timestamp, seen.final) == (datetime(2020, 11, 27, 17, 59, tzinfo=UTC), True)


def test_while_a_session_goes_on_the_newest_published_minute_is_live(url):
    store(url, "2020-12-14")
    store_live(url, DAY, "15:00")
    seen = observations.latest(**ASKED, database=url, now=lambda: datetime(2020, 12, 15, 15, 0, 2, tzinfo=UTC))
    assert seen.timestamp == datetime(2020, 12, 15, 14, 59, tzinfo=UTC)
    assert (seen.final, seen.age) == (False, timedelta(seconds=2))
    assert list(seen.values[:5]) == vendor_bar("NVDA", DAY, "09:59")
    assert len(observations.window("2020-12-14", DAY, PAIR, database=url).values) == 390 + 30


def test_a_withheld_bar_is_not_served_until_the_gate_lets_its_session_pass(url):
    store_live(url, DAY, "15:00", "14:40", "14:58", "14:59")
    seen = observations.latest(**ASKED, database=url)
    assert seen.timestamp == datetime(2020, 12, 15, 14, 57, tzinfo=UTC)
    found = observations.window(DAY, DAY, PAIR, database=url)
    assert len(found.values) == 27
    assert not {"2020-12-15T14:40", "2020-12-15T14:58", "2020-12-15T14:59"} & set(stamps(found))
    store(url, DAY)
    seen = observations.latest(**ASKED, database=url)
    assert (seen.timestamp, seen.final) == (datetime(2020, 12, 15, 20, 59, tzinfo=UTC), True)
    assert len(observations.window(DAY, DAY, PAIR, database=url).values) == 390


def test_a_session_that_the_gate_blocks_after_its_close_is_not_served(url):
    store(url, "2020-12-14")
    store_live(url, DAY, "21:00")
    store(url, "2020-12-16")
    judge(url, DAY, BLOCKS)
    found = observations.window("2020-12-14", "2020-12-16", PAIR, database=url)
    assert {at[:10] for at in stamps(found)} == {"2020-12-14", "2020-12-16"}
    execute(url, "DELETE FROM dual_ticker_bars WHERE \"timestamp\" > '2020-12-16'")
    seen = observations.latest(**ASKED, database=url)
    assert (seen.session, seen.final) == (date(2020, 12, 14), True)


def test_a_session_that_was_stored_and_is_judged_again_stays(url):
    """What the gate blocks later are other bars: those that it let pass are still the stored ones."""
    store(url, DAY)
    judge(url, DAY, BLOCKS)
    assert observations.latest(**ASKED, database=url).final
    assert len(observations.window(DAY, DAY, PAIR, database=url).values) == 390


def test_the_word_of_the_gate_on_other_symbols_counts_for_nothing(plain):
    store_live(plain, DAY, "15:00", "14:59")
    judge(plain, DAY, PASSES, ("NVDA", "AAPL"))
    seen = observations.latest(**ASKED, database=plain)
    assert (seen.timestamp, seen.final) == (datetime(2020, 12, 15, 14, 58, tzinfo=UTC), False)


def test_a_minute_of_one_symbol_alone_is_none(plain):
    store(plain, DAY)
    execute(plain, "DELETE FROM dual_ticker_bars WHERE symbol = 'MSFT' AND \"timestamp\" = '2020-12-15 20:59Z'")
    execute(plain, "DELETE FROM dual_ticker_bars WHERE symbol = 'NVDA' AND \"timestamp\" = '2020-12-15 14:31Z'")
    assert observations.latest(**ASKED, database=plain).timestamp == datetime(2020, 12, 15, 20, 58, tzinfo=UTC)
    found = observations.window(DAY, DAY, PAIR, database=plain)
    assert (len(found.values), stamps(found)[:2]) == (388, ["2020-12-15T14:30", "2020-12-15T14:32"])
    assert list(found.values[-1, 13:18]) == vendor_bar("MSFT", DAY, "15:58")


def test_nothing_stored_is_told(plain):
    for ask in (
        lambda: observations.latest(**ASKED, database=plain),
        lambda: observations.window(DAY, DAY, PAIR, database=plain),
    ):
        with pytest.raises(UnknownSymbol, match="holds no frame of NVDA, MSFT"):
            ask()
    store(plain, DAY)
    with pytest.raises(UnknownSymbol, match="holds no frame of AAPL"):
        observations.window(DAY, DAY, ("NVDA", "AAPL"), database=plain)
    execute(plain, "DELETE FROM data_quality_reports")
    judge(plain, DAY, BLOCKS)
    with pytest.raises(NothingToObserve, match="no minute of both NVDA and MSFT that may be served") as caught:
        observations.latest(**ASKED, database=plain)
    assert not caught.value.retry_helps


@pytest.mark.parametrize(
    "pair", ["NVDA", ["NVDA"], ["NVDA", "nvda"], ["NVDA", "MSFT", "AAPL"], [], ["NVDA", 7], ["NVDA", ""]]
)
def test_what_is_no_pair_is_refused(pair):
    with pytest.raises(RequestNotUnderstood, match=r"The pair are .*; name two"):
        observations.window(DAY, DAY, pair, database="postgresql://127.0.0.1:1/none")


def test_a_database_that_cannot_be_used_is_told(postgres_url, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for database, error in ((postgres_url, MigrationError), ("postgresql://127.0.0.1:1/none", DatabaseUnreachable)):
        with pytest.raises(error):
            observations.latest(**ASKED, database=database)
        with pytest.raises(error):
            observations.window(DAY, DAY, PAIR, database=database)
    arrow_connections.CONNECTIONS.close()


def test_what_is_not_named_is_as_configured(plain, clean_environment):
    store(plain, DAY)
    hold(plain, "MSFT", 11, account="SIM_B")
    clean_environment.setenv("TIMESCALEDB_URL", plain)
    clean_environment.setenv("INTRADAY_SYMBOLS", "MSFT,NVDA")
    clean_environment.setenv("INTRADAY_OMS__ACCOUNT", "SIM_B")
    seen = observations.latest()
    assert (seen.names[0], seen.names[-2], seen.values[26]) == ("MSFT.open", "MSFT.position", 11)
    assert observations.window(DAY, DAY).names == seen.names[:26]
    clean_environment.setenv("INTRADAY_SYMBOLS", "MSFT,NVDA,AAPL")
    with pytest.raises(RequestNotUnderstood, match="The configured symbols are"):
        observations.latest()
    clean_environment.setenv("INTRADAY_OMS__BROKER", "ib")
    assert observations.latest(PAIR, account="SIM_B").values[27] == 11
    with pytest.raises(RequestNotUnderstood, match="name an account"):
        observations.latest(PAIR)
    hold(plain, "NVDA", 5, account="DU1234567")
    assert observations.latest(PAIR).values[26] == 5


def test_a_reader_may_read_all_of_it(plain):
    store(plain, DAY)
    execute(plain, "CREATE ROLE observer LOGIN IN ROLE intraday_reader")
    try:
        reader = plain.replace("postgres:@", "observer:@", 1)
        assert reader != plain
        assert observations.latest(**ASKED, database=reader).final
        assert len(observations.window(DAY, DAY, PAIR, database=reader).values) == 390
    finally:
        arrow_connections.CONNECTIONS.close()
        execute(plain, "DROP ROLE observer")


def test_what_the_server_is_set_to_changes_nothing(plain, monkeypatch):
    store_live(plain, DAY, "15:00", "14:59")
    expected = observations.latest(**ASKED, database=plain)
    execute(
        plain,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database()); "
        "EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -15', current_database()); END $$",
    )
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    arrow_connections.CONNECTIONS.close()
    seen = observations.latest(**ASKED, database=plain)
    assert np.array_equal(seen.values, expected.values)
    assert str(seen.timestamp) == "2020-12-15 14:58:00+00:00"
    assert stamps(observations.window(DAY, DAY, PAIR, database=plain))[-1] == "2020-12-15T14:58"


def documented(url: str, environment: pytest.MonkeyPatch) -> dict[str, object]:
    """What the examples of the document leave behind, run in their order on two recorded sessions."""
    environment.setenv("TIMESCALEDB_URL", url)
    store(url, "2020-12-14")
    store_live(url, DAY, "14:33")
    store(url, DAY, ("MSFT", "14:31"))
    text = (Path(__file__).parents[1] / "docs" / "observations.md").read_text()
    found: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(example.replace("heartbeat=5.0", "heartbeat=0.01"), found)
    return found


def test_the_examples_of_the_document_run_and_gymnasium_accepts_their_environment(plain, clean_environment):
    found = documented(plain, clean_environment)
    window, seen = found["window"], found["seen"]
    assert window.values.shape == (780, 26)
    assert str(window.timestamps[0])[:16] == "2020-12-14T14:30"
    assert seen.timestamp == datetime(2020, 12, 15, 20, 59, tzinfo=UTC)
    assert found["last_id"] == 4  # that the session is final was told, too
    environment = found["OneShareAtATime"](window)
    check_env(environment, skip_render_check=True)
    environment.reset(seed=1)
    over = False
    while not over:
        numbers, reward, over, _, _ = environment.step(2)
        assert numbers in environment.observation_space
    closes = [float(row["close"]) for _, row in sorted(recorded.session_rows("NVDA")[DAY].items())]
    assert reward == pytest.approx(779 * (closes[-1] - closes[-2]), rel=1e-3)


def test_whoever_follows_finds_the_minute_that_was_told(plain):
    found = []
    with closing(follow(plain, 0, heartbeat=20.0)) as events:
        for clock in ("14:31", "14:32", "14:33"):
            store_live(plain, DAY, clock, "14:31")
            event = next(events)
            newest = observations.latest(**ASKED, database=plain).timestamp
            found.append((event.event, f"{event.timestamp:%H:%M}", f"{newest:%H:%M}"))
    assert found == [("published", "14:30", "14:30"), ("withheld", "14:31", "14:30"), ("published", "14:32", "14:32")]


def test_the_space_has_the_contracts_bounds():
    space = observations.space()
    assert (space.shape, space.dtype) == ((28,), np.float32)
    assert np.isfinite([space.low, space.high]).all()
    assert (space.low[5], space.high[5], space.low[9], space.high[9], space.low[27]) == (0, 100, -1, 1, -1e9)


def test_without_gymnasium_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium.spaces", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'intraday-assets\[gymnasium\]'"):
        observations.space()
