"""What JSON files of bars hold: Alpha Vantage's answers, Yahoo's charts, and arrays of objects such as our own."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from market.labels import LabelSide
from market.normalise import Provenance
from resources.errors import FeedError, FileNotUnderstood
from resources.feeds.alpha_vantage_answers import json_table, raise_refusal
from resources.feeds.file_formats.flat import ALPHA_VANTAGE, YAHOO, of_symbol, vendor_rows
from resources.feeds.file_formats.names import Symbols, configured, symbol_of_name
from resources.feeds.file_formats.table import Clock, FileRows, Table, clock_of
from resources.feeds.yahoo_answers import parse_chart
from resources.http import shown
from schemas.tables import BASIS_UNKNOWN, SPLIT_ADJUSTED

NEW_YORK_ZONES: Final = ("US/Eastern", "America/New_York")
ALPHA_VANTAGE_KEYS: Final = ("Meta Data", "Time Series", "Error Message", "Information", "Note")
LONGER_THAN_INTRADAY: Final = ("1d", "5d", "1wk", "1mo", "3mo")


def json_body(name: str, text: str) -> Any:
    """What a JSON text holds.

    Raises:
        FileNotUnderstood: it is no JSON: says in which line.

    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno}, character {error.colno}"
        raise FileNotUnderstood(f"{where}: it is no JSON ({error.msg}).") from None
    except (ValueError, RecursionError) as error:
        raise FileNotUnderstood(f"{name}: it is no JSON that can be read ({type(error).__name__}).") from None


def table_of_objects(name: str, objects: Sequence[object]) -> Table:
    """The table in an array of objects, whose keys are the columns.

    Raises:
        FileNotUnderstood: something else is in the array, or an object lacks a key of the first.

    """
    keys = list(objects[0]) if objects and isinstance(objects[0], dict) else []
    for number, one in enumerate(objects, 1):
        if not isinstance(one, dict) or any(key not in one for key in keys):
            wanted = shown(", ".join(keys)) if keys else "timestamp, open, high, low, close, volume"
            raise FileNotUnderstood(f"{name}, object {number}: it should be an object with {wanted}.")
    columns = {key: [_text(one[key]) for one in objects if isinstance(one, dict)] for key in keys}
    return Table(name, columns, lambda row: f"object {row + 1}")


def chart_rows(name: str, text: str, body: dict[str, Any], symbols: Symbols) -> list[FileRows]:
    """The rows of a Yahoo chart.

    Raises:
        FileNotUnderstood: it is no chart of bars within a day.

    """
    result = _first_result(body)
    if result is None:
        raise FileNotUnderstood(f"{name}: it is a Yahoo chart without bars: {shown(text)}.")
    meta = result.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    if meta.get("dataGranularity") in LONGER_THAN_INTRADAY:
        raise FileNotUnderstood(f"{name}: its bars are {meta['dataGranularity']} long, which is no intraday bar.")
    ticker = meta.get("symbol")
    symbol = configured(ticker, symbols) if isinstance(ticker, str) else symbol_of_name(name, symbols)
    try:
        rows = parse_chart(text, symbol or str(ticker))
    except FeedError as error:
        raise FileNotUnderstood(f"{name}: {error}") from None
    found = FileRows(symbol or "", rows, Provenance(YAHOO, SPLIT_ADJUSTED, LabelSide.START))
    return [found] if symbol and len(rows) else []


def answer_rows(name: str, text: str, body: dict[str, Any], symbols: Symbols) -> list[FileRows]:
    """The rows of an Alpha Vantage answer.

    Raises:
        FileNotUnderstood: it is a refusal, or no answer with bars; with the place of what cannot be read.

    """
    if not any(key.startswith(ALPHA_VANTAGE_KEYS) for key in body):
        what = "neither an answer of Alpha Vantage nor a chart of Yahoo nor an array of bars"
        raise FileNotUnderstood(f"{name}: it is {what}: {shown(text)}.")
    meta = body.get("Meta Data")
    told = {str(key).partition(" ")[2]: str(value) for key, value in meta.items()} if isinstance(meta, dict) else {}
    zone = told.get("Time Zone", NEW_YORK_ZONES[0])
    if zone not in NEW_YORK_ZONES:
        raise FileNotUnderstood(f"{name}: its times are in the zone {shown(zone)!r}; {NEW_YORK_ZONES[0]} is read.")
    try:
        raise_refusal(text, "what this file holds")
        texts = json_table(text, "file's")
    except FeedError as error:
        raise FileNotUnderstood(f"{name}: {error}") from None
    symbol = configured(told["Symbol"], symbols) if "Symbol" in told else symbol_of_name(name, symbols)
    if symbol is None:
        return []
    table = Table(name, {key: list(texts[key]) for key in texts.columns}, lambda row: f"bar {row + 1}", symbol)
    if clock_of(table.columns["timestamp"]) is not Clock.NEW_YORK:
        raise table.refusal(0, "timestamp", "is no time such as 2024-08-23 09:30:00")
    rows = vendor_rows(table, "timestamp")
    every = np.ones(len(rows), dtype=bool)
    return [FileRows(symbol, of_symbol(rows, every, symbol), Provenance(ALPHA_VANTAGE, BASIS_UNKNOWN))]


def _first_result(body: dict[str, Any]) -> dict[str, Any] | None:
    chart = body.get("chart")
    results = chart.get("result") if isinstance(chart, dict) else None
    return results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)
