"""`intraday fetch`, `feeds` and `quote`, as a person runs them."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from market.sessions import BarSize, session
from resources.feeds.files import FilesFeed
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.commands import intraday


@pytest.fixture
def home(clean_environment, tmp_path, postgres_url) -> Path:
    clean_environment.setenv("TIMESCALEDB_URL", postgres_url)
    return tmp_path / "home"


@pytest.fixture
def vendors(home, clean_environment) -> Callable[..., object]:
    """Both stand-ins with the same recorded bars, as the configured vendors."""

    @contextmanager
    def open_vendors(faults: tuple[str, ...] = ()) -> Iterator[None]:
        same = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
        with AlphaVantageSimulator(faults=faults) as primary, YahooSimulator(bars=same, reach_days=None) as fallback:
            clean_environment.setenv("INTRADAY_ALPHA_VANTAGE__BASE_URL", primary.url)
            clean_environment.setenv("INTRADAY_YAHOO__BASE_URL", fallback.url)
            clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
            yield

    return open_vendors


def written(home: Path, ending: str) -> Path:
    (path,) = (home / "landing" / "raw").glob(f"dual_ticker_*.{ending}")
    assert re.fullmatch(rf"dual_ticker_\d{{8}}_\d{{6}}\.{ending}", path.name)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_mock_data_are_390_possible_minutes_per_symbol(home):
    status, said = intraday("fetch", "2026-11-18", "--mock-data")
    assert status == 0
    assert "These bars are synthetic" in said
    rows = rows_of(written(home, "csv"))
    for symbol in recorded.SYMBOLS:
        of_symbol = [row for row in rows if row["symbol"] == symbol]
        assert len({row["timestamp"] for row in of_symbol}) == len(of_symbol) == 390
    assert {row["source"] for row in rows} == {"synthetic"}
    for row in rows:
        low, high = float(row["low"]), float(row["high"])
        assert 0 < low <= min(float(row["open"]), float(row["close"]))
        assert high >= max(float(row["open"]), float(row["close"]))
        assert int(row["volume"]) >= 0


def test_mock_data_run_through_staging_with_a_warning_and_not_through_prod(home, clean_environment):
    assert intraday("fetch", "2026-11-16", "2026-11-18", "--mock-data", "--seed", "7")[0] == 0
    clean_environment.setenv("INTRADAY_FEEDS__PRIMARY", "files")
    status, said = intraday("run", "2026-11-18")
    assert (status, "WARN" in said) == (0, True)
    assert "390 of 390 NVDA bars are synthetic" in said
    clean_environment.setenv("INTRADAY_ENVIRONMENT", "prod")
    status, said = intraday("run", "2026-11-18")
    assert (status, "FAIL, blocked" in said) == (1, True)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_what_is_fetched_can_be_read_again(home, vendors, ending):
    with vendors(("label:NVDA:2020-11-24",)):
        status, said = intraday("fetch", "2020-11-23", "2020-11-24", "--format", ending)
    assert status == 0
    assert "2020-11-24 NVDA alpha_vantage: LabelSideUnclear" in said
    path = written(home, ending)
    rows = json.loads(path.read_text()) if ending == "json" else rows_of(path)
    sources = {(row["symbol"], row["timestamp"][:10], row["source"], row["role"]) for row in rows if not row["mark"]}
    assert ("NVDA", "2020-11-24", "yahoo", "fallback") in sources
    assert ("MSFT", "2020-11-24", "alpha_vantage", "primary") in sources
    feed = FilesFeed(str(path.parent), recorded.SYMBOLS, BarSize.ONE_MINUTE)
    for key in ("2020-11-23", "2020-11-24"):
        bars = feed.session_bars("NVDA", session(key)).bars
        closes = bars.loc[bars["mark"] == "", "close"].tolist()
        minutes = recorded.session_rows("NVDA")[key]
        assert closes == [float(minutes[at]["close"]) for at in sorted(minutes)]


def test_what_could_not_be_had_is_named_and_the_rest_is_written(home, vendors):
    with vendors(("answer:invalid_call_intraday:1@NVDA",)):
        status, said = intraday("fetch", "2020-11-23")
    assert status == 1
    assert "2020-11-23 NVDA Alpha Vantage refused NVDA 2020-11" in said
    rows = rows_of(written(home, "csv"))
    assert {row["symbol"] for row in rows} == {"MSFT"}


def test_nothing_had_is_nothing_written(home):
    status, said = intraday("fetch", "2020-11-23")
    assert status == 1
    assert "Nothing was written." in said
    assert not (home / "landing" / "raw").exists()


def test_a_run_says_what_is_not_the_primarys_and_feeds_what_happened(home, vendors):
    with vendors(("label:NVDA:2020-11-24",)):
        status, said = intraday("run", "2020-11-24")
    assert status == 0
    assert "2020-11-24 390 NVDA bars are yahoo's (alpha_vantage: LabelSideUnclear)." in said
    status, said = intraday("feeds")
    assert status == 0
    assert "alpha_vantage failover NVDA 2020-11-24: The stamps of 2020-11-24 mark the start" in said
    status, said = intraday("feeds", "--prometheus")
    assert 'intraday_feed_events_total{event="failover",feed="alpha_vantage"} 1.0' in said.splitlines()


def test_a_feed_that_is_left_alone_is_trusted_again_when_a_person_says_so(home, vendors):
    with vendors(("answer:daily_quota_generic:99",)):
        assert intraday("run", "2020-11-24")[0] == 0
    _, said = intraday("feeds")
    assert re.search(r"alpha_vantage +primary +down +\d{4}-\d\d-\d\d \d\d:00:00", said)
    assert intraday("feeds", "--reset", "alpha_vantage")[0] == 0
    assert re.search(r"alpha_vantage +primary +up", intraday("feeds")[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["feeds", "--reset", "nasdaq"], "There is no feed 'nasdaq'; allowed: alpha_vantage."),
        (["quote", "AAPL"], "AAPL is not one of the desk's symbols: NVDA, MSFT."),
        (["fetch", "2026-11-15", "--mock-data"], "There is no XNYS session"),
        (["fetch", "--format", "xml"], "xml"),
        (["fetch", "--seed=-1", "--mock-data"], "Invalid value"),
    ],
)  # fmt: skip
def test_bad_input(home, arguments, said):
    status, output = intraday(*arguments)
    assert status == 2
    assert said in output
    assert "Traceback" not in output


def test_last_prices(vendors):
    with vendors():
        status, said = intraday("quote")
    assert status == 0
    lines = said.splitlines()
    for line, symbol in zip(lines, recorded.SYMBOLS, strict=True):
        close = recorded.session_rows(symbol)["2021-01-08"]["15:59"]["close"]
        assert line.startswith(f"{symbol} {float(close):.4f} USD on 2021-01-08")
