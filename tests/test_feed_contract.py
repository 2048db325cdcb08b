"""What every feed keeps to, whatever vendor or file stands behind it: one suite, the same recorded sessions for all.

The feeds' own ways are tested with each of them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest

from market.normalise import NormalisedBars
from market.sessions import BarSize, session
from resources import errors
from resources.feeds.feed import Feed
from resources.feeds.file_formats.dual_ticker import to_csv, to_json
from resources.feeds.files import FilesFeed
from schemas.tables import BASES, Bars, checked
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.tws import TwsSimulator
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.feeds import Clock, alpha_vantage_feed, yahoo_feed
from tests.support.ib import ib_feed

DAYS = ("2020-11-24", "2020-11-27", "2020-12-24", "2020-12-29")
"""A full day, both half days, and the day on which one NVDA minute is missing."""
NEVER = "2020-10-23"
"""A session of before the recordings."""


def at_alpha_vantage(**options: str) -> Callable[[Path, ExitStack], Feed]:
    labels = options.pop("labels", "end")
    return lambda folder, stack: alpha_vantage_feed(
        stack.enter_context(AlphaVantageSimulator(labels=labels)).url, folder, **options
    )


def at_yahoo(folder: Path, stack: ExitStack) -> Feed:
    bars = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}
    return yahoo_feed(stack.enter_context(YahooSimulator(bars=bars, reach_days=None)).url, folder)


def at_interactive_brokers(folder: Path, stack: ExitStack) -> Feed:
    bars, clock = {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}, Clock()
    return ib_feed(stack.enter_context(TwsSimulator(bars=bars, now=clock.now)).port, folder, clock=clock)


def vendor_files(folder: Path, stack: ExitStack) -> Feed:
    """Alpha Vantage's CSV as somebody saved it."""
    for symbol in recorded.SYMBOLS:
        (folder / f"intraday_1min_{symbol}.csv").write_text(recorded.vendor_csv(symbol))
    return FilesFeed(str(folder), recorded.SYMBOLS, BarSize.ONE_MINUTE)


def yahoo_files(folder: Path, stack: ExitStack) -> Feed:
    """What `DataFrame.to_csv` makes of yfinance's answer."""
    for symbol in recorded.SYMBOLS:
        table = recorded.start_labelled(symbol).rename(columns=str.capitalize).rename(columns={"Timestamp": "Datetime"})
        stamps = pd.to_datetime(table["Datetime"]).dt.tz_localize("America/New_York").astype("str")
        table.assign(Datetime=stamps).to_csv(folder / f"{symbol}_1m.csv", index=False)
    return FilesFeed(str(folder), recorded.SYMBOLS, BarSize.ONE_MINUTE)


def own_files(ending: str) -> Callable[[Path, ExitStack], Feed]:
    """Our own files, of bars that another feed gave."""

    def make(folder: Path, stack: ExitStack) -> Feed:
        source = at_yahoo(folder / "landing", stack)
        bars = pd.concat([source.session_bars(s, session(day)).bars for s in recorded.SYMBOLS for day in DAYS])
        path = folder / f"dual_ticker_20210201_000000.{ending}"
        if ending == "parquet":
            bars.to_parquet(path, index=False)
        else:
            path.write_text({"csv": to_csv, "json": to_json}[ending](bars))
        return FilesFeed(str(folder), recorded.SYMBOLS, BarSize.ONE_MINUTE)

    return make


FEEDS: dict[str, Callable[[Path, ExitStack], Feed]] = {
    "alpha_vantage csv": at_alpha_vantage(),
    "alpha_vantage json": at_alpha_vantage(datatype="json", entitlement="delayed"),
    "alpha_vantage start labels": at_alpha_vantage(labels="start"),
    "yahoo": at_yahoo,
    "interactive_brokers": at_interactive_brokers,
    "files of alpha_vantage": vendor_files,
    "files of yahoo": yahoo_files,
    "our own csv": own_files("csv"),
    "our own json": own_files("json"),
    "our own parquet": own_files("parquet"),
}


@pytest.fixture(scope="module", params=FEEDS)
def feed(request, tmp_path_factory) -> Iterator[Feed]:
    folder = tmp_path_factory.mktemp("feed")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield FEEDS[request.param](folder, stack)


def kept(part: NormalisedBars) -> pd.DataFrame:
    return part.bars[part.bars["mark"] == ""]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("symbol", recorded.SYMBOLS)
def test_the_bars_are_the_recorded_ones(feed, symbol, day):
    bars = kept(feed.session_bars(symbol, session(day)))
    stamps = bars["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    wanted = recorded.session_rows(symbol)[day]
    assert stamps.tolist() == sorted(wanted)
    for name in ("open", "high", "low", "close", "volume"):
        assert bars[name].tolist() == pytest.approx([float(wanted[at][name]) for at in stamps], abs=1e-9)


def test_the_table_keeps_its_contract(feed):
    day = session("2020-11-27")
    bars = checked(feed.session_bars("MSFT", day).bars, Bars)
    assert set(bars["symbol"]) == {"MSFT"}
    assert bars["source"].nunique() == 1
    assert set(bars["basis"]) <= set(BASES)
    assert set(zip(bars["role"], bars["why"], strict=True)) == {("primary", "")}
    assert bars["timestamp"].is_monotonic_increasing
    inside = bars[bars["mark"] == ""]["timestamp"]
    assert inside.isin(day.minutes(BarSize.ONE_MINUTE)).all()
    afternoon = bars[bars["timestamp"] >= day.close]
    assert len(afternoon) > 0
    assert set(afternoon["mark"]) == {"extended_hours"}


def test_asking_again_and_in_another_order_gives_the_same(feed):
    once = {day: feed.session_bars("NVDA", session(day)).bars for day in DAYS}
    for day in reversed(DAYS):
        pd.testing.assert_frame_equal(feed.session_bars("NVDA", session(day)).bars, once[day])


def test_a_session_that_it_does_not_have_is_no_empty_success(feed):
    with pytest.raises(errors.NoBars, match=NEVER) as caught:
        feed.session_bars("NVDA", session(NEVER))
    assert not caught.value.retry_helps


def test_a_symbol_that_it_does_not_have_is_a_feeds_failure(feed):
    with pytest.raises(errors.FeedError, match="AAPL"):
        feed.session_bars("AAPL", session(DAYS[0]))


def test_its_name_is_one_that_can_be_configured(feed):
    assert feed.name in ("alpha_vantage", "yahoo", "interactive_brokers", "files")
