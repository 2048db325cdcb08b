"""Bars out of answers that are written exactly as Alpha Vantage writes them, at the speed of the parsers. Pure.

Whatever is written otherwise is None here: `alpha_vantage_answers` reads it, and says what is wrong with it. So nothing
here judges, and what can be read here is read to the same values there.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple
from pyarrow import csv

from market.sessions import NEW_YORK
from schemas.tables import BAR_VALUES
from schemas.texts import alike, written

HEADER: Final = "timestamp,open,high,low,close,volume"
SERIES: Final = "Time Series ("
"""How the key of the bars begins; with an entitlement more follows (`- DATA DELAYED BY 15 MINUTES`)."""
ZONES: Final = ("US/Eastern", "America/New_York")
STAMP_LENGTH: Final = len("2020-11-24 09:30:00")
UNREADABLE_STAMP: Final = (ValueError, OverflowError, NotImplementedError)
"""What pandas raises of a stamp; the last one is about the end of the year 9999."""
ENVELOPE: Final = 3
"""The objects of a JSON answer that are no points: the answer, its meta data, its series."""


class Point(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A bar of a JSON answer, in the order of `BAR_VALUES`; its numbers are texts."""

    open: float = msgspec.field(name="1. open")
    high: float = msgspec.field(name="2. high")
    low: float = msgspec.field(name="3. low")
    close: float = msgspec.field(name="4. close")
    volume: float = msgspec.field(name="5. volume")


_ANSWER = msgspec.json.Decoder(dict[str, dict[str, Point | str]], strict=False)
"""The meta data are texts, the series is points; which is which is asked of what was read."""


def usual_rows(text: str, symbol: str) -> pd.DataFrame | None:
    """Vendor rows of a CSV or JSON answer as `alpha_vantage_answers.parse_answer` gives them; None: not as usual."""
    if not text.isascii():
        return None
    is_table = text.startswith((f"{HEADER}\n", f"{HEADER}\r\n"))
    return _rows_of_csv(text, symbol) if is_table else _rows_of_json(text, symbol)


def _rows_of_csv(text: str, symbol: str) -> pd.DataFrame | None:
    if '"' in text:
        return None
    types = {"timestamp": pa.string(), **dict.fromkeys(BAR_VALUES, pa.float64())}
    try:
        table = csv.read_csv(
            pa.py_buffer(text.encode()),
            read_options=csv.ReadOptions(use_threads=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    values = {name: table[name].to_numpy() for name in BAR_VALUES}
    return _rows(table["timestamp"].combine_chunks(), values, symbol)


def _rows_of_json(text: str, symbol: str) -> pd.DataFrame | None:
    raw = text.encode()
    try:
        body = _ANSWER.decode(raw)
        meta, (points,) = body["Meta Data"], [body[key] for key in body if key.startswith(SERIES)]
        numbers = np.fromiter(chain.from_iterable(map(astuple, points.values())), "float64")  # type: ignore[arg-type]
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError, RecursionError):
        return None
    # Of a key that comes twice a dictionary keeps the last: then there are more objects than it has.
    if np.count_nonzero(np.frombuffer(raw, "u1") == ord("{")) != len(points) + ENVELOPE:
        return None
    about = meta.get("2. Symbol", symbol)
    if not isinstance(about, str) or about.upper() != symbol.upper() or meta.get("6. Time Zone") not in ZONES:
        return None
    values = dict(zip(BAR_VALUES, numbers.reshape(-1, len(BAR_VALUES)).T, strict=True))
    return _rows(pa.array(points, pa.string()), values, symbol)


def _rows(stamps: pa.Array, values: Mapping[str, np.ndarray], symbol: str) -> pd.DataFrame | None:
    """The rows of texts `2020-11-24 09:30:00`, of New York's clock, and their values."""
    count = len(stamps)
    if not count or not pc.all(pc.equal(pc.binary_length(stamps), STAMP_LENGTH)).as_py():
        return None
    if not pc.all(pc.equal(pc.binary_slice(stamps.cast(pa.binary()), 10, 11), b" ")).as_py():
        return None
    try:
        instants = stamps.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
        local = pd.DatetimeIndex(instants).tz_localize(NEW_YORK)
    except UNREADABLE_STAMP:
        return None
    finite = {name: np.where(np.isfinite(column), column, np.nan) for name, column in values.items()}
    return pd.DataFrame({"stamp": local, "symbol": written(alike(symbol, count)), **finite})
