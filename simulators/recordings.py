"""Reads the recorded bars and error bodies in `recordings/`; PROVENANCE.md there says where they come from.

What belongs here: getting recorded text off the disk unchanged. What does not: turning it into a vendor's answer
(`alpha_vantage_answers`, `yahoo_answers`) or damaging it (`bar_faults`). Prices stay text, because an answer has to
carry the recorded digits.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

FOLDER = Path(__file__).parent / "recordings"
BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
KEY_MASK = "XXXXXXXXXXXXXXXX"
"""Stands where a recorded body echoed the caller's API key."""

_ALPHA_VANTAGE = "alphavantage_1min_ext_"
_YAHOO = "yahoo_1m_prepost_"
_YAHOO_EMPTY = "yahoo_1m_AAPL_weekend_empty_2025-02-01.http.json"

LATER_SPLITS = {"NVDA": 40.0}
"""How many shares a share of the Alpha Vantage recordings (2020) is today: 4 for 1 in 2021, 10 for 1 in 2024."""


@dataclass(frozen=True)
class ErrorBody:
    """One recorded answer that carries no bars."""

    id: str
    http_status: int
    text: str
    is_json: bool = True


@cache
def _bar_files(prefix: str) -> dict[str, Path]:
    files = sorted(FOLDER.glob(f"{prefix}*.csv.gz"))
    return {path.name.removeprefix(prefix).split("_")[0]: path for path in files}


@cache
def _read_bars(prefix: str, symbol: str) -> pd.DataFrame:
    bars = pd.read_csv(_bar_files(prefix)[symbol], dtype="str", keep_default_na=False)
    return bars.rename(columns={"Datetime": "timestamp"}).rename(columns=str.lower)[list(BAR_COLUMNS)]


def _load(prefix: str, symbol: str) -> pd.DataFrame:
    files = _bar_files(prefix)
    if symbol not in files:
        raise KeyError(f"no recorded bars of {symbol!r}; there are recordings of {', '.join(sorted(files))}")
    return _read_bars(prefix, symbol).copy()


def symbols() -> tuple[str, ...]:
    """The tickers that have recorded Alpha Vantage bars, in alphabetical order."""
    return tuple(sorted(_bar_files(_ALPHA_VANTAGE)))


def load_bars(symbol: str) -> pd.DataFrame:
    """Alpha Vantage's recorded 1-minute bars of `symbol`, in the recorded order (newest first).

    Columns `timestamp, open, high, low, close, volume`, all text as recorded. Stamps are naive US/Eastern and mark the
    END of their minute; prices are in USD, split and dividend adjusted as the vendor had them in January 2021. Raises
    KeyError for a ticker without a recording.
    """
    return _load(_ALPHA_VANTAGE, symbol)


def yahoo_symbols() -> tuple[str, ...]:
    """The tickers that have recorded Yahoo bars, in alphabetical order."""
    return tuple(sorted(_bar_files(_YAHOO)))


def load_yahoo_bars(symbol: str) -> pd.DataFrame:
    """Yahoo's recorded 1-minute bars of `symbol`, oldest first.

    Columns `timestamp, open, high, low, close, volume`, all text as recorded. Stamps are naive US/Eastern and mark the
    START of their minute; prices are in USD, adjusted for splits only. Raises KeyError for a ticker without a
    recording.
    """
    return _load(_YAHOO, symbol)


def _records(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@cache
def error_bodies() -> dict[str, ErrorBody]:
    """Alpha Vantage's recorded error bodies by their id, rendered as the vendor renders JSON: indented by four."""
    return {
        record["id"]: ErrorBody(record["id"], record["http_status"], json.dumps(record["body"], indent=4))
        for record in _records("alphavantage_error_bodies.jsonl")
    }


@cache
def yahoo_error_bodies() -> dict[str, ErrorBody]:
    """Yahoo's recorded error bodies by their id: JSON in one line, as the vendor renders it, or plain text.

    `empty_window` is the whole recorded answer to a window without bars, of another stock than the bars here.
    """
    bodies = {record["id"]: _yahoo_body(record) for record in _records("yahoo_error_bodies.jsonl")}
    recorded = json.loads((FOLDER / _YAHOO_EMPTY).read_text(encoding="utf-8"))["response"]["bodyJson"]
    return bodies | {"empty_window": ErrorBody("empty_window", 200, _one_line(recorded))}


def _yahoo_body(record: dict[str, Any]) -> ErrorBody:
    if "body" in record:
        return ErrorBody(record["id"], record["http_status"], _one_line(record["body"]))
    return ErrorBody(record["id"], record["http_status"], record["body_text"], is_json=False)


def _one_line(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))
