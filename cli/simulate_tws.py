"""`intraday simulate tws`: the stand-in for TWS by itself.

What belongs here: options as a person types them, turned into a stand-in, and its time. What does not: what it does
(`simulators.tws`), what is said about every stand-in (`simulate`).
"""

import threading

from rich.console import Console

from cli.simulate import Options, serve
from resources.clock import utc_now
from resources.errors import ConfigError
from simulators.recordings import load_yahoo_bars
from simulators.tws import TwsSimulator
from simulators.tws.replaying import Replay


def tws(console: Console, options: Options, accounts: list[str]) -> int:
    """The command: serves until Ctrl-C. Replayed as if live, prices follow the recording and bars are pushed."""
    try:
        clock = options.clock(load_yahoo_bars("NVDA")["timestamp"].min())
        simulator = TwsSimulator(
            options.all_faults("tws"), options.port, accounts=accounts, now=utc_now if clock is None else clock.now
        )
    except ValueError as error:
        raise ConfigError(f"{error}.") from None

    def where() -> tuple[str, str]:
        host, port = simulator.host, simulator.port
        settings = f"INTRADAY_OMS__BROKER=ib INTRADAY_IB__HOST={host} INTRADAY_IB__PORT={port}"
        return f"{host}:{port}", f"{settings} intraday positions reconcile"

    if clock is None:
        return serve(console, simulator, options, "TWS", where)
    return serve(console, simulator, options, "TWS", where, lambda: Replay(simulator, clock).follow(threading.Event()))
