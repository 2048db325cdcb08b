"""`intraday simulate alpha-vantage`: the stand-in by itself, for a desk that runs elsewhere."""

import threading

from rich.console import Console

from resources.errors import ConfigError
from simulators.alpha_vantage import AlphaVantageSimulator


def alpha_vantage(console: Console, port: int, faults: list[str]) -> int:
    """The command: serves until Ctrl-C."""
    try:
        simulator = AlphaVantageSimulator(faults=faults, port=port)
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    with simulator:
        console.print(f"Alpha Vantage stand-in at {simulator.url}, replaying recorded sessions. Ctrl-C ends it.")
        for fault in simulator.faults:
            console.print(f"  {fault.describe()}")
        console.print(
            f"Use it: INTRADAY_ALPHA_VANTAGE__BASE_URL={simulator.url} ALPHA_VANTAGE_API_KEY=any intraday run …"
        )
        threading.Event().wait()
    return 0
