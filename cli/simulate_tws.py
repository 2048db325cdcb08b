"""`intraday simulate tws`: the stand-in for TWS by itself.

What belongs here: options as a person types them, turned into a stand-in, and its time. What does not: what it does
(`simulators.tws`), what is said about every stand-in (`simulate`).
"""

import threading
from datetime import UTC, datetime

from rich.console import Console

from cli.simulate import Options, serve
from resources.errors import ConfigError
from simulators.clock import ReplayClock
from simulators.recordings import load_yahoo_bars
from simulators.tws import TwsSimulator

TICK_SECONDS = 0.25


def tws(console: Console, options: Options, accounts: list[str]) -> int:
    """The command: serves until Ctrl-C. Replayed as if live, prices follow the recording and bars are pushed."""
    try:
        clock = options.clock(load_yahoo_bars("NVDA")["timestamp"].min())
        simulator = TwsSimulator(
            options.all_faults("tws"), options.port, accounts=accounts, now=_wall if clock is None else clock.now
        )
    except ValueError as error:
        raise ConfigError(f"{error}.") from None

    def where() -> tuple[str, str]:
        host, port = simulator.host, simulator.port
        settings = f"INTRADAY_OMS__BROKER=ib INTRADAY_IB__HOST={host} INTRADAY_IB__PORT={port}"
        return f"{host}:{port}", f"{settings} intraday positions reconcile"

    if clock is None:
        return serve(console, simulator, options, "TWS", where)
    return serve(console, simulator, options, "TWS", where, lambda: _replay(simulator, clock))


def _wall() -> datetime:
    return datetime.now(UTC)


def _replay(simulator: TwsSimulator, clock: ReplayClock) -> None:
    """Sends what the recording had, as its time passes."""
    pause, since = threading.Event(), clock.now()
    while True:
        pause.wait(TICK_SECONDS)
        until = clock.now()
        for symbol in simulator.symbols:
            simulator.replay(symbol, since, until)
        since = until
