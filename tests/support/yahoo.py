"""Clients of the Yahoo stand-in and the rows it replays, read without its code."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from simulators.yahoo import YahooSimulator

NEW_YORK = ZoneInfo("America/New_York")
FOLDER = Path(__file__).parents[2] / "simulators" / "recordings"
VALUES = ("open", "high", "low", "close", "volume")
Row = tuple[int, float | None, float | None, float | None, float | None, int | None]
"""Epoch second, open, high, low, close, volume."""


def epoch(stamp: str) -> int:
    """The epoch second of a New York time."""
    return int(datetime.fromisoformat(stamp).replace(tzinfo=NEW_YORK).timestamp())


def recorded_rows(symbol: str, first: str, last: str, size: str = "1m") -> list[Row]:
    """The recorded rows with `first <= stamp < last`, New York stamps."""
    path = FOLDER / f"yahoo_{size}_prepost_{symbol}_2024-08-23_2024-08-30.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if first <= row["Datetime"] < last]
    return [
        (
            epoch(row["Datetime"]),
            float(row["Open"]),
            float(row["High"]),
            float(row["Low"]),
            float(row["Close"]),
            int(row["Volume"]),
        )
        for row in rows
    ]


def error_body(body_id: str) -> dict[str, Any]:
    """A line of the recorded error bodies."""
    lines = (FOLDER / "yahoo_error_bodies.jsonl").read_text().splitlines()
    return next(record for record in map(json.loads, lines) if record["id"] == body_id)


def ask_chart(
    simulator: YahooSimulator, symbol: str = "NVDA", first: str = "2024-08-26", last: str = "2024-08-27", **changes: Any
) -> requests.Response:
    """A well-formed request for 1-minute bars with pre- and post-market; None leaves a parameter out."""
    parameters = {
        "period1": epoch(first),
        "period2": epoch(last),
        "interval": "1m",
        "includePrePost": "true",
        "events": "div,splits,capitalGains",
    }
    return requests.get(f"{simulator.url}/v8/finance/chart/{symbol}", params=parameters | changes, timeout=10)


def result_of(response: requests.Response) -> dict[str, Any]:
    """The one result of a chart."""
    assert response.status_code == 200
    chart = response.json()["chart"]
    assert chart["error"] is None
    (result,) = chart["result"]
    return dict(result)


def rows_of(response: requests.Response) -> list[Row]:
    """The rows of a chart."""
    result = result_of(response)
    (quote,) = result["indicators"]["quote"]
    return list(zip(result["timestamp"], *(quote[name] for name in VALUES), strict=True))
