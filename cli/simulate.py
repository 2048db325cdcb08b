"""`intraday simulate …`: the stand-ins by themselves, for a desk that runs elsewhere.

What belongs here: options as a person types them, turned into a stand-in, and what is said about it. What does not:
what a stand-in does (`simulators`).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from resources.errors import ConfigError
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.bar_faults import relabel
from simulators.clock import NEW_YORK, ReplayClock
from simulators.fault_rows import Side
from simulators.histories import as_history, split_adjusted
from simulators.plan import read_plan
from simulators.recordings import LATER_SPLITS, load_bars, load_yahoo_bars, symbols
from simulators.server import HOST
from simulators.stand_in import StandIn
from simulators.tws import TwsSimulator
from simulators.yahoo import YahooSimulator


@dataclass(frozen=True)
class Options:
    """What both commands take; `start` is New York time, and both `start` and `speed` may be left out."""

    port: int
    faults: list[str]
    plan: Path | None
    start: str | None
    speed: float | None

    @property
    def live(self) -> bool:
        """Whether the recording is replayed as if live."""
        return self.start is not None or self.speed is not None

    def all_faults(self, vendor: str) -> list[str]:
        """Those of the plan first, then those of the command line."""
        return [*(map(str, read_plan(self.plan)[vendor]) if self.plan else ()), *self.faults]

    def clock(self, first_stamp: str) -> ReplayClock | None:
        """A clock from `start`, else from the first recorded bar; None when neither start nor speed was given."""
        if not self.live:
            return None
        try:
            start = pd.Timestamp(self.start or first_stamp, tz=NEW_YORK)
        except ValueError:
            raise ValueError(f"--from {self.start!r} is not a New York time such as 2024-08-26T09:30") from None
        return ReplayClock(start, 1.0 if self.speed is None else self.speed)


def alpha_vantage(console: Console, options: Options, labels: str) -> int:
    """The command: serves until Ctrl-C."""
    try:
        simulator = AlphaVantageSimulator(
            faults=options.all_faults("alpha_vantage"),
            port=options.port,
            labels=_side(labels),
            clock=options.clock(load_bars("NVDA")["timestamp"].min()),
        )
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    use = (
        "ALPHA_VANTAGE_API_KEY=any INTRADAY_ALPHA_VANTAGE__PLAN=premium_1200 "
        "INTRADAY_ALPHA_VANTAGE__BASE_URL={0} intraday run …"
    )
    return serve(console, simulator, options, "Alpha Vantage", lambda: (simulator.url, use.format(simulator.url)))


def yahoo(console: Console, options: Options, *, same_bars: bool) -> int:
    """The command: serves until Ctrl-C. `same_bars`: those of the Alpha Vantage stand-in, to fail over to."""
    bars = {symbol: relabel(as_history(_as_yahoo_has_it(symbol)), (), 1, "end", "start") for symbol in symbols()}
    first = bars["NVDA"] if same_bars else load_yahoo_bars("NVDA")
    try:
        simulator = YahooSimulator(
            faults=options.all_faults("yahoo"),
            port=options.port,
            bars=bars if same_bars else None,
            reach_days=None,
            clock=options.clock(first["timestamp"].min()),
        )
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    use = (
        "INTRADAY_FEEDS__PRIMARY=yahoo INTRADAY_FEEDS__FALLBACK=none INTRADAY_YAHOO__BASE_URL={0} "
        'INTRADAY_YAHOO__DAYS_BACK=\'{{"1min": 99999, "5min": 99999}}\' intraday run …'
    )
    return serve(console, simulator, options, "Yahoo", lambda: (simulator.url, use.format(simulator.url)))


def _as_yahoo_has_it(symbol: str) -> pd.DataFrame:
    return split_adjusted(load_bars(symbol), LATER_SPLITS.get(symbol, 1.0))


def _side(labels: str) -> Side:
    if labels == "start":
        return "start"
    if labels == "end":
        return "end"
    raise ValueError(f"--labels {labels!r} is neither start nor end")


def serve(
    console: Console,
    simulator: StandIn | TwsSimulator,
    options: Options,
    vendor: str,
    where: Callable[[], tuple[str, str]],
    meanwhile: Callable[[], object] = lambda: threading.Event().wait(),
) -> int:
    """Starts the stand-in, says `where` it is and how it is used, and stops it when `meanwhile` ends, as by Ctrl-C."""
    try:
        simulator.start()
    except OSError as error:
        raise ConfigError(
            f"Port {options.port} on {HOST} cannot be had ({error.strerror or error}): give another to --port, or 0 for"
            " any free one."
        ) from None
    with_clock = " as if they were live" if options.live else ""
    address, use = where()
    try:
        console.print(
            f"{vendor} stand-in at {address}, replaying recorded sessions{with_clock}. Ctrl-C ends it.", soft_wrap=True
        )
        for fault in simulator.faults:
            console.print(f"  {fault.describe()}", soft_wrap=True)
        console.print(f"Use it: {use}", soft_wrap=True)
        meanwhile()
    finally:
        simulator.stop()
    return 0
