"""A client of the Alpha Vantage stand-in, for the tests of the stand-in itself."""

import requests

from simulators.alpha_vantage import AlphaVantageSimulator

KEY = "PLANTED0KEY00001"


def ask(simulator: AlphaVantageSimulator, **changes: str | None) -> requests.Response:
    """A well-formed request for a month of 1-minute bars as CSV, with some parameters changed; None leaves one out."""
    parameters: dict[str, str | None] = {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": "NVDA",
        "interval": "1min",
        "month": "2020-12",
        "outputsize": "full",
        "datatype": "csv",
        "apikey": KEY,
    }
    return requests.get(f"{simulator.url}/query", params=parameters | changes, timeout=10)
