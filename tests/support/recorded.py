"""The recorded Alpha Vantage pair, read without the project's code: an independent account of what is in it."""

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[2] / "simulators" / "recordings"
SYMBOLS = ("NVDA", "MSFT")
HALF_DAYS = frozenset({"2020-11-27", "2020-12-24"})


@cache
def rows(symbol: str) -> tuple[dict[str, str], ...]:
    """The recorded rows as text, newest first, stamps naive New York END-of-bar."""
    with gzip.open(FOLDER / f"alphavantage_1min_ext_{symbol}_2020-10-26_2021-01-08.csv.gz", "rt", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def session_rows(symbol: str) -> dict[str, dict[str, dict[str, str]]]:
    """Regular-session rows by day and by New York START-of-bar `HH:MM`."""
    days: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows(symbol):
        start = datetime.fromisoformat(row["timestamp"]) - timedelta(minutes=1)
        day = start.date().isoformat()
        close = time(13) if day in HALF_DAYS else time(16)
        if time(9, 30) <= start.time() < close:
            days.setdefault(day, {})[start.strftime("%H:%M")] = row
    return days


def counts(symbol: str) -> Counter[str]:
    """Regular-session rows by day."""
    return Counter({day: len(bars) for day, bars in session_rows(symbol).items()})


def vendor_rows(symbol: str) -> pd.DataFrame:
    """The rows as a feed hands them to normalisation: New York stamps, floats."""
    return _vendor_rows(symbol).copy()


@cache
def _vendor_rows(symbol: str) -> pd.DataFrame:
    table = pd.DataFrame(rows(symbol))
    stamps = pd.to_datetime(table["timestamp"]).dt.as_unit("us").dt.tz_localize("America/New_York")
    numbers = table[["open", "high", "low", "close", "volume"]].astype("float64")
    return pd.concat([stamps.rename("stamp"), numbers], axis="columns").assign(symbol=symbol)


@cache
def start_labelled(symbol: str) -> pd.DataFrame:
    """The recorded rows as a vendor that labels starts would have them, text as recorded."""
    table = pd.DataFrame(rows(symbol))
    stamps = pd.to_datetime(table["timestamp"]) - pd.Timedelta(minutes=1)
    return table.assign(timestamp=stamps.dt.strftime("%Y-%m-%d %H:%M:%S"))


def vendor_csv(symbol: str) -> str:
    """The recorded file as text."""
    with gzip.open(FOLDER / f"alphavantage_1min_ext_{symbol}_2020-10-26_2021-01-08.csv.gz", "rt", newline="") as file:
        return file.read()


def vendor_files(folder: Path, days: Sequence[str], corrected: bool = False) -> list[str]:
    """Files of the pair with the recorded bars of regular hours.

    Corrected: of each day another volume at 10:00, and no bar of 11:00.
    """
    folder.mkdir(parents=True)
    for symbol in SYMBOLS:
        lines = ["timestamp,open,high,low,close,volume"]
        for day in sorted(days, reverse=True):
            for minute, row in sorted(session_rows(symbol)[day].items(), reverse=True):
                volume = int(row["volume"]) + 7 * (corrected and minute == "10:00")
                if not (corrected and minute == "11:00"):
                    lines.append(",".join([*[row[name] for name in lines[0].split(",")[:-1]], str(volume)]))
        (folder / f"{symbol}.csv").write_text("\n".join([*lines, ""]))
    return [str(folder / f"{symbol}.csv") for symbol in SYMBOLS]
