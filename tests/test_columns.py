"""Columns made ready for many sessions at once say of each session what its own table would say."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.typing import Series

from market.quality.columns import Arrays, Columns, columns_of, held, together
from market.quality.fingerprint import fingerprints
from schemas.errors import ContractBroken
from schemas.texts import encoded, joined, written


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


def arrays_of(own: pd.DataFrame) -> Arrays:
    """The same rows, never a table."""
    stamps = {"timestamp": own["timestamp"].to_numpy("datetime64[us]")}
    values = {name: own[name].to_numpy() for name in ("close", "zero", "missing")}
    texts = {name: encoded(own[name].array) for name in ("symbol", "mark")}
    columns = {**stamps, **values, **texts}
    return Arrays({name: columns[name] for name in own.columns})


@pytest.mark.parametrize("own", TABLES)
def test_arrays_say_what_the_table_says_of_which_they_are(own):
    arrays = arrays_of(own)
    assert len(arrays) == len(own)
    assert arrays.kinds == own.dtypes.to_dict()
    pd.testing.assert_frame_equal(arrays.table, own)
    np.testing.assert_array_equal(arrays.stamps("timestamp"), own["timestamp"].astype("int64"))
    np.testing.assert_array_equal(arrays.numbers("missing"), own["missing"].astype("float64"))
    assert fingerprints("bars", arrays, ["IBM"]) == fingerprints("bars", own, ["IBM"])
    some = np.arange(len(own)) % 2 == 0
    pd.testing.assert_frame_equal(arrays.rows(some).table, own[some].reset_index(drop=True))


@pytest.mark.parametrize("places", [(0, 1, 2, 3), (3, 0), (2, 2, 1)])
def test_arrays_are_put_together_as_arrays(places):
    whole = arrays_of(pd.concat(TABLES, ignore_index=True))
    parts = list(whole.parts(map(len, TABLES)))
    wanted = pd.concat([TABLES[place] for place in places], ignore_index=True)
    for tables in ([parts[place] for place in places], [arrays_of(TABLES[place]) for place in places]):
        found = together(tables)
        assert found.arrays is not None
        pd.testing.assert_frame_equal(found.table, wanted)
        assert fingerprints("bars", found) == fingerprints("bars", wanted)


def test_a_table_that_is_changed_changes_no_other():
    whole = arrays_of(TABLES[0])
    one, other = whole.part(0, 2), whole.part(0, 2)
    one.table.loc[:, ["close", "zero"]] = 7.0
    one.table.loc[:, "timestamp"] = pd.Timestamp("2000-01-01", tz="UTC")
    pd.testing.assert_frame_equal(other.table, TABLES[0][:2])
    pd.testing.assert_frame_equal(whole.table, TABLES[0])


TEXTS = st.lists(st.lists(st.sampled_from(["", "a", "b", "c", None]), max_size=6), min_size=1, max_size=4)


@given(TEXTS)
def test_texts_one_below_the_other_are_encoded_as_one_column(columns):
    whole = pd.array([text for column in columns for text in column], dtype="str")
    found, wanted = joined([encoded(pd.array(column, dtype="str")) for column in columns]), encoded(whole)
    assert found.names == wanted.names
    np.testing.assert_array_equal(found.codes, wanted.codes)
    assert written(found).tolist() == whole.tolist()


class ClosesKnown(pa.DataFrameModel):
    """A contract: every close is known."""

    timestamp: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    symbol: Series[str]
    close: Series[float]
    zero: Series[float]
    mark: Series[str] = pa.Field(nullable=True)
    missing: Series[bool]

    class Config:
        strict = True
        ordered = True


def test_a_part_that_breaks_the_contract_alone_is_refused_alone():
    tables = [one.assign(close=1.0) for one in TABLES]
    sound = list(Columns(pd.concat(tables, ignore_index=True)).parts(map(len, tables)))
    assert [held(part, ClosesKnown) for part in sound] == sound
    tables[1] = tables[1].assign(close=[1.0, np.nan])
    first, second, *_ = Columns(pd.concat(tables, ignore_index=True)).parts(map(len, tables))
    assert held(first, ClosesKnown) is first
    with pytest.raises(ContractBroken, match="ClosesKnown table breaks its contract in 1 cases: close"):
        held(second, ClosesKnown)
