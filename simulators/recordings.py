"""Reads the recorded bars and error bodies in `recordings/`; PROVENANCE.md there says where they come from.

What belongs here: getting recorded text off the disk unchanged. What does not: turning it into a vendor's answer
(`alpha_vantage_answers`) or damaging it (`bar_faults`). Prices stay text, because an answer has to carry the recorded
digits.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent / "recordings"
BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
KEY_MASK = "XXXXXXXXXXXXXXXX"
"""Stands where a recorded body echoed the caller's API key."""

_PREFIX = "alphavantage_1min_ext_"


@dataclass(frozen=True)
class ErrorBody:
    """One recorded answer that carries no bars."""

    id: str
    http_status: int
    text: str


@cache
def _bar_files() -> dict[str, Path]:
    files = sorted(FOLDER.glob(f"{_PREFIX}*.csv.gz"))
    return {path.name.removeprefix(_PREFIX).split("_")[0]: path for path in files}


@cache
def _read_bars(symbol: str) -> pd.DataFrame:
    return pd.read_csv(_bar_files()[symbol], dtype="str", keep_default_na=False)[list(BAR_COLUMNS)]


def symbols() -> tuple[str, ...]:
    """The tickers that have recorded bars, in alphabetical order."""
    return tuple(sorted(_bar_files()))


def load_bars(symbol: str) -> pd.DataFrame:
    """The recorded 1-minute bars of `symbol`, in the recorded order (newest first).

    Columns `timestamp, open, high, low, close, volume`, all text as recorded. Stamps are naive US/Eastern and mark the
    END of their minute; prices are in USD, split and dividend adjusted as the vendor had them in January 2021. Raises
    KeyError for a ticker without a recording.
    """
    if symbol not in _bar_files():
        raise KeyError(f"no recorded bars of {symbol!r}; there are recordings of {', '.join(symbols())}")
    return _read_bars(symbol).copy()


@cache
def error_bodies() -> dict[str, ErrorBody]:
    """The recorded error bodies by their id, rendered the way the vendor renders JSON: indented by four."""
    lines = (FOLDER / "alphavantage_error_bodies.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return {
        record["id"]: ErrorBody(record["id"], record["http_status"], json.dumps(record["body"], indent=4))
        for record in records
    }
