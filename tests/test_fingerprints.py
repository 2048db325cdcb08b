"""The fingerprints that bind a report to its tables: what changes them, what does not, and which bytes they are of."""

import hashlib
import struct

import numpy as np
import pandas as pd
import pytest

from market.quality.fingerprint import fingerprint, fingerprints
from market.sessions import session
from tests.support.quality import calm_bars


def test_fingerprints_tell_tables_apart_and_survive_parquet(tmp_path):
    parts = [calm_bars(session("2020-12-15"), 10.5, symbol).head(5) for symbol in ("NVDA", "MSFT")]
    bars = pd.concat(parts, ignore_index=True)
    bars.loc[2, "close"] = float("nan")
    bars.to_parquet(tmp_path / "bars.parquet")
    assert fingerprint(pd.read_parquet(tmp_path / "bars.parquet")) == fingerprint(bars)
    changed = bars.assign(close=bars["close"].mask(bars.index == 3, 10.500000000000002))
    renamed = bars.assign(symbol=bars["symbol"].mask(bars.index == 3, "MSFU"))
    later = bars.assign(timestamp=bars["timestamp"] + pd.Timedelta(microseconds=1))
    prints = {
        fingerprint(table) for table in (bars, changed, renamed, later, bars.iloc[::-1], bars[bars.columns[::-1]])
    }
    assert len(prints) == 6


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 0, 1, 2], [0, 3, 1, 2]])
def test_a_fingerprint_is_the_digest_that_stored_reports_carry(order):
    """Written out by hand: lengths, numbers as doubles, texts as the end of each run and the hash of its text."""
    stamps = pd.to_datetime(["2020-12-15 14:30", "2020-12-15 14:31", "2020-12-15 14:32", "2020-12-15 14:30"], utc=True)
    rows = {"symbol": ["NVDA"] * 3 + ["MSFT"], "close": [1.5, -0.0, float("nan"), 7.0], "mark": ["", "", "x", ""]}
    missing = [False, True, False, True]
    table = pd.DataFrame({"timestamp": stamps.as_unit("us"), **rows, "feed": "yahoo", "missing": missing})

    def run(end: int, text: str) -> tuple[bytes, bytes]:
        return struct.pack("<q", end), hashlib.blake2b(text.encode(), digest_size=16).digest()

    def runs(*each: tuple[bytes, bytes]) -> bytes:
        return b"".join(end for end, _ in each) + b"".join(text for _, text in each)

    first = 1_608_042_600_000_000
    written = b"timestamp:3;" + struct.pack("<3q", first, first + 60_000_000, first + 120_000_000)
    written += b"symbol:3;" + runs(run(2, "NVDA")) + b"close:3;" + struct.pack("<3d", 1.5, 0.0, float("nan"))
    written += b"mark:3;" + runs(run(1, ""), run(2, "x")) + b"feed:3;" + runs(run(2, "yahoo"))
    written += b"missing:3;" + bytes([0, 1, 0])
    found = fingerprints("bars", table.iloc[order], ("NVDA", "AAPL"))
    assert found["bars/NVDA"] == hashlib.sha256(written).hexdigest()
    empty = "".join(f"{name}:0;" for name in table.columns)
    assert found["bars/AAPL"] == hashlib.sha256(empty.encode()).hexdigest()


def test_equal_values_have_one_fingerprint_whatever_their_bits():
    """There are many NaNs and two zeros."""
    values = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000], dtype="uint64").view("float64")
    prints = {fingerprint(pd.DataFrame({"x": [value, 0.0]})) for value in values}
    assert prints == {fingerprint(pd.DataFrame({"x": [float("nan"), -0.0]}))}
