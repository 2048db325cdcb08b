"""Columns made ready for many sessions at once say of each session what its own table would say."""

import numpy as np
import pandas as pd
import pytest

from market.quality.columns import Columns, columns_of, together
from market.quality.fingerprint import fingerprints
from schemas.texts import encoded


def table(first: str, symbols: list[str], marks: list[str | None]) -> pd.DataFrame:
    """Rows a minute apart."""
    count = len(symbols)
    values = np.linspace(-1.0, 1.0, count)
    values[0] = np.nan
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(first, periods=count, freq="min", tz="UTC", unit="us"),
            "symbol": pd.array(symbols, dtype="str"),
            "close": values,
            "zero": np.where(values < 0, -0.0, 0.0),
            "mark": pd.array(marks, dtype="str"),
            "missing": [place % 2 == 0 for place in range(count)],
        }
    )


TABLES = [
    table("2024-07-01 13:30", ["NVDA", "NVDA", "MSFT"], ["", "", ""]),
    table("2024-07-02 13:30", ["MSFT", "NVDA"], ["odd", ""]),
    table("2024-07-03 13:30", ["AMD"], [None]),
    table("2024-07-04 13:30", ["NVDA", "AMD", "NVDA", "MSFT"], ["x", None, "", "x"]),
]


@pytest.fixture
def parts() -> list[Columns]:
    return list(Columns(pd.concat(TABLES, ignore_index=True)).parts(map(len, TABLES)))


def test_a_part_says_what_its_own_table_says(parts):
    for part, own in zip(parts, TABLES, strict=True):
        alone = Columns(own)
        assert len(part) == len(own)
        pd.testing.assert_frame_equal(part.table, own)
        np.testing.assert_array_equal(part.stamps("timestamp"), own["timestamp"].astype("int64"))
        np.testing.assert_array_equal(part.numbers("close"), own["close"])
        assert part.texts("mark").names == alone.texts("mark").names
        np.testing.assert_array_equal(part.texts("mark").codes, alone.texts("mark").codes)
        assert fingerprints("bars", part, ["NVDA", "IBM"]) == fingerprints("bars", own, ["NVDA", "IBM"])


def test_canonical_numbers_have_one_zero_and_one_nan(parts):
    whole = np.concatenate([part.canonical("zero") for part in parts])
    assert set(whole.view("u8").tolist()) == {0}
    assert {np.float64(np.nan).view("u8")} == {part.canonical("close")[0].view("u8") for part in parts}


def test_neighbouring_parts_are_one_again_without_a_copy(parts):
    two = together(parts[1:3])
    pd.testing.assert_frame_equal(two.table, pd.concat(TABLES[1:3], ignore_index=True))
    assert np.shares_memory(two.numbers("close"), parts[1].numbers("close"))


@pytest.mark.parametrize("places", [(0, 2), (2, 1), (1, 1)])
def test_other_parts_are_put_together_in_their_order(parts, places):
    wanted = pd.concat([TABLES[place] for place in places], ignore_index=True)
    pd.testing.assert_frame_equal(together([parts[place] for place in places]).table, wanted)
    mixed = together([columns_of(TABLES[places[0]]), parts[places[1]]])
    pd.testing.assert_frame_equal(mixed.table, wanted)


def test_a_fingerprint_is_that_of_the_table_at_hand_and_of_the_symbols_asked_for(parts):
    first = fingerprints("bars", parts[0], ["NVDA"])
    first["bars/NVDA"] = "forged"
    assert fingerprints("bars", parts[0], ["NVDA"]) == fingerprints("bars", TABLES[0], ["NVDA"])
    assert set(fingerprints("frame", parts[0], ["IBM"])) == {"frame/IBM", "frame/NVDA", "frame/MSFT"}


def test_some_rows_of_texts_are_encoded_as_by_themselves():
    texts = pd.array(["b", "b", "a", None, "c", "a"], dtype="str")
    for first in range(len(texts) + 1):
        for end in range(first, len(texts) + 1):
            part, alone = encoded(texts).part(slice(first, end)), encoded(texts[first:end])
            assert part.names == alone.names
            np.testing.assert_array_equal(part.codes, alone.codes)
